"""A small model that asks a frozen large one with a single vector: the composed network.

The prompt ends in two marks that no tokenizer has. At the first, the small model's last state is turned into
one input vector for the large model, which runs this one position; at the second, a state of the large model
comes back as one input vector for the small model, which then answers as ever. Both ways lead through two
layers, and what they give is scaled to the size of an ordinary embedding. A gate on the same small state says
whether to ask at all: below the threshold a learned vector stands in, and the large model is not run.
Trained in `makers/query.py`. Imports torch: imported late.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

WEIGHTS = "query.safetensors"
Asked = Literal["large", "nothing", "zero", "shuffled"]
"""What answers the vector: the large model, the learned stand-in, zeros, or another row's answer."""


class Way(torch.nn.Module):  # type: ignore[misc]
    """Two layers from one model's states to the other's inputs, scaled to their root mean square."""

    def __init__(self, inputs: int, outputs: int, size: float) -> None:
        super().__init__()
        self.first, self.second = torch.nn.Linear(inputs, outputs), torch.nn.Linear(outputs, outputs)
        self.register_buffer("size", torch.tensor(size))

    def forward(self, x: Tensor) -> Tensor:
        """States, shape (rows, inputs), as input vectors (rows, outputs)."""
        y = self.second(torch.nn.functional.gelu(self.first(x)))
        return y * self.size / y.square().mean(-1, keepdim=True).sqrt().clamp_min(1e-6)


class Composed(torch.nn.Module):  # type: ignore[misc]
    """Both models and what lies between them; called by the decoder like the small model alone.

    Only the ways, the marks and the gate are `ours`: the parents are frozen and never saved again.
    """

    def __init__(self, small: Any, large: Any, layer: int, threshold: float = 0.0) -> None:
        super().__init__()
        self.small, self.large, self.layer, self.threshold = small, large, layer, threshold
        self.config, self.generation_config = small.config, small.generation_config
        narrow, wide = small.config.hidden_size, large.config.hidden_size
        near, far = (_size(model) for model in (small, large))
        self.out, self.back = Way(narrow, wide, far), Way(wide, narrow, near)
        self.query = torch.nn.Parameter(near * torch.randn(narrow))
        self.alone = torch.nn.Parameter(near * torch.randn(narrow))
        self.gate = torch.nn.Linear(narrow, 1)
        self.asked: Asked = "large"
        self.marks = (small.config.vocab_size, small.config.vocab_size + 1)

    @property
    def device(self) -> Any:
        """Where the small model is."""
        return self.small.device

    @property
    def dtype(self) -> Any:
        """What the small model computes in."""
        return self.small.dtype

    def ours(self) -> dict[str, Tensor]:
        """The tensors that were trained."""
        return {
            name: weight.detach().contiguous()
            for name, weight in self.state_dict().items()
            if not name.startswith(("small.", "large."))
        }

    def save(self, folder: Path) -> None:
        """Write the trained tensors."""
        save_file(self.ours(), folder / WEIGHTS, metadata={"format": "pt"})

    def restore(self, folder: Path) -> None:
        """Read the trained tensors."""
        missing, unexpected = self.load_state_dict(load_file(folder / WEIGHTS), strict=False)
        lost = [name for name in missing if not name.startswith(("small.", "large."))]
        if lost or unexpected:
            odd = [*lost, *unexpected][0]
            raise ValueError(f"{WEIGHTS} does not fit its parents: {odd!r} is one too many or few")

    def answer(self, state: Tensor) -> tuple[Tensor, Tensor]:
        """What comes back for the small states (rows, narrow): input vectors, and the gate's logits."""
        doubt = self.gate(state).squeeze(-1)
        alone = self.alone.expand(len(state), -1)
        if self.asked == "nothing":
            return alone, doubt
        if self.asked == "zero":
            return torch.zeros_like(alone), doubt
        asks = doubt.sigmoid() >= self.threshold
        if not bool(asks.any()):
            return alone, doubt
        told = self.back(self.large_state(self.out(state[asks])))
        if self.asked == "shuffled":
            told = told.roll(1, 0)
        return alone.index_put((asks.nonzero().squeeze(-1),), told), doubt

    def large_state(self, vectors: Tensor) -> Tensor:
        """The large model's state at its one position, shape (rows, wide)."""
        found = self.large(inputs_embeds=vectors[:, None].to(self.large.dtype), output_hidden_states=True)
        return found.hidden_states[self.layer][:, -1].to(vectors.dtype)

    def inputs(self, ids: Tensor) -> Tensor:
        """Embeddings of tokens; the marks have their own vectors, the second until it is answered none."""
        query, know = self.marks
        table = self.small.get_input_embeddings()
        found = table(ids.clamp_max(query - 1))
        found = torch.where((ids == query)[..., None], self.query.to(found.dtype), found)
        return torch.where((ids == know)[..., None], torch.zeros_like(found), found)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        position_ids: Tensor,
        past_key_values: Any = None,
        use_cache: bool = True,
        logits_to_keep: int = 0,
    ) -> Any:
        """As the small model's; where a row's tokens end in the marks, the large model is asked first."""
        rest = {"past_key_values": past_key_values, "use_cache": use_cache}
        if not bool((input_ids[:, -1] == self.marks[1]).all()):
            return self.small(
                inputs_embeds=self.inputs(input_ids),
                attention_mask=attention_mask,
                position_ids=position_ids,
                logits_to_keep=logits_to_keep,
                **rest,
            )
        before = self.small.get_decoder()(
            inputs_embeds=self.inputs(input_ids[:, :-1]),
            attention_mask=attention_mask[:, :-1],
            position_ids=position_ids[:, :-1],
            **rest,
        )
        told, _ = self.answer(before.last_hidden_state[:, -1])
        return self.small(
            inputs_embeds=told[:, None],
            attention_mask=attention_mask,
            position_ids=position_ids[:, -1:],
            logits_to_keep=logits_to_keep,
            past_key_values=before.past_key_values,
            use_cache=use_cache,
        )

    def set_attn_implementation(self, name: str) -> None:
        """The decoder's wish is for the small model: the large one sees one position."""
        self.small.set_attn_implementation(name)


@contextmanager
def asking(composed: Composed, what: Asked) -> Iterator[None]:
    """While something else than the large model answers: for controls."""
    before, composed.asked = composed.asked, what
    try:
        yield
    finally:
        composed.asked = before


def _size(model: Any) -> float:
    """The root mean square of a model's input embeddings."""
    return float(model.get_input_embeddings().weight.detach().float().square().mean().sqrt())


def flops_of_a_query(large: Any, layer: int) -> float:
    """What one position of the large model costs up to the layer that is read: two for each weight."""
    return 2.0 * float(sum(weight.numel() for block in large.layers[:layer] for weight in block.parameters()))
