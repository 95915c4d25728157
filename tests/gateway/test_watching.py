"""The gateway watches the certificate: on a share of the traffic, beside the answers, within a budget."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from underdog.answerer import Answer, Failure, Model, Request
from underdog.engines.fake import FakeEngine
from underdog.errors import ConfigError, StoreError
from underdog.gateway.watching import Shadow, Watching, notebook_name
from underdog.levers import Cascade, Read
from underdog.plan import Plan, dump
from underdog.store import Ledger, Notebook, Store
from underdog.trial import Spend

SMALL, LARGE = Read(Model("fake/small"), "number"), Read(Model("fake/large"), "number")
ALL = Shadow(share=1.0, dollars=1.0)


def number(request: Request) -> int:
    return int(str(request.messages[-1]["content"]).rsplit(" ", 1)[1])


def off_by(shift: int) -> Callable[[Request], Answer]:
    return lambda request: Answer(str(number(request) + shift))


class House:
    """A gateway over a store, its two models, and the watch beside it."""

    def __init__(self, serve: Any, plan: Any, path: Any) -> None:
        self.serve, self.plan, self.path = serve, plan, path
        self.store: Store | None = None

    def open(
        self,
        large: Any,
        shadow: Shadow = ALL,
        answerer: Any = SMALL,
        *,
        large_is: Any = FakeEngine,
        api_key: str | None = None,
        **evidence: Any,
    ) -> House:
        """Serve with a large model that answers so; the small one is always right."""
        known = {
            "certificate": {"bound": 0.01, "margin": 0.05},
            "fingerprints": {},
            "large": dump(LARGE),
            "disagreement": {"differing": 2, "n": 400},
        }
        self.engines = {
            "fake/small": FakeEngine(off_by(0), name="small"),
            "fake/large": large_is(large, name="large", rates=(1e-3, 1e-3)),
        }
        prints = {name: engine.fingerprint for name, engine in self.engines.items()}
        plan = self.plan(answerer, **(known | {"fingerprints": prints} | evidence))
        self.store = Store(self.path, run="serve")
        self.notes = Notebook.opened(self.store, notebook_name(plan))

        def watching(plan: Plan, driver: Any) -> Watching:
            self.watching = Watching(plan, driver, self.notes, shadow)
            return self.watching

        ledger = Ledger(self.store, "serve")
        bind = lambda model: self.engines[model.name]  # noqa: E731
        self.gateway = self.serve(plan, bind, ledger=ledger, watching=watching, api_key=api_key)
        return self

    def settle(self) -> None:
        asyncio.run_coroutine_threadsafe(self.watching.settled(), self.gateway.loop).result(30)

    def close(self) -> None:
        if self.store is not None:
            self.notes.close()
            self.store.close()

    @property
    def page(self) -> dict[str, Any]:
        self.settle()
        with urllib.request.urlopen(f"{self.gateway.url}/underdog/watch", timeout=30) as response:
            return json.load(response)

    def label(self, **body: Any) -> tuple[int, dict[str, Any]]:
        request = urllib.request.Request(
            f"{self.gateway.url}/underdog/labels", json.dumps(body).encode(), {"content-type": "x"}
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)


@pytest.fixture
def house(serve: Any, studied_plan: Any, tmp_path: Any) -> Any:
    made = House(serve, studied_plan, tmp_path / "served.sqlite")
    yield made
    made.close()


def test_the_large_model_is_asked_beside_the_answer_and_the_difference_is_watched(
    house: House, ask: Any
) -> None:
    client = house.open(off_by(1)).gateway.client()
    assert [ask(client, f"what is {i}").choices[0].message.content for i in range(3)] == ["0", "1", "2"]
    page = house.page
    assert (page["disagreement"]["n"], page["disagreement"]["mean"]) == (3, 1.0)
    assert 0.005 < page["disagreement"]["level"] < 0.05, "the certified rate's bound"
    assert page["loss"]["n"] == 0 and page["shadow"]["dollars"] > 0
    assert set(map(tuple, map(dict.values, page["unlabelled"].values()))) == {
        ("0", "1"), ("1", "2"), ("2", "3"),
    }  # fmt: skip


def test_a_streamed_answer_is_watched_too(house: House, ask: Any) -> None:
    client = house.open(off_by(0)).gateway.client()
    said = "".join(chunk.choices[0].delta.content or "" for chunk in ask(client, "what is 7", stream=True))
    assert said == "7" and house.page["disagreement"]["n"] == 1 and house.page["disagreement"]["mean"] == 0.0


class Unpriced(FakeEngine):
    """Nobody knows what it costs."""

    def bound(self, request: Request) -> Spend:
        return replace(super().bound(request), dollars=None)


class Patient(FakeEngine):
    """Answers once it is let."""

    def __init__(self, reply: Any, **settings: Any) -> None:
        super().__init__(reply, **settings)
        self.let = threading.Event()

    async def generate(self, requests: Sequence[Request]) -> Any:
        assert await asyncio.to_thread(self.let.wait, 30)
        return await super().generate(requests)


def test_the_response_is_there_before_the_shadow_has_answered_and_is_the_same(house: House, ask: Any) -> None:
    """The large model answers only once the client has its answer."""
    client = house.open(off_by(1), large_is=Patient).gateway.client()
    messages = [{"role": "system", "content": "Answer."}, {"role": "user", "content": "what is 4"}]
    whole = client.chat.completions.with_raw_response.create(model="tickets", messages=messages)
    assert whole.parse().choices[0].message.content == "4" and whole.headers["x-underdog-calls"] == "1"
    assert whole.headers["x-underdog-certified"] == "true"
    assert not house.engines["fake/large"].asked
    house.engines["fake/large"].let.set()
    assert house.page["disagreement"]["n"] == 1


def test_a_request_that_the_plan_handed_over_is_not_asked_again_and_never_differs(
    house: House, ask: Any
) -> None:
    """As in the study, where plan and large model share the call; here it would come out otherwise."""
    moods = iter(range(100))
    moody = lambda request: Answer(str(next(moods)))  # noqa: E731
    client = house.open(moody, answerer=Cascade(SMALL, LARGE)).gateway.client()
    for _ in range(3):
        ask(client, "what is 4")
    page = house.page
    assert (page["disagreement"]["n"], page["disagreement"]["mean"]) == (3, 0.0)
    assert len(house.engines["fake/large"].asked) == 3 and page["shadow"]["dollars"] == 0.0


def test_the_budget_is_never_overrun_and_that_nothing_is_watched_is_said_once(
    house: House, ask: Any, caplog: Any
) -> None:
    """Each shadow is bounded beforehand: its prompt and max_tokens at the large model's price."""
    client = house.open(off_by(1), Shadow(1.0, 0.1)).gateway.client()
    with caplog.at_level(logging.WARNING, "underdog.gateway"):
        for i in range(20):
            ask(client, f"what is {i}")
            house.settle()
    page = house.page
    assert 0 < page["disagreement"]["n"] < 20 == page["disagreement"]["n"] + page["shadow"]["missed"]
    assert page["shadow"]["dollars"] <= 0.1
    assert [record.message for record in caplog.records if "budget of shadowing" in record.message] == [
        "the budget of shadowing, $0.1, has no room: nothing is watched"
    ]


