"""Tool servers: a real MCP server over its own pipes, its tools, its errors and its death."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from underdog.answerer import Failure
from underdog.config import Config, load_config
from underdog.errors import ConfigError
from underdog.toolserver import ToolServer

pytest.importorskip("mcp", reason="the extra `mcp` is not installed")

from underdog.acts.mcp import Servers

SERVER = """
import os, time
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

server = MCPServer("shop")
count = 0

@server.tool()
def price(item: str, pieces: int = 1) -> str:
    "The price of so many pieces."
    if item == "moon":
        raise ToolError("not for sale")
    return f"{item} x{pieces}: {7 * pieces}"

@server.tool()
def counted() -> int:
    global count
    count += 1
    return count

@server.tool()
def dies() -> str:
    os._exit(3)

@server.tool()
def hangs() -> str:
    time.sleep(60)
    return "late"

@server.tool()
def talks() -> str:
    return "x" * (1 << 21)

@server.tool()
def sees(name: str) -> str:
    return os.environ.get(name, "nothing")

server.run()
"""


def asked(folder: Path, work: Callable[[Servers], Awaitable[Any]], **options: Any) -> Any:
    """What comes of some work with a server of this kind, declared as `shop`."""
    (folder / "server.py").write_text(textwrap.dedent(SERVER))
    declared = ToolServer("shop", (sys.executable, str(folder / "server.py")), **options)

    async def go() -> Any:
        servers = Servers(
            Config({}, tools={"shop": declared, "gone": ToolServer("gone", ("/no/such/program",))})
        )
        try:
            return await work(servers)
        finally:
            await servers.close()

    return asyncio.run(go())


def test_a_servers_tools_are_offered_and_used_with_their_errors_as_text(tmp_path, monkeypatch):
    monkeypatch.setenv("SHOP_TOKEN", "t1")
    monkeypatch.setenv("OTHER_KEY", "k1")

    async def work(servers: Servers) -> list[Any]:
        return [
            await servers.offer("shop"),
            await servers.use("shop", "price", {"item": "pen", "pieces": 3}, "1"),
            await servers.use("shop", "price", {"item": "moon"}, "2"),
            await servers.use("shop", "price", {"pieces": "many"}, "3"),
            await servers.use("shop", "sing", {}, "4"),
            [(await servers.use("shop", "counted", {}, str(n)))["text"] for n in range(3)],
            [
                (await servers.use("shop", "sees", {"name": n}, n))["text"]
                for n in ("SHOP_TOKEN", "OTHER_KEY")
            ],
            await servers.use("shop", "talks", {}, "5"),
        ]

    offered, priced, refused, unfit, unknown, counted, seen, long = asked(
        tmp_path, work, pass_env=("SHOP_TOKEN",)
    )
    tool = next(one["function"] for one in offered if one["function"]["name"] == "price")
    assert tool["description"] == "The price of so many pieces."
    assert tool["parameters"]["required"] == ["item"]
    assert priced == {"text": "pen x3: 21", "error": False}
    assert refused["error"] and "not for sale" in refused["text"]
    assert unfit["error"] and "item" in unfit["text"]
    assert "sing" in (unknown.message if isinstance(unknown, Failure) else unknown["text"])
    assert counted == ["1", "2", "3"]
    assert seen == ["t1", "nothing"]
    assert isinstance(long, Failure) and "most is 1,048,576" in long.message


def test_a_server_that_dies_or_hangs_is_a_failure_and_the_next_use_starts_it_again(tmp_path):
    async def work(servers: Servers) -> list[Any]:
        return [await servers.use("shop", name, {}, "1") for name in ("counted", "dies", "counted", "hangs")]

    first, died, again, hung = asked(tmp_path, work, timeout=3.0)
    assert isinstance(died, Failure) and died.kind == "act_failed" and "shop" in died.message
    assert (first["text"], again["text"]) == ("1", "1")
    assert hung == Failure("timeout", "the tool server shop did not answer in time")


GUARDED = """
import socket
import uvicorn
from mcp.server.mcpserver import MCPServer

server = MCPServer("far")

