"""The tool `embed`: a small model's own states, an endpoint's vectors, and what is no embedder."""

from __future__ import annotations

import asyncio
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest

from underdog.answerer import Act, Failure
from underdog.config import Config
from underdog.drive import Driver
from underdog.endpoint import Endpoint, Secret
from underdog.engines.binding import Binder
from underdog.engines.embedding import Embedder
from underdog.errors import ConfigError
from underdog.levers.route import EMBED
from underdog.store.sinks import MemoryBank


class Vectors(BaseHTTPRequestHandler):
    """An embeddings server: the length of each text and 1, out of order; "bad" brings nonsense."""

    seen: list[dict] = []  # noqa: RUF012

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.seen.append({"path": self.path, "key": self.headers["Authorization"], **body})
        rows = [{"index": i, "embedding": [len(text), 1]} for i, text in enumerate(body["input"])]
        reply = {"data": [] if "bad" in body["input"] else rows[::-1]}
        content = json.dumps(reply).encode()
        self.send_response(500 if "down" in body["input"] else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *words: object) -> None:
        """Tests print nothing."""


@pytest.fixture
def binder():
    server = HTTPServer(("127.0.0.1", 0), Vectors)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}/v1"
    yield Binder(Config(endpoints={"mine": Endpoint("mine", url, key=Secret("k-1"))}))
    server.shutdown()
    server.server_close()
    thread.join()


def embedded(binder, model, *batches):
    async def session():
        embedder = Embedder(binder)
        try:
            return [await embedder.embed(model, texts) for texts in batches]
        finally:
            await embedder.close()

    return asyncio.run(session())


def test_an_endpoint_is_asked_at_embeddings_and_vectors_come_in_the_texts_order(binder) -> None:
    Vectors.seen.clear()
    assert embedded(binder, "mine/e5", ["a", "bcd"]) == [[[1.0, 1.0], [3.0, 1.0]]]
    assert Vectors.seen == [
        {"path": "/v1/embeddings", "key": "Bearer k-1", "model": "e5", "input": ["a", "bcd"]}
    ]


def test_what_a_server_does_wrong_is_a_failure_without_the_key(binder) -> None:
    down, bad = embedded(binder, "mine/e5", ["down"], ["bad"])
    assert isinstance(down, Failure) and down.kind == "server_error" and down.retryable
    assert isinstance(bad, Failure) and bad.kind == "bad_answer" and "k-1" not in bad.message


def test_the_driver_records_the_act_so_that_no_text_is_embedded_twice(binder) -> None:
    Vectors.seen.clear()
    bank = MemoryBank()

    async def session():
        embedder = Embedder(binder)
        async with Driver(binder, bank, tools={"embed": embedder.embed}) as driver:
            act = Act(EMBED, {"model": "mine/e5", "texts": ["again"]})
            found = [(await driver.act(act)).result for _ in range(2)]
        await embedder.close()
        return found

    assert asyncio.run(session()) == [[[5.0, 1.0]]] * 2 and len(Vectors.seen) == 1


def test_what_gives_no_vectors_is_refused(binder) -> None:
    with pytest.raises(ConfigError, match="only local checkpoints"):
        embedded(binder, "fake/echo", ["x"])


def test_a_small_models_own_states_are_means_that_do_not_depend_on_the_batch(binder) -> None:
    torch = pytest.importorskip("torch", reason="needs the [local] extra")
    torch.set_num_threads(1)  # two threads on a busy machine wait for each other
    pytest.importorskip("transformers", reason="needs the [local] extra")
    texts = ["the sum of 3 and 4", "which month?", "a much longer text about nothing at all, on and on"]
    together, alone = embedded(binder, "tiny/small", texts, texts[1:2])
    assert len(together) == 3 and len({len(row) for row in together}) == 1
    np.testing.assert_allclose(together[1], alone[0], atol=0.02)  # bfloat16
    assert np.linalg.norm(np.subtract(together[0], together[2])) > 1e-2
