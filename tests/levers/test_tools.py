"""Tools: calls run one a step, errors go back to the model, the client's own tools are the client's."""

from __future__ import annotations

import asyncio
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from underdog.acts import Acts
from underdog.answerer import Act, Answer, Failure, Model, Request, Tool, ToolCall, play
from underdog.config import Config
from underdog.drive import Driver
from underdog.engines.fake import FakeEngine
from underdog.errors import ConfigError, StudyError
from underdog.levers import Tools
from underdog.levers.program import Program
from underdog.levers.tools import LATER
from underdog.store.sinks import MemoryBank

MODEL = Model("fake/small")
ADD = Program("tools.py:add", "d1")
LEVER = Tools(MODEL, (ADD,))
ASKED = Request(({"role": "user", "content": "2 + 3?"},))
THEIRS = {"type": "function", "function": {"name": "open_door", "parameters": {"type": "object"}}}


def calls(*wanted: tuple[str, str], text: str = "") -> Answer:
    made = tuple(ToolCall(name, arguments, f"id{n}") for n, (name, arguments) in enumerate(wanted))
    return Answer(text, tool_calls=made, finish="tool_calls")


def played(
    lever: Tools, answers: list[Any], results: list[Any], request: Request = ASKED
) -> tuple[Any, list[Request], list[Act]]:
    """What came out, what the model was asked, and the acts of calls."""
    asked: list[Request] = []
    acts: list[Act] = []
    told, came = iter(answers), iter(results)

    def reply(effect: Any) -> Any:
        if not isinstance(effect, Act):
            asked.append(effect.request)
            return next(told)
        if effect.tool.name == "describe":
            return {"type": "function", "function": {"name": effect.arguments["program"].split(":")[1]}}
        if effect.tool.name == "offer":
            return [{"type": "function", "function": {"name": name}} for name in ("find", "add")]
        acts.append(effect)
        return next(came)

    return play(lever, request, reply), asked, acts


def test_a_call_runs_and_its_result_goes_back():
    answer, asked, [act] = played(LEVER, [calls(("add", '{"a":2,"b":3}')), Answer("5")], ["5"])
    assert answer.text == "5"
    assert act.tool.name == "call" and act.tool.version == "d1"
    assert act.arguments == {"program": "tools.py:add", "digest": "d1", "arguments": {"a": 2, "b": 3}}
    assert [tool["function"]["name"] for tool in asked[0].tools] == ["add"]
    assistant, result = asked[1].messages[1:]
    assert assistant["tool_calls"][0]["id"] == result["tool_call_id"] == "id0"
    assert (result["role"], result["content"]) == ("tool", "5")


def test_what_is_called_besides_is_told_to_wait():
    two = calls(("add", "{}"), ("add", '{"a":1}'))
    _, asked, acts = played(LEVER, [two, Answer("done")], ["5"])
    assert len(acts) == 1
    assert [message["content"] for message in asked[1].messages[2:]] == ["5", LATER]


@pytest.mark.parametrize(
    ("call", "result", "told"),
    [
        (("sing", "{}"), None, "Error: there is no tool 'sing'; there are add"),
        (("add", "{a: 2"), None, "Error: the arguments are not JSON"),
        (("add", "[2, 3]"), None, "Error: the arguments must be a JSON object; got [2, 3]"),
        (("add", ""), "0", "0"),
        (("add", "{}"), Failure("act_failed", "the arguments do not fit"), "Error: the arguments do not fit"),
        (("add", "{}"), Failure("timeout", "it took longer than 10 s"), "Error: it took longer than 10 s"),
    ],
)
def test_what_goes_wrong_is_told_to_the_model(call, result, told):
    answer, asked, acts = played(LEVER, [calls(call), Answer("sorry")], [result])
    assert answer.text == "sorry"
    assert asked[1].messages[-1]["content"].startswith(told)
    assert len(acts) == (result is not None)


def test_after_so_many_steps_it_answers_without_tools():
    lever = replace(LEVER, most=2)
    again = calls(("add", "{}"))
    answer, asked, acts = played(lever, [again, again, Answer("enough")], ["1", "2"])
    assert answer.text == "enough" and len(acts) == 2
    assert [len(request.tools) for request in asked] == [1, 1, 0]


def test_a_clients_tool_ends_the_turn_and_what_was_done_rides_in_the_text():
    request = replace(ASKED, tools=(THEIRS,), tool_choice="required")
    steps = [calls(("add", '{"a":2}')), calls(("open_door", '{"n":5}'), ("add", "{}"), text="Opening.")]
    answer, asked, _ = played(LEVER, steps, ["5"], request)
    assert answer.text == 'add({"a":2}) -> 5\nOpening.'
    assert [call.name for call in answer.tool_calls] == ["open_door"] and answer.finish == "tool_calls"
    assert [tool["function"]["name"] for tool in asked[0].tools] == ["open_door", "add"]
    assert (asked[0].tool_choice, asked[1].tool_choice) == ("required", None)


def test_a_name_is_the_clients_before_it_is_ours():
    request = replace(ASKED, tools=({"type": "function", "function": {"name": "add"}},))
    answer, asked, acts = played(LEVER, [calls(("add", "{}"))], [], request)
    assert answer.tool_calls[0].name == "add" and not acts and len(asked[0].tools) == 1


