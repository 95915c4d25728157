"""The process in which users' functions run: a line of JSON comes in, a line goes out. A script, not a part.

`pool.py` starts it by its file name, so it imports the standard library alone until a function needs more.
What a function prints goes nowhere near the results. Where the platform has them it sets limits on memory,
CPU time and file size, and leaves the network; these are for accidents, not a wall against malice.
"""

from __future__ import annotations

import asyncio
import ctypes
import hashlib
import importlib
import inspect
import json
import os
import re
import shutil
import sys
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from copy import deepcopy
from functools import cache, partial
from types import ModuleType
from typing import Annotated, Any, BinaryIO, get_type_hints

try:
    import resource
except ImportError:  # not a POSIX system: the parent's clock is the limit that remains
    resource = None  # type: ignore[assignment]

NEW_USER, NEW_NETWORK = 0x10000000, 0x40000000
FILE_BYTES = 16 << 20
PLAIN = (bool, int, float, str, type(None))
CHANGED = "{} is not the file that was named: its content has changed since"
NETWORK_EVENTS = ("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.gethostby", "socket.send")


class Refused(Exception):
    """A job that cannot be done as asked; its text is the sentence."""


def main() -> None:
    """Read what the process may do, then do jobs until there are no more."""
    jobs, results = own_streams()
    terms = json.loads(jobs.readline())
    sys.path[:] = terms["path"]
    home = os.getcwd()
    confine(terms["memory_bytes"])
    results.write(b"ready\n")
    results.flush()
    for line in jobs:
        tidy(home)
        allow_cpu(terms["cpu_seconds"])
        results.write(result_of(json.loads(line), terms["output_bytes"]) + b"\n")
        results.flush()


def own_streams() -> tuple[BinaryIO, BinaryIO]:
    """The pipes of jobs and results, moved to where a function's own input and output cannot meet them."""
    jobs, results = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    return jobs, results


def confine(memory_bytes: int) -> None:
    """Limit memory and files, and leave the network where the platform lets a plain process do so."""
    sys.addaudithook(refuse_network)
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).unshare(NEW_USER | NEW_NETWORK)
    if resource is not None:
        lower(resource.RLIMIT_AS, memory_bytes)
        lower(resource.RLIMIT_FSIZE, FILE_BYTES)
        lower(resource.RLIMIT_CORE, 0)


def lower(which: int, most: int) -> None:
    """Set a limit, or keep the lower one that already holds; some systems know one and refuse to set it."""
    _, hard = resource.getrlimit(which)
    with suppress(ValueError, OSError):
        resource.setrlimit(which, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def allow_cpu(seconds: int) -> None:
    """Grant the next job its CPU time; past it the system ends the process."""
    if resource is None:
        return
    usage = resource.getrusage(resource.RUSAGE_SELF)
    lower(resource.RLIMIT_CPU, int(usage.ru_utime + usage.ru_stime) + 1 + seconds)


def refuse_network(event: str, _: object) -> None:
    """An audit hook that ends what would reach the network, also where there is no network namespace."""
    if event.startswith(NETWORK_EVENTS):
        raise PermissionError(f"no network here ({event})")


def tidy(home: str) -> None:
    """Go back to the process's folder, which may be gone, and empty it."""
    os.makedirs(home, exist_ok=True)
    os.chdir(home)
    for left in os.scandir(home):
        if left.is_dir(follow_symlinks=False):
            shutil.rmtree(left.path, ignore_errors=True)
        else:
            os.unlink(left.path)


def result_of(job: Mapping[str, Any], output_bytes: int) -> bytes:
    """The line that answers a job: its value, or the error in one sentence."""
    try:
        value = DO[job["do"]](loaded(job["place"], job["function"], job["digest"]), job["arguments"])
        body = json.dumps({"value": value}, allow_nan=False, default=plain).encode()
        if len(body) > output_bytes:
            raise Refused(f"it returned {len(body):,} bytes; the most is {output_bytes:,}")
    except Refused as refused:
        body = json.dumps({"error": str(refused)}).encode()
    except (Exception, SystemExit) as error:  # the user's code: whatever it raises is its failure, as data
        body = json.dumps({"error": told(error, job["place"])}).encode()
    return body


def plain(value: Any) -> Any:
    """Numbers of numpy and torch as JSON has them."""
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"a {type(value).__name__} is no JSON value")


def told(error: BaseException, place: str) -> str:
    """An exception in one sentence, with the last line of the user's file that it came through."""
    lines = [one.lineno for one in traceback.extract_tb(error.__traceback__) if one.filename == place]
    where = f" (line {lines[-1]})" if lines else ""
    return f"{type(error).__name__}: {error}{where}"[:2000]


