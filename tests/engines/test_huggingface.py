"""The hf engine against plain transformers, on a random tiny Llama with a tokenizer trained here."""

from __future__ import annotations

import asyncio
import json
import math
import os
import shutil
import subprocess
import sys
import warnings
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs the [local] extra")
transformers = pytest.importorskip("transformers", reason="needs the [local] extra")

from underdog.answerer import Answer, Failure, Request  # noqa: E402
from underdog.engines.huggingface import HuggingFaceEngine  # noqa: E402
from underdog.errors import ConfigError  # noqa: E402

torch.set_num_threads(1)  # two threads on a busy machine wait for each other

TEMPLATE = (
    "{% if tools %}<|tools|>{{ tools | tojson }}<|end|>{% endif %}"
    "{% for m in messages %}{% if m['role'] == 'tool' %}{{ raise_exception('no tool messages') }}{% endif %}"
    "<|{{ m['role'] }}|>{{ m['content'] }}"
    "{% for c in m.get('tool_calls', []) %}<tool_call>{{ c['function']['arguments']['city'] }}</tool_call>"
    "{% endfor %}<|end|>{% endfor %}<|assistant|>{% if thinking %}<think>{% endif %}"
)
WORDS = "the small model answers what a large one knows, naïve café über 東京 и мир 😀 0123456789 "
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint's folder and plain transformers' view of it."""

    folder: Path
    model: Any
    tokenizer: Any
    written: dict[tuple[Any, ...], list[int]] = field(default_factory=dict)

    def prompt(self, request: Request) -> list[int]:
        text = self.tokenizer.apply_chat_template(
            list(request.messages), add_generation_prompt=True, tokenize=False
        )
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def greedy(self, request: Request, model: Any = None) -> list[int]:
        """What `generate` writes for this request alone."""
        model, prompt, most = model or self.model, self.prompt(request), request.sampling.max_tokens
        key = (id(model), most, *prompt)
        if key not in self.written:
            ids = torch.tensor([prompt])
            out = model.generate(
                input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=most, do_sample=False
            )
            self.written[key] = out[0, len(prompt) :].tolist()
        return self.written[key]

    def text(self, tokens: list[int]) -> str:
        return str(self.tokenizer.decode(tokens, skip_special_tokens=True))


def make_tokenizer() -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    special = ["<|end|>", "<|pad|>", "<|system|>", "<|user|>", "<|assistant|>", "<|tools|>"]
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator([WORDS] * 4, trainer)
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=bpe, eos_token="<|end|>", pad_token="<|pad|>"
    )
    tokenizer.chat_template = TEMPLATE
    return tokenizer


def save(folder: Path, config: Any, seed: int = 0, **tokenizer_changes: Any) -> Checkpoint:
    tokenizer = make_tokenizer()
    for name, value in tokenizer_changes.items():
        setattr(tokenizer, name, value)
    config.vocab_size = len(tokenizer)
    config.eos_token_id, config.pad_token_id, config.bos_token_id = 0, 1, None
    torch.manual_seed(seed)
    model = transformers.AutoModelForCausalLM.from_config(config).eval()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return Checkpoint(folder, model, tokenizer)


def shape(**changes: Any) -> dict[str, Any]:
    """A random model's settings; weights this large make it write varied text and end now and then."""
    return {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        "initializer_range": 0.3,
        **changes,
    }


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return save(tmp_path_factory.mktemp("hf") / "tiny", transformers.LlamaConfig(**shape()))


@pytest.fixture(scope="session")
def engine(tiny: Checkpoint) -> HuggingFaceEngine:
    return HuggingFaceEngine(str(tiny.folder), name="hf/tiny")


def ask(text: str, **sampling: Any) -> Request:
    return Request(({"role": "user", "content": text},)).sampled(**{"max_tokens": 24, **sampling})


def run(engine: HuggingFaceEngine, *requests: Request) -> list[Answer]:
    results = asyncio.run(engine.generate(requests))
    for result in results:
        assert isinstance(result, Answer), result
    return results  # type: ignore[return-value]


