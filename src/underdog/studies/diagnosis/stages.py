"""Which calls a diagnosis makes, cheap first, and which it cannot make and why. Asks nothing itself.

Every stage puts one way of asking to examples: the models as they are, small with its log-probabilities,
samples drawn, demonstrations, the same with other labels, written steps, the passage that holds the answer,
those that the study's own lever finds.
`gather.py` carries them out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from underdog.answerer import Answer, Answerer, Request
from underdog.errors import StudyError
from underdog.example import Example
from underdog.levers.asked import asked_text
from underdog.levers.confident import Confident
from underdog.levers.few_shot import FewShot
from underdog.levers.learner import inside
from underdog.levers.prompt import Prompt
from underdog.levers.read import Read
from underdog.levers.retrieve import Retrieve
from underdog.studies.choosing import LENIENT
from underdog.studies.diagnosis.signals.asking import FOUND, GOLD, SHOTS, SHUFFLED, STEPS, WRONG
from underdog.studies.spec import Spec
from underdog.task import Task

PASSAGE = "passage"
"""The column of the data, kept in `Example.fields`, with the text from which an example can be answered."""

_STEPWISE = "{input}\n\nWork it out step by step, and end with the answer in the form asked for above."
# Room for the steps where a task asks for short answers.
_STEPS_TOKENS = 512
_RECORDED = "its answers are recorded, and a recording cannot answer another prompt"

Wrap: TypeAlias = Callable[[Read], Answerer]
Give: TypeAlias = Callable[[Example, str], Example | None]


def stepwise(inner: Read) -> Answerer:
    """`inner` told to write the steps (zero-shot chain of thought, arXiv 2205.11916)."""
    return Prompt(inner, template=_STEPWISE)


def with_passage(example: Example, passage: str) -> Example | None:
    """The example with a text before its last user message; None where that message is no plain text."""
    messages = list(example.messages)
    last = max((at for at, message in enumerate(messages) if message["role"] == "user"), default=None)
    if last is None or not isinstance(messages[last].get("content"), str):
        return None
    messages[last] = {**messages[last], "content": f"{passage}\n{messages[last]['content']}"}
    return replace(example, messages=tuple(messages))


@dataclass(frozen=True)
class Effort:
    """How much a diagnosis asks, and in which words.

    Attributes:
        examples: every model answers at most so many, a fixed random choice.
        probed: so many of them are also sampled and asked in other ways.
        draws: samples an example, by model.
        temperature: of the samples; that of `Vote`, so that votes find them in the bank.
        shots: demonstrations in a prompt.
        share: the part of the study's budget that a diagnosis may take.
        steps: how a model is told to write its steps.
        give: how a passage is put before a question; None for an example that cannot take one. Where the
            study has a lever that retrieves, its own wording is taken instead, so that they compare.
    """

    examples: int = 240
    probed: int = 120
    draws: Mapping[str, int] = field(default_factory=lambda: {"small": 8, "large": 4})
    temperature: float = 0.7
    shots: int = 4
    share: float = 0.2
    steps: Wrap = stepwise
    give: Give = with_passage


@dataclass(frozen=True)
class Stage:
    """One way of asking: `arms` on `examples` of `task`, `repeats` times each.

    `probe` is "greedy", "confidence", "draws" or the name of a probe in Evidence; `model` is None for
    "greedy", which asks all of them.
    """

    probe: str
    model: str | None
    task: Task
    arms: Mapping[str, Answerer]
    examples: tuple[Example, ...]
    repeats: int = 1

    @property
    def title(self) -> str:
        return self.probe if self.model is None else f"{self.probe} of {self.model}"


def chosen(examples: Sequence[Example], n: int) -> tuple[Example, ...]:
    """At most `n` examples, those whose ids hash lowest, in that order: a prefix is a random choice too."""
    ranked = sorted(examples, key=lambda e: hashlib.sha256(e.id.encode(errors="surrogatepass")).digest())
    return tuple(ranked[:n])


def stages(spec: Spec, examples: Sequence[Example], effort: Effort) -> tuple[list[Stage], dict[str, str]]:
    """The stages over these examples, cheap first, and what no call could bring, with the reason."""
    examples = tuple(examples)
    arms = {name: arm for model in spec.models for name, arm in twice_read(spec, model).items()}
    found = [Stage("greedy", None, spec.task, arms, examples)]
    found.append(Stage("confidence", "small", spec.task, {"small": Confident(spec.read("small"))}, examples))
    missing: dict[str, str] = {}
    for model in ("small", "large"):
        few = examples[: effort.probed]
        found.append(drawn(spec, model, few, effort))
        if spec.models[model].name.startswith("replay/"):
            missing |= {f"{probe} of {model}": _RECORDED for probe in (SHOTS, STEPS, GOLD)}
            continue
        for probes in (shown, stepped, informed):
            for one in probes(spec, model, few, effort):
                if isinstance(one, Stage):
                    found.append(one)
                else:
                    missing |= one
    return found, missing


Found: TypeAlias = Iterator[Stage | dict[str, str]]


def drawn(spec: Spec, model: str, examples: tuple[Example, ...], effort: Effort) -> Stage:
    """Samples, at the task's own temperature where it has one."""
    task = spec.task
    if task.sampling.temperature == 0:
        task = replace(task, sampling=replace(task.sampling, temperature=effort.temperature))
    return Stage("draws", model, task, twice_read(spec, model), examples, effort.draws[model])


