"""Tokens a second of the hf engine, beside plain transformers, in one run on one machine.

    python benchmarks/local_generation.py [CHECKPOINT] [--rounds 3]

(a) transformers `generate` on one batch of 64 prompts of equal length: what a batch can do at its best;
(b) the engine, asked 64 requests of unequal prompts and answers at once, with log-probabilities;
(c) the engine, asked one request after another.
Prompts have 32 tokens and answers 64 on average in all three; end tokens are switched off, so that every row
writes what it was asked to. All three use the number of threads that the engine chooses. CHECKPOINT is a
folder in Hugging Face format; without one the embedded small model is taken, or a random Llama of a million
parameters where that is missing.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers

from underdog import tiny
from underdog.answerer import Answer, Request
from underdog.engines.hf_decode import set_threads
from underdog.engines.huggingface import HuggingFaceEngine

ROWS, PROMPT, NEW = 64, 32, 64
ALONE = 6  # requests of (c) in each round
WORDS = ("which", "of", "these", "answers", "is", "right", "and", "how", "many", "small", "models", "know")


def main() -> None:
    parser = argparse.ArgumentParser(description="tokens a second of the hf engine beside transformers")
    parser.add_argument("checkpoint", nargs="?", help="folder of a checkpoint; default: the small tiny model")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured, in turn")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "endless"
        named = endless(asked.checkpoint, folder)
        print(f"checkpoint {named}; torch {torch.__version__}, transformers {transformers.__version__}")
        measure(folder, asked.rounds)


def measure(folder: Path, rounds: int) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    engine = HuggingFaceEngine(str(folder))
    requests = unequal(tokenizer)
    asyncio.run(engine.generate([requests[0].sampled(max_tokens=1)]))  # load
    set_threads(model.num_parameters())
    print(
        f"{model.num_parameters() / 1e6:.2f}M parameters, {torch.get_num_threads()} thread(s) of "
        f"{os.cpu_count()} cores, {platform.processor() or platform.machine()}; "
        f"load average before: {os.getloadavg()[0]:.1f}"
    )
    ways: dict[str, Callable[[], int]] = {
        "(a) transformers generate, one batch of 64, equal lengths": lambda: plain(model),
        "(b) hf engine, 64 at once, unequal lengths, log-probabilities": lambda: together(engine, requests),
        "(c) hf engine, one at a time": lambda: one_by_one(engine, requests[:: ROWS // ALONE]),
    }
    speeds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            started = time.perf_counter()
            tokens = way()
            speeds[name].append(tokens / (time.perf_counter() - started))
    for name, measured in speeds.items():
        print(f"{name:<64} {statistics.median(measured):8,.0f} tokens/s  (best {max(measured):,.0f})")
    a, b, c = (statistics.median(measured) for measured in speeds.values())
    print(f"b/a = {b / a:.2f} (wanted: at least 0.8)   b/c = {b / c:.1f} (wanted: at least 8)")
    print(f"load average after: {os.getloadavg()[0]:.1f}; medians of {rounds} rounds, taken in turn")
    asyncio.run(engine.close())


def plain(model: Any) -> int:
    """Greedy `generate` on equal prompts' lengths; returns tokens written."""
    ids = torch.randint(10, min(200, model.config.vocab_size), (ROWS, PROMPT))
    with torch.inference_mode():
        out = model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=NEW,
            do_sample=False,
            pad_token_id=0,
        )
    assert out.shape == (ROWS, PROMPT + NEW)
    return ROWS * NEW


def together(engine: HuggingFaceEngine, requests: list[Request]) -> int:
    results = asyncio.run(engine.generate(requests))
    return sum(written(result) for result in results)


def one_by_one(engine: HuggingFaceEngine, requests: list[Request]) -> int:
    async def ask_all() -> int:
        return sum([written((await engine.generate([request]))[0]) for request in requests])

    return asyncio.run(ask_all())


def written(result: object) -> int:
    assert isinstance(result, Answer) and result.logprobs, result
    return result.spend.tokens_out


def unequal(tokenizer: Any) -> list[Request]:
    """Prompts of 16 to 48 tokens and answers of 32 to 96, evenly spread and paired at random."""
    order = torch.randperm(ROWS, generator=torch.Generator().manual_seed(0)).tolist()
    requests = []
    for i, j in enumerate(order):
        wanted, text = PROMPT // 2 + PROMPT * i // (ROWS - 1), ""
        while length(tokenizer, text) < wanted:
            text += WORDS[(i + len(text)) % len(WORDS)][: 1 + len(text) % 3] + " "
        new = NEW // 2 + NEW * j // (ROWS - 1)
        requests.append(Request(({"role": "user", "content": text},)).sampled(max_tokens=new, logprobs=True))
    return requests


def length(tokenizer: Any, text: str) -> int:
    chat = [{"role": "user", "content": text}]
    return len(tokenizer.apply_chat_template(chat, add_generation_prompt=True)["input_ids"])


def endless(checkpoint: str | None, folder: Path) -> str:
    """Write a copy of the checkpoint that knows no end token; returns what it is a copy of."""
    if checkpoint is None and "small" in tiny.names():
        checkpoint = str(tiny.path("small"))
    if checkpoint is None:
        model, tokenizer = random_llama()
    else:
        model = transformers.AutoModelForCausalLM.from_pretrained(checkpoint)
        tokenizer = transformers.AutoTokenizer.from_pretrained(checkpoint)
    tokenizer.eos_token = None
    model.config.eos_token_id = model.generation_config.eos_token_id = None
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return checkpoint or "random Llama, h128 L4"


def random_llama() -> tuple[Any, Any]:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bpe.train_from_iterator([], trainers.BpeTrainer(vocab_size=256, initial_alphabet=alphabet))
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=bpe)
    tokenizer.chat_template = "{% for m in messages %}{{ m['content'] }}{% endfor %}>"
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=2048,
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=4,
        num_attention_heads=4,
        tie_word_embeddings=True,
        initializer_range=0.1,
        bos_token_id=None,
        eos_token_id=None,
    )
    return transformers.LlamaForCausalLM(config), tokenizer


if __name__ == "__main__":
    main()
