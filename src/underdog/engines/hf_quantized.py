"""Linear layers stored as integers: how they are packed, how they compute, and how transformers loads them.

Weight-only and symmetric: the weights of a row, or of each group of a row, share one scale, which is the
largest magnitude over the largest integer (absmax: arXiv 2208.07339; groups: arXiv 2206.01861), rounded to
the checkpoint's dtype before the integers are taken, so that its rounding costs nothing. Each forward pass
unpacks the weights: disk and memory shrink, time does not. Importing this tells transformers of the method;
a transformers that does not know it says so and leaves the linear layers untrained. Nothing is pickled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers.quantizers import HfQuantizer, register_quantization_config, register_quantizer
from transformers.utils.quantization_config import QuantizationConfigMixin

METHOD = "underdog"
BITS = (4, 8)


@dataclass(frozen=True, slots=True)
class Scheme:
    """How weights become integers of 4 or 8 bits; `group` weights of a row share a scale (0: the row)."""

    bits: int
    group: int = 0

    @property
    def most(self) -> int:
        """The largest integer: 7 or 127, on both sides of zero."""
        return int(2 ** (self.bits - 1)) - 1

    def width(self, inputs: int) -> int:
        """How many weights share a scale."""
        return min(self.group, inputs) or inputs

    def groups(self, inputs: int) -> int:
        """Scales a row; the last group is padded with zeros."""
        return -(-inputs // self.width(inputs))

    def stored(self, inputs: int) -> int:
        """Bytes a row, scales not counted: two 4-bit integers share a byte."""
        padded = self.groups(inputs) * self.width(inputs)
        return padded if self.bits == 8 else -(-padded // 2)


def pack(weight: Tensor, scheme: Scheme) -> tuple[Tensor, Tensor]:
    """A weight matrix, shape (outputs, inputs), as bytes (outputs, stored) and scales (outputs, groups)."""
    outputs, inputs = weight.shape
    width, groups = scheme.width(inputs), scheme.groups(inputs)
    padded = torch.nn.functional.pad(weight.float(), (0, groups * width - inputs))
    table = padded.view(outputs, groups, width)
    scales = (table.abs().amax(-1) / scheme.most).to(weight.dtype)
    steps = scales.float().clamp_min(torch.finfo(torch.float32).tiny)[..., None]
    codes = (table / steps).round().clamp(-scheme.most, scheme.most).view(outputs, -1).to(torch.int8)
    if scheme.bits == 8:
        return codes.contiguous(), scales
    raised = torch.nn.functional.pad(codes + 8, (0, codes.shape[1] % 2), value=8).to(torch.uint8)
    return (raised[:, ::2] | raised[:, 1::2] << 4).contiguous(), scales


def unpack(packed: Tensor, scales: Tensor, scheme: Scheme, inputs: int) -> Tensor:
    """The weights that the integers stand for, shape (outputs, inputs), in the scales' dtype."""
    width, groups = scheme.width(inputs), scheme.groups(inputs)
    if scheme.bits == 4:
        packed = torch.stack((packed & 15, packed >> 4), -1).flatten(1).to(torch.int8) - 8
    table = packed[:, : groups * width].view(len(packed), groups, width).to(scales.dtype)
    return (table * scales[..., None]).view(len(packed), -1)[:, :inputs]


class PackedLinear(torch.nn.Module):  # type: ignore[misc]
    """A linear layer whose weights are integers; it cannot be trained."""

    packed: Tensor
    scales: Tensor

    def __init__(self, inputs: int, outputs: int, scheme: Scheme, bias: bool) -> None:
        super().__init__()
        self.in_features, self.out_features, self.scheme = inputs, outputs, scheme
        kind = torch.int8 if scheme.bits == 8 else torch.uint8
        self.register_buffer("packed", torch.empty(outputs, scheme.stored(inputs), dtype=kind))
        self.register_buffer("scales", torch.empty(outputs, scheme.groups(inputs)))
        self.bias = torch.nn.Parameter(torch.empty(outputs), requires_grad=False) if bias else None

    @property
    def weight(self) -> Tensor:
        """The weights, unpacked."""
        return unpack(self.packed, self.scales, self.scheme, self.in_features)

    def forward(self, x: Tensor) -> Tensor:
        """x, shape (..., inputs), times the weights."""
        return torch.nn.functional.linear(x, self.weight.to(x.dtype), self.bias)


def linear_layers(model: Any) -> dict[str, Any]:
    """The linear layers inside the blocks by name: all but the head that turns states into logits."""
    head = model.get_output_embeddings()
    return {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and module is not head
    }


def packed(model: Any, scheme: Scheme) -> None:
    """Put integers in the place of a model's linear layers, and say so in its configuration."""
    for name, layer in linear_layers(model).items():
        made = PackedLinear(layer.in_features, layer.out_features, scheme, layer.bias is not None)
        made.packed, made.scales = pack(layer.weight.detach(), scheme)
        if layer.bias is not None:
            made.bias = torch.nn.Parameter(layer.bias.detach(), requires_grad=False)
        model.set_submodule(name, made)
    model.config.quantization_config = PackedConfig(scheme.bits, scheme.group)


def count(model: Any) -> int:
    """Parameters of a model, packed ones included."""
    packed = [one for one in model.modules() if isinstance(one, PackedLinear)]
    return int(model.num_parameters()) + sum(one.in_features * one.out_features for one in packed)


def is_packed(model: Any) -> bool:
    """Whether a loaded model's linear layers are packed in this way."""
    return getattr(model, "quantization_method", None) == METHOD


@register_quantization_config(METHOD)
class PackedConfig(QuantizationConfigMixin):  # type: ignore[misc]
    """What config.json says under `quantization_config`."""

    def __init__(self, bits: int, group: int = 0, **_: Any) -> None:
        self.quant_method = METHOD
        self.bits, self.group = bits, group
        self.scheme = Scheme(bits, group)
        if bits not in BITS or group < 0:
            raise ValueError(
                f"quantization_config: bits must be 4 or 8, group not below 0; got {bits}, {group}"
            )

    def to_dict(self) -> dict[str, Any]:
        """As config.json holds it."""
        return {"quant_method": METHOD, "bits": self.bits, "group": self.group}


@register_quantizer(METHOD)
class PackedQuantizer(HfQuantizer):  # type: ignore[misc]
    """Puts PackedLinear in the place of every linear layer before transformers reads the weights."""

    def _process_model_before_weight_loading(self, model: Any, **_: Any) -> Any:
        scheme = self.quantization_config.scheme
        for name, layer in linear_layers(model).items():
            made = PackedLinear(layer.in_features, layer.out_features, scheme, layer.bias is not None)
            model.set_submodule(name, made)
        return model

    def is_serializable(self) -> bool:
        """Its folder can be written again."""
        return True

    @property
    def is_trainable(self) -> bool:
        """Integers have no gradient."""
        return False
