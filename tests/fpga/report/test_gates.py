"""``mxmac report --on asic``: areas and delays of a library of cells, and gates without one."""

import json

import pytest

from report_command import SMALL, report


def gate(name: str, area: int, inputs: str, function: str, sense: str, timed: bool) -> str:
    # Longer with the load, and with the time that an input takes.
    rows = ", ".join(f'"{", ".join(f"{GATE_NS * (1 + (load + slew) / 2):.2f}" for slew in INDEX)}"' for load in INDEX)
    table = f"(flat) {{ {INDICES} values ({rows}); }}"
    shape = " ".join(kind + table for kind in ("cell_rise", "cell_fall", "rise_transition", "fall_transition"))
    arcs = [f'timing () {{ related_pin : "{pin}"; timing_sense : {sense}_unate; {shape} }}' for pin in inputs * timed]
    pins = [f"pin ({pin}) {{ direction : input; capacitance : 0.01; }}" for pin in inputs]
    output = f'pin (Y) {{ direction : output; function : "{function}"; max_capacitance : 1; {" ".join(arcs)} }}'
    return f"cell ({name}) {{ area : {area}; {' '.join(pins)} {output} }}"


GATE_NS = 0.5
INDEX = (0.01, 0.1, 1)
INDICES = " ".join(f'index_{number} ("{", ".join(map(str, INDEX))}");' for number in (1, 2))


def library(timed: bool) -> str:
    """Gates of one area and about one delay, and a register that is as large as 8 of them."""
    return f"""library (five) {{
  delay_model : table_lookup; time_unit : "1ns"; capacitive_load_unit (1, pf);
  lu_table_template (flat) {{ variable_1 : total_output_net_capacitance; variable_2 : input_net_transition; {INDICES} }}
  {gate("INV", 2, "A", "(!A)", "negative", timed)}
  {gate("BUF", 2, "A", "A", "positive", timed)}
  {gate("NAND2", 2, "AB", "(!(A B))", "negative", timed)}
  {gate("NOR2", 2, "AB", "(!(A+B))", "negative", timed)}
  cell (DFF) {{ area : 16; ff (IQ, IQN) {{ clocked_on : "C"; next_state : "D"; }}
    pin (C) {{ direction : input; clock : true; capacitance : 0.01; }} pin (D) {{ direction : input; capacitance : 0.01; }}
    pin (Q) {{ direction : output; function : "IQ"; }} }}
}}
"""


@pytest.mark.parametrize(
    "content",
    [
        bytes(range(256)) * 40,
        b"",
        b"\x7fELF\0\0library (five) {",
        b"PK\3\4",
        "library ohne Klammer".encode("utf-16"),
        b"module a; endmodule",
    ],
)
def test_a_file_that_is_no_library_is_one_line_with_status_2(capsys, tmp_path, content):
    file = tmp_path / "cells.lib"
    file.write_bytes(content)
    status, out, err = report(capsys, *SMALL, "--on", "asic", "--liberty", str(file))
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("mxmac: --liberty: ")
    assert "Liberty format" in err


def test_a_library_with_comments_in_latin_1_is_read(capsys, tmp_path):
    file = tmp_path / "five.lib"
    file.write_bytes("/* © Zürich */\n".encode("latin-1") + library(True).encode())
    status, out, _ = report(capsys, *SMALL, "--on", "asic", "--liberty", str(file), "--json")
    assert status == 0
    assert "delay_ns" in json.loads(out)["gates"]


@pytest.mark.parametrize("timed", [True, False])
def test_report_with_standard_cells(capsys, tmp_path, timed):
    file = tmp_path / "five.lib"
    file.write_text(library(timed))
    status, out, _ = report(capsys, *SMALL, "--on", "asic", "--liberty", str(file), "--json")
    assert status == 0
    found = json.loads(out)
    figures = found["gates"]
    combinational, registers = figures["combinational_area_um2"], figures["area_um2"] - figures["combinational_area_um2"]
    assert combinational / 2 + registers / 16 == figures["cells"]
    assert combinational > registers / 16 > 0
    if timed:
        assert 3 <= figures["delay_ns"] / GATE_NS <= 20
    else:
        assert "delay_ns" not in figures
    assert figures["flip_flops"] == registers / 16
    assert figures["full_adders"] == 0
    assert found["library"] == "five.lib"
    assert str(tmp_path) not in out


def test_report_without_a_library_counts_gates(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("mxmac_fpga.report.options.LIBERTY", tmp_path / "nothing.lib")
    status, out, _ = report(capsys, *SMALL, "--on", "asic", "--json")
    found = json.loads(out)
    assert status == 0
    assert found["library"] is None
    assert found["gates"]["gates"] > 10
    assert found["gates"]["transistors"] > 4 * found["gates"]["gates"]


def test_the_target_decides_storage_and_not_the_technology(capsys, monkeypatch):
    measured = []
    monkeypatch.setattr("mxmac_fpga.cli.report.measure", lambda *given: measured.append(given) or {})
    for arguments in (["--on", "asic"], ["--target", "asic"], ["--target", "asic", "--on", "ecp5"]):
        assert report(capsys, *arguments, "--json") == (0, "{}\n", "")
    assert [config.storage.value for _, _, config, *_ in measured] == ["lutram", "registers", "registers"]


def test_adders_of_the_netlist_for_the_delay_are_those_asked_for(capsys, tmp_path):
    file = tmp_path / "five.lib"
    file.write_text(library(True))
    found = []
    for options in ([], ["--kogge-stone"]):
        status, out, _ = report(capsys, *SMALL, "--on", "asic", "--liberty", str(file), *options, "--json")
        assert status == 0
        found.append(json.loads(out))
    assert found[0]["synthesis"]["area"] == found[1]["synthesis"]["area"]
    assert found[1]["synthesis"]["delay"][1] == "synth -flatten -extra-map +/choices/kogge-stone.v -top core"
    assert found[0]["gates"]["area_um2"] == found[1]["gates"]["area_um2"]
    status, _, err = report(capsys, *SMALL, "--kogge-stone")
    assert (status, err) == (2, "mxmac: --kogge-stone: must be left out on ecp5; it is for standard cells\n")
