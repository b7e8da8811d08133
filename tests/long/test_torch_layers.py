"""Layers of PyTorch that compute as a unit does: bit for bit, with the gradients of plain layers, compiled, in whole models."""

import copy
from pathlib import Path

import numpy as np
import pytest

from mxmac import MacConfig
from mxmac.errors import UserError
from mxmac_sim import golden
from mxmac_sim.tensors import result_values
from page_examples import run_examples
from torch_checks import by_table, torch_or_skip

torch = torch_or_skip()
from torch import nn  # noqa: E402 - needs PyTorch

from mxmac_sim.torch import MxLinear, convert  # noqa: E402 - needs PyTorch
from mxmac_sim.torch.operator import Arithmetic, linear  # noqa: E402 - needs PyTorch

E4M3 = MacConfig()
UNITS = {
    "exact": MacConfig(),
    "window": MacConfig(accumulator="window", window=48, window_guard=4),
    "fixed window": MacConfig(a="E4M3", b="E2M1", accumulator="window", window=56, window_lsb=-30, output="BF16"),
    "fp32": MacConfig(accumulator="fp32"),
    "fp16": MacConfig(a="E5M2", b="E5M2", block=16, lanes=4, output="FP16"),
}


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(1)


def rows(rng, count, k):
    """Random floats whose blocks differ much in scale; some are zero."""
    values = rng.standard_normal((count, k)) * np.exp2(rng.integers(-12, 13, (count, k // 20 + 1)).repeat(20, axis=1)[:, :k])
    values[rng.random((count, k)) < 0.05] = 0
    return values.astype(np.float32)


def layer_of(weight, config, bias=None):
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
    layer.weight.data = torch.from_numpy(weight)
    if bias is not None:
        layer.bias.data = torch.from_numpy(bias)
    return MxLinear.of(layer, config)


def bits(x):
    return np.asarray(x.detach() if isinstance(x, torch.Tensor) else x).view(np.uint32)


def expected(x, weight, config):
    """Results of the unit one dot product at a time: operands quantized by a table, and the golden ``dot``, not ``matmul``."""
    a, scale_a = by_table(x, config.a[0].name, config.block)
    b, scale_b = by_table(weight, config.b[0].name, config.block)
    parts = [golden.dot(a[i : i + 50, None], scale_a[i : i + 50, None], b, scale_b, config)[0] for i in range(0, len(a), 50)]
    return result_values(np.concatenate(parts), config.output).astype(np.float32)


# Results.


@pytest.mark.parametrize("name", UNITS)
def test_a_million_dot_products_are_those_of_the_golden_model(name):
    config, rng = UNITS[name], np.random.default_rng(5)
    x, weight = rows(rng, 1000, 90), rows(rng, 1000, 90)
    found = layer_of(weight, config)(torch.from_numpy(x))
    assert found.numel() == 10**6
    assert np.array_equal(bits(found), bits(expected(x, weight, config)))


def test_one_wrong_code_would_be_seen():
    rng = np.random.default_rng(6)
    x, weight = rows(rng, 4, 90), rows(rng, 4, 90)
    layer = layer_of(weight, E4M3)
    layer.codes[0, 0] ^= 1
    assert not np.array_equal(bits(layer(torch.from_numpy(x))), bits(expected(x, weight, E4M3)))


def test_a_row_that_ends_within_a_block_is_one_that_goes_on_with_zeros():
    rng = np.random.default_rng(7)
    x, weight = rows(rng, 9, 96), rows(rng, 8, 96)
    x[:, 70:] = 0
    weight[:, 70:] = 0
    whole = layer_of(weight, E4M3)(torch.from_numpy(x))
    part = layer_of(weight[:, :70].copy(), E4M3)(torch.from_numpy(x[:, :70].copy()))
    assert np.array_equal(bits(whole), bits(part))


def test_axes_are_those_of_a_plain_layer_and_the_bias_is_added_to_the_rounded_result():
    rng = np.random.default_rng(8)
    x, weight, bias = rows(rng, 6, 40), rows(rng, 5, 40), rng.standard_normal(5).astype(np.float32)
    layer = layer_of(weight, UNITS["fp16"], bias)
    result = expected(x, weight, UNITS["fp16"])
    with np.errstate(over="ignore"):
        assert np.array_equal(bits(layer(torch.from_numpy(x))), bits(result + bias))
    deep = layer(torch.from_numpy(x).reshape(2, 1, 3, 40))
    assert deep.shape == (2, 1, 3, 5)
    assert torch.equal(deep.reshape(6, 5), layer(torch.from_numpy(x)))
    assert torch.equal(layer(torch.from_numpy(x[0])), layer(torch.from_numpy(x))[0])
    assert layer(torch.zeros(0, 40)).shape == (0, 5)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_results_have_the_type_of_the_activations(dtype):
    rng = np.random.default_rng(9)
    x, weight = torch.from_numpy(rows(rng, 5, 64)).to(dtype), rows(rng, 5, 64)
    found = layer_of(weight, E4M3)(x)
    assert found.dtype == dtype
    assert torch.equal(found, torch.from_numpy(expected(x.float().numpy(), weight, E4M3)).to(dtype))


def test_nan_and_inf_of_an_activation_make_the_results_of_its_row_nan():
    layer, x = layer_of(np.ones((3, 64), np.float32), E4M3), torch.ones(3, 64)
    x[0, 5], x[2, 60] = torch.nan, -torch.inf
    assert layer(x).isnan().tolist() == [[True] * 3, [False] * 3, [True] * 3]


# Gradients.


def test_gradients_are_those_of_a_plain_layer():
    # Integers, so that sums in any order are exact.
    x, weight, bias = (torch.randint(-8, 9, shape).float() for shape in ((2, 3, 40), (5, 40), (5,)))
    plain = nn.Linear(40, 5)
    plain.weight.data, plain.bias.data = weight, bias
    layer, grad = MxLinear.of(copy.deepcopy(plain), MacConfig(a="E2M1", b="E2M1")), torch.randint(-8, 9, (2, 3, 5)).float()
    inputs = [x.clone().requires_grad_() for _ in range(2)]
    for module, value in zip((layer, plain), inputs, strict=True):
        module(value).backward(grad)
    assert not torch.equal(layer(x), plain(x))  # E2M1 has not all of these integers
    assert torch.equal(inputs[0].grad, inputs[1].grad)
    assert torch.equal(inputs[0].grad, torch.einsum("abn,nk->abk", grad, weight))
    for name in ("weight", "bias"):
        assert torch.equal(getattr(layer, name).grad, getattr(plain, name).grad)
    assert torch.equal(layer.weight.grad, torch.einsum("abn,abk->nk", grad, x))


def test_gradients_have_the_types_of_their_tensors():
    layer = MxLinear(64, 3, dtype=torch.bfloat16, config=E4M3)
    x = torch.randn(4, 64, dtype=torch.bfloat16, requires_grad=True)
    layer(x).sum().backward()
    assert (x.grad.dtype, layer.weight.grad.dtype, layer.bias.grad.dtype) == (torch.bfloat16,) * 3


def test_a_layer_learns():
    layer = MxLinear(32, 1, config=E4M3)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    x = torch.randn(64, 32)
    y = x @ torch.randn(32, 1)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = (layer(x) - y).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 100


# The weight is quantized once.


def test_the_weight_is_quantized_again_only_after_it_changed(monkeypatch):
    layer, other, calls = MxLinear(64, 3, config=E4M3), nn.Linear(64, 3), []
    quantized = Arithmetic.weights
    monkeypatch.setattr(Arithmetic, "weights", lambda self, weight: calls.append(1) or quantized(self, weight))
    x = torch.randn(2, 64)
    before = layer(x)
    assert torch.equal(layer(x), before)
    assert len(calls) == 0
    layer.load_state_dict(other.state_dict())
    after = layer(x)
    assert torch.equal(layer(x), after)
    assert len(calls) == 1
    assert torch.equal(after, MxLinear.of(other, E4M3)(x))
    assert set(layer.state_dict()) == {"weight", "bias"}
    copied = copy.deepcopy(layer)
    with torch.no_grad():
        copied.weight.mul_(2)
    assert torch.equal(layer(x), after)
    assert not torch.equal(copied(x), after)
    layer.weight = nn.Parameter(other.weight.detach() * 4)
    assert not torch.equal(layer(x), after)


# The operator.


@pytest.mark.parametrize("name", ["exact", "fp16"])
@pytest.mark.parametrize("grad", [True, False])
def test_the_operator_is_one_of_pytorch(name, grad):
    layer = MxLinear(90, 7, config=UNITS[name])
    x = torch.randn(2, 3, 90, requires_grad=grad)
    found = torch.library.opcheck(linear, (x, layer.weight, layer.codes, layer.scales, layer.arithmetic.text))
    assert set(found.values()) == {"SUCCESS"}
    assert len(found) >= 4


# PyTorch's own.
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_a_compiled_model_has_no_breaks_and_the_same_results_and_gradients():
    model = convert(nn.Sequential(nn.Linear(90, 33), nn.GELU(), nn.Linear(33, 4)), E4M3)
    x = torch.randn(5, 90)
    compiled = torch.compile(copy.deepcopy(model), fullgraph=True)
    inputs = [x.clone().requires_grad_() for _ in range(2)]
    # The operand of the second layer is a result of GELU, whose compiled form may round otherwise.
    first, second = (module(value) for module, value in zip((model, compiled), inputs, strict=True))
    assert torch.allclose(first, second, rtol=0.05, atol=0.02)
    for result in (first, second):
        result.square().sum().backward()
    assert torch.allclose(inputs[0].grad, inputs[1].grad, rtol=0.1, atol=0.1)
    single = torch.compile(model[0], fullgraph=True)
    assert torch.equal(single(x), model[0](x))


# The page.


def test_the_examples_of_the_page_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_examples(Path(__file__).parents[2] / "docs" / "pytorch.md")


# Models.


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.up, self.down = nn.Linear(32, 64), nn.Linear(64, 32)
        self.again = self.up
        self.heads = nn.ModuleDict({"a": nn.Linear(32, 4), "gate": nn.Linear(32, 4)})
        self.attention = nn.MultiheadAttention(32, 2)

    def forward(self, x):
        return self.heads["a"](x + self.down(self.up(x) + self.again(x))) * self.heads["gate"](x)


def test_layers_are_converted_once_but_for_those_that_stay():
    model, narrow = Model(), MacConfig(a="E2M1", b="E2M1")
    made = convert(model, E4M3, skip=["*.gate"], override={"heads.*": narrow, "*": UNITS["fp32"]})
    assert type(model.up) is nn.Linear
    assert made.up is made.again
    assert made.up.arithmetic.config == UNITS["fp32"]
    assert made.heads["a"].arithmetic.config == narrow
    assert type(made.heads["gate"]) is nn.Linear
    assert not isinstance(made.attention.out_proj, MxLinear)
    assert made.up.weight is not model.up.weight
    x = torch.randn(3, 32)
    hidden = MxLinear.of(model.up, UNITS["fp32"])(x)
    hidden = x + MxLinear.of(model.down, UNITS["fp32"])(hidden + hidden)
    assert torch.equal(made(x), MxLinear.of(model.heads["a"], narrow)(hidden) * model.heads["gate"](x))
    assert made.state_dict().keys() == model.state_dict().keys()


def test_a_model_is_changed_in_place_and_keeps_its_parameters():
    model = Model().eval()
    parameters = dict(model.named_parameters())
    assert convert(model, E4M3, inplace=True) is model
    assert dict(model.named_parameters()) == parameters
    assert not model.up.training
    assert isinstance(convert(nn.Linear(32, 4), E4M3), MxLinear)


@pytest.mark.parametrize("parameter", ["skip", "override"])
def test_a_name_that_no_layer_has_is_refused(parameter):
    value = ["lm_head"] if parameter == "skip" else {"lm_head": E4M3}
    with pytest.raises(UserError, match=r"'lm_head' fits no linear layer; there are down, heads\.a, heads\.gate, up") as error:
        convert(Model(), E4M3, **{parameter: value})
    assert error.value.parameter == parameter


def test_units_and_activations_that_do_not_fit_are_refused():
    for config, message in (
        (MacConfig(a=["E4M3", "E5M2"]), "a must be the one format of a layer, not E4M3, E5M2"),
        (MacConfig(addend="FP32"), "addend must be left out: the bias"),
    ):
        with pytest.raises(UserError, match=message):
            MxLinear(32, 4, config=config)
    layer = MxLinear(32, 4, config=E4M3)
    with pytest.raises(UserError, match=r"x must have the shape \(\.\.\., 32\), not \(2, 33\)"):
        layer(torch.zeros(2, 33))
    assert MxLinear(32, 4, config=E4M3, device="meta")(torch.zeros(2, 32, device="meta")).shape == (2, 4)
    assert "a=E4M3, b=E4M3, block=32" in repr(layer)
