"""Where models are reached: endpoint aliases, keys and prices that the user declares.

A study, a plan or a model name says `openai/gpt-5-mini`: an alias and a model id, never an address. The
address and the key live here, in the user's own configuration, so a stranger's plan cannot send a key
anywhere. One file is read, the first of `$UNDERDOG_CONFIG`, `./underdog.toml` and
`~/.config/underdog/config.toml`; the environment comes on top of it:

    [endpoints.house]                       UNDERDOG_ENDPOINT_HOUSE=https://llm.example.com/v1
    base_url = "https://llm.example.com/v1" UNDERDOG_KEY_HOUSE=...
    api_key_env = "HOUSE_KEY"
    kind = "vllm"                           # or openai, azure, ollama, sglang, llamacpp, openrouter, underdog
    concurrency = 16
    timeout = 120.0                         # seconds for one whole answer

    [prices."house/qwen3-32b"]              # dollars per million tokens
    input = 0.10
    output = 0.40

    [tools.files]                           # MCP servers for the lever Tools: see `toolserver.py`
    command = ["python", "server.py"]

It opens no connection and knows no list prices: see `engines/openai.py` and `prices.py`.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from underdog.endpoint import Endpoint, Price, Secret
from underdog.errors import ConfigError
from underdog.toolserver import ToolServer, tool_servers

__all__ = ["Config", "Endpoint", "Price", "Secret", "load_config"]

KINDS = ("openai", "azure", "ollama", "vllm", "sglang", "llamacpp", "openrouter", "underdog")
ENGINES = ("tiny", "hf", "replay", "fake")
"""Names that engines of underdog itself go by; no alias may take them."""

ADDRESS_VARIABLE = "UNDERDOG_ENDPOINT_"
KEY_VARIABLE = "UNDERDOG_KEY_"

BUILT_IN: dict[str, dict[str, Any]] = {
    "openai": {"base_url": "https://api.openai.com/v1", "api_key_env": "OPENAI_API_KEY"},
    "openrouter": {
        "base_url": "https://openrouter.ai/api/v1",
        "api_key_env": "OPENROUTER_API_KEY",
        "kind": "openrouter",
    },
    "ollama": {"base_url": "http://127.0.0.1:11434/v1", "kind": "ollama", "concurrency": 4},
    "vllm": {"base_url": "http://127.0.0.1:8000/v1", "kind": "vllm", "concurrency": 64},
    "llamacpp": {"base_url": "http://127.0.0.1:8080/v1", "kind": "llamacpp", "concurrency": 4},
}

FIELDS: dict[str, type | tuple[type, ...]] = {
    "base_url": str,
    "api_key": str,
    "api_key_env": str,
    "kind": str,
    "api_version": str,
    "concurrency": int,
    "timeout": (int, float),
    "headers": dict,
    "prices": dict,
    "allow_plain_http": bool,
}

Table: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class Config:
    """Every endpoint alias, price and tool server, and the file they came from (None: no file)."""

    endpoints: Mapping[str, Endpoint]
    prices: Mapping[str, Price] = field(default_factory=dict)
    source: Path | None = None
    tools: Mapping[str, ToolServer] = field(default_factory=dict)

    def endpoint(self, alias: str) -> Endpoint:
        """The endpoint behind an alias, safe to send to.

        Raises:
            ConfigError: the alias is unknown, its key is not set, or the key would travel in plain text.
        """
        found = self.endpoints.get(alias)
        if found is None:
            known = ", ".join(sorted(self.endpoints))
            raise ConfigError(
                f"no endpoint is called {alias!r}; known are {known}: add [endpoints.{alias}] with a "
                f"base_url to {self.source or 'underdog.toml'}, or set "
                f"{ADDRESS_VARIABLE}{_variable(alias)}"
            )
        if found.missing_key and not found.loopback:
            raise ConfigError(
                f"endpoint {alias!r} takes its key from ${found.missing_key}, which is not set: "
                f"export {found.missing_key}, or {KEY_VARIABLE}{_variable(alias)}"
            )
        _refuse_plain_text(found)
        return found

    def tool_server(self, alias: str) -> ToolServer:
        """The tool server behind an alias.

        Raises:
            ConfigError: the alias is unknown.
        """
        if alias not in self.tools:
            known = ", ".join(sorted(self.tools)) or "none"
            raise ConfigError(
                f"no tool server is called {alias!r}; known are {known}: add [tools.{alias}] with a command "
                f"or a url to {self.source or 'underdog.toml'}"
            )
        return self.tools[alias]


def load_config(
    path: Path | None = None,
    environ: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> Config:
    """Built-in aliases, then the one configuration file, then the environment.

    `path` names the file; else it is searched for from `directory` (the working directory).

    Raises:
        ConfigError: the file is missing or malformed, or an address in it is not one.
    """
    environ = os.environ if environ is None else environ
    source = _source(path, environ, directory or Path.cwd())
    content = _read(source) if source else {}
    where = str(source) if source else "the environment"
    _known(content, ("endpoints", "prices", "tools"), where)
    tables = _built_in(environ)
    for name, table in _tables(content.get("endpoints", {}), f"{where}: [endpoints]").items():
        tables[name] = _declared(name, table, tables.get(name), where)
    endpoints = {name: _endpoint(name, table, environ, where) for name, table in tables.items()}
    endpoints = _from_environment(endpoints, environ)
    prices = {
        name: _price(table, f"{where}: [prices.{name!r}]")
        for name, table in _tables(content.get("prices", {}), f"{where}: [prices]").items()
    }
    return Config(endpoints, prices, source, tool_servers(content.get("tools", {}), where))


def _source(path: Path | None, environ: Mapping[str, str], directory: Path) -> Path | None:
    named = path or (Path(environ["UNDERDOG_CONFIG"]) if environ.get("UNDERDOG_CONFIG") else None)
    if named is not None:
        if not named.is_file():
            raise ConfigError(f"the configuration file {named} does not exist: create it or unset it")
        return named
    candidates = [directory / "underdog.toml"]
    if home := environ.get("HOME") or environ.get("USERPROFILE"):
        candidates.append(Path(home) / ".config" / "underdog" / "config.toml")
    return next((one for one in candidates if one.is_file()), None)


def _read(source: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(source.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise ConfigError(f"{source} is not a readable TOML file: {problem}") from problem


def _built_in(environ: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    tables = {name: dict(table) for name, table in BUILT_IN.items()}
    if address := environ.get("OPENAI_BASE_URL"):
        tables["openai"]["base_url"] = address
    return tables


def _declared(name: str, table: Table, built_in: Table | None, where: str) -> dict[str, Any]:
    """What the file says of an alias, over what is built in.

    A file that gives a built-in alias another address also has to name the key for it: the key of
    api.openai.com is not sent to an address that only a file in the working directory vouches for.
    """
    merged = dict(built_in or {}) | dict(table)
    if "base_url" in table and "api_key_env" not in table:
        merged.pop("api_key_env", None)
    if "api_key" in table and "api_key_env" in table:
        raise ConfigError(f"{where}: [endpoints.{name}] gives both api_key and api_key_env: keep api_key_env")
    if "api_key" in table:
        merged.pop("api_key_env", None)
    return merged


def _endpoint(name: str, table: Table, environ: Mapping[str, str], where: str) -> Endpoint:
    where = f"{where}: [endpoints.{name}]"
    _check_name(name, where)
    _known(table, tuple(FIELDS), where)
    for entry, value in table.items():
        _check_type(entry, value, FIELDS[entry], where)
    kind = table.get("kind", "openai")
    if kind not in KINDS:
        raise ConfigError(f"{where} kind must be one of {', '.join(KINDS)}; got {kind!r}")
    variable: str | None = table.get("api_key_env")
    key = _key(table.get("api_key") or environ.get(variable or "", ""), where)
    endpoint = Endpoint(
        name=name,
        base_url=_address(table.get("base_url"), where),
        kind=kind,
        key=key,
        api_version=table.get("api_version"),
        concurrency=table.get("concurrency", 8),
        timeout=float(table.get("timeout", 300.0)),
        headers=_headers(table.get("headers", {}), where),
        prices={
            model: _price(row, f"{where} prices.{model}")
            for model, row in _tables(table.get("prices", {}), f"{where} prices").items()
        },
        allow_plain_http=table.get("allow_plain_http", False),
        missing_key=variable if variable and not key else None,
    )
    if endpoint.concurrency < 1 or endpoint.timeout <= 0:
        raise ConfigError(f"{where} needs concurrency >= 1 and timeout > 0 seconds")
    if kind == "azure" and not endpoint.api_version and not _azure_v1(endpoint.base_url):
        raise ConfigError(
            f"{where} is of kind azure and needs api_version (for example '2024-10-21'), "
            "or a base_url that ends in /openai/v1"
        )
    return endpoint


def _from_environment(endpoints: Mapping[str, Endpoint], environ: Mapping[str, str]) -> dict[str, Endpoint]:
    merged = dict(endpoints)
    for variable, address in environ.items():
        if variable.startswith(ADDRESS_VARIABLE) and address:
            name = _alias(variable.removeprefix(ADDRESS_VARIABLE), merged)
            _check_name(name, f"${variable}")
            address = _address(address, f"${variable}")
            known = merged.get(name, Endpoint(name, address))
            # Another address is another server: the key and headers of the old one stay behind.
            merged[name] = replace(known, base_url=address, key=None, missing_key=None, headers={})
    for variable, key in environ.items():
        if variable.startswith(KEY_VARIABLE) and key:
            name = _alias(variable.removeprefix(KEY_VARIABLE), merged)
            if name not in merged:
                raise ConfigError(
                    f"${variable} is a key for an endpoint that is not there: "
                    f"set {ADDRESS_VARIABLE}{_variable(name)} to its address"
                )
            merged[name] = replace(merged[name], key=_key(key, f"${variable}"), missing_key=None)
    return merged


def _alias(suffix: str, endpoints: Mapping[str, Endpoint]) -> str:
    """The alias that an environment variable's ending means: `MY_BOX` may be `my-box` in the file."""
    matching = (name for name in endpoints if _variable(name) == suffix.upper())
    return next(matching, suffix.lower())


