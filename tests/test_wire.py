"""wire.py: what OpenAI clients send arrives whole, and what goes out reads back as the same thing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from underdog.answerer import Answer, Request, Sampling, TokenLogprob, ToolCall
from underdog.trial import Spend
from underdog.wire import (
    READ_FIELDS,
    Delivery,
    Stamp,
    WireError,
    answer_from,
    body_from,
    cache_written_from,
    choice_from,
    chunks_from,
    completion_from,
    delivery_from,
    error_body,
    request_from,
    sse,
    usage_chunk,
    usage_from,
)

STAMP = Stamp("chatcmpl-1", "house/small", 1_700_000_000)
HELLO = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e6, 1e6) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
objects = st.dictionaries(st.text(), json_values, max_size=4)
messages = st.lists(
    st.builds(lambda role, rest: rest | {"role": role}, st.text(), objects), min_size=1, max_size=3
)
samplings = st.builds(
    Sampling,
    temperature=st.floats(0, 2),
    top_p=st.floats(0, 1),
    max_tokens=st.integers(1, 10**6),
    stop=st.lists(st.text(), max_size=3).map(tuple),
    seed=st.none() | st.integers(-(2**53), 2**53),
    logprobs=st.booleans(),
    top_logprobs=st.integers(0, 20),
)
requests = st.builds(
    Request,
    messages=messages.map(tuple),
    tools=st.lists(objects, max_size=2).map(tuple),
    tool_choice=st.none() | st.text() | objects,
    response_format=st.none() | objects,
    sampling=samplings,
    extra=st.dictionaries(st.text().filter(lambda name: name not in READ_FIELDS), json_values, max_size=3),
)
finite = st.floats(-100, 0)
answers = st.builds(
    Answer,
    text=st.text(),
    tool_calls=st.lists(st.builds(ToolCall, st.text(), st.text(), st.text()), max_size=2).map(tuple),
    finish=st.sampled_from(["stop", "length", "tool_calls", "content_filter", "unknown"]),
    logprobs=st.none()
    | st.lists(
        st.builds(
            TokenLogprob, st.text(), finite, st.lists(st.tuples(st.text(), finite), max_size=2).map(tuple)
        ),
        max_size=3,
    ).map(tuple),
    reasoning=st.none() | st.text(min_size=1),
    refusal=st.none() | st.text(min_size=1),
)


@given(requests)
@settings(max_examples=50, deadline=None)
def test_a_request_survives_the_wire(request_: Request) -> None:
    body = json.loads(json.dumps(body_from(request_, "some-model")))
    assert body["model"] == "some-model"
    assert request_from(body) == request_
    assert request_from(body).digest == request_.digest


@given(answers)
@settings(max_examples=50, deadline=None)
def test_an_answer_survives_the_wire(answer: Answer) -> None:
    assert answer_from(json.loads(json.dumps(choice_from(answer)))) == answer


@given(objects | st.lists(json_values) | st.text() | st.none())
@settings(max_examples=60, deadline=None)
def test_any_json_is_a_request_or_a_wire_error(body: Any) -> None:
    try:
        request_from(body)
    except WireError as problem:
        assert str(problem)
    else:
        raise AssertionError("no body without messages is a request")


@given(objects, st.sampled_from(["message", "finish_reason", "logprobs", "nothing"]), json_values)
@settings(max_examples=60, deadline=None)
def test_any_json_is_a_choice_or_a_wire_error(choice: dict[str, Any], field: str, value: Any) -> None:
    choice = {"message": {"content": "x", **choice}, field: value}
    try:
        assert isinstance(answer_from(choice), Answer)
    except WireError as problem:
        assert problem.param


def test_openais_defaults_stand_where_the_body_is_silent() -> None:
    sampling = request_from(HELLO).sampling
    assert (sampling.temperature, sampling.top_p, sampling.seed, sampling.stop) == (1.0, 1.0, None, ())
    assert sampling.max_tokens > 0
    assert request_from(HELLO, Sampling(temperature=0.3, max_tokens=7)).sampling == Sampling(
        temperature=0.3, max_tokens=7
    )


def test_max_completion_tokens_means_max_tokens_and_wins() -> None:
    assert request_from(HELLO | {"max_tokens": 5}).sampling.max_tokens == 5
    assert request_from(HELLO | {"max_completion_tokens": 6}).sampling.max_tokens == 6
    assert request_from(HELLO | {"max_tokens": 5, "max_completion_tokens": 6}).sampling.max_tokens == 6


def test_stop_may_be_one_string_or_several() -> None:
    assert request_from(HELLO | {"stop": "END"}).sampling.stop == ("END",)
    assert request_from(HELLO | {"stop": ["a", "b"]}).sampling.stop == ("a", "b")


def test_null_means_absent() -> None:
    nulls = dict.fromkeys(["tools", "temperature", "stop", "seed", "logprobs", "response_format"])
    assert request_from(HELLO | nulls) == request_from(HELLO)


def test_nested_tools_schemas_and_images_arrive_as_they_were_sent() -> None:
    tool = {
        "type": "function",
        "function": {
            "name": "book",
            "strict": True,
            "parameters": {
                "type": "object",
                "properties": {"legs": {"type": "array", "items": {"$ref": "#/$defs/leg"}}},
                "$defs": {"leg": {"type": "object", "properties": {"to": {"enum": ["X", "Y"]}}}},
            },
        },
    }
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}}
    content = [{"type": "text", "text": "what is it?"}, image, {"type": "hologram", "hologram": {"x": 1}}]
    body = {
        "model": "m",
        "messages": [{"role": "user", "content": content, "name": "ann"}],
        "tools": [tool, {"type": "custom", "custom": {"name": "sql"}}],
        "tool_choice": {"type": "function", "function": {"name": "book"}},
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "a", "schema": {"type": "object"}},
        },
        "parallel_tool_calls": False,
        "reasoning_effort": "low",
        "logit_bias": {"50256": -100},
        "metadata": None,
    }
    request = request_from(body)
    again = body_from(request, "m")
    assert {name: again[name] for name in body} == body
    assert set(request.extra) == {"parallel_tool_calls", "reasoning_effort", "logit_bias", "metadata"}


def test_how_an_answer_is_delivered_is_no_part_of_what_is_asked() -> None:
    asked = HELLO | {"n": 3, "stream": True, "stream_options": {"include_usage": True}}
    assert delivery_from(asked) == Delivery("m", 3, True, True)
    assert delivery_from(HELLO) == Delivery("m", 1, False, False)
    assert request_from(asked).digest == request_from(HELLO).digest


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"messages": None}, "messages"),
        ({"messages": "hello"}, "messages"),
        ({"messages": ["hello"]}, "messages"),
        ({"messages": [{"content": "hello"}]}, "messages[0].role"),
        ({"temperature": "warm"}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"stop": [1]}, "stop"),
        ({"tools": {"name": "x"}}, "tools"),
        ({"tool_choice": 3}, "tool_choice"),
        ({"response_format": "json"}, "response_format"),
        ({"logprobs": 3}, "logprobs"),
        ({"seed": "abc"}, "seed"),
    ],
)
def test_a_malformed_field_is_named_in_one_sentence(change: dict[str, Any], param: str) -> None:
    with pytest.raises(WireError) as raised:
        request_from(HELLO | change)
    assert raised.value.param == param
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("change", [{"n": 0}, {"n": "two"}, {"model": None}, {"model": 3}, {"stream": "yes"}])
def test_a_malformed_delivery_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(WireError):
        delivery_from(HELLO | change)


def test_other_servers_words_for_the_finish_are_read_and_silence_is_not_a_stop() -> None:
    def finish(reason: Any) -> str:
        return answer_from({"message": {"content": ""}, "finish_reason": reason}).finish

    assert [finish(r) for r in ("stop", "eos", "end_turn", "max_tokens", "MAX_TOKENS", "tool_use")] == [
        "stop",
        "stop",
        "stop",
        "length",
        "length",
        "tool_calls",
    ]
    assert finish("SAFETY") == "content_filter"
    assert finish(None) == "unknown"
    assert finish("abducted") == "abducted"


def test_reasoning_refusal_and_content_parts_are_read() -> None:
    parts = [{"type": "text", "text": "one "}, {"type": "text", "text": "two"}]
    message = {"content": parts, "reasoning": "hm", "refusal": None}
    answer = answer_from({"message": message, "finish_reason": "stop"}, "m-2")
    assert (answer.text, answer.reasoning, answer.refusal, answer.model) == ("one two", "hm", None, "m-2")
    assert answer_from({"message": {"content": None, "refusal": "I cannot"}}).refusal == "I cannot"
    assert answer_from({"message": {"content": "a", "reasoning_content": "b"}}).reasoning == "b"


def test_tool_arguments_that_come_as_an_object_become_their_json_text() -> None:
    call = {"id": "c", "function": {"name": "f", "arguments": {"b": 1, "a": 2}}}
    answer = answer_from({"message": {"content": None, "tool_calls": [call]}})
    assert answer.tool_calls == (ToolCall("f", '{"a":2,"b":1}', "c"),)


def test_logprobs_of_older_servers_are_read_from_their_columns() -> None:
    columns = {"tokens": ["a", "b"], "token_logprobs": [-0.1, -2], "top_logprobs": [{"a": -0.1}, None]}
    answer = answer_from({"message": {"content": "ab"}, "logprobs": columns})
    assert answer.logprobs == (TokenLogprob("a", -0.1, (("a", -0.1),)), TokenLogprob("b", -2.0))
    assert answer_from({"message": {"content": "ab"}, "logprobs": {"probs": []}}).logprobs is None
    with pytest.raises(WireError):
        answer_from({"message": {"content": "ab"}, "logprobs": {"content": [{"token": "a"}]}})


def test_usage_counts_cached_reasoning_and_written_tokens() -> None:
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 30,
        "total_tokens": 130,
        "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 20, "image_tokens": 5},
        "completion_tokens_details": {"reasoning_tokens": 10},
    }
    spend = usage_from({"usage": usage})
    assert spend == Spend(1, 100, 60, 30, 10, 5)
    assert cache_written_from({"usage": usage}) == 20


def test_reasoning_left_out_of_the_completion_tokens_is_added_when_the_total_says_so() -> None:
    usage = {"prompt_tokens": 5, "completion_tokens": 3, "completion_tokens_details": {"reasoning_tokens": 7}}
    assert usage_from({"usage": usage | {"total_tokens": 15}}).tokens_out == 10  # type: ignore[union-attr]
    assert usage_from({"usage": usage | {"total_tokens": 8}}).tokens_out == 3  # type: ignore[union-attr]


@pytest.mark.parametrize("usage", [None, "12", {}, {"prompt_tokens": 0, "completion_tokens": 0}])
def test_missing_usage_is_none_and_not_zero(usage: Any) -> None:
    assert usage_from({"usage": usage}) is None


def test_the_openai_client_reads_completions_chunks_and_their_usage() -> None:
    answer = Answer(
        "two words",
        tool_calls=(ToolCall("f", "{}", "call_1"),),
        finish="tool_calls",
        logprobs=(TokenLogprob("two", -0.5, (("zwei", -1.0),)),),
        spend=Spend(1, 10, 4, 6, 2),
    )
    whole = ChatCompletion.model_validate(completion_from([answer, answer], STAMP))
    assert whole.choices[1].message.content == "two words"
    assert whole.usage is not None and whole.usage.total_tokens == 32
    chunks = [ChatCompletionChunk.model_validate(c) for c in chunks_from(answer, STAMP)]
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == "two words"
    assert [c.choices[0].finish_reason for c in chunks] == [None, None, "tool_calls"]
    last = ChatCompletionChunk.model_validate(usage_chunk(answer.spend, STAMP))
    assert last.choices == [] and last.usage is not None and last.usage.prompt_tokens == 10


def test_events_and_errors_are_in_openais_shape() -> None:
    assert sse("[DONE]") == b"data: [DONE]\n\n"
    assert sse({"a": "ä\n"}) == 'data: {"a":"ä\\n"}\n\n'.encode()
    assert error_body("no", "server_error", "boom") == {
        "error": {"message": "no", "type": "server_error", "param": None, "code": "boom"}
    }
