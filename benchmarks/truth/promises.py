"""Broken promises: certificates beside picking the boldest threshold that looks good enough.

Each row draws a calibration set again and again from a fixed population of examples, picks a threshold, and
asks whether the plan is worse than the large model by more than the margin *in that population*. Draws are
with replacement, so that the population's own mean is the truth; judging on the left-over half instead would
count the half's luck as a broken promise.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from benchmarks.truth.table import Table, at_most, percent

from underdog.statistics import Candidate, Certificate, certify
from underdog.statistics.certificate import Test
from underdog.statistics.unconditional import noninferiority_p

Floats = npt.NDArray[np.float64]
RECORDED = Path(__file__).parents[3] / "shared" / "data" / "routing" / "zeroeval_outcomes.parquet"
SMALL = (
    "gemma-2-9b-it",
    "Meta-Llama-3.1-8B-Instruct",
    "Qwen2-7B-Instruct",
    "Phi-3.5-mini-instruct",
    "Yi-1.5-9B-Chat",
    "gemma-2-2b-it",
    "Meta-Llama-3-8B-Instruct",
)
RISK = 0.05
TESTS: tuple[Test, ...] = ("clopper-pearson", "score")
"""Of the tests for 0/1 scores both, on the same draws; fractional scores have betting alone."""
CHEAP = ("gpt-4o-mini-2024-07-18", "deepseek-v2.5-0908", "gemini-1.5-flash", "claude-3-haiku-20240307")


def tables(runs: int, seed: int) -> list[Table]:
    """One table over synthetic populations and, where the recorded data are present, real ones."""
    header = (
        "population",
        "test",
        "margin",
        "n",
        "runs",
        "certified",
        "accepted",
        "broken",
        "",
        "naive accepted",
        "naive broken",
    )
    table = Table("Certificates at 95 %: promises kept", header)
    populations = {**synthetic(), **recorded()}
    for name, (differences, accepted) in populations.items():
        for margin in (0.01, 0.03):
            for n in (300, 1000):
                # Fractional scores are certified by betting, some ten times slower: a quarter of the runs.
                draws = runs // 4 if "fractional" in name else runs
                for test in (None,) if "fractional" in name else TESTS:
                    _row(table, name, test, differences, accepted, margin, n, draws, seed)
    if not RECORDED.exists():
        table.add("recorded zeroeval: data absent", *[""] * 10)
    return [table]


def _row(
    table: Table,
    name: str,
    test: Test | None,
    differences: Floats,
    accepted: Floats,
    margin: float,
    n: int,
    runs: int,
    seed: int,
) -> None:
    """`differences` has shape (thresholds, items): plan minus large, thresholds from safest to boldest."""
    generator = np.random.default_rng(seed)
    truth = differences.mean(axis=1)
    certified, broken, shares, naive_broken, naive_shares = 0, 0, [], 0, []
    for _ in range(runs):
        rows = generator.integers(0, differences.shape[1], size=n)
        drawn = differences[:, rows]
        best = _boldest(_candidates(drawn), margin, test)
        if best >= 0:
            certified += 1
            shares.append(accepted[best])
            broken += truth[best] < -margin
        passing = np.flatnonzero(drawn.mean(axis=1) >= -margin)
        if len(passing):
            naive_shares.append(accepted[passing[-1]])
            naive_broken += truth[passing[-1]] < -margin
    table.add(
        name,
        test or "betting",
        margin,
        n,
        runs,
        percent(certified / runs),
        percent(float(np.mean(shares))) if shares else "-",
        percent(broken / runs),
        at_most(int(broken), runs, 0.05),
        percent(float(np.mean(naive_shares))) if naive_shares else "-",
        percent(naive_broken / runs),
    )


def _boldest(candidates: list[Candidate], margin: float, test: Test | None) -> int:
    """The place of the candidate that `certify` would certify, -1 for none; None is betting.

    The score test is walked through by its p alone: the bounds beside it, which a certificate states and
    which decide nothing, take twenty times as long.
    """
    if test != "score":
        ruling = certify(candidates, margin)
        return ruling.index if isinstance(ruling, Certificate) else -1
    for place, one in enumerate(candidates):
        if noninferiority_p(one.helps, one.harms, one.n, margin) > RISK:
            return place - 1
    return len(candidates) - 1


def _candidates(drawn: Floats) -> list[Candidate]:
    if np.isin(drawn, (-1.0, 0.0, 1.0)).all():
        helps, harms = (drawn > 0).sum(axis=1).tolist(), (drawn < 0).sum(axis=1).tolist()
        counts = zip(helps, harms, strict=True)
        return [Candidate(str(i), drawn.shape[1], b, c) for i, (b, c) in enumerate(counts)]
    return [Candidate.from_differences(str(i), d) for i, d in enumerate(drawn)]


def synthetic() -> dict[str, tuple[Floats, Floats]]:
    """A confidence that ranks well, one that ranks badly, fractional scores: 20,000 items, 19 thresholds."""
    made = {}
    for name, noise, fractional in (
        ("synthetic, good confidence", 0.1, False),
        ("synthetic, poor confidence", 0.8, False),
        ("synthetic, fractional scores", 0.3, True),
    ):
        generator = np.random.default_rng(99)
        ease = generator.random(20_000)
        small, large = _score(generator, ease, 0.65, fractional), _score(generator, ease, 0.85, fractional)
        rank = np.argsort(np.argsort(ease + noise * generator.normal(size=ease.size))) / ease.size
        made[name] = _cascades(small, large, rank, [1 - share for share in np.linspace(0.05, 0.95, 19)])
    return made


def _score(generator: np.random.Generator, ease: Floats, level: float, fractional: bool) -> Floats:
    chance = np.clip(level + 0.9 * (ease - 0.5), 0, 1)
    if fractional:
        return np.round(generator.beta(4 * chance + 0.05, 4 * (1 - chance) + 0.05), 1)
    return (generator.random(ease.size) < chance).astype(np.float64)


def _cascades(
    small: Floats, large: Floats, confidence: Floats, thresholds: list[float]
) -> tuple[Floats, Floats]:
    """Differences plan minus large and shares accepted, one row a threshold."""
    kept = np.array([confidence >= threshold for threshold in thresholds])
    return np.where(kept, small - large, 0.0), kept.mean(axis=1)


def recorded() -> dict[str, tuple[Floats, Floats]]:
    """ZeroEval: a plurality of small models is kept where enough of them agree, else gpt-4o answers."""
    if not RECORDED.exists():
        return {}
    import pyarrow.parquet as parquet

    columns = parquet.read_table(RECORDED, columns=["query_id", "model", "score", "pred"]).to_pydict()
    cells = {
        (model, query): (score, prediction)
        for query, model, score, prediction in zip(*(columns[c] for c in columns), strict=True)
    }
    made = {}
    for name, panel in (("zeroeval, 7 models of at most 9B", SMALL), ("zeroeval, 4 cheap models", CHEAP)):
        large = "gpt-4o-2024-05-13"
        queries = [q for m, q in cells if m == large and all((p, q) in cells for p in panel)]
        rows = [_plurality([cells[p, q] for p in panel]) for q in queries]
        votes, small = np.array([v for v, _ in rows], dtype=np.float64), np.array([s for _, s in rows])
        score = np.array([cells[large, q][0] for q in queries], dtype=np.float64)
        # Ties in the votes are broken by a fixed random number, so that thresholds are fine enough.
        level = votes + np.random.default_rng(0).random(len(votes)) * 0.999
        thresholds = np.quantile(level, np.linspace(0.95, 0.05, 19)).tolist()
        made[name] = _cascades(small, score, level, thresholds)
    return made


def _plurality(answers: list[tuple[float, str]]) -> tuple[int, float]:
    """Votes for the most frequent prediction and its score; earlier models win ties."""
    predictions = [prediction for _, prediction in answers]
    best = max(predictions, key=lambda p: (predictions.count(p), -predictions.index(p)))
    return predictions.count(best), float(answers[predictions.index(best)][0])
