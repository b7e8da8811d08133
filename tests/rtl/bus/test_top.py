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


# AXI4-Stream.


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (
            MacConfig(a=("E3M2", "E2M1"), b="E2M1", block=5, lanes=5, bus="axis"),
            {
                "s_axis_tdata": (56, {"a_lane0": (0, 6), "a_lane4": (24, 6), "b_lane0": (32, 4), "b_lane4": (48, 4)}),
                "s_axis_tuser": (24, {"scale_a": (0, 8), "scale_b": (8, 8), "format_a": (16, 1)}),
                "s_axis_tlast": (1, {"last": (0, 1)}),
                "m_axis_tdata": (32, {"data": (0, 32)}),
                "m_axis_tuser": (8, {"nx": (0, 1), "nv": (4, 1)}),
            },
        ),
        (
            QuantizerConfig(to="E2M3", block=6, lanes=3, rules=("floor", "even"), bus="axis"),
            {
                "s_axis_tdata": (96, {"data_lane0": (0, 32), "data_lane2": (64, 32)}),
                "s_axis_tuser": (8, {"rule": (0, 1)}),
                "m_axis_tdata": (24, {"data_lane0": (0, 6), "data_lane2": (12, 6)}),
                "m_axis_tuser": (8, {"scale": (0, 8)}),
                "m_axis_tlast": (1, {"last": (0, 1)}),
            },
        ),
    ],
)
def test_fields_of_axi4_stream_are_where_the_integration_page_says(config, expected):
    make = generate if isinstance(config, MacConfig) else generate_quantizer
    ports = {port["name"]: port for port in make(config, "unit").manifest["ports"]}
    for name, (width, fields) in expected.items():
        found = {field["name"]: (field["lsb"], field["width"]) for field in ports[name]["fields"]}
        assert ports[name]["width"] == width
        assert fields.items() <= found.items()


def test_linters_have_nothing_to_say_about_axi4_stream_with_padding(tmp_path, capfd):
    text = generate(MacConfig(**SMALL | {"a": "E3M2", "block": 2, "lanes": 1}, bus="axis"), "unit").text
    assert_only_waivers_with_a_reason(text, padding=True)
    assert everyone_says(written(tmp_path, text), capfd) == {}


@pytest.mark.parametrize("kind", [MacConfig, QuantizerConfig])
@pytest.mark.parametrize("reset", [None, *RESETS])
def test_the_reset_of_axi4_stream_is_active_low_unless_another_one_is_chosen(kind, reset):
    config = kind(reset=reset, bus="axis")
    assert config.reset.value == (reset or "sync-low")
    assert list(bus_ports(config))[:2] == ["aclk", "aresetn" if "low" in config.reset.value else "areset"]
    assert kind.from_dict(config.as_dict()) == config
