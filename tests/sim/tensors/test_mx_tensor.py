"""MX tensors: what makes one, and what is refused."""

import numpy as np
import pytest

from mxmac.errors import UserError
from mxmac.formats import ELEMENT_FORMATS, RESULT_FORMATS
from mxmac_sim.golden.quantize import quantize
from mxmac_sim.tensors import MxTensor, check_matrix, result_values

E4M3, E2M1 = ELEMENT_FORMATS["E4M3"], ELEMENT_FORMATS["E2M1"]


def test_an_mx_tensor_refuses_arrays_that_are_not_bytes():
    with pytest.raises(UserError, match="scales have dtype int64; uint8"):
        MxTensor(np.zeros((1, 4), np.uint8), np.zeros((1, 1), np.int64), E2M1, 4)


@pytest.mark.parametrize("shape", [(64,), (2, 3, 64)], ids=str)
def test_a_tensor_of_another_rank_is_no_matrix(shape):
    with pytest.raises(UserError, match=rf"rank {len(shape)}, shape \(.*\); a matrix of shape \(rows, K\)") as error:
        check_matrix(quantize(np.ones(shape, np.float32), E4M3), "a.npz")
    assert error.value.parameter == "a.npz"
    check_matrix(quantize(np.ones((6, 64), np.float32), E4M3), "a.npz")


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("FP32", [0x3F800001, 0xC0000000, 1, 0xFF800000, 0x7F800001]),
        ("BF16", [0x3F81, 0xC000, 1, 0xFF80, 0x7F81]),
        ("FP16", [0x3C01, 0xC000, 1, 0xFC00, 0x7C01]),
    ],
)
def test_values_of_results(name, codes):
    fmt = RESULT_FORMATS[name]
    values = result_values(np.array(codes, np.uint32), fmt)
    subnormal = 2.0 ** (2 - 2 ** (fmt.exp_bits - 1) - fmt.man_bits)
    assert values.dtype == np.float64
    assert values[:4].tolist() == [1 + 2.0**-fmt.man_bits, -2, subnormal, -np.inf]
    assert np.isnan(values[4])
