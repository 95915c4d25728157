"""Pruning: the least needed weights of the linear layers set to zero, and a short training of the rest.

`magnitude` ranks by |W|, `wanda` by |W| times the norm of the input that the weight meets in calibration
texts (arXiv 2306.11695), within each output row; block after block, each seeing what the pruned blocks before
it pass on. A pruned folder is an ordinary checkpoint with zeros in it: without kernels for sparse weights it
is neither smaller nor faster, and `2:4` is the pattern for which GPUs have such kernels.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from underdog.engines.hf_checkpoint import Checkpoint, need
from underdog.errors import StudyError
from underdog.makers.checkpoint import opened
from underdog.makers.compress import compressed
from underdog.makers.ground import Ground
from underdog.makers.made import Made
from underdog.makers.rows import Row, batches, padded, rows
from underdog.task import Task

_BLOCK = re.compile(r"^(.*?\.\d+)\.")


@dataclass(frozen=True)
class Prune:
    """Zeros where they hurt least.

    Attributes:
        share: of the weights of each row that become zero; with `2:4` two of every four do.
        by: what a weight is worth.
        pattern: anywhere in a row, or two of every four neighbours.
        calibration: how many examples Wanda looks at.
        recover: steps of training afterwards (plain AdamW on all weights that are left, on the answers of the
            fit examples; zeros stay zeros); 0 for none.
        rate, batch: of that training.
        seed: the order in which it reads.
        length: longest conversation, in tokens.
    """

    share: float = 0.5
    by: Literal["wanda", "magnitude"] = "wanda"
    pattern: Literal["free", "2:4"] = "free"
    calibration: int = 128
    recover: int = 0
    rate: float = 1e-4
    batch: int = 16
    seed: int = 0
    length: int = 1024

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise StudyError(f"prune: share must lie between 0 and 1; got {self.share}")
        if self.pattern == "2:4" and self.share != 0.5:
            raise StudyError(f"prune: the pattern 2:4 prunes a share of 0.5; got {self.share}")

    @property
    def name(self) -> str:
        """What the method is called in records."""
        amount = "2:4" if self.pattern == "2:4" else f"{100 * self.share:g} %"
        return f"{self.by} {amount}" + (f", recovered for {self.recover} steps" if self.recover else "")

    @property
    def learns(self) -> bool:
        """Wanda and the training afterwards read the fit examples; ranking by magnitude reads nothing."""
        return self.by == "wanda" or self.recover > 0

    def asks(self) -> None:
        """It asks no model for anything to learn from."""

    async def make(self, ground: Ground) -> Made:
        """The pruned model, scored on tune and on the algorithmic probe.

        Raises:
            ConfigError: the model has no weights at hand, or the folder is taken.
            StudyError: no fit example has a gold answer.
        """
        return await compressed(self, ground)

    def write(self, source: Checkpoint, folder: Path, task: Task) -> None:
        """Write the pruned checkpoint; of the task, only fit is read.

        Raises:
            ConfigError: the source cannot be read, or the folder is taken.
            StudyError: no fit example has a gold answer.
        """
        whole = opened(source)
        kept = whole.model.dtype
        model = whole.model.float()
        learned: list[Row] = []
        if self.learns:
            learned = rows(task.split("fit"), task.written, whole.tokenizer, self.length)
        prune(model, self, learned[: self.calibration])
        if self.recover:
            recover(model, self, learned, whole.tokenizer.pad_token_id or 0)
        whole.model.to(kept)
        whole.write(folder)


def prune(model: Any, how: Prune, calibration: Sequence[Row]) -> None:
    """Set weights to zero, block by block, in place."""
    torch = need("torch")
    for layers in blocks(model):
        norms: dict[str, Any] = {}
        if how.by == "wanda":
            with listening(layers, norms), torch.inference_mode():
                for row in calibration:
                    model.get_decoder()(input_ids=torch.tensor([row.ids], device=model.device))
        for name, layer in layers.items():
            worth = layer.weight.detach().abs()
            if name in norms:
                worth = worth * norms[name].sqrt()
            layer.weight.data[least(worth, how)] = 0.0


def least(worth: Any, how: Prune) -> Any:
    """Which weights go, as booleans of the shape of `worth` (outputs, inputs)."""
    torch = need("torch")
    outputs, inputs = worth.shape
    if how.pattern == "2:4":
        if inputs % 4:
            raise StudyError(
                f"prune: the pattern 2:4 needs rows of a multiple of 4 weights; one has {inputs}"
            )
        order = worth.view(outputs, inputs // 4, 4).argsort(-1)
        gone = torch.zeros_like(order, dtype=torch.bool).scatter(-1, order[..., :2], True)
        return gone.view(outputs, inputs)
    order = worth.argsort(-1)[:, : int(how.share * inputs)]
    return torch.zeros_like(worth, dtype=torch.bool).scatter(-1, order, True)


def blocks(model: Any) -> list[dict[str, Any]]:
    """The linear layers by name, those of one block together, in the order of the forward pass."""
    from underdog.engines.hf_quantized import linear_layers

    found: dict[str, dict[str, Any]] = {}
    for name, layer in linear_layers(model).items():
        match = _BLOCK.match(name)
        found.setdefault(match.group(1) if match else name, {})[name] = layer
    return list(found.values())


@contextmanager
def listening(layers: dict[str, Any], norms: dict[str, Any]) -> Iterator[None]:
    """While the model runs, add up the squares of every layer's inputs, feature by feature."""

    def hook(name: str) -> Callable[..., None]:
        def add(_: Any, inputs: tuple[Any, ...], __: Any) -> None:
            squares = inputs[0].detach().flatten(0, -2).square().sum(0)
            norms[name] = norms[name] + squares if name in norms else squares

        return add

    handles = [layer.register_forward_hook(hook(name)) for name, layer in layers.items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def recover(model: Any, how: Prune, learned: Sequence[Row], pad: int) -> list[float]:
    """Train what is left on the answers; the losses, step by step."""
    torch = need("torch")
    layers = [layer for block in blocks(model) for layer in block.values()]
    alive = [layer.weight.detach() != 0 for layer in layers]
    model.train().requires_grad_(True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=how.rate, weight_decay=0.0)
    losses = []
    feed = batches(learned, how.batch, how.seed)
    for _ in range(how.recover):
        ids, mask, labels = (each.to(model.device) for each in padded(next(feed), pad))
        loss = model(input_ids=ids, attention_mask=mask, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        with torch.no_grad():
            for layer, mark in zip(layers, alive, strict=True):
                layer.weight.mul_(mark)
        losses.append(float(loss.detach()))
    model.eval().requires_grad_(False)
    return losses
