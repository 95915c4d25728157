"""Finds the engine behind a Model by the first part of its name. The only place that knows every engine.

Engine modules are imported when a model needs them: a study of remote models never loads torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from underdog.answerer import Model
from underdog.config import Config, load_config
from underdog.engines import Engine
from underdog.errors import ConfigError
from underdog.prices import price


@dataclass
class Binder:
    """Callable that turns a Model into its Engine; `base` is where relative file names start.

    `declared` are per-model settings of a study file that are no part of the model's identity: how a
    recorded file is read, or what a recorded model is said to have cost.
    """

    config: Config = field(default_factory=load_config)
    base: Path = field(default_factory=Path.cwd)
    declared: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __call__(self, model: Model) -> Engine:
        kind, _, rest = model.name.partition("/")
        if not rest:
            raise ConfigError(
                f"model {model.name!r}: a model is named ENGINE-OR-ALIAS/ID, such as tiny/small, "
                "hf/Qwen/Qwen3-0.6B or openai/gpt-5-mini"
            )
        local = {
            "tiny": self._tiny,
            "hf": self._hf,
            "replay": self._replay,
            "fake": self._fake,
            "query": self._query,
        }
        if kind in local:
            return local[kind](model, rest)
        return self._endpoint(model, kind, rest)

    def _tiny(self, model: Model, rest: str) -> Engine:
        from importlib.resources import files

        folder = Path(str(files("underdog.tiny"))) / "models" / rest
        if not (folder / "config.json").exists():
            names = sorted(p.name for p in folder.parent.glob("*") if p.is_dir())
            raise ConfigError(f"model {model.name!r}: the embedded models are {', '.join(names)}")
        return self._local(model, str(folder))

    def _hf(self, model: Model, rest: str) -> Engine:
        near = self.base / rest
        return self._local(model, str(near) if near.exists() else rest)

    def _local(self, model: Model, where: str) -> Engine:
        from underdog.engines.huggingface import HuggingFaceEngine

        adapter = model.adapter
        if adapter is not None and (self.base / adapter).exists():
            adapter = str(self.base / adapter)
        return HuggingFaceEngine(
            where, revision=model.revision, adapter=adapter, dtype=model.dtype, name=model.name
        )

    def _query(self, model: Model, rest: str) -> Engine:
        from underdog.engines.query import QueryEngine

        if model.adapter or model.dtype:
            raise ConfigError(f"model {model.name!r}: adapter and dtype are those of its parents")
        return QueryEngine(self.base / rest, self, name=model.name)

    def _replay(self, model: Model, rest: str) -> Engine:
        from underdog.engines.replay import ReplayEngine

        file, _, selector = rest.partition("#")
        options = self.declared.get(model.name, {})
        return ReplayEngine(self.base / file, selector, **options)

    def _fake(self, model: Model, rest: str) -> Engine:
        from underdog.engines.fake import named_fake

        return named_fake(rest)

    def _endpoint(self, model: Model, alias: str, rest: str) -> Engine:
        from underdog.engines.openai import OpenAIEngine

        if model.adapter or model.dtype:
            raise ConfigError(
                f"model {model.name!r}: adapter and dtype are for local models (hf/...); a server "
                "has its own, so name the id under which it serves the adapter"
            )
        endpoint = self.config.endpoint(alias)
        prices = price(model.name, endpoint, self.config)
        return OpenAIEngine(endpoint, rest, price=prices, revision=model.revision)
