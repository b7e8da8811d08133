"""Ports and instances of the modules of generated Verilog, which is written in one style."""

import re
from dataclasses import dataclass

__all__ = ["Port", "instances", "ports"]

_HEADER = r"^module {name} \(\n(?P<ports>[^;]*?)\n\);\n"
_BODY = r"^module {name} \(\n.*?^endmodule$"
_PORT = re.compile(r"^  (input|output) +(?:wire|reg) +(?:\[(\d+):0\] )?(\w+),?$", re.M)
_MODULE = re.compile(r"^module (\w+) \($", re.M)
_INSTANCE = re.compile(r"^  (\w+) (\w+) \($", re.M)


@dataclass(frozen=True)
class Port:
    """A port of a generated module: ``input`` or ``output``, and its width."""

    direction: str
    width: int


def ports(text: str, module: str) -> dict[str, Port]:
    """Return the ports of a module by name, in order.

    Raises
    ------
    ValueError
        If there is no such module in the text.
    """
    header = re.search(_HEADER.format(name=module), text, re.M)
    if header is None:
        raise ValueError(f"There is no module {module} in the text")
    return {name: Port(direction, int(msb or 0) + 1) for direction, msb, name in _PORT.findall(header["ports"])}


def instances(text: str, module: str) -> dict[str, str]:
    """Return the instances of modules of the text in a module: the name of the module of each, by its own name.

    There are none in text of another style.
    """
    body = re.search(_BODY.format(name=module), text, re.M | re.S)
    modules = set(_MODULE.findall(text))
    return {name: inner for inner, name in _INSTANCE.findall(body[0]) if inner in modules} if body else {}
