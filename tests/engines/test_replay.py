"""The replay engine: a record is only ever the answer to what it was recorded for."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from underdog.answerer import Answer, Failure, Request, Sampling
from underdog.engines import Delta
from underdog.engines.recording import open_recording
from underdog.engines.replay import ReplayEngine, prompt_hash
from underdog.errors import DataError, StudyError
from underdog.trial import Spend

DATA = Path(__file__).parents[3] / "shared" / "data"

MESSAGES = ({"role": "user", "content": "2 + 2 = ?"},)


def request(example: str | None = "q1", draw: tuple[int, ...] = (), temperature: float = 0.0) -> Request:
    return Request(MESSAGES, sampling=Sampling(temperature=temperature), draw=draw, example=example)


def write(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    text = "".join(json.dumps(row) + "\n" for row in rows)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


@pytest.fixture
def two_models(tmp_path: Path) -> Path:
    rows = [
        {"qid": qid, "model": model, "sample": sample, "text": f"{model} {qid} {sample}"}
        for qid in ("q1", "q2")
        for model in ("small", "large")
        for sample in (0, 1)
    ]
    return write(tmp_path / "outputs.jsonl.gz", rows)


def standing(file: Path, selector: str = "", **options: Any) -> ReplayEngine:
    return ReplayEngine(file, selector, recorded_prompts_stand=True, **options)


def ask(engine: ReplayEngine, *requests: Request) -> list[Answer | Failure]:
    return asyncio.run(engine.generate(requests))


def text(engine: ReplayEngine, asked: Request) -> str:
    [answer] = ask(engine, asked)
    assert isinstance(answer, Answer), answer
    return answer.text


def refusal(engine: ReplayEngine, asked: Request) -> str:
    [failure] = ask(engine, asked)
    assert isinstance(failure, Failure), failure
    assert (failure.kind, failure.retryable, failure.spend) == ("bad_request", False, Spend())
    return failure.message


# Looking up


def test_the_example_and_the_draw_say_which_record_is_the_answer(two_models: Path) -> None:
    small, large = standing(two_models, "small"), standing(two_models, "large")
    assert text(small, request("q1")) == "small q1 0"
    assert text(large, request("q2", (1,), temperature=1.0)) == "large q2 1"
    assert text(large, request("q2", (0,), temperature=1.0)) == "large q2 0"
    assert text(large, request("q2", (), temperature=1.0)) == "large q2 0"
    assert text(large, request("q2", (1,))) == "large q2 0", "a greedy ask has one sample, the first"


def test_answers_come_in_the_order_of_the_requests_and_name_their_model(two_models: Path) -> None:
    answers = ask(standing(two_models, "small"), request("q2"), request("nobody"), request("q1"))
    assert [isinstance(one, Answer) and one.text for one in answers] == ["small q2 0", False, "small q1 0"]
    assert isinstance(answers[0], Answer)
    assert answers[0].model == "small"


def test_what_was_not_recorded_is_refused_with_what_there_is(two_models: Path) -> None:
    engine = standing(two_models, "small")
    assert refusal(engine, request("q9")) == (
        "no recorded answer for example 'q9' of small, sample 0: outputs.jsonl.gz has none for it"
    )
    assert "sample 2: outputs.jsonl.gz has 2 of its samples" in refusal(engine, request("q1", (2,), 1.0))
    assert "names no example" in refusal(engine, request(None))
    assert "draw (1, 1) is nested" in refusal(engine, request("q1", (1, 1), 1.0))
    assert text(engine, request("q1", (1, 1))) == "small q1 0", "greedy asks have no draw"


def test_two_examples_that_ask_the_same_are_two_calls(two_models: Path) -> None:
    engine = standing(two_models, "small")
    assert engine.identity(request("q1")) != engine.identity(request("q2"))
    assert engine.identity(request("q1")) != engine.identity(replace(request("q1"), messages=()))


def test_a_stream_brings_the_record_and_ends_with_the_answer(two_models: Path) -> None:
    engine = standing(two_models, "small")

    async def collect(asked: Request) -> list[Delta]:
        return [delta async for delta in engine.stream(asked)]

    [answer] = ask(engine, request("q1"))
    assert asyncio.run(collect(request("q1"))) == [Delta("small q1 0"), Delta(answer=answer)]  # type: ignore[arg-type]
    [failed] = asyncio.run(collect(request("q9")))
    assert failed.failure is not None


# Prompts


def test_a_file_without_prompts_needs_the_word_of_the_study(two_models: Path) -> None:
    with pytest.raises(StudyError, match=r"records no prompts, .+ declare recorded_prompts_stand: true"):
        ReplayEngine(two_models, "small")
    assert "declares that the recorded prompts stand" in standing(two_models, "small").versions()["prompts"]


@pytest.mark.parametrize(
    "recorded",
    [
        {"messages": list(MESSAGES)},
        {"messages": json.dumps(list(MESSAGES))},
        {"prompt": "2 + 2 = ?"},
        {"prompt_hash": prompt_hash(Request(MESSAGES))},
    ],
)
def test_only_the_recorded_prompt_is_answered(tmp_path: Path, recorded: dict[str, Any]) -> None:
    file = write(tmp_path / "one.jsonl", [{"id": "q1", "output": "4", **recorded}])
    engine = ReplayEngine(file)
    other = replace(request(), messages=({"role": "system", "content": "think"}, *MESSAGES))
    tool = {"type": "function", "function": {"name": "add"}}
    assert text(engine, request()) == "4"
    assert text(engine, request().sampled(max_tokens=9)) == "4"
    assert "recorded with another prompt" in refusal(engine, other)
    assert "recorded with another prompt" in refusal(engine, replace(request(), tools=(tool,)))
    assert text(standing(file), other) == "4"
    assert standing(file).fingerprint != engine.fingerprint, "what was not checked is not found by who checks"
    assert engine.versions()["prompts"] == "checked against the recorded ones"


def test_a_row_whose_prompt_is_missing_is_refused_where_prompts_are_checked(tmp_path: Path) -> None:
    rows = [{"id": "q1", "text": "4", "prompt": "2 + 2 = ?"}, {"id": "q2", "text": "4", "prompt": None}]
    engine = ReplayEngine(write(tmp_path / "one.jsonl", rows))
    assert "another prompt" in refusal(engine, request("q2"))


def test_a_prompt_with_tools_is_recorded_by_its_hash(tmp_path: Path) -> None:
    asked = replace(request(), tools=({"type": "function", "function": {"name": "add"}},))
    rows = [{"id": "q1", "text": "add(2, 2)", "prompt_hash": prompt_hash(asked)}]
    engine = ReplayEngine(write(tmp_path / "one.jsonl", rows))
    assert text(engine, asked) == "add(2, 2)"
    assert "another prompt" in refusal(engine, request())


def test_an_answer_recorded_free_is_not_one_that_was_held_to_a_form(tmp_path: Path) -> None:
    held = replace(request(), extra={"structured_outputs": {"choice": ["4", "5"]}})
    rows = [{"id": "q1", "text": "4", "prompt_hash": prompt_hash(request())}]
    assert "another prompt" in refusal(ReplayEngine(write(tmp_path / "one.jsonl", rows)), held)
    rows = [{"id": "q1", "text": "4", "prompt_hash": prompt_hash(held)}]
    assert text(ReplayEngine(write(tmp_path / "two.jsonl", rows)), held) == "4"


# Columns and what they cost


def test_recorded_tokens_dollars_and_finish_are_the_answers_and_latency_is_not(tmp_path: Path) -> None:
    row = {"question_id": 7, "response": "cut", "prompt_tokens": 12, "completion_tokens": 30}
    row |= {"cost": 0.002, "stop_reason": "max_tokens", "latency": 9.5, "seconds": 9.5}
    engine = standing(write(tmp_path / "one.jsonl", [row]))
    spend = Spend(1, tokens_in=12, tokens_out=30, dollars=0.002, seconds=0.0)
    assert ask(engine, request("7")) == [Answer("cut", finish="length", spend=spend, model="one.jsonl")]
    assert engine.bound(request("7")) == Spend() and not engine.billed  # paid for when it was recorded
    assert engine.bound(request("8")) == Spend()
    assert engine.versions()["tokens"] == "recorded"


def test_a_cost_that_was_not_recorded_is_unknown_and_not_zero(two_models: Path) -> None:
    [answer] = ask(standing(two_models, "small"), request())
    assert answer.spend == Spend(1, dollars=None)


def test_a_declared_cost_stands_in_for_the_recorded_one(tmp_path: Path) -> None:
    rows = [{"id": "q1", "text": "4", "tokens_in": 1000, "tokens_out": 100, "cost": 9.0}]
    file = write(tmp_path / "one.jsonl", rows)
    by_token = standing(file, cost={"input": 2.0, "output": 10.0})
    by_answer = standing(file, cost={"answer": 0.5, "calls": 100})
    assert ask(by_token, request())[0].spend.dollars == pytest.approx(0.003)
    assert (ask(by_answer, request())[0].spend.dollars, ask(by_answer, request())[0].spend.calls) == (
        0.5,
        100,
    )
    assert len({by_token.fingerprint, by_answer.fingerprint, standing(file).fingerprint}) == 3


def test_a_declared_cost_that_cannot_be_meant_is_refused(two_models: Path) -> None:
    with pytest.raises(StudyError, match="got 'inputs', did you mean 'input'"):
        standing(two_models, "small", cost={"inputs": 1.0})
    with pytest.raises(StudyError, match="input and output together, or answer alone; got input"):
        standing(two_models, "small", cost={"input": 1.0})
    with pytest.raises(StudyError, match="got input, output, answer"):
        standing(two_models, "small", cost={"input": 1.0, "output": 1.0, "answer": 1.0})


def test_columns_can_be_declared_and_are_part_of_the_fingerprint(tmp_path: Path) -> None:
    rows = [{"id": "q1", "text": "long", "answer": "4", "row": "x1"}]
    file = write(tmp_path / "one.jsonl", rows)
    assert text(standing(file), request("q1")) == "long"
    declared = standing(file, columns={"text": "answer", "example": "row"})
    assert text(declared, request("x1")) == "4"
    assert declared.fingerprint != standing(file).fingerprint
    assert standing(file).fingerprint == standing(file).fingerprint


def test_an_answer_that_is_null_is_nothing_written_and_one_that_is_json_is_its_text(tmp_path: Path) -> None:
    rows = [
        {"id": "q1", "text": None},
        {"id": "q2", "text": [{"name": "f", "x": 1}]},
        {"id": None, "text": ""},
    ]
    engine = standing(write(tmp_path / "one.jsonl", rows))
    assert text(engine, request("q1")) == ""
    assert text(engine, request("q2")) == '[{"name":"f","x":1}]'
    assert engine.versions()["left out"] == "1 rows without an example's id"


# Selecting


@pytest.fixture
def two_methods(tmp_path: Path) -> Path:
    rows = [
        {"qid": "q1", "model": model, "method": method, "correct": True, "text": f"{model} {method}"}
        for model in ("6b", "175b")
        for method in ("greedy", "best-of-100")
    ]
    return write(tmp_path / "solutions.jsonl", rows)


def test_two_columns_can_select_in_the_name_or_in_a_mapping(two_methods: Path) -> None:
    by_name = standing(two_methods, "model=6b&method=best-of-100")
    by_mapping = standing(two_methods, where={"model": "6b", "method": "best-of-100"})
    by_both = standing(two_methods, "6b", where={"method": "best-of-100"})
    for engine in (by_name, by_mapping, by_both):
        assert text(engine, request()) == "6b best-of-100"
        assert engine.fingerprint == by_name.fingerprint
    assert by_name.versions()["where"] == "model=6b&method=best-of-100"


def test_rows_that_answer_the_same_are_refused_with_the_column_that_tells_them_apart(
    two_methods: Path,
) -> None:
    said = r"two rows answer example 'q1', sample 0; they differ in method \(greedy, best-of-100\)"
    with pytest.raises(StudyError, match=said + ", so select one: #model=6b&method=greedy"):
        standing(two_methods, "6b")


def test_rows_that_nothing_tells_apart_are_refused(tmp_path: Path) -> None:
    file = write(tmp_path / "one.jsonl", [{"id": "q1", "text": "a"}, {"id": "q1", "text": "b"}])
    with pytest.raises(StudyError, match="no column tells them apart; number them in a column named sample"):
        standing(file)


def test_a_selection_that_is_not_there_is_refused_with_what_is(two_methods: Path) -> None:
    with pytest.raises(StudyError, match=r"no model '17b', did you mean '175b'.+ it has 6b, 175b"):
        standing(two_methods, "17b")
    with pytest.raises(
        StudyError, match=r"several models, 6b, 175b; say which one, as in replay/solutions.jsonl#6b"
    ):
        standing(two_methods)
    with pytest.raises(StudyError, match="no row has method=vote; there method is greedy, best-of-100"):
        standing(two_methods, "model=6b&method=vote")
    with pytest.raises(StudyError, match=r"'metod' is no column of it; .+ did you mean 'method'"):
        standing(two_methods, "model=6b&metod=greedy")
    with pytest.raises(StudyError, match="name says model=6b and where says model=175b"):
        standing(two_methods, "6b", where={"model": "175b"})


def test_a_file_of_one_model_needs_no_selector(tmp_path: Path) -> None:
    file = write(tmp_path / "one.jsonl", [{"id": "q1", "model": "m", "text": "4"}])
    assert text(standing(file), request()) == "4"
    unnamed = write(tmp_path / "two.jsonl", [{"id": "q1", "text": "4", "score": 1}])
    assert text(standing(unnamed, "score=1"), request()) == "4"
    with pytest.raises(StudyError, match="no column looks like the model's name, so #m must be COLUMN=VALUE"):
        standing(unnamed, "m")


# Files


def test_parquet_is_read_like_json_lines(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = [{"query_id": f"q{n}", "model": m, "pred": f"{m} {n}", "in_tok": n} for n in (1, 2) for m in "ab"]
    file = tmp_path / "outcomes.parquet"
    parquet.write_table(arrow.Table.from_pylist(rows), file)
    assert text(standing(file, "b"), request("q2")) == "b 2"
    assert ask(standing(file, "b"), request("q2"))[0].spend.tokens_in == 2
    file.write_bytes(b"PAR1 and no more")
    with pytest.raises(DataError, match="not a Parquet file"):
        standing(file, "b")


def test_a_file_is_parsed_once_however_many_models_replay_it_and_again_when_it_changed(
    two_models: Path,
) -> None:
    assert open_recording(two_models, {}) is open_recording(two_models, {})
    before = standing(two_models, "small").fingerprint
    write(two_models, [{"qid": "q1", "model": "small", "text": "changed since"}])
    assert text(standing(two_models, "small"), request()) == "changed since"
    assert standing(two_models, "small").fingerprint != before


def test_many_rows_of_one_model_come_back_whole(tmp_path: Path) -> None:
    rows = [{"qid": n, "model": "m", "text": f"{n} " + "text " * 200} for n in range(1_000)]
    engine = standing(write(tmp_path / "outputs.jsonl.gz", rows), "m")
    assert all(text(engine, request(str(row["qid"]))) == row["text"] for row in rows)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (
            "a.jsonl",
            b'{"id": "q1", "text": "a"}\n\n{"id": "q2", "te\n',
            "a.jsonl line 3: each line must be a JSON",
        ),
        (
            "a.jsonl",
            b'{"id": "q1", "text": "a"}\n["q2", "b"]\n',
            "a.jsonl line 2: each line must be a JSON object",
        ),
        ("a.jsonl", b'{"id": "q1", "text": "\xff"}\n', "a.jsonl line 1: each line must be a JSON object"),
        ("a.jsonl", b"\n", "there is no recorded output in it"),
        ("a.jsonl.gz", b'{"id": "q1", "text": "a"}\n', "cannot be read .Not a gzipped file"),
        ("a.jsonl.gz", gzip.compress(b'{"id": "q1"}\n' * 99)[:-9], "cannot be read .Compressed file ended"),
        ("a.csv", b"id,text\n", "must be one of .jsonl, .ndjson"),
        (
            "a.jsonl",
            b'{"id": "q1", "text": "a", "sample": "first"}\n',
            "column sample must hold whole numbers",
        ),
        ("a.jsonl", b'{"id": "q1", "text": "a", "sample": null}\n', "column sample must hold whole numbers"),
        (
            "a.jsonl",
            b'{"id": "q1", "text": "a", "tokens_in": 1.5}\n',
            "column tokens_in must hold whole numbers",
        ),
        (
            "a.jsonl",
            b'{"id": "q1", "text": "a", "cost": "$1"}\n',
            r"column cost must hold numbers; got '\$1'",
        ),
    ],
)
def test_a_file_that_cannot_be_read_is_one_sentence(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=said):
        standing(tmp_path / name)


def test_columns_that_are_not_there_are_refused_with_those_that_are(tmp_path: Path) -> None:
    file = write(tmp_path / "one.jsonl", [{"id": "q1", "story": "a"}])
    with pytest.raises(StudyError, match="no column looks like what the model wrote; say which of id, story"):
        standing(file)
    with pytest.raises(
        StudyError, match="text is in 'storey', but the columns are id, story, did you mean 'story'"
    ):
        standing(file, columns={"text": "storey"})
    with pytest.raises(StudyError, match="got 'txt', did you mean 'text'"):
        standing(file, columns={"txt": "story"})
    with pytest.raises(DataError, match="No such file"):
        standing(tmp_path / "none.jsonl")


def test_check_tells_how_much_is_recorded_and_that_nothing_leaves(two_models: Path) -> None:
    facts = asyncio.run(standing(two_models, "small").check())
    assert facts.answers
    assert facts.destination.startswith("nowhere: answers come from ")
    assert facts.note.startswith("4 recorded answers to 2 examples; prompts: not checked")


# Real recordings


def recorded(*parts: str) -> Path:
    file = DATA.joinpath(*parts)
    if not file.exists():
        pytest.skip(f"needs the recorded outputs in {file}")
    return file


def test_all_models_of_zeroeval_replay_from_one_reading() -> None:
    file = recorded("zeroeval_gsm8k", "outputs.jsonl.gz")
    models = open_recording(file, {}).models
    assert len(models) == 42
    right = {model: standing(file, model) for model in ("gemma-2-2b-it", "gemma-2-9b-it")}
    asks = [request(f"gsm8k-test-{number}") for number in range(1_319)]
    for engine in right.values():
        assert all(isinstance(one, Answer) and one.text for one in ask(engine, *asks))


def test_the_four_ways_of_gpt3_on_gsm8k_are_told_apart() -> None:
    file = recorded("gsm8k", "openai_example_solutions.jsonl.gz")
    with pytest.raises(StudyError, match=r"they differ in method \(ft-greedy, ft-best-of-100-verifier\)"):
        standing(file, "gpt3-6b")
    verified = standing(
        file, "model=gpt3-6b&method=ft-best-of-100-verifier", cost={"answer": 0.01, "calls": 100}
    )
    assert text(verified, request("gsm8k-test-0")).endswith("A: 224")
    assert ask(verified, request("gsm8k-test-0"))[0].spend.calls == 100


def test_flops_are_counted_from_declared_parameters_and_estimated_tokens(tmp_path: Path) -> None:
    """Best of 100: a hundred answers as long as the recorded one, each over the whole prompt."""
    file = write(tmp_path / "one.jsonl", [{"qid": "q1", "text": "x" * 40}])
    engine = standing(file, cost={"parameters": 6e9, "calls": 100})
    [answer] = ask(engine, request("q1"))
    asked = -(-len(str(request("q1").messages[0]["content"])) // 4)
    assert answer.spend.tokens_out == 1000 and answer.spend.tokens_in == 100 * asked
    assert answer.spend.flops == 2 * 6e9 * answer.spend.tokens
    assert engine.versions()["tokens"].startswith("estimated")


def test_samples_of_rg_easy_and_rows_of_bfcl_are_found() -> None:
    samples = standing(recorded("rg_easy", "texts.jsonl.gz"), "llama-3.1-8b-instruct")
    asked = [request("rg_easy-polynomial_equations-0", (draw,), 1.0) for draw in range(3)]
    assert len({text(samples, one) for one in asked}) == 3
    calls = standing(recorded("bfcl", "outputs_2024_08.jsonl.gz"), "Nexusflow-Raven-v2")
    assert text(calls, request("simple_0")) == "calculate_triangle_area(base=10, height=5);"


def test_a_question_in_two_splits_of_med_agents_bench_needs_the_split() -> None:
    file = recorded("med_agents_bench", "outputs.jsonl.gz")
    with pytest.raises(StudyError, match=r"they differ in split \(test, test_hard\)"):
        standing(file, "model=gpt-4o&method=zero_shot")
    engine = standing(file, "model=gpt-4o&method=zero_shot&split=test")
    [answer] = ask(engine, request("medqa-0"))
    assert isinstance(answer, Answer)
    assert answer.text in "ABCD"
    assert answer.spend.tokens_in > 0
