"""Options that make up a configuration."""

import pytest

from mxmac.cli.mac_options import config_from
from mxmac.cli.quantizer_options import quantizer_config_from
from mxmac.config import MacConfig
from mxmac.errors import UserError
from mxmac.quantizer.config import QuantizerConfig


def test_options_refuse_an_unknown_format_in_a_list():
    for entries in (["E4M3,E9M9"], ["E4M3", "E9M9"], ["E4M3,,INT8"]):
        with pytest.raises(UserError, match=r"must be one of E4M3, .*, not '(E9M9)?'") as error:
            config_from(a=entries)
        assert error.value.parameter == "a"


def test_options_take_comma_lists_and_repetitions_in_any_case():
    made = config_from(a=["e4m3, E5M2", "int8"], b=["mxfp4"], accumulator="FP32", output="Fp32")
    assert made == MacConfig(a=["E4M3", "E5M2", "INT8"], b="E2M1", accumulator="fp32", output="FP32")


def test_options_have_the_defaults_of_the_configuration():
    assert config_from() == MacConfig()
    assert config_from(accumulator="window") == MacConfig(accumulator="window")
    assert quantizer_config_from() == QuantizerConfig()
