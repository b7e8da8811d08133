"""Designs of several benches in one top module, for a simulation that starts once."""

from collections.abc import Mapping

from ..simulators.headers import ports
from .catalogue import Design

__all__ = ["prefix_of", "together"]

#: Name of the top module.
_TOP = "benches"


def prefix_of(bench: str) -> str:
    """Return the prefix of the names of a bench's ports in the top module."""
    return f"{bench}_"


def together(designs: Mapping[str, Design]) -> Design:
    """Return a design with others side by side in its top module, where each has ports of its own.

    Parameters
    ----------
    designs : mapping of str to Design
        By the names of their benches. Their texts are generated ones, and their top modules have different names.
    """
    header, instances = [], []
    for bench, design in designs.items():
        found, prefix = ports(design.text, design.top), prefix_of(bench)
        header += [f"  {port.direction} wire [{port.width - 1}:0] {prefix}{name}" for name, port in found.items()]
        connections = ",\n".join(f"    .{name}({prefix}{name})" for name in found)
        instances.append(f"  {design.top} {design.top} (\n{connections}\n  );\n")
    declared = ",\n".join(header).replace("[0:0] ", "")
    top = f"\nmodule {_TOP} (\n{declared}\n);\n{''.join(instances)}endmodule\n"
    text = "".join(design.text for design in designs.values()) + top
    modules = tuple(module for design in designs.values() for module in design.modules)
    return Design(_TOP, text, modules)