def _address(url: Any, where: str) -> str:
    if not isinstance(url, str) or not url:
        raise ConfigError(f"{where} needs base_url, for example 'https://llm.example.com/v1'")
    try:
        parts = urlsplit(url)
        fault = not parts.hostname or parts.scheme not in ("http", "https") or parts.port == 0
    except ValueError:
        raise ConfigError(f"{where} base_url is not an address") from None
    # The address itself may hold a password, so it is not repeated.
    if fault:
        raise ConfigError(f"{where} base_url must be an http:// or https:// address with a host")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigError(
            f"{where} base_url must hold no user, password or query: put the key in api_key_env"
        )
    if parts.path.rstrip("/").endswith("/chat/completions"):
        raise ConfigError(f"{where} base_url must end before /chat/completions, often in /v1")
    return url.rstrip("/")


def _key(text: str, where: str) -> Secret | None:
    """A key as it goes into a header: an environment variable often ends in a newline."""
    text = text.strip()
    if not text.isprintable():
        raise ConfigError(f"{where}: the key must be one line of printable characters")
    return Secret(text) if text else None


def _headers(table: Table, where: str) -> dict[str, Secret]:
    for name, value in table.items():
        if not isinstance(value, str) or any(c in name + value for c in "\r\n"):
            raise ConfigError(f"{where} headers.{name} must be one line of text")
    return {name: Secret(value) for name, value in table.items()}


