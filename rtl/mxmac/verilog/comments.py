"""Comments of Verilog text."""

import re
from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap

from amaranth.hdl import Shape
from amaranth.lib import data, wiring

from ..primitives.description import Description
from .expressions import WIDTH

__all__ = ["comment_of", "module_comment"]


def comment_of(line: str) -> str:
    """Return a line as a comment, on several lines if it is long, which start below its last column."""
    column = max((match.end() for match in re.finditer(r" {2,}", line)), default=2)
    wrapped = wrap(line, WIDTH - 3, subsequent_indent=" " * column, break_long_words=False, break_on_hyphens=False)
    return "".join(f"// {part}".rstrip() + "\n" for part in wrapped or [""])


def module_comment(component: object, ports: Mapping[str, int]) -> str:
    """Return the comment above the module of a component: its description, and the fields of its packed ports.

    Empty if the component has no ``description``: wrappers of tests have none.

    Parameters
    ----------
    component : object
    ports : mapping of str to int
        Widths of the ports that the module has, by their names. Inputs that nothing reads are dropped.
    """
    description = getattr(component, "description", None)
    if not isinstance(description, Description):
        return ""
    assert isinstance(component, wiring.Component)
    ports_of: dict[tuple[str, ...], list[str]] = {}
    for name, layout in _packed_ports(component, description, ports).items():
        ports_of.setdefault(tuple(_fields(layout)), []).append(name)
    fields = {", ".join(names): parts for parts, names in ports_of.items()}
    width = max(map(len, fields), default=0)
    lines = [line for line in (description.purpose, description.timing) if line]
    return "".join([*map(comment_of, lines), *(_filled(f"  {name:<{width}}  ", parts) for name, parts in fields.items())])


def _packed_ports(component: wiring.Component, description: Description, ports: Mapping[str, int]) -> dict[str, data.Layout]:
    """Return the layouts of packed ports by their names; those of an array as one: ``products__0 to products__7``."""
    members = {"__".join(map(str, path)): (path, member.shape) for path, member, _ in component.signature.flatten(component)}
    arrays: dict[tuple[object, ...], list[str]] = {}
    layouts: dict[str, data.Layout] = {}
    for name, width in ports.items():
        meant = description.renamed.get(name, name)
        path, shape = members.get(meant, ((name,), None)) if isinstance(meant, str) else ((name,), meant)
        if isinstance(shape, data.Layout) and shape.size == width:
            arrays.setdefault(tuple("*" if isinstance(part, int) else part for part in path), []).append(name)
            layouts[name] = shape
    return {names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}": layouts[names[0]] for names in arrays.values()}


def _fields(layout: data.Layout) -> list[str]:
    """Return the fields of a layout with their bits, from the least significant; those of structures inside it by path."""
    return [f"[{lsb + width - 1}:{lsb}] {name}" if width > 1 else f"[{lsb}] {name}" for name, lsb, width in _leaves(layout)]


def _leaves(layout: data.Layout) -> Iterator[tuple[str, int, int]]:
    """Give the fields of a layout: name, position of the least significant bit, and width."""
    if isinstance(layout, data.ArrayLayout):
        yield f"{layout.length} x {Shape.cast(layout.elem_shape).width} bits", 0, layout.size
        return
    for key, field in layout:
        shape = field.shape
        if isinstance(shape, data.StructLayout):
            yield from ((f"{key}.{name}", field.offset + lsb, width) for name, lsb, width in _leaves(shape))
        elif isinstance(shape, data.ArrayLayout):
            ((kind, _, width),) = _leaves(shape)
            yield f"{key} ({kind})", field.offset, width
        elif field.width:
            yield f"{key} (signed)" if Shape.cast(shape).signed else str(key), field.offset, field.width


def _filled(start: str, parts: Sequence[str]) -> str:
    """Write a list as a comment, on as many lines as it needs."""
    lines = [f"// {start}"]
    for index, part in enumerate(parts):
        text = part + ("," if index < len(parts) - 1 else "")
        if len(lines[-1]) + 1 + len(text) > WIDTH:
            lines.append("// " + " " * len(start))
        lines[-1] += text if lines[-1].endswith("  ") else f" {text}"
    return "\n".join(lines) + "\n"
