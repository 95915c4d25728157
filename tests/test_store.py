"""The store: what is acknowledged is kept, whatever kills the process, fills the disk or damages the file."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import underdog
from underdog.answerer import digest
from underdog.errors import StoreError
from underdog.store import Bank, Ledger, MemoryBank, Store
from underdog.store.schema import APPLICATION_ID, MIGRATIONS
from underdog.trial import Call, Outcome, Spend, Trial

SOURCE = str(Path(underdog.__path__[0]).parent)


def key(number: int) -> str:
    return digest(["call", number])


def call(number: int, **changes: object) -> Call:
    made = Call(
        key=key(number),
        model="fake/small",
        fingerprint="fake:small",
        request=json.dumps({"messages": [{"role": "user", "content": f"question {number}"}]}),
        draw="",
        result=json.dumps({"text": f"answer {number}"}),
        failed=False,
        spend=Spend(1, 10, 2, 5, 1, 0, 0.25, 0.5, 1e9),
        started=1.5,
        versions='{"fake": "1"}',
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def trial(answerer: str, example: str, repeat: int = 0, score: float | None = 1.0) -> Trial:
    outcome = Outcome.FAILED if score is None else Outcome.RIGHT if score else Outcome.WRONG
    spend = Spend(1, 10, 0, 5, 0, 0, 0.25, 0.5)
    return Trial(answerer, example, repeat, outcome, score, "42", 0.75, spend, (key(1), key(2)), "")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "store.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with Store(path, run="r") as opened:
        yield opened


# Calls


def test_a_recorded_call_is_found_as_it_was_in_this_store_and_in_the_next(path: Path) -> None:
    calls = [
        call(1),
        call(2, result='"' + "a long answer " * 500 + '"'),
        call(3, request='"日本語のプロンプト"', draw="0.2", spend=Spend(dollars=None)),
        call(4, result='"half a surrogate pair \ud800, and a NUL \x00"'),
    ]
    with Store(path) as store:
        asyncio.run(store.record(calls))
        assert [store.find(one.key) for one in calls] == calls
    with Store(path) as again:
        assert [again.find(one.key) for one in calls] == calls
        assert again.find(key(5)) is None


def test_find_many_returns_those_that_are_there(store: Store) -> None:
    calls = [call(number) for number in range(1_000)]
    asyncio.run(store.record(calls))
    found = store.find_many([key(number) for number in range(500, 1_500)])
    assert found == {one.key: one for one in calls[500:]}
    assert store.find_many([]) == {}


def test_a_failure_is_recorded_but_never_found_and_a_later_success_is(store: Store) -> None:
    failed = call(1, failed=True, result='{"kind": "timeout"}')
    asyncio.run(store.record([failed]))
    assert store.find(failed.key) is None
    assert store.find_many([failed.key]) == {}
    asyncio.run(store.record([call(1)]))
    assert store.find(failed.key) == call(1)
    asyncio.run(store.record([failed]))
    assert store.find(failed.key) == call(1)


def test_nothing_recorded_is_replaced_and_the_newest_success_is_found(store: Store, path: Path) -> None:
    first, second = call(1), call(1, result='"asked again, fresh"')
    asyncio.run(store.record([first]))
    asyncio.run(store.record([second]))
    assert store.find(first.key) == second
    assert store.find_many([first.key]) == {first.key: second}
    db = sqlite3.connect(path)
    assert db.execute("SELECT count(*) FROM calls").fetchone() == (2,)
    db.close()


def test_a_call_is_found_while_it_is_being_committed(store: Store) -> None:
    async def scenario() -> None:
        blocked, free = asyncio.Event(), threading.Event()
        loop = asyncio.get_running_loop()

        def wait(db: sqlite3.Connection) -> None:
            loop.call_soon_threadsafe(blocked.set)
            free.wait()

        waiting = asyncio.create_task(store._writer.write(wait))
        await blocked.wait()
        recording = asyncio.create_task(store.record([call(1)]))
        await asyncio.sleep(0)
        assert store.find(key(1)) == call(1)
        assert store.find_many([key(1)]) == {key(1): call(1)}
        assert not recording.done()
        free.set()
        await asyncio.gather(waiting, recording)
        assert store.find(key(1)) == call(1)

    asyncio.run(scenario())
    assert not store._pending


def test_a_call_whose_asker_was_cancelled_is_recorded_all_the_same(store: Store) -> None:
    async def scenario() -> None:
        task = asyncio.create_task(store.record([call(1)]))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await store.record([call(2)])

    asyncio.run(scenario())
    assert store.find(key(1)) == call(1)


def test_threads_with_their_own_loops_record_and_find_at_once(store: Store) -> None:
    missing: list[int] = []

    async def many(start: int) -> None:
        async def one(number: int) -> None:
            await store.record([call(number)])
            if store.find(key(number)) != call(number):
                missing.append(number)

        await asyncio.gather(*(one(number) for number in range(start, start + 200)))

    threads = [threading.Thread(target=lambda n=n: asyncio.run(many(n * 200))) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not missing
    assert len(store.find_many(key(number) for number in range(800))) == 800


def test_a_prompt_that_many_calls_share_is_kept_once(store: Store, path: Path) -> None:
    prompt = json.dumps({"messages": ["word " * 2_000]})
    asyncio.run(store.record([call(number, request=prompt) for number in range(500)]))
    store.close()
    assert path.stat().st_size < 500 * 400


def test_a_key_that_is_no_digest_is_refused_and_its_neighbours_are_kept(store: Store) -> None:
    async def scenario() -> None:
        good = asyncio.create_task(store.record([call(1)]))
        with pytest.raises(StoreError, match="must be 32 hexadecimal digits, as digest"):
            await store.record([call(2, key="short")])
        await good

    asyncio.run(scenario())
    assert store.find(key(1)) == call(1)


def test_one_write_that_the_database_refuses_does_not_spoil_those_beside_it(store: Store) -> None:
    async def scenario() -> list[object]:
        huge = call(2, spend=Spend(tokens_in=2**70))
        writes = [store.record([call(1)]), store.record([call(3), huge]), store.record([call(4)])]
        return await asyncio.gather(*writes, return_exceptions=True)

    first, second, third = asyncio.run(scenario())
    assert first is None
    assert third is None
    assert isinstance(second, StoreError)
    assert set(store.find_many(map(key, range(1, 5)))) == {key(1), key(4)}
    assert store.find(key(4)) == call(4)


# Budgets


def test_spent_counts_what_is_recorded_and_what_is_under_way_at_its_bound(store: Store) -> None:
    bank = Bank(store, "r")
    bound = Spend(1, 10, 0, 100, dollars=2.0)

    async def scenario() -> None:
        await bank.reserve(key(1), bound)
        await bank.reserve(key(2), bound)
        assert bank.spent() == bound + bound
        await bank.record([call(1)])
        assert bank.spent() == call(1).spend + bound
        await bank.record([call(2), call(3, failed=True)])

    asyncio.run(scenario())
    assert bank.spent() == call(1).spend + call(2).spend + call(3).spend


def test_a_call_under_way_at_a_crash_counts_at_its_bound_for_good(path: Path) -> None:
    bound = Spend(1, 10, 0, 100, dollars=2.0)
    with Store(path, run="r") as store:
        asyncio.run(store.reserve("r", key(1), bound))
    with Store(path, run="r") as resumed:
        assert resumed.spent("r") == bound
        asyncio.run(resumed.reserve("r", key(1), bound))
        resumed.start_run("r")
        asyncio.run(resumed.record([call(1)], run="r"))
        assert resumed.spent("r") == bound + call(1).spend


def test_calls_without_a_price_make_what_is_spent_unknown_and_not_zero(store: Store) -> None:
    asyncio.run(store.record([call(1), call(2, spend=Spend(1, dollars=None))], run="r"))
    assert store.spent("r").dollars is None
    assert store.spent("never started") == Spend()


def test_pace_is_the_mean_engine_time_of_the_successes_of_one_fingerprint(store: Store) -> None:
    other = call(3, fingerprint="fake:large", spend=Spend(1, seconds=9.0))
    failed = call(4, failed=True, spend=Spend(1, seconds=60.0))
    asyncio.run(store.record([call(1), call(2, spend=Spend(1, seconds=1.5)), other, failed]))
    assert store.pace("fake:small") == 1.0
    assert store.pace("fake:large") == 9.0
    assert store.pace("fake:unknown") is None


def test_a_ledger_records_and_answers_nothing_from_the_record(store: Store) -> None:
    ledger = Ledger(store, "r")
    asyncio.run(ledger.record([call(1)]))
    assert ledger.find(key(1)) is None
    assert store.find(key(1)) == call(1)
    assert ledger.spent() == call(1).spend


def test_a_bank_in_memory_does_what_the_store_does(store: Store) -> None:
    memory, bank = MemoryBank(), Bank(store, "r")
    failed, bound = call(1, failed=True), Spend(1, 10, 0, 100)

    async def scenario(sink: MemoryBank) -> list[object]:
        seen: list[object] = [sink.find(key(1))]
        await sink.reserve(key(1), bound)
        await sink.reserve(key(4), bound)
        for calls in ([failed], [call(1), call(2)], [failed]):
            await sink.record(calls)
            seen += [sink.find(key(1)), sink.find(key(2)), sink.spent()]
        return seen

    assert asyncio.run(scenario(memory)) == asyncio.run(scenario(bank))  # type: ignore[arg-type]


# Trials and runs


def test_trials_come_back_as_they_were_by_answerer_example_and_repeat(store: Store) -> None:
    trials = [trial(a, e, r) for a in ("small", "large") for e in ("x", "é", "y") for r in (0, 1)]
    odd = replace(trials[3], final=None, confidence=None, calls=(), note="2 of 5 could not be read")
    trials[3] = replace(odd, spend=Spend(dollars=None))
    asyncio.run(store.add_trials("r", trials[::-1]))
    assert sorted(map(repr, store.trials("r"))) == sorted(map(repr, trials))
    assert {one.answerer for one in store.trials("r", "small")} == {"small"}
    assert len(list(store.trials("r", "small"))) == 6
    assert list(store.trials("r", "unknown")) == []
    assert list(store.trials("another run")) == []


def test_a_trial_done_again_replaces_the_first(store: Store) -> None:
    asyncio.run(store.add_trials("r", [trial("small", "x", score=None)]))
    asyncio.run(store.add_trials("r", [trial("small", "x", score=1.0)]))
    assert list(store.trials("r")) == [trial("small", "x", score=1.0)]


def test_clearing_a_runs_trials_leaves_its_calls_and_other_runs_trials(store: Store) -> None:
    store.start_run("other")
    asyncio.run(store.record([call(1)], run="r"))
    for run in ("r", "other"):
        asyncio.run(store.add_trials(run, [trial("small", "x")]))
    store.clear_trials("r")
    assert list(store.trials("r")) == []
    assert list(store.trials("other")) == [trial("small", "x")]
    assert store.find(key(1)) == call(1)
    assert store.spent("r") == call(1).spend


def test_trials_are_read_while_others_are_written(store: Store) -> None:
    asyncio.run(store.add_trials("r", [trial("small", str(n)) for n in range(3_000)]))
    reading = store.trials("r")
    first = next(reading)
    asyncio.run(store.add_trials("r", [trial("small", str(n)) for n in range(3_000, 3_100)]))
    assert 3_000 <= len([first, *reading]) <= 3_100
    assert len(list(store.trials("r"))) == 3_100


def test_scores_are_aligned_and_missing_is_not_zero(store: Store) -> None:
    small = [trial("small", "x"), trial("small", "y", score=0.0), trial("small", "z", score=None)]
    large = [trial("large", "z"), trial("large", "x", repeat=3, score=0.5)]
    unpriced = replace(trial("large", "y"), spend=Spend(2, dollars=None), confidence=None)
    asyncio.run(store.add_trials("r", [*small, *large, unpriced]))
    scores = store.scores("r")
    assert scores.examples == ("x", "y", "z")
    assert scores.repeats == (0, 3)
    assert scores.answerers == ("small", "large")
    nan = np.nan
    np.testing.assert_equal(scores.cells["small"]["score"][:, 0], np.float32([1, 0, nan]))
    np.testing.assert_equal(scores.cells["small"]["score"][:, 1], np.float32([nan, nan, nan]))
    np.testing.assert_equal(scores.cells["large"]["score"][:, 0], np.float32([nan, 1, 1]))
    np.testing.assert_equal(scores.cells["large"]["score"][:, 1], np.float32([0.5, nan, nan]))
    names = tuple(Outcome)
    assert names[scores.cells["small"]["outcome"][2, 0]] is Outcome.FAILED
    assert scores.cells["large"]["outcome"][0, 0] == -1
    np.testing.assert_equal(scores.cells["large"]["dollars"][:, 0], [nan, nan, 0.25])
    assert np.isnan(scores.cells["large"]["confidence"][1, 0])
    assert scores.cells["large"]["calls"][1, 0] == 2
    assert scores.cells["small"]["tokens_in"][0, 0] == 10
    assert store.scores("no such run").examples == ()


def test_a_run_remembers_what_it_is_who_has_it_and_when_it_ended(path: Path) -> None:
    with Store(path) as store:
        started = store.start_run("a", {"task": "tickets", "n": 3})
        assert (started.name, started.meta) == ("a", {"task": "tickets", "n": 3})
        assert (started.pid, started.finished) == (os.getpid(), None)
        assert store.start_run("a").meta == {"task": "tickets", "n": 3}
        store.start_run("b")
        store.finish_run("a")
        with pytest.raises(StoreError, match=r"call start_run\('a'\) before writing"):
            asyncio.run(store.add_trials("a", [trial("small", "x")]))
    with Store(path) as again:
        a, b = again.runs()
        assert a.finished is not None
        assert a.finished >= a.started
        assert (b.name, b.meta, b.finished) == ("b", {}, None)


def test_a_second_store_on_the_same_run_is_refused_until_the_first_lets_go(path: Path) -> None:
    with Store(path, run="r") as first:
        with pytest.raises(StoreError, match=rf"worked on by process {os.getpid()} on .+; wait for it"):
            Store(path, run="r")
        with Store(path, run="other") as beside:
            asyncio.run(beside.record([call(1)], run="other"))
        assert first.find(key(1)) == call(1)
        first.finish_run("r")
        Store(path, run="r").close()


def test_a_lock_that_cannot_be_made_is_one_sentence(path: Path) -> None:
    Store(path).close()
    path.with_name(f"{path.name}.locks").write_text("in the way")
    with pytest.raises(StoreError, match=r"cannot make the folder .+locks"):
        Store(path, run="r")


# Other processes

CHILD = """
import asyncio, hashlib, os, random, signal, sys, time
from pathlib import Path
from underdog.store import Store
from underdog.trial import Call, Spend

