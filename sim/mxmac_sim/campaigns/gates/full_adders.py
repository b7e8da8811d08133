"""Full adders of a library in the place of full adders that the text names.

A module with ``_full_adders`` in its name has sums ``x ^ y ^ z`` and carries ``x & y | y & z | z & x`` of three bits, and no
registers. Synthesis by gates takes it apart; a cell of the library that does the same is smaller.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from .liberty import FullAdder, full_adder

__all__ = ["with_full_adders"]

_MODULE = re.compile(r"^module \w*_full_adders\w* \(", re.M)
_SELECTED = "*_full_adders*"
#: Stands for a full adder of one bit until registers and gates are mapped; ports and parameter are those of Yosys's own.
_BIT = "full_adder_bit"
_BLACK_BOX = f"(* blackbox *) module {_BIT} #(parameter WIDTH = 1) (input A, B, C, output X, Y); endmodule\n"
#: Files for Yosys.
_BOX_FILE, _CELL_FILE = "full_adder_bit.v", "full_adder_cell.v"


def with_full_adders(commands: Sequence[str], text: str, library: str, folder: Path) -> tuple[list[str], str | None]:
    """Put a library's full adder in the place of full adders, with files for Yosys in a folder.

    Parameters
    ----------
    commands : sequence of str
        Of Yosys after it has read the text; the one that begins with ``synth`` takes modules apart.
    text : str
        Verilog as :func:`~mxmac.verilog.emit.component_verilog` writes it.
    library : str
        In Liberty format.
    folder : Path

    Returns
    -------
    commands : list of str
        As they were if the text or the library has no full adder.
    cell : str or None
        Name of the cell.
    """
    cell = full_adder(library) if _MODULE.search(text) else None
    if cell is None:
        return list(commands), None
    (folder / _BOX_FILE).write_text(_BLACK_BOX)
    (folder / _CELL_FILE).write_text(_mapped(cell))
    found = [
        f"read_verilog {_BOX_FILE}",
        f"proc {_SELECTED}",
        f"techmap {_SELECTED}",
        f"extract_fa -fa {_SELECTED}",
        f"chtype -set {_BIT} {_SELECTED}/t:$fa",
    ]
    synthesized = next(index for index, command in enumerate(commands) if command.startswith("synth ")) + 1
    # Those with a constant become gates.
    mapped = [f"techmap -map {_CELL_FILE}", "techmap", "opt -fast"]
    return [*found, *commands[:synthesized], *mapped, *commands[synthesized:]], cell.name


def _mapped(cell: FullAdder) -> str:
    """Write the module that takes the place of a bit: the cell, or gates if an input is constant."""
    a, b, c = cell.inputs
    return f"""(* techmap_celltype = "{_BIT}" *)
module full_adder_cell #(parameter WIDTH = 1) (input A, B, C, output X, Y);
  parameter _TECHMAP_CONSTMSK_A_ = 0;
  parameter _TECHMAP_CONSTMSK_B_ = 0;
  parameter _TECHMAP_CONSTMSK_C_ = 0;
  generate
    if (_TECHMAP_CONSTMSK_A_ | _TECHMAP_CONSTMSK_B_ | _TECHMAP_CONSTMSK_C_) begin
      assign Y = A ^ B ^ C;
      assign X = A & B | B & C | C & A;
    end else
      {cell.name} cell_i (.{a}(A), .{b}(B), .{c}(C), .{cell.sum}(Y), .{cell.carry}(X));
  endgenerate
endmodule
"""
