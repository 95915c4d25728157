"""What a diagnosis asks, of whom, in which order, and what it says of what could not be asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from underdog.answerer import Answer, Model, Request, TokenLogprob
from underdog.budget import Budget, Purse
from underdog.drive import Driver
from underdog.engines.binding import Binder
from underdog.engines.fake import FakeEngine
from underdog.errors import BudgetSpent
from underdog.example import Example
from underdog.levers import FewShot, Prompt, Vote
from underdog.reading import Reading
from underdog.scorers import Exact, Number
from underdog.store import MemoryBank
from underdog.studies.diagnosis.evidence import Evidence
from underdog.studies.diagnosis.gather import diagnosed, gathered
from underdog.studies.diagnosis.stages import Effort, chosen
from underdog.studies.measure import Bench
from underdog.studies.spec import Spec, spec_from
from underdog.task import Task

T = TypeVar("T")
SURE = (TokenLogprob("x", -0.1),)
FEW = Effort(examples=60, probed=40, draws={"small": 4, "large": 3})


def capitals(count: int = 200, **changes: Any) -> Task:
    """Places in one of five towns; every row has a passage that says in which."""
    examples = tuple(
        Example(
            f"e{i}",
            f"e{i}",
            ({"role": "system", "content": "Name the town."}, {"role": "user", "content": f"place {i}"}),
            f"town {i % 5}",
            fields={"passage": f"In place {i} the town is town {i % 5}."},
        )
        for i in range(count)
    )
    return Task("capitals", examples, Exact(), Reading("first_line"), **changes)


def small(request: Request) -> Answer:
    """Says what the passage in front of it says, and guesses by its draw without one."""
    said = str(request.messages[-1]["content"])
    told = said.rpartition("the town is ")[2].partition(".")[0] if "the town is" in said else ""
    guess = told or f"town {sum(request.sample) % 5}"
    return Answer(guess, logprobs=SURE if request.sampling.logprobs else None)


def large(request: Request) -> Answer:
    number = int(str(request.messages[-1]["content"]).rpartition("place ")[2].split()[0])
    return Answer(f"town {number % 5}" if number % 4 else f"town {number % 5}\nsurely")


class Lab:
    """Two scripted models behind one driver and one bank."""

    def __init__(self, **replies: Callable[[Request], Answer]) -> None:
        scripts = {"small": small, "large": large, **replies}
        self.engines = {f"fake/{name}": FakeEngine(reply, name=name) for name, reply in scripts.items()}
        self.bank = MemoryBank()

    def __call__(self, model: Model) -> FakeEngine:
        return self.engines[model.name]

    def asked(self, name: str) -> list[Request]:
        return self.engines[f"fake/{name}"].asked

    def run(self, spec: Spec, work: Callable[[Bench], Awaitable[T]]) -> T:
        """Do some work at the study's bench."""

        async def go() -> T:
            purse = Purse(spec.budget, self.bank.spent())
            async with Driver(self, self.bank, purse=purse) as driver:
                return await work(Bench(spec.task, driver, self.bank))

        return asyncio.run(go())

    def gather(self, spec: Spec, effort: Effort = FEW) -> Evidence:
        return self.run(spec, lambda bench: gathered(spec, bench, spec.task.split("tune"), effort))


def study(task: Task | None = None, **changes: Any) -> Spec:
    models = {"small": "fake/small", "large": "fake/large"}
    body = {"name": "capitals", "task": task or capitals(600), "models": models, **changes}
    return spec_from(body, Path.cwd())


@pytest.fixture(scope="module")
def lab() -> Lab:
    return Lab()


@pytest.fixture(scope="module")
def evidence(lab: Lab) -> Evidence:
    """Gathered once, and read by many tests."""
    return lab.gather(study())


def test_every_model_is_read_strictly_and_leniently_from_the_same_calls(evidence: Evidence) -> None:
    assert [len(evidence.greedy[name].trials) for name in ("small", "large")] == [60, 60]
    for name in ("small", "large"):
        pairs = zip(evidence.greedy[name].trials, evidence.lenient[name].trials, strict=True)
        assert all(strict.calls == lenient.calls for strict, lenient in pairs)
    strict, lenient = (one["large"].scores().mean() for one in (evidence.greedy, evidence.lenient))
    assert strict < lenient == 1


def test_confidence_comes_from_a_call_of_its_own_and_stands_beside_the_greedy_answer(
    evidence: Evidence, lab: Lab
) -> None:
    assert evidence.greedy["small"].confidences().tolist() == pytest.approx([0.9048] * 60, abs=1e-3)
    assert sum(request.sampling.logprobs for request in lab.asked("small")) == 60
    assert not any(request.sampling.logprobs for request in lab.asked("large"))


