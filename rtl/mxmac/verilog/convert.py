"""Amaranth component to RTLIL, with the modules of equal components once."""

import gc
import re
import warnings
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from amaranth.back import rtlil
from amaranth.hdl import ClockSignal, Elaboratable, Fragment, Instance, ResetSignal, UnusedElaboratable
from amaranth.lib import wiring

from ..primitives.shared import Library

__all__ = ["Conversion", "converted"]

_PORT = re.compile(r"^  wire (?:width \d+ )?(?:signed )?(input|output) \d+ +\\(\S+)$", re.M)
_MODULE = re.compile(r"^module \\(\S+)\n.*?^end\n", re.M | re.S)


class Conversion(NamedTuple):
    """A component as RTLIL.

    Members
    -------
    text : str
    components : dict of str to object
        Component that each module is the elaboration of, by the name of the module: the instances from the top, with dots.
    """

    text: str
    components: dict[str, object]


class _Watched(Elaboratable):
    """A component whose fragment stays at hand, with the components that it and those inside it come from."""

    def __init__(self, component: wiring.Component, elaborated: Elaboratable) -> None:
        self.component, self._elaborated = component, elaborated

    def __getattr__(self, name: str) -> Any:
        return getattr(self.component, name)

    def elaborate(self, platform: object) -> Fragment:
        self.fragment = Fragment.get(self._elaborated, platform)
        return self.fragment


def _converted_alone(component: wiring.Component, name: str, platform: Library, elaborated: Elaboratable) -> Conversion:
    watched = _Watched(component, elaborated)
    text = rtlil.convert(watched, name=name, platform=platform, emit_src=False)
    return Conversion(text, {**dict(_components(watched.fragment, name)), name: component})


def _components(fragment: Any, name: str) -> Iterator[tuple[str, object]]:
    """Give what a fragment and those inside it are the elaborations of, by the names of their modules."""
    if origin := next((origin for origin in fragment.origins or () if isinstance(origin, wiring.Component)), None):
        yield name, origin
    for inner, inner_name, _ in fragment.subfragments:
        yield from _components(inner, f"{name}.{inner_name}")


class _Shared(Library):
    """Library that keeps the RTLIL of each component, under a name for the time being."""

    def __init__(self) -> None:
        self.names: dict[tuple[type, Hashable], str] = {}
        self.texts: dict[str, str] = {}
        self.components: dict[str, dict[str, object]] = {}

    def instance(self, component: wiring.Component, key: Hashable, elaborate: Callable[[], Elaboratable]) -> Fragment:
        """Return an instance of the component, whose module is made if there is none yet."""
        name = self.names.setdefault((type(component), key), f"shared{len(self.names)}")
        if name not in self.texts:
            text, self.components[name] = _converted_alone(component, name, self, elaborate())
            self.texts[name] = text.partition("attribute \\top 1\n")[2]
        values: dict[str, object] = {"clk": ClockSignal(), "rst": ResetSignal()}
        values |= {"__".join(map(str, path)): value for path, _, value in component.signature.flatten(component)}
        ports = _PORT.findall(self.texts[name].partition("\nend\n")[0])
        return Instance(name, *(("i" if way == "input" else "o", port, values[port]) for way, port in ports))


@contextmanager
def _no_complaints() -> Iterator[None]:
    """Say nothing of components that are not used: those of a conversion that Ctrl-C interrupts."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UnusedElaboratable)
            yield
    except KeyboardInterrupt:
        # They live as long as the interrupt does, which is handled further out.
        warnings.simplefilter("ignore", UnusedElaboratable)
        raise


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


def _path(text: str, shared: str, top: str, component: object) -> str:
    """Return the path that names a shared module: its own name below the top, or the path of its first instance."""
    if own := getattr(component, "shared_name", None):
        return f"{top}.{own}"
    module = next(match[1] for match in _MODULE.finditer(text) if f"cell \\{shared} " in match[0])
    cell = re.search(rf"^  cell \\{shared} \\(\S+)$", text, re.M)
    assert cell is not None
    return f"{module}.{cell[1]}"


def converted(component: wiring.Component, name: str) -> Conversion:
    """Return the RTLIL of a component, in which equal components share a module.

    A shared module has the ``shared_name`` of its component, or the path of its first instance.
    """
    library = _Shared()
    with _no_collection(), _no_complaints():
        text, components = _converted_alone(component, name, library, component)
    waiting = dict(library.texts)
    while waiting:
        # One that is in none of the others any more, so that all its instances get its name.
        shared = next(inner for inner in waiting if not any(f"cell \\{inner} " in outer for outer in waiting.values()))
        own = waiting.pop(shared)
        path = _path(text, shared, name, library.components[shared][shared])
        text = re.sub(rf"^(  cell) \\{shared}(?= )", rf"\g<1> \\{path}", text, flags=re.M)
        text += re.sub(rf"^(  cell|module) \\{shared}(?=[.\s])", rf"\g<1> \\{path}", own, flags=re.M)
        components |= {path + inner.removeprefix(shared): origin for inner, origin in library.components[shared].items()}
    return Conversion(text, components)
