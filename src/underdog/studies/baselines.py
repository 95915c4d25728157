"""The baselines that need no call: best constant answer, oracle, and the random mix of equal cost.

A lever that does not beat these has shown nothing. Their numbers come out of columns already measured.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from underdog.example import Example
from underdog.task import Task

# So many of the most frequent gold answers are tried as the constant.
_TRIED = 20


def best_constant(
    task: Task, seen: Sequence[Example], judged: Sequence[Example]
) -> tuple[str, list[float]] | None:
    """The final answer that scores best when always given, chosen on `seen`, and its scores on `judged`.

    None where a judge scores or where no gold answer repeats itself. With nothing to choose on, `judged`
    itself serves: that flatters the constant, which is a bar to clear, so the error is on the safe side.
    """
    scorer = task.scorer
    if hasattr(scorer, "steps"):
        return None
    pool = seen or judged
    counts = Counter(gold for example in pool if (gold := task.label(example)) is not None)
    tried = [gold for gold, count in counts.most_common(_TRIED) if count > 1]
    if not tried:
        return None
    final = max(tried, key=lambda gold: sum(scorer.score(gold, example) for example in pool))
    return final, [scorer.score(final, example) for example in judged]