def test_a_spent_budget_leaves_no_sample_of_what_cannot_differ(house: House, ask: Any) -> None:
    """Handed-over requests would be free to watch, and would hide the others."""
    client = house.open(off_by(1), Shadow(1.0, 0.0), answerer=Cascade(SMALL, LARGE)).gateway.client()
    ask(client, "what is 4")
    page = house.page
    assert (page["disagreement"]["n"], page["shadow"]["missed"]) == (0, 1)


def test_a_shadow_that_was_under_way_in_a_crash_counts_at_its_bound(house: House, ask: Any) -> None:
    client = house.open(off_by(1), large_is=Patient).gateway.client()
    ask(client, "what is 4")
    kept = 0.0
    for _ in range(1000):
        kept = kept or house.notes.read().get("dollars", 0.0) or time.sleep(0.01) or 0.0
    assert 0.05 < kept < 0.2, "64 tokens to be written, and the prompt"
    house.engines["fake/large"].let.set()
    assert 0 < house.page["shadow"]["dollars"] < kept


def test_a_broken_promise_is_said_once_and_a_restart_goes_on_where_it_stopped(
    house: House, ask: Any, caplog: Any
) -> None:
    def broken() -> int:
        return sum("disagreed on" in record.message for record in caplog.records)

    client = house.open(off_by(1)).gateway.client()
    with caplog.at_level(logging.WARNING, "underdog.gateway"):
        for i in range(4):
            ask(client, f"what is {i}")
            house.settle()
        assert broken() == 1 and "certified" in house.page["disagreement"]["alarm"]
        before = house.page
        house.close()
        client = house.open(off_by(1)).gateway.client()
        assert house.page == before
        ask(client, "what is 9")
        assert house.page["disagreement"]["n"] == 5 and broken() == 1
        house.close()
        house.open(off_by(1), disagreement={"differing": 3, "n": 400})
        assert house.page["disagreement"]["n"] == 0, "another promise is another watch"


