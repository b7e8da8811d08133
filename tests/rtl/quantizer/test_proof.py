"""The proof of the quantizer in small: one format and one rule, right and wrong. All of them: tests/long."""

import pytest

from mutants import Mutant
from mxmac.formats import ELEMENT_FORMATS
from mxmac.quantizer.config import QuantizerConfig
from quantizer_proof import prove

CONFIG = QuantizerConfig(to=ELEMENT_FORMATS["E2M1"], block=2, lanes=2)


def test_all_pairs_of_numbers_give_the_elements_of_the_specification(tmp_path):
    assert "SUCCESS" in prove(CONFIG, tmp_path)


def test_a_bit_that_is_forgotten_is_found(tmp_path, monkeypatch):
    Mutant("quantizer.lane:ElementPreparer._cut", "sig[:cut].any()", "sig[1:cut].any()").put_in(monkeypatch)
    with pytest.raises(AssertionError, match="model found: FAIL"):
        prove(CONFIG, tmp_path)
