"""Votes that stop early, replayed over rg_easy's three recorded draws: little can be saved there.

Banks with more draws are those of the embedded models, in `worlds.py`.
"""

from __future__ import annotations

from benchmarks.answer_time.replay import replayed, rg_easy, shown, versus
from benchmarks.truth.table import Table

from underdog.levers import Vote

EAGER = 0.75
"""The odds that one vote against none gives; 95 % is out of reach, three of one mind give 93.75 %."""


def tables() -> list[Table]:
    """Each model's vote of three, the stop that loses nothing, and the stop at the first readable draw."""
    bank = rg_easy()
    table = Table(
        f"Early stops among three draws: rg_easy, {len(bank.questions)} questions, percent right",
        ("model", "vote of 3", "draws, lead safe", "minus vote", "draws, 75 % sure", "minus vote", "right"),
    )
    for model in sorted(bank.models, key=lambda model: bank.mean(model).mean()):
        full = bank.play(Vote(replayed(model), 3))
        safe = bank.play(Vote(replayed(model), 3, batch=1, sure=1.0))
        eager = bank.play(Vote(replayed(model), 3, batch=1, sure=EAGER))
        table.add(
            model,
            shown(full.scores),
            f"{safe.calls.mean():.2f}",
            versus(safe.scores, full.scores),
            f"{eager.calls.mean():.2f}",
            versus(eager.scores, full.scores),
            shown(eager.scores),
        )
    return [table]
