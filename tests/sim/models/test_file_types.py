"""The classifier of file types: what it looks at, and its pass through the network."""

import numpy as np
import pytest

from mxmac_sim.models.file_types import CONVOLUTION, DENSE, FileTypes

CHANNELS, OUTPUTS, LABELS, EMBEDDING = 32, 24, 5, 8


@pytest.fixture(scope="module")
def constants():
    rng = np.random.default_rng(1)
    shapes = {
        "Const": (257, EMBEDDING),
        "Dense_0/Reshape": (1, 1, EMBEDDING),
        "Conv_0/transpose_3": (OUTPUTS, CHANNELS, 5, 1),
        "const_fold_opt__209": (1, OUTPUTS, 1),
        "LayerNorm_0/Reshape_2": (1, 512, 1),
        "LayerNorm_0/Reshape_3": (1, 512, 1),
        "LayerNorm_1/Reshape_2": (1, OUTPUTS),
        "LayerNorm_1/Reshape_3": (1, OUTPUTS),
        "Const_24": (OUTPUTS, LABELS),
        "Dense_1/Reshape": (1, LABELS),
        "Const_21": (),
    }
    found = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    return found | {"Const_21": np.float32(1e-3)}


@pytest.fixture(scope="module")
def model(constants):
    return FileTypes(constants, "abcde")


def naive_logits(constants, features):
    """Logits in float64, an output at a time."""

    def gelu(x):
        return x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))

    def normalized(x, index):
        scale, bias = (constants[f"LayerNorm_{index}/Reshape_{number}"][0].astype(np.float64) for number in (2, 3))
        return (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-3) * scale + bias

    def float64(name):
        return constants[name].astype(np.float64)

    embedded = [gelu(float64("Const")[byte] + float64("Dense_0/Reshape")[0, 0]) for byte in features]
    x = normalized(np.concatenate(embedded).reshape(512, CHANNELS), 0)
    kernel = float64("Conv_0/transpose_3")[..., 0]
    largest = np.full(OUTPUTS, -np.inf)
    for position in range(512 - 5 + 1):
        sums = [sum(x[position + tap] @ kernel[output, :, tap] for tap in range(5)) for output in range(OUTPUTS)]
        largest = np.maximum(largest, gelu(np.array(sums) + float64("const_fold_opt__209")[0, :, 0]))
    return normalized(largest, 1) @ float64("Const_24") + float64("Dense_1/Reshape")[0]


def test_logits_are_those_of_a_naive_pass(model, constants):
    features = model.features(bytes(np.random.default_rng(3).integers(0, 256, 3000, dtype=np.uint8)))
    np.testing.assert_allclose(model.logits(features), naive_logits(constants, features), atol=1e-3)


def test_two_layers_are_computed_by_the_caller(model):
    seen = {}

    def linear(x, name):
        seen[name] = (x.shape, model.weights[name].shape)
        return 2 * model.multiply(x, name)

    features = model.features(b"some text")
    assert not np.allclose(model.logits(features, linear), model.logits(features))
    assert seen == {
        CONVOLUTION: ((508, 5 * CHANNELS), (OUTPUTS, 5 * CHANNELS)),
        DENSE: ((1, OUTPUTS), (LABELS, OUTPUTS)),
    }


def test_features_are_both_ends_without_white_space(model):
    short = model.features(b" \n ab\t")
    assert short[:3].tolist() == [97, 98, 256]
    assert short[-3:].tolist() == [256, 97, 98]
    assert (short == 256).sum() == 2048 - 4
    # White space of the middle counts, and only so much of the file is read.
    long = model.features(b" " * 4 + b"a" * 4000 + b" " * 100 + b"b" * 4090 + b"\n" * 6)
    assert long[:1024].tolist() == [97] * 1024
    assert long[1024:].tolist() == [98] * 1024
    spaced = model.features(b"a" * 5000 + b" " * 3596 + b"b" * 500)
    assert spaced[1024:].tolist() == [32] * 524 + [98] * 500
    far = model.features(b" " * 4096 + b"a" * 5000)
    assert far[:1024].tolist() == [256] * 1024
