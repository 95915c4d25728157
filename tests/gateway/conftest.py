"""A gateway on a loopback port, in a thread, with real HTTP between it and its clients."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import openai
import pytest
import uvicorn

from underdog.acts import Acts
from underdog.answerer import Answerer, Model, Request, Sampling
from underdog.drive import Driver
from underdog.engines.fake import FakeEngine
from underdog.gateway import create_app
from underdog.plan import Plan, request_schema
from underdog.store.sinks import MemoryBank
from underdog.studies.findings import plain
from underdog.terms import Retry

SMALL = Model("fake/small")
STUDIED = Request(
    (
        {"role": "system", "content": "Answer."},
        {"role": "user", "content": "example"},
    )
)


class Ledger(MemoryBank):
    def find(self, key: str) -> None:
        return None


@dataclass
class Gateway:
    url: str
    ledger: Ledger
    loop: asyncio.AbstractEventLoop
    official: openai.OpenAI

    def client(self, **settings: Any) -> openai.OpenAI:
        return self.official.with_options(base_url=f"{self.url}/v1", **settings)


class Server:
    """One uvicorn for all gateways of the tests, each under a path of its own, in a thread."""

    def __init__(self) -> None:
        self.apps: dict[str, Any] = {}
        # One for all: making its TLS context takes longer than most tests.
        self.official = openai.OpenAI(base_url="http://unset", api_key="none", max_retries=0, timeout=30)
        self.ready = threading.Event()
        self.thread = threading.Thread(target=asyncio.run, args=(self.main(),), daemon=True)
        self.thread.start()
        assert self.ready.wait(30)

    async def main(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.uvicorn = uvicorn.Server(uvicorn.Config(self, port=0, log_level="critical", lifespan="off"))
        serve = asyncio.ensure_future(self.uvicorn.serve())
        while not self.uvicorn.started:
            await asyncio.sleep(0.01)
        self.port = self.uvicorn.servers[0].sockets[0].getsockname()[1]
        self.ready.set()
        await serve

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        _, name, path = scope["path"].split("/", 2)
        await self.apps[name](scope | {"path": f"/{path}"}, receive, send)

    def run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)

    @contextmanager
    def serving(self, plan: Plan, bind: Callable[[Model], Any], **settings: Any) -> Iterator[Gateway]:
        ledger, name = settings.pop("ledger", None) or Ledger(), str(len(self.apps))
        retry = Retry(attempts=2, first=0.001, longest=0.002)
        driver = Driver(bind, ledger, tools=Acts(bind), retry=retry)
        if "watching" in settings:
            settings["watching"] = settings["watching"](plan, driver)
        self.apps[name] = create_app(plan, driver, **settings)
        yield Gateway(f"http://127.0.0.1:{self.port}/{name}", ledger, self.loop, self.official)
        self.run(driver.__aexit__())

    def stop(self) -> None:
        self.official.close()
        self.uvicorn.should_exit = True
        self.thread.join(30)
        assert not self.thread.is_alive()


def plan_of(answerer: Answerer = SMALL, name: str = "tickets", **evidence: Any) -> Plan:
    known = {
        "certificate": {"bound": 0.01, "method": "clopper-pearson difference"},
        "request_schemas": [request_schema(STUDIED)],
        "sampling": plain(Sampling(max_tokens=64)),
        "fingerprints": {},
        "created": "2026-11-22T08:00:00+00:00",
    }
    return Plan(name, answerer, known | evidence)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.stop()


def starting(server: Server) -> Iterator[Callable[..., Gateway]]:
    """Serve an answerer (or a plan) whose models are one engine or what a function binds."""
    with ExitStack() as stack:

        def start(answerer: Answerer | Plan, engine: Any, **settings: Any) -> Gateway:
            plan = answerer if isinstance(answerer, Plan) else plan_of(answerer)
            bind = engine if callable(engine) else lambda model: engine
            return stack.enter_context(server.serving(plan, bind, **settings))

        yield start


serve = pytest.fixture(name="serve")(starting)
serve_once = pytest.fixture(name="serve_once", scope="module")(starting)


@pytest.fixture
def studied_plan() -> Callable[..., Plan]:
    return plan_of


@pytest.fixture
def ask() -> Callable[..., Any]:
    """One chat completion in the shape of the study."""

    def create(client: openai.OpenAI, text: str = "hello", **fields: Any) -> Any:
        messages = [{"role": "system", "content": "Answer."}, {"role": "user", "content": text}]
        return client.chat.completions.create(**{"model": "tickets", "messages": messages, **fields})

    return create


@pytest.fixture
def echo() -> FakeEngine:
    return FakeEngine(lambda request: f"you said {request.messages[-1]['content']}")
