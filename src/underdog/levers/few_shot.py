"""FewShot: demonstrations before the question, as earlier turns of the conversation.

Turns are the shape that chat models are trained on (Brown et al., arXiv 2005.14165, as turns). `random`
shows the same ones to every question; `nearest` looks up those most like it (Liu et al., arXiv 2101.06804,
by BM25 as in Rubin et al., arXiv 2112.08633). With a teacher they are bootstrapped: shown are its own right
answers, steps and all (DSPy's BootstrapFewShot, Khattab et al., arXiv 2310.03714). With shuffled labels it is
a control: what stays of the gain is form, not content (Min et al., arXiv 2202.12837).
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from underdog.answerer import Answerer, Ask, Message, Request, Steps, act
from underdog.errors import Declined, StudyError
from underdog.example import Example
from underdog.levers.asked import asked_text
from underdog.levers.retrieve import SEARCH
from underdog.retrieval.index import Index
from underdog.routing.experience import Experience
from underdog.stored import Stored

Written: TypeAlias = Callable[[Example], str | None]
"""An example's gold answer as an assistant would write it, or None without one."""
Pair: TypeAlias = tuple[str, str]
"""A demonstration: what the user asked and what the assistant answered."""
RIGHT = 1.0 - 1e-9
"""The score from which a teacher's answer is shown."""


@dataclass(frozen=True)
class FewShot:
    """`inner` shown `k` solved examples before it is asked.

    Attributes:
        k: how many; where `nearest` finds fewer that share a word with the question, fewer.
        by: `random` draws them once from fit, with `seed`; `nearest` keeps all of fit and looks up those most
            like the last user message.
        order: where the one most like the question stands among the nearest.
        labels: `shuffled` gives each demonstration the answer of another one whose final answer is another.
        teacher: whose right answers to fit examples are shown instead of gold ones; `inner` may be its own.
            Once fitted, the lever needs it no more.
        demonstrations: what was drawn; filled in by fitting, or given.
        index: what is searched for the nearest; filled in by fitting.

    Raises:
        StudyError: k below 1, or an order of demonstrations that have none.
    """

    inner: Answerer
    k: int = 4
    by: Literal["random", "nearest"] = "random"
    order: Literal["nearest_last", "nearest_first"] = "nearest_last"
    labels: Literal["right", "shuffled"] = "right"
    seed: int = 0
    teacher: Answerer | None = None
    demonstrations: tuple[Pair, ...] = ()
    index: Stored | None = None

    def __post_init__(self) -> None:
        if self.k < 1:
            raise StudyError(f"fewshot: k must be at least 1; got {self.k}: leave the lever out for none")
        if self.by != "nearest" and self.order != "nearest_last":
            raise StudyError(
                f"fewshot: {self.by} demonstrations have no order; leave `order` out, or say by: nearest"
            )

    @property
    def ready(self) -> bool:
        """Whether it has what it shows."""
        return bool(self.demonstrations) or self.index is not None

    @property
    def unfitted(self) -> bool:
        """Whether it waits for its teacher's outcomes."""
        return self.teacher is not None and not self.ready

    @property
    def pool(self) -> tuple[Answerer, ...]:
        """Whose outcomes it learns from: the teacher's; and inner, which answers where those are too few."""
        return tuple(dict.fromkeys((*([] if self.teacher is None else [self.teacher]), self.inner)))

    def steps(self, request: Request) -> Steps:
        shown = self.demonstrations
        if self.index is not None:
            query = asked_text(request)
            hits = yield from act(SEARCH, file=self.index, query=query, k=self.k, by="bm25", vector=None)
            shown = tuple(_unpacked(hit["text"]) for hit in hits or ())
            if self.order == "nearest_last":
                shown = shown[::-1]
        return Ask(self.inner, replace(request, messages=with_demonstrations(request.messages, shown)))

    def fit(self, examples: Sequence[Example], written: Written) -> FewShot:
        """The same lever with what it shows; `written` gives an example's gold as it is answered.

        One that has what it shows, or waits for its teacher's outcomes, stays as it is.

        Raises:
            StudyError: fewer examples with a text and a gold answer than `k`, or all of them with the same
                answer where labels are to be shuffled.
        """
        if self.ready or self.teacher is not None:
            return self
        pairs = [pair for example in examples if (pair := demonstration(example, written)) is not None]
        if len(pairs) < self.k:
            raise StudyError(
                f"fewshot: {self.k} demonstrations need as many fit examples with a text and a gold answer; "
                f"there are {len(pairs)}: lower `k` or give fit a larger share"
            )
        return self._showing(pairs)

    def fit_on(self, experience: Experience) -> FewShot:
        """The same lever with its teacher's right answers as demonstrations, and without the teacher.

        Raises:
            Declined: fewer of them than `k`.
            StudyError: all of them are the same where labels are to be shuffled.
        """
        table = experience.table
        finals_of = table.answers[0] if table.answers else (None,) * len(table)
        shown: dict[str, str] = {}
        finals: dict[str, str] = {}
        rows = zip(table.questions, experience.texts[0], finals_of, table.scores[:, 0], strict=True)
        for question, text, final, score in rows:
            if question and text and score >= RIGHT:
                shown[question], finals[text] = text, final or text
        pairs = list(shown.items())
        if len(pairs) < self.k:
            raise Declined(
                f"{self.k} demonstrations need as many right answers of {table.answerers[0]} with a text; on "
                f"{len(table)} examples there are {len(pairs)}: lower `k`, or name another teacher"
            )
        return replace(self._showing(pairs, finals), teacher=None)

    def _showing(self, pairs: Sequence[Pair], finals: Mapping[str, str] = MappingProxyType({})) -> FewShot:
        """Drawn from these pairs; `finals` are the final answers of texts that hold more than that."""
        shown = pairs if self.by == "nearest" else random.Random(self.seed).sample(pairs, self.k)
        if self.labels == "shuffled":
            shown = mislabelled(shown, [text for _, text in pairs], self.seed, finals)
        if self.by == "nearest":
            return replace(self, index=indexed(shown))
        return replace(self, demonstrations=tuple(shown))


