"""What calls cost in dollars: the user's own prices first, then a dated table of list prices.

A model that nobody priced has the price None, and its calls cost None dollars: undefined is not zero. Models
on the user's own hardware cost nothing a token unless a price is declared for them. The table
(`prices.json`) holds list prices of closed models only, at the address of who sells them: open weights are
sold by many at different prices, so these have to be declared.
"""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files
from typing import Any

from underdog.config import Config
from underdog.endpoint import Endpoint, Price
from underdog.trial import Spend

FREE = Price(0.0, 0.0, dated="local")
_DATE_SUFFIX = re.compile(r"-(20\d{6}|20\d\d-\d\d-\d\d)$")


def price(model_name: str, endpoint: Endpoint, config: Config) -> Price | None:
    """The price of `ALIAS/ID`, or None when it is unknown.

    Looked up in this order: `[prices."ALIAS/ID"]`, the endpoint's own `prices` by id, the list price of a
    closed model that this endpoint sells or relays, zero for local endpoints.
    """
    model_id = model_name.split("/", 1)[-1]
    declared = config.prices.get(model_name) or endpoint.prices.get(model_id)
    if declared is not None:
        return declared
    listed = _listed(model_id, endpoint)
    if listed is not None:
        return listed
    return FREE if endpoint.local else None


def dollars(spend: Spend, price: Price | None, cache_written: int = 0) -> float | None:
    """What one call's tokens cost, or None when the price is unknown.

    `cache_written` of its prompt tokens were written to the provider's cache.
    """
    if price is None:
        return None
    cached = min(spend.tokens_cached, spend.tokens_in)
    written = min(cache_written, spend.tokens_in - cached)
    plain = spend.tokens_in - cached - written
    read = (
        plain * price.input
        + cached * (price.input if price.cached_input is None else price.cached_input)
        + written * (price.input if price.cache_write is None else price.cache_write)
    )
    made = spend.tokens_out * price.output
    if price.prompt_limit is not None and spend.tokens_in > price.prompt_limit:
        read, made = read * price.long_input, made * price.long_output
    return (read + made) / 1e6


def most_dollars(spend: Spend, price: Price | None) -> float | None:
    """The most that so many tokens can cost: none of the prompt found in the cache, all written to it."""
    if price is None:
        return None
    dearer = price.cache_write is not None and price.cache_write > price.input
    return dollars(spend, price, cache_written=spend.tokens_in if dearer else 0)


def _listed(model_id: str, endpoint: Endpoint) -> Price | None:
    vendors: dict[str, Any] = _table()["vendors"]
    maker, _, rest = model_id.rpartition("/")
    if endpoint.kind == "openrouter":
        return _row(vendors.get(maker, {}), rest)
    if endpoint.kind == "azure":
        return _row(vendors["openai"], model_id)
    for vendor in vendors.values():
        # A gateway on this machine may relay a closed model: its name cannot be anything else.
        relayed = endpoint.kind == "openai" and endpoint.loopback
        if relayed or endpoint.host in vendor["hosts"]:
            found = _row(vendor, rest if relayed else model_id)
            if found is not None:
                return found
    return None


def _row(vendor: dict[str, Any], model_id: str) -> Price | None:
    models = vendor.get("models", {})
    row = models.get(model_id) or models.get(_DATE_SUFFIX.sub("", model_id))
    return Price(**row) if row else None


@cache
def _table() -> dict[str, Any]:
    text = files("underdog").joinpath("prices.json").read_text(encoding="utf-8")
    table: dict[str, Any] = json.loads(text)
    return table
