"""Levers that learn from outcomes are fitted inside a study: by whom, on what, and when they are not."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.routing.worlds import specialists

from underdog.answerer import Answer, Failure, Model, Request
from underdog.budget import Purse
from underdog.drive import Driver
from underdog.engines.fake import FakeEngine
from underdog.errors import Declined, StudyError
from underdog.example import Example
from underdog.levers import CascadeRoute, FewShot, Ladder, Render, Route, Scored, Sticky
from underdog.levers.learner import unfitted
from underdog.plan import load_plan
from underdog.reading import Reading
from underdog.retrieval.index import index_of
from underdog.routing.policy import Policy
from underdog.routing.routers import Ridge
from underdog.routing.seen import Seen
from underdog.scorers import Exact
from underdog.store.sinks import MemoryBank
from underdog.studies.crossfit import lessons
from underdog.studies.forecast import Work, forecast
from underdog.studies.learning import School
from underdog.studies.measure import Bench
from underdog.studies.race import Book
from underdog.studies.run import run
from underdog.studies.session import Settings
from underdog.studies.spec import Spec, spec_from
from underdog.task import Task

RATES = {"sums": (1e-6, 1e-6), "verse": (1e-6, 1e-6), "small": (1e-6, 1e-6), "large": (20e-6, 20e-6)}
WORDS = {"sums": "add these numbers and tell the total", "verse": "write a rhyme about the river"}


def subjects(count: int) -> Task:
    """Half of it on sums, half on verse; the right answer is the example's number."""
    kinds = list(WORDS)
    examples = tuple(
        Example(f"e{i}", f"e{i}", ({"role": "user", "content": f"{WORDS[kinds[i % 2]]} {i}"},), str(i))
        for i in range(count)
    )
    return Task("subjects", examples, Exact(), Reading("number"))


def knows(*kinds: str) -> Any:
    """A model that is right on these subjects and nearly always wrong on the others."""

    def reply(request: Request) -> Answer:
        text = str(request.messages[-1]["content"])
        number = int(text.rsplit(" ", 1)[1])
        right = any(WORDS[kind] in text for kind in kinds) or number % 11 == 0
        return Answer(str(number if right else number + 1))

    return reply


class Market:
    """Binds the models of these studies, priced, and counts what they are asked."""

    def __init__(self, **replies: Any) -> None:
        self.engines = {f"fake/{n}": FakeEngine(r, name=n, rates=RATES[n]) for n, r in replies.items()}

    def __call__(self, model: Model) -> FakeEngine:
        return self.engines[model.name]

    @property
    def asked(self) -> int:
        return sum(len(engine.asked) for engine in self.engines.values())


def market() -> Market:
    """`small` knows sums and `verse` verse; `large` knows both and costs twenty times as much."""
    return Market(small=knows("sums"), verse=knows("verse"), large=knows("sums", "verse"))


def spec_of(tmp_path: Any, levers: dict[str, Any], task: Task, **changes: Any) -> Spec:
    models = {"small": "fake/small", "verse": "fake/verse", "large": "fake/large"}
    body = {"name": "s", "task": task, "models": models, "levers": levers, "margin": 0.05, **changes}
    return spec_from(body, tmp_path)


def school(spec: Spec, bind: Any) -> School:
    driver = Driver(bind, MemoryBank(), purse=Purse(spec.budget))
    return School(spec, Book(Bench(spec.task, driver, MemoryBank())), 200)


ROUTE = {"lever": "route", "members": ["small", "verse", "large"]}


@pytest.mark.parametrize(("count", "folds"), [(300, 5), (600, 0)])
def test_a_route_in_a_study_file_is_fitted_raced_certified_and_saved(
    tmp_path: Any, settings: Settings, count: int, folds: int
) -> None:
    """With few examples fold by fold; the plan that is saved carries its router and answers."""
    bound = market()
    spec = spec_of(tmp_path, {"routed": ROUTE}, subjects(count), margin=0.1)
    result = asyncio.run(run(spec, replace(settings, bind=bound)))
    assert result is not None and result.findings.folds == folds
    assert result.findings.winner == "routed" and result.findings.certificate is not None
    [arm] = [arm for arm in result.findings.test if arm.name == "routed"]
    assert (arm.score.estimate or 0.0) > 0.95, "each subject goes to the cheap one that knows it"
    [large] = [arm for arm in result.findings.test if arm.name == "large"]
    assert (arm.cost or 1.0) < 0.2 * (large.cost or 0.0)
    assert result.folder is not None
    plan = load_plan(result.folder).answerer
    assert isinstance(plan, Route) and plan.router is not None and plan.router.content is not None


