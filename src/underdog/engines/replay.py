"""Recorded outputs as a model: the example's id and the draw say which record is the answer.

    replay/outputs.jsonl.gz#gemma-2-9b-it                                the rows whose model column says so
    replay/solutions.jsonl.gz#model=gpt3-6b&method=ft-greedy             the rows that say all of this
    replay/outputs.parquet                                               a file of one model

A record is only an answer to the prompt it was made with. So the prompt that is asked is compared with the
recorded one and another is refused, unless the study declares that the recorded prompts stand; otherwise a
prompt lever would "show" no effect on recordings that never saw it. Recorded latency is left out.

Draw () and (0,) take sample 0 and (k,) takes sample k. A nested draw (a vote inside a vote) has no number in
a flat list of samples and is refused. Files are `recording.py`'s business.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from underdog.answerer import Answer, Failure, Request, canonical, digest
from underdog.constraint import FIELDS
from underdog.engines import Delta, Facts
from underdog.engines.recorded_cost import declared_cost
from underdog.engines.recording import Recording, open_recording
from underdog.errors import DataError, StudyError
from underdog.reading import near
from underdog.trial import Spend

_FINISHES = {
    "max_tokens": "length",
    "max_length": "length",
    "eos": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
}
_SHOWN = 12  # names listed in a message


@dataclass(frozen=True, slots=True)
class _Record:
    text: str
    finish: str
    spend: Spend
    prompt: str | None


class ReplayEngine:
    """One model's recorded outputs.

    Args:
        file: JSON Lines (also gzipped) or Parquet, one recorded answer a row.
        selector: the model column's value, or COLUMN=VALUE&COLUMN=VALUE; "" when the file holds one model.
        where: the same as a mapping of column to value, beside the selector.
        columns: which column holds what (see `Columns`), where the usual names do not tell.
        recorded_prompts_stand: answer whatever prompt is asked; files without prompts need it.
        cost: declared costs (see `Cost`).

    Raises:
        DataError: the file or one of its rows cannot be read.
        StudyError: no row or no single row a sample is meant, a column is unknown, or no prompt is recorded
            and the study does not declare that the recorded prompts stand.
    """

    concurrency = 256
    batch = 256
    same_prompt = False
    billed = False

    def __init__(
        self,
        file: Path,
        selector: str = "",
        *,
        where: Mapping[str, Any] | None = None,
        columns: Mapping[str, str] | None = None,
        recorded_prompts_stand: bool = False,
        cost: Mapping[str, float] | None = None,
    ) -> None:
        self._stand = recorded_prompts_stand
        self._cost = declared_cost(file, cost or {})
        self._recording = open_recording(Path(file), columns or {})
        self._columns = self._recording.columns
        self._where = _where(self._recording, selector, where or {})
        if not recorded_prompts_stand and self._columns.prompt is None:
            raise StudyError(
                f"replay of {file}: it records no prompts, so whether its answers are answers to what the "
                "study asks cannot be checked; declare recorded_prompts_stand: true if they are"
            )
        self._without_example = 0
        self._records: dict[str, dict[int, _Record]] = {}
        for row in _selected(self._recording, self._where):
            self._add(row)
        self._name = self._where.get(self._columns.model or "", Path(file).name)
        # Prompts too: what stood unchecked must not be found in the bank by a study that checks.
        read = [self._where, asdict(self._columns), asdict(self._cost), recorded_prompts_stand]
        self.fingerprint = f"replay:{self._recording.sha256[:16]}:{digest(read)}"

    async def generate(self, requests: Sequence[Request]) -> list[Answer | Failure]:
        """The records, in the order of the requests; where there is none, a Failure that says why."""
        return [self._answer(request) for request in requests]

    async def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        """The recorded text in one piece, then the Answer."""
        result = self._answer(request)
        if isinstance(result, Failure):
            yield Delta(failure=result)
            return
        yield Delta(result.text)
        yield Delta(answer=result)

    def bound(self, request: Request) -> Spend:
        """Nothing: a replayed call is not billed, whatever the record says that it cost."""
        return Spend()

    def price(self, spend: Spend) -> Spend:
        """As it is: declared costs are part of the fingerprint, and a replay costs nothing to repeat."""
        return spend

    def identity(self, request: Request) -> str:
        """The request's digest and the example's id: two examples may ask the same and differ in record."""
        return f"{request.digest}:{request.example}"

    def versions(self) -> dict[str, str]:
        """The file's hash, what was selected from it, and what was not checked or not recorded."""
        columns = self._columns
        tokens = "recorded" if columns.tokens_in and columns.tokens_out else "not recorded"
        if tokens != "recorded" and self._cost.by_token:
            tokens = "estimated: one for four bytes"
        stand = "not checked: the study declares that the recorded prompts stand"
        told = {
            "engine": "replay",
            "file": self._recording.file.name,
            "sha256": self._recording.sha256,
            "prompts": stand if self._stand else "checked against the recorded ones",
            "tokens": tokens,
            "latency": "not replayed",
        }
        if self._where:
            told["where"] = "&".join(f"{column}={value}" for column, value in self._where.items())
        if self._without_example:
            told["left out"] = f"{self._without_example} rows without an example's id"
        return told

    async def check(self) -> Facts:
        samples = sum(map(len, self._records.values()))
        note = f"{samples} recorded answers to {len(self._records)} examples; " + ", ".join(
            f"{name}: {value}" for name, value in self.versions().items() if name in ("prompts", "tokens")
        )
        destination = f"nowhere: answers come from {self._recording.file}"
        supports = {"stream": True, "logprobs": False, "tools": False, "images": False}
        return Facts(bool(samples), destination, supports, note)

    async def close(self) -> None:
        """There is nothing to close."""

    def _answer(self, request: Request) -> Answer | Failure:
        sample = request.sample
        if len(sample) > 1:
            return _refused(
                f"replay/{self._name}: draw {sample} is nested, but recorded samples are numbered 0, 1, 2 "
                "for each example; replay one vote or the repeats of a plain model, not one inside the other"
            )
        if request.example is None:
            return _refused(f"replay/{self._name}: the request names no example, and a record is found by it")
        samples = self._records.get(request.example, {})
        record = samples.get(sample[0] if sample else 0)
        if record is None:
            has = f"{len(samples)} of its samples" if samples else "none for it"
            return _refused(
                f"no recorded answer for example {request.example!r} of {self._name}, sample "
                f"{sample[0] if sample else 0}: {self._recording.file.name} has {has}"
            )
        if not self._stand and record.prompt != prompt_hash(request):
            return _refused(
                f"example {request.example!r} of {self._name} was recorded with another prompt than the one "
                "that is asked; ask what was recorded, or declare recorded_prompts_stand: true"
            )
        spend = self._spend(record, request)
        return Answer(record.text, finish=record.finish, spend=spend, model=self._name)

    def _add(self, row: Mapping[str, Any]) -> None:
        columns = self._columns
        example = row.get(columns.example)
        if example is None:
            self._without_example += 1
            return
        number = 0 if columns.sample is None else _number(row, columns.sample, self._recording.file)
        samples = self._records.setdefault(str(example), {})
        if number in samples:
            raise StudyError(_ambiguous(self._recording, self._where, str(example), number))
        text = row.get(columns.text)
        finish = str(row.get(columns.finish or "") or "stop")
        samples[number] = _Record(
            text="" if text is None else text if isinstance(text, str) else canonical(text).decode(),
            finish=_FINISHES.get(finish.lower(), finish.lower()),
            spend=self._counted(row),
            prompt=None if self._stand else _recorded_prompt(row.get(columns.prompt or "")),
        )

    def _counted(self, row: Mapping[str, Any]) -> Spend:
        """What the row itself says: tokens and dollars."""
        file, columns = self._recording.file, self._columns
        tokens_in = 0 if columns.tokens_in is None else _number(row, columns.tokens_in, file, 0)
        tokens_out = 0 if columns.tokens_out is None else _number(row, columns.tokens_out, file, 0)
        dollars = None if columns.dollars is None else row.get(columns.dollars)
        if dollars is not None and not isinstance(dollars, int | float):
            raise DataError(f"{file}: column {columns.dollars} must hold numbers; got {dollars!r}")
        return Spend(self._cost.calls, tokens_in=tokens_in, tokens_out=tokens_out, dollars=dollars)

    def _spend(self, record: _Record, request: Request) -> Spend:
        """What a record cost, with what the study declares in place of what was not recorded."""
        cost, spend = self._cost, record.spend
        if cost.by_token and not spend.tokens:
            read = sum(len(str(message.get("content", "")).encode()) for message in request.messages)
            written = len(record.text.encode())
            spend = replace(
                spend, tokens_in=cost.calls * -(-read // 4), tokens_out=cost.calls * -(-written // 4)
            )
        if cost.answer is not None:
            spend = replace(spend, dollars=cost.answer)
        elif cost.input is not None and cost.output is not None:
            spend = replace(
                spend, dollars=(spend.tokens_in * cost.input + spend.tokens_out * cost.output) / 1e6
            )
        if cost.parameters is not None:
            spend = replace(spend, flops=2 * cost.parameters * spend.tokens)
        return spend


def prompt_hash(request: Request) -> str:
    """What a file's `prompt_hash` column holds: the hash of all that the model is shown.

    That is the messages alone, or with tools, a response format and vLLM's words for one where the request
    has them.
    """
    forms = {name: request.extra[name] for name in FIELDS & request.extra.keys()}
    if request.tools or request.response_format or forms:
        asked = [request.messages, request.tools, request.response_format]
        return digest([*asked, forms] if forms else asked)
    return digest(request.messages)


def _recorded_prompt(prompt: Any) -> str | None:
    """The prompt_hash of a recorded prompt: a hash, one user message, or messages, also as a JSON text."""
    if prompt is None or (isinstance(prompt, str) and _is_hash(prompt)):
        return prompt
    if isinstance(prompt, str):
        messages = _messages(prompt) or [{"role": "user", "content": prompt}]
        return digest(messages)
    return digest(prompt)


def _is_hash(text: str) -> bool:
    return len(text) == 32 and not set(text) - set("0123456789abcdef")


def _messages(text: str) -> list[dict[str, Any]] | None:
    try:
        messages = msgspec.json.decode(text, type=list[dict[str, Any]])
    except msgspec.DecodeError:
        return None
    return messages if messages and all("role" in message for message in messages) else None


def _refused(message: str) -> Failure:
    return Failure("bad_request", message)


def _where(recording: Recording, selector: str, where: Mapping[str, Any]) -> dict[str, str]:
    """The selector and the mapping as one: column to value, the model column among them."""
    file, columns, present = recording.file, recording.columns, recording.present
    chosen = _read_selector(recording, selector) if selector else {}
    for column, value in where.items():
        if chosen.setdefault(column, str(value)) != str(value):
            raise StudyError(
                f"replay of {file}: the name says {column}={chosen[column]} and where says {column}={value}; "
                "say it once"
            )
    for column in chosen:
        if column not in present:
            raise StudyError(
                f"replay of {file}: {column!r} is no column of it; the columns are {', '.join(present)}"
                f"{near(column, present)}"
            )
    if columns.model is not None and columns.model not in chosen and len(recording.models) > 1:
        raise StudyError(
            f"replay of {file}: it holds several models, {_listed(recording.models)}; say which one, as in "
            f"replay/{file.name}#{next(iter(recording.models))}"
        )
    return chosen


def _read_selector(recording: Recording, selector: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in selector.split("&")]
    if any(equals and column in recording.present for column, equals, _ in pairs):
        return {column: value for column, _, value in pairs}
    if recording.columns.model is None:
        raise StudyError(
            f"replay of {recording.file}: no column looks like the model's name, so #{selector} must be "
            f"COLUMN=VALUE with one of {', '.join(recording.present)}"
        )
    return {recording.columns.model: selector}


def _selected(recording: Recording, where: Mapping[str, str]) -> list[dict[str, Any]]:
    """The rows that say all of `where`. Raises StudyError when there are none."""
    file, model = recording.file, where.get(recording.columns.model or "")
    if model is not None and model not in recording.models:
        raise StudyError(
            f"replay of {file}: it has no model {model!r}{near(model, list(recording.models))}; it has "
            f"{_listed(recording.models)}"
        )
    rest = {column: value for column, value in where.items() if column != recording.columns.model}
    rows = list(recording.rows(model))
    for column, value in rest.items():
        kept = [row for row in rows if str(row.get(column)) == value]
        if not kept:
            had = dict.fromkeys(str(row.get(column)) for row in rows)
            raise StudyError(
                f"replay of {file}: no row has {column}={value}; there {column} is {_listed(had)}"
            )
        rows = kept
    return rows


def _ambiguous(recording: Recording, where: Mapping[str, str], example: str, number: int) -> str:
    """Two rows claim the same sample: say which column would tell them apart."""
    columns = recording.columns
    own = {value for value in asdict(columns).values() if value is not None}
    rows = [
        row
        for row in _selected(recording, where)
        if str(row.get(columns.example)) == example
        and (columns.sample is None or row.get(columns.sample) == number)
    ]
    told = f"replay of {recording.file}: two rows answer example {example!r}, sample {number}"
    for column in recording.present:
        values = dict.fromkeys(row.get(column) for row in rows if isinstance(row.get(column), str))
        if column not in own and len(values) > 1:
            chosen = "&".join(
                f"{name}={value}" for name, value in (*where.items(), (column, next(iter(values))))
            )
            return f"{told}; they differ in {column} ({_listed(values)}), so select one: #{chosen}"
    return f"{told}, and no column tells them apart; number them in a column named sample, from 0"


def _number(row: Mapping[str, Any], column: str, file: Path, missing: int | None = None) -> int:
    value = row.get(column)
    if value is None and missing is not None:
        return missing
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value) or value < 0:
        raise DataError(
            f"{file}: column {column} must hold whole numbers from 0; got {value!r} in {row!s:.200}"
        )
    return int(value)


def _listed(names: Mapping[Any, Any]) -> str:
    shown = ", ".join(map(str, list(names)[:_SHOWN]))
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"
