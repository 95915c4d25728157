"""config.py: aliases from the file and the environment, keys that never show, and clear refusals."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import msgspec
import pytest

from underdog.config import Config, load_config
from underdog.errors import ConfigError

KEY = "sk-secret-123"


def config_of(tmp_path: Path, text: str, **environ: str) -> Config:
    (tmp_path / "underdog.toml").write_text(text, encoding="utf-8")
    return load_config(environ=environ, directory=tmp_path)


def test_local_servers_and_hosted_ones_are_known_without_a_file(tmp_path: Path) -> None:
    config = load_config(environ={"OPENAI_API_KEY": KEY}, directory=tmp_path)
    assert config.source is None
    assert config.endpoint("openai").base_url == "https://api.openai.com/v1"
    assert config.endpoint("ollama").base_url == "http://127.0.0.1:11434/v1"
    assert config.endpoint("vllm").base_url == "http://127.0.0.1:8000/v1"
    assert config.endpoint("llamacpp").base_url == "http://127.0.0.1:8080/v1"
    assert all(config.endpoint(name).local for name in ("ollama", "vllm", "llamacpp"))
    assert not config.endpoint("openai").local


def test_openai_base_url_moves_the_openai_alias(tmp_path: Path) -> None:
    moved = load_config(environ={"OPENAI_BASE_URL": "http://127.0.0.1:9/v1/"}, directory=tmp_path)
    assert moved.endpoint("openai").base_url == "http://127.0.0.1:9/v1"


def test_a_missing_key_is_asked_for_by_its_variable(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="OPENAI_API_KEY"):
        load_config(environ={}, directory=tmp_path).endpoint("openai")


def test_the_file_declares_endpoints_with_all_their_settings(tmp_path: Path) -> None:
    config = config_of(
        tmp_path,
        """
        [endpoints.house]
        base_url = "https://llm.example.com/v1/"
        api_key_env = "HOUSE_KEY"
        kind = "vllm"
        concurrency = 3
        timeout = 12
        headers = { "X-Team" = "blue" }
        prices = { "qwen" = { input = 0.1, output = 0.4 } }
        """,
        HOUSE_KEY=KEY + "\n",
    )
    house = config.endpoint("house")
    assert (house.base_url, house.kind, house.concurrency, house.timeout) == (
        "https://llm.example.com/v1",
        "vllm",
        3,
        12.0,
    )
    assert house.key is not None and house.key.reveal() == KEY
    assert house.headers["X-Team"].reveal() == "blue"
    assert house.prices["qwen"].output == 0.4


def test_the_environment_adds_endpoints_and_changes_known_ones(tmp_path: Path) -> None:
    config = config_of(
        tmp_path,
        '[endpoints.my-box]\nbase_url = "https://old.example.com"\nkind = "vllm"\napi_key = "old"',
        UNDERDOG_ENDPOINT_LAB="https://lab.example.com/v1",
        UNDERDOG_KEY_LAB=KEY,
        UNDERDOG_ENDPOINT_MY_BOX="https://new.example.com",
    )
    lab = config.endpoint("lab")
    assert lab.key is not None and lab.key.reveal() == KEY
    box = config.endpoint("my-box")
    assert (box.base_url, box.kind) == ("https://new.example.com", "vllm")
    assert box.key is None, "the key of the old address must not go to the new one"


def test_a_file_that_moves_a_known_alias_does_not_get_its_key(tmp_path: Path) -> None:
    moved = config_of(
        tmp_path, '[endpoints.openai]\nbase_url = "https://evil.example.com/v1"', OPENAI_API_KEY=KEY
    )
    assert moved.endpoint("openai").key is None


def test_a_file_may_tune_a_known_alias_without_repeating_it(tmp_path: Path) -> None:
    openai = config_of(tmp_path, "[endpoints.openai]\nconcurrency = 32", OPENAI_API_KEY=KEY).endpoint(
        "openai"
    )
    assert (openai.concurrency, openai.base_url) == (32, "https://api.openai.com/v1")
    assert openai.key is not None and openai.key.reveal() == KEY


def test_underdog_config_names_another_file_and_home_is_the_last_resort(tmp_path: Path) -> None:
    home = tmp_path / "home" / ".config" / "underdog"
    home.mkdir(parents=True)
    (home / "config.toml").write_text('[endpoints.a]\nbase_url = "https://a.example"')
    other = tmp_path / "other.toml"
    other.write_text('[endpoints.b]\nbase_url = "https://b.example"')
    environ = {"HOME": str(tmp_path / "home")}
    assert "a" in load_config(environ=environ, directory=tmp_path).endpoints
    named = load_config(environ=environ | {"UNDERDOG_CONFIG": str(other)}, directory=tmp_path)
    assert "b" in named.endpoints and "a" not in named.endpoints
    with pytest.raises(ConfigError, match="does not exist"):
        load_config(environ={"UNDERDOG_CONFIG": str(tmp_path / "none.toml")})


def test_an_unknown_alias_lists_the_known_ones_and_how_to_add_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        load_config(environ={}, directory=tmp_path).endpoint("hosue")
    said = str(raised.value)
    assert "ollama" in said and "[endpoints.hosue]" in said and "UNDERDOG_ENDPOINT_HOSUE" in said


def test_a_key_is_in_no_repr_no_record_and_no_error(tmp_path: Path) -> None:
    text = (
        f'[endpoints.house]\nbase_url = "https://h.example"\napi_key = "{KEY}"\n'
        f'headers = {{ Authorization = "Basic {KEY}" }}'
    )
    config = config_of(tmp_path, text)
    house = config.endpoint("house")
    assert KEY not in repr(config) + str(config) + repr(house) + f"{house.key}"
    for keep in (pickle.dumps, copy.deepcopy, msgspec.json.encode):
        with pytest.raises(TypeError):
            keep(house)
    plain = config_of(tmp_path, text.replace("https", "http"))
    with pytest.raises(ConfigError) as raised:
        plain.endpoint("house")
    assert KEY not in str(raised.value)


def test_a_key_does_not_travel_in_plain_text_unless_the_user_says_so(tmp_path: Path) -> None:
    text = f'[endpoints.house]\nbase_url = "http://h.example/v1"\napi_key = "{KEY}"\n'
    with pytest.raises(ConfigError, match="allow_plain_http"):
        config_of(tmp_path, text).endpoint("house")
    assert config_of(tmp_path, text + "allow_plain_http = true").endpoint("house").key is not None
    keyless = '[endpoints.house]\nbase_url = "http://h.example/v1"'
    assert config_of(tmp_path, keyless).endpoint("house").key is None


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "127.8.8.8", "box.localhost"])
def test_loopback_may_be_plain(tmp_path: Path, host: str) -> None:
    text = f'[endpoints.house]\nbase_url = "http://{host}:8000/v1"\napi_key = "{KEY}"'
    assert config_of(tmp_path, text).endpoint("house").loopback


def test_only_self_hosted_kinds_on_private_addresses_are_local(tmp_path: Path) -> None:
    def local(host: str, kind: str) -> bool:
        text = f'[endpoints.a]\nbase_url = "https://{host}/v1"\nkind = "{kind}"'
        return config_of(tmp_path, text).endpoint("a").local

    assert local("192.168.1.7", "vllm") and local("gpu-box", "ollama") and local("gpu.lan", "llamacpp")
    assert not local("ollama.com", "ollama") and not local("192.168.1.7", "openai")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[endpoints.a", "TOML"),
        ("endpoint = 1", "endpoints, prices"),
        ("endpoints = 1", "table of tables"),
        ("[endpoints.a]", "base_url"),
        ('[endpoints.a]\nbase_url = "llm.example.com"', "http"),
        ('[endpoints.a]\nbase_url = "ftp://llm.example.com"', "http"),
        ('[endpoints.a]\nbase_url = "https://[::1"', "address"),
        ('[endpoints.a]\nbase_url = "https://me:pw@h.example"', "password"),
        ('[endpoints.a]\nbase_url = "https://h.example/v1?key=1"', "query"),
        ('[endpoints.a]\nbase_url = "https://h.example/v1/chat/completions"', "/chat/completions"),
        ('[endpoints.a]\nbase_url = "https://h.example"\nkindd = "vllm"', "kindd"),
        ('[endpoints.a]\nbase_url = "https://h.example"\nkind = "vlm"', "llamacpp"),
        ('[endpoints.a]\nbase_url = "https://h.example"\nconcurrency = "many"', "int"),
        ('[endpoints.a]\nbase_url = "https://h.example"\nconcurrency = 0', "concurrency"),
        ('[endpoints.a]\nbase_url = "https://h.example"\napi_key = "a"\napi_key_env = "B"', "api_key_env"),
        ('[endpoints.a]\nbase_url = "https://h.example"\napi_key = "a\\nb"', "one line"),
        ('[endpoints.a]\nbase_url = "https://h.example"\nheaders = { X = 1 }', "headers.X"),
        ('[endpoints.a]\nbase_url = "https://h.example"\nkind = "azure"', "api_version"),
        ('[endpoints.hf]\nbase_url = "https://h.example"', "another alias"),
        ('[endpoints."a/b"]\nbase_url = "https://h.example"', "alias"),
        ('[prices."a/b"]\ninput = 1', "output"),
        ('[prices."a/b"]\ninput = 1\noutput = -1', "at least 0"),
        ('[prices."a/b"]\ninput = 1\noutput = "2"', "float"),
        ('[prices."a/b"]\ninput = 1\noutput = 2\noutputs = 2', "outputs"),
    ],
)
def test_a_malformed_file_is_one_clear_sentence(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        config_of(tmp_path, text)
    assert said in str(raised.value) and "underdog.toml" in str(raised.value)
    assert "pw" not in str(raised.value)


@pytest.mark.parametrize(
    "environ",
    [
        {"UNDERDOG_ENDPOINT_X": "nowhere"},
        {"UNDERDOG_ENDPOINT_HF": "https://h.example"},
        {"UNDERDOG_KEY_GHOST": KEY},
    ],
)
def test_a_malformed_environment_is_named_by_its_variable(tmp_path: Path, environ: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=next(iter(environ))) as raised:
        load_config(environ=environ, directory=tmp_path)
    assert KEY not in str(raised.value)