def ladder_models() -> Market:
    """Two cheap ones that are right together on two of three, and wrong each in its own way on the third."""

    def cheap(other: int) -> Any:
        def reply(request: Request) -> Answer:
            number = int(str(request.messages[-1]["content"]).rsplit(" ", 1)[1])
            return Answer(str(number + other * (number % 3 == 0)))

        return reply

    return Market(small=cheap(1), verse=cheap(2), large=knows("sums", "verse"))


LADDER = {"lever": "ladder", "members": ["small", "verse"], "otherwise": "large"}
SCORED = {"lever": "scored", "members": ["small", "verse"]}


@pytest.mark.parametrize(
    ("lever", "count"),
    [
        pytest.param(LADDER, 350, id="ladder, in folds"),
        pytest.param({"lever": "sticky", "inner": LADDER}, 500, id="ladder inside sticky"),
        pytest.param({"lever": "cascade", "small": SCORED, "large": "large"}, 500, id="scored in a cascade"),
        pytest.param({"lever": "cascaderoute", "members": ["small", "verse", "large"]}, 300, id="any order"),
    ],
)
def test_whatever_looks_at_answers_is_fitted_too(
    tmp_path: Any, settings: Settings, lever: dict[str, Any], count: int
) -> None:
    """Where the cheap ones agree their answer stands; nothing unfitted is served; the forecast holds."""
    bound = ladder_models()
    spec = spec_of(tmp_path, {"learned": lever}, subjects(count), margin=0.08)
    result = asyncio.run(run(spec, replace(settings, bind=bound)))
    assert result is not None and result.findings.winner == "learned"
    [arm] = [arm for arm in result.findings.test if arm.name == "learned"]
    assert (arm.score.estimate or 0.0) > 0.9 and (arm.escalated or 0.0) < 0.45
    assert not any(unfitted(result.plan.answerer))
    assert bound.asked <= result.findings.forecast.most_calls


def test_the_steps_of_a_fitted_ladder_are_certified_from_the_safest_on(
    tmp_path: Any, settings: Settings
) -> None:
    spec = spec_of(tmp_path, {"learned": LADDER}, subjects(600), margin=0.05)
    result = asyncio.run(run(spec, replace(settings, bind=ladder_models())))
    assert result is not None and isinstance(result.plan.answerer, Ladder)
    certificate = result.findings.certificate
    assert certificate is not None and certificate.steps[0].label.startswith("learned: step 1 of ")
    [arm] = [arm for arm in result.findings.test if arm.name == "learned"]
    assert (arm.cost or 1.0) < 0.6 * next(
        one.cost or 0.0 for one in result.findings.test if one.name == "large"
    )


def test_what_the_outcomes_do_not_speak_for_is_left_out_and_the_report_says_why(
    tmp_path: Any, settings: Settings
) -> None:
    """All models know the same: the cheapest alone is as good as any choice."""
    same = Market(**dict.fromkeys(("small", "verse", "large"), knows("sums", "verse")))
    levers = {"routed": ROUTE, "ladder": {**LADDER, "otherwise": "small", "members": ["verse", "large"]}}
    result = asyncio.run(run(spec_of(tmp_path, levers, subjects(500)), replace(settings, bind=same)))
    assert result is not None and result.findings.winner == "small"
    assert result.findings.dropped["routed"].startswith("do not route: on ")
    assert "small alone" in result.findings.dropped["routed"]
    assert result.findings.dropped["ladder"].startswith("do not cascade: ")
    assert [arm.name for arm in result.findings.ladder if arm.name in levers] == []


