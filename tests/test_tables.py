"""Every table of formats has the same formats, so that tests cover a new one everywhere or fail here."""

import ml_dtypes
import numpy as np
import pytest

import dtypes
import oracle
from mxmac.formats import ELEMENT_FORMATS, RESULT_FORMATS
from mxmac_sim.tensors import ELEMENT_DTYPES, RESULT_DTYPES

ELEMENTS = {"mxmac_sim.tensors": ELEMENT_DTYPES, "oracle": oracle.ELEMENTS, "dtypes": dtypes.ELEMENTS}
RESULTS = {"mxmac_sim.tensors": RESULT_DTYPES, "oracle": oracle.OUTPUTS, "dtypes": dtypes.RESULTS}


@pytest.mark.parametrize("name", ELEMENTS)
def test_elements_of_every_table_are_those_of_the_hardware(name):
    assert list(ELEMENTS[name]) == list(ELEMENT_FORMATS)


@pytest.mark.parametrize("name", RESULTS)
def test_results_of_every_table_are_those_of_the_hardware(name):
    assert [result.upper() for result in RESULTS[name]] == list(RESULT_FORMATS)


@pytest.mark.parametrize("name", RESULT_FORMATS)
def test_results_are_the_same_in_every_table(name):
    info, fmt, output = ml_dtypes.finfo(dtypes.RESULTS[name]), RESULT_FORMATS[name], oracle.OUTPUTS[name.lower()]
    precision, emin, emax = info.nmant + 1, int(info.minexp), int(info.maxexp) - 1
    assert output == (info.bits, precision, emin, emax, dtypes.result_code(np.nan, name))
    assert (fmt.width, fmt.sig_bits, fmt.emin, fmt.emax, fmt.nan_code) == output


@pytest.mark.parametrize(
    ("specials", "right"),
    [("ieee", True), ("nan", False), ("none", False)],
)
def test_the_oracle_of_a_new_format_is_compared_with_ml_dtypes(monkeypatch, specials, right):
    """E3M4 with infinities, which no product table has: the oracle needs an entry, and a wrong one is noticed."""
    monkeypatch.setitem(oracle.ELEMENTS, "E3M4", oracle.Element(8, 3, 4, 3, -6, specials))
    monkeypatch.setitem(dtypes.ELEMENTS, "E3M4", np.dtype(ml_dtypes.float8_e3m4))
    oracle.decode.cache_clear()
    decoded = [float(oracle.decode(code, "E3M4")) for code in range(256)]
    oracle.decode.cache_clear()
    assert np.array_equal(decoded, dtypes.element_values("E3M4"), equal_nan=True) == right
