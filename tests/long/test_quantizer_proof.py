"""Every element that the quantizer's hardware makes of FP32 numbers is the specification's: proved for all of them."""

import pytest

from mutants import Mutant
from mxmac.formats import ELEMENT_FORMATS
from mxmac.quantizer.config import QuantizerConfig
from mxmac.quantizer.rules import Overflow, ScaleRule
from quantizer_proof import prove

CONFIGS = [
    QuantizerConfig(to=fmt, block=2, lanes=2, rules=(rule,), overflows=(overflow,))
    for fmt in ELEMENT_FORMATS.values()
    for rule in ScaleRule
    for overflow in (Overflow if fmt.has_nan else (Overflow.SAT,))
]


def described(config):
    return f"{config.to.name}-{config.rules[0].value}-{config.overflows[0].value}"


@pytest.mark.parametrize("config", CONFIGS, ids=described)
def test_all_pairs_of_numbers_give_the_elements_and_the_scale_of_the_specification(config, tmp_path):
    assert "SUCCESS" in prove(config, tmp_path)


# What is wrong in each is seen for few numbers only, or is at the very end of what is cut off.
WRONG = [
    Mutant("quantizer.lane:ElementEncoder.elaborate", "(sticky | sig[1])", "sig[1]"),
    Mutant(
        "quantizer.lane:ElementEncoder._shift_right", "sticky | (enable & sig[:amount].any())", "sticky | (enable & sig[0])"
    ),
    Mutant("quantizer.lane:ElementPreparer._cut", "sig[:cut].any()", "sig[1:cut].any()"),
    Mutant("quantizer.lane:ElementPreparer._bump_of", "man[:-ones].any()", "man[1:-ones].any()"),
    Mutant("quantizer.scale:BlockScale._scale", "SCALE_NAN - 1, code[:SCALE_WIDTH]", "SCALE_NAN - 2, code[:SCALE_WIDTH]"),
]


@pytest.mark.parametrize("mutant", WRONG, ids=lambda mutant: mutant.right)
def test_a_lane_with_a_mistake_is_refuted(mutant, tmp_path, monkeypatch):
    mutant.put_in(monkeypatch)
    # Scales have an upper limit only if there is no emax to subtract, and reach it only if a rule bumps them.
    limit = mutant.function.startswith("quantizer_scale")
    to, rule = ELEMENT_FORMATS["INT8" if limit else "E4M3"], ScaleRule.CEIL if limit else ScaleRule.RCEIL
    with pytest.raises(AssertionError, match="model found: FAIL"):
        prove(QuantizerConfig(to=to, block=2, lanes=2, rules=(rule,), overflows=(Overflow.SAT,)), tmp_path)
