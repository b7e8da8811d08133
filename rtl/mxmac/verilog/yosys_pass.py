"""RTLIL to readable Verilog text: the one pass through Yosys. Run as a program, by path: RTLIL file, Verilog file, top.

It is a program, so that nothing done before in the same process can change the order of what Yosys writes.
"""

import re
import sys
import tempfile
from pathlib import Path

from pyosys import libyosys as ys

#: Operators whose operands Verilog widens to a common width: all of it had better be written out.
_OWN_WIDTH = {"$add", "$sub", "$mul", "$and", "$or", "$xor", "$xnor", "$not", "$neg"}
_SHIFTS = {"$shl", "$shr", "$sshl", "$sshr", "$shift", "$shiftx"}
_COMMON_WIDTH = {"$lt", "$le", "$gt", "$ge", "$eq", "$ne"}

#: Between a top and the path of a module inside it. ``check_top_name`` refuses tops that contain it, so units share no module.
_INNER = "__"

#: Names of operands and results of adders that are submodules.
_OPERAND = re.compile(r"\\([a-d]|carry|sum)(\$\d+)?")

_PASSES = ("proc -noopt", "pmuxtree", "memory_collect", "opt_expr", "wreduce", "opt_expr", "opt_clean -purge")


def main(rtlil_file: str, verilog_file: str, top: str):
    """Read a design and write it as Verilog whose modules, ports and wires have plain names."""
    design = ys.Design()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")

        def call(script: str):
            ys.Pass.call(design, f"tee -q -o {log} {script}")

        call(f"read_rtlil {rtlil_file}")
        for module in design.selected_modules():
            _prefer_own_names(module)
        for script in _PASSES:
            call(script)
        modules = list(design.selected_modules())
        for module in modules:
            _fold_registers(module)
        call("opt_clean -purge")
        _drop_unread_inputs(modules, top)
        call("opt_clean -purge")
        for module in modules:
            _name_unused(module)
        ports = {module.name.str(): _plain_names(module) for module in modules}
        for module in modules:
            for cell in list(module.cells_.values()):
                _follow_ports(cell, ports.get(cell.type.str(), {}))
                _widen(module, cell)
        _plain_module_names(design, modules, top)
        call(f"write_verilog -noattr {verilog_file}")


def _prefer_own_names(module):
    """Hide wires that are named after an operand of an adder, where the same signals have names of their own."""

    def is_named(bit) -> bool:
        name = bit.wire.name.str() if bit.is_wire() else "\\constant"
        return name.startswith("\\") and not _OPERAND.fullmatch(name)

    for pair in module.connections_:
        for wire, others in (pair, pair[::-1]):
            if not wire.is_wire() or wire.as_wire().port_id or not _OPERAND.fullmatch(wire.as_wire().name.str()):
                continue
            if all(map(is_named, others.bits())):
                module.rename(wire.as_wire(), module.uniquify(ys.IdString("$operand")))


def _fold_registers(module):
    """Turn multiplexers for reset and enable into the reset and enable of the register behind them.

    Yosys' own ``opt_dff`` goes further than a reader would like and resets data by any signal that happens to clear it. Data
    registers that no reset reaches lose their initial value: nobody looks at them before they are written.
    """

    def port(cell, name):
        return cell.getPort(ys.IdString(f"\\{name}"))

    def wire(cell, name):
        """Name of the wire that is connected, whole and alone."""
        signal = port(cell, name)
        return signal.as_wire().name.str() if signal.is_wire() else None

    drivers = {wire(cell, "Y"): cell for cell in module.cells_.values() if cell.type.str() == "$mux"}
    drivers.pop(None, None)
    for cell in module.cells_.values():
        if cell.type.str() != "$dff":
            continue
        kind = "$"
        reset = drivers.get(wire(cell, "D"))
        if reset and wire(reset, "S") == "\\rst" and port(reset, "B").is_fully_const():
            kind += "s"
            cell.setPort(ys.IdString("\\SRST"), port(reset, "S"))
            cell.setParam(ys.IdString("\\SRST_POLARITY"), ys.Const(1, 1))
            cell.setParam(ys.IdString("\\SRST_VALUE"), port(reset, "B").as_const())
            cell.setPort(ys.IdString("\\D"), port(reset, "A"))
        elif port(cell, "Q").is_wire():
            port(cell, "Q").as_wire().set_bool_attribute(ys.IdString("\\init"), False)
        kind += "dff"
        hold = drivers.get(wire(cell, "D"))
        if hold and wire(hold, "A") == wire(cell, "Q") is not None:
            kind += "e"
            cell.setPort(ys.IdString("\\EN"), port(hold, "S"))
            cell.setParam(ys.IdString("\\EN_POLARITY"), ys.Const(1, 1))
            cell.setPort(ys.IdString("\\D"), port(hold, "B"))
        cell.type = ys.IdString(kind)


def _read_bits(module) -> set[tuple[str, int]]:
    """Bits of wires that something in the module reads, as (name of the wire, index)."""
    read = [cell.getPort(port) for cell in module.cells_.values() for port in cell.connections_ if not cell.output(port)]
    read += [right for _, right in module.connections_]
    read += [ys.SigSpec(wire) for wire in module.wires_.values() if wire.port_output]
    return {(bit.wire.name.str(), bit.offset) for signal in read for bit in signal.bits() if bit.is_wire()}


