"""GGUF is llama.cpp's own converter's work: found where it is, and a plain sentence where it is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from underdog.errors import ConfigError
from underdog.makers.gguf import CONVERTER, converter, to_gguf

CONVERTS = """
import sys
source, out, kind = sys.argv[1], sys.argv[3], sys.argv[5]
open(out, "w").write(f"GGUF of {source} as {kind}")
"""


def placed(folder: Path, code: str) -> str:
    (folder / CONVERTER).write_text(code)
    return str(folder)


def test_without_the_converter_one_sentence_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("LLAMA_CPP", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match=r"clone llama\.cpp and set LLAMA_CPP"):
        converter()


def test_the_converter_is_found_in_the_named_folder_or_on_the_path_and_run(tmp_path, monkeypatch):
    monkeypatch.setenv("LLAMA_CPP", placed(tmp_path, CONVERTS))
    made = to_gguf(tmp_path / "model", tmp_path / "model.gguf", "f16")
    assert made.read_text() == f"GGUF of {tmp_path / 'model'} as f16"
    monkeypatch.delenv("LLAMA_CPP")
    (tmp_path / CONVERTER).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert converter() == tmp_path / CONVERTER


@pytest.mark.parametrize(
    "code", ["import sys; sys.exit('unknown architecture')", "print('unknown architecture')"]
)
def test_a_converter_that_fails_or_writes_nothing_is_quoted(tmp_path, monkeypatch, code):
    monkeypatch.setenv("LLAMA_CPP", placed(tmp_path, code))
    with pytest.raises(ConfigError, match="unknown architecture"):
        to_gguf(tmp_path / "model", tmp_path / "model.gguf")