def _price(table: Table, where: str) -> Price:
    _known(table, tuple(one.name for one in fields(Price)), where)
    for name in ("input", "output"):
        if name not in table:
            raise ConfigError(f"{where} needs {name}, in dollars per million tokens")
    for name, value in table.items():
        wanted: Any = str if name == "dated" else int if name == "prompt_limit" else (int, float)
        _check_type(name, value, wanted, where)
        if name != "dated" and value < 0:
            raise ConfigError(f"{where} {name} must be at least 0; got {value}")
    return Price(**table)


def _tables(value: Any, where: str) -> dict[str, Table]:
    if not isinstance(value, dict) or not all(isinstance(one, dict) for one in value.values()):
        raise ConfigError(f"{where} must be a table of tables, such as [endpoints.house]")
    return value


def _known(table: Table, allowed: tuple[str, ...], where: str) -> None:
    for name in table:
        if name not in allowed:
            raise ConfigError(f"{where} does not know {name!r}; allowed are {', '.join(allowed)}")


def _check_type(name: str, value: Any, wanted: type | tuple[type, ...], where: str) -> None:
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
        kinds = wanted if isinstance(wanted, tuple) else (wanted,)
        names = " or ".join(one.__name__ for one in kinds)
        raise ConfigError(f"{where} {name} must be {names}; got {type(value).__name__}")


def _check_name(name: str, where: str) -> None:
    if not name or not all(c.isalnum() or c in "-_." for c in name):
        raise ConfigError(f"{where}: an alias is letters, digits, '-', '_' and '.'; got {name!r}")
    if name in ENGINES:
        raise ConfigError(f"{where}: {name!r} is an engine of underdog's own: choose another alias")


def _refuse_plain_text(endpoint: Endpoint) -> None:
    exposed = endpoint.key is not None or endpoint.headers
    plain = endpoint.base_url.startswith("http://") and not endpoint.loopback
    if plain and exposed and not endpoint.allow_plain_http:
        raise ConfigError(
            f"endpoint {endpoint.name!r} would send its key unencrypted to {endpoint.host}: use https://, "
            f"or set allow_plain_http = true in [endpoints.{endpoint.name}] if you trust the network"
        )


def _azure_v1(base_url: str) -> bool:
    return base_url.endswith("/openai/v1")


def _variable(alias: str) -> str:
    return alias.upper().replace("-", "_").replace(".", "_")
