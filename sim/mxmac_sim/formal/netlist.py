"""A harness and the text it is about, flat, as BTOR2. Run as a program: Verilog file, name of the top module, BTOR2 file."""

import sys

from pyosys import libyosys as ys

__all__ = ["main"]

#: None of them removes what drives a named wire: where an input follows a bit that nothing drives, ``write_btor`` frees both.
_PASSES = (
    "hierarchy -check -top {top}",
    "proc",
    "flatten",
    "async2sync",
    "opt_expr",
    "memory_collect",
    "memory_nordff",
    "dffunmap",
    "setundef -undriven -anyseq",
)


def main(verilog: str, top: str, btor: str):
    """Read Verilog with Yosys, and write it as BTOR2. References into instances, ``unit.register``, are resolved.

    An asynchronous reset acts at once; it changes just after an edge of the clock, as all inputs do.
    """
    design = ys.Design()
    passes = [script.format(top=top) for script in _PASSES]
    for command in (f"read_verilog -nosynthesis {verilog}", *passes, f"write_btor {btor}"):
        ys.Pass.call(design, f"tee -q -o {btor}.log {command}")


if __name__ == "__main__":
    main(*sys.argv[1:])
