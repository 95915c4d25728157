"""A Plan: an answerer saved as plain JSON, with the evidence that it rests on.

`plan.json` holds names and numbers only, no code and no addresses: endpoints appear by alias, so that a
stranger's plan can never send a key anywhere. What is too big for it (a router, an index) lies beside it in a
file that its content hash names. `dump` and `load` are also how study files name levers.
"""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias, TypeVar, get_args, get_type_hints

import msgspec

from underdog.answerer import Answerer, Lever, Model, Request, digest
from underdog.errors import StudyError
from underdog.levers import known
from underdog.levers.program import Program
from underdog.stored import Stored

T = TypeVar("T")

FORMAT = 1
Reader: TypeAlias = Callable[[Any, Path | None], Stored]
"""What makes a file out of the value in a study file and the folder where its names start."""
_MODEL_FIELDS = tuple(f.name for f in fields(Model))


@dataclass(frozen=True)
class Plan:
    """An answerer and its evidence: n, intervals, certificate, request schema, fingerprints, price date."""

    name: str
    answerer: Answerer
    evidence: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def digest(self) -> str:
        """Content hash of what answers (not of the evidence)."""
        return digest(dump(self.answerer))

    def save(self, folder: Path) -> Path:
        """Write `plan.json` into a folder, whole or not at all, after the files it names; returns its path.

        Raises:
            DataError: a file it names is not at hand.
        """
        folder.mkdir(parents=True, exist_ok=True)
        for stored in files_of(self.answerer):
            stored.write(folder)
        path = folder / "plan.json"
        body = {
            "format": FORMAT,
            "name": self.name,
            "digest": self.digest,
            "answerer": dump(self.answerer),
            "evidence": self.evidence,
        }
        draft = path.with_suffix(".tmp")
        draft.write_text(json.dumps(body, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        os.replace(draft, path)
        return path


def load_plan(path: str | Path) -> Plan:
    """The plan in a file or in a run's folder.

    Raises:
        StudyError: no plan there, not JSON, another format version, or its digest does not fit its content.
        DataError: a file that it names is missing or another than the one named.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "plan.json"
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StudyError(f"{path}: no plan here; a finished `underdog study` saves one in its run") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise StudyError(f"{path}: a plan must be JSON; {error}: save it again from its study") from None
    if not isinstance(body, dict) or body.get("format") != FORMAT:
        came = body.get("format") if isinstance(body, dict) else type(body).__name__
        raise StudyError(f"{path}: a plan must have format {FORMAT}; got {came!r}: use a matching underdog")
    answerer = _loaded(body.get("answerer"), Place({}, path.parent, sealed=True), "plan")
    plan = Plan(str(body.get("name", "")), answerer, body.get("evidence", {}))
    if plan.digest != body.get("digest"):
        raise StudyError(
            f"{path}: the digest does not fit the answerer (was the file edited?); its evidence is about "
            "another plan: save it again from its study"
        )
    return plan


def request_schema(request: Request) -> dict[str, Any]:
    """The shape of how a plan's input is asked: what a certificate is about besides the input itself."""
    fixed = [m for m in request.messages if m["role"] in ("system", "developer")]
    return {
        "system": digest(fixed) if fixed else None,
        "roles": [m["role"] for m in request.messages if m["role"] not in ("system", "developer")],
        "tools": bool(request.tools),
        "response_format": digest(request.response_format) if request.response_format else None,
    }


def dump(answerer: Answerer) -> dict[str, Any]:
    """An answerer as JSON: fields that have their default are left out.

    Raises:
        StudyError: a lever that is not in `levers.__all__` nor an entry point, so it could not be loaded.
    """
    head = {} if isinstance(answerer, Model) else {"lever": _name(answerer)}
    if not is_dataclass(answerer):
        raise StudyError(f"{type(answerer).__name__} must be a frozen dataclass to be saved")
    body: dict[str, Any] = {}
    for item in fields(answerer):
        value = getattr(answerer, item.name)
        if item.default is not MISSING and value == item.default:
            continue
        body["model" if isinstance(answerer, Model) and item.name == "name" else item.name] = _dumped(value)
    return head | body


def _dumped(value: Any) -> Any:
    if isinstance(value, Model) or hasattr(value, "steps"):
        return dump(value)
    if isinstance(value, Stored):
        return {"file": value.name}
    if isinstance(value, tuple | list):
        return [_dumped(one) for one in value]
    return msgspec.to_builtins(value)


def _name(lever: Any) -> str:
    name = type(lever).__name__.lower()
    if known().get(name) is not type(lever):
        raise StudyError(
            f"the lever {type(lever).__name__} is not in underdog.levers.__all__ nor an entry point of the "
            "group underdog.levers, so a plan that uses it could not be loaded again: add it to one of them"
        )
    return name


def models_of(answerer: Answerer) -> tuple[Model, ...]:
    """Every model inside an answerer, each once, in the order in which it is named."""
    return parts_of(answerer, Model)


def files_of(answerer: Answerer) -> tuple[Stored, ...]:
    """Every file inside an answerer, each once."""
    return parts_of(answerer, Stored)


def programs_of(answerer: Answerer) -> tuple[Program, ...]:
    """Every program of the user's inside an answerer, each once."""
    return parts_of(answerer, Program)


def parts_of(value: Any, kind: type[T]) -> tuple[T, ...]:
    """Everything of a kind in an answerer and its fields, each once, in the order in which it is named."""
    held: list[Any] = list(value) if isinstance(value, tuple) else []
    if hasattr(value, "steps"):
        held = [getattr(value, one.name) for one in fields(value)]
    found = [value] if isinstance(value, kind) else []
    return tuple(dict.fromkeys([*found, *(part for one in held for part in parts_of(one, kind))]))


def load(
    value: Any, names: Mapping[str, Answerer] | None = None, where: str = "plan", base: Path | None = None
) -> Answerer:
    """An answerer from JSON or a study file; strings are looked up in `names`, then taken as model names.

    `base` is where relative file names start (None: the working directory). A file named by its content hash
    is only read with a `base`; without one the lever is whole but cannot be asked.

    Raises:
        StudyError: an unknown lever, field or name, a missing field or a value of the wrong type.
        DataError: a file that is named cannot be read, or is another than its name says.
    """
    place = Place(names or {}, base)
    return _loaded(value, place, where)


@dataclass(frozen=True)
class Place:
    """Where names are looked up while an answerer is loaded: answerers by name, files in a folder.

    In a `sealed` place only files named by their content hash are read: a plan may come from a stranger.
    """

    names: Mapping[str, Answerer]
    base: Path | None = None
    sealed: bool = False


def _loaded(value: Any, place: Place, where: str) -> Answerer:
    if isinstance(value, str):
        return _named(value, place.names, where)
    if not isinstance(value, Mapping):
        raise StudyError(f"{where}: an answerer must be a name or a mapping; got {type(value).__name__}")
    body = dict(value)
    if "model" in body and "lever" not in body:
        unknown = set(body) - {"model", *_MODEL_FIELDS}
        if unknown:
            raise StudyError(f"{where}: unknown model setting {unknown.pop()!r}; known: {_MODEL_FIELDS}")
        return Model(str(body.pop("model")), **body)
    kind = body.pop("lever", None)
    if not isinstance(kind, str) or kind.lower() not in known():
        raise StudyError(f"{where}: `lever` must be one of {', '.join(sorted(known()))}; got {kind!r}")
    return _lever(known()[kind.lower()], body, place, f"{where} ({kind})")


def _named(name: str, names: Mapping[str, Answerer], where: str) -> Answerer:
    if name in names:
        return names[name]
    if "/" in name:
        return Model(name)
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    raise StudyError(
        f"{where}: {name!r} is neither a name of this study ({', '.join(names) or 'none'}) "
        f"nor a model like engine/id{hint}"
    )


def _lever(cls: type[Any], body: dict[str, Any], place: Place, where: str) -> Answerer:
    hints = get_type_hints(cls)
    known_fields = {f.name: f for f in fields(cls)}
    for key in body:
        if key not in known_fields:
            close = difflib.get_close_matches(str(key), known_fields, n=1)  # YAML reads a bare no as False
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise StudyError(f"{where}: unknown field {key!r} (known: {', '.join(known_fields)}){hint}")
    missing = [
        f.name
        for f in known_fields.values()
        if f.name not in body and f.default is MISSING and f.default_factory is MISSING
    ]
    if missing:
        raise StudyError(f"{where}: needs {missing[0]!r}; got only {', '.join(body) or 'nothing'}")
    made = {
        key: _file(raw, known_fields[key].metadata.get("read"), place, f"{where}.{key}")
        if _holds(hints[key], Stored)
        else _field(raw, hints[key], place, f"{where}.{key}")
        for key, raw in body.items()
    }
    lever: Answerer = cls(**made)
    return lever


def _holds(hint: Any, *kinds: Any) -> bool:
    return hint in kinds or any(_holds(inner, *kinds) for inner in get_args(hint))


def _field(raw: Any, hint: Any, place: Place, where: str) -> Any:
    if _holds(hint, Model, Lever):
        if isinstance(raw, Sequence) and not isinstance(raw, str):
            return tuple(_loaded(one, place, f"{where}[{i}]") for i, one in enumerate(raw))
        return _loaded(raw, place, where)
    if hint is Program and isinstance(raw, str):
        return Program.read(raw, place.base)
    if Program in get_args(hint) and isinstance(raw, Sequence):
        return tuple(_field(one, Program, place, f"{where}[{i}]") for i, one in enumerate(raw))
    try:
        return msgspec.convert(raw, hint)
    except msgspec.ValidationError as error:
        raise StudyError(f"{where}: {error}; got {raw!r}") from None


def _file(raw: Any, reader: Reader | None, place: Place, where: str) -> Stored | None:
    """A file by the content hash that it must have (in plans), else what the field's reader makes of it."""
    if raw is None:
        return None
    if isinstance(raw, Mapping) and set(raw) == {"file"}:
        return _named_file(str(raw["file"]), place, where)
    if place.sealed:
        raise StudyError(f"{where}: a plan names files by their content hash; got {raw!r}: save it again")
    if reader is not None:
        return reader(raw, place.base)
    if not isinstance(raw, str):
        raise StudyError(f"{where}: must be the path of a file; got {raw!r}")
    return Stored.read((place.base or Path()) / raw)


def _named_file(name: str, place: Place, where: str) -> Stored:
    meant = Stored.named(Path(name).name)
    if place.base is None:
        return meant
    found = Stored.read(place.base / meant.name)
    if found != meant:
        raise StudyError(f"{where}: {name} holds something else than its name says: save the plan again")
    return found
