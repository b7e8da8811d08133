"""``mxmac report``: what it counts is the part alone, and its speed that of the part."""

import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from mxmac.config import MacConfig
from mxmac.processes import ENDS_WITH_PARENT, Processes
from mxmac.verilog import generate
from mxmac.verilog.emit import component_verilog
from mxmac_fpga.boards.toolchains import TOOLCHAINS
from mxmac_fpga.report.harness import HARNESS, INPUT, INSIDE, OUTPUT, frame_cells, harnessed
from mxmac_fpga.report.parts import PARTS, TOP
from mxmac_fpga.report.routing import DEVICES, Device, NoRoomError, place_and_route
from mxmac_fpga.report.synthesis import CELLS, luts_by_module, netlist
from mxmac_sim.campaigns.gates.technologies import TECHNOLOGIES
from report_command import SMALL, WINDOW, report


class Adder(wiring.Component):
    """Sum of two numbers, a clock later or at once."""

    def __init__(self, width: int, registered: bool):
        self.registered = registered
        super().__init__({"a": In(width), "b": In(width), "sum": Out(width)})

    def elaborate(self, platform):
        m = Module()
        m.d["sync" if self.registered else "comb"] += self.sum.eq(self.a + self.b)
        return m


def framed(folder: Path, component, on="ecp5"):
    text = component_verilog(component, TOP)
    alone = CELLS[on].count(netlist(text, TOP, on, folder / "alone", dsp=False))
    netlist(harnessed(text, TOP), HARNESS, on, folder / "framed", dsp=False)
    return alone, folder / "framed" / "netlist.json"


def route(file: Path, on="ecp5", device=None):
    return place_and_route(file, on, device or DEVICES[on, False], 1, 400, file.parent / "route", Processes())


def test_area_is_that_of_the_part_without_its_frame(tmp_path):
    alone, file = framed(tmp_path, Adder(16, True))
    assert (alone["LUTs"], alone["CCU2C"], alone["flip-flops"]) == (16, 8, 16)
    # 32 inputs and one more bit of the shift register; 16 outputs, then 4, then 1.
    purposes = list(frame_cells(file).values())
    types = [cell["type"] for cell in json.loads(file.read_text())["modules"][HARNESS]["cells"].values()]
    assert types.count("TRELLIS_FF") == 16 + 33 + 16 + 4 + 1
    assert purposes.count(INPUT) >= 32
    assert purposes.count(OUTPUT) == 16
    assert purposes.count(INSIDE) == 5


@pytest.mark.parametrize(("registered", "end"), [(True, "measured.sum"), (False, "an output")])
def test_speed_is_that_of_the_part(tmp_path, registered, end):
    _, file = framed(tmp_path, Adder(48, registered))
    speed = route(file)
    assert 50 < speed.fmax_mhz < 350
    assert speed.path["from"] == "an input"
    assert speed.path["to"].startswith(end)
    assert not speed.limited


def test_speed_of_the_frame_alone_is_told_apart(tmp_path):
    class Wire(wiring.Component):
        a: In(40)
        o: Out(40)

        def elaborate(self, platform):
            m = Module()
            m.d.comb += self.o.eq(self.a)
            return m

    _, file = framed(tmp_path, Wire())
    speed = route(file)
    # Nothing takes as long as the XOR of four outputs, in one LUT.
    assert speed.path["levels"] == 1
    assert speed.limited


def test_what_does_not_fit_is_told(tmp_path):
    _, file = framed(tmp_path, Adder(300, True), "ice40")
    small = Device("a small one", ("--lp384", "--package", "qn32"))
    with pytest.raises(NoRoomError, match="do not fit in a small one"):
        route(file, "ice40", small)