def test_a_client_that_wants_no_tools_gets_none():
    answer, [asked], _ = played(LEVER, [Answer("five")], [], replace(ASKED, tool_choice="none"))
    assert answer.text == "five" and asked.tools == ()


def test_functions_come_before_a_servers_tools_of_the_same_name():
    lever = Tools(MODEL, (ADD,), "shop")
    steps = [calls(("add", "{}")), calls(("find", '{"x":1}')), calls(("find", '{"x":1}')), Answer("ok")]
    results = ["5", {"text": "a pen", "error": False}, {"text": "sold out", "error": True}]
    _, asked, acts = played(lever, steps, results)
    assert [act.tool.name for act in acts] == ["call", "use", "use"]
    assert acts[1].arguments["server"] == "shop"
    assert acts[1].arguments["turn"] != acts[2].arguments["turn"]  # a second order is a second order
    assert [request.messages[-1]["content"] for request in asked[2:]] == ["a pen", "Error: sold out"]


def test_tools_that_cannot_be_described_are_the_failure_of_the_lever():
    lost = Failure("act_failed", "the tool server shop cannot be reached")
    assert play(Tools(MODEL, server="shop"), ASKED, lambda effect: lost) == lost


def test_tools_are_functions_or_a_server_and_names_are_unique():
    with pytest.raises(StudyError, match="got neither"):
        Tools(MODEL)
    with pytest.raises(StudyError, match="a name of its own; got add, add"):
        Tools(MODEL, (ADD, Program("other.py:add", "d2")))
    with pytest.raises(ConfigError, match="no tool server is called 'shop'"):
        Acts(FakeEngine, config=Config({})).admit(Tools(MODEL, server="shop"))


def test_typed_functions_are_described_called_and_checked_in_their_own_process(tmp_path: Path):
    (tmp_path / "tools.py").write_text(
        textwrap.dedent(
            '''
            from __future__ import annotations
            from dataclasses import dataclass
            from typing import Literal

            @dataclass
            class Line:
                item: str
                pieces: int = 1

            Speed = Literal["slow", "fast"]

            def order(lines: list[Line], speed: Speed = "slow", tags: list[str] = []) -> dict:
                """Order things.

                More about it.

                Args:
                    lines: what is wanted
                    speed (str): how soon
                """
                tags.append(speed)
                return {"pieces": sum(line.pieces for line in lines), "tags": tags}

            async def later(n: int) -> str:
                """Wait."""
                return "n" * n

            def anything(*what): ...
            '''
        )
    )
    order, later, anything = (
        Program.read(f"tools.py:{name}", tmp_path) for name in ("order", "later", "anything")
    )

    async def go() -> dict[str, Any]:
        async with Acts(FakeEngine, base=tmp_path, allow_code=True) as acts:

            async def call(one: Program, **arguments: Any) -> Any:
                return await acts["call"](one.name, one.digest, arguments)

            return {
                "told": await acts["describe"](order.name, order.digest),
                "loose": await acts["describe"](anything.name, anything.digest),
                "done": [await call(order, lines=[{"item": "pen", "pieces": 2}], speed="fast") for _ in "ab"],
                "late": await call(later, n=3),
                "unfit": [
                    (await call(order, lines=[{"item": "pen", "pieces": "two"}])).message,
                    (await call(order, lines=[], speed="now")).message,
                    (await call(order, what=1)).message,
                    (await call(order)).message,
                ],
            }

    came = asyncio.run(go())
    function = came["told"]["function"]
    assert (function["name"], function["description"]) == ("order", "Order things.")
    properties = function["parameters"]["properties"]
    assert properties["lines"]["description"] == "what is wanted"
    assert properties["speed"] == {"enum": ["fast", "slow"], "description": "how soon", "default": "slow"}
    assert function["parameters"]["required"] == ["lines"]
    assert function["parameters"]["$defs"]["Line"]["required"] == ["item"]
    assert "must be given by name; got *what" in came["loose"].message
    assert came["done"] == ['{"pieces":2,"tags":["fast"]}'] * 2  # a default is not shared between calls
    assert came["late"] == "nnn"
    for said, message in zip(
        ("$.lines[0].pieces", "$.speed", "`what`", "`lines`"), came["unfit"], strict=True
    ):
        assert "the arguments do not fit" in message and said in message


def test_an_effect_is_had_by_each_who_asks_for_it():
    """Two clients that order the same at the same time order twice; a pure act is shared."""
    count = {"use": 0, "call": 0}

    async def use(**_: Any) -> dict[str, Any]:
        count["use"] += 1
        await asyncio.sleep(0.01)
        return {"text": "ordered", "error": False}

    async def call(**_: Any) -> str:
        count["call"] += 1
        await asyncio.sleep(0.01)
        return "5"

    use.has_effects = True  # type: ignore[attr-defined]

    async def go() -> None:
        tools = {"use": use, "call": call}
        async with Driver(FakeEngine, MemoryBank(), tools=tools) as driver:
            acts = [Act(Tool(name), {"x": 1}) for name in ("use", "use", "call", "call")]
            await asyncio.gather(*(driver.act(act) for act in acts))

    asyncio.run(go())
    assert count == {"use": 2, "call": 1}
