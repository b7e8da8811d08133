"""Netlists after synthesis: one that is right passes, one with a changed cell does not."""

import dataclasses
import json

import pytest

from mxmac_sim.campaigns.gates import campaign as gates
from mxmac_sim.campaigns.gates.campaign import GateResult
from mxmac_sim.campaigns.gates.netlists import Netlist, with_changes


def test_a_netlist_that_fails_or_does_not_notice_is_not_as_it_should_be():
    right = GateResult("unit", "ice40", 1, 1, None, {"LUT4 x": "wrong", "LUT4 y": "late"}, 1.0)
    assert right.expected
    assert not dataclasses.replace(right, problem="wrong").expected
    assert not dataclasses.replace(right, changes={"LUT4 x": "wrong", "LUT4 y": None}).expected


MODELS = "module NAND2X1(A, B, Y);\n  input A;\n  input B;\n  output Y;\n  assign Y = ~(A & B);\nendmodule\n"
INSTANCES = {
    "ice40": "  SB_LUT4 #(\n    .LUT_INIT(16'h6996)\n  ) \\a.b  (\n    .I0(x),\n    .O(\\y [3])\n  );\n",
    "ecp5": "  LUT4 #(\n    .INIT(16'h0001)\n  ) c (\n    .A(x),\n    .Z(\\y [3])\n  );\n",
    "gowin": "  LUT3 #(\n    .INIT(8'h15)\n  ) c (\n    .F(\\y [3]),\n    .I0(x)\n  );\n",
    "xilinx": "  LUT6 #(\n    .INIT(64'h1)\n  ) c (\n    .I0(x),\n    .O(\\y [3])\n  );\n",
    "asic": "  NAND2X1 _1_ (\n    .A(x),\n    .B(x),\n    .Y(\\y [3])\n  );\n",
}


@pytest.mark.parametrize("on", INSTANCES)
def test_a_change_inverts_the_output_of_one_cell(on):
    text = "module core(x, y);\n  DFFPOSX1 _0_ (\n    .D(x)\n  );\n" + INSTANCES[on] + "endmodule\n"
    changed, cells = with_changes(Netlist(on, text, MODELS, {}), 1)
    assert "  assign \\y [3] = unchanged[1] ^ (change == 1);\n" in changed.text
    assert changed.text.count("(unchanged[1])") == 1
    assert len(cells) == 1
    with pytest.raises(ValueError, match="has 1 cells that could be changed, not 2"):
        with_changes(Netlist(on, text, MODELS, {}), 2)


def test_cells_that_are_missing_are_skipped_and_the_output_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(gates, "LIBERTY", tmp_path / "no.lib")
    monkeypatch.setattr(gates, "UNITS", {})
    result = tmp_path / "gates.json"
    assert gates.main(["--work", str(tmp_path), "--json", str(result)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "asic skipped" in said
    assert "install qflow-tech-osu018" in said
    assert list(json.loads(result.read_text())["skipped"]) == ["asic"]


@pytest.mark.parametrize("arguments", [["--on", "asic"], ["--liberty", "mine.lib"]])
def test_cells_that_were_asked_for_and_are_missing_are_a_mistake(arguments, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(gates, "LIBERTY", tmp_path / "no.lib")
    assert gates.main([*arguments, "--json", "gates.json"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("gates: liberty: ")
    assert said.count("\n") == 1
    assert not list(tmp_path.iterdir())
