"""Users' programs: who may run, what they may do there, and that nothing they do harms the run."""

from __future__ import annotations

import asyncio
import re
import textwrap
from pathlib import Path
from typing import Any

import pytest

from underdog.acts import Acts
from underdog.acts.check import Checker
from underdog.acts.code import Code
from underdog.acts.pool import Limits
from underdog.answerer import Act, Answer, Failure, Model, Request, Tool, play
from underdog.drive import Driver
from underdog.engines.fake import FakeEngine
from underdog.errors import StudyError
from underdog.levers import Check
from underdog.levers.candidate import shown
from underdog.levers.program import Program
from underdog.plan import dump, load, programs_of
from underdog.reading import Reading
from underdog.store.sinks import MemoryBank

LIMITS = Limits(seconds=30.0, output_bytes=10_000)
IMPATIENT = Limits(seconds=4.0, cpu_seconds=1)
ASKED = ({"role": "user", "content": "6 times 7?"},)


def program(folder: Path, body: str, name: str = "right") -> Program:
    (folder / "checks.py").write_text(textwrap.dedent(body))
    return Program.read(f"checks.py:{name}", folder)


def checked(folder: Path, *programs: Program, limits: Limits = LIMITS, text: str = "42") -> list[Any]:
    """What the act makes of each program in turn, in one pool."""

    async def go() -> list[Any]:
        code = Code(folder, allowed=True, limits=limits)
        act = Checker(code).check
        try:
            return [await act(one.name, one.digest, ASKED, text, text.strip()) for one in programs]
        finally:
            await code.close()

    return asyncio.run(go())


@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        ("def right(final): return final == '42'", {"score": 1.0, "message": None}),
        ("def right(text): return 0.25", {"score": 0.25, "message": None}),
        (
            "def right(text, messages): return 0, messages[0]['content']",
            {"score": 0.0, "message": "6 times 7?"},
        ),
        ("def right(**given): return len(given) == 3", {"score": 1.0, "message": None}),
        ("import numpy\ndef right(final): return numpy.float32(0.5)", {"score": 0.5, "message": None}),
    ],
)
def test_a_check_gets_what_it_names_and_returns_a_number_or_one_with_a_message(tmp_path, body, verdict):
    assert checked(tmp_path, program(tmp_path, body)) == [verdict]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("def right(final): return float('nan')", "Out of range float values are not JSON compliant"),
        ("def right(final): return 1.5", "must return a number from 0 to 1"),
        ("def right(final): return 'yes'", "it returned 'yes'"),
        ("def right(final):\n  x = 1\n  return 1 / 0", r"ZeroDivisionError: division by zero \(line 3\)"),
        ("def right(final): raise SystemExit(3)", "SystemExit: 3"),
        ("def right(final): return 1, 'x' * 20000", "it returned 20,018 bytes; the most is 10,000"),
        ("def right(answer): return 1", "parameter 'answer' has no meaning here; it may take messages, text"),
        ("right = 3", "has no function 'right'"),
        ("import nowhere_at_all\ndef right(final): return 1", "ModuleNotFoundError"),
        ("import os\ndef right(final): os._exit(7)", r"its process ended \(7\) without an answer"),
        ("def right(final): return bytearray(1 << 40)", "MemoryError"),
        ("import socket\ndef right(final): socket.create_connection(('127.0.0.1', 9))", "no network here"),
    ],
)
def test_whatever_a_program_does_is_its_failure_in_one_sentence(tmp_path, body, said):
    (failure,) = checked(tmp_path, program(tmp_path, body))
    assert isinstance(failure, Failure) and failure.kind == "act_failed"
    assert failure.message.startswith("checks.py:right")
    assert re.search(said, failure.message)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("import time\ndef right(final): time.sleep(60)", "took longer than 4 s"),
        ("def right(final):\n  while True: pass", "(took longer than 4|used more than 1) s"),
    ],
)
def test_a_program_that_hangs_is_killed_and_the_next_one_runs(tmp_path, body, said):
    hangs = program(tmp_path, body)
    (tmp_path / "fine.py").write_text("def right(final): return True")
    failure, verdict = checked(tmp_path, hangs, Program.read("fine.py:right", tmp_path), limits=IMPATIENT)
    assert failure.kind == "timeout"
    assert re.search(said, failure.message)
    assert verdict == {"score": 1.0, "message": None}


def test_what_a_program_prints_reads_or_leaves_behind_never_meets_the_results(tmp_path):
    noisy = program(
        tmp_path,
        """
        import os, sys
        print('{"value": 1}', flush=True)
        def right(final):
            print("noise", flush=True); os.write(1, b'{"value": 0}\\n'); print("more", file=sys.stderr)
            clean, quiet = not os.listdir("."), sys.stdin.read() == ""
            open("left.txt", "w").write("x"); os.makedirs("deep/er")
            return clean and quiet and "SECRET_KEY" not in os.environ
        """,
    )
    assert checked(tmp_path, noisy, noisy) == [{"score": 1.0, "message": None}] * 2
    assert sorted(one.name for one in tmp_path.iterdir()) == ["checks.py"]


def test_a_program_that_removes_its_folder_does_not_harm_the_next_call(tmp_path):
    rude = program(
        tmp_path,
        """
        import os, shutil
        def right(final):
            shutil.rmtree(os.getcwd()); os.chdir("/")
            return True
        """,
    )
    assert checked(tmp_path, rude, rude) == [{"score": 1.0, "message": None}] * 2


