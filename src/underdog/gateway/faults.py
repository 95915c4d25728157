"""What goes wrong, in OpenAI's shape: a JSON body with the status that its client libraries act upon.

Details of the operator's endpoints (addresses, keys refused) stay in the ledger: the client is told what
happened, not where.
"""

from __future__ import annotations

import math

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from underdog.answerer import Failure
from underdog.wire import WireError, error_body

# kind of Failure: status, OpenAI's type and code, and what the client is told (None: the failure's message).
_FAILURES: dict[str, tuple[int, str, str | None, str | None]] = {
    "rate_limited": (429, "rate_limit_error", "rate_limit_exceeded", None),
    "budget": (429, "insufficient_quota", "insufficient_quota", None),
    "too_long": (400, "invalid_request_error", "context_length_exceeded", None),
    "bad_request": (400, "invalid_request_error", None, None),
    "timeout": (504, "server_error", "timeout", "a model of this plan did not answer in time"),
    "unreachable": (502, "server_error", "unreachable", "a model of this plan cannot be reached"),
    "unauthorised": (
        502,
        "server_error",
        "unauthorised",
        "a model of this plan refused the gateway's own key",
    ),
    "server_error": (502, "server_error", "upstream_error", "the server of a model of this plan failed"),
    "bad_answer": (502, "server_error", "upstream_error", "a model of this plan gave no usable answer"),
    "act_failed": (502, "server_error", "act_failed", "a tool of this plan failed"),
    "cancelled": (503, "server_error", "closing", "the gateway is shutting down"),
}
_UNKNOWN = (500, "server_error", "lever_failed", "this plan failed to answer")


class Refused(Exception):
    """A request that is answered with this error and no more."""

    def __init__(
        self, status: int, message: str, *, code: str | None = None, param: str | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.param = status, code, param


class ClientGone(Exception):
    """The client hung up; what it had asked for was given up."""


def failure_body(failure: Failure) -> dict[str, object]:
    """A Failure as the client sees it."""
    _, kind, code, told = _FAILURES.get(failure.kind, _UNKNOWN)
    return error_body(told or failure.message, kind, code)


def failure_response(failure: Failure, headers: dict[str, str]) -> JSONResponse:
    """A Failure as a response, with the server's Retry-After where it gave one."""
    status = _FAILURES.get(failure.kind, _UNKNOWN)[0]
    if failure.retry_after is not None:
        headers = headers | {"retry-after": str(math.ceil(failure.retry_after))}
    return JSONResponse(failure_body(failure), status, headers)


def refused(request: Request, error: Exception) -> Response:
    """The response to what the gateway itself refuses."""
    if isinstance(error, WireError):
        return JSONResponse(error_body(str(error), param=error.param), 400)
    if isinstance(error, Refused):
        kind = "authentication_error" if error.status in (401, 403) else "invalid_request_error"
        return JSONResponse(error_body(str(error), kind, error.code, error.param), error.status)
    if isinstance(error, HTTPException):
        message = f"{request.method} {request.url.path}: {error.detail}"
        return JSONResponse(error_body(message), error.status_code, error.headers)
    return Response(status_code=499)  # ClientGone: nobody reads it


def broken(request: Request, error: Exception) -> Response:
    """The response to a fault of ours; the server logs its traceback."""
    return JSONResponse(error_body("underdog failed here; its log says why", "server_error"), 500)
