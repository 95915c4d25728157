"""Beam: a beam search over steps, led by a process verifier (Snell et al., arXiv 2408.03314)."""

from __future__ import annotations

from dataclasses import dataclass

from underdog.answerer import Request, Steps
from underdog.levers.stepwise import Stepwise


@dataclass(frozen=True)
class Beam(Stepwise):
    """`n` first steps; the best `n / width` paths go on, each drawn `width` times, until `n` have ended.

    A step that fails is lost; when every first step failed, the first failure is the result. Where no verdict
    was had, the most frequent final answer stands. `Stepwise` says what the settings are.
    """

    def steps(self, request: Request) -> Steps:
        return (yield from self.search(request))
