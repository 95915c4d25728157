"""What reward models learn from: answers that were given, and whether they were right.

Whole answers come out of the bank of calls, or are sampled through the driver, which asks nothing twice.
Beginnings of answers get the share of rollouts from there on that ended right as their label (16 rollouts for
each step, as in arXiv 2408.03314). No training in here.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from underdog.answerer import Answer, Answerer, Message, Request
from underdog.drive import Driver
from underdog.example import Example
from underdog.levers.candidate import continued
from underdog.levers.confident import sureness
from underdog.levers.reward import beginnings
from underdog.makers.rescore import score_of
from underdog.task import Task
from underdog.trial import Call, Trial


@dataclass(frozen=True)
class Candidate:
    """An answer, or the beginning of one, to a question.

    Attributes:
        question: which; candidates of one question are never both learned from and judged on.
        messages: the conversation before the answer.
        text: what the assistant wrote.
        right: the part of the time that it is right: 0 or 1 for a whole answer.
        free: the geometric mean probability of its tokens, which costs nothing to know; None where unknown.
        finished: whether the text is a whole answer.
    """

    question: str
    messages: tuple[Message, ...]
    text: str
    right: float
    free: float | None = None
    finished: bool = True


def recorded(trials: Iterable[Trial], find: Callable[[str], Call | None]) -> list[Candidate]:
    """The candidates in a bank: trials that were scored and made of one call to a model.

    What levers made of several calls is left out: the score is the lever's, and no one call's.
    """
    found: dict[tuple[str, str], Candidate] = {}
    for trial in trials:
        call = find(trial.calls[0]) if len(trial.calls) == 1 and trial.score is not None else None
        if call is None or call.failed or call.fingerprint.startswith("tool:"):
            continue
        asked = msgspec.json.decode(call.request)
        answer = msgspec.json.decode(call.result, type=Answer)
        candidate = Candidate(
            trial.example,
            tuple(asked["messages"]),
            answer.text,
            float(trial.score or 0.0),
            sureness(answer.logprobs, "mean_logprob"),
        )
        found.setdefault((trial.example, answer.text), candidate)
    return list(found.values())


async def sampled(
    driver: Driver,
    answerer: Answerer,
    task: Task,
    examples: Sequence[Example],
    *,
    draws: int = 16,
    temperature: float = 0.7,
) -> list[list[Candidate]]:
    """For each example, `draws` answers with their scores; those that failed are left out."""

    async def one(example: Example, draw: int) -> Candidate | None:
        request = task.request(example).sampled(temperature=temperature, logprobs=True).drawn(draw)
        answer = (await driver.answer(answerer, request)).result
        score = await score_of(driver, task, answer, example) if isinstance(answer, Answer) else None
        if not isinstance(answer, Answer) or score is None:
            return None
        free = sureness(answer.logprobs, "mean_logprob")
        return Candidate(example.id, tuple(example.messages), answer.text, score, free)

    rows = await asyncio.gather(*(one(example, draw) for example in examples for draw in range(draws)))
    table = [rows[at : at + draws] for at in range(0, len(rows), draws)]
    return [[candidate for candidate in row if candidate is not None] for row in table]


async def rolled_out(
    driver: Driver,
    answerer: Answerer,
    task: Task,
    examples: Sequence[Example],
    candidates: Sequence[Candidate],
    *,
    rollouts: int = 16,
    temperature: float = 0.7,
    delimiter: str = "\n",
) -> list[Candidate]:
    """Every beginning of the candidates once, labelled by what became of it, and the candidates themselves.

    A beginning none of whose rollouts could be scored is left out.
    """
    known = {example.id: example for example in examples}
    starts: dict[tuple[str, str], Candidate] = {}
    for whole in candidates:
        for text in beginnings(whole.text, delimiter)[:-1]:
            starts.setdefault((whole.question, text), replace(whole, text=text, free=None, finished=False))

    async def one(start: Candidate) -> Candidate | None:
        example = known[start.question]
        request = continued(task.request(example).sampled(temperature=temperature), start.text)
        scores = await asyncio.gather(
            *(_ended(request.drawn(i), start.text, example) for i in range(rollouts))
        )
        told = [score for score in scores if score is not None]
        return replace(start, right=math.fsum(told) / len(told)) if told else None

    async def _ended(request: Request, text: str, example: Example) -> float | None:
        answer: Any = (await driver.answer(answerer, request)).result
        if not isinstance(answer, Answer):
            return None
        return await score_of(driver, task, replace(answer, text=text + answer.text, final=None), example)

    labelled = await asyncio.gather(*(one(start) for start in starts.values()))
    return [*(start for start in labelled if start is not None), *candidates]
