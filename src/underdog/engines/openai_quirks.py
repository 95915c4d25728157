"""How servers that say they speak OpenAI's chat completions differ, and how that is found out.

What is known beforehand of a kind of server is a row of KINDS. What is not known is learned once per engine
from the server's own refusal ("'max_tokens' is not supported with this model") and remembered. Only
parameters without which the question stays the same are ever left out; a refused tool or response format
is a failure, since an answer without it would answer something else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

LEAVABLE = ("temperature", "top_p", "seed", "logprobs", "top_logprobs", "stream_options")
"""What may be left out when a server refuses it. Engines say so in `versions()`."""

_CODES = {"unsupported_parameter", "unsupported_value", "unknown_parameter", "extra_forbidden"}
_WORDS = re.compile(
    r"(not|n't|un) ?support|unrecognized|unknown|unexpected|not (permitted|allowed|available)"
    r"|only the default|only one .{0,30}(choice|completion)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Quirks:
    """What a server can do.

    `n`: several choices in one call. `seeded_n`: they are known to differ though the call has one seed.
    `limit`: the name of its bound on generated tokens. `left_out`: parameters that it refuses.
    `reports_cost`: `usage.cost` is what was billed, in dollars. `lists_models`: GET /models tells its models.
    `forms`: whose words it has for the form of an answer. `goes_on`: it continues an assistant's last message
    and keeps the stop string when told to.
    """

    n: bool = True
    seeded_n: bool = False
    limit: str = "max_tokens"
    left_out: frozenset[str] = frozenset()
    reports_cost: bool = False
    lists_models: bool = True
    forms: Literal["openai", "vllm", "sglang", "llamacpp"] = "openai"
    goes_on: bool = False


KINDS = {
    # Reasoning models refuse max_tokens, temperature and logprobs: learned from the first call.
    "openai": Quirks(),
    # The address names the deployment, the key goes into `api-key`, and listing needs another API.
    "azure": Quirks(lists_models=False),
    # Ignores n without a word; log-probabilities only since 0.12.11.
    "ollama": Quirks(n=False),
    # With n and a seed, choice i is drawn with seed + i.
    "vllm": Quirks(seeded_n=True, forms="vllm", goes_on=True),
    "sglang": Quirks(forms="sglang", goes_on=True),
    # Refused n before December 2025, then drew all choices with one seed until January 2026
    # (ggml-org/llama.cpp pull requests 17775 and 18700).
    "llamacpp": Quirks(forms="llamacpp"),
    # Relays to many providers: few take n, and each bills by its own tariff.
    "openrouter": Quirks(n=False, reports_cost=True),
    # A gateway of ours passes vLLM's words on to the models behind it.
    "underdog": Quirks(forms="vllm", goes_on=True),
}


def shaped(body: Mapping[str, Any], quirks: Quirks) -> dict[str, Any]:
    """The body as this server wants it."""
    wanted = {name: value for name, value in body.items() if name not in quirks.left_out}
    if quirks.limit != "max_tokens" and "max_tokens" in wanted:
        wanted[quirks.limit] = wanted.pop("max_tokens")
    if not quirks.n:
        wanted.pop("n", None)
    return wanted


def learned(quirks: Quirks, refusal: Any, sent: Mapping[str, Any]) -> Quirks | None:
    """What a refusal (the parsed body of a 400 or 422) teaches, or None when it is about something else.

    `sent` is the body that was refused: a parameter that was not in it cannot have been the reason.
    """
    for name in _refused(refusal):
        if name not in sent:
            continue
        if name == "n":
            return replace(quirks, n=False)
        if name == "max_tokens":
            return replace(quirks, limit="max_completion_tokens")
        if name == "logprobs":
            return replace(quirks, left_out=quirks.left_out | {"logprobs", "top_logprobs"})
        if name in LEAVABLE:
            return replace(quirks, left_out=quirks.left_out | {name})
    return None


def _refused(refusal: Any) -> Iterator[str]:
    """The parameters that a refusal calls unsupported, the explicitly named ones first."""
    if not isinstance(refusal, Mapping):
        return
    for row in refusal["detail"] if isinstance(refusal.get("detail"), list) else ():
        # FastAPI servers: {"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"]}]}
        if isinstance(row, Mapping) and row.get("type") in _CODES and row.get("loc"):
            yield str(row["loc"][-1])
    error = refusal.get("error", refusal)
    message = error if isinstance(error, str) else _field(error, "message")
    if _field(error, "code") not in _CODES and not _WORDS.search(message):
        return
    if param := _field(error, "param"):
        yield param
    for name in ("max_tokens", *LEAVABLE):
        if re.search(rf"\b{name}\b", message):
            yield name
    if re.search(r"['\"`]n['\"`]|\bn\s*[>=]|only one .{0,30}(choice|completion)", message, re.I):
        yield "n"


def _field(error: Any, name: str) -> str:
    value = error.get(name) if isinstance(error, Mapping) else None
    return value if isinstance(value, str) else ""
