"""Route: the router's choice is asked and nobody else; its file travels with the plan."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import numpy as np
import pytest
from tests.routing.worlds import small_policy, specialists

from underdog.answerer import Act, Answer, Ask, Failure, Model, Request, play
from underdog.drive import Driver
from underdog.engines.fake import FakeEngine
from underdog.errors import DataError, StudyError
from underdog.levers import Cascade, Route
from underdog.levers.asked import asked_text
from underdog.levers.route import EMBED, routed
from underdog.plan import Plan, dump, files_of, load, load_plan, models_of
from underdog.routing.policy import Policy
from underdog.routing.routers import CategoryTable, Ridge
from underdog.routing.seen import Seen
from underdog.store.sinks import MemoryBank

COUNTER, POET = Model("fake/counter"), Model("fake/poet")
LEVER = Route((COUNTER, POET), small_policy().stored)
SUM = "add the numbers 3 and 4 together and tell the sum"
VERSE = "write a rhyme about river 9 and mountain 8"


def asking(content, **fields):
    return Request(({"role": "system", "content": "s"}, {"role": "user", "content": content}), **fields)


def asked(lever, request):
    """Whom the lever hands over to."""
    effects = []
    play(lever, request, lambda effect: effects.append(effect) or Answer("x"))
    assert [effect.request for effect in effects] == [request]
    return effects[0].answerer


@pytest.mark.parametrize(("text", "member"), [(SUM, COUNTER), (VERSE, POET)])
def test_the_member_that_is_good_at_it_is_asked_and_nobody_else(text, member) -> None:
    assert asked(LEVER, asking(text)) == member
    assert asked(LEVER, asking([{"type": "text", "text": text}, {"type": "image_url"}])) == member


def test_the_last_user_message_decides_in_a_conversation() -> None:
    turns = [("user", SUM), ("assistant", "7"), ("user", VERSE), ("assistant", "...")]
    request = Request(tuple({"role": role, "content": text} for role, text in turns))
    assert asked_text(request) == VERSE and asked(LEVER, request) == POET


@pytest.mark.parametrize(
    "messages", [(), ({"role": "system", "content": "s"},), ({"role": "user", "content": None},)]
)
def test_a_request_without_a_text_is_still_answered_by_one_member(messages) -> None:
    assert asked(LEVER, Request(messages)) in (COUNTER, POET)


def test_without_a_router_the_last_member_is_asked() -> None:
    assert asked(Route((COUNTER, POET)), asking(SUM)) == POET


def test_a_router_of_categories_reads_the_requests_metadata() -> None:
    table = specialists(300).only(["counter", "poet"])
    fitted = CategoryTable().fit(Seen.of(table, np.zeros((300, 0), np.float32)))
    lever = Route((COUNTER, POET), Policy(table.answerers, fitted, 1.0).stored)
    for category, member in (("sums", COUNTER), ("verse", POET)):
        assert asked(lever, asking("?", extra={"metadata": {"category": category}})) == member
    assert asked(lever, asking("?")) in (COUNTER, POET)


def test_vectors_of_a_named_embedder_come_by_an_act_and_its_failure_is_the_levers() -> None:
    table = specialists(300).only(["counter", "poet"])
    seen = np.array([[1, 0] if one == "sums" else [0, 1] for one in table.categories or ()], np.float32)
    policy = Policy(table.answerers, Ridge(1.0).fit(Seen.of(table, seen)), 1.0, None, "hf/embedder")
    lever = Route((COUNTER, POET), policy.stored)
    effects = []

    def reply(effect):
        effects.append(effect)
        return [[0.0, 1.0]] if isinstance(effect, Act) else Answer("x")

    play(lever, asking("whatever"), reply)
    assert effects[0] == Act(EMBED, {"model": "hf/embedder", "texts": ["whatever"]})
    assert isinstance(effects[1], Ask) and effects[1].answerer == POET
    lost = Failure("act_failed", "no embedder")
    assert play(lever, asking("whatever"), lambda effect: lost) == lost


def test_the_driver_performs_the_act_once_for_equal_texts() -> None:
    table = specialists(300).only(["counter", "poet"])
    fitted = Ridge(1.0).fit(Seen.of(table, np.ones((300, 2), np.float32)))
    lever = Route((COUNTER, POET), Policy(table.answerers, fitted, 1.0, None, "hf/e").stored)
    calls = []

    def embed(model, texts):
        calls.append((model, texts))
        return [[1.0, 0.0] for _ in texts]

    async def session():
        bind = lambda model: FakeEngine(lambda request: model.name, name=model.name)  # noqa: E731
        async with Driver(bind, MemoryBank(), tools={"embed": embed}) as driver:
            return [(await driver.answer(lever, asking("same"))).result for _ in range(2)]

    first, second = asyncio.run(session())
    assert first.text == second.text and calls == [("hf/e", ["same"])]


def test_as_many_members_as_the_router_knows_are_needed() -> None:
    with pytest.raises(StudyError, match=r"2 answerers \(counter, poet\).*got 1"):
        Route((COUNTER,), small_policy().stored)


def test_members_are_put_into_the_routers_order_by_name() -> None:
    lever = routed(small_policy(), {"poet": POET, "counter": COUNTER, "other": Model("fake/other")})
    assert lever == LEVER
    with pytest.raises(StudyError, match="asks 'poet', which is not among the members given"):
        routed(small_policy(), {"counter": COUNTER})


# The router's file and the plan


def test_a_plan_saves_the_routers_file_beside_it_and_decides_the_same_when_loaded(tmp_path) -> None:
    plan = Plan("routed", Cascade(LEVER, POET, 0.5), {"n": 3})
    plan.save(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"plan.json", LEVER.router.name}
    again = load_plan(tmp_path)
    assert again.answerer == plan.answerer and again.digest == plan.digest
    for text in (SUM, VERSE):
        assert asked(again.answerer.small, asking(text)) == asked(LEVER, asking(text))
    assert models_of(again.answerer) == (COUNTER, POET) and files_of(again.answerer) == (LEVER.router,)
    assert len((tmp_path / "plan.json").read_text()) < 2_000, "the plan names the file and no more"


def test_a_plan_whose_router_is_missing_or_another_is_refused(tmp_path) -> None:
    Plan("routed", LEVER).save(tmp_path)
    file = tmp_path / LEVER.router.name
    file.write_bytes(small_policy(0.25).content)
    with pytest.raises(StudyError, match="holds something else than its name says"):
        load_plan(tmp_path)
    file.unlink()
    with pytest.raises(DataError, match=r"cannot be read .* beside the plan"):
        load_plan(tmp_path)


def test_a_name_in_a_strangers_plan_never_leaves_its_folder(tmp_path) -> None:
    outside = tmp_path / "outside.safetensors"
    outside.write_bytes(small_policy().content)
    Plan("routed", LEVER).save(tmp_path / "run")
    body = json.loads((tmp_path / "run" / "plan.json").read_text())
    body["answerer"]["router"]["file"] = "../outside.safetensors"
    (tmp_path / "run" / "plan.json").write_text(json.dumps(body))
    with pytest.raises(DataError, match="cannot be read"):
        load_plan(tmp_path / "run")


def test_a_study_file_names_the_router_by_its_path(tmp_path) -> None:
    small_policy().save(tmp_path / "router.safetensors")
    raw = {"lever": "route", "members": ["fake/counter", "fake/poet"], "router": "router.safetensors"}
    assert load(raw, base=tmp_path) == LEVER
    with pytest.raises(DataError, match="cannot be read"):
        load(raw | {"router": "none.safetensors"}, base=tmp_path)
    (tmp_path / "notes.txt").write_text("no router")
    with pytest.raises(DataError, match="must be safetensors"):
        load(raw | {"router": "notes.txt"}, base=tmp_path)
    with pytest.raises(StudyError, match="must be the path of a file; got 7"):
        load(raw | {"router": 7}, base=tmp_path)


def test_a_lever_loaded_without_its_folder_is_whole_but_cannot_be_asked(tmp_path) -> None:
    bare = load(dump(LEVER))
    assert bare == LEVER and replace(bare) == LEVER
    with pytest.raises(DataError, match="not at hand"):
        play(bare, asking(SUM), [Answer("x")])
    with pytest.raises(DataError, match="not at hand"):
        bare.router.write(tmp_path)
