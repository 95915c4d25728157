"""The process: who it refuses to serve, and one real run of it from start to signal."""

from __future__ import annotations

import gc
import json
import signal
import subprocess
import sys
import time
import urllib.request

import pytest

from underdog.answerer import Model
from underdog.engines.binding import Binder
from underdog.errors import ConfigError, StudyError
from underdog.gateway import Shadow, serve
from underdog.gateway.serving import calm_collector
from underdog.levers import Cascade, Read, Vote
from underdog.plan import dump
from underdog.store import Store


@pytest.fixture
def run_folder(tmp_path, studied_plan):
    studied_plan(Cascade(Vote(Model("fake/choice:7"), 3), Model("fake/echo"), 0.5)).save(tmp_path / "run")
    return tmp_path / "run"


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "house.example"])
def test_other_machines_are_not_served_without_a_key(run_folder, host) -> None:
    with pytest.raises(ConfigError, match=f"serving on {host} lets other machines spend your money"):
        serve(run_folder, host=host, port=0)


def test_a_key_that_is_not_set_is_refused(run_folder, monkeypatch) -> None:
    monkeypatch.setenv("GATE_KEY", "")
    with pytest.raises(ConfigError, match=r"\$GATE_KEY, which is not set"):
        serve(run_folder, host="0.0.0.0", port=0, api_key_env="GATE_KEY")


def test_a_folder_without_a_plan_is_refused_and_left_alone(tmp_path) -> None:
    with pytest.raises(StudyError, match="no plan here"):
        serve(tmp_path, port=0)
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_cannot_be_bound_is_named_before_the_port_is_opened(tmp_path, studied_plan) -> None:
    studied_plan(Vote(Model("nowhere/model"), 3)).save(tmp_path)
    with pytest.raises(ConfigError, match="nowhere"):
        serve(tmp_path, port=0)


def test_a_plan_that_cannot_be_watched_is_refused_before_the_port_is_opened(run_folder) -> None:
    with pytest.raises(ConfigError, match="did not keep how often it differs"):
        serve(run_folder, port=0, shadow=Shadow(0.1, 1.0))
    with pytest.raises(ConfigError, match="did not keep how often it differs"):
        serve(run_folder, port=0, shadow=Shadow(0.1, 1.0))  # the first try left nothing locked


def answered(url: str, text: str, system: str | None = None) -> str:
    messages = [{"role": "user", "content": text}]
    if system is not None:
        messages.insert(0, {"role": "system", "content": system})
    body = {"model": "tickets", "messages": messages}
    request = urllib.request.Request(f"{url}/chat/completions", json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)["choices"][0]["message"]["content"]


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_a_served_plan_answers_records_and_closes_at_a_signal(run_folder, ending) -> None:
    code = f"from underdog.gateway import serve; serve({str(run_folder)!r}, port=0)"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        said = process.stdout.readline().decode()
        assert said.startswith(
            "tickets (not certified: fake/choice:7 is not the version that was measured) at"
        )
        url = said.split()[-1]
        assert url.startswith("http://127.0.0.1:") and answered(url, "hello") == "hello"
        process.send_signal(ending)
        out, error = process.communicate(timeout=30)
    finally:
        process.kill()
        process.communicate()
    assert (process.returncode, out, error) == (0, b"", b"")
    with Store(run_folder / "served.sqlite") as store:
        [run] = store.runs()
        assert run.finished is not None and run.name.startswith("serve tickets ")
        assert store.spent(run.name).calls == 4


def test_a_watched_plan_is_asked_of_the_large_model_too_and_its_watch_outlives_the_process(
    tmp_path, studied_plan
) -> None:
    small, large = Read(Model("fake/choice:7")), Read(Model("fake/echo"))
    prints = {one.inner.name: Binder()(one.inner).fingerprint for one in (small, large)}
    known = {"large": dump(large), "disagreement": {"differing": 1, "n": 90}}
    promise = {"certificate": {"bound": 0.01, "margin": 0.05}, "fingerprints": prints}
    studied_plan(small, **known, **promise).save(tmp_path)
    code = f"from underdog.gateway import *; serve({str(tmp_path)!r}, port=0, shadow=Shadow(1.0, 1.0))"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        url = process.stdout.readline().decode().split()[-1]
        assert answered(url, "hello", "Answer.") == "7"
        for _ in range(1000):
            with urllib.request.urlopen(url.replace("/v1", "/underdog/watch"), timeout=30) as response:
                page = json.load(response)
            if page["disagreement"]["n"]:
                break
            time.sleep(0.01)
        assert [one for one in page["unlabelled"].values()] == [{"plan": "7", "large": "hello"}]
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=30) == (b"", b"")
    finally:
        process.kill()
        process.communicate()
    with Store(tmp_path / "served.sqlite") as store:
        assert {run.name.split()[0]: run.finished is not None for run in store.runs()} == {
            "serve": True,
            "watch": True,
        }
        [notes] = [run.meta for run in store.runs() if run.name.startswith("watch ")]
    assert notes["disagreement"]["n"] == 1


def test_the_gateway_imports_neither_studies_nor_reports_nor_torch() -> None:
    code = (
        "import sys, underdog; assert 'starlette' not in sys.modules; import underdog.gateway; "
        "print([m for m in sys.modules if m.startswith(('underdog.studies', 'underdog.report', "
        "'underdog.makers', 'underdog.cli', 'torch', 'transformers'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_the_collector_is_calmed_once_and_for_all() -> None:
    before = gc.get_threshold()
    try:
        calm_collector()
        assert gc.get_freeze_count() > 0 and gc.get_threshold() == (20_000, 20, 100)
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
