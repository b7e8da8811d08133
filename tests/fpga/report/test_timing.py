"""Setup slack and power by OpenSTA: on a library whose delays and loads are known, so that all figures can be computed."""

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from mxmac.config import MacConfig
from mxmac.errors import HardwareError, ToolError, UserError
from mxmac_fpga.report import activity, timing
from mxmac_sim.campaigns.gates.technologies import LIBERTY
from report_command import SMALL, report

needs_sta = pytest.mark.skipif(shutil.which("sta") is None, reason="OpenSTA is not installed")

PERIOD = 5.0
#: ns without a load, ns per pF, setup of the register in ns, capacitance of an input in pF, and V.
DELAY, PER_PF, SETUP, PIN, VOLTAGE = 0.5, 2.0, 0.25, 0.03, 1.8


def table(base: float, per_pf: float, template: str = "by_load") -> str:
    rows = ", ".join(f'"{base + per_pf * load}, {base + per_pf * load}"' for load in (0.0, 1.0))
    return f'({template}) {{ index_1 ("0, 1"); index_2 ("0, 1"); values ({rows}); }}'


def gate(name: str, inputs: str, function: str, sense: str = "negative") -> str:
    shape = " ".join(
        kind + table(base, per_pf)
        for kind, base, per_pf in (
            ("cell_rise", DELAY, PER_PF),
            ("cell_fall", DELAY, PER_PF),
            ("rise_transition", 0.1, 0),
            ("fall_transition", 0.1, 0),
        )
    )
    arcs = [f'timing () {{ related_pin : "{pin}"; timing_sense : {sense}_unate; {shape} }}' for pin in inputs]
    pins = [f"pin ({pin}) {{ direction : input; capacitance : {PIN}; }}" for pin in inputs]
    return (
        f"cell ({name}) {{ area : 1; {' '.join(pins)} pin (Y) {{ direction : output; "
        f'function : "{function}"; max_capacitance : 1; {" ".join(arcs)} }} }}'
    )


def register() -> str:
    moves = "".join(kind + table(DELAY, PER_PF) for kind in ("cell_rise", "cell_fall"))
    shape = moves + "".join(kind + table(0.1, 0) for kind in ("rise_transition", "fall_transition"))
    setup = f"rise_constraint{table(SETUP, 0, 'by_slew')} fall_constraint{table(SETUP, 0, 'by_slew')}"
    return f"""cell (DFF) {{ area : 8; ff (IQ, IQN) {{ clocked_on : "C"; next_state : "D"; }}
  pin (C) {{ direction : input; clock : true; capacitance : {PIN}; }}
  pin (D) {{ direction : input; capacitance : {PIN};
    timing () {{ related_pin : "C"; timing_type : setup_rising; {setup} }} }}
  pin (Q) {{ direction : output; function : "IQ"; timing () {{ related_pin : "C"; timing_type : rising_edge; {shape} }} }} }}"""


LIBRARY = f"""library (known) {{
  delay_model : table_lookup; time_unit : "1ns"; capacitive_load_unit (1, pf); voltage_unit : "1V"; nom_voltage : {VOLTAGE};
  leakage_power_unit : "1nW"; current_unit : "1uA"; pulling_resistance_unit : "1kohm";
  operating_conditions (typical) {{ process : 1; voltage : {VOLTAGE}; temperature : 25; }}
  default_operating_conditions : typical;
  slew_lower_threshold_pct_rise : 20; slew_upper_threshold_pct_rise : 80;
  slew_lower_threshold_pct_fall : 20; slew_upper_threshold_pct_fall : 80;
  input_threshold_pct_rise : 50; input_threshold_pct_fall : 50; output_threshold_pct_rise : 50; output_threshold_pct_fall : 50;
  lu_table_template (by_load) {{ variable_1 : total_output_net_capacitance; variable_2 : input_net_transition;
    index_1 ("0, 1"); index_2 ("0, 1"); }}
  lu_table_template (by_slew) {{ variable_1 : related_pin_transition; variable_2 : constrained_pin_transition;
    index_1 ("0, 1"); index_2 ("0, 1"); }}
  {gate("INV", "A", "(!A)")}
  {gate("BUF", "A", "A", "positive")}
  {gate("NAND2", "AB", "(!(A B))")}
  {gate("NOR2", "AB", "(!(A+B))")}
  {register()}
}}
"""

#: From register to register through one gate.
DESIGN = """
module core(input clk, input a, input b, output reg y);
  reg p, q;
  always @(posedge clk) begin p <= a; q <= b; y <= ~(p & q); end
endmodule
"""


@pytest.fixture
def library(tmp_path):
    file = tmp_path / "known.lib"
    file.write_text(LIBRARY)
    return file


@pytest.fixture
def unit(library, tmp_path):
    return timing.mapped(DESIGN, "core", tmp_path / "mapped", library, PERIOD)