@server.tool()
def double(n: int) -> int:
    return 2 * n

app = server.streamable_http_app()

async def guarded(scope, receive, send):
    if scope["type"] == "http" and (b"authorization", b"Bearer sesame") not in scope["headers"]:
        await send({"type": "http.response.start", "status": 401, "headers": []})
        return await send({"type": "http.response.body"})
    await app(scope, receive, send)

here = socket.socket()
here.bind(("127.0.0.1", 0))
print(here.getsockname()[1], flush=True)
uvicorn.Server(uvicorn.Config(guarded, log_level="critical")).run(sockets=[here])
"""


def test_a_server_at_an_address_is_reached_with_its_key_and_not_without(tmp_path, monkeypatch):
    monkeypatch.setenv("FAR_KEY", "sesame")
    monkeypatch.setenv("OLD_KEY", "mellon")
    (tmp_path / "far.py").write_text(GUARDED)
    process = subprocess.Popen([sys.executable, str(tmp_path / "far.py")], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    url = f"http://127.0.0.1:{process.stdout.readline().strip()}/mcp"

    async def go() -> list[Any]:
        tools = {
            name: ToolServer(name, url=url, key_env=variable, timeout=20.0)
            for name, variable in (("far", "FAR_KEY"), ("old", "OLD_KEY"), ("bare", None))
        }
        servers = Servers(Config({}, tools=tools))
        try:
            return [await servers.use(name, "double", {"n": 21}, "1") for name in tools]
        finally:
            await servers.close()

    try:
        doubled, *refused = asyncio.run(go())
    finally:
        process.kill()
        process.communicate()
    assert doubled == {"text": "42", "error": False}
    assert [isinstance(one, Failure) and one.kind for one in refused] == ["act_failed"] * 2


def test_a_server_that_cannot_be_started_or_is_not_declared_says_so(tmp_path):
    failure = asked(tmp_path, lambda servers: servers.offer("gone"))
    assert isinstance(failure, Failure) and "the tool server gone cannot be used" in failure.message
    with pytest.raises(
        ConfigError, match=r"no tool server is called 'files'; known are gone, shop: add \[tools"
    ):
        asked(tmp_path, lambda servers: servers.offer("files"))


def test_servers_are_declared_in_the_configuration_and_nowhere_else(tmp_path):
    (tmp_path / "underdog.toml").write_text(
        '[tools.files]\ncommand = ["python", "server.py"]\npass_env = ["TOKEN"]\ntimeout = 5\n'
        '[tools.far]\nurl = "https://tools.example.com/mcp"\nkey_env = "FAR_KEY"\n'
    )
    config = load_config(environ={}, directory=tmp_path)
    assert config.tool_server("files") == ToolServer(
        "files", ("python", "server.py"), pass_env=("TOKEN",), timeout=5
    )
    far = config.tool_server("far")
    assert far.key({"FAR_KEY": "k\n"}) == "k"
    with pytest.raises(ConfigError, match=r"takes its key from \$FAR_KEY, which is not set"):
        far.key({})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[tools]\nfiles = 3", "must be a table of tables"),
        ("[tools.files]\n", "either command"),
        ('[tools.files]\ncommand = "python server.py"', "either command"),
        ('[tools.files]\ncommand = ["a"]\nurl = "https://b.example.com"', "either command"),
        ('[tools.files]\ncommand = ["a"]\nenv = {}', "does not know 'env'"),
        ('[tools.files]\ncommand = ["a"]\npass_env = "TOKEN"', "must be a list of names"),
        ('[tools.files]\ncommand = ["a"]\ntimeout = 0', "number of seconds above 0"),
        ('[tools.files]\nurl = "ftp://b.example.com"', "http:// or https://"),
        ('[tools.files]\nurl = "http://b.example.com"\nkey_env = "K"', "unencrypted to b.example.com"),
    ],
)
def test_a_malformed_server_is_one_sentence(tmp_path, text, says):
    (tmp_path / "underdog.toml").write_text(text)
    with pytest.raises(ConfigError, match=says):
        load_config(environ={}, directory=tmp_path)
