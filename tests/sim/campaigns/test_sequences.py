"""Proofs about sequences of states, on small units whose versions are written by hand."""

import subprocess
import sys
from pathlib import Path

import pytest

from mxmac.errors import ToolError
from mxmac_sim.campaigns.mutation import sequences
from mxmac_sim.campaigns.mutation.aiger import Graph, Netlist
from mxmac_sim.campaigns.mutation.sequences import SequentialUnit

PASS = Path(sequences.__file__).with_name("sequence_pass.py")

#: A counter from 0 to 4, a register that only counts where another is set, one that is always 0, and a memory.
UNIT = """
module mutants(input clk, input rst, input [15:0] mutant, input [1:0] a, input [3:0] d,
  output [2:0] o, output [3:0] r, output z);
  reg [2:0] count;
  reg [3:0] held, read, entries [3:0];
  reg valid, zero;
  wire [3:0] odd = mutant == 3 && count == 7 ? 4'd1 : mutant == 4 && count == 4 ? 4'd1 : 4'd0;
  always @(posedge clk) begin
    count <= rst || count == 4 ? 0 : count + 1;
    if (mutant == 1 && count == 6) count <= 0;
    if (mutant == 2 && count == 3) count <= 0;
    zero <= 0;
    valid <= !rst && a == 3;
    held <= a == 3 ? d : mutant == 5 ? ~d : d;
    if (!rst && a[0]) entries[count[1:0]] <= d ^ odd;
    if (mutant == 6 && a[1]) entries[0] <= d;
    read <= entries[a];
  end
  assign o = count ^ {3{mutant == 7 && zero}};
  assign r = (valid ? held : 4'd0) ^ read;
  assign z = mutant == 8 && rst;
endmodule
"""


@pytest.fixture(scope="module")
def unit(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sequences")
    (folder / "mutants.v").write_text(UNIT)
    subprocess.run([sys.executable, "-P", str(PASS), "mutants.v", "mutants.aag"], cwd=folder, check=True)
    return SequentialUnit(folder / "mutants.aag"), folder


@pytest.mark.parametrize(
    ("number", "why"),
    [
        (0, "nothing is changed"),
        (1, "the counter never is 6"),
        (3, "nor 7, so the memory is given the same"),
        (5, "nothing sees the register where it differs"),
        (7, "the register is 0"),
    ],
)
def test_what_no_sequence_tells_is_proved(unit, number, why):
    sequential, folder = unit
    assert sequential.same(number, folder / f"{number}.aig", timeout=600), why


@pytest.mark.parametrize(
    ("number", "why"),
    [
        (2, "the counter is 3 after three clocks"),
        (4, "the memory is written something else"),
        (6, "and elsewhere"),
        (8, "an output differs in a later reset"),
    ],
)
def test_what_a_sequence_tells_is_not(unit, number, why):
    sequential, folder = unit
    assert not sequential.same(number, folder / f"{number}.aig", timeout=600), why


def test_a_failure_of_abc_is_no_proof(unit, monkeypatch):
    sequential, folder = unit
    monkeypatch.setattr(sequences, "_ABC", Path("/bin/false"))
    with pytest.raises(ToolError, match="ABC failed"):
        sequential.same(1, folder / "failed.aig", timeout=600)


def test_equal_nodes_are_one():
    graph = Graph()
    a, b = graph.free(), graph.free()
    assert graph.both(a, b) == graph.both(b, a)
    assert graph.both(a, a ^ 1) == 0
    assert graph.either(1, a) == 1


def test_a_unit_is_read_as_it_was_written(tmp_path):
    (tmp_path / "two.aag").write_text("aag 4 2 1 1 1\n2\n4\n6 8\n7\n8 6 5\ni0 a\ni1 b\nl0 held\no0 o\nc\nYosys\n")
    netlist = Netlist.read(tmp_path / "two.aag")
    assert (netlist.inputs, netlist.outputs, netlist.registers) == ({"a": 2, "b": 4}, {"o": 7}, {6: 8})
    graph = Graph()
    a, b, held = (graph.free() for _ in range(3))
    after, outputs = netlist.put_into(graph, {"a": a, "b": b}, [held])
    assert outputs == {"o": held ^ 1}
    assert after == [graph.both(held, b ^ 1)]
