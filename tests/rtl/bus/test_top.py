"""Top modules with other resets: names, manifest and text; what they do is simulated in tests/sim/benches/test_tops.py."""

import re

import pytest

from linters import assert_only_waivers_with_a_reason, everyone_says, written
from mxmac.bus import bus_ports
from mxmac.config import MacConfig, Reset, with_plain_ports
from mxmac.errors import UserError
from mxmac.quantizer.config import QuantizerConfig
from mxmac.verilog import generate, generate_quantizer

SMALL = {"a": "E2M1", "b": "E2M1", "block": 4, "lanes": 2, "accumulator": "window"}
#: Name, level and kind of the port of each reset.
RESETS = {
    "sync-high": ("rst", "high", True),
    "sync-low": ("rst_n", "low", True),
    "async-high": ("rst", "high", False),
    "async-low": ("rst_n", "low", False),
}


def made(kind, **options):
    if kind == "mac":
        return generate(MacConfig(**SMALL, **options), "unit")
    return generate_quantizer(QuantizerConfig(block=4, lanes=2, **options), "unit")


def test_every_reset_is_tested():
    assert list(RESETS) == [reset.value for reset in Reset]


@pytest.mark.parametrize("kind", ["mac", "quantizer"])
@pytest.mark.parametrize("reset", RESETS)
def test_the_reset_has_the_name_level_and_kind_that_the_manifest_states(kind, reset):
    name, level, synchronous = RESETS[reset]
    design = made(kind, reset=reset)
    assert design.manifest["reset"] == {"port": name, "active": level, "synchronous": synchronous}
    assert design.manifest["config"]["reset"] == reset
    header = re.search(r"^module unit \((.*?)\);", design.text, re.M | re.S)[1]
    assert re.findall(r"\w+(?=,?$)", header, re.M) == [port["name"] for port in design.manifest["ports"]]
    assert [port["name"] for port in design.manifest["ports"][:2]] == ["clk", name]
    assert f"{name} {level}" in design.text[: design.text.index("module")]


@pytest.mark.parametrize("kind", ["mac", "quantizer"])
def test_linters_have_nothing_to_say_about_an_asynchronous_reset(kind, tmp_path, capfd):
    text = made(kind, reset="async-low").text
    assert_only_waivers_with_a_reason(text)
    assert everyone_says(written(tmp_path, text), capfd) == {}


def test_an_asynchronous_reset_reaches_two_flip_flops_and_no_others():
    text = made("mac", reset="async-high").text
    assert len(re.findall(r"always @\(posedge \w+, posedge \w+\)", text)) == 2
    assert text.count("posedge release_rst") == 2


def test_the_default_reset_changes_nothing_and_is_not_listed():
    config = MacConfig(**SMALL)
    assert config == MacConfig(**SMALL, reset="sync-high")
    assert "reset" not in config.as_dict()
    assert "reset" not in QuantizerConfig().as_dict()
    assert with_plain_ports(MacConfig(**SMALL, reset="async-low")) == config


@pytest.mark.parametrize("config", [MacConfig(reset="ASYNC-LOW"), QuantizerConfig(reset=Reset.ASYNC_LOW)])
def test_a_reset_is_a_parameter_like_others(config):
    assert config.reset is Reset.ASYNC_LOW
    assert config.as_dict()["reset"] == "async-low"
    assert type(config).from_dict(config.as_dict()) == config
    assert list(bus_ports(config))[:2] == ["clk", "rst_n"]


@pytest.mark.parametrize("kind", [MacConfig, QuantizerConfig])
def test_a_reset_that_does_not_exist_is_refused(kind):
    with pytest.raises(UserError, match=r"^reset must be one of sync-high, sync-low, async-high, async-low, not 'low'"):
        kind(reset="low")