@needs_sta
def test_setup_slack_is_the_sum_of_delays_and_wires_make_it_less(unit):
    # Register, one input; gate, one input; setup. Or the register that drives the output with its load.
    inside = PERIOD - (DELAY + PER_PF * PIN) - (DELAY + PER_PF * PIN) - SETUP
    assert timing.setup_slack(unit, PERIOD, wires=False) == pytest.approx(inside, abs=2e-3)
    wired = inside - 2 * PER_PF * timing.WIRE_LOAD_PF
    assert timing.setup_slack(unit, PERIOD, wires=True) == pytest.approx(wired, abs=2e-3)


@needs_sta
def test_slack_is_negative_where_a_path_is_too_slow(unit):
    assert timing.setup_slack(unit, 1.0, wires=False) < 0


@needs_sta
def test_power_of_a_net_is_that_of_charging_it(unit):
    gate_output = next(net for net, pins in unit.drivers.items() if any(pin.endswith("/Y") for pin in pins))
    quiet = dict.fromkeys(unit.drivers, (0.0, 0.0))
    watts = [timing.power(unit, PERIOD, quiet | {gate_output: (transitions, 0.5)})["switching"] for transitions in (0.0, 1.0)]
    farads = (PIN + timing.WIRE_LOAD_PF) * 1e-12
    assert watts[1] - watts[0] == pytest.approx(farads * VOLTAGE**2 / 2 / (PERIOD * 1e-9), rel=1e-3)


WAVES = """$timescale 1ps $end
$scope module TOP $end
$var wire 1 ! clk $end
$scope module unit $end
$var wire 1 ! clk $end
$var wire 1 # n1 $end
$var wire 3 $ in_a [2:0] $end
$upscope $end
$upscope $end
$enddefinitions $end
#0
0!
0#
b000 $
#5
1!
#10
0!
1#
b101 $
#15
1!
b100 $
#20
0!
0#
"""


def test_transitions_are_counted_by_bit_and_by_cycle(tmp_path):
    file = tmp_path / "x.vcd"
    file.write_text(WAVES)
    nets, cycles = activity._transitions(file)
    assert cycles == 2
    assert nets == {"clk": (2, 0.5), "n1": (1, 0.5), "in_a[0]": (1, 0.25), "in_a[1]": (0, 0), "in_a[2]": (0.5, 0.5)}


def test_a_netlist_that_computes_something_else_is_no_base_for_power(tmp_path, monkeypatch):
    class Wrong:
        def __init__(self, *_arguments, **_options):
            pass

        def run(self, a, *_arguments, **_options):
            return SimpleNamespace(data=np.zeros(len(a), np.uint32), status=np.zeros(len(a), np.uint8))

    monkeypatch.setattr(activity, "BulkUnit", Wrong)
    with pytest.raises(HardwareError, match="golden model"):
        activity.simulated_activity(MacConfig(), "", "", tmp_path)


# The command.


@needs_sta
@pytest.mark.skipif(not LIBERTY.is_file(), reason="qflow-tech-osu018 is not installed")
def test_report_has_slack_at_a_period(capsys):
    options = ("--on", "asic", "--period", "40")
    status, out, err = report(capsys, *SMALL, *options, "--json")
    assert status == 0, err
    found = json.loads(out)
    assert 20 < found["timing"]["setup_slack_with_wires_ns"] < found["timing"]["setup_slack_ns"] < 40
    assert found["versions"]["opensta"]
    status, out, _ = report(capsys, *SMALL, *options)
    assert status == 0
    assert f"{found['timing']['setup_slack_ns']:.3f} at a period of 40 ns, without wires" in out


MISTAKES = {
    "power without a period": (("--on", "asic", "--power"), "--power", "add --period NS"),
    "period of an FPGA": (("--period", "5"), "--period", "standard cells"),
    "period of nothing": (("--on", "asic", "--period", "0"), "--period", "0.01 to"),
    "power of a part": (("--on", "asic", "--period", "5", "--power", "--part", "product"), "--power", "only the unit"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line(capsys, monkeypatch, mistake):
    monkeypatch.setattr("mxmac_fpga.report.options.check_sta", lambda: None)
    options, named, says = MISTAKES[mistake]
    status, out, err = report(capsys, *SMALL, *options)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"mxmac: {named}: ")
    assert says in err


def test_without_opensta_one_line_says_what_to_install(capsys, monkeypatch):
    monkeypatch.setattr(timing.shutil, "which", lambda _program: None)
    status, out, err = report(capsys, *SMALL, "--on", "asic", "--period", "5")
    assert (status, out) == (3, "")
    assert err == "mxmac: OpenSTA is not installed, which --period needs; Debian and Ubuntu: apt install opensta\n"
    with pytest.raises(ToolError):
        timing.check_sta()


def test_a_library_without_times_has_no_slack(tmp_path):
    file = tmp_path / "bare.lib"
    file.write_text("library (bare) { cell (INV) { area : 1; } }")
    with pytest.raises(UserError, match="no times"):
        timing.mapped(DESIGN, "core", tmp_path / "mapped", file, PERIOD)