def with_demonstrations(messages: Sequence[Message], pairs: Sequence[Pair]) -> tuple[Message, ...]:
    """The messages with demonstrations as the first turns, behind what the system says."""
    first = [m for m in messages if m["role"] in ("system", "developer")]
    rest = [m for m in messages if m["role"] not in ("system", "developer")]
    turns = [
        {"role": role, "content": text}
        for pair in pairs
        for role, text in zip(("user", "assistant"), pair, strict=True)
    ]
    return (*first, *turns, *rest)


def demonstration(example: Example, written: Written) -> Pair | None:
    """The (user, assistant) texts of an example, or None when it has no plain text or no gold answer."""
    users = [m for m in example.messages if m["role"] == "user"]
    if not users or not isinstance(users[-1]["content"], str):
        return None
    gold = written(example)
    return None if gold is None else (users[-1]["content"], gold)


def mislabelled(
    pairs: Sequence[Pair],
    answers: Sequence[str],
    seed: int,
    finals: Mapping[str, str] = MappingProxyType({}),
) -> list[Pair]:
    """The demonstrations with another answer each, drawn from those whose final answer is another.

    Raises:
        StudyError: all of them have the same final answer.
    """
    if len({finals.get(answer, answer) for answer in answers}) < 2:
        raise StudyError("fewshot: shuffled labels need two different answers in fit; there is one")
    rng, changed = random.Random(seed), []
    for user, own in pairs:
        other = own
        while finals.get(other, other) == finals.get(own, own):
            other = rng.choice(answers)
        changed.append((user, other))
    return changed


def indexed(pairs: Sequence[Pair]) -> Stored:
    """Demonstrations as an index, found by what the user asked."""
    passages = [(str(place), json.dumps(pair, ensure_ascii=False)) for place, pair in enumerate(pairs)]
    return Index.of(passages, [user for user, _ in pairs]).stored


def _unpacked(text: str) -> Pair:
    pair: Any = json.loads(text)
    return pair[0], pair[1]
