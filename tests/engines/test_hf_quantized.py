"""Integer weights: what rounding may cost, and that a packed folder loads as it was written."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the [local] extra")
pytest.importorskip("transformers", reason="needs the [local] extra")

from underdog.engines.hf_quantized import PackedLinear, Scheme, pack, unpack  # noqa: E402

SCHEMES = [Scheme(8), Scheme(8, 16), Scheme(4), Scheme(4, 32), Scheme(4, 5)]


def weights(outputs: int = 7, inputs: int = 45, dtype: object = None) -> object:
    return torch.randn(outputs, inputs, generator=torch.Generator().manual_seed(0)).to(dtype or torch.float32)


@pytest.mark.parametrize("scheme", SCHEMES, ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_no_weight_moves_by_more_than_half_a_step_of_its_scale(scheme, dtype):
    weight = weights(dtype=dtype)
    packed, scales = pack(weight, scheme)
    found = unpack(packed, scales.float(), scheme, 45)
    steps = scales.float().repeat_interleave(scheme.width(45), dim=1)[:, :45]
    # A scale that bfloat16 rounded down leaves the largest weight up to one part in 256 beyond the last step.
    beyond = weight.float().abs() / 256 if dtype is torch.bfloat16 else 0.0
    assert ((found - weight.float()).abs() <= 0.5 * steps + beyond + 1e-6).all()


@pytest.mark.parametrize("scheme", SCHEMES, ids=str)
def test_integers_on_a_grid_come_back_exactly(scheme):
    whole = torch.arange(-scheme.most, scheme.most + 1).repeat(3, 9)[:, : 3 * (2 * scheme.most + 1)].float()
    whole[:, :: max(1, scheme.width(whole.shape[1]))] = scheme.most
    packed, scales = pack(whole, scheme)
    assert torch.equal(unpack(packed, scales, scheme, whole.shape[1]), whole)


def test_four_bits_take_half_a_byte_and_rows_of_odd_length_are_padded():
    packed, scales = pack(weights(3, 9), Scheme(4, 3))
    assert (packed.dtype, packed.shape, scales.shape) == (torch.uint8, (3, 5), (3, 3))


def test_a_row_of_zeros_stays_zero_and_is_no_division_by_zero():
    packed, scales = pack(torch.zeros(2, 8), Scheme(4, 4))
    assert torch.equal(unpack(packed, scales, Scheme(4, 4), 8), torch.zeros(2, 8))


def test_the_layer_computes_what_its_unpacked_weights_would():
    scheme, layer = Scheme(4, 8), PackedLinear(16, 5, Scheme(4, 8), bias=True)
    layer.packed, layer.scales = pack(weights(5, 16), scheme)
    layer.bias = torch.nn.Parameter(torch.arange(5.0), requires_grad=False)
    x = weights(3, 16)
    assert torch.allclose(layer(x), x @ layer.weight.T + torch.arange(5.0))
