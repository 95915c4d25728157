"""Named arrays as one safetensors file: the format that the field trusts, because it can hold no code.

Eight bytes with the header's length, the header as JSON, then the raw arrays. Written and read here in numpy
alone, so that serving a routed plan needs neither torch nor another package; files are the same to any reader
of safetensors.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import prod
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from underdog.errors import DataError

Arrays: TypeAlias = Mapping[str, npt.NDArray[Any]]

_KINDS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U32": "<u4", "U8": "|u1"}
_NAMES = {np.dtype(kind): name for name, kind in _KINDS.items()}
_LONGEST_HEADER = 100 * 2**20


def packed(arrays: Arrays, notes: Mapping[str, str]) -> bytes:
    """Arrays and text notes as the bytes of a file; equal contents give equal bytes.

    Raises:
        TypeError: an array of another kind than floats and whole numbers.
    """
    header: dict[str, Any] = {"__metadata__": dict(sorted(notes.items()))}
    bodies, at = [], 0
    # Wide numbers first, so that every array begins at a multiple of its own numbers' size.
    for name, array in sorted(arrays.items(), key=lambda item: (-item[1].itemsize, item[0])):
        plain = np.ascontiguousarray(array)
        kind = _NAMES.get(plain.dtype)
        if kind is None:
            raise TypeError(f"{name}: arrays of {plain.dtype} have no place in a safetensors file")
        body = plain.tobytes()
        header[name] = {"dtype": kind, "shape": list(plain.shape), "data_offsets": [at, at + len(body)]}
        bodies.append(body)
        at += len(body)
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return b"".join([len(text).to_bytes(8, "little"), text, *bodies])


def unpacked(content: bytes, shown: str) -> tuple[dict[str, np.ndarray[Any, Any]], dict[str, str]]:
    """The arrays and notes in a file's bytes; the arrays are views of them and read-only.

    Raises:
        DataError: it is no safetensors file, or a part of it is missing.
    """
    broken = f"{shown}: the file must be safetensors as underdog wrote it"
    size = int.from_bytes(content[:8], "little")
    if len(content) < 8 or size > min(len(content) - 8, _LONGEST_HEADER):
        raise DataError(f"{broken}; it is cut short or something else")
    try:
        header = json.loads(content[8 : 8 + size])
        notes = {str(key): str(value) for key, value in header.pop("__metadata__", {}).items()}
        body = memoryview(content)[8 + size :]
        arrays = {name: _array(entry, body) for name, entry in header.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{broken}; {type(error).__name__}: {error}") from None
    return arrays, notes


def _array(entry: Mapping[str, Any], body: memoryview) -> np.ndarray[Any, Any]:
    kind = np.dtype(_KINDS[entry["dtype"]])
    shape = tuple(int(side) for side in entry["shape"])
    first, last = (int(place) for place in entry["data_offsets"])
    if min((first, *shape), default=0) < 0 or last > len(body) or last - first != prod(shape) * kind.itemsize:
        raise ValueError("an array's place does not fit its shape")
    return np.frombuffer(body[first:last], dtype=kind).reshape(shape)
