"""A frame of registers around a part, so that it can be placed and routed alone: three pins, and every port at a register."""

import json
import re
from pathlib import Path

__all__ = ["HARNESS", "INPUT", "INSIDE", "OUTPUT", "frame_cells", "harnessed"]

#: Name of the top module with the frame.
HARNESS = "harness"
#: Name of the instance of the part inside it.
_CORE = "measured"
#: What registers of the frame are for: an input or an output of the part, or neither.
INPUT, OUTPUT, INSIDE = "input", "output", "inside the frame"

_HEADER = re.compile(r"^module (?P<name>\w+) \(\n(?P<ports>.*?)^\);\n", re.M | re.S)
_PORT = re.compile(r"^  (?P<direction>input|output) +(?:wire|reg) +(?:\[(?P<msb>\d+):0\] )?(?P<name>\w+)", re.M)
#: Registers that one LUT can take in.
_FAN_IN = 4


def harnessed(text: str, top: str) -> str:
    """Return Verilog with a top module ``HARNESS`` that instantiates ``top`` as ``measured``.

    Inputs come from a shift register, a bit each. Outputs are taken into registers, and XORed from there to one pin, four bits
    a clock: no path of the frame itself has more than one LUT, and nothing of the part can be left out.

    Parameters
    ----------
    text : str
        Verilog as :func:`~mxmac.verilog.emit.component_verilog` writes it.
    top : str

    Raises
    ------
    ValueError
        If the text has no such module.
    """
    header = next((match for match in _HEADER.finditer(text) if match["name"] == top), None)
    if header is None:
        raise ValueError(f"There is no module {top} in the text")
    connections, counts = [], {"input": 0, "output": 0}
    for port in _PORT.finditer(header["ports"]):
        if port["name"] == "clk":
            connections.append(".clk(clk)")
            continue
        width, first = int(port["msb"] or 0) + 1, counts[port["direction"]]
        vector = "shifted" if port["direction"] == "input" else "results"
        connections.append(f".{port['name']}({vector}[{first + width - 1}:{first}])")
        counts[port["direction"]] += width
    inputs, outputs = counts.values()
    lines = [
        f"module {HARNESS} (input clk, input serial_in, output serial_out);",
        f"  reg [{inputs}:0] shifted;",
        f"  wire [{outputs - 1}:0] results;",
        f"  always @(posedge clk) shifted <= {{shifted[{inputs - 1}:0], serial_in}};",
        f"  {top} {_CORE} (" + ", ".join(connections) + ");",
        f"  reg [{outputs - 1}:0] folded0;",
        "  always @(posedge clk) folded0 <= results;",
    ]
    level = 0
    while outputs > 1:
        before, outputs, level = outputs, -(-outputs // _FAN_IN), level + 1
        lines.append(f"  reg [{outputs - 1}:0] folded{level};")
        for index in range(outputs):
            last = min((index + 1) * _FAN_IN, before) - 1
            lines.append(f"  always @(posedge clk) folded{level}[{index}] <= ^folded{level - 1}[{last}:{index * _FAN_IN}];")
    lines += [f"  assign serial_out = folded{level};", "endmodule", ""]
    return text + "\n" + "\n".join(lines)


def frame_cells(netlist: Path) -> dict[str, str]:
    """Tell what cells at the ends of paths belong to the frame: its registers, and the LUTs that an iCE40 packs with them.

    Their names do not tell: Yosys names a register after any of the wires at it.

    Parameters
    ----------
    netlist : Path
        JSON, as Yosys writes it.

    Returns
    -------
    dict of str to str
        ``INPUT``, ``OUTPUT`` or ``INSIDE``, by the name of the cell.
    """
    module = json.loads(netlist.read_text())["modules"][HARNESS]
    purposes: dict[int | str, str] = {}
    for name, net in module["netnames"].items():
        if purpose := INPUT if name == "shifted" else OUTPUT if name == "folded0" else INSIDE if "folded" in name else None:
            purposes |= dict.fromkeys(net["bits"], purpose)
    registers = {}
    for name, cell in module["cells"].items():
        bits = cell["connections"].get("Q", [])
        if "FF" in cell["type"] and bits and bits[0] in purposes:
            registers[name] = purposes[bits[0]]
    # An ECP5 has no such input, and packs nothing.
    fed_by = {
        bits[0]: purpose for name, purpose in registers.items() if (bits := module["cells"][name]["connections"].get("D"))
    }
    luts = {
        name: fed_by[bits[0]]
        for name, cell in module["cells"].items()
        if "LUT" in cell["type"]
        for port, bits in cell["connections"].items()
        if cell["port_directions"][port] == "output" and bits[0] in fed_by
    }
    return luts | registers
