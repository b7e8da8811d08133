"""NumPy types of all formats, the one table of the tests: independent of the product's tables and of the oracle's.

``test_tables.py`` checks that all these tables have the same formats.
"""

import ml_dtypes
import numpy as np

__all__ = ["ELEMENTS", "INTEGERS", "RESULTS", "code_bits", "element_values", "result_code"]

ELEMENTS = {
    "E4M3": np.dtype(ml_dtypes.float8_e4m3fn),
    "E5M2": np.dtype(ml_dtypes.float8_e5m2),
    "E3M2": np.dtype(ml_dtypes.float6_e3m2fn),
    "E2M3": np.dtype(ml_dtypes.float6_e2m3fn),
    "E2M1": np.dtype(ml_dtypes.float4_e2m1fn),
    "INT8": np.dtype(np.int8),
}
#: Exponent of the least significant bit of the formats that are integers (MX v1.0, 5.3.4).
INTEGERS = {"INT8": -6}
RESULTS = {
    "FP32": np.dtype(np.float32),
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "FP16": np.dtype(np.float16),
}


def code_bits(name):
    """Width of an element code."""
    dtype = ELEMENTS[name]
    return int((ml_dtypes.iinfo if name in INTEGERS else ml_dtypes.finfo)(dtype).bits)


def element_values(name):
    """Values of all codes of an element format in their order, as float64."""
    values = np.arange(1 << code_bits(name)).astype(np.uint8).view(ELEMENTS[name]).astype(np.float64)
    return np.ldexp(values, INTEGERS.get(name, 0))


def result_code(value, name):
    """Code of a value that a result format holds."""
    dtype = RESULTS[name]
    return int(np.array(value, np.float64).astype(dtype).view(f"u{dtype.itemsize}"))
