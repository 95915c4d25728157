"""The contract that every lever keeps, other packages' levers included: a new one is born with its tests."""

from __future__ import annotations

import asyncio
import copy
import inspect
import json
import sys
from dataclasses import FrozenInstanceError, fields, is_dataclass, replace
from typing import Any

import msgspec
import pytest
from tests.routing.worlds import small_policy

from underdog import levers
from underdog.acts.search import search
from underdog.answerer import Act, Answer, Ask, Failure, Model, Request, TokenLogprob, canonical, play
from underdog.drive import Driver
from underdog.engines.fake import FakeEngine
from underdog.levers import Vote, known
from underdog.levers.few_shot import indexed
from underdog.levers.program import Program
from underdog.plan import dump, load, models_of
from underdog.reading import Reading
from underdog.retrieval.index import Index
from underdog.routing.accept import AcceptScore
from underdog.routing.cascade_routing import Estimates
from underdog.store.sinks import MemoryBank

A, B, C = Model("fake/a"), Model("fake/b"), Model("fake/c", adapter="x", revision="r1", dtype="float32")
D = Model("fake/d")
ESTIMATES = Estimates(
    ("a", "b"),
    tuple((AcceptScore((), (), (), bias), AcceptScore((), (), (), 1.0)) for bias in (0.0, 1.0, 0.0, 2.0)),
    (0.25, 0.5),
    (0.125, 0.25),
    (1, 0),
)
SCORE = AcceptScore(("agreeing", "final chars"), (2.0, -0.1), (0.5, 3.0), 0.25, "not worse")

STEPS = {
    "n": 4,
    "width": 2,
    "rounds": 3,
    "delimiter": "\n\n",
    "temperature": 0.2,
    "score": "min",
    "by": "max",
}
DOCUMENTS = Index.of([("d[0:10]", "q is asked"), ("d[11:20]", "nothing here")])
OTHERS = Index.of([("e[0:1]", "q"), ("e[2:3]", "r")]).embedded([[1.0, 0.0], [0.0, 1.0]], "fake/e").stored
POOL = indexed([("q?", "7"), ("other", "8")])

# Another value than the default for every field that holds no answerer (of Read, two of its fields).
OTHER: dict[str, dict[str, Any]] = {
    "abstain": {"threshold": 0.0, "text": "No answer."},
    "agree": {"need": 1},
    "beam": STEPS,
    "bestof": {"n": 3, "by": "sum", "temperature": 0.2, "keep": 0.5, "batch": 2, "enough": 0.9},
    "cascade": {"threshold": 0.25},
    "cascaderoute": {"estimates": ESTIMATES, "price": 0.5},
    "check": {"program": Program("checks.py:right", "d1"), "reading": Reading("number")},
    "compute": {"program": Program("parse.py:formulated", "d1")},
    "confident": {"by": "verbalised"},
    "constrain": {"regex": "[0-9]+"},
    "deepconf": {"by": "tail", "window": 16, "top": 5},
    "dvts": STEPS,
    "judged": {"question": "Right?", "right": ("ja",), "wrong": ("nein",)},
    "ladder": {"scores": (SCORE, SCORE), "trust": (1, 0), "accept": (0.9, 0.6), "defer": (0.1, 0.6)},
    "lookahead": {**STEPS, "ahead": 2},
    "fewshot": {
        "k": 1,
        "by": "nearest",
        "order": "nearest_first",
        "labels": "shuffled",
        "seed": 7,
        "demonstrations": (("one", "1"), ("two", "2")),
        "index": POOL,
    },
    "prompt": {"system": "Be brief.", "template": "Q: {input}"},
    "read": {"rule": "number", "lenient": True},
    "render": {"tools": True},
    "repair": {"most": 1, "enough": 0.5, "unread": ""},
    "reward": {"model": "hf/other", "pool": "min", "delimiter": ";", "identity": "0" * 32},
    "revise": {"rounds": 2, "width": 2, "keep": 1, "by": "max", "temperature": 0.2, "nudge": "Again."},
    "retrieve": {
        "documents": OTHERS,
        "k": 2,
        "by": "hybrid",
        "template": "{input} ({passages})",
        "between": "; ",
        "cite": True,
    },
    "route": {"router": small_policy().stored},
    "scored": {"score": SCORE},
    "shortest": {"n": 3, "m": 2, "temperature": 0.2},
    "solve": {
        "kind": "milp",
        "guide": "As a program.",
        "examples": (("q", "{}"),),
        "most": 0,
        "show": "chosen",
        "words": (("2", "two"),),
        "reading": Reading("number"),
    },
    "split": {"shares": (0.25, 0.75), "keys": ("user",), "salt": 3},
    "sticky": {"span": "turn"},
    "tools": {"functions": (Program("tools.py:f", "d1"),), "server": "files", "most": 2},
    "vote": {"n": 3, "temperature": 0.2, "batch": 2, "sure": 0.9},
}
# What fields without a default are, where they hold no answerer.
NEEDED: dict[str, dict[str, Any]] = {
    "check": {"program": Program("checks.py:right", "d0")},
    "compute": {"program": Program("parse.py:formulated", "d0")},
    "retrieve": {"documents": DOCUMENTS.stored},
    "reward": {"model": "hf/judge"},
    "solve": {"kind": "rules"},
    "tools": {"server": "shop"},
    "constrain": {"regex": "[a-z]+"},
}
# Fields that exclude the one that is tried here; tests of their own try them.
EXCLUDED = {"constrain": {"schema", "choices", "grammar"}}
# The functions behind the tools that levers ask for.
ACTS: dict[str, Any] = {
    "check": lambda **_: {"score": 0.5, "message": "It is too short."},
    "compute": lambda **_: "A(a)",
    "describe": lambda **_: {"type": "function", "function": {"name": "f"}},
    "embed": lambda model, texts: [[1.0, 0.5] for _ in texts],
    "offer": lambda **_: [{"type": "function", "function": {"name": "g"}}],
    "reward": lambda **_: [0.25],
    "search": search,
    "solve": lambda **_: {"status": "infeasible", "answer": None, "values": {}, "message": "nothing fits"},
}
# Levers that go on when an inner answerer fails; their docstrings say so.
CATCHING = {
    *("agree", "beam", "bestof", "cascaderoute", "dvts", "fallback", "ladder", "lookahead", "panel"),
    *("revise", "scored", "shortest", "vote"),
}

