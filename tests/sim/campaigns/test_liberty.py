"""Cells that are found by their function, and full adders in their place."""

import itertools

import pytest

from mxmac_sim.campaigns.gates.full_adders import with_full_adders
from mxmac_sim.campaigns.gates.liberty import FullAdder, _value, flip_flops, full_adder
from mxmac_sim.simulators.yosys import run_yosys

COMMANDS = ["read_liberty -lib cells.lib", "synth -flatten -top core", "abc -liberty cells.lib", "clean"]


def cell(name, area, inputs, outputs, state=""):
    pins = [f"pin ({pin}) {{ direction : input; }}" for pin in inputs]
    pins += [f'pin ("{pin}") {{ direction : output;\n function : "{function}"; }}' for pin, function in outputs.items()]
    return f"cell ({name}) {{\n area : {area};\n {state} {' '.join(pins)} }}\n"


SUM, CARRY = "(A^B)^C", "(A B)+(B C)+(C A)"
FULL_ADDER = cell("ADDER", 10, "ABC", {"S": SUM, "CO": CARRY})
GATES = (
    cell("INV", 1, "A", {"Y": "!A"})
    + cell("BUF", 1, "A", {"Y": "A"})
    + cell("NAND2", 2, "AB", {"Y": "!(A&B)"})
    + cell("XOR2", 4, "AB", {"Y": "A^B"})
    + cell("DFF", 8, "CD", {"Q": "IQ"}, 'ff (IQ, IQN) { clocked_on : "C"; next_state : "D"; }')
)


def library(*cells):
    return "/* cell (NONE) { */ library (small) {\n" + "".join(cells) + "}\n"


@pytest.mark.parametrize(
    ("function", "values"),
    [
        ("A", "00001111"),
        ("!A", "11110000"),
        ("A'", "11110000"),
        ("(A*B)'", "11111100"),
        ("A&B|C", "01010111"),
        ("A + B C", "00011111"),
        ("A ^ B + C", "01111101"),
        ("!(A^B) C", "01000001"),
        ("A ^ B C", "00010100"),
        ("1", "11111111"),
    ],
)
def test_functions_are_read_with_their_precedence(function, values):
    rows = itertools.product((0, 1), repeat=3)
    assert "".join(str(_value(function, dict(zip("ABC", row, strict=True)))) for row in rows) == values


def test_a_function_of_other_names_has_no_value():
    assert _value("IQ", {"A": 1}) is None
    assert _value("", {}) is None


def test_a_full_adder_is_found_by_its_function_and_not_by_its_name():
    decoys = (
        cell("FAX1", 1, "ABC", {"S": SUM, "CO": "(A B)+(B C)"}),
        cell("FA_INVERTED", 1, "ABC", {"S": f"!({SUM})", "CO": CARRY}),
        cell("SUM_ONLY", 1, "ABC", {"S": SUM}),
        cell("ADDER_WITH_REGISTER", 1, "ABC", {"S": SUM, "CO": CARRY}, "ff (IQ, IQN) { }"),
    )
    assert full_adder(library(*decoys, GATES)) is None
    found = full_adder(library(*decoys, FULL_ADDER, cell("LARGE", 20, "ABC", {"S": SUM, "CO": CARRY})))
    assert found == FullAdder("ADDER", ("A", "B", "C"), sum="S", carry="CO")


def test_flip_flops_are_cells_with_a_register():
    assert flip_flops(library(FULL_ADDER, GATES)) == {"DFF"}


#: One bit has a constant, so it is no full adder.
TEXT = """module core__tree_full_adders (
  input wire [3:0] x,
  input wire [3:0] y,
  input wire [3:0] z,
  output wire [3:0] sum,
  output wire [3:0] carry
);
  assign sum = x ^ y ^ z;
  assign carry = (x & y) | (y & z) | (z & x);
endmodule
module core (input [3:0] x, input [3:0] y, input [2:0] z, output [3:0] sum, output [3:0] carry);
  core__tree_full_adders adders (.x(x), .y(y), .z({z, 1'b0}), .sum(sum), .carry(carry));
endmodule
"""


def mapped(folder, text, cells):
    folder.mkdir()
    (folder / "cells.lib").write_text(cells)
    (folder / "source.v").write_text(text)
    commands, name = with_full_adders(COMMANDS, text, cells, folder)
    run_yosys(["read_verilog source.v", *commands, "write_verilog -noattr netlist.v"], folder)
    return name, (folder / "netlist.v").read_text()


def test_full_adders_become_the_cell_of_the_library(tmp_path):
    name, netlist = mapped(tmp_path / "mapped", TEXT, library(FULL_ADDER, GATES))
    assert name == "ADDER"
    assert netlist.count("  ADDER ") == 3
    assert "XOR2" in netlist


def test_a_netlist_with_the_cell_computes_the_same(tmp_path):
    cells = library(FULL_ADDER, GATES)
    _, netlist = mapped(tmp_path / "mapped", TEXT, cells)
    (tmp_path / "cells.lib").write_text(cells)
    (tmp_path / "source.v").write_text(TEXT)
    (tmp_path / "netlist.v").write_text(netlist := netlist.replace("module core(", "module mapped("))
    equal = [
        "read_liberty cells.lib",
        "read_verilog source.v netlist.v",
        "proc",
        "flatten",
        "miter -equiv -flatten core mapped miter",
        "sat -verify -prove trigger 0 miter",
    ]
    run_yosys(equal, tmp_path)
    # The proof fails if the pins of the cell are exchanged.
    (tmp_path / "netlist.v").write_text(netlist.replace(".CO(", ".T(").replace(".S(", ".CO(").replace(".T(", ".S("))
    with pytest.raises(Exception, match="Yosys failed"):
        run_yosys(equal, tmp_path)


@pytest.mark.parametrize(
    ("text", "cells"), [(TEXT, library(GATES)), (TEXT.replace("_full_adders", "_compressor"), library(FULL_ADDER, GATES))]
)
def test_without_a_cell_or_a_name_there_are_gates(tmp_path, text, cells):
    name, netlist = mapped(tmp_path / "mapped", text, cells)
    assert name is None
    assert "ADDER" not in netlist
    assert with_full_adders(COMMANDS, text, cells, tmp_path) == (COMMANDS, None)