def _name_unused(module):
    """Name results of which a bit is never read after that fact, as linters understand it.

    Such is the lowest bit of an addition that takes a carry.
    """
    read = _read_bits(module)
    for wire in list(module.wires_.values()):
        name = wire.name.str()
        if name.startswith("$") and any((name, bit) not in read for bit in range(wire.width)):
            module.rename(wire, module.uniquify(ys.IdString("\\partly_unused")))


def _drop_unread_inputs(modules, top: str):
    """Take away input ports of all modules but the top that nothing inside reads, such as the clock of a combinational one."""
    while True:
        dropped: dict[str, list] = {}
        for module in modules:
            if module.name.str() == f"\\{top}":
                continue
            read = {name for name, _ in _read_bits(module)}
            for wire in list(module.wires_.values()):
                if wire.port_input and wire.name.str() not in read:
                    dropped.setdefault(module.name.str(), []).append(ys.IdString(wire.name.str()))
                    wire.port_input = False
            module.fixup_ports()
        if not dropped:
            return
        for module in modules:
            for cell in module.cells_.values():
                for port in dropped.get(cell.type.str(), ()):
                    if cell.hasPort(port):
                        cell.unsetPort(port)


def _plain_module_names(design, modules, top: str):
    """Name inner modules by their paths: ``top``, the separator that no top contains, and the names of their instances."""
    names = {}
    for module in modules:
        old = module.name.str()
        path = old.removeprefix("\\").split(".")[1:]
        names[old] = "\\" + top + (_INNER + "_".join(path) if path else "")
    for module in modules:
        for cell in module.cells_.values():
            if cell.type.str() in names:
                cell.type = ys.IdString(names[cell.type.str()])
    for module in modules:
        design.rename(module, ys.IdString(names[module.name.str()]))


def _plain_names(module) -> dict[str, str]:
    """Give every named wire a name that is an identifier, ports first, and return how the ports were renamed."""
    wires = [wire for wire in module.wires_.values() if wire.name.str().startswith("\\")]
    wires.sort(key=lambda wire: (not (wire.port_input or wire.port_output), wire.port_id))
    renamed, used = {}, {cell.name.str() for cell in module.cells_.values()}
    for wire in wires:
        old = wire.name.str()
        base = re.sub(r"\W+", "_", re.sub(r"\$\d+", "", old.removeprefix("\\"))).strip("_")
        new, count = f"\\{base}", 1
        while new in used:
            count += 1
            new = f"\\{base}_{count}"
        used.add(new)
        renamed[old] = new
    # Two steps, for a new name may be the old name of another wire.
    for index, wire in enumerate(wires):
        module.rename(wire, ys.IdString(f"\\rename{index}"))
    for wire, name in zip(wires, renamed.values(), strict=True):
        module.rename(wire, ys.IdString(name))
    module.fixup_ports()
    return {old: new for old, new in renamed.items() if old != new}


def _follow_ports(cell, renamed: dict[str, str]):
    moved = {new: cell.getPort(ys.IdString(old)) for old, new in renamed.items() if cell.hasPort(ys.IdString(old))}
    for old in renamed:
        if cell.hasPort(ys.IdString(old)):
            cell.unsetPort(ys.IdString(old))
    for new, signal in moved.items():
        cell.setPort(ys.IdString(new), signal)


def _widen(module, cell):
    """Write out the widening of operands that Verilog would do silently."""
    kind = cell.type.str()

    def width(port):
        return cell.getParam(ys.IdString(f"\\{port}_WIDTH")).as_int()

    def widen(port, to):
        signed = cell.getParam(ys.IdString(f"\\{port}_SIGNED")).as_bool()
        signal = cell.getPort(ys.IdString(f"\\{port}"))
        if signal.size() < to:
            signal.extend_u0(to, signed)
            cell.setPort(ys.IdString(f"\\{port}"), signal)
            cell.setParam(ys.IdString(f"\\{port}_WIDTH"), ys.Const(to, 32))

    if kind == "$logic_not" and width("A") > 1:
        cell.type = ys.IdString("$eq")
        cell.setPort(ys.IdString("\\B"), ys.SigSpec(ys.Const(0, width("A"))))
        cell.setParam(ys.IdString("\\B_WIDTH"), ys.Const(width("A"), 32))
        cell.setParam(ys.IdString("\\B_SIGNED"), cell.getParam(ys.IdString("\\A_SIGNED")))
    elif kind in _OWN_WIDTH:
        for port in "AB":
            if cell.hasPort(ys.IdString(f"\\{port}")):
                widen(port, width("Y"))
                # Of operands as wide as the result, the sign does not matter any more.
                cell.setParam(ys.IdString(f"\\{port}_SIGNED"), ys.Const(0, 1))
    elif kind in _SHIFTS:
        widen("A", width("Y"))
        if width("Y") < width("A"):
            whole = module.addWire(module.uniquify(ys.IdString("\\partly_unused")), width("A"))
            result = cell.getPort(ys.IdString("\\Y"))
            module.connect(result, ys.SigSpec(whole, 0, result.size()))
            cell.setPort(ys.IdString("\\Y"), ys.SigSpec(whole))
            cell.setParam(ys.IdString("\\Y_WIDTH"), ys.Const(width("A"), 32))
    elif kind in _COMMON_WIDTH:
        common = max(width("A"), width("B"))
        widen("A", common)
        widen("B", common)


if __name__ == "__main__":
    main(*sys.argv[1:])