REQUEST = Request(
    ({"role": "system", "content": "s"}, {"role": "user", "content": "q"}),
    tools=({"type": "function", "function": {"name": "f"}},),
    extra={"user": "u1"},
    example="e1",
).sampled(temperature=1.0)


def built(name: str, cls: type[Any], others: bool = False) -> Any:
    """A lever of this kind around models; with `others`, no field has its default."""
    made: dict[str, Any] = dict(NEEDED.get(name, {}))
    singles = iter([C, D])
    for f in fields(cls):
        if "Answerer" in str(f.type):
            made[f.name] = (A, B) if "tuple" in str(f.type) else next(singles)
    if others:
        made |= OTHER.get(name, {})
    return cls(**made)


LEVERS = [
    pytest.param(name, cls, others, id=f"{name}{'-others' if others else ''}")
    for name, cls in sorted(known().items())
    for others in ((False, True) if name in OTHER else (False,))
]
every_lever = pytest.mark.parametrize(("name", "cls", "others"), LEVERS)


def reply(effect: Any) -> Any:
    """Answers that differ by model, request and sample, some of them agreeing, all lists of calls."""
    if isinstance(effect, Act):
        file = {} if effect.file is None else {"file": effect.file}
        return msgspec.json.decode(msgspec.json.encode(ACTS[effect.tool.name](**effect.arguments, **file)))
    seed = int.from_bytes(
        canonical([effect.answerer.name, effect.request.digest, effect.request.sample])[-6:-3]
    )
    text = f'[{{"arguments":{{}},"name":"f{seed % 3}"}}]'
    return Answer(text, final=text, logprobs=(TokenLogprob(text, -0.25),))


def leaves(lever: Any, request: Request, given: Any = reply) -> tuple[Any, list[Any]]:
    """What the lever answers, the asks that reached models and the acts that reached tools."""
    asked: list[Any] = []

    def noting(effect: Any) -> Any:
        asked.append(effect)
        return given(effect)

    return play(lever, request, noting), asked


def asks(lever: Any, request: Request) -> list[Ask]:
    """The asks that reached models: some, unless it is a lever without a model."""
    found = [one for one in leaves(lever, request)[1] if isinstance(one, Ask)]
    assert found or not models_of(lever)
    return found


def test_the_one_list_is_sorted_and_named_after_its_classes() -> None:
    assert levers.__all__ == sorted(levers.__all__)
    assert {name.lower() for name in levers.__all__} <= set(known())
    assert all(known()[name.lower()].__name__ == name for name in levers.__all__)


@every_lever
def test_a_lever_is_a_frozen_dataclass_with_docstrings(name, cls, others) -> None:
    lever = built(name, cls, others)
    assert is_dataclass(cls) and cls.__doc__ and sys.modules[cls.__module__].__doc__
    first = fields(cls)[0].name
    with pytest.raises(FrozenInstanceError):
        setattr(lever, first, getattr(lever, first))
    assert hash(lever) == hash(built(name, cls, others)) and lever == built(name, cls, others)