def test_a_warm_process_that_ended_by_itself_is_replaced(tmp_path):
    leaves = program(
        tmp_path,
        """
        import os, threading
        def right(final):
            threading.Timer(0.05, os._exit, (0,)).start()
            return True
        """,
    )

    async def go() -> list[Any]:
        code = Code(tmp_path, allowed=True, limits=LIMITS)
        found = []
        for _ in range(2):
            found.append(await Checker(code).check(leaves.name, leaves.digest, ASKED, "42", "42"))
            await asyncio.sleep(0.5)
        await code.close()
        return found

    assert asyncio.run(go()) == [{"score": 1.0, "message": None}] * 2


def test_nothing_of_the_environment_reaches_a_program_and_its_neighbours_are_importable(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("UNDERDOG_KEY_HOUSE", "sesame")
    (tmp_path / "beside.py").write_text("ANSWER = '42'")
    one = program(
        tmp_path,
        """
        import os
        from beside import ANSWER
        def right(final): return final == ANSWER and "sesame" not in os.environ.values()
        """,
    )
    assert checked(tmp_path, one) == [{"score": 1.0, "message": None}]


def test_an_edited_program_is_another_act_and_the_old_name_is_refused(tmp_path):
    before = program(tmp_path, "def right(final): return True")
    after = program(tmp_path, "def right(final): return False")
    assert before != after
    assert checked(tmp_path, after) == [{"score": 0.0, "message": None}]
    with pytest.raises(StudyError, match=r"'checks.py:right' is not the one that was named: .* has changed"):
        Acts(FakeEngine, base=tmp_path, allow_code=True).admit(Check(before))


def test_without_consent_nothing_runs_and_the_sentence_says_what_would(tmp_path):
    lever = Check(program(tmp_path, "open('ran', 'w')\ndef right(final): return True"))
    with pytest.raises(StudyError, match=r"code of yours, checks.py:right \(seen from .*--allow-code"):
        Acts(FakeEngine, base=tmp_path).admit(lever)

    async def go() -> Any:
        async with (
            Acts(FakeEngine, base=tmp_path) as acts,
            Driver(FakeEngine, MemoryBank(), tools=acts) as driver,
        ):
            return (await driver.answer(lever, shown(Request(ASKED), Answer("42")))).result

    failure = asyncio.run(go())
    assert isinstance(failure, Failure) and "--allow-code" in failure.message
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("text", "confidence", "says"),
    [
        ("2+3*4", 1.0, ""),
        ("2*3+4", 0.0, "Its value is 10 and not 14."),
        ("2+3+9", 0.0, "It must use 2 3 4 once each."),
        ("fourteen", 0.0, "This is no expression of numbers, + - * / and brackets."),
    ],
)
def test_an_embedded_worlds_checker_needs_no_consent_and_says_what_is_wrong(text, confidence, says):
    lever = Check(Program.read("underdog.tiny.worlds.countdown:check"))
    request = Request(({"role": "user", "content": "Make 14 from 2 3 4."},))

    async def go() -> Any:
        async with Acts(FakeEngine) as acts, Driver(FakeEngine, MemoryBank(), tools=acts) as driver:
            first = await driver.answer(lever, shown(request, Answer(text)))
            again = await driver.answer(lever, shown(request, Answer(text)))
            assert driver.tally.sent == 1 and driver.tally.banked == 1
            assert again.result.confidence == first.result.confidence
            return first.result

    answer = asyncio.run(go())
    assert (answer.confidence, answer.text) == (confidence, says)


def test_a_check_shows_its_program_what_the_reading_finds():
    lever = Check(Program("checks.py:right", "d1"), Reading("number"))
    seen: list[Act] = []

    def reply(effect: Any) -> Any:
        seen.append(effect)
        return {"score": 0.5, "message": None}

    answer = play(lever, shown(Request(ASKED), Answer("42.0")), reply)
    assert isinstance(answer, Answer) and (answer.confidence, answer.text) == (0.5, "")
    (act,) = seen
    assert act.tool == Tool("check", "d1")
    assert act.arguments["messages"] == list(ASKED)
    assert (act.arguments["text"], act.arguments["final"]) == ("42.0", "42")


def test_a_study_file_names_the_program_and_a_plan_its_content(tmp_path):
    named = program(tmp_path, "def right(final): return True")
    lever = load({"lever": "check", "program": "checks.py:right"}, base=tmp_path)
    assert lever == Check(named)
    saved = dump(lever)
    assert saved == {"lever": "check", "program": {"name": "checks.py:right", "digest": named.digest}}
    assert load(saved) == lever and programs_of(lever) == (named,)


@pytest.mark.parametrize("name", ["checks.py", "nowhere.py:right", "no.such.module:right", ":right"])
def test_a_name_that_is_no_programs_is_one_sentence(tmp_path, name):
    with pytest.raises(StudyError, match="program"):
        Program.read(name, tmp_path)


def test_looking_a_module_up_runs_nothing(tmp_path):
    package = tmp_path / "mine"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('it ran')")
    (package / "checks.py").write_text("def right(final): return True")
    found = Program.read("mine.checks:right", tmp_path)
    assert found.file(tmp_path) == package / "checks.py"
    assert Model("fake/a") not in programs_of(Check(found))