def test_labels_that_come_in_late_feed_the_loss_each_once(house: House, ask: Any) -> None:
    client = house.open(lambda request: off_by(number(request) % 2)(request)).gateway.client()
    alike, other = (ask(client, f"what is {i}").id for i in (4, 5))
    house.settle()
    assert house.label(id=alike, plan=1)[1]["loss"]["mean"] == 0.0, "they said the same"
    assert house.label(id=other, plan=1)[0] == 400, "they did not: the large model's score is needed"
    status, page = house.label(id=other, plan=0, large=1)
    assert (status, page["loss"]["n"], page["loss"]["mean"]) == (200, 2, 0.5)
    assert page["loss"]["level"] == 0.05 and page["unlabelled"] == {}
    assert house.label(id=other, plan=0, large=1)[0] == 404, "labelled already"


@pytest.mark.parametrize(
    "body", [{"plan": 2, "large": 1}, {"plan": True, "large": 1}, {"plan": "1"}, {"who": 1}]
)
def test_what_is_no_label_is_refused_and_changes_nothing(house: House, ask: Any, body: Any) -> None:
    client = house.open(off_by(1)).gateway.client()
    name = ask(client, "what is 4").id
    house.settle()
    status, said = house.label(id=name, **body)
    assert status == 400 and said["error"]["message"] and house.page["loss"]["n"] == 0


def test_only_requests_that_the_certificate_speaks_of_are_watched(house: House, ask: Any) -> None:
    client = house.open(off_by(1)).gateway.client()
    ask(client, "what is 4", temperature=0.7)
    assert house.page["disagreement"]["n"] == 0 and not house.engines["fake/large"].asked


def test_a_large_model_that_fails_is_missed_and_no_observation(house: House, ask: Any) -> None:
    client = house.open(lambda request: Failure("server_error", "down")).gateway.client()
    assert ask(client, "what is 4").choices[0].message.content == "4"
    page = house.page
    assert (page["disagreement"]["n"], page["shadow"]["missed"]) == (0, 1)


@pytest.mark.parametrize(
    ("evidence", "said"),
    [
        ({"certificate": None}, "the study gave no certificate"),
        ({"disagreement": None}, "did not keep how often it differs"),
    ],
)
def test_without_a_certified_rate_there_is_nothing_to_watch(house: House, evidence: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        house.open(off_by(0), **evidence)


def test_a_large_model_without_a_price_cannot_be_kept_within_a_budget(house: House) -> None:
    with pytest.raises(ConfigError, match="asks fake/large, whose price is unknown"):
        house.open(off_by(0), large_is=Unpriced)


@pytest.mark.parametrize(("share", "dollars"), [(0.0, 1.0), (1.5, 1.0), (0.5, -1.0)])
def test_a_share_or_a_budget_that_cannot_be_is_refused(share: float, dollars: float) -> None:
    with pytest.raises(ConfigError, match="must"):
        Shadow(share, dollars)


def test_two_processes_cannot_write_to_one_watch(house: House) -> None:
    house.open(off_by(0))
    with Store(house.path) as other, pytest.raises(StoreError, match="is being worked on by"):
        Notebook.opened(other, house.notes.name)


def test_without_shadowing_nothing_is_watched(serve: Any, echo: FakeEngine) -> None:
    url = serve(SMALL, echo).url
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"{url}/underdog/watch", timeout=30)


def test_the_watch_is_behind_the_key(house: House) -> None:
    house.open(off_by(0), api_key="secret")
    with pytest.raises(urllib.error.HTTPError, match="401"):
        _ = house.page
