"""Quantization in float32: the values of the golden quantizer, for every format, scale rule and block size."""

import numpy as np
import pytest

from mxmac.formats import ELEMENT_FORMATS
from mxmac.quantizer.rules import ScaleRule
from mxmac_sim.campaigns.claims.schemes import QuantizedLayers, Scheme, rounded
from mxmac_sim.golden.quantize import dequantize

BLOCKS = (0, 16, 32, 64, 192)


@pytest.fixture(scope="module")
def matrix():
    rng = np.random.default_rng(1)
    x = rng.standard_normal((24, 192)) * np.exp2(rng.integers(-12, 12, (24, 192)))
    x[3], x[4, :32] = 0, 0
    # Ties, and values that a format clips if the scale is rounded down.
    x[5:9] = np.exp2(rng.integers(-5, 5, (4, 192))) * (1 + rng.integers(0, 32, (4, 192)) / 32)
    return x.astype(np.float32)


@pytest.mark.parametrize("rule", ScaleRule)
@pytest.mark.parametrize("name", ELEMENT_FORMATS)
def test_values_are_those_of_the_golden_quantizer(matrix, name, rule):
    for block in BLOCKS:
        scheme = Scheme(name, rule.name, block)
        np.testing.assert_array_equal(rounded(matrix, scheme), dequantize(scheme.quantized(matrix)))


def test_a_matrix_without_blocks_has_one_scale(matrix):
    assert len(np.unique(Scheme("E4M3", block=0).quantized(matrix).scales)) == 1
    assert len(np.unique(Scheme("E4M3", block=192).quantized(matrix).scales)) > 1


def test_bits_of_an_element_have_its_part_of_the_scale():
    schemes = Scheme("E2M1"), Scheme("E4M3", block=128), Scheme("INT8", block=0)
    assert [scheme.bits for scheme in schemes] == [4.25, 8.0625, 8]


class Network:
    def __init__(self, **weights):
        self.weights = weights

    def multiply(self, x, name):
        return x @ self.weights[name].T


def test_both_operands_are_quantized_by_the_scheme_of_the_layer(matrix):
    first, second, third = matrix[:5], matrix[5:9], matrix[9:12]
    schemes = {"one": Scheme("E4M3"), "two": Scheme("E2M1", "FLOOR", 64), "three": None}
    layers = QuantizedLayers(Network(one=first, two=second, three=third), schemes.get)
    x = matrix[12:]
    # More than once, as the layers keep what they have quantized; the last scheme of a turn is the first of the next.
    for order in (("one", "two"), ("two", "one"), ("one", "two")):
        for name in order:
            weights = {"one": first, "two": second}[name]
            a, b = (dequantize(schemes[name].quantized(operand)) for operand in (x, weights))
            np.testing.assert_allclose(layers(x, name), a @ b.T, rtol=1e-3)
        np.testing.assert_array_equal(layers(x, "three"), x @ third.T)
        x = x[::-1].copy()
