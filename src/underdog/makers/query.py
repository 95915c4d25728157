"""Latent query: train a small model to ask a frozen large one with a single vector.

The mechanism is in `engines/hf_query.py`; its published form is claimed to let a small model of 1B answer
with what 3B and 8B know, for 31 % more compute. What it gains is only to be believed over its controls: zeros
or another question's answer in place of the large model's, the same ways into a large model of random
weights, and adapters of the small model alone. A linear probe says whether the answer can be read off the
large model's state at all.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from underdog.answerer import Model, Sampling, digest
from underdog.engines import Engine
from underdog.engines.hf_checkpoint import Checkpoint, load_tokenizer, need
from underdog.engines.query import Composition, load_decoder
from underdog.errors import StudyError
from underdog.example import Example
from underdog.makers.checkpoint import behind, opened
from underdog.makers.made import Made
from underdog.makers.rows import IGNORED, Row, batches, rows
from underdog.trial import Spend

PUBLISHED_OVERHEAD = 0.31
_FEWEST = 100
_AT_ONCE = 64


@dataclass(frozen=True)
class Query:
    """How the ways between two models are trained; both models stay as they are.

    Attributes:
        depth: the share of the large model's layers that a query passes before it is read.
        steps, batch, rate: of AdamW on the ways, the marks and the gate.
        alone: the share of examples that are answered without asking, so that the gate has a choice.
        threshold: the gate asks from this probability on; 0 always.
        seed: of the new weights and of the order.
        length: longest conversation, in tokens.
    """

    depth: float = 0.75
    steps: int = 300
    batch: int = 32
    rate: float = 1e-3
    alone: float = 0.25
    threshold: float = 0.0
    seed: int = 0
    length: int = 1024

    def make(
        self,
        small: Model,
        large: Model,
        folder: Path,
        examples: Sequence[Example],
        written: Callable[[Example], str | None],
        place: Place,
    ) -> Made:
        """Train on the examples' gold answers and leave a composed folder, `folder/model`.

        Raises:
            StudyError: fewer than 100 examples with a gold answer.
            ConfigError: a parent has no weights at hand.
        """
        began, target = time.perf_counter(), folder / "model"
        sources = [behind(place.bind, model) for model in (small, large)]
        learned = rows(examples, written, load_tokenizer(sources[0].source()), self.length)
        if len(learned) < _FEWEST:
            raise StudyError(
                f"query: must have at least {_FEWEST} examples with gold answers; got {len(learned)}"
            )
        composed = compose(sources[0], sources[1], self)
        curves = train(composed, learned, self)
        Composition(
            small.name,
            sources[0].source().identity,
            large.name,
            sources[1].source().identity,
            composed.layer,
            self.threshold,
        ).save(target)
        composed.save(target)
        record = Made(
            Model(f"query/{os.path.relpath(target, place.base)}"),
            small,
            {"maker": "query", "large": large.name, **asdict(self)},
            data={
                "n": len(learned),
                "digest": digest([[one.id, one.messages, written(one)] for one in examples]),
            },
            seed=self.seed,
            curves=curves,
            spend=Spend(seconds=time.perf_counter() - began),
            evidence={"overhead": overhead(composed, learned), "published overhead": PUBLISHED_OVERHEAD},
            versions={name: version(name) for name in ("torch", "transformers")},
        )
        record.save(folder, place.base)
        return record


@dataclass(frozen=True)
class Place:
    """Where models are found: what binds them, and where relative file names start."""

    bind: Callable[[Model], Engine]
    base: Path


def compose(small: Checkpoint, large: Checkpoint, how: Query, *, random_large: bool = False) -> Any:
    """Both models in memory with new ways between them; `random_large`: a control of untrained weights.

    Raises:
        ConfigError: one cannot be read.
    """
    from underdog.engines.hf_query import Composed

    torch = need("torch")
    near = opened(small).model.float()
    far = load_decoder(large.source(), near)
    with torch.random.fork_rng():
        torch.manual_seed(how.seed)
        if random_large:
            far = type(far)(far.config).to(near.device, near.dtype).eval().requires_grad_(False)
        layer = max(1, round(how.depth * far.config.num_hidden_layers))
        return Composed(near, far, layer, how.threshold).to(near.device)


def train(composed: Any, learned: Sequence[Row], how: Query) -> dict[str, tuple[tuple[int, float], ...]]:
    """Train the ways and the marks, then the gate; the losses by step."""
    from underdog.engines.hf_query import asking

    torch = need("torch")
    ours = [
        weight for name, weight in composed.named_parameters() if not name.startswith(("small.", "large."))
    ]
    for weight in ours:
        weight.requires_grad_(True)
    optimizer = torch.optim.AdamW(ours, lr=how.rate, weight_decay=0.01)
    drawn = random.Random(how.seed)
    feed = batches(learned, how.batch, how.seed)
    told = []
    for step in range(1, how.steps + 1):
        for group in optimizer.param_groups:
            group["lr"] = how.rate * min(1.0, step / 20, 2 * (1 - (step - 1) / how.steps))
        with asking(composed, "nothing" if drawn.random() < how.alone else "large"):
            loss = losses(composed, next(feed)).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(ours, 1.0)
        optimizer.step()
        told.append((step, float(loss.detach())))
    composed.requires_grad_(False)
    return {"loss": tuple(told), "gate": _train_gate(composed, learned, how)}


def losses(composed: Any, batch: Sequence[Row]) -> Any:
    """Mean cross-entropy of each row's answer, shape (rows,), asked as `composed` is told to ask."""
    torch = need("torch")
    query, know = composed.marks
    asked = [(*row.ids[: row.start], query, know, *row.ids[row.start :]) for row in batch]
    width = max(map(len, asked))
    ids = torch.tensor([[*one, *[0] * (width - len(one))] for one in asked], device=composed.device)
    mask = torch.tensor([[1] * len(one) + [0] * (width - len(one)) for one in asked], device=composed.device)
    at = torch.arange(len(batch), device=composed.device), torch.tensor([row.start for row in batch])
    told, _ = composed.answer(query_states(composed, batch))
    inputs = composed.inputs(ids).index_put((at[0], at[1] + 1), told)
    logits = composed.small(inputs_embeds=inputs, attention_mask=mask).logits
    labels = torch.full_like(ids, IGNORED)
    for place, row in enumerate(batch):
        labels[place, row.start + 1 : len(asked[place]) - 1] = ids[place, row.start + 2 : len(asked[place])]
    each = torch.nn.functional.cross_entropy(
        logits.transpose(1, 2).float(), labels, ignore_index=IGNORED, reduction="none"
    )
    return each.sum(1) / (labels != IGNORED).sum(1)


