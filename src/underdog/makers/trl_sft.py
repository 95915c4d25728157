"""Supervised training by TRL's SFTTrainer, on tokens that are ready. Imports torch and trl."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from datasets import Dataset
from trl import SFTConfig, SFTTrainer

from underdog.answerer import Request
from underdog.makers.ready import Ready
from underdog.makers.settings import Settings, Try
from underdog.makers.student import lora, weights_of

_IGNORED = -100


@dataclass(frozen=True)
class Supervised(Ready):
    """Write these answers to these requests: loss on the answers' tokens only."""

    settings: Settings
    shown: Sequence[tuple[Request, str]]

    @property
    def flops_per_token(self) -> float:
        """Forward 2, and 2 back through the activations; the weights are frozen and take none."""
        return 4.0

    @cached_property
    def _rows(self) -> list[dict[str, list[int]]]:
        rows = []
        for request, text in self.shown:
            prompt, answer = self._pen.prompt(request), self._pen.completion(request, text)
            labels = [_IGNORED] * len(prompt) + answer
            rows.append({"input_ids": prompt + answer, "labels": labels})
        return rows

    def trainer(self, one: Try, common: dict[str, Any]) -> SFTTrainer:
        """A trainer whose dataset is in the order of the steps."""
        arguments = SFTConfig(
            **common,
            train_sampling_strategy="sequential",
            dataset_kwargs={"skip_prepare_dataset": True},
            max_length=None,
        )
        return SFTTrainer(
            model=weights_of(self.checkpoint, self.settings, self._pen.tokenizer),
            args=arguments,
            train_dataset=Dataset.from_list(self._rows).select(self._order),
            processing_class=self._pen.tokenizer,
            peft_config=lora(self.settings, one),
        )

    def tokens(self, step: int, logs: Sequence[dict[str, Any]]) -> int:
        """Prompts and answers of all rows up to the step."""
        read = self._order[: step * self.settings.batch]
        return sum(len(self._rows[index]["input_ids"]) for index in read)
