"""A task proves itself before money is spent: it is checked against answers whose scores are known.

The gold answer, written out and read back, must score 1; an empty answer and the gold of other examples
must not; duplicates, contradicting targets and leaks between splits are counted. Asks no model.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from underdog.answerer import Answer, canonical, digest
from underdog.errors import DataError
from underdog.example import Example
from underdog.task import SPLITS, Task

# Enough to see a rate of 2 % with a standard error of 0.3 points; the gold check looks at every example.
MOST_PROBED = 2000
MOST_SHOWN = 5
CANDIDATES = 10
TELLS_APART = 0.5
EMPTY_MAY_SCORE = 0.02


@dataclass(frozen=True)
class Finding:
    """One thing that was found. `level` is error (the task measures nothing sound) or warning.

    `where` holds the places of the first few examples, "tickets.jsonl:17"; `count` is over all.
    """

    kind: str
    level: str
    message: str
    count: int = 0
    where: tuple[str, ...] = ()


@dataclass(frozen=True)
class Proof:
    """What checking a task showed. Scores are means in [0, 1], None where they could not be taken.

    `gold`: of the gold answers, rendered and read back. `empty`: of saying nothing. `shuffled`: of another
    example's gold answer. `constant`: of `constant_answer`, the best answer that ignores the input.
    `duplicates`: examples that repeat another's input and target. `conflicts`: examples whose input has
    another target elsewhere. `leaks`: examples whose input stands in a split before theirs as well.
    """

    task: str
    examples: int
    splits: Mapping[str, int]
    gold: float | None
    empty: float | None
    shuffled: float | None
    constant: float | None
    constant_answer: str | None
    duplicates: int
    conflicts: int
    leaks: int
    findings: tuple[Finding, ...]

    @property
    def holds(self) -> bool:
        """Whether there is no error among the findings."""
        return not any(finding.level == "error" for finding in self.findings)

    def insist(self) -> Proof:
        """The proof itself, when it holds.

        Raises:
            DataError: the first error, with the places of the first offenders.
        """
        for finding in self.findings:
            if finding.level == "error":
                raise DataError(f"task {self.task}: {finding.message}")
        return self


def prove(task: Task) -> Proof:
    """Check a task; some seconds for 100,000 examples with a simple scorer."""
    golds = {e.id: gold for e in task.examples if (gold := task.label(e)) is not None}
    inputs = {example.id: content(example) for example in task.examples}
    findings: list[Finding] = []
    if scorer_of(task) is None:
        note = "a judge scores this task: run its control, empty answers, before its scores are believed"
        findings.append(Finding("judged", "warning", note))
    answer, constant = best_constant(task, task.examples)
    missing = [e for e in task.examples if e.target is None and e.id not in golds]
    if missing and task.reference is None:
        findings.append(found("no_target", "warning", "{n} of {all} have no target", missing, task))
    return Proof(
        task=task.name,
        examples=len(task.examples),
        splits={name: len(part) for name, part in task.splits.items()},
        gold=gold_score(task, golds, findings),
        empty=empty_score(task, golds, findings),
        shuffled=shuffled_score(task, golds, findings),
        constant=constant,
        constant_answer=answer,
        duplicates=duplicates(task, inputs, findings),
        conflicts=conflicts(task, inputs, findings),
        leaks=leaks(task, inputs, findings),
        findings=tuple(sorted(findings, key=lambda finding: finding.level != "error")),
    )


def best_constant(task: Task, examples: Sequence[Example]) -> tuple[str | None, float | None]:
    """The answer that scores best when it is given to every example, and its mean score.

    Looks among the 10 most frequent gold answers, on at most 2,000 examples.
    """
    score = scorer_of(task)
    few = [example for example in probed(examples) if example.target is not None]
    golds = Counter(gold for example in few if (gold := task.label(example)) is not None)
    if score is None or not golds:
        return None, None
    means = {one: mean([score(one, e) for e in few]) for one, _ in golds.most_common(CANDIDATES)}
    best = max(means, key=lambda one: means[one] or 0)
    return best, means[best]


def scorer_of(task: Task) -> Callable[[str, Example], float] | None:
    """How the task scores without asking a model, if it does."""
    score: Callable[[str, Example], float] | None = getattr(task.scorer, "score", None)
    return score


def gold_score(task: Task, golds: Mapping[str, str], findings: list[Finding]) -> float | None:
    """The mean score of the gold answers, written out and read back by the task's own reading."""
    score = scorer_of(task)
    unread: list[Example] = []
    wrong: list[Example] = []
    scores: list[float] = []
    for example in task.examples:
        if example.id not in golds or score is None:
            continue
        text = task.reading.render(golds[example.id])
        final = task.reading.read(Answer(text), example.request(task.sampling))
        scores.append(0.0 if final is None else score(final, example))
        if scores[-1] < 1 - 1e-9:
            (unread if final is None else wrong).append(example)
    rule = f"the reading {task.reading.rule}"
    if unread:
        advice = ": give the regex a form, such as 'A: {{}}'" if task.reading.rule == "regex" else ""
        message = f"{{n}} of {{all}} gold answers cannot be read by {rule}{advice}"
        findings.append(found("gold_unread", "error", message, unread, task))
    if wrong:
        message = f"{{n}} of {{all}} gold answers score below 1 after {rule}"
        findings.append(found("gold_wrong", "error", message, wrong, task))
    return mean(scores)


