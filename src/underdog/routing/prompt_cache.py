"""What changing models within a conversation costs: prompts that the other model had cached are paid in full.

Counted from turn lengths alone, to put beside what a router saves on single requests.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from underdog.errors import DataError


@dataclass(frozen=True)
class TokenPrice:
    """Dollars per million tokens: prompt, prompt read from the provider's cache, and written."""

    prompt: float
    cached: float
    written: float


@dataclass(frozen=True)
class Turn:
    """One request of a conversation: tokens new to its prompt, tokens written, and who answered."""

    new: int
    written: int
    answerer: str


@dataclass(frozen=True)
class ConversationCost:
    """Dollars of a conversation, and what of them was paid for prompts that staying would have had cached."""

    dollars: float
    lost: float
    switches: int


def conversation_cost(
    turns: Sequence[Turn], prices: Mapping[str, TokenPrice], least: int = 1024
) -> ConversationCost:
    """The cost of a conversation whose answerers keep the prompts that they have seen.

    An answerer reads from its cache what it had seen when it last answered in this conversation, its own
    words included, when that is at least `least` tokens (shorter prompts are not cached by the large
    providers). `lost` compares with an answerer that had answered every earlier turn too.

    Raises:
        DataError: an answerer has no price.
    """
    seen: dict[str, int] = {}
    prompt, dollars, lost, switches = 0, 0.0, 0.0, 0
    before: str | None = None
    for turn in turns:
        if turn.answerer not in prices:
            known = ", ".join(prices) or "none"
            raise DataError(f"no price for {turn.answerer!r}, whose turns are to be counted; known: {known}")
        price, history = prices[turn.answerer], prompt
        prompt += turn.new
        cached = _cached(seen.get(turn.answerer, 0), least)
        dollars += (prompt - cached) * price.prompt + cached * price.cached + turn.written * price.written
        lost += (_cached(history, least) - cached) * (price.prompt - price.cached)
        prompt += turn.written
        seen[turn.answerer] = prompt
        switches += before not in (None, turn.answerer)
        before = turn.answerer
    return ConversationCost(dollars / 1e6, lost / 1e6, switches)


def kept(turns: Sequence[Turn]) -> list[Turn]:
    """The same conversation, answered by its first answerer throughout."""
    return [Turn(turn.new, turn.written, turns[0].answerer) for turn in turns]


def _cached(tokens: int, least: int) -> int:
    return tokens if tokens >= least else 0
