"""Split: a fixed share of the conversations to each member, by a hash of the conversation's key.

The cost-matched static mix that every router has to beat, made live; also for canaries and comparisons.
"""

from __future__ import annotations

from dataclasses import dataclass

from underdog.answerer import Answerer, Ask, Request, Steps
from underdog.errors import StudyError
from underdog.levers.conversation import NAMED, conversation_key, place_of


@dataclass(frozen=True)
class Split:
    """One of `members`, drawn with weights `shares` (none: equal), the same for a whole conversation.

    The key is the first of `keys` that the request carries, else a hash of the conversation's opening.
    Another `salt` draws anew.

    Raises:
        StudyError: shares are not one a member, one is negative, or all are 0.
    """

    members: tuple[Answerer, ...]
    shares: tuple[float, ...] = ()
    keys: tuple[str, ...] = NAMED
    salt: int = 0

    def __post_init__(self) -> None:
        fits = not self.shares or len(self.shares) == len(self.members)
        if (
            not self.members
            or not fits
            or any(s < 0 for s in self.shares)
            or (self.shares and not sum(self.shares))
        ):
            raise StudyError(
                f"split: {len(self.members)} members need as many shares, not below 0 and not all 0; got "
                f"{self.shares}: leave `shares` out for equal ones"
            )

    def steps(self, request: Request) -> Steps:
        return Ask(self.member(request), request)
        yield  # a generator without a step of its own: it only hands over

    def member(self, request: Request) -> Answerer:
        """Who answers this request's conversation."""
        shares = self.shares or (1.0,) * len(self.members)
        left = place_of(conversation_key(request, self.keys), self.salt) * sum(shares)
        for member, share in zip(self.members, shares, strict=True):
            if left < share:
                return member
            left -= share
        return next(m for m, share in zip(self.members[::-1], shares[::-1], strict=True) if share > 0)
