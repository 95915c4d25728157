"""kill -9 at random moments: no recorded call is lost, and none is paid for again."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

from underdog.store import Store

KILLS = 50
ASKS = 4_000
# Asks everything through the driver, the store behind it. Its engine notes what it is paid for before it
# answers, straight into a file: what is written there outlives a kill.
CHILD = """
import asyncio, os, sys
from pathlib import Path
from underdog.answerer import Model, Request
from underdog.drive import Driver
from underdog.engines.fake import FakeEngine
from underdog.store import Bank, Store

folder, asks = Path(sys.argv[1]), int(sys.argv[2])
paid = os.open(folder / "paid.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

def reply(request):
    os.write(paid, f"{request.messages[0]['content']}\\n".encode())
    return "yes"

async def main():
    engine = FakeEngine(reply, name="paid", latency=0.001, batch=8, concurrency=32)
    with Store(folder / "store.sqlite", run="r") as store:
        async with Driver(lambda model: engine, Bank(store, "r")) as driver:
            requests = [Request(({"role": "user", "content": str(i)},)) for i in range(asks)]
            os.write(1, b"ready\\n")
            await asyncio.gather(*(driver.answer(Model("fake/paid"), request) for request in requests))

asyncio.run(main())
"""


def recorded(folder: Path) -> set[str]:
    """The prompts whose calls are in the store."""
    with closing(sqlite3.connect(folder / "store.sqlite")) as db:
        keys = [bytes(key).hex() for (key,) in db.execute("SELECT key FROM calls WHERE failed = 0")]
    with Store(folder / "store.sqlite") as store:
        calls = store.find_many(keys)
    return {call.request.partition('"content":"')[2].partition('"')[0] for call in calls.values()}


def test_fifty_kills_lose_no_recorded_call_and_repay_none(tmp_path: Path) -> None:
    """What was recorded before a process began is never sent by it; in the end everything is there, once."""
    moments, paid_at_start, kept = random.Random(7), 0, set[str]()
    log = tmp_path / "paid.log"
    log.touch()
    finished = 0
    for number in range(KILLS + 1):
        asks = ASKS * (number + 1) // (KILLS + 1)  # each process has something left to do
        command = [sys.executable, "-c", CHILD, str(tmp_path), str(asks)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None and child.stdout.readline() == b"ready\n"
            if number < KILLS:
                time.sleep(moments.uniform(0.0, 0.03))
                os.kill(child.pid, signal.SIGKILL)
            finished += child.wait() == 0
        sent = log.read_text().split()[paid_at_start:]
        assert not kept & set(sent), "a recorded call was paid for again"
        now = recorded(tmp_path)
        assert kept <= now, "a recorded call was lost"
        kept, paid_at_start = now, paid_at_start + len(sent)
    assert finished < KILLS and kept == {str(i) for i in range(ASKS)}
