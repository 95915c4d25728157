"""A checkpoint as a GGUF file for llama.cpp, by llama.cpp's own converter where it is at hand.

The file is served by llama.cpp's server and asked as an endpoint; no engine here reads it. The converter is
looked for in the folder that LLAMA_CPP names and on the PATH; it is never fetched.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Literal

from underdog.errors import ConfigError

CONVERTER = "convert_hf_to_gguf.py"
Kind = Literal["f32", "f16", "bf16", "q8_0"]


def converter() -> Path:
    """llama.cpp's converter.

    Raises:
        ConfigError: it is not at hand.
    """
    named = Path(os.environ.get("LLAMA_CPP", "")) / CONVERTER
    if named.is_file():
        return named
    found = shutil.which(CONVERTER)
    if found is None:
        raise ConfigError(
            f"GGUF needs llama.cpp's {CONVERTER}, which is neither in the folder that LLAMA_CPP names nor on "
            "the PATH: clone llama.cpp and set LLAMA_CPP to its folder"
        )
    return Path(found)


def to_gguf(checkpoint: Path, file: Path, kind: Kind = "q8_0") -> Path:
    """Convert an ordinary (unquantised) checkpoint folder; the file's path.

    Raises:
        ConfigError: the converter is not at hand, or it failed; its last line says why.
    """
    command = [sys.executable, str(converter()), str(checkpoint), "--outfile", str(file), "--outtype", kind]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0 or not file.is_file():
        said = (done.stderr or done.stdout).strip().splitlines()
        raise ConfigError(
            f"{CONVERTER} could not convert {checkpoint.name!r}: {said[-1] if said else 'it said nothing'}"
        )
    return file
