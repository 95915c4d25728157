"""prices.py: declared before listed, unknown is None, and bills that add up."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path

import pytest

from underdog.config import Config, load_config
from underdog.endpoint import Price
from underdog.prices import dollars, most_dollars, price
from underdog.trial import Spend


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "underdog.toml").write_text(
        """
        [endpoints.azure]
        base_url = "https://me.openai.azure.com"
        kind = "azure"
        api_version = "2024-10-21"
        [endpoints.house]
        base_url = "https://llm.example.com/v1"
        prices = { "qwen" = { input = 0.2, output = 0.4 } }
        [endpoints.relay]
        base_url = "http://127.0.0.1:4000/v1"
        [endpoints.cloud]
        base_url = "https://ollama.com/v1"
        kind = "ollama"
        [prices."openai/gpt-5-mini"]
        input = 0.01
        cached_input = 0.001
        output = 0.02
        dated = "2026-01-01"
        [prices."ollama/llama3"]
        input = 0.5
        output = 0.5
        """
    )
    keys = {"OPENAI_API_KEY": "k", "OPENROUTER_API_KEY": "k"}
    return load_config(environ=keys, directory=tmp_path)


def price_of(name: str, config: Config) -> Price | None:
    return price(name, config.endpoint(name.split("/")[0]), config)


def test_the_users_price_wins_over_the_list_and_over_free(config: Config) -> None:
    assert price_of("openai/gpt-5-mini", config) == Price(0.01, 0.02, 0.001, dated="2026-01-01")
    assert price_of("ollama/llama3", config) == Price(0.5, 0.5)
    assert price_of("house/qwen", config) == Price(0.2, 0.4)


def test_an_unknown_price_is_none_and_so_is_its_bill(config: Config) -> None:
    for name in ("openai/gpt-99", "house/other", "house/gpt-5-mini", "cloud/gpt-oss:120b"):
        assert price_of(name, config) is None
    assert dollars(Spend(1, 1000, 0, 1000), None) is None
    assert most_dollars(Spend(1, 1000, 0, 1000), None) is None


def test_models_on_the_users_own_machine_are_free(config: Config) -> None:
    for name in ("vllm/Qwen/Qwen3-8B", "llamacpp/any", "ollama/qwen3:4b", "relay/mine"):
        found = price_of(name, config)
        assert found is not None and dollars(Spend(1, 10**6, 0, 10**6), found) == 0.0


def test_list_prices_hold_for_dated_ids_azure_openrouter_and_a_relay(config: Config) -> None:
    listed = price_of("openai/gpt-4o-mini", config)
    assert listed is not None and (listed.input, listed.output) == (0.15, 0.6)
    for name in (
        "openai/gpt-4o-mini-2024-07-18",
        "azure/gpt-4o-mini",
        "openrouter/openai/gpt-4o-mini",
        "relay/gpt-4o-mini",
        "relay/openai/gpt-4o-mini",
    ):
        assert price_of(name, config) == listed
    assert price_of("openai/gpt-4o-2024-05-13", config) != price_of("openai/gpt-4o-2024-08-06", config)
    assert price_of("openrouter/qwen/qwen3-8b", config) is None


def test_a_bill_counts_cached_written_and_plain_tokens_at_their_own_price() -> None:
    one = Price(2.0, 10.0, cached_input=0.5, cache_write=2.5)
    spend = Spend(1, tokens_in=1_000_000, tokens_cached=400_000, tokens_out=100_000)
    assert dollars(spend, one) == pytest.approx(1.2 + 0.2 + 1.0)
    assert dollars(spend, one, cache_written=200_000) == pytest.approx(0.8 + 0.2 + 0.5 + 1.0)
    assert dollars(spend, Price(2.0, 10.0)) == pytest.approx(3.0), "no cached price: the full price"


def test_a_long_prompt_makes_the_whole_call_dearer() -> None:
    one = Price(2.0, 10.0, prompt_limit=200_000, long_input=2.0, long_output=1.5)
    assert dollars(Spend(1, 200_000, 0, 1_000_000), one) == pytest.approx(0.4 + 10)
    assert dollars(Spend(1, 200_001, 0, 1_000_000), one) == pytest.approx(0.800004 + 15)


def test_no_bill_exceeds_the_most_that_its_tokens_can_cost() -> None:
    one = Price(2.0, 10.0, cached_input=0.5, cache_write=2.5, prompt_limit=500, long_input=2, long_output=1.5)
    for tokens_in in (0, 400, 600):
        for cached in (0, 100, 1000):
            for written in (0, 300, 1000):
                spend = Spend(1, tokens_in, cached, 50)
                billed, most = dollars(spend, one, written), most_dollars(spend, one)
                assert billed is not None and most is not None and 0 < billed <= most


def test_every_listed_price_has_a_date_and_is_plausible() -> None:
    table = json.loads(files("underdog").joinpath("prices.json").read_text(encoding="utf-8"))
    rows = {name: row for vendor in table["vendors"].values() for name, row in vendor["models"].items()}
    assert len(rows) > 30
    for name, row in rows.items():
        listed = Price(**row)
        assert re.fullmatch(r"20\d\d-\d\d(-\d\d)?", listed.dated), name
        assert listed.dated <= table["dated"], name
        assert 0 < listed.input <= listed.output, name
        assert listed.cached_input is None or listed.cached_input <= listed.input, name
        assert listed.cache_write is None or listed.cache_write > listed.input, name
