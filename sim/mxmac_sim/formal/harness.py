"""Pieces of Verilog that harnesses are made of."""

import re

import jinja2

from ..simulators.headers import Port, ports

__all__ = ["Port", "constant", "delayed", "found", "inner", "instance", "module_of", "ports", "rendered"]


def found(pattern: str, text: str) -> str:
    """Return what the group of a regular expression matches, its first time in the text.

    Raises
    ------
    ValueError
        If it does not.
    """
    match = re.search(pattern, text, re.M)
    if match is None:
        raise ValueError(f"There is nothing like {pattern!r} in the text")
    return match[1]


def module_of(text: str, path: str) -> str:
    """Return the name of the one module whose name ends in ``path``.

    Raises
    ------
    ValueError
        If there is none, or several.
    """
    found = re.findall(rf"^module (\w+_{path}|{path}) \($", text, re.M)
    if len(found) != 1:
        raise ValueError(f"{len(found)} modules have names that end in {path}")
    return found[0]


def instance(text: str, module: str, name: str, signals: dict[str, str]) -> str:
    """Instantiate a module with clock and reset and what else it is to be connected to.

    Raises
    ------
    ValueError
        If it has a port that nothing is said of, or none of a name that something is said of.
    """
    own = ports(text, module)
    signals = {"clk": "clk", "rst": "rst"} | signals
    if unknown := own.keys() - signals.keys():
        raise ValueError(f"Nothing is said of ports {', '.join(unknown)} of {module}")
    if missing := signals.keys() - own.keys() - {"clk", "rst"}:
        raise ValueError(f"{module} has no ports {', '.join(missing)}")
    connections = ",\n".join(f"    .{port}({signals[port]})" for port in own)
    return f"  {module} {name} (\n{connections}\n  );\n"


def constant(width: int, value: int) -> str:
    """Write a signed constant, which may have more bits than Verilog gives one without a size."""
    return f"{width}'sd{value}"


def inner(path: str, width: int) -> str:
    """Declare ``unit_register``, the register ``register`` of the instance ``unit``; ``path`` has points between instances.

    If there is none of that name, the wire is free, and no proof that needs it succeeds.
    """
    # What Yosys connects to the wire of that name when it flattens the hierarchy.
    return f"  (* hierconn *) wire [{width - 1}:0] \\{path} ;\n  wire [{width - 1}:0] {path.replace('.', '_')} = \\{path} ;\n"


def delayed(name: str, width: int, clocks: int) -> str:
    """Declare ``name_1`` to ``name_N``, which are ``name`` that many cycles later; nothing resets them."""
    lines = []
    for clock in range(1, clocks + 1):
        before = name if clock == 1 else f"{name}_{clock - 1}"
        lines.append(f"  reg [{width - 1}:0] {name}_{clock}; always @(posedge clk) {name}_{clock} <= {before};\n")
    return "".join(lines)


def rendered(template: str, **names: object) -> str:
    """Return the harness ``specs/<template>.v``, in which ``${...}`` are expressions of Jinja.

    Parameters
    ----------
    template : str
        Name of the file, without ``.v``.
    **names
        Names in the expressions; the functions of this module that return Verilog are known without.
    """
    return "\n" + _TEMPLATES.get_template(f"{template}.v").render(names)


#: Verilog has braces of its own, so nothing but ``${`` begins an expression, and nothing else is special.
_TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("mxmac_sim.formal", "specs"),
    variable_start_string="${",
    variable_end_string="}",
    block_start_string="<%",
    block_end_string="%>",
    comment_start_string="<#",
    comment_end_string="#>",
    keep_trailing_newline=True,
    undefined=jinja2.StrictUndefined,
)
_TEMPLATES.globals |= {
    "constant": constant,
    "delayed": delayed,
    "inner": inner,
    "instance": instance,
    "int": int,
    "ports": ports,
}