def test_report_as_json_to_a_file(capsys, tmp_path):
    file = tmp_path / "report.json"
    status, out, err = report(capsys, *SMALL, "--seeds", "1,2", "--json", "-o", str(file))
    assert status == 0
    assert "Seed 2" in err
    found = json.loads(out)
    assert found == json.loads(file.read_text())
    cells = found["cells"]
    assert cells["LUTs"] == cells["LUT4"] + 2 * cells["CCU2C"] > 0
    assert sum(found["modules"].values()) == cells["LUTs"]
    assert set(found["seeds"]) == {"1", "2"}
    assert found["fmax_mhz"]["best"] == max(found["seeds"].values()) > 100
    assert found["per_second"] == pytest.approx(found["fmax_mhz"]["median"] * 1e6, rel=1e-4)
    assert found["synthesis"] == ["synth_ecp5 -nodsp -nowidelut -top core"]
    assert "--speed 6" in found["place_and_route"]
    assert "--freq 400" in found["place_and_route"]
    assert found["versions"]["pyosys"]


@pytest.mark.parametrize("on", ["ice40", "gowin"])
def test_report_for_other_fpgas(capsys, on):
    status, out, _ = report(capsys, *SMALL, "--on", on, "--seeds", "1", "--json")
    found = json.loads(out)
    assert status == 0
    assert found["cells"]["LUTs"] > 10
    assert found["fmax_mhz"]["median"] > 50


@pytest.mark.parametrize("on", TOOLCHAINS)
def test_area_alone_needs_no_place_and_route(capsys, monkeypatch, on):
    def version(package, real=metadata.version):
        if "nextpnr" in package:
            raise metadata.PackageNotFoundError(package)
        return real(package)

    monkeypatch.setattr(metadata, "version", version)
    arguments = [*SMALL, "--on", on, "--json"]
    status, out, _ = report(capsys, *arguments, "--no-route")
    assert status == 0
    assert not [package for package in json.loads(out)["versions"] if "nextpnr" in package]
    status, out, err = report(capsys, *arguments, "--seeds", "1")
    assert (status, out) == (2, "")
    assert re.fullmatch(
        r"mxmac: report: The package 'yowasp-nextpnr-[\w-]+' is missing; .*'mxmac\[fpga\]'\n", err.splitlines(True)[-1]
    )


def test_report_for_xilinx_is_area_alone(capsys):
    status, out, err = report(capsys, "--a", "E2M1", "--b", "E2M1", *WINDOW, "--lanes", "2", "--on", "xilinx", "--json")
    found = json.loads(out)
    assert status == 0
    assert "Seed" not in err
    assert (found["on"], found["target"], found["config"]["target"]) == ("xilinx", "generic", "generic")
    cells = found["cells"]
    assert cells["LUTs"] == cells["LUT1 to LUT6"] == cells["LUT6"] + cells["LUT5"] + cells["LUT4 or less"]
    assert all(cells[kind] > 0 for kind in ("LUT6", "CARRY4", "flip-flops", "LUTRAM cells", "shift registers"))
    assert sum(found["modules"].values()) == cells["LUTs"]
    assert found["synthesis"] == ["synth_xilinx -nodsp -nowidelut -flatten -noiopad -noclkbuf -top core"]
    assert not {"fmax_mhz", "device", "seeds", "latency_ns"} & set(found)
    assert found["latency"] > 5


@pytest.mark.parametrize(("target", "on"), [("generic", "ecp5"), ("ecp5", "ecp5"), ("asic", "asic")])
def test_the_technology_follows_from_the_target(capsys, monkeypatch, target, on):
    measured = []
    monkeypatch.setattr("mxmac_fpga.cli.report.measure", lambda *given: measured.append(given) or {})
    for more in ([], ["--on", on.upper()]):
        assert report(capsys, "--target", target, *more, "--json") == (0, "{}\n", "")
        _, _, config, settings, _ = measured.pop()
        assert (config.target.value, settings.on) == (target, on)


def test_portable_text_is_measured_on_every_technology(capsys, monkeypatch):
    measured = []
    monkeypatch.setattr("mxmac_fpga.cli.report.measure", lambda *given: measured.append(given) or {})
    for target, on in itertools.product(("generic", "asic"), TECHNOLOGIES):
        assert report(capsys, "--target", target, "--on", on, "--json") == (0, "{}\n", "")
    assert [settings.on for *_, settings, _ in measured] == [*TECHNOLOGIES] * 2


