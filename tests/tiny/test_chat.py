"""The shipped tokenizer and chat template, against the plain-Python renderer that training used."""

from __future__ import annotations

from random import Random

import pytest
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from underdog.tiny import chat, corpus, path, worlds
from underdog.tiny.world import said


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerBase:
    return AutoTokenizer.from_pretrained(path("small"))


def test_text_survives_a_round_trip(tokenizer: PreTrainedTokenizerBase) -> None:
    for text in (
        "Hello, 12:45!",
        "  two  spaces\nand ünïcode 試験 🙂",
        '{"name": "f", "arguments": {"a": 1}}',
    ):
        assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False)) == text


def test_every_digit_and_every_role_is_one_token(tokenizer: PreTrainedTokenizerBase) -> None:
    assert [tokenizer.decode([one]) for one in tokenizer.encode("90210")] == list("90210")
    for mark in chat.SPECIALS:
        assert len(tokenizer.encode(mark, add_special_tokens=False)) == 1
    assert (tokenizer.pad_token, tokenizer.eos_token) == (chat.PAD, chat.END)


def test_shorter_prompts_are_padded_on_the_left(tokenizer: PreTrainedTokenizerBase) -> None:
    batch = tokenizer(["1", "123"], padding=True)
    assert batch["input_ids"][0][:2] == [chat.PAD_ID] * 2
    assert batch["attention_mask"][0] == [0, 0, 1]


@pytest.mark.parametrize("kind", [*worlds.names(), *corpus.GENERIC])
def test_the_template_renders_what_training_rendered(kind: str, tokenizer: PreTrainedTokenizerBase) -> None:
    for seed in range(20):
        made = corpus.document(kind, Random(seed))
        tools = list(made.tools) if made.tools else None
        rendered = tokenizer.apply_chat_template(list(made.messages), tools=tools, tokenize=False)
        assert rendered == chat.render(made.messages, made.tools)


def test_the_template_opens_the_assistants_turn(tokenizer: PreTrainedTokenizerBase) -> None:
    messages = [said("system", "S"), said("user", "A"), said("assistant", "B"), said("user", "C")]
    rendered = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    assert rendered == chat.render(messages, ask=True)
    assert rendered == (
        "<|system|>S<|end|><|user|>A<|end|><|assistant|>B<|end|><|user|>C<|end|><|assistant|>"
    )


def test_the_template_renders_tool_calls_and_tool_answers(tokenizer: PreTrainedTokenizerBase) -> None:
    call = {"type": "function", "function": {"name": "f", "arguments": {"a": 1}}}
    messages = [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "content": "done"},
    ]
    assert tokenizer.apply_chat_template(messages, tokenize=False) == (
        '<|user|>go<|end|><|assistant|>{"name": "f", "arguments": {"a": 1}}<|end|><|user|>done<|end|>'
    )
