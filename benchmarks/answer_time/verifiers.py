"""A small model with a verifier against one 29 times larger: OpenAI's recorded GSM8K solutions.

Of the 100 samples behind each verified answer only the one that the verifier chose is recorded, without its
score: best-of-100 stands as recorded, and nothing here re-ranks it.
"""

from __future__ import annotations

from benchmarks.answer_time.replay import Recordings, recorded, replayed, shown, versus
from benchmarks.truth.recordings import rows
from benchmarks.truth.table import Table

from underdog.answerer import Answer, Answerer
from underdog.levers import Agree
from underdog.reading import Reading
from underdog.statistics import paired_difference

STATED = {
    "6b greedy": 21.7,
    "6b best of 100": 39.0,
    "175b greedy": 34.7,
    "175b best of 100": 56.3,
}
"""Percent right, as the data's README has them; the notes on the levers have 56.25 for the last."""


def solutions() -> Recordings:
    """The four ways of answering, read and scored by the package's own rules."""
    reading = Reading("number", lenient=True)
    gold = {row["id"]: row["answer"] for row in rows("gsm8k/test.jsonl.gz")}
    found = []
    for row in rows("gsm8k/openai_example_solutions.jsonl.gz"):
        way = "best of 100" if "verifier" in row["method"] else "greedy"
        final = reading.read(Answer(row["text"]))
        target = reading.read(Answer(str(gold[row["qid"]])))
        name = f"{row['model'].removeprefix('gpt3-')} {way}"
        found.append({"qid": row["qid"], "model": name, "answer": final, "correct": final == target})
    return recorded(found, draws=1)


def tables() -> list[Table]:
    """One table: each way of answering, and handing over where greedy and verified disagree."""
    bank = solutions()
    table = Table(
        f"A verifier against size: GSM8K, {len(bank.questions)} questions, percent right",
        ("arm", "right", "minus 175b greedy", "better : worse", "p", "175b verified asked", "stated"),
    )
    verified = replayed("175b best of 100")
    arms: dict[str, Answerer] = {name: replayed(name) for name in STATED}
    pair = (replayed("6b best of 100"), replayed("6b greedy"))
    arms["6b greedy and verified agree, else 175b verified"] = Agree(pair, verified)
    plain = bank.mean("175b greedy")
    for name, arm in arms.items():
        played = bank.play(arm)
        paired = paired_difference(played.scores, plain)
        table.add(
            name,
            shown(played.scores),
            "-" if name == "175b greedy" else versus(played.scores, plain),
            f"{paired.helps} : {paired.harms}",
            "-" if paired.p is None or name == "175b greedy" else f"{paired.p:.2g}",
            f"{100 * played.asked['175b best of 100'].mean():.1f} %",
            STATED.get(name, "-"),
        )
    table.add("oracle of the four", shown(bank.oracle(STATED)), "-", "-", "-", "-", "67.2")
    return [table]
