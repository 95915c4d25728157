"""Lookahead: a beam whose steps are judged by where they lead (Snell et al., arXiv 2408.03314).

The rollout is greedy, and what it wrote counts in the verdict; nothing of it is kept. At equal cost Snell et
al. found it the weakest of their searches: it is for verifiers that cannot judge what is not finished.
"""

from __future__ import annotations

from dataclasses import dataclass

from underdog.answerer import Request, Steps
from underdog.errors import StudyError
from underdog.levers.stepwise import Stepwise


@dataclass(frozen=True)
class Lookahead(Stepwise):
    """Beam, with the verifier shown each path `ahead` greedy steps later, at `ahead + 1` times the price.

    A step that fails is lost, and a rollout that fails is judged by what it had; when every first step
    failed, the first failure is the result. Where no verdict was had, the most frequent final answer stands.
    `Stepwise` says what the settings are.

    Raises:
        StudyError: `ahead` is below 1.
    """

    ahead: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.ahead < 1:
            raise StudyError(f"lookahead: ahead must be at least 1; got {self.ahead}: for none, use beam")

    def steps(self, request: Request) -> Steps:
        return (yield from self.search(request, ahead=self.ahead))
