"""Log-probabilities on the wire: OpenAI's list of tokens, and the columns that older servers send.

OpenAI, vLLM and llama.cpp since December 2024 put `{"content": [{"token", "logprob", "top_logprobs"}]}` in a
choice. llama-cpp-python and other servers built on plain completions put three columns there instead:
`{"tokens", "token_logprobs", "top_logprobs"}`. Any other shape means that the server gave none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

from underdog.answerer import TokenLogprob


def logprobs_from(found: Any) -> tuple[TokenLogprob, ...] | None:
    """The tokens of one choice with their log-probabilities in nats, or None when there are none.

    Raises:
        ValueError: they are in a known shape, but a token or a number is missing.
    """
    if not isinstance(found, Mapping):
        return None
    try:
        if isinstance(content := found.get("content"), list):
            return tuple(_token(one) for one in content)
        if isinstance(tokens := found.get("tokens"), list):
            return _columns(tokens, found)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ValueError("logprobs must be a list of tokens with a logprob each") from None
    return None


def logprobs_body(logprobs: Sequence[TokenLogprob] | None) -> dict[str, Any] | None:
    """Log-probabilities as OpenAI writes them."""
    if logprobs is None:
        return None
    content = [
        _body(one.token, one.logprob) | {"top_logprobs": [_body(*other) for other in one.top]}
        for one in logprobs
    ]
    return {"content": content, "refusal": None}


def _token(one: Mapping[str, Any]) -> TokenLogprob:
    top = tuple((_text(t["token"]), _number(t["logprob"])) for t in one.get("top_logprobs") or ())
    return TokenLogprob(_text(one["token"]), _number(one["logprob"]), top)


def _columns(tokens: list[Any], found: Mapping[str, Any]) -> tuple[TokenLogprob, ...]:
    tops = found.get("top_logprobs") or [None] * len(tokens)
    return tuple(
        TokenLogprob(_text(token), _number(logprob), _top(top))
        for token, logprob, top in zip(tokens, found["token_logprobs"], tops, strict=True)
    )


def _top(found: Mapping[str, Any] | None) -> tuple[tuple[str, float], ...]:
    return tuple((token, _number(logprob)) for token, logprob in (found or {}).items())


def _number(logprob: Any) -> float:
    if isinstance(logprob, bool) or not isinstance(logprob, int | float) or not isfinite(logprob):
        raise TypeError("a log-probability is a finite number")
    return float(logprob)


def _text(token: Any) -> str:
    if not isinstance(token, str):
        raise TypeError("a token is text")
    return token


def _body(token: str, logprob: float) -> dict[str, Any]:
    return {"token": token, "logprob": logprob, "bytes": list(token.encode())}