def unequal(count: int, **sampling: Any) -> list[Request]:
    """Requests whose prompts and answers differ in length."""
    return [
        ask(WORDS[: 3 + 7 * i % 90] * (1 + i % 3), **{"max_tokens": 4 + 5 * i % 40, **sampling})
        for i in range(count)
    ]


def told(request: Request, answer: Answer) -> list[tuple[str, float]]:
    assert answer.logprobs is not None
    return [(one.token, one.logprob) for one in answer.logprobs]


def test_greedy_answers_of_unequal_length_in_one_batch_equal_generate_one_by_one(
    tiny: Checkpoint, engine: HuggingFaceEngine
) -> None:
    requests = unequal(24)
    answers = run(engine, *requests)
    for request, answer in zip(requests, answers, strict=True):
        tokens = tiny.greedy(request)
        assert answer.text == tiny.text(tokens)
        assert answer.spend.tokens_in == len(tiny.prompt(request))
        assert answer.spend.tokens_out == len(tokens)
        assert answer.finish == ("stop" if tokens[-1] == 0 else "length")
    assert len({a.spend.tokens_in for a in answers}) > 10
    assert {a.finish for a in answers} == {"stop", "length"}


def test_log_probabilities_are_those_of_a_plain_forward_pass(
    tiny: Checkpoint, engine: HuggingFaceEngine
) -> None:
    requests = unequal(6, logprobs=True, top_logprobs=3, temperature=0.8, top_p=0.9)
    for request, answer in zip(requests, run(engine, *requests), strict=True):
        assert answer.logprobs is not None
        context = tiny.prompt(request)
        for one in answer.logprobs:
            with torch.no_grad():
                expected = tiny.model(torch.tensor([context])).logits[0, -1].log_softmax(-1)
            best = expected.topk(3)
            assert [text for text, _ in one.top] == [tiny.tokenizer.decode([i]) for i in best.indices]
            assert [value for _, value in one.top] == pytest.approx(best.values.tolist(), abs=1e-4)
            matching = [i for i, value in enumerate(expected.tolist()) if abs(value - one.logprob) < 1e-4]
            (token,) = [i for i in matching if tiny.tokenizer.decode([i]) == one.token][:1]
            context.append(token)


def test_a_sampled_row_is_the_same_alone_and_in_any_company(engine: HuggingFaceEngine) -> None:
    asked = ask("what a small model knows", temperature=1.0, max_tokens=32, top_p=0.95).drawn(3)
    (alone,) = run(engine, asked)
    (first, *_) = run(engine, asked, *unequal(15, temperature=0.7))
    (*_, last) = run(engine, *unequal(9), asked)
    assert alone.text == first.text == last.text


def test_draws_and_seeds_differ_and_greedy_draws_do_not(engine: HuggingFaceEngine) -> None:
    sampled = ask("what a small model knows", temperature=1.0)
    texts = [a.text for a in run(engine, *(sampled.drawn(i) for i in range(8)))]
    assert len(set(texts)) == 8
    seeded = [a.text for a in run(engine, sampled.sampled(seed=1), sampled.sampled(seed=2))]
    assert seeded[0] != seeded[1]
    greedy = ask("what a small model knows")
    assert len({a.text for a in run(engine, *(greedy.drawn(i) for i in range(4)))}) == 1


