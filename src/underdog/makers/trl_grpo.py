"""Training on rewards by TRL's GRPOTrainer, with rollouts by the engine's own decoder. Imports torch and trl.

The decoder reads each group's prompt once and lets rows end one by one, where `generate` pads and waits; and
each answer has a seed of its own, so that a training that goes on after a kill draws the same answers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer

from underdog.answerer import Request, ToolCall
from underdog.engines.hf_checkpoint import Checkpoint
from underdog.engines.hf_decode import Decoder, Row, room_for
from underdog.engines.hf_text import read_tool_calls, split_reasoning
from underdog.engines.stops import cut_at_stop
from underdog.makers.order import laid_out
from underdog.makers.settings import Earning, Try
from underdog.makers.student import lora, pen_of, weights_of

_ROWS = 256


@dataclass(frozen=True, slots=True)
class Written:
    """An answer that the model in training wrote to the request of that index."""

    index: int
    text: str
    calls: tuple[ToolCall, ...]
    finish: str


@dataclass(frozen=True, slots=True)
class Earned:
    """What an answer earned: its score, None where it could not be told, and whether it could be read."""

    right: float | None
    form: float


@dataclass(frozen=True)
class Rewarded:
    """Answer these requests; `earned` says what answers are worth. With `form_only`, only form counts."""

    checkpoint: Checkpoint
    settings: Earning
    seed: int
    requests: Sequence[Request]
    earned: Callable[[Sequence[Written]], list[Earned]]
    form_only: bool = False

    @property
    def flops_per_token(self) -> float:
        """Writing 2, forward 2 and back 2, and forward 2 for the reference where there is one."""
        return 8.0 if self.settings.beta else 6.0

    @cached_property
    def _pen(self) -> Any:
        return pen_of(self.checkpoint)

    @cached_property
    def _prompts(self) -> list[tuple[int, ...]]:
        return [tuple(self._pen.prompt(request)) for request in self.requests]

    def trainer(self, one: Try, common: dict[str, Any]) -> GRPOTrainer:
        """A trainer whose prompts are numbers of requests, in the order of the steps."""
        settings = self.settings
        order = laid_out(len(self.requests), settings.steps * (settings.batch // settings.group), self.seed)
        arguments = GRPOConfig(
            **common,
            num_generations=settings.group,
            max_completion_length=self.requests[0].sampling.max_tokens,
            temperature=settings.temperature,
            beta=settings.beta,
            shuffle_dataset=False,
            reward_weights=[settings.form] if self.form_only else [settings.right, settings.form],
        )
        model = weights_of(self.checkpoint, settings, self._pen.tokenizer)
        return GRPOTrainer(
            model=model,
            args=arguments,
            reward_funcs=[form] if self.form_only else [right, form],
            train_dataset=Dataset.from_dict({"prompt": [str(index) for index in order]}),
            processing_class=self._pen.tokenizer,
            peft_config=lora(settings, one),
            rollout_func=self._rolled,
        )

    def tokens(self, step: int, logs: Sequence[dict[str, Any]]) -> int:
        """Prompts and answers of all rows so far, as the trainer counted them."""
        return int(max((row.get("num_tokens", 0) for row in logs), default=0))

    def _rolled(self, prompts: Sequence[str], trainer: Any) -> dict[str, list[Any]]:
        """Answers to the requests of these numbers, with what they earned."""
        indices = [int(prompt) for prompt in prompts]
        rows = [
            Row(
                self._prompts[index],
                replace(self.requests[index].sampling, temperature=self.settings.temperature, top_p=1.0),
                self.requests[index].sampling.max_tokens,
                self._dice(trainer.state.global_step, place),
            )
            for place, index in enumerate(indices)
        ]
        model = trainer.accelerator.unwrap_model(trainer.model).get_base_model()
        decode(model, frozenset(trainer.eos_token_ids), rows)
        earned = self.earned([self._written(index, row) for index, row in zip(indices, rows, strict=True)])
        return {
            "prompt_ids": [list(row.prompt) for row in rows],
            "completion_ids": [row.tokens for row in rows],
            "logprobs": None,  # type: ignore[dict-item]  # the trainer computes them where it needs them
            "score": [one.right for one in earned],
            "readable": [one.form for one in earned],
        }

    def _dice(self, step: int, place: int) -> int:
        text = f"underdog/makers/grpo/{self.seed}/{step}/{place}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])

    def _written(self, index: int, row: Row) -> Written:
        """The row's answer, told apart from reasoning and cut as the engine does when it serves."""
        request = self.requests[index]
        raw = self._pen.tokenizer.decode(row.tokens, skip_special_tokens=True)
        _, visible = split_reasoning(raw, self._pen.thinks(request), done=True)
        text, _ = cut_at_stop(visible, request.sampling.stop)
        calls = read_tool_calls(text, "") if request.tools else ()
        return Written(index, text, calls, row.finish or "stop")


def decode(model: Any, end: frozenset[int], rows: list[Row]) -> None:
    """Run rows to their end through a model in training, which is in training again afterwards."""
    training = model.training
    model.eval()
    decoder, waiting = Decoder(model, end, room_for(model)), rows
    while waiting or decoder.running:
        if joining := decoder.fitting(waiting, _ROWS) if waiting else 0:
            decoder.admit(waiting[:joining])
            waiting = waiting[joining:]
        decoder.step()
    model.train(training)


def right(score: list[float | None], **_: Any) -> list[float | None]:
    """The task's score, as told with the answers."""
    return score


def form(readable: list[float], **_: Any) -> list[float]:
    """Whether the answer could be read, as told with the answers."""
    return readable
