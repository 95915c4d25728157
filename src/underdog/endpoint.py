"""What one endpoint is: an address, a key that never prints, and the prices declared for it.

Plain frozen values. `config.py` reads them from the user's file and environment; nothing here opens a
connection.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

SELF_HOSTED = ("ollama", "vllm", "sglang", "llamacpp")


class Secret:
    """A text that never prints, compares or serialises as itself; `reveal` where it is sent."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "Secret(...)"

    def __reduce__(self) -> Any:
        raise TypeError("a Secret cannot be pickled or copied into a record")


@dataclass(frozen=True)
class Price:
    """What one model costs, in dollars per million tokens, and when that was true.

    `cached_input` prices prompt tokens read from the provider's cache (None: as `input`), `cache_write`
    those written to it (None: as `input`). A prompt of more than `prompt_limit` tokens makes its whole call
    dearer: by the factor `long_input` what is read, by `long_output` what is written.
    """

    input: float
    output: float
    cached_input: float | None = None
    cache_write: float | None = None
    prompt_limit: int | None = None
    long_input: float = 1.0
    long_output: float = 1.0
    dated: str = "declared"


@dataclass(frozen=True)
class Endpoint:
    """One server that speaks OpenAI's chat completions, under the user's name for it."""

    name: str
    base_url: str
    kind: str = "openai"
    key: Secret | None = None
    api_version: str | None = None
    concurrency: int = 8
    timeout: float = 300.0
    headers: Mapping[str, Secret] = field(default_factory=dict)
    prices: Mapping[str, Price] = field(default_factory=dict)
    allow_plain_http: bool = False
    missing_key: str | None = None
    """The environment variable that should hold the key and does not."""

    @property
    def host(self) -> str:
        return (urlsplit(self.base_url).hostname or "").lower()

    @property
    def loopback(self) -> bool:
        """Does the address stay on this machine?"""
        return _is_loopback(self.host)

    @property
    def local(self) -> bool:
        """Is it the user's own hardware: this machine, or a self-hosted server off the public internet?"""
        return self.loopback or (self.kind in SELF_HOSTED and _is_private(self.host))


def _is_loopback(host: str) -> bool:
    address = _ip(host)
    return address.is_loopback if address else host == "localhost" or host.endswith(".localhost")


def _is_private(host: str) -> bool:
    address = _ip(host)
    if address:
        return address.is_private
    return "." not in host or host.endswith((".local", ".internal", ".lan", ".home.arpa"))


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