def test_a_fold_that_does_not_speak_for_a_lever_is_answered_by_its_safest_member(tmp_path: Any) -> None:
    spec = spec_of(tmp_path, {"routed": ROUTE}, subjects(120))
    taught, found = lessons(spec.task), school(spec, market())

    async def fit() -> Any:
        few = spec.task.examples[:20]
        spare = await found.fitted(spec.levers["routed"], few, spare=True)
        with pytest.raises(Declined, match="20 examples in 20 groups are too few to learn from"):
            await found.fitted(spec.levers["routed"], few)
        return spare

    assert asyncio.run(fit()) == spec.read("large") and taught.count == 5


def test_a_member_that_learns_too_never_answers_what_it_learned_from(tmp_path: Any) -> None:
    """Shots inside a route: each half of the examples is answered with demonstrations of the other."""
    shots = {"lever": "fewshot", "inner": "verse", "k": 3}
    levers = {"shots": shots, "routed": {**ROUTE, "members": ["small", "shots", "large"]}}
    bound = market()
    spec = spec_of(tmp_path, levers, subjects(120))
    fitted = asyncio.run(school(spec, bound).fitted(spec.levers["routed"], spec.task.examples))
    assert isinstance(fitted, Route) and isinstance(fitted.members[1], FewShot)
    assert len(fitted.members[1].demonstrations) == 3
    asked = [request.messages for request in bound.engines["fake/verse"].asked if len(request.messages) > 1]
    assert len(asked) == 120 and len({tuple(map(str, one[:-1])) for one in asked}) == 2
    assert all(one[-1] not in one[:-1] for one in asked)


def test_a_wrapped_route_is_fitted_where_it_stands(tmp_path: Any) -> None:
    spec = spec_of(
        tmp_path, {"routed": {"lever": "render", "inner": {"lever": "sticky", "inner": ROUTE}}}, subjects(200)
    )
    fitted = asyncio.run(school(spec, market()).fitted(spec.levers["routed"], spec.task.examples))
    assert isinstance(fitted, Render) and isinstance(fitted.inner, Sticky)
    assert isinstance(fitted.inner.inner, Route) and fitted.inner.inner.router is not None


def test_fitting_twice_asks_once_and_comes_out_the_same(tmp_path: Any) -> None:
    bound = ladder_models()
    spec = spec_of(tmp_path, {"learned": LADDER, "scored": SCORED}, subjects(200))
    found = school(spec, bound)

    async def fit() -> list[Any]:
        again = [spec.levers["learned"], spec.levers["scored"], spec.levers["learned"]]
        return [await found.fitted(lever, spec.task.examples) for lever in again]

    first, scored, second = asyncio.run(fit())
    assert first == second and isinstance(scored, Scored) and bound.asked == 3 * 200


def test_a_price_in_the_file_stands_and_one_left_out_is_fitted(tmp_path: Any) -> None:
    lever = {"lever": "cascaderoute", "members": ["small", "verse", "large"]}
    spec = spec_of(tmp_path, {"open": lever, "dear": {**lever, "price": 1e-9}}, subjects(200))
    found = school(spec, ladder_models())

    async def fit() -> list[Any]:
        return [await found.fitted(spec.levers[name], spec.task.examples) for name in ("open", "dear")]

    fitted, dear = asyncio.run(fit())
    assert isinstance(fitted, CascadeRoute) and (fitted.price or 0.0) > 0.0 and dear.price == 1e-9


def test_where_all_is_test_nothing_can_be_fitted(tmp_path: Any, settings: Settings) -> None:
    task = replace(subjects(60), whole_test=True)
    wrapped = {"lever": "sticky", "inner": ROUTE}
    with pytest.raises(StudyError, match="lever 'routed' must be fitted and `splits: test` leaves nothing"):
        asyncio.run(run(spec_of(tmp_path, {"routed": wrapped}, task), replace(settings, bind=market())))


def test_a_member_named_twice_cannot_be_learned_from(tmp_path: Any, settings: Settings) -> None:
    twice = {**LADDER, "members": ["small", "small"]}
    with pytest.raises(StudyError, match="must name every member once; put a vote around"):
        asyncio.run(run(spec_of(tmp_path, {"twice": twice}, subjects(300)), replace(settings, bind=market())))


