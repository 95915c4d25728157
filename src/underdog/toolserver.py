"""Tool servers that the user declares: MCP servers by alias, as a command to start or an address.

    [tools.files]
    command = ["npx", "-y", "@modelcontextprotocol/server-filesystem", "docs"]
    pass_env = ["FILES_TOKEN"]        # variables that its process may see beside PATH and HOME
    timeout = 60.0                    # seconds for one call

    [tools.tracker]
    url = "https://tracker.example.com/mcp"
    key_env = "TRACKER_KEY"           # sent as a bearer token

Plans and study files name the alias alone, so that a stranger's plan starts nothing. It starts nothing
either: see `acts/mcp.py`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from underdog.errors import ConfigError

FIELDS = ("command", "url", "pass_env", "key_env", "timeout")


@dataclass(frozen=True)
class ToolServer:
    """An MCP server: `command` to start on this machine, or `url` to reach. `timeout` in seconds a call."""

    name: str
    command: tuple[str, ...] = ()
    url: str | None = None
    pass_env: tuple[str, ...] = ()
    key_env: str | None = None
    timeout: float = 60.0

    def key(self, environ: Mapping[str, str] | None = None) -> str | None:
        """The bearer token, or None where none is declared.

        Raises:
            ConfigError: it is declared and not set.
        """
        if self.key_env is None:
            return None
        key = (os.environ if environ is None else environ).get(self.key_env, "").strip()
        if not key:
            raise ConfigError(
                f"the tool server {self.name!r} takes its key from ${self.key_env}, which is not set: "
                f"export {self.key_env}"
            )
        return key


def tool_servers(tables: Any, where: str) -> dict[str, ToolServer]:
    """The servers of a configuration's `[tools.NAME]` tables.

    Raises:
        ConfigError: a table is malformed, or its key would travel in plain text.
    """
    if not isinstance(tables, Mapping) or not all(isinstance(one, Mapping) for one in tables.values()):
        raise ConfigError(f"{where}: [tools] must be a table of tables, such as [tools.files]")
    return {name: _server(name, table, f"{where}: [tools.{name}]") for name, table in tables.items()}


def _server(name: str, table: Mapping[str, Any], where: str) -> ToolServer:
    if unknown := sorted(set(table) - set(FIELDS)):
        raise ConfigError(f"{where} does not know {unknown[0]!r}; allowed are {', '.join(FIELDS)}")
    command, url = table.get("command", []), table.get("url")
    if not _texts(command) or bool(command) == bool(url) or not isinstance(url, str | None):
        raise ConfigError(f'{where} needs either command, a list such as ["python", "server.py"], or url')
    if not _texts(table.get("pass_env", [])) or not isinstance(table.get("key_env"), str | None):
        raise ConfigError(f"{where}: pass_env must be a list of names of variables, and key_env one name")
    timeout = table.get("timeout", 60.0)
    if not isinstance(timeout, int | float) or isinstance(timeout, bool) or timeout <= 0:
        raise ConfigError(f"{where} timeout must be a number of seconds above 0; got {timeout!r}")
    if url:
        _check_address(url, table.get("key_env"), where)
    return ToolServer(
        name, tuple(command), url, tuple(table.get("pass_env", [])), table.get("key_env"), timeout
    )


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) and one for one in value)


def _check_address(url: str, key_env: str | None, where: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        raise ConfigError(f"{where} url must be an http:// or https:// address without a user or password")
    local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if key_env and parts.scheme == "http" and not local:
        raise ConfigError(f"{where} would send its key unencrypted to {parts.hostname}: use https://")