path = Path(sys.argv[1])
def call(number):
    key = hashlib.sha256(b"%d" % number).hexdigest()[:32]
    request = '{"question": "%d"}' % number
    return Call(key, "fake/small", "fake", request, "", '"%s"' % ("text " * (number % 200)), False,
                Spend(1, 2, dollars=0.5), 0.0)
"""

KILLED = (
    CHILD
    + """
async def work(store, ack, start):
    async def one(lane):
        for number in range(start + lane, start + 100_000, 8):
            made = call(number)
            await store.record([made], run="r")
            os.write(ack, made.key.encode() + b"\\n")
    await asyncio.gather(*(one(lane) for lane in range(8)))

ack = os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
random.seed(7)
for life in range(50):
    child = os.fork()
    if child == 0:
        asyncio.run(work(Store(path, run="r"), ack, life * 100_000))
        os._exit(1)
    enough = os.fstat(ack).st_size + 33 * random.choice([0, 1, 20, 40])
    while os.fstat(ack).st_size < enough:
        time.sleep(0.0005)
    time.sleep(random.uniform(0.0, 0.02))
    os.kill(child, signal.SIGKILL)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL, "the child ended before it was killed"
"""
)

WHOLE = (
    CHILD
    + """
async def work(store, run, start):
    for number in range(start, start + 300):
        await store.record([call(number)], run=run)
