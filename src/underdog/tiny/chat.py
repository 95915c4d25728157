"""The chat format and the tokenizer of the embedded models.

Byte-level BPE (arXiv:1508.07909) with every digit a token of its own and one token for each role. `render`
is the plain-Python twin of the Jinja template: training writes thousands of documents a second with it, and
a test holds the two equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from underdog.answerer import Message
from underdog.tiny.world import Tool

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PAD, SYSTEM, USER, ASSISTANT, END = "<|pad|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"
SPECIALS = (PAD, SYSTEM, USER, ASSISTANT, END)
PAD_ID, ASSISTANT_ID, END_ID = (SPECIALS.index(mark) for mark in (PAD, ASSISTANT, END))
VOCABULARY = 1280
CONTEXT = 1024

TEMPLATE = (
    "{%- set ns = namespace(system='') -%}"
    "{%- if messages and messages[0]['role'] in ('system', 'developer') -%}"
    "{%- set ns.system = messages[0]['content'] -%}{%- set messages = messages[1:] -%}{%- endif -%}"
    "{%- if tools -%}"
    "{%- set ns.system = ns.system + ('\\n' if ns.system else '') + 'Tools:' -%}"
    "{%- for tool in tools -%}"
    "{%- set f = tool['function'] if 'function' in tool else tool -%}"
    "{%- set ns.system = ns.system + '\\n' + f['name'] + '(' -%}"
    "{%- for slot, kind in (f['parameters'] or {}).get('properties', {}).items() -%}"
    "{%- set ns.system = ns.system + ('' if loop.first else ', ') + slot + ':' "
    "+ (kind['type'] if kind['type'] is string else 'string') -%}"
    "{%- endfor -%}{%- set ns.system = ns.system + ')' -%}{%- endfor -%}{%- endif -%}"
    "{%- if ns.system -%}{{ '<|system|>' + ns.system + '<|end|>' }}{%- endif -%}"
    "{%- for message in messages -%}"
    "{%- set role = message['role'] if message['role'] in ('system', 'assistant') else 'user' -%}"
    "{{ '<|' + role + '|>' }}"
    "{%- if message['content'] -%}{{ message['content'] }}{%- endif -%}"
    "{%- for call in message.get('tool_calls') or [] -%}"
    "{%- set made = call['function'] if 'function' in call else call -%}"
    "{{ '{\"name\": \"' + made['name'] + '\", \"arguments\": ' }}"
    "{{- made['arguments'] if made['arguments'] is string else made['arguments'] | tojson -}}{{ '}' }}"
    "{%- endfor -%}{{ '<|end|>' }}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<|assistant|>' }}{%- endif -%}"
)


def signature(tool: Tool) -> str:
    """One tool as the prompt shows it: `name(slot:type, slot:type)`."""
    function = tool["function"]
    slots = function["parameters"]["properties"].items()
    return f"{function['name']}({', '.join(slot + ':' + kind['type'] for slot, kind in slots)})"


def render(messages: Sequence[Message], tools: Sequence[Tool] | None = None, ask: bool = False) -> str:
    """The conversation as text, equal to what the chat template renders; `ask` opens the assistant's turn."""
    system = messages[0]["content"] if messages and messages[0]["role"] == "system" else ""
    rest = messages[1:] if system else messages
    if tools:
        listed = "\n".join(["Tools:", *map(signature, tools)])
        system = f"{system}\n{listed}" if system else listed
    parts = [f"{SYSTEM}{system}{END}"] if system else []
    parts += [f"<|{message['role']}|>{message['content']}{END}" for message in rest]
    return "".join(parts) + (ASSISTANT if ask else "")


def trained(texts: Iterable[str]) -> Tokenizer:
    """A tokenizer learned from the texts."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(SPECIALS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def wrapped(tokenizer: Tokenizer) -> Any:
    """The tokenizer as transformers loads it, with the chat template, left padding and `<|end|>` as eos."""
    from transformers import PreTrainedTokenizerFast

    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=END,
        additional_special_tokens=[SYSTEM, USER, ASSISTANT],
        padding_side="left",
        model_max_length=CONTEXT,
        clean_up_tokenization_spaces=False,
    )
    fast.chat_template = TEMPLATE
    return fast
