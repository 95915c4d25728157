"""A headless Chromium, driven in plain WebDriver over HTTP: no library between the test and the browser.

Not a test. Where chromium or chromedriver is absent the tests that need them skip.
"""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pytest

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--window-size=1200,900",
)
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


class Browser:
    """One window. Scripts run in the page; keys go to its body as a person's would."""

    def __init__(self, driver: str, profile: Path, *flags: str) -> None:
        self._driver = driver
        options = {"args": [*_FLAGS, f"--user-data-dir={profile}", *flags]}
        wanted = {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options}}
        made = self._send("POST", "/session", {"capabilities": wanted})
        self._session = f"/session/{made['sessionId']}"

    def open(self, url: str) -> None:
        self._ask("POST", "/url", {"url": url})

    def run(self, script: str, *arguments: Any) -> Any:
        """What a script returns."""
        return self._ask("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def text(self, selector: str) -> str:
        """The text that is seen there."""
        script = (
            "const e = document.querySelector(arguments[0]); return e?.checkVisibility() ? e.innerText : ''"
        )
        return str(self.run(script, selector)).strip()

    def press(self, key: str) -> None:
        """A key, on whatever has the focus."""
        [element] = self._ask("POST", "/elements", {"using": "css selector", "value": "body"})
        self._ask("POST", f"/element/{element[_ELEMENT]}/value", {"text": key})

    def until(self, holds: Callable[[], bool], what: str, seconds: float = 20.0) -> None:
        """Wait until something holds; fails when it never does."""
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, f"never happened: {what}"
            time.sleep(0.05)

    def picture(self, path: Path) -> None:
        """A screenshot, as PNG."""
        path.write_bytes(base64.b64decode(self._ask("GET", "/screenshot")))

    def quit(self) -> None:
        self._send("DELETE", self._session)

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        return self._send(method, self._session + path, body)

    def _send(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = Request(self._driver + path, data, {"content-type": "application/json"}, method=method)
        try:
            with urlopen(request, timeout=120) as response:
                return json.load(response)["value"]
        except HTTPError as error:
            raise AssertionError(f"the browser refused {path}: {error.read().decode()[:600]}") from None


@contextmanager
def chromium(folder: Path, *flags: str) -> Iterator[Browser]:
    """A browser with an empty profile in `folder`; skips the test where there is none."""
    driver = shutil.which("chromedriver")
    if driver is None or not (shutil.which("chromium") or shutil.which("google-chrome")):
        pytest.skip("chromium and chromedriver are not installed")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [driver, f"--port={port}", "--allowed-ips=127.0.0.1", "--log-level=OFF"]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdout=quiet, stderr=quiet) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_for(f"{url}/status")
            browser = Browser(url, folder / "profile", *flags)
            try:
                yield browser
            finally:
                browser.quit()
        finally:
            process.terminate()


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            with urlopen(url, timeout=5) as response:
                response.read()
                return
        except URLError:
            assert time.monotonic() < deadline, f"{url} never answered"
            time.sleep(0.1)
