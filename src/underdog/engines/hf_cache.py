"""The decoding loop's memory: a key-value cache that grows in place, and attention that likes its layout.

transformers' dynamic cache is copied at every token. Here a layer keeps spare columns, which attention masks
out like padding: the states stay contiguous and are copied once in many tokens. Imports torch: imported late.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers import AttentionInterface
from transformers.cache_utils import DynamicLayer
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, causal_mask_function, sdpa_mask

_SPARE = 16  # columns that a layer outgrows its need by, and a sixteenth of what it holds
_NARROW = 64  # head width below which the product with the query on the left is the faster one
_NAME = "underdog_sdpa"
_NOT_PLAIN = ("softcap", "position_bias", "cache", "s_aux")  # what only transformers' own function knows


class GrowingLayer(DynamicLayer):  # type: ignore[misc]
    """Keys and values of one layer, (rows, heads, columns, width), of which the first `held` count."""

    held = 0

    def update(self, key_states: Any, value_states: Any, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        coming = key_states.shape[2]
        room, end = self._room(coming), self.held + coming
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            self.keys, self.values = key_states[:, :, :0], value_states[:, :, :0]
        if self.keys.shape[2] != room:
            self.keys = _resized(self.keys[:, :, : self.held], room)
            self.values = _resized(self.values[:, :, : self.held], room)
        self.keys[:, :, self.held : end] = key_states
        self.values[:, :, self.held : end] = value_states
        self.held = end
        return self.keys, self.values

    def _room(self, coming: int) -> int:
        """Columns after an update: exactly those needed in a prefill, some to spare while decoding."""
        needed = self.held + coming
        if coming > 1:
            return needed
        have = int(self.keys.shape[2]) if self.is_initialized else 0
        return have if have >= needed else needed + _SPARE + needed // _SPARE

    def get_seq_length(self) -> int:
        return self.held

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self._room(query_length), 0

    def reorder_cache(self, beam_idx: Any) -> None:
        self.keys, self.values = self.keys.index_select(0, beam_idx), self.values.index_select(0, beam_idx)

    def trim(self, columns: int) -> None:
        """Drop the oldest columns, which are padding in every row."""
        self.keys = self.keys[:, :, columns:].contiguous()
        self.values = self.values[:, :, columns:].contiguous()
        self.held -= columns

    def join(self, others: Sequence[GrowingLayer]) -> None:
        """Put other rows below, all padded on the left to the longest."""
        layers = [self, *others]
        width = max(layer.held for layer in layers)
        self.keys = torch.cat([_left_padded(layer.keys, layer.held, width) for layer in layers])
        self.values = torch.cat([_left_padded(layer.values, layer.held, width) for layer in layers])
        self.held = width


def _resized(states: Any, columns: int) -> Any:
    # Zeros, because a masked column still meets its weight of 0 in a product.
    return torch.nn.functional.pad(states, (0, 0, 0, columns - states.shape[2]))


def _left_padded(states: Any, held: int, width: int) -> Any:
    return torch.nn.functional.pad(states[:, :, :held], (0, 0, width - held, 0))


def use_plain_attention(model: Any) -> None:
    """Let a float32 model on a CPU attend with two batched products while decoding.

    torch's fused attention walks the heads one by one there; for one new token a row, products over all heads
    at once take half its time (measured on 64 rows of 100 tokens). Prefill and all else stay with torch.
    """
    AttentionInterface.register(_NAME, _attend)
    AttentionMaskInterface.register(_NAME, _mask)
    on_cpu = model.device.type == "cpu" and model.dtype == torch.float32
    if on_cpu and model.config._attn_implementation == "sdpa":
        model.set_attn_implementation(_NAME)


def _mask(*, q_length: int, attention_mask: Any = None, mask_function: Any = None, **kwargs: Any) -> Any:
    """What attention may see: for one new token what to add to the scores, (rows, 1, 1, columns)."""
    if q_length == 1 and mask_function is causal_mask_function and attention_mask is not None:
        missing = kwargs["kv_length"] - attention_mask.shape[1]
        seen = torch.nn.functional.pad(attention_mask, (0, missing))[:, None, None]
    else:
        seen = sdpa_mask(
            q_length=q_length, attention_mask=attention_mask, mask_function=mask_function, **kwargs
        )
        if q_length > 1 or seen is None:
            return seen
    return torch.zeros(seen.shape).masked_fill_(~seen, -torch.inf)


def _attend(
    module: Any, query: Any, key: Any, value: Any, attention_mask: Any, scaling: Any = None, **kwargs: Any
) -> tuple[Any, None]:
    """(rows, heads, 1, width) queries to (rows, 1, heads, width); transformers' attention interface."""
    rows, heads, new, width = query.shape
    if new != 1 or any(kwargs.get(name) is not None for name in _NOT_PLAIN):
        result: tuple[Any, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, scaling=scaling, **kwargs
        )
        return result
    groups = key.shape[1]
    queries = query.reshape(rows * groups, -1, width)
    keys, values = key.flatten(0, 1), value.flatten(0, 1)
    if width < _NARROW:
        scores = torch.bmm(queries, keys.transpose(1, 2))
    else:
        scores = torch.bmm(keys, queries.transpose(1, 2)).transpose(1, 2)
    scores = scores.unflatten(0, (rows, groups)) * (width**-0.5 if scaling is None else scaling)
    if attention_mask is not None:
        scores = scores.add_(attention_mask)
    mixed = torch.bmm(scores.softmax(-1).flatten(0, 1), values)
    return mixed.reshape(rows, 1, heads, -1), None
