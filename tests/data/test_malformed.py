"""Malformed data: each kind is one clear sentence that names file and line. Shows them all with -s."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from underdog.errors import UserError
from underdog.task import task_from

ROW = {"q": "2 + 2?", "a": 4}
FINE = json.dumps(ROW)
ASK = {"input": "{{ q }}", "target": "a", "score": "number"}
CHAT: dict[str, Any] = {"score": "exact"}


def parquet(path: Path, table: dict[str, list[Any]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table(table), path)


def turns(*turns: object, **more: object) -> str:
    return json.dumps({"messages": list(turns), **more})


USER, SAID = {"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}

# name -> (file, its content, the description beside `data`, the sentence)
CASES: dict[str, tuple[str, str | bytes, dict[str, Any], str]] = {
    "broken JSON line": (
        "t.jsonl",
        f"{FINE}\n{{'q': 1}}\n",
        ASK,
        r"^t\.jsonl:2: the line must be JSON \(.*begins with \"{'q': 1}\"",
    ),
    "NaN in JSON": (
        "t.jsonl",
        FINE + '\n{"q": "x", "a": NaN}',
        ASK,
        r"^t\.jsonl:2: .*NaN and Infinity are not JSON, write null",
    ),
    "line that is no object": (
        "t.jsonl",
        f"{FINE}\n[1, 2]\n",
        ASK,
        r"^t\.jsonl:2: every line must be a JSON object; got list",
    ),
    "JSON spread over lines": (
        "t.jsonl",
        json.dumps([ROW], indent=1),
        ASK,
        r"^t\.jsonl:1: .*this file is spread over lines",
    ),
    "empty file": ("t.jsonl", "\n\n", ASK, r"^t\.jsonl: the file must have at least one row; it is empty"),
    "UTF-16 with its byte order mark": (
        "t.jsonl",
        FINE.encode("utf-16"),
        ASK,
        r"^t\.jsonl:1: the text must be UTF-8; it looks like UTF-16",
    ),
    "bytes that are not UTF-8": (
        "t.jsonl",
        FINE.encode() + b'\n{"q": "caf\xe9", "a": 1}',
        ASK,
        r"^t\.jsonl:2: the text must be UTF-8; byte 11 is 0xe9",
    ),
    "truncated gzip": (
        "t.jsonl.gz",
        gzip.compress((FINE + "\n").encode() * 9000)[:-40],
        ASK,
        r"^t\.jsonl\.gz:\d+: the compressed file is broken or cut short",
    ),
    "no gzip at all": ("t.jsonl.gz", FINE, ASK, r"^t\.jsonl\.gz:1: the compressed file is broken"),
    "huge line": (
        "t.jsonl",
        '{"q": "' + "x" * (65 * 2**20),
        ASK,
        r"^t\.jsonl:1: a line may have 64 MiB; this one is longer",
    ),
    "missing column": (
        "t.jsonl",
        f'{FINE}\n{{"q": "x", "anwser": 1}}',
        ASK | {"target": "answer"},
        r"^t\.jsonl:1: target names the column 'answer', which the row does not have.*it has q, a",
    ),
    "column with a near name": (
        "t.jsonl",
        '{"q": "x", "anwser": 1}',
        ASK | {"target": "answer"},
        r"did you mean 'anwser'\?; it has q, anwser",
    ),
    "template variable that is not there": (
        "t.jsonl",
        FINE,
        ASK | {"input": "{{ question }}"},
        r"^t\.jsonl:1: the template of input failed: 'question' is undefined; the row has q, a",
    ),
    "null printed by a template": (
        "t.jsonl",
        '{"q": null, "a": 1}',
        ASK,
        r"^t\.jsonl:1: the template of input failed: it prints a null",
    ),
    "null inside an object": (
        "t.jsonl",
        '{"q": {"who": null}, "a": 1}',
        ASK | {"input": "{{ q.who.name }}"},
        r"^t\.jsonl:1: the template of input failed: 'None' has no attribute 'name'",
    ),
    "template that fails": (
        "t.jsonl",
        FINE,
        ASK | {"input": "{{ 1 / (a - 4) }}"},
        r"^t\.jsonl:1: the template of input failed: division by zero",
    ),
    "template with a syntax error": (
        "t.jsonl",
        FINE,
        ASK | {"input": "{{ q "},
        r"^input: the template must be Jinja; line 1",
    ),
    "template that reaches for Python": (
        "t.jsonl",
        FINE,
        ASK | {"input": "{{ q.__class__.__mro__ }}"},
        r"^t\.jsonl:1: the template of input failed: access to attribute '__class__'",
    ),
    "target of the wrong type": (
        "t.jsonl",
        f'{FINE}\n{{"q": "x", "a": "four"}}',
        ASK,
        r"^t\.jsonl:2: for the scorer number the target must be a number; got 'four'",
    ),
    "target that is null": (
        "t.jsonl",
        f'{FINE}\n{{"q": "x", "a": null}}',
        ASK,
        r"^t\.jsonl:2: there is no target; name its column",
    ),
    "no target named": ("t.jsonl", FINE, {"input": "q"}, r"^t\.jsonl:1: there is no target; name its column"),
    "label that is not in the list": (
        "t.jsonl",
        '{"q": "x", "a": "refnud"}',
        ASK | {"score": {"rule": "label", "labels": ["refund", "card"]}},
        r"^t\.jsonl:1: .* must be one of refund, card, did you mean 'refund'",
    ),
    "two rows with one id": (
        "t.jsonl",
        f'{{"i": 7, {FINE[1:]}\n{{"i": 7, {FINE[1:]}',
        ASK | {"id": "i"},
        r"^t\.jsonl:2: ids must differ; '7' is also the id at t\.jsonl:1",
    ),
    "id that is no text": (
        "t.jsonl",
        '{"i": [1], "q": "x", "a": 1}',
        ASK | {"id": "i"},
        r"^t\.jsonl:1: the id must be a text or a number; got \[1\]",
    ),
    "empty input": ("t.jsonl", '{"q": "  ", "a": 1}', ASK, r"^t\.jsonl:1: the input is empty"),
    "split that there is not": (
        "t.jsonl",
        '{"q": "x", "a": 1, "s": "tset"}',
        ASK | {"split": "s"},
        r"^t\.jsonl:1: the split must be one of fit, tune, certify, test",
    ),
    "CSV row of another length": (
        "t.csv",
        "q,a\nx,1\ny,2,3\n",
        ASK,
        r"^t\.csv:3: the header names 2 columns; this row has 3",
    ),
    "CSV with a doubled column": (
        "t.csv",
        "q,a,q\nx,1,2\n",
        ASK,
        r"^t\.csv:1: column names must differ; 'q' stands there twice",
    ),
    "CSV with an open quote": ("t.csv", 'q,a\nx,1\n"y,2\n', ASK, r"^t\.csv:3: the table is broken"),
    "CSV cell that is empty": ("t.csv", "q,a\nx,1\ny,\n", ASK, r"^t\.csv:3: there is no target"),
    "JSON file that is no list": (
        "t.json",
        '{"rows": []}',
        ASK,
        r"^t\.json: the file must hold a list of objects; got dict",
    ),
    "JSON list with a hole": (
        "t.json",
        f"[{FINE}, null]",
        ASK,
        r"^t\.json:2: every element must be an object; got NoneType",
    ),
    "no Parquet at all": ("t.parquet", FINE, ASK, r"^t\.parquet: the file must be Parquet \("),
    "name that tells no format": (
        "t.data",
        FINE,
        ASK,
        r"^data: the format of t\.data cannot be told from its name; say format",
    ),
    "no messages in a chat": (
        "t.jsonl",
        '{"messages": []}',
        CHAT,
        r"^t\.jsonl:1: messages must be a list with at least one message; got \[\]",
    ),
    "message without a role": (
        "t.jsonl",
        turns({"content": "hi"}, SAID),
        CHAT,
        r"^t\.jsonl:1: message 1 must have a role, one of system, .*; got None",
    ),
    "message with an unknown role": (
        "t.jsonl",
        turns(USER, {"role": "bot", "content": "x"}),
        CHAT,
        r"^t\.jsonl:1: message 2 must have a role, .*; got 'bot'",
    ),
    "message without content": (
        "t.jsonl",
        turns({"role": "user"}, SAID),
        CHAT,
        r"^t\.jsonl:1: the content of message 1 must be a text or a list of parts",
    ),
    "chat without an answer": (
        "t.jsonl",
        turns(SAID, USER),
        CHAT,
        r"^t\.jsonl:1: the last message must be the assistant's, it is the target; got 'user'",
    ),
    "tools that are no list": (
        "t.jsonl",
        turns(USER, SAID, tools="all"),
        CHAT,
        r"^t\.jsonl:1: tools must be a list of tools",
    ),
    "tool without a name": (
        "t.jsonl",
        turns(USER, SAID, tools=[{"type": "function"}]),
        CHAT,
        r"^t\.jsonl:1: tool 1 must have a name",
    ),
    "tool call that is not offered": (
        "t.jsonl",
        '{"q": "x", "a": [{"name": "g", "arguments": {}}], "t": [{"name": "f"}]}',
        ASK | {"score": "tool_call", "tools": "t"},
        r"^t\.jsonl:1: for the scorer tool_call the target must be tool calls of f; got",
    ),
}


@pytest.mark.parametrize("kind", CASES)
def test_malformed_data_are_one_sentence_with_file_and_line(kind: str, tmp_path: Path) -> None:
    name, content, description, sentence = CASES[kind]
    (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(UserError, match=sentence) as caught:
        task_from({"data": name, **description}, tmp_path).splits  # noqa: B018  (placing is checked too)
    told = str(caught.value)
    assert "\n" not in told and "Traceback" not in told
    print(f"{kind}: {told}")


def test_a_parquet_column_that_is_missing_or_not_a_number_is_named(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    parquet(tmp_path / "t.parquet", {"q": ["x", "y"], "a": [1.0, float("nan")]})
    with pytest.raises(UserError, match=r"^t\.parquet:2: the target must be a JSON value; got nan"):
        task_from({"data": "t.parquet", **ASK}, tmp_path)
    with pytest.raises(UserError, match=r"^t\.parquet:1: target names the column 'answer'.*it has q, a"):
        task_from({"data": "t.parquet", **ASK, "target": "answer"}, tmp_path)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ("gone.jsonl", r"^data: gone\.jsonl does not exist"),
        (".", r"^data: \. is a folder: name the files in it"),
        ("*.csv", r"^data: \*\.csv does not exist"),
        (None, "^data: must be a path, a glob pattern, a list of them or hf://"),
    ],
)
def test_data_that_are_not_there_are_named(data: Any, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=sentence):
        task_from({"data": data, **ASK}, tmp_path)


def test_a_utf8_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text(FINE, encoding="utf-8-sig")
    (tmp_path / "t.csv").write_text("q,a\nx,1\n", encoding="utf-8-sig")
    for name in ("t.jsonl", "t.csv"):
        assert len(task_from({"data": name, **ASK}, tmp_path).examples) == 1
