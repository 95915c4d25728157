"""An adapter merged into its base and written as an ordinary checkpoint that a hub would take.

What is written is scored again before it may go anywhere: the merge is rounded to the base's dtype, the
adapter was not, and a template or a tokenizer that got lost on the way shows only in answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from underdog.answerer import Model
from underdog.drive import Driver
from underdog.engines.hf_checkpoint import Checkpoint, need
from underdog.errors import StudyError
from underdog.example import Example
from underdog.makers.checkpoint import opened
from underdog.makers.rescore import Rescore, rescore
from underdog.task import Task


@dataclass(frozen=True)
class Merge:
    """Adapter and base as one checkpoint; `dtype` None is the base's own."""

    dtype: str | None = None

    def make(self, source: Checkpoint, folder: Path) -> None:
        """Write the merged checkpoint.

        Raises:
            StudyError: the model has no adapter.
            ConfigError: base or adapter cannot be read, or the folder is taken.
        """
        if source.adapter is None:
            raise StudyError(f"merge: model {source.name!r} must have an adapter; it has none")
        opened(source, self.dtype).write(folder)


@dataclass(frozen=True)
class Promotion:
    """Whether an exported folder may take the place of what it was made from, and why.

    It may when no worse than a margin, or exactly alike on all of the examples.
    """

    folder: Path
    rescore: Rescore

    @property
    def granted(self) -> bool:
        """Better and no worse may; worse and cannot tell may not, unless every answer was the same."""
        return self.rescore.ruling in ("better", "no worse") or self.rescore.alike.estimate == 1.0


async def judged(
    driver: Driver, adapted: Model, folder: Path, task: Task, examples: Sequence[Example]
) -> Promotion:
    """Score the exported folder beside the model with its adapter.

    Raises:
        ConfigError: one of them cannot be loaded.
    """
    exported = replace(adapted, name=f"hf/{folder.resolve()}", adapter=None, revision=None)
    return Promotion(folder, await rescore(driver, adapted, exported, task, examples))


def card(folder: Path, base: str, promotion: Promotion, facts: Mapping[str, Any]) -> str:
    """Write README.md: the hub's metadata, what the model was made of, and how it scored beside it.

    `base` is the hub id of the base model, or the name it goes by; `facts` are lines of a table.

    Returns:
        The text that was written.
    """
    hub = need("huggingface_hub")
    data = hub.ModelCardData(
        base_model=base,
        base_model_relation="finetune",
        library_name="transformers",
        pipeline_tag="text-generation",
        tags=["underdog", "lora"],
    )
    lines = [
        "---",
        data.to_yaml().strip(),
        "---",
        "",
        f"# {folder.name}",
        "",
        f"An adapter merged into `{base}`.",
        "",
        "| | |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in facts.items()),
        "",
        "Beside base and adapter kept apart:",
        "",
        f"- {promotion.rescore.said()}",
        "",
    ]
    text = "\n".join(lines)
    (folder / "README.md").write_text(text, encoding="utf-8")
    return text


def push(promotion: Promotion, repository: str, *, private: bool = True) -> str:
    """Upload the folder to a hub; its address. Only ever on request.

    Raises:
        StudyError: the folder did not do as well as what it was made of.
    """
    if not promotion.granted:
        raise StudyError(
            f"{promotion.folder.name}: only what scored no worse than its parts is pushed; it is "
            f"{promotion.rescore.said()}: merge in float32, or score it on more examples"
        )
    api = need("huggingface_hub").HfApi()
    api.create_repo(repository, private=private, exist_ok=True)
    return str(api.upload_folder(folder_path=promotion.folder, repo_id=repository))
