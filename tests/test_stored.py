"""Stored: a file as a field of a frozen value, named by what is in it."""

from __future__ import annotations

import asyncio
import json

import pytest

from underdog.answerer import Act, Failure, Tool
from underdog.drive import Driver
from underdog.engines.fake import FakeEngine
from underdog.errors import DataError
from underdog.store.sinks import MemoryBank
from underdog.stored import Stored

NOTES = Stored.of(b"one two", ".txt")


def test_two_are_equal_when_their_contents_and_kinds_are():
    assert Stored(NOTES.digest, ".txt") == NOTES and hash(NOTES) == hash(Stored(NOTES.digest, ".txt"))
    assert Stored.of(b"one two") != NOTES and Stored.of(b"three", ".txt") != NOTES


def test_a_file_is_found_again_by_its_name(tmp_path):
    path = NOTES.write(tmp_path)
    assert path.name == NOTES.name == f"{NOTES.digest}.txt"
    assert Stored.read(path) == NOTES == Stored.named(path.name)
    assert Stored.read(path).held == b"one two"


def test_a_file_that_is_missing_or_not_at_hand_is_one_sentence(tmp_path):
    with pytest.raises(DataError, match=r"none.txt: the file cannot be read \(No such file"):
        Stored.read(tmp_path / "none.txt")
    with pytest.raises(DataError, match="not at hand"):
        Stored(NOTES.digest).write(tmp_path)


def test_a_reader_reads_once():
    read = []

    def reader(content: bytes, name: str) -> list[str]:
        read.append(name)
        return content.decode().split()

    assert NOTES.opened(reader) == NOTES.opened(reader) == ["one", "two"]
    assert read == [NOTES.name]


def test_an_acts_function_gets_the_file_and_only_its_name_is_recorded():
    bank, counted = MemoryBank(), []

    def count(word: str, file: Stored) -> int:
        counted.append(word)
        return file.held.decode().split().count(word)

    async def session() -> list[object]:
        bind = lambda model: FakeEngine("x", name=model.name)  # noqa: E731
        async with Driver(bind, bank, tools={"count": count}) as driver:
            acts = [Act(Tool("count"), {"word": "two"}, file) for file in (NOTES, NOTES, Stored.of(b"no"))]
            return [(await driver.act(one)).result for one in acts]

    assert asyncio.run(session()) == [1, 1, 0]
    assert counted == ["two", "two"], "equal files are one act, another file is another"
    recorded = [json.loads(call.request) for call in bank.calls.values()]
    assert recorded[0] == {"word": "two", "file": NOTES.name}


def test_a_file_that_is_not_at_hand_fails_the_act_and_nothing_else():
    async def session() -> object:
        bind = lambda model: FakeEngine("x", name=model.name)  # noqa: E731
        tools = {"size": lambda file: len(file.held)}
        async with Driver(bind, MemoryBank(), tools=tools) as driver:
            return (await driver.act(Act(Tool("size"), file=Stored(NOTES.digest)))).result

    lost = asyncio.run(session())
    assert isinstance(lost, Failure) and "not at hand" in lost.message
