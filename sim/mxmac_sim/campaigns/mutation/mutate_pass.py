"""Yosys' part of mutation testing. Run as a program, by path, in one of two ways.

``mutate_pass.py UNIT.v TOP MUTANTS.v LIST COUNT SEED`` writes a unit that holds many mutants, in one module: the one whose
number its input ``mutant`` has is active, and with 0 none. What each of them changes is written to LIST, a line each.

``mutate_pass.py UNIT.v TOP MUTANT.v LINE`` makes the change that a line of such a list describes in the module that it is
about, and leaves modules apart.
"""

import re
import sys
from pathlib import Path

from pyosys import libyosys as ys

_READ = ("read_verilog -nosynthesis {file}", "hierarchy -check -top {top}", "proc -noopt")
#: The unit as operators on words and flip-flops, in one module. No register has an initial value: only a reset gives it one.
_FLATTEN = ("flatten", "opt_expr", "opt_clean -purge", "memory_collect", "setattr -unset init w:*")
#: Name of a cell in the flat unit: the instances that lead to its module, and its name there.
_CELL = re.compile(r"^\$flatten((?:\\\w+\.)+)(.+)$")


def main(verilog_file: str, top: str, mutants_file: str, *more: str):
    """Put mutations in."""
    design = ys.Design()

    def call(script: str):
        ys.Pass.call(design, f"tee -q -o {mutants_file}.log {script}")

    for script in _READ:
        call(script.format(file=verilog_file, top=top))
    if len(more) == 1:
        for script in ("opt_expr", "opt_clean", "memory_collect"):
            call(script)
        call(f"write_verilog -noattr {mutants_file}")
        before = Path(mutants_file).read_text()
        call(_in_its_module(design, top, more[0]))
        call("opt_clean -purge")
    else:
        list_file, count, seed = more
        for script in _FLATTEN:
            call(script)
        call(f"mutate -list {count} -seed {seed} -ctrl mutant 16 1 -o {list_file}")
        for line in Path(list_file).read_text().splitlines():
            call(line)
        call(f"rename {top} mutants")
    call(f"write_verilog -noattr {mutants_file}")
    if len(more) == 1 and Path(mutants_file).read_text() == before:
        sys.exit("nothing has changed")


def _in_its_module(design, top: str, line: str) -> str:
    """Return the command that makes the same change in a design that is not flat."""
    options = dict(re.findall(r"-(mode|cell|port|portbit|ctrlbit) (\S+)", line))
    found = _CELL.match(options["cell"])
    if not found:
        sys.exit("the cell is in no module of its own")
    module = design.module(ys.IdString(f"\\{top}"))
    for instance in found[1].strip(".").split("."):
        module = design.module(module.cell(ys.IdString(instance.rstrip("."))).type)
    options |= {"cell": found[2], "module": module.name.str()[1:]}
    return "mutate " + " ".join(f"-{name} {value}" for name, value in options.items())


if __name__ == "__main__":
    main(*sys.argv[1:])
