"""Examples with their gold answers as rows of tokens, as the checkpoint's chat template writes them.

`start` is where the answer begins: what comes before it is read and never learned. No model in here.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from underdog.engines.hf_checkpoint import need
from underdog.engines.hf_text import template_messages
from underdog.errors import StudyError
from underdog.example import Example

IGNORED = -100
"""The label that torch's cross-entropy leaves out."""


@dataclass(frozen=True)
class Row:
    """A conversation's tokens; from `start` on they are the answer, its end included."""

    ids: tuple[int, ...]
    start: int


def rows(
    examples: Sequence[Example], written: Callable[[Example], str | None], tokenizer: Any, most: int
) -> list[Row]:
    """One row for each example that has a gold answer and fits into `most` tokens.

    Raises:
        StudyError: there is none.
    """
    found = []
    for example in examples:
        gold = written(example)
        if gold is None:
            continue
        row = _row(example, gold, tokenizer)
        if len(row.ids) <= most:
            found.append(row)
    if not found:
        raise StudyError(
            f"training needs examples with a gold answer that fit into {most} tokens; of {len(examples)} "
            "none does: give fit a larger share, or raise the length"
        )
    return found


def _row(example: Example, gold: str, tokenizer: Any) -> Row:
    tools = list(example.tools) or None
    asked = template_messages(example.messages)
    prompt = tokenizer.apply_chat_template(asked, tools=tools, add_generation_prompt=True, tokenize=False)
    told = [*asked, {"role": "assistant", "content": gold}]
    whole = tokenizer.apply_chat_template(told, tools=tools, tokenize=False)
    if not whole.startswith(prompt):  # a template that rewrites earlier turns: the plain form stands in
        whole = prompt + gold + (tokenizer.eos_token or "")
    before = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    after = tokenizer(whole[len(prompt) :], add_special_tokens=False)["input_ids"]
    return Row((*before, *after), len(before))


def batches(rows: Sequence[Row], size: int, seed: int) -> Iterator[list[Row]]:
    """Batches without end: every row once in each pass, in an order drawn anew from the seed."""
    order, drawn = list(rows), random.Random(seed)
    while True:
        drawn.shuffle(order)
        for at in range(0, len(order), size):
            yield order[at : at + size]


def padded(batch: Sequence[Row], pad: int) -> tuple[Any, Any, Any]:
    """Token ids, mask and labels, each of shape (rows, longest), padded on the right."""
    torch = need("torch")
    width = max(len(row.ids) for row in batch)
    ids = torch.full((len(batch), width), pad)
    labels = torch.full((len(batch), width), IGNORED)
    mask = torch.zeros((len(batch), width), dtype=torch.long)
    for at, row in enumerate(batch):
        tokens = torch.tensor(row.ids)
        ids[at, : len(tokens)], mask[at, : len(tokens)] = tokens, 1
        labels[at, row.start : len(tokens)] = tokens[row.start :]
    return ids, mask, labels