def test_samples_are_those_that_a_vote_will_find_in_the_bank(evidence: Evidence, lab: Lab) -> None:
    small, large = evidence.draws["small"], evidence.draws["large"]
    assert (len(small.examples), len(small.trials), len(large.trials)) == (40, 160, 120)
    assert {trial.final for trial in small.trials[:4]} == {f"town {draw}" for draw in range(4)}
    pairs = zip(large.trials, evidence.lenient_draws["large"].trials, strict=True)
    assert all(strict.calls == lenient.calls for strict, lenient in pairs)
    spec, before = study(), len(lab.asked("small"))
    example = next(one for one in evidence.examples if one.id == small.examples[0])

    async def vote(bench: Bench) -> Any:
        return await bench.driver.answer(Vote(spec.read("small"), 4), spec.task.request(example))

    assert len(lab.run(spec, vote).calls) == 4 and len(lab.asked("small")) == before


def test_demonstrations_come_from_fit_and_are_those_of_the_prompt_lever(evidence: Evidence, lab: Lab) -> None:
    spec = study()
    shots = FewShot(spec.read("small"), 4).fit(spec.task.split("fit"), spec.task.written)
    shown = [request for request in lab.asked("small") if len(request.messages) == 10]
    right = [
        r
        for r in shown
        if tuple(m["content"] for m in r.messages[2:9:2]) == tuple(d[1] for d in shots.demonstrations)
    ]
    assert len(evidence.probes["shots"]["small"].examples) == len(right) == 40
    wrong = [request for request in shown if request not in right]
    assert len(wrong) == len(evidence.probes["shots, labels shuffled"]["small"].examples) == 40
    for request in wrong:
        users, labels = request.messages[1:9:2], request.messages[2:9:2]
        for (question, gold), user, label in zip(shots.demonstrations, users, labels, strict=True):
            assert user["content"] == question and label["content"] != gold
    assert "large" in evidence.probes["shots"] and "large" not in evidence.probes["shots, labels shuffled"]


def test_a_gold_passage_helps_and_the_passage_of_an_example_with_another_answer_misleads(
    evidence: Evidence,
) -> None:
    gold, wrong = (evidence.probes[name]["small"].scores() for name in ("gold passage", "wrong passage"))
    assert gold.mean() == 1 and wrong.mean() == 0
    assert "wrong passage" in evidence.probes and "large" not in evidence.probes["wrong passage"]


def test_steps_are_asked_for_where_they_can_be_read_and_not_where_the_first_line_is_the_answer() -> None:
    lab = Lab()
    first_line = lab.gather(study())
    assert "steps" not in first_line.probes
    assert first_line.missing["steps of small"] == (
        "the reading first_line does not find an answer that has steps before it"
    )
    task = replace(capitals(600), scorer=Number(), reading=Reading("number"))
    task = replace(task, examples=tuple(replace(one, target=one.id[1:]) for one in task.examples))
    stepped = Lab(small=lambda request: Answer(f"first\n{str(request.messages[-1]['content']).split()[1]}"))
    evidence = stepped.gather(study(task))
    assert evidence.probes["steps"]["small"].scores().mean() == 1
    steps = [one for one in stepped.asked("small") if "step by step" in str(one.messages[-1]["content"])]
    assert len(steps) == 40 and {one.sampling.max_tokens for one in steps} == {512}


def test_steps_and_passages_are_asked_for_in_the_words_of_the_effort() -> None:
    task = replace(capitals(600), scorer=Number(), reading=Reading("number"))
    task = replace(task, examples=tuple(replace(one, target=one.id[1:]) for one in task.examples))
    lab = Lab(small=lambda request: Answer(str(request.messages[-1]["content"]).split()[1]))

    def given(example: Example, passage: str) -> Example:
        question = example.messages[-1]["content"]
        return replace(example, messages=({"role": "user", "content": f"note {passage} {question}"},))

    effort = replace(FEW, steps=lambda inner: Prompt(inner, system="Aloud."), give=given)
    lab.gather(study(task), effort)
    asked = [[str(message["content"]) for message in request.messages] for request in lab.asked("small")]
    assert sum(one[0] == "Aloud." for one in asked) == 40
    assert sum(one[0].startswith("note In place") for one in asked) == 80


def test_without_passages_and_with_too_few_to_show_it_says_so() -> None:
    bare = replace(capitals(600, whole_test=True))
    bare = replace(bare, examples=tuple(replace(one, fields={}) for one in bare.examples))
    spec = study(bare, levers={})
    lab = Lab()
    found = lab.run(spec, lambda bench: gathered(spec, bench, spec.task.examples, FEW))
    assert not found.probes
    assert found.missing["gold passage of small"] == "the data have no column named passage with texts"
    assert found.missing["shots of large"] == "the fit split has fewer than 4 examples with a gold answer"


