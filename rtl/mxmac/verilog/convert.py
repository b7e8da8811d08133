"""Amaranth component to RTLIL, with the modules of equal components once."""

import gc
import re
from collections.abc import Hashable, Iterator
from contextlib import contextmanager

from amaranth.back import rtlil
from amaranth.hdl import ClockSignal, Fragment, Instance, ResetSignal
from amaranth.lib import wiring

from ..primitives.shared import Library

__all__ = ["converted"]

_PORT = re.compile(r"^  wire (?:width \d+ )?(?:signed )?(input|output) \d+ +\\(\S+)$", re.M)
_MODULE = re.compile(r"^module \\(\S+)\n.*?^end\n", re.M | re.S)


class _Shared(Library):
    """Library that keeps the RTLIL of each component, under a name for the time being."""

    def __init__(self) -> None:
        self.names: dict[tuple[type, Hashable], str] = {}
        self.texts: dict[str, str] = {}

    def instance(self, component: wiring.Component, key: Hashable) -> Fragment:
        """Return an instance of the component, whose module is made if there is none yet."""
        name = self.names.setdefault((type(component), key), f"shared{len(self.names)}")
        if name not in self.texts:
            self.texts[name] = rtlil.convert(component, name=name, emit_src=False).partition("attribute \\top 1\n")[2]
        values: dict[str, object] = {"clk": ClockSignal(), "rst": ResetSignal()}
        values |= {"__".join(map(str, path)): value for path, _, value in component.signature.flatten(component)}
        ports = _PORT.findall(self.texts[name].partition("\nend\n")[0])
        return Instance(name, *(("i" if way == "input" else "o", port, values[port]) for way, port in ports))


@contextmanager
def _no_collection() -> Iterator[None]:
    """Suspend the search for cycles of garbage, which finds nothing in a conversion, and takes a third of its time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def converted(component: wiring.Component, name: str) -> str:
    """Return the RTLIL of a component, in which equal components share a module, named by the path of the first."""
    library = _Shared()
    with _no_collection():
        text = rtlil.convert(component, name=name, platform=library, emit_src=False)
    for shared, own in library.texts.items():
        module = next(match[1] for match in _MODULE.finditer(text) if f"cell \\{shared} " in match[0])
        cell = re.search(rf"^  cell \\{shared} \\(\S+)$", text, re.M)
        assert cell is not None
        path = rf"\g<1> \\{module}.{cell[1]}"
        text = re.sub(rf"^(  cell) \\{shared}(?= )", path, text, flags=re.M)
        text += re.sub(rf"^(  cell|module) \\{shared}(?=[.\s])", path, own, flags=re.M)
    return text
