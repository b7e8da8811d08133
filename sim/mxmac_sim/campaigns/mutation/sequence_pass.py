"""Yosys' part of proofs about sequences of states. Run as a program, by path: ``sequence_pass.py MUTANTS.v OUT.aag``.

Writes the unit that holds all mutants as an and-inverter graph with the names of its ports. Memories are left out: what is read
from them are inputs, and what they are given outputs, both named ``memory…``. So a comparison of two such units may let them
read the same, as long as they have read from and written to the same places the same.
"""

import sys

from pyosys import libyosys as ys

_READ = ("hierarchy -check -top mutants", "proc -noopt", "opt_clean -purge", "memory_collect", "dffunmap", "opt_expr")
_WRITE = (
    "opt_clean -purge", "simplemap", "techmap", "dffunmap", "setundef -undriven -zero", "setundef -zero", "opt_expr", "aigmap",
    "opt_clean -purge",
)  # fmt: skip


def main(mutants_file: str, aiger_file: str):
    """Translate the unit."""
    design = ys.Design()

    def call(script: str):
        ys.Pass.call(design, f"tee -q -o {aiger_file}.log {script}")

    for script in (f"read_verilog {mutants_file}", *_READ):
        call(script)
    module = design.module(_id("mutants"))
    memories = [cell for cell in module.cells_.values() if cell.type.str().startswith("$mem")]
    for number, cell in enumerate(memories):
        _open(module, cell, f"memory{number}")
    module.fixup_ports()
    for script in (*_WRITE, f"write_aiger -ascii -symbols {aiger_file}"):
        call(script)


def _id(name: str):
    return ys.IdString(f"\\{name}")


def _open(module, cell, name: str):
    """Put inputs and outputs in the place of a memory; addresses and data count where they are enabled, and are 0 elsewhere."""
    ports = {port.str()[1:]: cell.getPort(port) for port in cell.connections_}
    address_bits, width = (cell.getParam(_id(parameter)).as_int() for parameter in ("ABITS", "WIDTH"))

    def output(port: str, signal):
        wire = module.addWire(_id(f"{name}.{port}"), signal.size())
        wire.port_output = True
        module.connect(ys.SigSpec(wire), signal)

    def masked(port: str, enables):
        signal = ports[port]
        result = module.addWire(_id(f"{name}.{port}.masked"), signal.size())
        module.addAnd(_id(f"{name}.{port}.mask"), signal, enables, ys.SigSpec(result))
        output(port, ys.SigSpec(result))

    written = ports["WR_EN"]
    any_written = ys.SigSpec()
    for port in range(written.size() // width):
        bit = module.addWire(_id(f"{name}.written{port}"), 1)
        module.addReduceOr(_id(f"{name}.any_written{port}"), written.extract(port * width, width), ys.SigSpec(bit))
        any_written.append(ys.SigSpec(bit))
    output("WR_EN", written)
    output("RD_EN", ports["RD_EN"])
    masked("WR_DATA", written)
    masked("WR_ADDR", _each(any_written, address_bits))
    masked("RD_ADDR", _each(ports["RD_EN"], address_bits))
    read = module.addWire(_id(f"{name}.RD_DATA"), ports["RD_DATA"].size())
    read.port_input = True
    module.connect(ports["RD_DATA"], ys.SigSpec(read))
    module.remove(cell)


def _each(bits, count: int):
    """Return every bit ``count`` times."""
    found = ys.SigSpec()
    for bit in bits.bits():
        for _ in range(count):
            found.append(ys.SigSpec(bit, 1))
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
