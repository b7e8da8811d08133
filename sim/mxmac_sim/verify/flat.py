"""Components with plain ports, for Verilog to name and a bench to reach."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from amaranth.hdl import Module, Mux, Shape, ShapeCastable, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from mxmac.primitives.bits import delay, delay_valid
from mxmac.stages.layouts import scaled_block_layout

__all__ = ["Flat", "WithIdle", "WithRepeats", "WithScaleAhead", "WithZeroAddends"]

#: Most times that a block comes in a row.
_REPEATS = 1 << 16


def _fields(shape: Any, name: str) -> Iterator[tuple[str, tuple[str, ...], int]]:
    """Name, path and width of every field of a shape that has no fields itself, but for those of no bits."""
    if isinstance(shape, data.StructLayout):
        for key, inner in shape.members.items():
            for inner_name, path, width in _fields(inner, f"{name}_{key}"):
                yield inner_name, (key, *path), width
    elif width := Shape.cast(shape.as_shape() if isinstance(shape, ShapeCastable) else shape).width:
        yield name, (), width


class Flat(wiring.Component):
    """Components side by side inside, and one port for every field of their structures outside.

    A stream ``s`` becomes ``s_valid``, ``s_ready`` unless it is always ready, and ``s_<field>`` for each field of its
    payload, whose own fields follow with another underscore. Signs are lost: ports are unsigned.

    Parameters
    ----------
    components : mapping of str to wiring.Component, or to a sequence of equal ones
        What the names of a component's ports start with; "" for nothing. They have streams and plain ports. Equal components
        share ports that are as wide as all of theirs together, with the bits of the first lowest.
    """

    def __init__(self, components: Mapping[str, wiring.Component | Sequence[wiring.Component]]):
        self._components = {name: [part] if isinstance(part, wiring.Component) else part for name, part in components.items()}
        #: (name of the port, direction, equal components, path of names from there, width of each)
        self._paths = [
            (port, flow, equal, path, width)
            for name, equal in self._components.items()
            for port, flow, path, width in self._of(name, equal[0])
        ]
        super().__init__({port: flow(unsigned(width * len(equal))) for port, flow, equal, _, width in self._paths})

    @staticmethod
    def _of(prefix: str, component: wiring.Component) -> Iterator[tuple[str, Any, tuple[str, ...], int]]:
        for name, member in component.signature.members.items():
            outside = f"{prefix}_{name}" if prefix else name
            if member.is_port:
                for port, path, width in _fields(member.shape, outside):
                    yield port, member.flow, (name, *path), width
                continue
            yield f"{outside}_valid", member.flow, (name, "valid"), 1
            if isinstance(getattr(component, name).ready, Signal):
                yield f"{outside}_ready", In if member.flow is Out else Out, (name, "ready"), 1
            for port, path, width in _fields(member.signature.members["payload"].shape, outside):
                yield port, member.flow, (name, "payload", *path), width

    def elaborate(self, platform):
        """Connect every port."""
        m = Module()
        for name, equal in self._components.items():
            for number, component in enumerate(equal):
                m.submodules[(name or "dut") + (str(number) if len(equal) > 1 else "")] = component
        for name, flow, equal, path, width in self._paths:
            for number, component in enumerate(equal):
                port, inner = getattr(self, name)[number * width :][:width], _inside(component, path)
                m.d.comb += inner.eq(port) if flow is In else port.eq(inner)
        return m


def _inside(inner: Any, path: Sequence[str]) -> Any:
    """Return the signal, or the part of one, that a path of names leads to."""
    for name in path:
        inner = inner[name] if isinstance(inner, data.View) else getattr(inner, name)
    return inner.as_value() if isinstance(inner, data.View) else inner


class WithScaleAhead(wiring.Component):
    """An accumulator whose scales come some cycles before their blocks, with both in one stream as others have them.

    Parameters
    ----------
    accumulator : wiring.Component
        With ``scale``, ``i`` and ``o``.
    clocks : int
        How long before.
    """

    def __init__(self, accumulator: Any, clocks: int):
        self._accumulator, self._clocks = accumulator, clocks
        super().__init__(
            {
                "i": In(stream.Signature(scaled_block_layout(accumulator.config), always_ready=True)),
                "o": accumulator.signature.members["o"],
            }
        )

    def elaborate(self, platform):
        """Let the blocks wait."""
        m = Module()
        m.submodules.dut = dut = self._accumulator
        m.d.comb += [
            dut.scale.eq(self.i.payload.scale),
            dut.i.valid.eq(delay_valid(m, self.i.valid, self._clocks, name="valid")),
            dut.i.payload.as_value().eq(delay(m, self.i.payload.block.as_value(), self._clocks, name="block")),
        ]
        wiring.connect(m, dut.o, wiring.flipped(self.o))
        return m


class WithIdle(wiring.Component):
    """A window accumulator whose ``idle`` follows from its stream.

    Parameters
    ----------
    accumulator : wiring.Component
        With ``i``, ``idle`` and ``o``.
    """

    def __init__(self, accumulator: Any):
        self._accumulator = accumulator
        members = accumulator.signature.members
        super().__init__({name: members[name] for name in ("i", "o")})

    def elaborate(self, platform):
        """Derive ``idle``."""
        m = Module()
        m.submodules.dut = dut = self._accumulator
        m.d.comb += dut.idle.eq(~self.i.valid)
        wiring.connect(m, wiring.flipped(self.i), dut.i)
        wiring.connect(m, dut.o, wiring.flipped(self.o))
        return m


class WithZeroAddends(wiring.Component):
    """An accumulator that takes addends, with an addend of zero for each dot product, before its blocks: it changes nothing.

    Parameters
    ----------
    accumulator : wiring.Component
        With ``config``, ``queue``, ``addend``, ``i``, ``taken`` and ``o``.

    Members
    -------
    i, taken, o
        As of the accumulator.
    """

    def __init__(self, accumulator: Any):
        self._accumulator = accumulator
        self.config, self.queue = accumulator.config, accumulator.queue
        members = accumulator.signature.members
        super().__init__({name: members[name] for name in ("i", "taken", "o")})

    def elaborate(self, platform):  # noqa: D102 - builds the component
        m = Module()
        m.submodules.dut = dut = self._accumulator
        # With the end of each dot product one for the next, and one more as soon as none ends.
        begun = Signal()
        ends = self.i.valid & self.i.payload.block.dot_last
        m.d.sync += begun.eq(begun | ~ends)
        m.d.comb += [
            dut.addend.valid.eq(~begun | ends),
            self.taken.eq(dut.taken),
        ]
        wiring.connect(m, wiring.flipped(self.i), dut.i)
        wiring.connect(m, dut.o, wiring.flipped(self.o))
        return m


class WithRepeats(wiring.Component):
    """Accumulator that takes a block up to 2^16 times in a row, as fast as its queue has room: too many for a bench to offer.

    Adds no latency; throughput is one block per cycle while there is room in the queue.

    Parameters
    ----------
    accumulator : wiring.Component
        With ``config``, ``queue``, ``i``, ``taken`` and ``o``.

    Members
    -------
    i : In(stream.Signature(...))
        Fields of ``scaled_block_layout`` and ``more``: how many times the block follows again. Only the last of them ends
        the dot product, if ``dot_last`` is set.
    repeating : Out(1)
        Blocks of an earlier transfer are still offered to the accumulator.
    o : Out
        As of the accumulator.
    """

    def __init__(self, accumulator: Any):
        self._accumulator = accumulator
        self._block = scaled_block_layout(accumulator.config)
        payload = data.StructLayout({**self._block.members, "more": range(_REPEATS)})
        super().__init__(
            {"i": In(stream.Signature(payload)), "repeating": Out(1), "o": accumulator.signature.members["o"]},
        )

    def elaborate(self, platform):  # noqa: D102 - builds the component
        m = Module()
        m.submodules.dut = dut = self._accumulator
        more = Signal(range(_REPEATS))
        held = Signal(self._block)
        credits = Signal(range(dut.queue + 1), init=dut.queue)
        block = Signal(self._block)
        last = Signal()
        m.d.comb += [
            self.repeating.eq(more != 0),
            self.i.ready.eq((credits != 0) & ~self.repeating),
            dut.i.valid.eq((credits != 0) & (self.repeating | self.i.valid)),
            dut.i.payload.eq(block),
        ]
        with m.If(self.repeating):
            m.d.comb += [block.eq(held), last.eq(more == 1)]
        with m.Else():
            m.d.comb += [last.eq(self.i.payload.more == 0)]
            m.d.comb += [block[name].eq(self.i.payload[name]) for name in self._block.members]
        m.d.comb += dut.i.payload.block.dot_last.eq(block.block.dot_last & last)
        with m.If(dut.i.valid):
            m.d.sync += [held.eq(block), more.eq(Mux(self.repeating, more - 1, self.i.payload.more))]
        m.d.sync += credits.eq(credits + dut.taken - dut.i.valid)
        wiring.connect(m, dut.o, wiring.flipped(self.o))
        return m
