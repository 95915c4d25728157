"""Constrained answers of the embedded models: what is demanded is what comes, and nothing else changes."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs the [local] extra")
pytest.importorskip("llguidance", reason="needs the [local] extra")

from underdog import tiny  # noqa: E402
from underdog.answerer import Answer, Failure, Request, Sampling, ToolCall  # noqa: E402
from underdog.constraint import Constraint  # noqa: E402
from underdog.engines.huggingface import HuggingFaceEngine  # noqa: E402
from underdog.levers.candidate import GO_ON, continued  # noqa: E402
from underdog.reading.json_text import MISSING, parse  # noqa: E402
from underdog.scorers.json_schema import valid  # noqa: E402
from underdog.tiny.worlds import world  # noqa: E402

if "small" not in tiny.names():
    pytest.skip("the embedded models are not trained yet", allow_module_level=True)

torch.set_num_threads(1)

CALL = {
    "type": "object",
    "properties": {
        "name": {"enum": ["set_alarm", "call_taxi"]},
        "arguments": {
            "type": "object",
            "properties": {"hour": {"type": "integer"}, "place": {"type": "string"}},
            "required": ["hour", "place"],
            "additionalProperties": False,
        },
    },
    "required": ["name", "arguments"],
    "additionalProperties": False,
}
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {"days": {"type": "integer"}, "dry": {"type": "boolean"}},
            "required": ["days", "dry"],
            "additionalProperties": False,
        },
    },
}
ALARM = {"type": "function", "function": {"name": "alarm", "parameters": {"type": "object"}}}


@pytest.fixture(scope="module")
def engine() -> HuggingFaceEngine:
    return HuggingFaceEngine(str(tiny.path("small")), name="tiny/small")


def ask(text: str, **sampling: Any) -> Request:
    return Request(({"role": "user", "content": text},)).sampled(**{"max_tokens": 48, **sampling})


def formed(request: Request, **fields: Any) -> Request:
    return replace(request, extra={**request.extra, **fields})


def structured(request: Request, **form: Any) -> Request:
    return formed(request, structured_outputs=form)


def as_schema(request: Request, schema: Any) -> Request:
    form = {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": schema}}
    return replace(request, response_format=form)


def run(engine: HuggingFaceEngine, *requests: Request) -> list[Answer]:
    results = asyncio.run(engine.generate(requests))
    for result in results:
        assert isinstance(result, Answer), result
    return results  # type: ignore[return-value]


def failed(engine: HuggingFaceEngine, request: Request) -> Failure:
    [result] = asyncio.run(engine.generate([request]))
    assert isinstance(result, Failure), result
    return result


QUESTIONS = [ask(text) for text in ("7+5", "What is 3+4-2?", "say something", "hello there, please")]


def test_a_choice_a_pattern_a_grammar_and_a_schema_are_what_comes(engine: HuggingFaceEngine) -> None:
    labels = ["billing", "bill", "naïve 😀", 'a "quoted"\nline']
    gbnf = 'root ::= "<" [a-z]+ ">"'
    lark = 'start: "(" NAME ")"\nNAME: /[a-z]{2,5}/'
    asked, hot = [], [question.sampled(temperature=1.5).drawn(i) for i, question in enumerate(QUESTIONS)]
    for one in hot:
        asked += [structured(one, choice=labels), structured(one, regex=r"\d{2,4}-[xy]")]
        asked += [structured(one, grammar=gbnf), structured(one, grammar=lark), as_schema(one, CALL)]
    answers = iter(run(engine, *asked))
    for one, two, three, four, five in zip(*[answers] * 5, strict=True):
        assert one.text in labels and one.finish == "stop"
        assert re.fullmatch(r"\d{2,4}-[xy]", two.text)
        assert re.fullmatch(r"<[a-z]+>", three.text) or three.finish == "length"
        assert re.fullmatch(r"\([a-z]{2,5}\)", four.text)
        assert five.finish == "length" or valid(parse(five.text), CALL)
    [called] = run(engine, as_schema(ask("taxi to Rome at nine", max_tokens=80), CALL))
    assert called.finish == "stop" and valid(parse(called.text), CALL)


def test_older_fields_and_any_json_object_mean_the_same(engine: HuggingFaceEngine) -> None:
    [question] = QUESTIONS[:1]
    for older, newer in (
        (formed(question, guided_choice=["yes", "no"]), structured(question, choice=["yes", "no"])),
        (formed(question, guided_regex="a+b"), structured(question, regex="a+b")),
        (formed(question, guided_json=CALL), as_schema(question, CALL)),
    ):
        assert run(engine, older)[0].text == run(engine, newer)[0].text
    [thing] = run(engine, structured(question, json_object=True))
    assert thing.finish == "length" or isinstance(parse(thing.text), dict)


def test_rows_with_and_without_constraints_share_a_batch_and_free_rows_do_not_notice(
    engine: HuggingFaceEngine,
) -> None:
    items = world("tools").examples("test", 12, 5)
    free = [item.request(Sampling(max_tokens=40, logprobs=True, top_logprobs=3)) for item in items]
    alone = run(engine, *free)
    held = [structured(one, regex=r"[a-z]{3}\.") for one in free[:4]]
    mixed = run(engine, *free, *held)
    assert [answer.text for answer in mixed[:12]] == [answer.text for answer in alone]
    for one, other in zip(mixed[:12], alone, strict=True):
        assert one.logprobs is not None and other.logprobs is not None
        assert [t.logprob for t in one.logprobs] == pytest.approx(
            [t.logprob for t in other.logprobs], abs=1e-4
        )
    assert all(re.fullmatch(r"[a-z]{3}\.", answer.text) for answer in mixed[12:])


def test_a_constraint_that_the_model_would_meet_anyway_changes_no_word(engine: HuggingFaceEngine) -> None:
    asked = [item.request(Sampling(max_tokens=60)) for item in world("arithmetic").examples("test", 12, 3)]
    free = run(engine, *asked)
    held = run(engine, *(structured(one, regex=r"-?\d+") for one in asked))
    meeting = [(a, b) for a, b in zip(free, held, strict=True) if re.fullmatch(r"-?\d+", a.text)]
    assert len(meeting) >= 10
    assert all(a.text == b.text for a, b in meeting)


def test_log_probabilities_are_the_models_own_also_where_it_was_not_free(engine: HuggingFaceEngine) -> None:
    question = QUESTIONS[0].sampled(logprobs=True, top_logprobs=2, max_tokens=1)
    [free] = run(engine, question)
    [held] = run(engine, structured(question, choice=["zebra"]))
    assert free.logprobs and held.logprobs
    assert held.logprobs[0].top == free.logprobs[0].top, "the alternatives are those of the free model"
    assert "zebra".startswith(held.logprobs[0].token)
    assert held.logprobs[0].logprob < free.logprobs[0].logprob < 0


def test_an_answer_cut_off_inside_its_form_says_so(engine: HuggingFaceEngine) -> None:
    [answer] = run(engine, as_schema(QUESTIONS[0].sampled(max_tokens=5), CALL))
    assert answer.finish == "length" and parse(answer.text) is MISSING
    [endless] = run(engine, structured(QUESTIONS[0].sampled(max_tokens=9), regex="(ab)*c{900}"))
    assert endless.finish == "length" and endless.spend.tokens_out == 9


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({"regex": "a[b"}, "structured_outputs.regex cannot be compiled"),
        ({"regex": "(?=a)b"}, "look-around"),
        ({"regex": "[a&&b]"}, "cannot be met by any text"),
        ({"grammar": "start: missing"}, 'unknown name: "missing"'),
        ({"grammar": 'start: "a" start'}, "cannot be met"),
        (
            {"json": {"type": "integer", "minimum": 5, "maximum": 1}},
            "minimum (5) is greater than maximum (1)",
        ),
        ({"json": "{not json"}, "structured_outputs.json cannot be compiled"),
        ({"json": {"not": {"type": "string"}}}, "not"),
        ({"choice": []}, "structured_outputs.choice must be a list of texts"),
        ({"choice": ["a"], "regex": "a"}, "keep one of them"),
        ({"shape": "round"}, "got 'shape'"),
    ],
)
def test_what_cannot_be_met_is_a_bad_request_that_names_it_and_spares_the_others(
    engine: HuggingFaceEngine, form: dict[str, Any], says: str
) -> None:
    bad, good = asyncio.run(engine.generate([structured(QUESTIONS[0], **form), QUESTIONS[1]]))
    assert isinstance(bad, Failure) and bad.kind == "bad_request" and not bad.retryable
    assert says in bad.message and "tiny/small" in bad.message and len(bad.message.splitlines()) == 1
    assert isinstance(good, Answer)


def test_a_sampled_row_is_the_same_alone_and_in_company_when_constrained(engine: HuggingFaceEngine) -> None:
    hot = structured(QUESTIONS[2].sampled(temperature=1.3), regex="[a-z]{8}").drawn(4)
    (alone,) = run(engine, hot)
    company = run(engine, *QUESTIONS, hot, as_schema(QUESTIONS[3], CALL))
    assert company[4].text == alone.text


def test_a_stream_of_a_constrained_answer_is_the_answer(engine: HuggingFaceEngine) -> None:
    async def streamed(request: Request) -> tuple[str, Answer | None]:
        pieces = [piece async for piece in engine.stream(request)]
        return "".join(piece.text for piece in pieces), pieces[-1].answer

    request = structured(QUESTIONS[2], choice=["a long choice of words", "another long choice"])
    [whole] = run(engine, request)
    text, answer = asyncio.run(streamed(request))
    assert text == whole.text and answer is not None and answer.finish == "stop"


def test_the_engine_says_which_forms_it_takes(engine: HuggingFaceEngine) -> None:
    supports = asyncio.run(engine.check()).supports
    assert supports["json_schema"] is supports["choices"] is True


# Tool calls, in a template that writes them as Hermes and Qwen do


@pytest.fixture(scope="module")
def caller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HuggingFaceEngine]:
    folder = tmp_path_factory.mktemp("caller") / "small"
    shutil.copytree(tiny.path("small"), folder)
    template = (folder / "chat_template.jinja").read_text()
    note = "{#- calls are written as <tool_call>{...}</tool_call> -#}"
    (folder / "chat_template.jinja").write_text(note + template)
    yield HuggingFaceEngine(str(folder), name="hf/caller")


def calling(choice: Any, **fields: Any) -> Request:
    messages = ({"role": "user", "content": "weather for three days"},)
    asked = Request(messages, (WEATHER, ALARM), choice, extra=fields)
    return asked.sampled(temperature=1.2, max_tokens=120)


def test_a_call_that_is_required_is_made_and_of_the_function_that_is_named(caller: HuggingFaceEngine) -> None:
    for draw in range(2):
        named = {"type": "function", "function": {"name": "weather"}}
        one, any_, single = run(
            caller,
            calling(named).drawn(draw),
            calling("required").drawn(draw),
            calling("required", parallel_tool_calls=False).drawn(draw),
        )
        [call] = one.tool_calls
        assert isinstance(call, ToolCall) and call.name == "weather" and one.finish == "tool_calls"
        assert valid(json.loads(call.arguments), WEATHER["function"]["parameters"])
        assert any_.finish == "length" or {call.name for call in any_.tool_calls} <= {"weather", "alarm"}
        assert single.finish == "length" or len(single.tool_calls) == 1


def test_a_call_that_cannot_be_enforced_is_refused(
    engine: HuggingFaceEngine, caller: HuggingFaceEngine
) -> None:
    assert "<tool_call>" in failed(engine, calling("required")).message
    unknown = {"type": "function", "function": {"name": "news"}}
    assert "offered (weather, alarm)" in failed(caller, calling(unknown)).message
    both = structured(calling("required"), regex="a")
    assert "keep one of them" in failed(caller, both).message


# Thoughts


def test_a_thought_that_the_template_opens_is_free_and_the_answer_behind_it_is_not(tmp_path: Path) -> None:
    folder = tmp_path / "small"
    shutil.copytree(tiny.path("small"), folder)
    file = folder / "chat_template.jinja"
    file.write_text(file.read_text() + "{%- if add_generation_prompt -%}{{ '<think>' }}{%- endif -%}")
    thinker = HuggingFaceEngine(str(folder))
    asked = structured(ask("7+5", max_tokens=30), choice=["yes", "no"])
    [lost] = run(thinker, asked)
    assert lost.text == "" and lost.finish == "length" and lost.reasoning, "it cannot end in its thought"
    thought = "12</think>"
    tokens = thinker._prompts.tokenizer(thought, add_special_tokens=False)["input_ids"]
    loaded = thinker._loaded
    assert loaded is not None and thinker._grammars is not None
    guide = thinker._grammars.guide(Constraint("choice", ("yes", "no"), "here"), thinker._decode)
    for token in tokens:
        free = guide.allowed()
        assert free is not None and sum(8 - byte.bit_count() for byte in free) == 1, "all but the end"
        assert not guide.take(token)
    bits = guide.allowed()
    assert bits is not None
    allowed = [i for i in range(loaded.model.config.vocab_size) if bits[i // 8] >> (i % 8) & 1]
    assert {thinker._decode([token])[0] for token in allowed} == {"y", "n"}


# Continuing the assistant's message


def test_writing_in_two_halves_equals_writing_at_once(engine: HuggingFaceEngine) -> None:
    for name in ("arithmetic", "tools", "intents"):
        for item in world(name).examples("test", 3, 2):
            asked = item.request(Sampling(max_tokens=60))
            if name == "arithmetic":
                asked = asked.fresh(
                    ({"role": "system", "content": "Write the steps."}, asked.messages[-1]), max_tokens=60
                )
            [whole] = run(engine, asked.sampled(logprobs=True))
            assert whole.logprobs is not None
            half = "".join(one.token for one in whole.logprobs[: len(whole.logprobs) // 2])
            [rest] = run(engine, continued(asked, half))
            assert half + rest.text == whole.text
            assert rest.finish == whole.finish


def test_a_step_keeps_its_line_end_when_asked_and_goes_on_behind_it(engine: HuggingFaceEngine) -> None:
    item = world("arithmetic").examples("test", 1, 2)[0]
    system = {"role": "system", "content": "Write the steps."}
    asked = Request((system, item.messages[-1])).sampled(max_tokens=80)
    [whole] = run(engine, asked)
    text = ""
    for _ in range(20):
        step = formed(continued(asked.sampled(stop=("\n",)), text), include_stop_str_in_output=True)
        [answer] = run(engine, step)
        text += answer.text
        assert answer.finish == "stop"
        if not answer.text.endswith("\n"):
            break
    assert text == whole.text and text.count("\n") >= 2


def test_a_template_that_trims_does_not_lose_the_end_of_what_is_continued(tmp_path: Path) -> None:
    folder = tmp_path / "small"
    shutil.copytree(tiny.path("small"), folder)
    file = folder / "chat_template.jinja"
    trimmed = file.read_text().replace("{{ message['content'] }}", "{{ message['content'] | trim }}")
    assert trimmed != file.read_text()
    file.write_text(trimmed)
    trimming = HuggingFaceEngine(str(folder))
    request = continued(ask("q"), "7+5=12\n\n")
    prompt = trimming._prompts.of(request)
    assert not isinstance(prompt, Failure)
    text = trimming._prompts.tokenizer.decode(prompt.tokens)
    assert text.endswith("<|assistant|>7+5=12\n\n")


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (Request(({"role": "user", "content": "x"},), extra=GO_ON), "the assistant's"),
        (formed(continued(ask("x"), "y"), add_generation_prompt=True), "exclude each other"),
    ],
)
def test_what_cannot_be_continued_is_a_bad_request(
    engine: HuggingFaceEngine, request_: Request, says: str
) -> None:
    failure = failed(engine, request_)
    assert failure.kind == "bad_request" and says in failure.message
