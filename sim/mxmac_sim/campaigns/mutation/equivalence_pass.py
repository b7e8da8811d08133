"""Yosys' part of telling mutants that are no mistakes. Run as a program, by path: ``equivalence_pass.py MUTANTS.v NUMBER...``.

A mutant is equivalent if it goes from the same state, with the same inputs, to the same outputs and the same next state as the
unit, for all states and inputs. What a memory is given to write does not count if it does not write. Prints the
numbers of those that are proved to be.
"""

import sys
from pathlib import Path

from pyosys import libyosys as ys

_TIMEOUT = 60


def main(mutants_file: str, *numbers: str):
    """Prove mutants equivalent, one after the other."""
    design = ys.Design()
    log = f"{mutants_file}.{numbers[0]}.log"

    def call(script: str):
        ys.Pass.call(design, f"tee -q -o {log} {script}")

    def copy(name: str, number: int):
        call(f"copy mutants {name}")
        module = design.module(_id(name))
        selector = module.wire(_id("mutant"))
        selector.port_input = False
        module.fixup_ports()
        module.connect(ys.SigSpec(selector), ys.SigSpec(ys.Const(number, selector.width)))
        for script in ("opt -full", "dffunmap", "opt_expr", "opt_clean -purge"):
            call(f"{script} {name}")
        return module

    call(f"read_verilog {mutants_file}")
    for script in ("hierarchy -check -top mutants", "proc", "opt_clean -purge", "memory_collect"):
        call(script)
    for number in numbers:
        gold, gate = copy("gold", 0), copy("gate", int(number))
        _open(gold)
        _open(gate)
        for name in ("gold", "gate"):
            call(f"opt_clean -purge {name}")
        _join(design, gold, gate)
        for script in ("flatten joined", "opt -full joined", f"sat -timeout {_TIMEOUT} -prove differs 0 joined"):
            call(script)
        if "SUCCESS" in Path(log).read_text():
            print(number, flush=True)
        call("delete gold gate joined")


def _id(name: str):
    return ys.IdString(name if name.startswith("\\") else f"\\{name}")


def _open(module):
    """Make what registers and memories hold inputs, named ``….now``, and what they will hold outputs, named ``….next``."""
    for cell in list(module.cells_.values()):
        kind, ports = cell.type.str(), {port.str()[1:]: (port, cell.getPort(port)) for port in cell.connections_}
        if kind == "$dff":
            # Passes give registers new names, but not their signals.
            for old, new in zip(ports["Q"][1].bits(), ports["D"][1].bits(), strict=True):
                name = f"{old.wire.name.str()}.{old.offset}"
                _port(module, f"{name}.now", ys.SigSpec(old, 1), is_input=True)
                _port(module, f"{name}.next", ys.SigSpec(new, 1), is_input=False)
        elif kind.startswith("$mem"):
            name = cell.getParam(_id("MEMID")).decode_string()
            for port in ("RD_DATA", "RD_ADDR", "RD_EN", "WR_ADDR", "WR_DATA", "WR_EN"):
                signal = ports[port][1]
                if port == "WR_DATA":
                    written = module.addWire(_id(f"{name}.written"), signal.size())
                    module.addAnd(_id(f"{name}.write"), signal, ports["WR_EN"][1], ys.SigSpec(written))
                    signal = ys.SigSpec(written)
                if signal.size():
                    _port(module, f"{name}.{port}.{'now' if port == 'RD_DATA' else 'next'}", signal, is_input=port == "RD_DATA")
        else:
            continue
        module.remove(cell)
    module.fixup_ports()


def _port(module, name: str, signal, *, is_input: bool):
    wire = module.addWire(_id(name), signal.size())
    if is_input:
        wire.port_input = True
        module.connect(signal, ys.SigSpec(wire))
    else:
        wire.port_output = True
        module.connect(ys.SigSpec(wire), signal)


def _join(design, gold, gate):
    """Give both the same inputs and states, in a module whose output tells whether outputs or next states differ.

    A register that only one of them has, since it is constant in the other, may hold anything there.
    """
    joined = design.addModule(_id("joined"))
    nets: dict[str, dict[str, object]] = {"gold": {}, "gate": {}}
    for name, module in (("gold", gold), ("gate", gate)):
        cell = joined.addCell(_id(f"the_{name}"), module.name)
        for port in module.ports:
            wire = module.wire(port)
            label = port.str()[1:]
            if wire.port_input and name == "gate" and label in nets["gold"]:
                net = nets["gold"][label]
            else:
                net = joined.addWire(_id(f"{name}.{label}"), wire.width)
                if wire.port_input:
                    net.port_input = True
            nets[name][label] = net
            cell.setPort(port, ys.SigSpec(net))
    differences = ys.SigSpec()
    for label, net in nets["gold"].items():
        other = nets["gate"].get(label)
        if other is None or other is net:
            continue
        bit = joined.addWire(_id(f"differs.{label}"), 1)
        joined.addNe(_id(f"compare.{label}"), ys.SigSpec(net), ys.SigSpec(other), ys.SigSpec(bit))
        differences.append(ys.SigSpec(bit))
    differs = joined.addWire(_id("differs"), 1)
    differs.port_output = True
    joined.addReduceOr(_id("any"), differences, ys.SigSpec(differs))
    joined.fixup_ports()


if __name__ == "__main__":
    main(*sys.argv[1:])