def empty_score(task: Task, golds: Mapping[str, str], findings: list[Finding]) -> float | None:
    """The mean score of an answer that says nothing."""
    score = scorer_of(task)
    few = [example for example in probed(task.examples) if example.id in golds]
    if score is None:
        return None
    final = task.reading.read(Answer(""))
    scores = [max(score("", e), 0.0 if final is None else score(final, e)) for e in few]
    value = mean(scores)
    if value is not None and value > EMPTY_MAY_SCORE:
        lucky = [example for example, one in zip(few, scores, strict=True) if one > 0]
        message = f"an empty answer scores {value:.3f}; {{n}} of {{all}} give it points"
        findings.append(found("empty_scores", "warning", message, lucky, task))
    return value


def shuffled_score(task: Task, golds: Mapping[str, str], findings: list[Finding]) -> float | None:
    """The mean score of the gold answer of the next example, in an order that only the ids decide."""
    score = scorer_of(task)
    few = [example for example in probed(task.examples) if example.id in golds]
    if score is None or len(few) < 2:
        return None
    value = mean([score(golds[few[i - 1].id], example) for i, example in enumerate(few)])
    if value is not None and value > TELLS_APART:
        message = (
            f"the gold answer of another example scores {value:.3f}: nearly all targets are alike, or the "
            "scorer hardly tells them apart"
        )
        findings.append(Finding("shuffled_scores", "warning", message))
    return value


def duplicates(task: Task, inputs: Mapping[str, str], findings: list[Finding]) -> int:
    """How many examples repeat the input and target of an earlier one."""
    seen: set[tuple[str, str]] = set()
    again = []
    for example in task.examples:
        key = (inputs[example.id], spelled(example.target))
        if key in seen:
            again.append(example)
        seen.add(key)
    if again:
        message = "{n} of {all} repeat an earlier one; the certificate counts them as independent"
        findings.append(found("duplicates", "warning", message, again, task))
    return len(again)


def conflicts(task: Task, inputs: Mapping[str, str], findings: list[Finding]) -> int:
    """How many examples have an input that has another target elsewhere."""
    targets: dict[str, set[str]] = defaultdict(set)
    for example in task.examples:
        if example.target is not None:
            targets[inputs[example.id]].add(spelled(example.target))
    torn = [example for example in task.examples if len(targets[inputs[example.id]]) > 1]
    if torn:
        message = "{n} of {all} have an input with two different targets; no answerer can be right on both"
        findings.append(found("conflicts", "warning", message, torn, task))
    return len(torn)


def leaks(task: Task, inputs: Mapping[str, str], findings: list[Finding]) -> int:
    """How many examples of tune, certify and test have an input or a group that an earlier split has."""
    before: set[str] = set()
    leaked = []
    for name in SPLITS:
        part = task.split(name)
        keys = [(f"input {inputs[e.id]}", f"group {e.group}", e) for e in part]
        leaked += [e for key, group, e in keys if key in before or group in before]
        before.update(key for pair in keys for key in pair[:2])
    if leaked:
        message = "{n} of {all} have an input or group that also stands in an earlier split: group them"
        findings.append(found("leaks", "warning", message, leaked, task))
    return len(leaked)


def found(kind: str, level: str, message: str, examples: Sequence[Example], task: Task) -> Finding:
    """A finding about examples; `{n}` and `{all}` in its message are counts."""
    where = tuple(example.place() for example in examples[:MOST_SHOWN])
    text = message.format(n=len(examples), all=f"{len(task.examples)} examples")
    more = ", ..." if len(examples) > len(where) else ""
    return Finding(kind, level, f"{text} ({', '.join(where)}{more})", len(examples), where)


def probed(examples: Sequence[Example]) -> list[Example]:
    """At most 2,000 examples in the order of their ids' hashes: the same ones every time."""
    ranked = sorted(examples, key=lambda e: hashlib.sha256(e.id.encode(errors="surrogatepass")).digest())
    return ranked[:MOST_PROBED]


def content(example: Example) -> str:
    """What is asked, folded so that case and white space make no difference, as a hash."""
    return digest(folded([example.messages, example.tools]))


def folded(value: Any) -> Any:
    """A JSON value with all its texts in lower case and with single spaces."""
    if isinstance(value, str):
        return " ".join(value.casefold().split())
    if isinstance(value, Mapping):
        return {key: folded(one) for key, one in value.items()}
    return [folded(one) for one in value] if isinstance(value, list | tuple) else value


def spelled(value: Any) -> str:
    """A JSON value as one text."""
    return canonical(value).decode()


def mean(values: Sequence[float]) -> float | None:
    """The mean, or None of nothing."""
    return sum(values) / len(values) if values else None
