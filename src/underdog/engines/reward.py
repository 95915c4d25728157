"""A reward model at work: the function behind the tool `reward`, for the lever Reward.

A reward model is an ordinary sequence-classification checkpoint with one label, whose logit is squashed into
[0, 1]: one that `makers/reward.py` trained or one of a hub. It reads the question and an answer as the chat
template writes them; an answer that is not finished is left open. Acts are recorded by the driver, so nothing
is scored twice.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from underdog.answerer import Failure, Model, Request
from underdog.engines.hf_checkpoint import Source, load_tokenizer, loading, need
from underdog.engines.hf_prompt import Prompts
from underdog.engines.huggingface import HuggingFaceEngine
from underdog.errors import ConfigError
from underdog.levers.candidate import GO_ON

_BATCH = 16
_WHOLE = {"add_generation_prompt": False}


class Rewarder:
    """Scores answers with whatever reward model is named; models are loaded at first use and kept.

    Pass `score` to a Driver as the tool `reward`.
    """

    def __init__(self, bind: Callable[[Model], Any]) -> None:
        self._bind = bind
        self._judges: dict[str, _Judge] = {}
        self._lock = threading.Lock()

    async def score(
        self,
        model: str,
        messages: Sequence[Mapping[str, Any]],
        texts: Sequence[str],
        identity: str | None = None,
    ) -> list[float] | Failure:
        """One number in [0, 1] a text: the last is the whole answer, those before it are its beginnings.

        With `identity`, the checkpoint must be the one of this hash.

        Raises:
            ConfigError: the model is no reward model at hand, or another than `identity` says.
        """
        with self._lock:
            judge = self._judges.get(model) or self._judges.setdefault(model, self._opened(model))
        if identity is not None and judge.source.identity != identity:
            raise ConfigError(
                f"reward model {model!r} is another than the one that was measured ({identity[:8]}… was, "
                f"{judge.source.identity[:8]}… is here): put the old one back, or fit and measure again"
            )
        return await asyncio.to_thread(judge.score, messages, texts)

    def _opened(self, model: str) -> _Judge:
        engine = self._bind(Model(model))
        if not isinstance(engine, HuggingFaceEngine):
            raise ConfigError(
                f"reward model {model!r}: must be a local checkpoint, named hf/FOLDER or hf/OWNER/ID"
            )
        return _Judge(engine.checkpoint.source())


def tokens(
    prompts: Prompts, messages: Sequence[Mapping[str, Any]], text: str, finished: bool
) -> tuple[int, ...] | Failure:
    """Question and answer as a reward model reads them; the same in training and at work."""
    said = {"role": "assistant", "content": text}
    made = prompts.of(Request((*messages, said), extra=_WHOLE if finished else GO_ON))
    return made if isinstance(made, Failure) else made.tokens


def load_classifier(source: Source) -> Any:
    """The reward model of a checkpoint.

    Raises:
        ConfigError: it is no sequence classifier with one label.
    """
    torch, transformers = need("torch"), need("transformers")
    where = {"revision": source.revision, "trust_remote_code": False}
    try:
        config = transformers.AutoConfig.from_pretrained(source.name, **where)
        kinds = config.architectures or []
        classifies = any("SequenceClassification" in kind for kind in kinds)
        if config.num_labels != 1 or not classifies:
            named = ", ".join(kinds) or "nothing named"
            raise ConfigError(
                f"checkpoint {source.name!r} is no reward model: one is a sequence classifier with one "
                f"label; this is {named} with {config.num_labels}"
            )
        with loading():
            model = transformers.AutoModelForSequenceClassification.from_pretrained(source.name, **where)
    except (OSError, ValueError) as error:
        raise ConfigError(f"reward model {source.name!r}: {str(error).strip().splitlines()[0]}") from error
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return (model.float() if device == "cpu" else model).to(device).eval().requires_grad_(False)


@dataclass(eq=False)
class _Judge:
    """One reward model. Loading and running are slow, so never on the event loop."""

    source: Source

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._prompts = Prompts(lambda: load_tokenizer(self.source), self.source.name)
        self._model: Any = None

    def score(self, messages: Sequence[Mapping[str, Any]], texts: Sequence[str]) -> list[float] | Failure:
        rows = []
        for at, text in enumerate(texts):
            row = tokens(self._prompts, messages, text, at == len(texts) - 1)
            if isinstance(row, Failure):
                return row
            rows.append(row)
        with self._lock:
            self._model = self._model or load_classifier(self.source)
            longest, context = max(map(len, rows), default=0), self._model.config.max_position_embeddings
            if longest > context:
                return Failure(
                    "too_long", f"the answer has {longest} tokens; the reward model reads {context}"
                )
            return squashed(self._model, rows)


def squashed(model: Any, rows: Sequence[Sequence[int]]) -> list[float]:
    """The reward of each row of tokens, in [0, 1]; no gradients."""
    torch = need("torch")
    found: list[float] = []
    with torch.inference_mode():
        for at in range(0, len(rows), _BATCH):
            found += logits(model, rows[at : at + _BATCH]).sigmoid().tolist()
    return found


def logits(model: Any, rows: Sequence[Sequence[int]]) -> Any:
    """The one logit of each row, shape (rows,), read where the row ends."""
    torch = need("torch")
    pad, width = model.config.pad_token_id or 0, max(map(len, rows))
    ids = torch.tensor([[*row, *[pad] * (width - len(row))] for row in rows], device=model.device)
    ends = torch.tensor([len(row) for row in rows], device=model.device)
    mask = torch.arange(width, device=model.device)[None] < ends[:, None]
    states = getattr(model, model.base_model_prefix)(
        input_ids=ids, attention_mask=mask.long()
    ).last_hidden_state
    last = states[torch.arange(len(rows), device=model.device), ends - 1]
    return model.score(last).squeeze(-1).float()
