"""The decoding loop: rows of unequal prompts and lengths join, run and leave one batch. Imports torch late.

Not `generate`, which waits for the longest row and prefills equal prompts again and again. Here
- equal prompts are prefilled once and a prefix that all prompts share is prefilled once,
- prompts are padded only within groups of nearly equal length, and their caches joined afterwards,
- rows that end are dropped from the batch and waiting rows join it (iteration-level scheduling, as in Orca:
  Yu et al., OSDI 2022), and the cache grows in place instead of being copied at every token.
Models whose state is not a list of keys and values (state spaces, linear attention) run in groups of equal
length that are never joined. `generate` stays the oracle of the tests.
"""

from __future__ import annotations

import inspect
import os
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers.cache_utils import DynamicCache, DynamicLayer, DynamicSlidingWindowLayer

from underdog.answerer import Sampling
from underdog.engines.hf_cache import GrowingLayer, use_plain_attention
from underdog.engines.hf_constrain import Guide
from underdog.engines.hf_sampling import Chooser

_SHARED = 256  # prompt tokens that sharing a prefix must save to be worth its own forward pass
_PADDING = 256  # padding tokens that are cheaper than another forward pass
_PREFILL = 8192  # tokens in one prefill: bounds the memory of its activations
_SMALL = 8e6  # parameters up to which a CPU model runs on one thread
_THREADS = torch.get_num_threads()
_IDLE = 8  # a batch is compacted when one row in this many has ended


@dataclass(eq=False, slots=True)
class Row:
    """One request being generated. `watch` sees each token and says True when the text is complete.

    `guide` holds what it writes to a form and says True when that is complete. `cached` counts the prompt
    tokens that another row had already computed, `seconds` is the row's share of the time of its batches.
    `finish` is None while it runs.
    """

    prompt: tuple[int, ...]
    sampling: Sampling
    limit: int
    seed: int
    watch: Callable[[int], bool] | None = None
    guide: Guide | None = None
    cancelled: bool = False
    tokens: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    top: list[list[tuple[int, float]]] = field(default_factory=list)
    finish: str | None = None
    cached: int = 0
    seconds: float = 0.0
    stream: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.stream = random.Random(self.seed)

    @property
    def reach(self) -> int:
        """Tokens that this row's cache may come to hold."""
        return len(self.prompt) + self.limit

    def completed(self, token: int) -> bool:
        """Whether its newest token completes the text; both that watch it see every token."""
        seen = self.watch is not None and self.watch(token)
        return (self.guide is not None and self.guide.take(token)) or seen


@dataclass(slots=True)
class Batch:
    """Rows that take their next token together. Ended rows stay as None until the batch is compacted.

    `mask` (rows, tokens) tells real columns of the cache from padding, `position` (rows,) is the next token's
    place in its own text, `logits` (rows, vocabulary) are those of the next token.
    """

    rows: list[Row | None]
    cache: DynamicCache
    mask: Any
    position: Any
    logits: Any
    chooser: Chooser | None = None

    def select(self, index: list[int], rows: list[Row | None]) -> None:
        """Become these rows, taken from the places `index`: fewer than before, or copies of them."""
        places = torch.tensor(index, device=self.mask.device)
        self.cache.reorder_cache(places)
        self.mask, self.position, self.logits = self.mask[places], self.position[places], self.logits[places]
        self.rows, self.chooser = rows, None

    def trim(self) -> None:
        """Drop the columns that are padding in every row, now that longer rows have left."""
        padding = int(self.mask.any(0).int().argmax())
        if padding:
            self.mask = self.mask[:, padding:]
            for layer in self.cache.layers:
                layer.trim(padding)

    def choose(self) -> Any:
        if self.chooser is None:
            settings = [row.sampling if row else Sampling() for row in self.rows]
            streams = [row.stream if row else random.Random() for row in self.rows]
            self.chooser = Chooser(settings, streams, self.logits.device)
        guides = {i: row.guide for i, row in enumerate(self.rows) if row and row.guide}
        allowed = {i: bits for i, guide in guides.items() if (bits := guide.allowed()) is not None}
        return self.chooser.choose(self.logits, allowed)


def room_for(model: Any) -> int:
    """Tokens whose keys and values fit into a quarter of the memory that is free now."""
    config = model.config.get_text_config(decoder=True)
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    each = 2 * config.num_hidden_layers * heads * width * model.dtype.itemsize
    if model.device.type == "cuda":
        free = torch.cuda.mem_get_info(model.device)[0]
    else:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return max(2048, int(free / 4 / each))


