"""How answers end: unread, cut off, refused, failed; and how much of what is lost was lost that way."""

from __future__ import annotations

from collections.abc import Iterator

from underdog.studies.diagnosis.evidence import Evidence
from underdog.studies.diagnosis.signals.signal import Signal
from underdog.studies.diagnosis.signals.table import models, shares
from underdog.studies.diagnosis.words import counted, share
from underdog.trial import Outcome, Trial

ENDINGS = {
    "unread": (Outcome.UNREAD, "could not be read"),
    "cut off": (Outcome.CUT_OFF, "were cut off by max_tokens before an answer"),
    "refused": (Outcome.REFUSED, "were refusals"),
}
NO_ANSWER = (Outcome.UNREAD, Outcome.CUT_OFF)


def signals(evidence: Evidence) -> Iterator[Signal]:
    """Shares of every model's answers as the task reads them; of those that arrived, but for "failed"."""
    for model in models(evidence):
        trials = evidence.greedy[model].trials
        for name, (outcome, words) in ENDINGS.items():
            found = shares([_is(trial, (outcome,)) for trial in trials], evidence)
            yield Signal(name, model, found, found.n, f"{share(found)} of {model}'s answers {words}.")
        yield unanswered(evidence, model)
        yield formless_losses(evidence, model)
        yield where_read(evidence, model)
        failed = shares([float(trial.outcome is Outcome.FAILED) for trial in trials], evidence)
        yield Signal("failed", model, failed, failed.n, f"{share(failed)} of {model}'s calls failed.")


def unanswered(evidence: Evidence, model: str) -> Signal:
    """Answers without a final: unread or cut off. A refusal is an answer of its kind."""
    found = shares([_is(trial, NO_ANSWER) for trial in evidence.greedy[model].trials], evidence)
    sentence = (
        f"{share(found)} of {model}'s {counted(found.n, 'answer')} held nothing that the task could read."
    )
    return Signal("no answer", model, found, found.n, sentence)


def formless_losses(evidence: Evidence, model: str) -> Signal:
    """Of the answers that were not right, those in which nothing could be read."""
    lost = [
        None if trial.outcome in (Outcome.RIGHT, Outcome.FAILED) else _is(trial, NO_ANSWER)
        for trial in evidence.greedy[model].trials
    ]
    found = shares(lost, evidence)
    count = sum(1 for flag in lost if flag)
    sentence = (
        f"{count:,} of the {counted(found.n, 'answer')} that {model} did not get right could not be read."
    )
    return Signal("losses without an answer", model, found, found.n, sentence)


def where_read(evidence: Evidence, model: str) -> Signal:
    """The score of the answers that could be read: what the others might score, if they were like these."""
    scores = [None if _is(trial, NO_ANSWER) else trial.score for trial in evidence.greedy[model].trials]
    found = shares(scores, evidence)
    sentence = f"Where {model}'s answer could be read, it scores {share(found)}."
    return Signal("score where read", model, found, found.n, sentence)


def _is(trial: Trial, outcomes: tuple[Outcome, ...]) -> float | None:
    return None if trial.outcome is Outcome.FAILED else float(trial.outcome in outcomes)
