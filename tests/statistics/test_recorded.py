"""Real recorded models: the verdicts that their published answers give."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from underdog.statistics import gap_closed, paired_difference
from underdog.studies.verdict import Kind, judge

DATA = Path(__file__).parents[3] / "shared" / "data"
SEVEN = {
    "simple",
    "multiple_function",
    "parallel_function",
    "parallel_multiple_function",
    "relevance",
    "java",
    "javascript",
}


def rows(name: str) -> Iterator[dict[str, Any]]:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"recorded data absent: shared/data/{name}")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def gsm8k(model: str, method: str) -> list[float]:
    found = rows("gsm8k/openai_example_solutions.jsonl.gz")
    by_id = {r["qid"]: float(r["correct"]) for r in found if (r["model"], r["method"]) == (model, method)}
    return [by_id[f"gsm8k-test-{i}"] for i in range(1319)]


def test_gpt3_6b_with_its_verifier_beats_plain_175b_at_higher_cost() -> None:
    plan, large = gsm8k("gpt3-6b", "ft-best-of-100-verifier"), gsm8k("gpt3-175b", "ft-greedy")
    paired = paired_difference(plan, large)
    assert (paired.n, paired.helps, paired.harms) == (1319, 209, 152)
    assert (paired.a_mean, paired.b_mean) == (pytest.approx(0.390, abs=5e-4), pytest.approx(0.347, abs=5e-4))
    assert paired.p == pytest.approx(0.003151, abs=1e-6)
    verdict = judge(paired, 0.03, cost_plan=100 * 2 * 6.0, cost_large=175.0)
    assert verdict.headline == "beats, at higher cost"
    gap = gap_closed(plan, gsm8k("gpt3-6b", "ft-greedy"), large)
    assert gap.estimate == pytest.approx(1.33, abs=0.01) and gap.low is not None and gap.low > 1.1


def test_xlam_7b_rivals_gpt_4_at_three_points_and_cannot_tell_at_two() -> None:
    tasks = [r["id"] for r in rows("bfcl/tasks_2024_08.jsonl.gz") if r["category"] in SEVEN]
    wanted = ("Salesforce_xLAM-7b-fc-r", "gpt-4-0613")
    right = {
        (r["model"], r["qid"]): float(r["correct"])
        for r in rows("bfcl/outputs_2024_08.jsonl.gz")
        if r["model"] in wanted
    }
    small, large = ([right[model, task] for task in tasks] for model in wanted)
    paired = paired_difference(small, large)
    assert (paired.n, paired.helps, paired.harms) == (1390, 73, 69)
    assert judge(paired, 0.03).kind is Kind.RIVALS
    unsure = judge(paired, 0.02)
    assert unsure.kind is Kind.CANNOT_TELL and unsure.needed is not None
    assert unsure.needed.more == 1148