def set_threads(parameters: int) -> None:
    """Threads for a CPU model, for the calling thread and those started later.

    A small model gains little from a second thread and loses nearly everything on a busy machine, where
    threads wait for each other at every operation (measured: 50 times slower).
    """
    torch.set_num_threads(1 if parameters < _SMALL else _THREADS)


class Decoder:
    """Runs rows through one model. Not thread-safe: one thread owns it.

    `batch_tokens` bounds rows x longest reach of a batch, and so the memory of the cache.
    """

    def __init__(self, model: Any, end: frozenset[int], batch_tokens: int) -> None:
        self._model, self._end, self._batch_tokens = model, end, batch_tokens
        self._batches: list[Batch] = []
        takes = inspect.signature(model.forward).parameters
        self._positions = "position_ids" in takes
        self._last_only = "logits_to_keep" in takes
        layers = {type(layer) for layer in DynamicCache(config=model.config).layers}
        self.joins = self._positions and bool(layers) and layers <= {DynamicLayer, DynamicSlidingWindowLayer}
        if self.joins:
            use_plain_attention(model)
        self._sliding = DynamicSlidingWindowLayer in layers

    @property
    def running(self) -> list[Row]:
        return [row for batch in self._batches for row in batch.rows if row]

    def fitting(self, waiting: Sequence[Row], most: int) -> int:
        """How many of the waiting rows, in their order, can join now; at least one when nothing runs."""
        rows = self.running
        longest, count = max((row.reach for row in rows), default=0), len(rows)
        taken = 0
        for row in waiting[: max(0, most - count)]:
            longest = max(longest, row.reach)
            if longest * (count + taken + 1) > self._batch_tokens and count + taken > 0:
                break
            taken += 1
        return taken

    def clear(self) -> None:
        """Forget everything that runs, after a step that failed half-way."""
        self._batches = []

    def admit(self, rows: Sequence[Row]) -> None:
        """Prefill the rows and let them join what runs."""
        started = time.perf_counter()
        copies: dict[tuple[int, ...], list[Row]] = {}
        for row in rows:
            copies.setdefault(row.prompt, []).append(row)
        prompts = sorted(copies, key=len)
        shared = self._worth_sharing(prompts)
        exact = not self.joins or (self._sliding and shared > 0)
        with torch.inference_mode():
            prefix = self._forward_prefix(prompts[0][:shared]) if shared else None
            for group in _groups(prompts, shared, exact):
                batch = self._prefill(group, shared, prefix)
                self._batches.append(_spread(batch, [copies[prompt] for prompt in group]))
            self._batches = self._joined(self._batches)
        for number, prompt in enumerate(prompts):
            for copy, row in enumerate(copies[prompt]):
                row.cached = len(prompt) if copy else shared if number else 0
        _share(rows, started)

    def step(self) -> list[Row]:
        """One token for every row that runs; returns those that ended, which have then left."""
        ended: list[Row] = []
        for batch in self._batches:
            started = time.perf_counter()
            alive = [row for row in batch.rows if row]
            with torch.inference_mode():
                tokens = self._take(batch)
                gone = [row for row in alive if row.finish]
                if len(gone) < len(alive):
                    self._advance(batch, tokens)
            ended += gone
            _share(alive, started)
        self._batches = [batch for batch in self._batches if any(batch.rows)]
        return ended

    def _take(self, batch: Batch) -> list[int]:
        """Give each row its token, and set rows that end to None."""
        chosen = batch.choose()
        for i, row in enumerate(batch.rows):
            if row is None:
                continue
            token = chosen.tokens[i]
            row.tokens.append(token)
            if chosen.logprobs is not None and (row.sampling.logprobs or row.sampling.top_logprobs):
                row.logprobs.append(chosen.logprobs[i])
                if chosen.top is not None:
                    row.top.append(chosen.top[i][: row.sampling.top_logprobs])
            if row.cancelled:
                row.finish = "cancelled"
            elif token in self._end or row.completed(token) or (row.guide and row.guide.fault):
                row.finish = "stop"
            elif len(row.tokens) >= row.limit:
                row.finish = "length"
            if row.finish:
                batch.rows[i] = None
        return list(chosen.tokens)

    def _advance(self, batch: Batch, tokens: list[int]) -> None:
        kept = [i for i, row in enumerate(batch.rows) if row]
        if (len(batch.rows) - len(kept)) * _IDLE >= len(batch.rows):
            batch.select(kept, [batch.rows[i] for i in kept])
            tokens = [tokens[i] for i in kept]
            if self.joins:
                batch.trim()
        ids = torch.tensor(tokens, device=batch.mask.device)[:, None]
        batch.mask = torch.nn.functional.pad(batch.mask, (0, 1), value=True)
        batch.logits = self._forward(ids, batch.mask, batch.position[:, None], batch.cache)
        batch.position = batch.position + 1

    def _forward(self, ids: Any, mask: Any, position: Any, cache: DynamicCache) -> Any:
        extra: dict[str, Any] = {}
        if self._positions:
            extra["position_ids"] = position
        if self._last_only:
            extra["logits_to_keep"] = 1
        result = self._model(
            input_ids=ids, attention_mask=mask, past_key_values=cache, use_cache=True, **extra
        )
        return result.logits[:, -1]

    def _new_cache(self) -> DynamicCache:
        cache = DynamicCache(config=self._model.config)
        if self.joins:
            cache.layers = [GrowingLayer() for _ in cache.layers]
        return cache

    def _worth_sharing(self, prompts: list[tuple[int, ...]]) -> int:
        """Length of the prefix that all prompts share, or 0 where it does not pay."""
        if len(prompts) < 2 or not self.joins:
            return 0
        low, high = min(prompts), max(prompts)
        most = len(prompts[0]) - 1
        shared = next((i for i in range(most) if low[i] != high[i]), most)
        return shared if shared * (len(prompts) - 1) >= _SHARED else 0

    def _forward_prefix(self, prefix: tuple[int, ...]) -> DynamicCache:
        ids = torch.tensor([prefix], device=self._model.device)
        cache = self._new_cache()
        position = torch.arange(len(prefix), device=ids.device)[None]
        self._forward(ids, torch.ones_like(position, dtype=torch.bool), position, cache)
        return cache

    def _prefill(self, prompts: list[tuple[int, ...]], shared: int, prefix: DynamicCache | None) -> Batch:
        width = max(map(len, prompts)) - shared
        gaps = [width + shared - len(prompt) for prompt in prompts]
        device = self._model.device
        padded = [[0] * gap + list(prompt[shared:]) for gap, prompt in zip(gaps, prompts, strict=True)]
        ids = torch.tensor(padded, device=device)
        gap = torch.tensor(gaps, device=device)[:, None]
        column = torch.arange(width, device=device)[None]
        mask = torch.nn.functional.pad(column >= gap, (shared, 0), value=True)
        position = (column - gap).clamp_min(0) + shared
        cache = self._new_cache()
        if prefix is not None:
            for layer, source in zip(cache.layers, prefix.layers, strict=True):
                many = (len(prompts), -1, -1, -1)
                layer.update(source.keys.expand(many), source.values.expand(many))
        logits = self._forward(ids, mask, position, cache)
        lengths = torch.tensor([len(prompt) for prompt in prompts], device=device)
        return Batch([], cache, mask, lengths, logits)

    def _joined(self, batches: list[Batch]) -> list[Batch]:
        """All batches as one, where the model's cache allows it."""
        if not self.joins or len(batches) < 2:
            return batches
        first = batches[0]
        width = max(batch.mask.shape[1] for batch in batches)
        for layer, *others in zip(*(batch.cache.layers for batch in batches), strict=True):
            layer.join(others)
        masks = [torch.nn.functional.pad(b.mask, (width - b.mask.shape[1], 0), value=False) for b in batches]
        return [
            Batch(
                [row for batch in batches for row in batch.rows],
                first.cache,
                torch.cat(masks),
                torch.cat([batch.position for batch in batches]),
                torch.cat([batch.logits for batch in batches]),
            )
        ]


def _groups(prompts: list[tuple[int, ...]], shared: int, exact: bool) -> list[list[tuple[int, ...]]]:
    """Prompts, sorted by length, in groups that cost less padded together than apart."""
    groups: list[list[tuple[int, ...]]] = []
    padding = 0
    for prompt in prompts:
        group = groups[-1] if groups else []
        grown = (len(prompt) - len(group[-1])) * len(group) if group else 0
        tokens = (len(prompt) - shared) * (len(group) + 1)
        fits = grown == 0 if exact else padding + grown <= max(_PADDING, tokens // 8)
        if group and fits and tokens <= _PREFILL:
            group.append(prompt)
            padding += grown
        else:
            groups.append([prompt])
            padding = 0
    return groups


def _spread(batch: Batch, copies: list[list[Row]]) -> Batch:
    """A prefilled batch of prompts with one row for each copy of its prompt."""
    index = [i for i, rows in enumerate(copies) for _ in rows]
    batch.rows = [row for rows in copies for row in rows]
    if len(index) > len(copies):
        batch.select(index, batch.rows)
    return batch


def _share(rows: Sequence[Row], started: float) -> None:
    seconds = (time.perf_counter() - started) / max(1, len(rows))
    for row in rows:
        row.seconds += seconds
