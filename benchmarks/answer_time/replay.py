"""Levers played over recorded answers: what each would have answered, how that scores, what calls it made.

The lever's own `steps` run; only the models are replaced by what they once said. The recorded data lie beside
the repository (shared/data); each folder's README says where they come from and under which licence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from benchmarks.truth.recordings import DATA, Floats, rows

from underdog.answerer import Answer, Answerer, Ask, Failure, Model, Request, play
from underdog.statistics import Paired, mean_interval, paired_difference

Draws = tuple["Said", ...]
ASKED: Request = Request(({"role": "user", "content": "as recorded"},)).sampled(temperature=1.0)


@dataclass(frozen=True)
class Said:
    """One recorded answer: what was read out of it (None: nothing), and whether that is right."""

    final: str | None
    right: bool


@dataclass(frozen=True)
class Played:
    """A lever over questions: scores in {0, 1} and the calls of each model, each of shape (questions,)."""

    scores: Floats
    asked: Mapping[str, Floats]

    @property
    def calls(self) -> Floats:
        """All calls made."""
        return np.sum(list(self.asked.values()), axis=0)


class Recordings:
    """Recorded draws of several models on the same questions."""

    def __init__(self, questions: Sequence[str], said: Mapping[str, Mapping[str, Draws]]) -> None:
        self.questions, self.said = questions, said

    @property
    def models(self) -> list[str]:
        return list(self.said)

    def play(self, lever: Answerer) -> Played:
        """The lever on every question.

        Raises:
            ValueError: it asked for a draw that is not recorded, or failed.
        """
        scores = np.zeros(len(self.questions))
        asked = {model: np.zeros(len(self.questions)) for model in self.models}
        for place, question in enumerate(self.questions):
            made: list[Said] = []

            def reply(effect: Any, place: int = place, made: list[Said] = made) -> Answer:
                model, said = self._draw(effect)
                asked[model][place] += 1
                made.append(said)
                # The text is the place among the draws made, by which the chosen one is found again.
                return Answer(str(len(made) - 1), final=made[-1].final)

            answer = play(lever, Request(ASKED.messages, sampling=ASKED.sampling, example=question), reply)
            if isinstance(answer, Failure):
                raise ValueError(f"{question}: {answer.message}")
            scores[place] = made[int(answer.text)].right
        return Played(scores, asked)

    def oracle(self, models: Iterable[str]) -> Floats:
        """1 where any draw of these models is right, shape (questions,)."""
        told = [[any(one.right for one in self.said[m][q]) for q in self.questions] for m in models]
        return np.array(told, dtype=np.float64).max(axis=0)

    def mean(self, model: str) -> Floats:
        """The mean score of a model's draws on each question, shape (questions,)."""
        return np.array([np.mean([one.right for one in self.said[model][q]]) for q in self.questions])

    def _draw(self, effect: Any) -> tuple[str, Said]:
        if not isinstance(effect, Ask) or not isinstance(effect.answerer, Model):
            raise ValueError("only models are recorded")
        model, question = effect.answerer.name.partition("/")[2], str(effect.request.example)
        draws = self.said[model][question]
        sample = effect.request.sample[0] if effect.request.sample else 0
        if sample >= len(draws):
            raise ValueError(f"{question}: draw {sample} is not recorded, there are {len(draws)}")
        return model, draws[sample]


def recorded(
    found: Iterable[Mapping[str, Any]], *, draws: int, final: str = "answer", right: str = "correct"
) -> Recordings:
    """Rows as recordings: models with this many draws, on the questions that all models of the rows answered.

    `final` and `right` are columns; a `right` that is a score counts from .99 on.
    """
    table: dict[str, dict[str, dict[int, Said]]] = {}
    for row in found:
        said = Said(row[final], row[right] is True or float(row[right]) >= 0.99)
        table.setdefault(row["model"], {}).setdefault(row["qid"], {})[row.get("sample", 0)] = said
    whole = {
        model: {q: tuple(said[i] for i in range(draws)) for q, said in by.items() if len(said) == draws}
        for model, by in table.items()
    }
    kept = {model: by for model, by in whole.items() if by}
    common = set.intersection(*(set(by) for by in [*table.values(), *kept.values()]))
    return Recordings(sorted(common), kept)


def replayed(model: str) -> Model:
    """The leaf behind which a model's recorded answers stand."""
    return Model(f"replay/{model}")


def rg_easy() -> Recordings:
    """Reasoning Gym's easy tasks, three draws: the models recorded three times."""
    return recorded(rows("rg_easy/outputs.jsonl.gz"), draws=3, right="score")


def shown(scores: Floats) -> str:
    """A mean in percent with its 95 % interval."""
    one = mean_interval(scores)
    return spanned(one.estimate, one.low, one.high)


def difference(paired: Paired) -> str:
    """A paired difference in points with its 95 % interval."""
    return spanned(paired.difference, paired.low, paired.high, sign="+")


def versus(a: Floats, b: Floats) -> str:
    """A minus B in points, on the same questions."""
    return difference(paired_difference(a, b))


def spanned(point: float | None, low: float | None, high: float | None, sign: str = "") -> str:
    """A number with its interval in percent, or a dash."""
    if point is None or low is None or high is None:
        return "-"
    return f"{100 * point:{sign}.1f} [{100 * low:{sign}.1f}, {100 * high:{sign}.1f}]"


def present() -> bool:
    """Whether the recorded data are at hand."""
    return all((DATA / name).is_dir() for name in ("rg_easy", "zeroeval_gsm8k", "gsm8k"))
