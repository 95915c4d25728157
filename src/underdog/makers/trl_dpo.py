"""Preference training by TRL's DPOTrainer, on tokens that are ready. Imports torch and trl."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from datasets import Dataset
from trl import DPOConfig, DPOTrainer

from underdog.answerer import Request
from underdog.makers.ready import Ready
from underdog.makers.settings import Preferring, Try
from underdog.makers.student import lora, weights_of


class _Ready(DPOTrainer):  # type: ignore[misc]  # trl has no types
    """DPOTrainer on rows that hold tokens; left alone it renders and tokenises messages its own way."""

    def _prepare_dataset(self, dataset: Any, *args: Any) -> Any:
        return dataset


@dataclass(frozen=True)
class Preferred(Ready):
    """Prefer the first of two answers to a request to the second: triples of request, right, wrong."""

    settings: Preferring
    shown: Sequence[tuple[Request, str, str]]

    @property
    def flops_per_token(self) -> float:
        """Forward 2 and back 2 with the adapter, forward 2 without it, for the reference."""
        return 6.0

    @cached_property
    def _rows(self) -> list[dict[str, list[int]]]:
        return [
            {
                "prompt_ids": self._pen.prompt(request),
                "chosen_ids": self._pen.completion(request, right),
                "rejected_ids": self._pen.completion(request, wrong),
            }
            for request, right, wrong in self.shown
        ]

    def trainer(self, one: Try, common: dict[str, Any]) -> DPOTrainer:
        """A trainer whose dataset is in the order of the steps."""
        arguments = DPOConfig(
            **common, train_sampling_strategy="sequential", beta=self.settings.beta, max_length=None
        )
        return _Ready(
            model=weights_of(self.checkpoint, self.settings, self._pen.tokenizer),
            args=arguments,
            train_dataset=Dataset.from_list(self._rows).select(self._order),
            processing_class=self._pen.tokenizer,
            peft_config=lora(self.settings, one),
        )

    def tokens(self, step: int, logs: Sequence[dict[str, Any]]) -> int:
        """Both sequences of all pairs up to the step, each with its prompt."""
        sizes = [
            2 * len(row["prompt_ids"]) + len(row["chosen_ids"]) + len(row["rejected_ids"])
            for row in self._rows
        ]
        return sum(sizes[index] for index in self._order[: step * self.settings.batch])