def test_latency_is_that_of_the_manifest_and_of_the_clock(capsys):
    small = ["--a", "E2M1", "--b", "E2M1", *WINDOW, "--block", "2", "--lanes", "2"]
    config = MacConfig(a="E2M1", b="E2M1", accumulator="window", window=32, window_guard=8, output="bf16", block=2, lanes=2)
    status, out, _ = report(capsys, *small, "--seeds", "1", "--json")
    found = json.loads(out)
    assert status == 0
    assert found["latency"] == generate(config, "unit").manifest["latency"]
    assert found["latency_ns"] == pytest.approx(1000 * found["latency"] / found["fmax_mhz"]["median"], abs=0.06)
    status, out, _ = report(capsys, *small, "--no-route")
    assert re.search(rf"Latency +│ {found['latency']} cycles +│", out)


def test_report_as_a_table(capsys):
    status, out, _ = report(capsys, "quantizer", "--from", "bf16", "--to", "E2M1", "--lanes", "1", "--no-route")
    assert status == 0
    assert re.search(r"LUTs +│ [\d,]+ = LUT4 \+ 2 × CCU2C", out)
    assert "Fmax" not in out


def test_carry_cells_count_to_the_modules_that_they_are_in(capsys):
    small = ["--accumulator", "window", "--block", "4", "--lanes", "2", "--target", "ecp5"]
    status, out, _ = report(capsys, *small, "--no-route", "--json")
    found = json.loads(out)
    assert status == 0
    assert found["target"] == "ecp5"
    assert sum(found["modules"].values()) == found["cells"]["LUTs"]
    assert not {"adder", "cells", "beat_sum", "itself"} & set(found["modules"])
    assert min(found["modules"][name] for name in ("chain", "block_adder")) > 10


def test_the_lanes_alone_have_the_rate_of_their_beats(capsys):
    status, out, _ = report(capsys, "--part", "beat-sum", *SMALL[:4], "--lanes", "4", "--no-route", "--json")
    found = json.loads(out)
    assert status == 0
    assert (found["lanes"], found["per_clock"]) == (4, 4)


@pytest.mark.parametrize(("on", "options"), [("ecp5", "-nowidelut"), ("ice40", "-dsp"), ("gowin", ""), ("xilinx", "-noiopad")])
def test_dsp_blocks_multiply_if_they_are_asked_for(capsys, on, options):
    arguments = ["--part", "multiplier", "--multiplier", "dsp", "--on", on, "--no-route", "--json"]
    status, out, _ = report(capsys, *arguments)
    found = json.loads(out)
    assert status == 0
    assert found["cells"]["DSPs"] > 0
    assert "-nodsp" not in found["synthesis"][0]
    assert options in found["synthesis"][0]


def test_rate_follows_from_the_interval_of_blocks(capsys):
    status, out, _ = report(
        capsys, "--a", "E2M1", "--b", "E2M1", *WINDOW, "--block", "2", "--lanes", "2", "--no-route", "--json"
    )
    assert status == 0
    assert json.loads(out)["per_clock"] == json.loads(out)["lanes"] == 2


class Pair(wiring.Component):
    """A narrow adder and two wide ones, behind each other."""

    a: In(48)
    b: In(48)
    o: Out(48)

    def elaborate(self, platform):
        m = Module()
        m.submodules.narrow = narrow = Adder(8, True)
        m.d.comb += [narrow.a.eq(self.a), narrow.b.eq(self.b)]
        value = narrow.sum
        for index in range(2):
            m.submodules[f"wide{index}"] = wide = Adder(48, True)
            m.d.comb += [wide.a.eq(self.a ^ (value << 3)), wide.b.eq(value)]
            value = wide.sum
        m.d.comb += self.o.eq(value)
        return m


@pytest.mark.parametrize("on", CELLS)
def test_luts_count_to_the_modules_whose_registers_they_feed(tmp_path, on):
    types = netlist(component_verilog(Pair(), TOP), TOP, on, tmp_path, dsp=False)
    modules = luts_by_module(on, tmp_path, TOP)
    assert set(modules) == {"narrow", "wide"}
    assert sum(modules.values()) == CELLS[on].count(types)["LUTs"]
    assert 8 <= modules["narrow"] <= 10
    # What is before an adder is its own, unless it goes into the adder's LUT of six inputs.
    assert modules["wide"] > (48 if on == "xilinx" else 96)


