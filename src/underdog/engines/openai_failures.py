"""From an HTTP status, an error body or a broken connection to a Failure.

Each fault is named once, here, where it crosses the boundary. The spend says whether the provider can have
billed the call: UNBILLED when it cannot, PERHAPS_BILLED when it may, which the engine books at its bound.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from underdog.answerer import Failure
from underdog.trial import Spend

UNBILLED = Spend(calls=1)
PERHAPS_BILLED = Spend(calls=1, dollars=None)

_TOO_LONG = (
    "context_length",
    "context length",
    "context window",
    "context size",
    "exceed_context",
    "prompt is too long",
    "input is too long",
    "too many tokens",
    "string_above_max_length",
)
_KINDS = {401: "unauthorised", 403: "unauthorised", 408: "timeout", 413: "too_long"}
_RETRYABLE = (408, 409, 425, 429)


class Broken(Exception):
    """A call that brought no answer; `failure` says why. It never leaves the engine."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def status_failure(status: int, headers: Mapping[str, str], body: Any) -> Failure:
    """The Failure that an error response means; `body` is its JSON, its plain text or None."""
    said, code = error_said(body)
    message = f"HTTP {status}" + (f": {said}" if said else "")
    if status >= 500:
        kind, retryable = "server_error", True
    elif status == 429:
        # A spent quota is also a 429, but waiting does not refill it.
        kind, retryable = "rate_limited", code not in ("insufficient_quota", "billing_not_active")
    elif status in _RETRYABLE:
        kind, retryable = _KINDS.get(status, "server_error"), True
    elif 300 <= status < 400:
        message += " (a redirect is not followed, since it could carry the key away: mend base_url)"
        kind, retryable = "bad_request", False
    else:
        too_long = any(hint in f"{code} {said}".lower() for hint in _TOO_LONG)
        kind, retryable = "too_long" if too_long else _KINDS.get(status, "bad_request"), False
    wait = retry_after(headers, time.time()) if retryable else None
    return Failure(kind, message, retryable, wait, UNBILLED)


def body_failure(body: Mapping[str, Any], headers: Mapping[str, str]) -> Failure | None:
    """The Failure inside a body that came with status 200, as gateways and streams send it, or None."""
    error = body.get("error")
    if not error:
        return None
    code = error.get("code") if isinstance(error, Mapping) else None
    if isinstance(code, int) and 400 <= code < 600:
        return status_failure(code, headers, body)
    said, word = error_said(body)
    too_long = any(hint in f"{word} {said}".lower() for hint in _TOO_LONG)
    kind = "too_long" if too_long else "server_error"
    return Failure(kind, f"error in the answer: {said}", not too_long, None, PERHAPS_BILLED)


def bad_answer(message: str) -> Failure:
    """The server answered, but not with a chat completion."""
    return Failure("bad_answer", message, True, None, PERHAPS_BILLED)


def connection_failure(problem: Exception) -> Failure:
    """The Failure behind an exception of aiohttp or of the operating system."""
    import aiohttp

    said = f"{type(problem).__name__}: {problem}".rstrip(": ")
    if isinstance(problem, TimeoutError | aiohttp.ServerTimeoutError):
        return Failure("timeout", "no answer in time", True, None, PERHAPS_BILLED)
    if isinstance(problem, aiohttp.ClientSSLError):
        return Failure("unreachable", f"{said} (is the certificate trusted?)", False, None, UNBILLED)
    if isinstance(problem, aiohttp.ClientConnectorError):
        return Failure("unreachable", said, True, None, UNBILLED)
    if isinstance(problem, aiohttp.ClientPayloadError | aiohttp.ClientResponseError):
        return bad_answer(f"the answer broke off: {said}")
    return Failure("unreachable", said, True, None, PERHAPS_BILLED)


def error_said(body: Any) -> tuple[str, str]:
    """The message and the code of an error body, whatever its shape."""
    error = body.get("error", body) if isinstance(body, Mapping) else body
    if isinstance(error, str):
        return error.strip()[:500], ""
    if not isinstance(error, Mapping):
        return "", ""
    said = error.get("message") or error.get("detail") or ""
    return str(said)[:500], str(error.get("code") or error.get("type") or "")


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait from `now` (Unix seconds): Retry-After as seconds or HTTP date, or in milliseconds."""
    if milliseconds := headers.get("retry-after-ms"):
        return _seconds(milliseconds, 1000.0)
    value = headers.get("retry-after")
    if not value:
        return None
    seconds = _seconds(value, 1.0)
    if seconds is not None:
        return seconds
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except (TypeError, ValueError):
        return None


def _seconds(text: str, unit: float) -> float | None:
    try:
        seconds = float(text) / unit
    except ValueError:
        return None
    return max(0.0, seconds) if math.isfinite(seconds) else None