def test_members_without_a_known_cost_make_no_cascade(tmp_path: Any) -> None:
    """A model that fails nearly always leaves too little to learn from; said in one sentence."""

    def broken(request: Request) -> Failure:
        return Failure("server_error", "gone")

    bound = Market(small=broken, verse=knows("verse"), large=knows("sums"))
    spec = spec_of(tmp_path, {"learned": LADDER}, subjects(100))
    with pytest.raises(
        Declined, match="only 0 of 100 examples have a score and a cost of small, verse, large"
    ):
        asyncio.run(school(spec, bound).fitted(spec.levers["learned"], spec.task.examples))


@pytest.mark.parametrize("teacher", ["large", "small"])
def test_a_teachers_right_answers_become_demonstrations_as_it_wrote_them(
    tmp_path: Any, settings: Settings, teacher: str
) -> None:
    """The plan that is served shows them and names the teacher no more."""

    def aloud(right: Any) -> Any:
        def reply(request: Request) -> Answer:
            number = int(str(request.messages[-1]["content"]).rsplit(" ", 1)[1])
            shown = sum("Let me see" in str(message["content"]) for message in request.messages)
            return Answer(f"Let me see, it is {number if right(number) or shown else number + 1}")

        return reply

    bound = Market(small=aloud(lambda number: number % 2), large=aloud(lambda number: True))
    lever = {"lever": "fewshot", "inner": "small", "k": 2, "by": "nearest", "teacher": teacher}
    body = {"models": {"small": "fake/small", "large": "fake/large"}, "margin": 0.1}
    task = replace(subjects(600), reading=Reading("regex", pattern=r"it is (\d+)", form="it is {}"))
    spec = spec_from({"name": "s", "task": task, "levers": {"taught": lever}, **body}, tmp_path)
    result = asyncio.run(run(spec, replace(settings, bind=bound)))
    assert result is not None and result.findings.winner == "taught" and result.folder is not None
    [arm] = [arm for arm in result.findings.test if arm.name == "taught"]
    assert arm.score.estimate == 1.0
    plan = load_plan(result.folder).answerer
    assert isinstance(plan, FewShot) and plan.teacher is None and plan.index is not None
    texts = [json.loads(text) for text in (index_of(plan.index).texts[i] for i in range(20))]
    assert all(answer == f"Let me see, it is {user.rsplit(' ', 1)[1]}" for user, answer in texts)
    assert teacher == "large" or all(int(user.rsplit(" ", 1)[1]) % 2 for user, _ in texts)


def test_a_teacher_who_is_seldom_right_is_declined_with_the_reason(tmp_path: Any, settings: Settings) -> None:
    bound = Market(small=knows("sums"), verse=lambda request: Answer("0"), large=knows("sums", "verse"))
    levers = {"taught": {"lever": "fewshot", "inner": "small", "teacher": "verse", "k": 3}}
    result = asyncio.run(run(spec_of(tmp_path, levers, subjects(500)), replace(settings, bind=bound)))
    assert result is not None and "need as many right answers of verse" in result.findings.dropped["taught"]


def test_demonstrations_that_are_not_drawn_yet_are_foreseen_at_their_longest(tmp_path: Any) -> None:
    lever = {"lever": "fewshot", "inner": "small", "k": 3}
    plain, shown = (
        foreseen(spec_of(tmp_path, {"arm": lever if shots else "small"}, subjects(500)))
        for shots in (False, True)
    )
    assert shown > plain


def foreseen(spec: Spec) -> int:
    """The most tokens that the study's levers may take on ten examples of tune."""
    driver = Driver(market(), MemoryBank())
    work = Work(spec.levers, spec.task.split("tune")[:10])
    return forecast(spec.task, [work], driver, lambda fingerprint: None).tokens


def test_a_router_over_a_models_vectors_is_foreseen_without_embedding_anything(tmp_path: Any) -> None:
    """All of its members may be asked, one is at least."""
    table = specialists(300).only(["counter", "poet"])
    fitted = Ridge(1.0).fit(Seen.of(table, np.ones((300, 2), np.float32)))
    policy = Policy(table.answerers, fitted, 1.0, None, "hf/e")
    spec = spec_of(tmp_path, {}, subjects(500))
    lever = Route((spec.read("small"), spec.read("large")), policy.stored)
    work = Work({"routed": lever}, spec.task.split("tune")[:10])
    found = forecast(spec.task, [work], Driver(market(), MemoryBank()), lambda fingerprint: None)
    assert (found.least_calls, found.most_calls) == (10, 20)
