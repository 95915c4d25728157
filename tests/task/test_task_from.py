"""A task out of a study file's mapping: every key does what it says, and unknown ones are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from underdog.answerer import Answer, Model, Sampling
from underdog.errors import StudyError, UserError
from underdog.reading import Reading
from underdog.scorers import Exact, Judge, Label, Number
from underdog.task import KEYS, load_task, task_from

ROWS = [
    {
        "n": i,
        "question": f"{i} + {i}?",
        "answer": 2 * i,
        "kind": "even" if i % 2 == 0 else "odd",
        "doc": i // 4,
    }
    for i in range(20)
]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    (tmp_path / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return tmp_path


def make(base: Path, **more: Any) -> Any:
    description = {"data": "sums.jsonl", "input": "question", "target": "answer", "score": "number"}
    return task_from({**description, **more}, base)


def test_a_plain_description_makes_a_task(base: Path) -> None:
    task = make(base, name="sums", id="n", group="doc", system="Add {{ kind }} numbers.")
    first = task.examples[1]
    assert (task.name, len(task.examples), first.id, first.group, first.target) == ("sums", 20, "1", "0", 2)
    assert first.messages == (
        {"role": "system", "content": "Add odd numbers."},
        {"role": "user", "content": "1 + 1?"},
    )
    assert first.where == "sums.jsonl:2" and first.fields["kind"] == "odd"
    assert task.scorer == Number() and task.reading == Reading("number")
    assert task.request(first).example == "1" and task.request(first).sampling == Sampling()


def test_without_a_group_the_content_is_the_group(base: Path) -> None:
    (base / "sums.jsonl").write_text('{"q": "x", "a": "1", "i": 1}\n{"q": "x", "a": "2", "i": 2}\n')
    one, two = task_from({"data": "sums.jsonl", "input": "q", "target": "a", "id": "i"}, base).examples
    assert one.group == two.group and one.id != two.id


def test_the_data_can_name_the_split(base: Path) -> None:
    task = make(base, id="n", split="{{ 'test' if doc == 0 else 'fit' }}")
    assert [e.id for e in task.split("test")] == ["0", "1", "2", "3"] and len(task.split("fit")) == 16


def test_messages_are_templates_too(base: Path) -> None:
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ask."},
             {"role": "user", "content": [{"type": "text", "text": "{{ question }}"}]}]  # fmt: skip
    task = task_from({"data": "sums.jsonl", "messages": turns, "target": "{{ answer * 2 }}"}, base)
    assert task.examples[3].messages[2]["content"] == [{"type": "text", "text": "3 + 3?"}]
    assert task.examples[3].target == "12"


def test_openai_chats_end_with_their_target(base: Path) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
    tool = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}
    user = {"role": "user", "content": "hi"}
    lines = [
        {"messages": [user, {"role": "assistant", "content": "hello"}]},
        {"messages": [user, {"role": "assistant", "content": None, "tool_calls": [call]}], "tools": [tool]},
    ]
    (base / "chat.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    said = task_from({"data": "chat.jsonl", "limit": 1}, base).examples[0]
    assert said.messages == (user,) and said.target == "hello"
    (base / "calls.jsonl").write_text(json.dumps(lines[1]))
    [called] = task_from({"data": "calls.jsonl", "score": "tool_call"}, base).examples
    assert called.target == [{"name": "add", "arguments": {"a": 1}}] and called.tools == (tool,)
    [named] = task_from({"data": "calls.jsonl", "target": "{{ 'x' }}"}, base).examples
    assert named.messages == (user,) and named.target == "x"


def test_tools_of_older_sets_are_put_into_openais_form(base: Path) -> None:
    properties = {
        "x": {"type": "float"},
        "y": {"type": "tuple", "items": {"type": "any"}},
        "type": {"type": "string"},
    }
    function = {"name": "f", "parameters": {"type": "dict", "properties": properties}}
    (base / "t.jsonl").write_text(json.dumps({"q": "x", "a": [{"f": {"x": [1.0]}}], "functions": function}))
    [example] = task_from(
        {"data": "t.jsonl", "input": "q", "target": "a", "tools": "functions", "score": "tool_call"}, base
    ).examples
    schema = example.tools[0]["function"]["parameters"]
    assert example.tools[0]["type"] == "function" and schema["type"] == "object"
    assert schema["properties"] == {
        "x": {"type": "number"},
        "y": {"type": "array", "items": {}},
        "type": {"type": "string"},
    }


def test_labels_come_from_the_data_or_the_description(base: Path) -> None:
    task = make(base, target="kind", score="label")
    assert task.scorer == Label(("even", "odd")) and task.reading == Reading("label", labels=("even", "odd"))
    told = make(
        base,
        target="kind",
        score={"rule": "label", "labels": ["odd", "even", "neither"]},
        read={"rule": "label", "lenient": True},
    )
    assert told.reading.labels == ("odd", "even", "neither") and told.reading.lenient
    exact = make(base, target="kind", score="exact", read="label")
    assert exact.reading.labels == ("even", "odd") and exact.scorer == Exact()


def test_sampling_tools_formats_and_shares_are_taken_over(base: Path) -> None:
    task = make(
        base,
        sampling={"temperature": 0.5, "max_tokens": 64, "stop": "\n\n", "logprobs": True},
        response_format={"type": "json_object"},
        tools=[{"name": "f"}],
        splits={"tune": 0.5, "test": 0.5},
        metrics=["macro_f1"],
        caution="made up",
    )
    assert task.sampling == Sampling(temperature=0.5, max_tokens=64, stop=("\n\n",), logprobs=True)
    assert task.examples[0].response_format == {"type": "json_object"}
    assert task.examples[0].tools == ({"type": "function", "function": {"name": "f"}},)
    assert (dict(task.shares), task.metrics, task.caution) == (
        {"tune": 0.5, "test": 0.5},
        ("macro_f1",),
        "made up",
    )
    assert make(base, splits="test").whole_test


def test_rows_are_limited_sampled_filtered_and_skipped(base: Path) -> None:
    assert [e.id for e in make(base, id="n", limit=3).examples] == ["0", "1", "2"]
    assert [e.id for e in make(base, id="n", where={"kind": "odd", "doc": [0, 1]}).examples] == [
        "1",
        "3",
        "5",
        "7",
    ]
    assert len(make(base, id="n", skip=["3", 4]).examples) == 18
    some, same, other = (make(base, id="n", sample=8, seed=seed).examples for seed in (1, 1, 2))
    assert some == same and len(other) == 8 and {e.id for e in some} != {e.id for e in other}
    with pytest.raises(StudyError, match="skip: every id must be in the data; '99' is not"):
        make(base, id="n", skip=["99"])


def test_a_task_without_gold_names_its_reference(base: Path) -> None:
    task = task_from({"data": "sums.jsonl", "input": "question", "reference": "large"}, base)
    assert task.reference == "large" and task.examples[0].target is None
    assert task.label(task.examples[0]) is None and task.written(task.examples[0]) is None


def test_gold_is_written_as_it_should_be_answered(base: Path) -> None:
    task = make(base, read="tag")
    assert task.label(task.examples[2]) == "4" and task.written(task.examples[2]) == "<answer>4</answer>"
    assert task.reading.read(Answer(task.written(task.examples[2]) or "")) == "4"


def test_a_judge_can_be_one_of_the_studys_models(base: Path) -> None:
    large = Model("openai/large")
    description = {
        "data": "sums.jsonl",
        "input": "question",
        "target": "{{ answer }}",
        "score": {"rule": "judge", "model": "large"},
    }
    assert task_from(description, base, {"large": large}).scorer == Judge(large)
    assert task_from(description, base).scorer == Judge(Model("large"))


def test_a_users_function_is_found_beside_the_task_file(base: Path) -> None:
    (base / "mine.py").write_text("def same(final, example):\n    return final == str(example.target)\n")
    task = make(base, score={"rule": "python", "function": "mine.py:same"})
    assert task.scorer.score("4", task.examples[2]) == 1


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"taget": "answer"}, r"'taget' is no key; known are .*, did you mean 'target'\?"),
        ({"messages": "turns"}, "an input or messages, not both"),
        ({"sampling": {"temprature": 1}}, "did you mean 'temperature'"),
        ({"sampling": {"max_tokens": 0}}, "max_tokens must be a int, not below 0; got 0"),
        ({"sampling": {"temperature": True}}, "temperature must be"),
        ({"sampling": 3}, "sampling: must be a mapping"),
        ({"splits": "all"}, "splits: must be shares by name, or test"),
        ({"score": 3}, "score: must be a scorer's name"),
        ({"read": 3}, "read: must be a rule's name"),
        ({"limit": 0}, "limit: must be a whole number from 1"),
        ({"where": "x"}, "where: must map columns"),
        ({"metrics": ["f1"]}, "metrics: must be of accuracy, macro_f1, mcc, kappa; got 'f1'"),
        ({"input": 3}, "input: must be a column's name or a template"),
        ({"target": 3}, "target: must be a column's name or a template"),
        ({"system": 3}, "system: must be a text"),
        ({"format": "jsonn"}, "did you mean 'json'"),
        ({"score": "label", "target": "question", "data": "many.jsonl"}, "must be 1 to 1000; there are 1001"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(base: Path, change: dict[str, Any], sentence: str) -> None:
    (base / "many.jsonl").write_text("".join(json.dumps({"question": f"q{i}"}) + "\n" for i in range(1001)))
    with pytest.raises(UserError, match=sentence):
        make(base, **change)


def test_a_task_file_is_read_alone_or_inside_a_study_file(base: Path) -> None:
    body = "data: sums.jsonl\ninput: question\ntarget: answer\nscore: number\n"
    (base / "alone.yaml").write_text(body)
    (base / "study.yaml").write_text("task:\n  " + body.replace("\n", "\n  ") + "\nmodels: {}\n")
    assert load_task(base / "alone.yaml").name == "alone"
    assert load_task(base / "study.yaml").examples == load_task(base / "alone.yaml").examples
    (base / "torn.yaml").write_text("data: [")
    for name, sentence in {"torn.yaml": "readable YAML", "gone.yaml": "readable YAML"}.items():
        with pytest.raises(StudyError, match=sentence):
            load_task(base / name)
    (base / "list.yaml").write_text("- 1")
    with pytest.raises(StudyError, match="must be a mapping; got list"):
        load_task(base / "list.yaml")


def test_every_key_is_tried_here() -> None:
    text = Path(__file__).read_text()
    assert not [
        key for key in KEYS if f"{key}=" not in text and f'"{key}"' not in text and f"{key}:" not in text
    ]