def test_samples_follow_the_models_distribution_and_stay_in_the_nucleus(
    tiny: Checkpoint, engine: HuggingFaceEngine
) -> None:
    request = ask("the", temperature=2.0, max_tokens=1, top_p=0.8, logprobs=True)
    with torch.no_grad():
        logits = tiny.model(torch.tensor([tiny.prompt(request)])).logits[0, -1]
    probabilities, order = (logits / 2.0).softmax(-1).sort(descending=True)
    kept = int((probabilities.cumsum(-1) < 0.8).sum()) + 1
    nucleus = {
        int(i): float(p)
        for i, p in zip(order[:kept], probabilities[:kept] / probabilities[:kept].sum(), strict=True)
    }
    draws = 2000
    answers = run(engine, *(request.drawn(i) for i in range(draws)))
    counts = Counter(a.logprobs[0].token if a.logprobs else "<|end|>" for a in answers)
    expected: Counter[str] = Counter()
    for token, probability in nucleus.items():
        expected["<|end|>" if token == 0 else tiny.tokenizer.decode([token])] += probability  # type: ignore[assignment]
    assert set(counts) <= set(expected)
    for text, probability in expected.items():
        spread = math.sqrt(probability * (1 - probability) / draws)
        assert abs(counts[text] / draws - probability) < 5 * spread + 1e-9


def test_equal_prompts_are_computed_once_and_billed_so(tiny: Checkpoint, engine: HuggingFaceEngine) -> None:
    request = ask("what a small model knows", temperature=1.0, max_tokens=2)
    spends = [a.spend for a in run(engine, *(request.drawn(i) for i in range(5)))]
    length = len(tiny.prompt(request))
    assert [s.tokens_in for s in spends] == [length] * 5
    assert sorted(s.tokens_cached for s in spends) == [0, *[length] * 4]
    parameters = tiny.model.num_parameters()
    computed = length + sum(s.tokens_out for s in spends)
    assert sum(s.flops for s in spends) == 2 * parameters * computed
    assert all(s.seconds > 0 and s.dollars == 0 and s.calls == 1 for s in spends)


def test_a_prefix_that_all_prompts_share_is_computed_once_and_changes_no_answer(
    tiny: Checkpoint, engine: HuggingFaceEngine
) -> None:
    requests = [ask(WORDS * 2 + "question " * (1 + i % 4) + str(i)) for i in range(8)]
    answers = run(engine, *requests)
    for request, answer in zip(requests, answers, strict=True):
        assert answer.text == tiny.text(tiny.greedy(request))
    cached = sorted(a.spend.tokens_cached for a in answers)
    assert cached[0] == 0 and cached[1] == cached[-1] > 50


def test_a_stop_string_ends_the_answer_and_is_not_part_of_it(
    tiny: Checkpoint, engine: HuggingFaceEngine
) -> None:
    request = ask("what a small model knows", max_tokens=40)
    (whole,) = run(engine, request)
    stop = whole.text[9:12]
    at = whole.text.index(stop)
    (cut,) = run(engine, request.sampled(stop=("never written", stop), logprobs=True))
    assert (cut.text, cut.finish) == (whole.text[:at], "stop")
    assert 0 < cut.spend.tokens_out < whole.spend.tokens_out
    assert cut.logprobs is not None and len(cut.logprobs) < cut.spend.tokens_out


def test_a_prompt_beyond_the_context_is_too_long_and_an_answer_ends_with_the_context(
    tiny: Checkpoint, engine: HuggingFaceEngine
) -> None:
    long, near = ask("я" * 600), ask("я" * 100)
    while len(tiny.prompt(near)) < 505:
        near = ask(near.messages[0]["content"] + "я")
    room = 512 - len(tiny.prompt(near))
    failed, answer = asyncio.run(engine.generate([long, near.sampled(max_tokens=64, temperature=1.0)]))
    assert isinstance(failed, Failure) and failed.kind == "too_long" and "512" in failed.message
    assert isinstance(answer, Answer) and answer.spend.tokens_out <= room


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (Request(({"role": "user", "content": [{"type": "image_url", "image_url": {}}]},)), "image_url"),
        (Request(({"role": "tool", "content": "x"},)), "no tool messages"),
        (Request(({"role": "user"},), response_format={"type": "structural_tag"}), "structural_tag"),
        (Request(({"role": "user", "content": "x"},), extra={"top_k": 5}), "top_k"),
        (Request(({"role": "user", "content": "x"},), extra={"ebnf": "root ::= x"}), "structured_outputs"),
        (Request(({"role": "user", "content": "x"},), tool_choice="required"), "required"),
    ],
)
def test_what_the_engine_cannot_do_is_a_bad_request_that_names_it(
    engine: HuggingFaceEngine, request_: Request, says: str
) -> None:
    bad, good = asyncio.run(engine.generate([request_, ask("x")]))
    assert isinstance(bad, Failure) and bad.kind == "bad_request" and says in bad.message
    assert isinstance(good, Answer)