def query_states(composed: Any, batch: Sequence[Row]) -> Any:
    """The small model's state where it asks, shape (rows, width)."""
    torch = need("torch")
    asked = [(*row.ids[: row.start], composed.marks[0]) for row in batch]
    width = max(map(len, asked))
    ids = torch.tensor([[*one, *[0] * (width - len(one))] for one in asked], device=composed.device)
    mask = torch.tensor([[1] * len(one) + [0] * (width - len(one)) for one in asked], device=composed.device)
    states = composed.small.get_decoder()(inputs_embeds=composed.inputs(ids), attention_mask=mask)
    ends = torch.tensor([len(one) - 1 for one in asked], device=composed.device)
    return states.last_hidden_state[torch.arange(len(batch), device=composed.device), ends]


def _train_gate(composed: Any, learned: Sequence[Row], how: Query) -> tuple[tuple[int, float], ...]:
    """Teach the gate on which rows asking lowers the loss; its own loss by step."""
    from underdog.engines.hf_query import asking

    torch = need("torch")
    threshold, composed.threshold = composed.threshold, 0.0
    states, pays = [], []
    with torch.no_grad():
        for at in range(0, len(learned), how.batch):
            part = learned[at : at + how.batch]
            with asking(composed, "nothing"):
                without = losses(composed, part)
            states.append(query_states(composed, part))
            pays.append((losses(composed, part) < without).float())
    known, paid = torch.cat(states), torch.cat(pays)
    composed.gate.requires_grad_(True)
    optimizer = torch.optim.AdamW(composed.gate.parameters(), lr=1e-2)
    told = []
    for step in range(1, 101):
        doubt = composed.gate(known).squeeze(-1)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(doubt, paid)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        told.append((step, float(loss.detach())))
    composed.gate.requires_grad_(False)
    composed.threshold = threshold
    return tuple(told)


def greedy(network: Any, tokenizer: Any, asked: Sequence[Sequence[int]], most: int = 16) -> list[str]:
    """What a network answers to prompts of tokens (a composed one's end in its marks), without sampling."""
    from underdog.engines.hf_decode import Decoder, room_for
    from underdog.engines.hf_decode import Row as Running

    network.eval()
    end = frozenset({tokenizer.eos_token_id})
    decoder = Decoder(network, end, room_for(network))
    running = [Running(tuple(one), Sampling(max_tokens=most), most, 0) for one in asked]
    for at in range(0, len(running), _AT_ONCE):
        decoder.admit(running[at : at + _AT_ONCE])
        while decoder.running:
            decoder.step()
    return [
        str(tokenizer.decode([token for token in one.tokens if token not in end], skip_special_tokens=True))
        for one in running
    ]


def overhead(composed: Any, learned: Sequence[Row]) -> float:
    """The compute of one query as a share of what the small model spends on an average question and answer.

    Matrix products of the blocks and the two ways; the head and attention over the context are left out on
    both sides.
    """
    from underdog.engines.hf_query import flops_of_a_query

    ways = 2.0 * sum(weight.numel() for way in (composed.out, composed.back) for weight in way.parameters())
    blocks = composed.small.get_decoder().layers
    each = 2.0 * sum(weight.numel() for block in blocks for weight in block.parameters())
    tokens = sum(len(row.ids) for row in learned) / len(learned)
    asked = flops_of_a_query(composed.large, composed.layer) + ways + 2 * each  # two marks more to read
    return float(asked / (each * tokens))


def probed(composed: Any, learned: Sequence[Row], unseen: Sequence[Row], of: str = "large") -> list[bool]:
    """Whether a linear probe reads each unseen row's answer off the large or the small model's state.

    Ridge regression on one-hot answers, fitted on `learned`; an answer never learned counts as wrong.
    """
    torch = need("torch")

    def states(part: Sequence[Row]) -> Any:
        with torch.no_grad():
            near = torch.cat([query_states(composed, part[at : at + 64]) for at in range(0, len(part), 64)])
            found = composed.large_state(composed.out(near)) if of == "large" else near
        return torch.nn.functional.pad(found.double(), (0, 1), value=1.0)

    golds = [row.ids[row.start :] for row in learned]
    kinds = {gold: place for place, gold in enumerate(dict.fromkeys(golds))}
    targets = torch.nn.functional.one_hot(torch.tensor([kinds[gold] for gold in golds])).double()
    known = states(learned)
    scale = known.square().mean()
    weights = torch.linalg.solve(
        known.T @ known + len(known) * 1e-3 * scale * torch.eye(known.shape[1]).double(), known.T @ targets
    )
    guesses = (states(unseen) @ weights).argmax(1).tolist()
    return [kinds.get(row.ids[row.start :]) == guess for row, guess in zip(unseen, guesses, strict=True)]
