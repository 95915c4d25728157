"""Muon for the matrices, AdamW for embeddings and norms.

Muon (Jordan et al. 2024, kellerjordan.github.io/posts/muon; arXiv:2502.16982) replaces a matrix's momentum
by the nearest orthogonal matrix, found by five Newton-Schulz steps; equal shapes are stacked, which is cheap.
Every step has the same size, so without weight decay the matrices grow for as long as they are trained.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import torch
from torch import Tensor

MATRIX_RATE, VECTOR_RATE = 0.02, 3e-3
MOMENTUM = 0.95
DECAY = 0.1
BETAS = (0.9, 0.95)


def orthogonal(stack: Tensor) -> Tensor:
    """Newton-Schulz: every matrix of the stack with its singular values driven towards one."""
    x = stack.bfloat16()
    tall = x.shape[-2] > x.shape[-1]
    x = x.mT if tall else x
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(5):
        square = x @ x.mT
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return (x.mT if tall else x).float()


@dataclass
class Optimizer:
    """Both optimizers over one dictionary of weights; the state is plain tensors, to be saved and resumed."""

    weights: dict[str, Tensor]
    momentum: dict[str, Tensor] = field(default_factory=dict)
    square: dict[str, Tensor] = field(default_factory=dict)
    steps: int = 0

    def step(self, gradients: dict[str, Tensor], scale: float) -> None:
        """One step with both learning rates times `scale`."""
        with torch.no_grad():
            self.update(gradients, scale)

    def update(self, gradients: dict[str, Tensor], scale: float) -> None:
        """The step itself: Adam on vectors and embeddings, Muon on stacks of matrices of one shape."""
        self.steps += 1
        stacks: dict[tuple[int, ...], list[str]] = defaultdict(list)
        for name, weight in self.weights.items():
            if weight.ndim == 2 and "embed" not in name:
                stacks[tuple(weight.shape)].append(name)
            else:
                self.adam(name, weight, gradients[name], scale * VECTOR_RATE)
        for names in stacks.values():
            self.muon(names, gradients, scale * MATRIX_RATE)

    def muon(self, names: list[str], gradients: dict[str, Tensor], rate: float) -> None:
        """One Muon step (Nesterov momentum) for matrices of one shape."""
        ahead = []
        for name in names:
            kept = self.momentum.setdefault(name, torch.zeros_like(self.weights[name]))
            kept.lerp_(gradients[name], 1 - MOMENTUM)
            ahead.append(gradients[name].lerp(kept, MOMENTUM))
        rows, columns = ahead[0].shape
        updates = orthogonal(torch.stack(ahead)) * max(1.0, rows / columns) ** 0.5
        for name, update in zip(names, updates, strict=True):
            self.weights[name].mul_(1 - rate * DECAY).sub_(update, alpha=rate)

    def adam(self, name: str, weight: Tensor, gradient: Tensor, rate: float) -> None:
        """One Adam step with bias correction."""
        first = self.momentum.setdefault(name, torch.zeros_like(weight))
        second = self.square.setdefault(name, torch.zeros_like(weight))
        first.lerp_(gradient, 1 - BETAS[0])
        second.lerp_(gradient.square(), 1 - BETAS[1])
        bias = (1 - BETAS[1] ** self.steps) ** 0.5 / (1 - BETAS[0] ** self.steps)
        weight.sub_(first / (second.sqrt() + 1e-8), alpha=rate * bias)
