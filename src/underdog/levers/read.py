"""Read: fill in `final`, the answer read out of what the inner answerer said."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property

from underdog.answerer import Answer, Answerer, Ask, Model, Request, Steps
from underdog.reading import Options, Reading, check


@dataclass(frozen=True)
class Read(Options):
    """Ask, then read the final answer by a rule; None when none could be read.

    The rules, and what strict and lenient mean for each, are in `underdog.reading`. The text passes as it
    came: what a lenient reading needs before it may be certified is `Render` around it.

    Raises:
        StudyError: no such rule, an option that the rule does not take, or one that it needs.
    """

    inner: Answerer
    rule: str = "text"
    lenient: bool = False

    def __post_init__(self) -> None:
        check(self.rule, self)

    @cached_property
    def reading(self) -> Reading:
        """The rule and its options, without the inner answerer."""
        return Reading(**{f.name: getattr(self, f.name) for f in fields(Reading)})

    def steps(self, request: Request) -> Steps:
        return Ask(self.inner, request, then=lambda answer: self.annotate(answer, request))
        yield  # a generator without a step of its own: it only hands over

    def annotate(self, answer: Answer, request: Request) -> Answer:
        """The answer with its final answer; for a gateway that let the text through while it streamed."""
        return replace(answer, final=self.reading.read(answer, request))


def reading_of(answerer: Answerer) -> Read | None:
    """The outermost Read along the `inner` answerers of levers, or None."""
    while not isinstance(answerer, Model | Read):
        inner = getattr(answerer, "inner", None)
        if inner is None:
            return None
        answerer = inner
    return answerer if isinstance(answerer, Read) else None
