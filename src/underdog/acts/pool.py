"""Warm processes in which users' functions run, a few at a time; one that hangs is killed and replaced.

What such a process may do is in `worker.py`. This file starts them, hands them jobs, watches the clock and
turns whatever goes wrong into a Failure. It knows nothing of consent: see `code.py`.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec

from underdog.answerer import Failure

WORKER = Path(__file__).with_name("worker.py")
STARTING_SECONDS = 60.0
# Nothing of the environment reaches a user's function but these: the rest may hold keys.
KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "SYSTEMROOT", "LD_LIBRARY_PATH")


@dataclass(frozen=True)
class Limits:
    """What one job may take. `seconds` is wall time, a first import included; memory is address space."""

    seconds: float = 10.0
    cpu_seconds: int = 10
    memory_bytes: int = 2 << 30
    output_bytes: int = 1 << 20


class Pool:
    """At most `size` processes, started when needed and kept warm until `close`."""

    def __init__(self, limits: Limits | None = None, size: int | None = None) -> None:
        self.limits = limits or Limits()
        self._slots = asyncio.Semaphore(size or min(4, os.cpu_count() or 1))
        self._idle: list[Worker] = []

    async def run(self, job: Mapping[str, Any]) -> Any:
        """What the job came to, a JSON value, or a Failure: timeout or act_failed."""
        async with self._slots:
            worker = await self._free()
            sound = False
            try:
                async with asyncio.timeout(self.limits.seconds):
                    reply = await worker.ask(job)
                sound = "died" not in reply
            except TimeoutError:
                return Failure("timeout", f"it took longer than {self.limits.seconds:g} s")
            finally:
                if sound:
                    self._idle.append(worker)
                else:
                    await worker.close()
        if "value" in reply:
            return reply["value"]
        if worker.out_of_time:
            return Failure("timeout", f"it used more than {self.limits.cpu_seconds} s of CPU")
        return Failure("act_failed", str(reply.get("error") or reply["died"]))

    async def _free(self) -> Worker:
        """A process that waits for a job and is still there, or a new one."""
        while self._idle:
            if (worker := self._idle.pop()).alive:
                return worker
            await worker.close()
        return await Worker.start(self.limits)

    async def close(self) -> None:
        """End every process that waits for a job."""
        idle, self._idle = self._idle, []
        for worker in idle:
            await worker.close()


class Worker:
    """One process and the empty folder that it works in."""

    def __init__(self, process: asyncio.subprocess.Process, folder: str) -> None:
        self._process, self._folder = process, folder

    @classmethod
    async def start(cls, limits: Limits) -> Worker:
        """Start a process of its own group, with no environment to speak of, and tell it its limits.

        Raises:
            OSError: it did not start.
        """
        folder = tempfile.mkdtemp(prefix="underdog-")
        environment = {name: os.environ[name] for name in KEPT if name in os.environ}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            str(WORKER),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            cwd=folder,
            env={**environment, "TMPDIR": folder, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            limit=2 * limits.output_bytes,
            start_new_session=True,
        )
        worker = cls(process, folder)
        path = [os.path.abspath(one) for one in sys.path]
        worker._send({"path": path, **asdict(limits)})
        await worker._ready()
        return worker

    async def _ready(self) -> None:
        """Wait until it takes jobs: starting is not on the first job's clock."""
        assert self._process.stdout is not None
        said = b""
        try:
            async with asyncio.timeout(STARTING_SECONDS):
                said = await self._process.stdout.readline()
        finally:
            if not said:
                await self.close()
        if not said:
            raise OSError(f"{sys.executable} did not start {WORKER}")

    def _send(self, value: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(value) + b"\n")

    async def ask(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """The process's answer: a `value` or an `error`, or how it `died`."""
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._send(job)
            await self._process.stdin.drain()
            line = await self._process.stdout.readline()
            reply: dict[str, Any] = msgspec.json.decode(line)
        except (ConnectionError, ValueError):
            await self.close()
            return {"died": f"its process ended ({self._process.returncode}) without an answer"}
        return reply

    @property
    def alive(self) -> bool:
        """Whether the process still runs, as far as is known."""
        return self._process.returncode is None

    @property
    def out_of_time(self) -> bool:
        """Whether the system ended the process for its CPU time."""
        return self._process.returncode == -getattr(signal, "SIGXCPU", 0)

    async def close(self) -> None:
        """End the process and all that it started, and remove its folder."""
        assert self._process.stdin is not None
        if self.alive:
            # A process that ended by itself keeps its own status; killing is for one that goes on.
            self._process.stdin.close()
            await self._end()
        shutil.rmtree(self._folder, ignore_errors=True)

    async def _end(self) -> None:
        try:
            if hasattr(os, "killpg"):
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()
        except ProcessLookupError:
            pass
        await self._process.wait()
