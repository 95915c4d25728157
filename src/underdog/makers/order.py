"""The order in which examples are learned from, laid out before the first step. No torch.

A training that goes on after a kill, or for longer, then sees the same examples at the same steps.
"""

from __future__ import annotations

import random


def laid_out(examples: int, length: int, seed: int) -> list[int]:
    """Indices of examples, `length` of them: pass after pass, each in an order of its own."""
    dice, order = random.Random(f"underdog/makers/order/{seed}"), list[int]()
    while len(order) < length:
        order += dice.sample(range(examples), examples)
    return order[:length]