def test_tools_text_parts_and_earlier_tool_calls_reach_the_template(
    tiny: Checkpoint, engine: HuggingFaceEngine
) -> None:
    call = {"type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
    messages = (
        {"role": "user", "content": [{"type": "text", "text": "wea"}, {"type": "text", "text": "ther"}]},
        {"role": "assistant", "content": "", "tool_calls": [call]},
    )
    (answer,) = run(engine, Request(messages, (TOOL,)).sampled(max_tokens=1))
    text = (
        f"<|tools|>{json.dumps([TOOL])}<|end|><|user|>weather<|end|>"
        "<|assistant|><tool_call>Oslo</tool_call><|end|><|assistant|>"
    )
    assert answer.spend.tokens_in == len(tiny.tokenizer(text)["input_ids"])


# A checkpoint whose every token has one successor: it recites a script, whatever it is asked.


def recite(folder: Path, script: list[str]) -> Checkpoint:
    """A Llama with idle layers and an output matrix that maps each token to the next of the script."""
    from tokenizers import AddedToken

    tokenizer = make_tokenizer()
    tokenizer.add_tokens([AddedToken(piece, special=False, normalized=False) for piece in script])
    size = len(tokenizer) + len(tokenizer) % 2
    config = transformers.LlamaConfig(
        **shape(hidden_size=size, num_hidden_layers=1, num_attention_heads=2, tie_word_embeddings=False)
    )
    config.vocab_size, config.eos_token_id, config.pad_token_id, config.bos_token_id = size, 0, 1, None
    model = transformers.LlamaForCausalLM(config).eval()
    chain = tokenizer.convert_tokens_to_ids(["<|assistant|>", *script, "<|end|>"])
    with torch.no_grad():
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        model.model.embed_tokens.weight.copy_(torch.eye(size))
        model.lm_head.weight.zero_()
        for now, following in pairwise(chain):
            model.lm_head.weight[following, now] = 1.0
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return Checkpoint(folder, model, tokenizer)


SCRIPT = ["<think>", "\nIs it sunny?", "\n</think>", "\n\n", "Let me", " look.", "<tool_call>"]
CALL = '\n{"name": "weather", "arguments": {"city": "Paris", "days": [1, 2]}}\n</tool_call>'


@pytest.fixture(scope="session")
def actor(tmp_path_factory: pytest.TempPathFactory) -> HuggingFaceEngine:
    return HuggingFaceEngine(str(recite(tmp_path_factory.mktemp("hf") / "actor", [*SCRIPT, CALL]).folder))


def test_reasoning_and_tool_calls_are_told_apart_from_the_text(actor: HuggingFaceEngine) -> None:
    request = ask("weather?", logprobs=True)
    with_tools, without = run(actor, Request(request.messages, (TOOL,), sampling=request.sampling), request)
    assert with_tools.reasoning == "Is it sunny?"
    assert with_tools.text == "Let me look.<tool_call>" + CALL
    (call,) = with_tools.tool_calls
    assert call.name == "weather" and json.loads(call.arguments) == {"city": "Paris", "days": [1, 2]}
    assert with_tools.finish == "tool_calls"
    assert with_tools.spend.tokens_reasoning == 4
    assert "".join(text for text, _ in told(request, with_tools)) == with_tools.text
    assert without.tool_calls == () and without.finish == "stop" and without.text == with_tools.text


def test_reasoning_cut_off_leaves_no_text_and_a_template_may_open_it(actor: HuggingFaceEngine) -> None:
    cut, opened = run(
        actor,
        ask("weather?", max_tokens=2),
        Request(
            ({"role": "user", "content": "x"},), extra={"chat_template_kwargs": {"thinking": True}}
        ).sampled(max_tokens=6),
    )
    assert (cut.text, cut.reasoning, cut.finish) == ("", "Is it sunny?", "length")
    assert (opened.text, opened.reasoning) == ("Let me look.<tool_call>", "Is it sunny?")


def pieces(engine: HuggingFaceEngine, request: Request) -> tuple[list[str], Answer]:
    async def collect() -> tuple[list[str], Answer]:
        deltas = [delta async for delta in engine.stream(request)]
        assert deltas[-1].answer is not None and all(d.answer is None for d in deltas[:-1])
        return [d.text for d in deltas], deltas[-1].answer

    return asyncio.run(collect())


def test_a_stream_gives_the_same_answer_in_whole_characters(engine: HuggingFaceEngine) -> None:
    for request in unequal(4, temperature=1.5, max_tokens=20):
        (answer,) = run(engine, request)
        texts, streamed = pieces(engine, request)
        assert "".join(texts) == answer.text == streamed.text
        assert streamed.finish == answer.finish and streamed.spend.tokens_out == answer.spend.tokens_out
        assert len([text for text in texts if text]) > 3


def test_a_stream_shows_neither_reasoning_nor_what_may_become_a_stop_string(actor: HuggingFaceEngine) -> None:
    texts, answer = pieces(actor, ask("weather?", stop=("me look. Not", "look.<tool")))
    assert "".join(texts) == answer.text == "Let me "
    assert texts[0] == "Let "
    assert (answer.finish, answer.reasoning) == ("stop", "Is it sunny?")


def test_an_adapter_answers_as_it_does_in_peft_and_not_as_its_base(
    tiny: Checkpoint, engine: HuggingFaceEngine, tmp_path: Path
) -> None:
    peft = pytest.importorskip("peft", reason="needs the [local] extra")
    base = transformers.AutoModelForCausalLM.from_pretrained(tiny.folder)
    config = peft.LoraConfig(r=4, lora_alpha=16, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    torch.manual_seed(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft asks transformers by a deprecated name
        adapted = peft.get_peft_model(base, config).eval()
    adapted.save_pretrained(tmp_path)
    with_adapter = HuggingFaceEngine(str(tiny.folder), adapter=str(tmp_path))
    requests = unequal(6)
    answers = run(with_adapter, *requests)
    assert [a.text for a in answers] == [tiny.text(tiny.greedy(request, adapted)) for request in requests]
    assert [a.text for a in answers] != [a.text for a in run(engine, *requests)]
    assert with_adapter.fingerprint != engine.fingerprint


def test_the_fingerprint_is_of_the_weights_and_not_of_the_place(tiny: Checkpoint, tmp_path: Path) -> None:
    original = HuggingFaceEngine(str(tiny.folder)).fingerprint
    copy = tmp_path / "copy"
    shutil.copytree(tiny.folder, copy)
    (copy / "README.md").write_text("notes")
    assert HuggingFaceEngine(str(copy)).fingerprint == original
    assert HuggingFaceEngine(str(copy), dtype="bfloat16").fingerprint != original
    weights = copy / "model.safetensors"
    changed = bytearray(weights.read_bytes())
    changed[-1] ^= 1
    weights.write_bytes(changed)
    assert HuggingFaceEngine(str(copy)).fingerprint != original


def in_another_process(program: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_without_the_extra_a_fingerprint_still_works_and_an_answer_names_the_extra(tiny: Checkpoint) -> None:
    said = in_another_process(
        "import asyncio, sys\n"
        "sys.modules['torch'] = sys.modules['transformers'] = None\n"
        "from underdog.answerer import Request\n"
        "from underdog.engines.huggingface import HuggingFaceEngine\n"
        "from underdog.errors import ConfigError\n"
        f"engine = HuggingFaceEngine({str(tiny.folder)!r})\n"
        "print(engine.fingerprint)\n"
        "try: asyncio.run(engine.generate([Request(())]))\n"
        "except ConfigError as error: print(error)\n"
    )
    fingerprint, message = said.splitlines()
    assert fingerprint == HuggingFaceEngine(str(tiny.folder)).fingerprint
    assert 'pip install "underdog[local]"' in message


def test_an_unknown_hub_id_is_one_clear_sentence() -> None:
    said = in_another_process(
        "from underdog.engines.huggingface import HuggingFaceEngine\n"
        "from underdog.errors import ConfigError\n"
        "try: HuggingFaceEngine('nobody/nothing').fingerprint\n"
        "except ConfigError as error: print(error)\n",
        HF_HUB_OFFLINE="1",
    )
    assert "'nobody/nothing'" in said and "name the folder" in said and len(said.splitlines()) == 1


def test_what_is_no_checkpoint_is_a_config_error(tiny: Checkpoint, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"config\.json"):
        _ = HuggingFaceEngine(str(tmp_path)).fingerprint
    with pytest.raises(ConfigError, match="no folder of this name"):
        _ = HuggingFaceEngine(str(tmp_path / "missing")).fingerprint
    with pytest.raises(ConfigError, match="dtype must be one of"):
        HuggingFaceEngine(str(tiny.folder), dtype="int3")
    shutil.copytree(tiny.folder, tmp_path / "plain")
    for file in (tmp_path / "plain").glob("chat_template*"):
        file.unlink()
    plain = HuggingFaceEngine(str(tmp_path / "plain"))
    with pytest.raises(ConfigError, match="chat template"):
        run(plain, ask("x"))
    with pytest.raises(ConfigError, match="chat template"):
        plain.bound(ask("x"))
    assert not asyncio.run(plain.check()).answers


@pytest.fixture
def own(tiny: Checkpoint) -> HuggingFaceEngine:
    """An engine that a test may break, loaded."""
    engine = HuggingFaceEngine(str(tiny.folder))
    run(engine, ask("x", max_tokens=1))
    return engine


def test_a_batch_too_large_for_the_memory_is_run_in_halves(tiny: Checkpoint, own: HuggingFaceEngine) -> None:
    sizes = []

    def exhausted(module: Any, args: Any, kwargs: Any) -> None:
        sizes.append(len(kwargs["input_ids"]))
        if sizes[-1] > 5:
            raise torch.OutOfMemoryError("no memory left")

    assert own._loaded is not None
    own._loaded.model.register_forward_pre_hook(exhausted, with_kwargs=True)
    requests = unequal(16)
    texts = [a.text for a in run(own, *requests)]
    assert texts == [tiny.text(tiny.greedy(request)) for request in requests]
    assert max(sizes) > 5


def test_a_row_that_fails_alone_is_a_failure_and_spares_the_others(
    tiny: Checkpoint, own: HuggingFaceEngine
) -> None:
    poison = tiny.tokenizer("😀")["input_ids"][-1]

    def poisoned(module: Any, args: Any, kwargs: Any) -> None:
        if poison in kwargs["input_ids"]:
            raise RuntimeError("a kernel failed")

    assert own._loaded is not None
    own._loaded.model.register_forward_pre_hook(poisoned, with_kwargs=True)
    clean = [ask("x" * i, max_tokens=3) for i in range(1, 8)]
    expected = [tiny.greedy(request) for request in clean]
    results = asyncio.run(own.generate([*clean, ask("😀")]))
    (*answers, failed) = results
    assert isinstance(failed, Failure)
    assert failed.kind == "server_error" and "a kernel failed" in failed.message
    for tokens, answer in zip(expected, answers, strict=True):
        assert poison in tokens or (isinstance(answer, Answer) and answer.text == tiny.text(tokens))


def test_requests_that_come_while_others_run_join_them_and_answer_the_same(
    tiny: Checkpoint, engine: HuggingFaceEngine
) -> None:
    requests = unequal(20)

    async def staggered() -> list[Answer | Failure]:
        async def later(number: int, request: Request) -> Answer | Failure:
            await asyncio.sleep(0.005 * number)
            return (await engine.generate([request]))[0]

        return await asyncio.gather(*(later(i, request) for i, request in enumerate(requests)))

    for request, answer in zip(requests, asyncio.run(staggered()), strict=True):
        assert isinstance(answer, Answer) and answer.text == tiny.text(tiny.greedy(request))


def test_a_cancelled_generate_leaves_the_engine_working(tiny: Checkpoint, own: HuggingFaceEngine) -> None:
    endless = [ask(f"number {i}", max_tokens=400, temperature=3.0) for i in range(20)]

    async def cancel_and_ask() -> Answer | Failure:
        task = asyncio.create_task(own.generate(endless))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return (await own.generate([ask("x")]))[0]

    answer = asyncio.run(cancel_and_ask())
    assert isinstance(answer, Answer) and answer.text == tiny.text(tiny.greedy(ask("x")))


def test_closing_answers_what_is_under_way_as_cancelled_and_a_later_request_loads_again(
    own: HuggingFaceEngine,
) -> None:
    async def close_during() -> tuple[list[Answer | Failure], Answer | Failure]:
        asked = [ask("x", max_tokens=400, temperature=3.0) for _ in range(3)]
        under_way = asyncio.ensure_future(own.generate(asked))
        await asyncio.sleep(0.02)
        await own.close()
        assert own._loaded is None
        return await under_way, (await own.generate([ask("x")]))[0]

    cancelled, answer = asyncio.run(close_during())
    assert all(isinstance(one, Failure) and one.kind == "cancelled" for one in cancelled)
    assert isinstance(answer, Answer)


def test_the_bound_covers_the_spend_and_check_says_where_the_data_go(
    tiny: Checkpoint, engine: HuggingFaceEngine
) -> None:
    request = ask("what a small model knows", max_tokens=7)
    (answer,) = run(engine, request)
    bound = engine.bound(request)
    assert (bound.tokens_in, bound.tokens_out, bound.dollars) == (len(tiny.prompt(request)), 7, 0.0)
    assert bound.flops >= answer.spend.flops > 0
    assert engine.price(answer.spend) == answer.spend
    assert engine.identity(request.drawn(1)) == request.digest
    facts = asyncio.run(engine.check())
    assert facts.answers and facts.destination == "local: nothing leaves this machine"
    assert facts.supports["tools"] and facts.supports["logprobs"]
    assert {"torch", "transformers", "dtype"} <= set(engine.versions())
    assert engine.versions()["dtype"] == "float32" and answer.model == "hf/tiny"


@pytest.mark.parametrize(
    "config",
    [
        transformers.MistralConfig(**shape(sliding_window=12)),
        transformers.Gemma3TextConfig(**shape(head_dim=8, sliding_window=12, num_hidden_layers=3)),
        transformers.GPT2Config(n_embd=32, n_layer=2, n_head=4, n_positions=512, initializer_range=0.3),
        transformers.Lfm2Config(**shape(layer_types=["conv", "full_attention"])),
    ],
    ids=lambda config: config.model_type,
)
def test_other_kinds_of_attention_answer_as_generate_does(config: Any, tmp_path: Path) -> None:
    checkpoint = save(tmp_path, config)
    engine = HuggingFaceEngine(str(tmp_path))
    shared = [ask(WORDS * 2 + "more " * i, max_tokens=8) for i in range(4)]
    requests = [*unequal(5, max_tokens=8), *shared, ask("a"), ask("a")]
    texts = [a.text for a in run(engine, *requests)]
    assert texts == [checkpoint.text(checkpoint.greedy(request)) for request in requests]
