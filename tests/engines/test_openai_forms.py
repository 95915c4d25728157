"""What each kind of server is sent when the form of its answer is demanded, and what comes back."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import replace
from typing import Any

import pytest
from tests.faulty_server import FaultyServer, Ok

from underdog.answerer import Answer, Failure, Request
from underdog.endpoint import Endpoint
from underdog.engines.openai import OpenAIEngine
from underdog.levers.candidate import continued

HELLO = Request(({"role": "user", "content": "which?"},)).sampled(temperature=0.7)
LABELS = ["billing (new)", "bug"]
SCHEMA = {"type": "object", "properties": {"b": {"type": "integer"}, "a": {"type": "string"}}}


def structured(**form: Any) -> Request:
    return replace(HELLO, extra={"structured_outputs": form, "user": "u1"})


def exchanged(kind: str, request: Request, said: str = "bug") -> tuple[dict[str, Any], Answer | Failure]:
    """The body that a server of this kind is sent, and what becomes of what it says."""

    async def run(url: str) -> Answer | Failure:
        engine = OpenAIEngine(Endpoint("house", url, kind=kind, timeout=20.0), "small")
        try:
            return (await engine.generate([request]))[0]
        finally:
            await engine.close()

    with FaultyServer(Ok(said)) as server:
        result = asyncio.run(run(server.url))
        return (server.bodies or [{}])[0], result


def refused(kind: str, request: Request) -> str:
    body, result = exchanged(kind, request)
    assert body == {}, "nothing is sent"
    assert isinstance(result, Failure) and result.kind == "bad_request" and not result.retryable
    return result.message


@pytest.mark.parametrize("kind", ["vllm", "underdog"])
def test_vllm_and_our_gateway_get_the_fields_as_they_are(kind: str) -> None:
    for form in ({"choice": LABELS}, {"regex": "a+"}, {"grammar": "root ::= x"}, {"json": SCHEMA}):
        body, _ = exchanged(kind, structured(**form))
        assert body["structured_outputs"] == form and "response_format" not in body
    body, _ = exchanged(kind, replace(HELLO, extra={"guided_regex": "a+"}))
    assert body["guided_regex"] == "a+"


@pytest.mark.parametrize("kind", ["openai", "azure", "ollama", "openrouter"])
def test_where_there_are_no_choices_they_are_an_enumeration_that_is_taken_out_of_its_json(kind: str) -> None:
    body, answer = exchanged(kind, structured(choice=LABELS), '{"choice": "billing (new)"}')
    form = body["response_format"]["json_schema"]
    assert form["strict"] is True and form["schema"]["properties"]["choice"]["enum"] == LABELS
    assert form["schema"]["additionalProperties"] is False and "structured_outputs" not in body
    assert body["user"] == "u1"
    assert isinstance(answer, Answer) and answer.text == "billing (new)" and answer.logprobs is None


def test_an_answer_that_was_cut_off_before_its_choice_stays_as_it_came() -> None:
    _, answer = exchanged("openai", structured(choice=LABELS), '{"choice": "bil')
    assert isinstance(answer, Answer) and answer.text == '{"choice": "bil'


def test_sglang_and_llamacpp_get_their_own_words() -> None:
    body, answer = exchanged("sglang", structured(choice=LABELS))
    assert isinstance(answer, Answer) and answer.text == "bug"
    assert "structured_outputs" not in body
    assert all(re.fullmatch(body["regex"], label) for label in LABELS)
    assert not re.fullmatch(body["regex"], "billing new")
    assert exchanged("sglang", structured(regex="a+"))[0]["regex"] == "a+"
    assert exchanged("sglang", structured(grammar="root ::= x"))[0]["ebnf"] == "root ::= x"
    body, _ = exchanged("llamacpp", structured(choice=['say "hi"', "bug"]))
    assert body["grammar"] == 'root ::= "say \\"hi\\"" | "bug"'
    assert exchanged("llamacpp", structured(grammar="root ::= x"))[0]["grammar"] == "root ::= x"


@pytest.mark.parametrize("kind", ["openai", "ollama", "sglang", "llamacpp"])
def test_a_schema_goes_out_as_response_format_with_its_keys_in_order(kind: str) -> None:
    for form in (SCHEMA, json.dumps(SCHEMA)):
        body, _ = exchanged(kind, structured(json=form))
        sent = body["response_format"]["json_schema"]["schema"]
        assert sent == SCHEMA and list(sent["properties"]) == ["b", "a"]


def test_a_response_format_goes_out_as_it_came_whatever_its_type() -> None:
    for form in ({"type": "json_object"}, {"type": "structural_tag", "structures": []}):
        for kind in ("openai", "vllm"):
            assert exchanged(kind, replace(HELLO, response_format=form))[0]["response_format"] == form


def test_what_a_server_has_no_words_for_is_refused_and_not_sent() -> None:
    assert "structured_outputs.regex" in refused("openai", structured(regex="a+"))
    assert "structured_outputs.grammar" in refused("ollama", structured(grammar="root ::= x"))
    assert "structured_outputs.regex" in refused("llamacpp", structured(regex="a+"))
    assert "keep one of them" in refused("openai", structured(regex="a", choice=["a"]))
    assert "JSON schema" in refused("openai", structured(json="{not"))


def test_a_message_is_continued_by_servers_that_are_known_to() -> None:
    step = continued(HELLO, "1. First\n")
    step = replace(step, extra={**step.extra, "include_stop_str_in_output": True})
    for kind in ("vllm", "underdog"):
        body, _ = exchanged(kind, step)
        assert body["continue_final_message"] is True and body["include_stop_str_in_output"] is True
    body, _ = exchanged("sglang", step)
    assert body["continue_final_message"] is True and body["no_stop_trim"] is True
    for kind in ("openai", "azure", "ollama", "openrouter", "llamacpp"):
        assert "vllm, sglang and underdog" in refused(kind, step)


def test_a_stream_shows_the_choice_and_not_the_json_around_it() -> None:
    async def run(url: str, kind: str) -> list[Any]:
        engine = OpenAIEngine(Endpoint("house", url, kind=kind, timeout=20.0), "small")
        try:
            return [delta async for delta in engine.stream(structured(choice=LABELS))]
        finally:
            await engine.close()

    with FaultyServer(Ok('{"choice": "bug"}')) as server:
        pieces = asyncio.run(run(server.url, "openai"))
    assert "".join(piece.text for piece in pieces) == "bug" == pieces[-1].answer.text
