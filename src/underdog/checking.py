"""The work behind `underdog check`: does each model answer, what can it do, where would the data go, what
would it cost; and does a study's task prove itself. Compares no models and records no call.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from underdog.answerer import Answer, Model, Request
from underdog.config import ENGINES, Config, Endpoint, load_config
from underdog.engines import Engine, Facts
from underdog.engines.binding import Binder
from underdog.errors import UserError
from underdog.prices import price
from underdog.proof import prove
from underdog.report.figures import dollars
from underdog.report.opening import opening
from underdog.report.page import notes
from underdog.studies.findings import plain
from underdog.studies.spec import load_study
from underdog.trial import Spend

if TYPE_CHECKING:
    from rich.console import Console

# A server that is silent for longer is as good as down; local models may take their time to load.
_PATIENCE = 60.0
_ONE_CALL = Request(({"role": "user", "content": "Reply with the word yes."},)).sampled(max_tokens=16)
_MILLION = 1_000_000


@dataclass(frozen=True)
class Checked:
    """What was found out about one model.

    `seconds` is what one short call took, None where it brought no answer (recordings know only their own
    prompts). `fault` says why the model cannot be used; empty, it can.
    """

    model: str
    facts: Facts | None = None
    price: str = ""
    seconds: float | None = None
    fault: str = ""

    def lines(self) -> list[tuple[str, str]]:
        """Labels and texts for a page."""
        took = "" if self.seconds is None else f"; one short call took {self.seconds:.2f} s"
        lines = [("model", self.model), ("FAULT", self.fault) if self.fault else ("", f"answers{took}")]
        if self.facts is None:
            return lines
        lines.append(("data go to", self.facts.destination))
        if self.facts.supports:
            lines.append(("supports", _abilities(self.facts.supports)))
        lines.append(("price", self.price))
        return [*lines, ("note", self.facts.note)] if self.facts.note and not self.fault else lines


def check_all(what: Sequence[str], talk: Console, config: Config | None = None) -> int:
    """Check study files and models by name, or every model that the configuration prices.

    Each is printed as soon as it is known. Returns 1 when a model has a fault.

    Raises:
        UserError: the configuration or a study file cannot be read, or a task does not prove itself.
    """
    config = config or load_config()
    faults = 0
    if not what:
        talk.print(notes(_endpoints(config)))
        what = _priced(config) or _nothing_priced(talk)
    for name in what:
        binder, models = Binder(config), [Model(name)]
        if name.endswith((".yaml", ".yml")) or Path(name).is_file():
            binder, models = _study(Path(name), config, talk)
        for model in models:
            checked = asyncio.run(check_model(model, binder))
            talk.print()
            talk.print(notes(checked.lines()))
            faults += bool(checked.fault)
    return int(faults > 0)


async def check_model(model: Model, binder: Binder) -> Checked:
    """Ask one model for as little as possible; whatever is wrong with it is in `fault`."""
    remote = model.name.partition("/")[0] not in ENGINES
    try:
        engine = binder(model)
    except UserError as error:
        return Checked(model.name, fault=str(error))
    try:
        async with asyncio.timeout(_PATIENCE if remote else None):
            facts = await engine.check()
            seconds = await _one_call(engine) if facts.answers else None
    except UserError as error:
        return Checked(model.name, fault=str(error))
    except TimeoutError:
        return Checked(model.name, fault=f"{model.name} did not answer within {_PATIENCE:.0f} s")
    finally:
        await engine.close()
    fault = "" if facts.answers else facts.note or f"{model.name} does not answer"
    return Checked(model.name, facts, _price(model, engine, binder), seconds, fault)


async def _one_call(engine: Engine) -> float | None:
    """Seconds that one short greedy call takes; None where it brings no answer."""
    began = time.perf_counter()
    [result] = await engine.generate([_ONE_CALL])
    return time.perf_counter() - began if isinstance(result, Answer) else None


def _price(model: Model, engine: Engine, binder: Binder) -> str:
    """What a model costs, and since when that is known."""
    kind = model.name.partition("/")[0]
    if kind in ENGINES:
        read = engine.price(Spend(1, tokens_in=_MILLION)).dollars
        written = engine.price(Spend(1, tokens_out=_MILLION)).dollars
        if not read and not written:
            return "nothing is billed" if read == 0 else "unknown"
        return f"{dollars(read)} in, {dollars(written)} out per million tokens (declared in the study)"
    found = price(model.name, binder.config.endpoint(kind), binder.config)
    if found is None:
        where = binder.config.source or "underdog.toml"
        return f'unknown: declare it under [prices."{model.name}"] in {where}, or budget in tokens'
    if found.input == found.output == 0:
        return "nothing is billed: your own hardware"
    return f"{dollars(found.input)} in, {dollars(found.output)} out per million tokens ({found.dated})"


def _abilities(supports: dict[str, bool]) -> str:
    has = ", ".join(name for name, able in supports.items() if able) or "none of what was tried"
    lacks = ", ".join(name for name, able in supports.items() if not able)
    return f"{has}; not {lacks}" if lacks else has


def _study(path: Path, config: Config, talk: Console) -> tuple[Binder, list[Model]]:
    """A study's models and how they are bound, once its task is shown to prove itself."""
    spec = load_study(path)
    proof = prove(spec.task)
    talk.print(opening(plain(proof)))
    proof.insist()
    return Binder(config, spec.base, dict(spec.declared)), list(dict.fromkeys(spec.models.values()))


def _priced(config: Config) -> list[str]:
    """The models that the configuration names: those it prices."""
    named = [f"{alias}/{one}" for alias, endpoint in config.endpoints.items() for one in endpoint.prices]
    return sorted({*config.prices, *named})


def _nothing_priced(talk: Console) -> list[str]:
    talk.print("The configuration names no model: `underdog check openai/gpt-5-mini` or `... study.yaml`.")
    return []


def _endpoints(config: Config) -> list[tuple[str, str]]:
    lines = [("configured", str(config.source or "no file: built-in endpoints and the environment"))]
    return [*lines, *((f"{one.name}/", _endpoint(one)) for one in config.endpoints.values())]


def _endpoint(endpoint: Endpoint) -> str:
    place = "this machine" if endpoint.loopback else endpoint.host
    key = f"key missing: set ${endpoint.missing_key}" if endpoint.missing_key else "key set"
    return f"{place}, {key if endpoint.missing_key or endpoint.key else 'no key'}"