@pytest.mark.parametrize("part", sorted(set(PARTS) - {"unit", "datapath", "beat-sum", "fp32-scale-datapath"}))
def test_every_part_can_be_measured(capsys, part):
    window = ["--accumulator", "window"] if part == "scale" else []
    status, out, _ = report(capsys, "--a", "E2M1", "--b", "E2M1", "--part", part, *window, "--no-route", "--json")
    assert status == 0
    found = json.loads(out)
    assert found["cells"]["LUTs"] > 10
    assert (found["part"], found["lanes"], found["per_clock"]) == (part, 1, 1)


def test_the_scale_applier_needs_a_window(capsys):
    status, _, error = report(capsys, "--part", "scale", "--no-route")
    assert status == 2
    assert error == "mxmac: --accumulator: must be window for the part scale, which shifts into a window\n"


@pytest.mark.parametrize("part", ["datapath", "fp32-scale-datapath"])
def test_the_rate_of_a_datapath_is_that_of_its_accumulator(capsys, part):
    small = ["--a", "E2M1", "--b", "E2M1", "--block", "2", "--lanes", "2", "--accumulator", "fp32", "--part", part]
    status, out, _ = report(capsys, *small, "--no-route", "--json")
    assert status == 0
    # An addition takes 4 clocks.
    assert json.loads(out)["per_clock"] == 2 / 4


def test_a_tool_ends_with_the_process_that_started_it():
    tool = ENDS_WITH_PARENT + "time.sleep(600)"
    starter = (
        "import subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, '-c', {tool!r}], start_new_session=True)\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", starter], stdout=subprocess.PIPE, text=True) as process:
        child = int(process.stdout.readline())
        # Not before it watches.
        time.sleep(1)
        os.kill(child, 0)
        process.kill()
    end = time.monotonic() + 300
    while time.monotonic() < end:
        try:
            os.kill(child, 0)
        except ProcessLookupError:
            return
        if Path(f"/proc/{child}/stat").exists() and Path(f"/proc/{child}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
            return
        time.sleep(0.1)
    os.kill(child, signal.SIGKILL)
    pytest.fail("it goes on")


@pytest.mark.parametrize(
    ("arguments", "option", "accepted"),
    [
        (["--target", "stratix"], "--target", "generic, ecp5, asic"),
        (["--target", "ice40"], "--target", "to measure on ice40, use --on ice40"),
        (["--target", "ecp5", "--on", "xilinx"], "--on", "must be ecp5 for the target ecp5"),
        (["--target", "ECP5", "--on", "asic"], "--on", "must be ecp5 for the target ecp5"),
        (["--on", "stratix"], "--on", "ecp5, ice40, gowin, xilinx, asic"),
        (["--part", "rounders"], "--part", "unit, datapath, beat-sum, accumulator, product, multiplier"),
        (["--seeds", "1,x"], "--seeds", "whole numbers"),
        (["--seeds", "1,1"], "--seeds", "once"),
        (["--seeds", ""], "--seeds", "whole numbers"),
        (["--freq", "0"], "--freq", "1 to 2000 MHz"),
        (["--jobs", "0"], "--jobs", "At least one"),
        (["--lanes", "5"], "--lanes", "divide"),
        (["--liberty", "nothing.lib"], "--liberty", "Liberty"),
        (["-o", "nowhere/report.json"], "nowhere/report.json", "create it first"),
        (["--part", "fp32-lane", "--a", "E4M3,E5M2"], "--a", "one format"),
        (["--part", "fp32-scale-datapath"], "--accumulator", "choose fp32"),
        (["--lanes", "4", "quantizer"], "--lanes", "after its name"),
    ],
)
def test_bad_options_are_one_line(capsys, tmp_path, monkeypatch, arguments, option, accepted):
    monkeypatch.chdir(tmp_path)
    status, out, err = report(capsys, *arguments)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"mxmac: {option}: ")
    assert accepted in err
    assert not list(tmp_path.iterdir())