with Store(path, run=sys.argv[2]) as store:
    print("ready", flush=True)
    sys.stdin.readline()
    asyncio.run(work(store, sys.argv[2], int(sys.argv[3])))
"""
)


def start(program: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", textwrap.dedent(program), *map(str, arguments)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    return subprocess.Popen(command, text=True, env={**os.environ, "PYTHONPATH": SOURCE}, **pipes)


def integrity(path: Path) -> str:
    db = sqlite3.connect(path)
    try:
        return str(db.execute("PRAGMA integrity_check").fetchone()[0])
    finally:
        db.close()


def test_fifty_kills_at_random_moments_lose_no_acknowledged_call(path: Path, tmp_path: Path) -> None:
    acknowledged = tmp_path / "acknowledged"
    with start(KILLED, path, acknowledged) as parent:
        parent.communicate()
    assert parent.returncode == 0
    keys = acknowledged.read_text().split()
    assert len(keys) > 300
    with Store(path, run="r") as store:
        found = store.find_many(keys)
        assert len(found) == len(set(keys))
        assert all(json.loads(one.result) is not None for one in found.values())
        assert store.spent("r").calls >= len(keys)
    assert integrity(path) == "ok"


def test_a_run_whose_process_was_killed_can_be_taken_over_at_once(path: Path) -> None:
    with start(WHOLE, path, "r", 0) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        with pytest.raises(StoreError, match=f"worked on by process {child.pid} on"):
            Store(path, run="r")
        child.kill()
        child.wait()
        Store(path, run="r").close()


def test_two_processes_with_different_runs_share_a_store(path: Path) -> None:
    with start(WHOLE, path, "a", 0) as a, start(WHOLE, path, "b", 1_000) as b:
        a.communicate("go\n")
        b.communicate("go\n")
    assert (a.returncode, b.returncode) == (0, 0)
    with Store(path) as store:
        assert store.spent("a") == store.spent("b") == Spend(300, 600, dollars=150.0)
    assert integrity(path) == "ok"


# Trouble


def test_a_full_disk_is_told_keeps_what_was_there_and_goes_on_when_there_is_room(store: Store) -> None:
    db = store._writer._db
    asyncio.run(store.record([call(0)]))
    pages = db.execute("PRAGMA page_count").fetchone()[0]
    db.execute(f"PRAGMA max_page_count = {pages + 8}")

    async def fill() -> int:
        for number in range(1, 10_000):
            await store.record([call(number, result=json.dumps(os.urandom(2_000).hex()))])
        raise AssertionError("the limit did not hold")

    with pytest.raises(StoreError, match="is full: what was recorded before is intact"):
        asyncio.run(fill())
    kept = store.find_many(map(key, range(10_000)))
    assert kept[key(0)] == call(0)
    assert set(kept) == {key(number) for number in range(len(kept))}
    with pytest.raises(StoreError, match="is full"):
        asyncio.run(store.add_trials("r", [trial("small", str(n)) for n in range(5_000)]))
    assert list(store.trials("r")) == []
    db.execute("PRAGMA max_page_count = 1000000")
    asyncio.run(store.record([call(99_999)]))
    asyncio.run(store.add_trials("r", [trial("small", str(n)) for n in range(5_000)]))
    assert store.find(key(99_999)) == call(99_999)
    assert len(list(store.trials("r"))) == 5_000


def test_a_store_that_cannot_be_written_says_so(store: Store) -> None:
    store._writer._db.execute("PRAGMA query_only = ON")
    with pytest.raises(StoreError, match=r"cannot be written .+ make the file and its folder writable"):
        asyncio.run(store.record([call(1)]))
    assert store.find(key(1)) is None


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_writer_that_dies_tells_everybody_who_waits_and_who_comes_later(store: Store) -> None:
    def die(db: sqlite3.Connection) -> None:
        raise SystemError("out of luck")

    async def scenario() -> list[object]:
        works = [store._writer.write(die), store.record([call(1)]), store.record([call(2)])]
        return await asyncio.gather(*works, return_exceptions=True)

    for error in asyncio.run(scenario()):
        assert isinstance(error, StoreError)
        assert "its writer stopped (SystemError: out of luck)" in str(error)
    with pytest.raises(StoreError, match="takes no more writes: its writer stopped"):
        asyncio.run(store.record([call(3)]))
    assert store.find_many(map(key, range(4))) == {}


def test_a_closed_store_says_so_and_closing_twice_is_closing_once(path: Path) -> None:
    store = Store(path)
    store.close()
    store.close()
    with pytest.raises(StoreError, match="it was closed; open it again"):
        asyncio.run(store.record([call(1)]))
    with pytest.raises(StoreError, match="was closed; open it again"):
        store.find(key(1))


def damage(path: Path, old: bytes, new: bytes) -> None:
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))


def test_a_flipped_bit_in_an_answer_is_an_error_and_never_another_answer(path: Path) -> None:
    with Store(path) as store:
        asyncio.run(store.record([call(1, result='"yes"'), call(2)]))
    damage(path, b'"yes"', b'"yet"')
    with Store(path) as store:
        with pytest.raises(StoreError, match=rf"damaged \(call {key(1)}: its checksum.+\.recover \|"):
            store.find(key(1))
        assert store.find(key(2)) == call(2)


def test_a_damaged_prompt_is_an_error(path: Path) -> None:
    with Store(path) as store:
        asyncio.run(store.record([call(1, request='"prompt"')]))
    damage(path, b'"prompt"', b'"pronpt"')
    with Store(path) as store, pytest.raises(StoreError, match="its request is not the one"):
        store.find_many([key(1)])


def test_a_page_of_rubbish_is_an_error_that_says_how_to_rescue_the_rest(path: Path) -> None:
    with Store(path, run="r") as store:
        asyncio.run(store.record([call(number) for number in range(2_000)]))
        asyncio.run(store.add_trials("r", [trial("small", str(n)) for n in range(2_000)]))
    content = bytearray(path.read_bytes())
    content[4096 * 8 :] = b"\xa5" * (len(content) - 4096 * 8)
    path.write_bytes(content)
    with Store(path) as store:
        with pytest.raises(StoreError, match=r"is damaged .+`sqlite3 \S+ \.recover"):
            store.find_many(map(key, range(2_000)))
        with pytest.raises(StoreError, match="is damaged"):
            list(store.trials("r"))
        with pytest.raises(StoreError, match="is damaged"):
            store.scores("r")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"qid,text\n1,hello\n" * 400, "is not an SQLite database, so it cannot be a store"),
        (b"SQLite format 3\x00" + b"\xff" * 4096, "is not an SQLite database|is damaged"),
    ],
)
def test_a_file_that_is_no_database_is_left_alone(path: Path, content: bytes, said: str) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(StoreError, match=said):
        Store(path)
    assert path.read_bytes() == content


def test_a_store_cut_short_is_an_error(path: Path) -> None:
    with Store(path) as store:
        asyncio.run(store.record([call(number) for number in range(2_000)]))
    path.write_bytes(path.read_bytes()[: 4096 * 6 + 100])
    with pytest.raises(StoreError, match="is damaged"), Store(path) as store:
        store.find_many(map(key, range(2_000)))


def test_somebody_elses_database_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE customers (name TEXT)")
    db.close()
    with pytest.raises(StoreError, match="is an SQLite database of another program"):
        Store(path)
    db = sqlite3.connect(path)
    assert db.execute("SELECT name FROM sqlite_master").fetchall() == [("customers",)]
    db.close()


def test_a_store_of_a_newer_underdog_is_refused(path: Path) -> None:
    Store(path).close()
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    db.close()
    said = f"has version {len(MIGRATIONS) + 1} and this underdog reads up to {len(MIGRATIONS)}"
    with pytest.raises(StoreError, match=said):
        Store(path)


def test_a_store_carries_its_version_and_every_migration_has_run(path: Path) -> None:
    Store(path).close()
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
    assert db.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
    assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    db.close()


def test_a_folder_or_a_place_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"cannot be opened .+ it must be a file in a folder"):
        Store(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot make the folder of the store"):
        Store(tmp_path / "file" / "store.sqlite")
