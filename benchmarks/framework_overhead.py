"""What the framework costs a sample: underdog beside lm-eval and inspect_ai, on models that answer at once.

    python benchmarks/framework_overhead.py [--samples 5000] [--peer-samples 500]
        [--lm-eval PYTHON] [--inspect PYTHON]

First in one process with the fake engine at zero latency: samples a second, every one scored and stored (the
bar is 3,000). Then over HTTP against one server on this machine that answers at once: underdog's `openai`
engine, and each peer whose Python is given. Peers start a process each, so their start is timed apart, by a
run of one sample. Everything runs in one go: quote the ratios, not the figures of one machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path
from typing import Any

from underdog.answerer import Model
from underdog.drive import Driver
from underdog.endpoint import Endpoint
from underdog.engines.fake import FakeEngine
from underdog.engines.openai import OpenAIEngine
from underdog.example import Example
from underdog.levers import Read
from underdog.reading import Reading
from underdog.scorers import Exact
from underdog.store import Bank, Store
from underdog.studies.measure import Bench, Column
from underdog.task import Task

BAR = 3_000


def answer_at_once(port: int) -> None:
    """A server that says "yes" to everything, on its own core where there is one."""
    from aiohttp import web

    body = {
        "id": "x",
        "object": "chat.completion",
        "created": 0,
        "model": "m",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}
        ],
        "usage": {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6},
    }
    text = json.dumps(body)

    async def complete(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(text=text, content_type="application/json")

    app = web.Application()
    app.router.add_post("/v1/chat/completions", complete)
    web.run_app(app, host="127.0.0.1", port=port, print=None, access_log=None)


def ours(samples: int, engine: Any) -> float:
    """Seconds to ask, read, score and store so many samples of one model: one call and one trial each."""
    examples = tuple(
        Example(f"e{i}", f"e{i}", ({"role": "user", "content": f"Is {i} a number?"},), "yes")
        for i in range(samples)
    )
    task = Task("overhead", examples, Exact(), Reading("text"), whole_test=True)

    async def measured(store: Store) -> Column:
        bank = Bank(store, "overhead")
        async with Driver(lambda model: engine, bank) as driver:
            columns = await Bench(task, driver, bank).measure({"m": Read(Model("mock/m"))}, examples, "test")
        return columns["m"]

    with tempfile.TemporaryDirectory() as name, Store(Path(name) / "store.sqlite", run="overhead") as store:
        began = time.perf_counter()
        column = asyncio.run(measured(store))
        seconds = time.perf_counter() - began
        assert column.scores().mean() == 1.0 and len(list(store.trials("overhead"))) == samples
    return seconds


def lm_eval(python: str, samples: int, port: int) -> float:
    """Seconds of `lm-eval` on the same questions through its chat-completions model."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = [json.dumps({"q": f"Is {i} a number?", "a": "yes"}) for i in range(samples)]
        (folder / "rows.jsonl").write_text("\n".join(rows))
        (folder / "overhead.yaml").write_text(
            textwrap.dedent(f"""
            task: overhead
            dataset_path: json
            dataset_kwargs: {{data_files: {{test: {folder / "rows.jsonl"}}}}}
            test_split: test
            output_type: generate_until
            doc_to_text: "{{{{q}}}}"
            doc_to_target: "{{{{a}}}}"
            metric_list: [{{metric: exact_match}}]
            """)
        )
        url = f"http://127.0.0.1:{port}/v1/chat/completions"
        arguments = f"base_url={url},model=m,num_concurrent=64,tokenized_requests=False"
        command = [python, "-m", "lm_eval", "run", "--model", "local-chat-completions"]
        command += ["--model_args", arguments, "--tasks", "overhead", "--include_path", str(folder)]
        command += ["--apply_chat_template", "--log_samples", "--output_path", str(folder / "out")]
        return timed(command, folder)


def inspect(python: str, samples: int, port: int) -> float:
    """Seconds of `inspect eval` on the same questions through its OpenAI-compatible provider."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "overhead.py").write_text(
            textwrap.dedent(f"""
            from inspect_ai import Task, task
            from inspect_ai.dataset import Sample
            from inspect_ai.scorer import exact
            from inspect_ai.solver import generate

            @task
            def overhead():
                samples = [Sample(input=f"Is {{i}} a number?", target="yes") for i in range({samples})]
                return Task(dataset=samples, solver=generate(), scorer=exact())
            """)
        )
        script = Path(python).with_name("inspect")
        command = [str(script), "eval", "overhead.py", "--model", "openai-api/mock/m", "--display", "none"]
        command += ["--max-connections", "64", "--log-dir", str(folder / "logs")]
        os.environ["MOCK_BASE_URL"], os.environ["MOCK_API_KEY"] = f"http://127.0.0.1:{port}/v1", "none"
        return timed(command, folder)


def timed(command: list[str], folder: Path) -> float:
    """Seconds of a command that must succeed, with every hub switched off."""
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HOME": str(folder / "hub")}
    environment = {**os.environ, **offline, "OPENAI_API_KEY": "none"}
    began = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{command[0]} failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return time.perf_counter() - began


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--samples", type=int, default=5_000)
    parser.add_argument("--peer-samples", type=int, default=500)
    parser.add_argument("--lm-eval", help="the Python of an environment with lm-eval[api]")
    parser.add_argument("--inspect", help="the Python of an environment with inspect-ai and openai")
    parser.add_argument("--port", type=int, default=8399)
    given = parser.parse_args()

    began = time.process_time()
    seconds = ours(given.samples, FakeEngine("yes", name="yes", batch=256, concurrency=256))
    busy, in_process = time.process_time() - began, given.samples / seconds
    print(
        f"in one process, zero latency: {given.samples:,} samples in {seconds:.1f} s ({busy:.1f} s of CPU): "
        f"{in_process:,.0f} a second"
    )
    server = multiprocessing.Process(target=answer_at_once, args=(given.port,), daemon=True)
    server.start()
    time.sleep(1.5)
    endpoint = Endpoint("mock", f"http://127.0.0.1:{given.port}/v1", concurrency=64)
    seconds = ours(given.samples, OpenAIEngine(endpoint, "m"))
    rate = given.samples / seconds
    print(f"underdog over HTTP: {given.samples:,} calls in {seconds:.1f} s: {rate:,.0f} a second")
    for name, python, runner in (("lm-eval", given.lm_eval, lm_eval), ("inspect_ai", given.inspect, inspect)):
        if python is None:
            print(f"{name}: not measured (no environment given)")
            continue
        start = min(runner(python, 1, given.port) for _ in range(2))
        took = runner(python, given.peer_samples, given.port) - start
        print(
            f"{name} over HTTP: {given.peer_samples:,} calls in {took:.1f} s after a start of {start:.1f} s",
            end="",
        )
        if took < 0.2 * start:
            print(": lost in its start, so no rate; give more --peer-samples")
            continue
        theirs = given.peer_samples / took
        print(f": {theirs:,.0f} a second; underdog does {rate / theirs:.2g} times as many")
    server.terminate()
    print(f"bar of {BAR:,} samples a second in one process: {'met' if in_process >= BAR else 'MISSED'}")
    return 0 if in_process >= BAR else 1


if __name__ == "__main__":
    raise SystemExit(main())