def test_an_engine_without_log_probabilities_is_told_after_four_calls() -> None:
    lab = Lab(small=lambda request: Answer("town 1"))
    found = lab.gather(study())
    assert found.missing["confidence of small"] == "it gives no log-probabilities"
    assert sum(request.sampling.logprobs for request in lab.asked("small")) == 4
    assert all(trial.confidence is None for trial in found.greedy["small"].trials)


def test_a_probe_that_fails_on_its_first_examples_is_given_up_with_the_reason() -> None:
    from underdog.answerer import Failure

    def picky(request: Request) -> Any:
        long = len(request.messages) > 2
        return Failure("too_long", "eight messages are too many") if long else large(request)

    found = Lab(large=picky).gather(study())
    assert found.missing["shots of large"] == "eight messages are too many"
    assert "large" not in found.probes["shots"] and "large" in found.probes["gold passage"]


def test_recorded_samples_are_draws_and_recordings_answer_no_other_prompt(tmp_path: Path) -> None:
    rows = [
        {"example": f"e{i}", "model": model, "sample": s, "text": f"town {(i + s) % 5}"}
        for i in range(300)
        for model, samples in (("one", 1), ("three", 3))
        for s in range(samples)
    ]
    (tmp_path / "said.jsonl").write_text("\n".join(map(json.dumps, rows)))
    models = {
        name: {"model": f"replay/said.jsonl#{which}", "recorded_prompts_stand": True}
        for name, which in (("small", "three"), ("large", "one"))
    }
    body = {"name": "recorded", "task": capitals(300), "models": models}
    spec = spec_from(body, tmp_path)

    async def go() -> Evidence:
        bank = MemoryBank()
        async with Driver(Binder(base=tmp_path, declared=spec.declared), bank) as driver:
            return await gathered(spec, Bench(spec.task, driver, bank), spec.task.split("tune"), FEW)

    found = asyncio.run(go())
    assert len(found.draws["small"].trials) == 3 * len(found.draws["small"].examples)
    assert not found.probes
    assert "sample 1: said.jsonl has 1 of its samples" in found.missing["draws of large"]
    assert found.missing["confidence of small"] == "it gives no log-probabilities"
    for probe in ("shots of small", "steps of large", "gold passage of small"):
        assert found.missing[probe] == (
            "its answers are recorded, and a recording cannot answer another prompt"
        )


def test_a_diagnosis_keeps_to_its_share_of_the_budget_and_says_what_it_left_out() -> None:
    lab = Lab()
    task = replace(capitals(600), sampling=replace(capitals(1).sampling, max_tokens=8))
    spec = study(task, budget={"tokens": 20_000})
    found = lab.gather(spec)
    assert len(found.greedy["small"].trials) == 60
    spent = lab.bank.spent().tokens
    assert 1_000 < spent <= 4_000
    assert "its calls might take more than is left of the 20 % of the budget that a diagnosis may take" in (
        found.missing.values()
    )


def test_what_the_whole_budget_has_no_room_for_is_missing_unless_it_is_the_greedy_answers() -> None:
    spec = study(budget={"tokens": 100})
    with pytest.raises(BudgetSpent):
        Lab().gather(spec)


def test_the_examples_are_a_fixed_random_choice_and_a_prefix_of_it_is_one_too() -> None:
    task = capitals(100)
    forty = chosen(task.examples, 40)
    assert forty == chosen(tuple(reversed(task.examples)), 40)
    assert forty[:10] == chosen(task.examples, 10)
    assert [one.id for one in forty] != [f"e{i}" for i in range(40)]


def test_the_size_of_a_model_is_read_off_its_flops() -> None:
    from underdog.trial import Spend

    def sized(request: Request) -> Answer:
        return Answer(
            "town 1", spend=Spend(1, tokens_in=9, tokens_cached=4, tokens_out=5, flops=2 * 7e6 * 10)
        )

    found = Lab(small=sized).gather(study())
    assert found.parameters == {"small": 7e6}


def test_a_study_gets_its_diagnosis_from_one_call() -> None:
    lab, spec = Lab(), study()
    found = lab.run(spec, lambda bench: diagnosed(spec, bench, spec.task.split("tune"), FEW))
    assert found.signal("gold passage", "small") is not None
    assert {finding.model for finding in found.bounds if finding.kind == "knowledge-bound"} == {"small"}
    assert found.advice("retrieve").worth_trying
    assert Budget().limited is False and not lab.bank.trials, "a diagnosis leaves no trials behind"
