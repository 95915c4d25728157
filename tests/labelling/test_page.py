"""The label page in a headless Chromium: keys, undo, resuming, what is shown, and markup that stays text."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.labelling.browser import Browser, chromium
from tests.labelling.conftest import write_run

SOURCE = Path(__file__).resolve().parents[2] / "src"


@contextmanager
def page_of(run: Path, *options: str) -> Iterator[str]:
    """`underdog label` in a process of its own; gives the page's address, and checks how it ends."""
    code = [sys.executable, "-c", "from underdog.cli import main; main()", "label", str(run), "--port", "0"]
    environ = {**os.environ, "PYTHONPATH": str(SOURCE)}
    with subprocess.Popen([*code, *options], stdout=subprocess.PIPE, text=True, env=environ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("label at http://127.0.0.1:"), line
        try:
            yield line.split()[2]
        finally:
            process.send_signal(signal.SIGINT)
            said = process.stdout.read()
    assert process.returncode == 0
    assert "disagreements labelled" in said


def lines(run: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in (run / "labels.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("browser")) as one:
        yield one


def labelled(browser: Browser, count: int) -> None:
    browser.until(lambda: browser.text("#count").startswith(f"{count} of 40"), f"{count} labels")


def test_a_person_labels_by_keys_takes_one_back_and_goes_on_after_a_restart(
    browser: Browser, tmp_path: Path
) -> None:
    run = write_run(tmp_path / "quiz")
    with page_of(run, "--labeller", "ada") as url:
        browser.open(url)
        labelled(browser, 0)
        assert browser.text("#said") == "Nobody can tell yet whether small rivals large"
        shown = browser.text("#question")
        for count, key in enumerate("3343", start=1):
            browser.press(key)
            labelled(browser, count)
        assert browser.text("#question") != shown
        browser.press("s")
        browser.until(lambda: "1 skipped" in browser.text("#count"), "a skip")
        browser.press("u")
        browser.until(lambda: "skipped" not in browser.text("#count"), "the skip taken back")
        left = browser.text("#question")
        assert browser.run("return document.querySelector('#progress').value") == 4
    with page_of(run) as url:
        browser.open(url)
        labelled(browser, 4)
        assert browser.text("#question") == left
        browser.run("document.querySelector('[data-choice=neither]').click()")
        labelled(browser, 5)
    said = [line["label"] for line in lines(run)]
    assert sorted(said[:4]) == ["both", "neither", "neither", "neither"] and said[4:] == [
        "skip",
        "undone",
        "neither",
    ]
    assert [line["labeller"] for line in lines(run)][:6] == ["ada"] * 6


def test_markup_of_models_and_data_stays_text_and_nothing_of_it_runs(
    browser: Browser, tmp_path: Path
) -> None:
    run = write_run(tmp_path / "quiz")
    trials = (run / "trials.jsonl").read_text()
    nasty = "<img src=x onerror=document.title='owned'>"
    (run / "trials.jsonl").write_text(trials.replace("other answer", nasty))
    with page_of(run) as url:
        browser.open(url)
        labelled(browser, 0)
        assert nasty in browser.text(".answers")
        assert "onerror=" in browser.text("#question")
        browser.press("3")
        labelled(browser, 1)
        assert browser.run("return document.querySelectorAll('main img, main script').length") == 0
        assert browser.run("return document.title") == "1 labelled · underdog"
        script = "return marked('one two three four five', arguments[0]).map(part => part.textContent ?? '')"
        assert [part for part in browser.run(script, "one two 3 four five") if part] == ["three"]
        assert browser.run(script, "all of it is different here")[0] == ""


def test_the_page_asks_only_its_own_server_which_answers_only_with_the_token(
    browser: Browser, tmp_path: Path
) -> None:
    with page_of(write_run(tmp_path / "quiz")) as url:
        own = url.partition("#")[0]
        browser.open(url)
        labelled(browser, 0)
        asked = browser.run("return performance.getEntriesByType('resource').map(one => one.name)")
        assert asked and all(one.startswith(own) for one in asked)
        browser.open("about:blank")
        browser.open(own)
        browser.until(lambda: "whole address" in browser.text("#error"), "the sentence")
        assert browser.text("#question") == ""


def test_another_site_s_page_can_neither_read_nor_label(browser: Browser, tmp_path: Path) -> None:
    """A page of another origin of this machine, with the token even, is kept out by the browser and by us."""
    run = write_run(tmp_path / "quiz")
    with page_of(run) as url, page_of(write_run(tmp_path / "other")) as other:
        target, _, token = url.partition("#")
        browser.open(other)
        labelled(browser, 0)
        browser.run(
            "window.result = 'waiting';"
            "fetch(arguments[0] + 'api/label', {method: 'POST', mode: 'no-cors', body: arguments[2]})"
            ".catch(() => 0)"
            ".then(() => fetch(arguments[0] + 'api/next', {headers: {'x-underdog-token': arguments[1]}}))"
            ".then(() => window.result = 'read', () => window.result = 'refused')",
            target,
            token,
            '{"item": "q5", "choice": "neither"}',
        )
        browser.until(lambda: browser.run("return window.result") != "waiting", "an answer")
        assert browser.run("return window.result") == "refused"
    assert not (run / "labels.jsonl").exists() or lines(run) == []


def test_labelling_to_the_end_says_so_whatever_the_verdict(browser: Browser, tmp_path: Path) -> None:
    with page_of(write_run(tmp_path / "quiz", count=20)) as url:
        browser.open(url)
        for count in range(4):
            browser.until(lambda: browser.text("#count").startswith(f"{count} of 4"), "the next")  # noqa: B023
            browser.press("3")
        browser.until(lambda: browser.text("#done") != "", "the end")
        assert browser.text("#work") == ""
        assert browser.text("#plan").startswith("Every disagreement is labelled, and that does not tell")