def twice_read(spec: Spec, model: str) -> dict[str, Answerer]:
    """A model read strictly, and leniently: the same calls."""
    return {model: spec.read(model), model + LENIENT: spec.read(model, lenient=True)}


def shown(spec: Spec, model: str, examples: tuple[Example, ...], effort: Effort) -> Found:
    """Demonstrations from fit, and for small the same with wrong labels (Min et al., arXiv 2202.12837)."""
    asked = {example.id for example in examples}
    fit = [example for example in spec.task.split("fit") if example.id not in asked]
    lever = FewShot(spec.read(model), effort.shots, seed=spec.seed)
    try:
        right = lever.fit(fit, spec.task.written)
    except StudyError:
        few = f"the fit split has fewer than {effort.shots} examples with a gold answer"
        yield {f"{SHOTS} of {model}": few}
        return
    yield Stage(SHOTS, model, spec.task, {model: right}, examples)
    if model != "small":
        return
    try:
        wrong = replace(lever, labels="shuffled").fit(fit, spec.task.written)
    except StudyError:
        yield {f"{SHUFFLED} of small": "all examples of the fit split have the same answer"}
        return
    yield Stage(SHUFFLED, model, spec.task, {model: wrong}, examples)


def stepped(spec: Spec, model: str, examples: tuple[Example, ...], effort: Effort) -> Found:
    """Steps written before the answer, where there is room for them and the answer can be read after them."""
    if any(example.tools or example.response_format for example in examples):
        yield {f"{STEPS} of {model}": "tools or a response format leave no room for steps"}
        return
    if not read_after_steps(spec.task, examples):
        rule = spec.task.reading.rule
        yield {f"{STEPS} of {model}": f"the reading {rule} does not find an answer that has steps before it"}
        return
    sampling = spec.task.sampling
    task = replace(spec.task, sampling=replace(sampling, max_tokens=max(sampling.max_tokens, _STEPS_TOKENS)))
    yield Stage(STEPS, model, task, {model: effort.steps(spec.read(model))}, examples)


def read_after_steps(task: Task, examples: Sequence[Example]) -> bool:
    """Whether the task's reading finds gold answers, as they are to be written, on a line after others."""
    golds = [gold for example in examples if (gold := task.label(example)) is not None]
    found = [task.reading.read(Answer(f"First this.\n{task.reading.render(gold)}")) for gold in golds]
    return bool(golds) and found == [task.reading.read(Answer(task.reading.render(gold))) for gold in golds]


def informed(spec: Spec, model: str, examples: tuple[Example, ...], effort: Effort) -> Found:
    """The passage with the answer in front of the question, and for small a passage with another answer."""
    told = [example for example in examples if isinstance(example.fields.get(PASSAGE), str)]
    if not told:
        yield {f"{GOLD} of {model}": f"the data have no column named {PASSAGE} with texts"}
        return
    arm: Mapping[str, Answerer] = {model: spec.read(model)}
    lever = retriever(spec)
    give = effort.give if lever is None else worded_by(lever)
    given = [give(example, example.fields[PASSAGE]) for example in told]
    yield Stage(GOLD, model, spec.task, arm, kept(given))
    if model != "small":
        return
    if lever is not None:
        yield Stage(FOUND, model, spec.task, {model: lever}, tuple(told))
    misled = [
        give(example, other.fields[PASSAGE])
        for at, example in enumerate(told)
        if (other := unlike(example, told[at + 1 :] + told[:at])) is not None
    ]
    if misled:
        yield Stage(WRONG, model, spec.task, arm, kept(misled))
    else:
        yield {f"{WRONG} of small": "all examples with a passage have the same answer"}


def retriever(spec: Spec) -> Retrieve | None:
    """The first lever of the study that retrieves, around small alone and without citations; None without."""
    for lever in spec.levers.values():
        for part in inside(lever):
            if isinstance(part, Retrieve):
                return replace(part, inner=spec.read("small"), cite=False)
    return None


def worded_by(lever: Retrieve) -> Give:
    """A passage put before a question as the lever would put it."""

    def give(example: Example, passage: str) -> Example | None:
        asked = Request(example.messages)
        return replace(example, messages=lever.told(asked, [passage]).messages) if asked_text(asked) else None

    return give


def kept(examples: Sequence[Example | None]) -> tuple[Example, ...]:
    return tuple(example for example in examples if example is not None)


def unlike(example: Example, others: Sequence[Example]) -> Example | None:
    """The first of the others with another target and another passage."""
    return next(
        (
            other
            for other in others
            if other.target != example.target and other.fields[PASSAGE] != example.fields[PASSAGE]
        ),
        None,
    )