def loaded(place: str, function: str, digest: str) -> Callable[..., Any]:
    """The function in a file or module that has the content named by `digest`."""
    if place.endswith(".py"):
        module: Any = from_file(place, digest)
    else:
        module, found_digest = imported(place)
        if found_digest != digest:
            raise Refused(CHANGED.format(place))
    found = getattr(module, function, None)
    if not callable(found):
        raise Refused(f"{place} has no function {function!r}")
    return found  # type: ignore[no-any-return]


@cache
def from_file(place: str, digest: str) -> ModuleType:
    """The module that a file holds, made of the very bytes that were hashed."""
    content = content_of(place)
    if hashed(content) != digest:
        raise Refused(CHANGED.format(place))
    module = ModuleType(f"program_{digest}")
    module.__file__ = place
    sys.modules[module.__name__] = module
    folder = os.path.dirname(place)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    exec(compile(content, place, "exec"), module.__dict__)
    return module


@cache
def imported(name: str) -> tuple[ModuleType, str]:
    """An importable module, and the hash that its file had when this process first asked for it."""
    module = importlib.import_module(name)
    return module, hashed(content_of(module.__file__ or os.devnull))


def content_of(place: str) -> bytes:
    """The bytes of a file."""
    with open(place, "rb") as file:
        return file.read()


def hashed(content: bytes) -> str:
    """As `levers/program.py` names a file's content."""
    return hashlib.sha256(content).hexdigest()[:32]


def given(function: Callable[..., Any], offered: Mapping[str, Any]) -> Any:
    """The function called with those of the arguments on offer that its signature names."""
    wanted = inspect.signature(function).parameters.values()
    if any(one.kind is one.VAR_KEYWORD for one in wanted):
        return function(**offered)
    unknown = [one.name for one in wanted if one.name not in offered and one.default is one.empty]
    if unknown:
        names = ", ".join(offered)
        raise Refused(f"its parameter {unknown[0]!r} has no meaning here; it may take {names}")
    return function(**{one.name: offered[one.name] for one in wanted if one.name in offered})


def describe(function: Callable[..., Any], _: Mapping[str, Any]) -> dict[str, Any]:
    """What a model is told of a function: its docstring's first paragraph and its parameters' JSON schema."""
    import msgspec

    shape = parameters_of(function)
    schema = msgspec.json.schema(shape)
    definitions = schema.pop("$defs")
    parameters = definitions.pop(shape.__name__)
    parameters.pop("title", None)
    summary = (inspect.getdoc(function) or "").split("\n\n")[0]
    return {
        "description": " ".join(summary.split()),
        "parameters": parameters | ({"$defs": definitions} if definitions else {}),
    }


def call(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    """The function's value for arguments that fit its types, in JSON's terms."""
    import msgspec

    try:
        fitting = msgspec.convert(arguments, parameters_of(function))
    except msgspec.ValidationError as problem:
        raise Refused(f"the arguments do not fit: {problem}") from None
    value = function(**{name: getattr(fitting, name) for name in fitting.__struct_fields__})
    if inspect.iscoroutine(value):
        value = asyncio.run(value)
    return msgspec.to_builtins(value, enc_hook=plain)


@cache
def parameters_of(function: Callable[..., Any]) -> Any:
    """A function's parameters as a type that msgspec checks and describes."""
    import msgspec

    hints, told_of = get_type_hints(function, include_extras=True), remarks(function)
    fields: list[Any] = []
    for one in inspect.signature(function).parameters.values():
        if one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD, one.POSITIONAL_ONLY):
            raise Refused(f"a tool's parameters must be given by name; got {one}")
        kind = hints.get(one.name, Any)
        if one.name in told_of:
            kind = Annotated[kind, msgspec.Meta(description=told_of[one.name])]
        if one.default is one.empty:
            fields.append((one.name, kind))
        elif isinstance(one.default, PLAIN):
            fields.append((one.name, kind, one.default))
        else:
            fields.append((one.name, kind, msgspec.field(default_factory=partial(deepcopy, one.default))))
    return msgspec.defstruct(function.__name__, fields, kw_only=True, forbid_unknown_fields=True)


def remarks(function: Callable[..., Any]) -> dict[str, str]:
    """What the docstring's `Args:` says of each parameter."""
    _, _, section = (inspect.getdoc(function) or "").partition("\nArgs:\n")
    found: dict[str, str] = {}
    for line in section.splitlines():
        if not line.startswith(" "):
            break
        if entry := re.match(r"^ {1,4}(\w+)(?: \([^)]*\))?: (.+)$", line):
            found[entry[1]] = entry[2]
    return found


DO: dict[str, Callable[[Callable[..., Any], Mapping[str, Any]], Any]] = {
    "given": given,
    "describe": describe,
    "call": call,
}

if __name__ == "__main__":
    main()
