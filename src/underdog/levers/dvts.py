"""Dvts: diverse verifier tree search, beams that do not compete (Beeching et al., Hugging Face, 2024).

One beam gives all its places to the continuations of what a verifier likes early, which is where more samples
stop helping. Subtrees that are searched apart stay different.
"""

from __future__ import annotations

from dataclasses import dataclass

from underdog.answerer import Request, Steps
from underdog.errors import StudyError
from underdog.levers.stepwise import Stepwise


@dataclass(frozen=True)
class Dvts(Stepwise):
    """`n / width` subtrees, each of which draws `width` steps and goes on from the best of them.

    A step that fails is lost; when every step failed, the first failure is the result. Where no verdict was
    had, the most frequent final answer stands. `Stepwise` says what the settings are.

    Raises:
        StudyError: `n` is no multiple of `width`.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.n % self.width:
            raise StudyError(f"dvts: n must be a multiple of width; got n {self.n}, width {self.width}")

    def steps(self, request: Request) -> Steps:
        return (yield from self.search(request, trees=self.n // self.width))