@pytest.mark.parametrize("name", sorted({name.lower() for name in levers.__all__} - {"read"}))
def test_every_field_is_tried_with_another_value_than_its_default(name) -> None:
    needed = NEEDED.get(name, {})
    plain = {
        f.name: needed.get(f.name, f.default) for f in fields(known()[name]) if "Answerer" not in str(f.type)
    }
    other = OTHER.get(name, {})
    assert set(other) == set(plain) - EXCLUDED.get(name, set())
    assert [field for field in other if other[field] == plain[field]] == []


@every_lever
def test_a_lever_loads_as_it_was_dumped(name, cls, others) -> None:
    lever = built(name, cls, others)
    saved = json.loads(json.dumps(dump(lever)))
    assert load(saved) == lever
    nested = Vote(lever, 2)
    assert load(json.loads(json.dumps(dump(nested)))) == nested
    assert type(load(saved)) is cls and canonical(dump(load(saved))) == canonical(dump(lever))


@every_lever
def test_steps_are_a_generator_that_does_nothing_before_it_is_walked(name, cls, others) -> None:
    steps = built(name, cls, others).steps(REQUEST)
    assert inspect.isgenerator(steps)
    steps.close()


@every_lever
def test_a_lever_is_deterministic_given_its_answers_and_leaves_its_request_alone(name, cls, others) -> None:
    request = copy.deepcopy(REQUEST)
    first, second = (leaves(built(name, cls, others), request) for _ in range(2))
    assert first == second and request == REQUEST
    assert isinstance(first[0], Answer) and first[1]


@every_lever
def test_what_a_lever_asks_keeps_the_example_and_its_root_draw(name, cls, others) -> None:
    asked = asks(built(name, cls, others), replace(REQUEST, draw=(5,)))
    assert {ask.request.example for ask in asked} <= {"e1"}
    assert all(ask.request.draw[:1] == (5,) for ask in asked)


@every_lever
def test_draws_are_distinct_when_nested(name, cls, others) -> None:
    """Two draws of a lever never share a sample of a model: they would count one answer twice."""
    lever = built(name, cls, others)
    seen: dict[int, set[Any]] = {}
    for outer in range(2):
        asked = asks(lever, REQUEST.drawn(outer))
        made = [(ask.answerer, ask.request.digest, ask.request.sample) for ask in asked]
        assert len(made) == len(set(made)), "one walk made one sample twice"
        seen[outer] = {one for one in made if one[2] != ()}  # a greedy ask has only one sample
    assert not seen[0] & seen[1]


@every_lever
def test_a_greedy_request_stays_greedy_unless_the_lever_samples_by_itself(name, cls, others) -> None:
    lever = built(name, cls, others)
    asked = asks(lever, REQUEST.sampled(temperature=0.0))
    hot = {ask.request.sampling.temperature for ask in asked if ask.answerer != D or not verifying(cls)}
    assert not asked or hot == ({lever.temperature} if hasattr(lever, "temperature") else {0.0})
    assert {ask.request.sampling.temperature for ask in asked if ask.answerer == D} <= hot | {0.0}


def verifying(cls: type[Any]) -> bool:
    """Whether the second answerer of a lever, D here, is its verifier, who is always asked greedily."""
    return any(f.name == "verifier" for f in fields(cls))


@every_lever
def test_failures_pass_through_unless_the_lever_says_that_it_catches_them(name, cls, others) -> None:
    lost = Failure("server_error", "the model is down")
    lever = built(name, cls, others)
    everything, asked = leaves(lever, REQUEST, lambda effect: lost)
    assert everything == lost
    if name not in CATCHING:
        assert len(asked) == 1, "nothing is asked after a failure that is not caught"
        return
    assert "fail" in cls.__doc__
    first = asked[0]
    one, _ = leaves(lever, REQUEST, lambda effect: lost if effect == first else reply(effect))
    assert isinstance(one, Answer)


@every_lever
def test_the_driver_and_the_stream_answer_as_play_does(name, cls, others) -> None:
    lever = built(name, cls, others)

    def bind(model: Model) -> FakeEngine:
        return FakeEngine(lambda request: reply(Asked(model, request)), name=model.name)

    async def session() -> tuple[Any, str, Any]:
        async with Driver(bind, MemoryBank(), fresh=True, tools=ACTS) as driver:
            whole = (await driver.answer(lever, REQUEST)).result
            pieces = [piece async for piece in driver.stream(lever, REQUEST)]
            return whole, "".join(piece.text for piece in pieces), pieces[-1].answer

    whole, text, streamed = asyncio.run(session())
    played = play(lever, REQUEST, reply)
    assert replace(whole, spend=played.spend, model="") == played
    assert replace(streamed, spend=whole.spend) == whole and text == whole.text
    assert replace(streamed.spend, seconds=whole.spend.seconds) == whole.spend


class Asked:
    def __init__(self, answerer: Model, request: Request) -> None:
        self.answerer, self.request = answerer, request
