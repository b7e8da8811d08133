"""Exact value to floating point, with status flags."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from .bits import delay_valid
from .formats import Format
from .multiplier import SPECIALS

__all__ = ["STATUS", "Rounder", "pack_result", "result_layout", "total_layout"]

#: Status flags in the order of RISC-V's fflags, least significant first.
STATUS = data.StructLayout({"nx": 1, "uf": 1, "of": 1, "dz": 1, "nv": 1})


def total_layout(width: int, exp_bits: int) -> data.StructLayout:
    """Layout of an exact value on its way to its rounding: ``value * 2^(exp + exp_min)``.

    Members
    -------
    value : signed(width)
    exp : exp_bits
        Unsigned; what it starts from is the rounder's parameter ``exp_min``.
    inexact, overflow : 1
        Whether ``value`` is no longer exact, and whether it was cut off at a limit: they go into the flags NX and OF.
    specials : SPECIALS
        Of everything that was added up. If any is set, ``value`` means nothing.
    """
    return data.StructLayout({"value": signed(width), "exp": exp_bits, "inexact": 1, "overflow": 1, "specials": SPECIALS})


def result_layout(output: Format) -> data.StructLayout:
    """Layout of a result: ``data``, the code in the output format, and ``status``, a ``STATUS``."""
    return data.StructLayout({"data": output.width, "status": STATUS})


def pack_result(m: Module, output: Format, state: dict, specials: data.View) -> tuple[Signal, data.View]:
    """Return code and ``STATUS`` of a result, for which overflow, Inf and NaN are still to be put in.

    Parameters
    ----------
    m : Module
    output : Format
    state : dict
        ``code``: fraction and biased exponent, which may be too large; flags ``neg``, ``inexact``, ``overflow``,
        ``underflow``.
    specials : SPECIALS
        If any is set, ``state`` means nothing.
    """
    code = state["code"]
    too_large = (code >> output.man_bits) >= (1 << output.exp_bits) - 1
    nan = specials.nan | specials.invalid | (specials.pos_inf & specials.neg_inf)
    infinite = specials.pos_inf | specials.neg_inf
    sign = Mux(infinite, specials.neg_inf, state["neg"])
    result = Signal(output.width, name="result")
    status = Signal(STATUS, name="result_status")
    with m.If(nan):
        m.d.comb += result.eq(output.nan_code)
        m.d.comb += status.nv.eq(specials.invalid | (specials.pos_inf & specials.neg_inf))
    with m.Else():
        m.d.comb += result.eq(Cat(Mux(infinite | too_large, output.inf_code, code[: output.width - 1]), sign))
        with m.If(~infinite):
            m.d.comb += [
                status.nx.eq(state["inexact"] | too_large),
                status.of.eq(state["overflow"] | too_large),
                status.uf.eq(state["underflow"]),
            ]
    return result, status


class Rounder(wiring.Component):
    """Rounds to nearest, ties to even (IEEE 754, 4.3.1), subnormals included. One value a clock.

    The value's leading zeros are shifted out level by level. How far the shift may go is limited by the exponent of the
    smallest normal number, so that a subnormal result ends up in place without a second shift: as long as the levels taken
    so far spell the same number as the limit, a level may only be taken if the limit's bit is set.

    Parameters
    ----------
    output : Format
        A format with Inf and NaN.
    width, exp_bits, exp_min : int
        Of the input: see ``total_layout``.
    clocks : int
        Latency. The levels of logic are spread evenly over it.

    Members
    -------
    i : In(stream.Signature(total_layout(width, exp_bits), always_ready=True))
    o : Out(stream.Signature(result_layout(output), always_ready=True))
        ``clocks`` clocks later.
    """

    def __init__(self, output: Format, *, width: int, exp_bits: int, exp_min: int, clocks: int):
        self.output, self.width, self.exp_min, self.clocks = output, width, exp_min, clocks
        super().__init__(
            {
                "i": In(stream.Signature(total_layout(width, exp_bits), always_ready=True)),
                "o": Out(stream.Signature(result_layout(output), always_ready=True)),
            }
        )

    @property
    def headroom(self) -> int:
        """Zeros to put above the value so that no result is so small that it would have to be shifted down.

        More than the significand and its round bit are never needed: what lies lower is sticky wherever it stands.
        """
        top = self.exp_min + self.width - 1
        return max(0, min(self.output.man_bits + 2, self.output.emin - top))

    def elaborate(self, platform):
        """Build the rounder."""
        m = Module()
        shift_levels = (self.width + self.headroom - 1).bit_length()
        steps = [self._magnitude]
        steps += [self._normalise(level) for level in reversed(range(shift_levels))]
        steps += [self._prepare, self._round, self._pack]

        total = self.i.payload
        state = {"value": total.value, "exp": total.exp, "inexact": total.inexact, "overflow": total.overflow}
        state |= {flag: total.specials[flag] for flag in SPECIALS.members}
        for index, step in enumerate(steps):
            state = step(m, state, shift_levels)
            if (index + 1) * self.clocks // len(steps) > index * self.clocks // len(steps):
                state = self._register(m, state, f"step{index}")
        m.d.comb += [
            self.o.valid.eq(delay_valid(m, self.i.valid, self.clocks, name="valid")),
            self.o.payload.data.eq(state["data"]),
            self.o.payload.status.as_value().eq(state["status"]),
        ]
        return m

    @staticmethod
    def _register(m: Module, state: dict, name: str) -> dict:
        held = {key: Signal(value.shape(), name=f"{name}_{key}", reset_less=True) for key, value in state.items()}
        m.d.sync += [held[key].eq(value) for key, value in state.items()]
        return held

    def _magnitude(self, m: Module, state: dict, shift_levels: int) -> dict:
        """Sign and magnitude, and how far the magnitude may be moved up."""
        value = state.pop("value")
        neg = value[-1]
        magnitude = Signal(self.width)
        m.d.comb += magnitude.eq((value.as_unsigned() ^ neg.replicate(self.width)) + neg)
        offset = self.exp_min + self.width + self.headroom - 1 - self.output.emin
        exp = state.pop("exp")
        limit = exp + offset
        if offset < 0:
            limit = Mux(limit < 0, 0, limit)
        limit_bits = max(shift_levels, (max(0, (1 << len(exp)) - 1 + offset)).bit_length())
        limit_value = Signal(limit_bits, name="limit")
        m.d.comb += limit_value.eq(limit)
        return state | {
            "neg": neg,
            "normal": Cat(magnitude, Const(0, self.headroom)),
            "limit": limit_value,
            "free": limit_value[shift_levels:].any(),
            "taken": Const(0, 0),
            "sticky": Const(0, 1),
        }

    def _normalise(self, level: int):
        def step(m: Module, state: dict, shift_levels: int) -> dict:
            amount = 1 << level
            value, limit, free = state["normal"], state["limit"], state["free"]
            clear = ~value[-amount:].any() if amount < len(value) else ~value.any()
            take = Signal(name=f"take{level}")
            m.d.comb += take.eq(clear & (limit[level] | free))
            # The levels to come can use this much below the significand, its round bit and one more.
            keep = min(len(value), self.output.man_bits + 3 + amount - 1)
            moved = Signal(len(value), name=f"normal{level}")
            m.d.comb += moved.eq(Mux(take, value << amount, value))
            cut = len(value) - keep
            return state | {
                "normal": moved[cut:],
                "sticky": state["sticky"] | moved[:cut].any() if cut else state["sticky"],
                "free": free | (limit[level] & ~clear),
                "taken": Cat(take, state["taken"]),
            }

        return step

    def _prepare(self, m: Module, state: dict, shift_levels: int) -> dict:
        """Everything the rounding addition needs."""
        kept = self.output.man_bits + 3
        normal = Cat(Const(0, max(0, kept - len(state["normal"]))), state["normal"])[-kept:]
        half_half, half, sig = normal[0], normal[1], normal[2:]
        below = half_half | state["sticky"]
        hidden = sig[-1]
        # Rounded with an unbounded exponent, a subnormal reaches the smallest normal number only from here on up.
        reaches_normal = sig[:-1].all() & half & half_half
        limit = state.pop("limit")
        exp = Signal(len(limit), name="exp_field")
        m.d.comb += exp.eq(Mux(hidden, (limit - state.pop("taken"))[: len(limit)], 0))
        nonzero = normal.any() | state.pop("sticky")
        del state["normal"], state["free"]
        inexact = state["inexact"] | half | below
        return state | {
            "exp_field": exp,
            "sig": sig,
            "up": half & (below | sig[0]),
            "inexact": inexact,
            "underflow": inexact & nonzero & ~hidden & ~reaches_normal,
        }

    def _round(self, m: Module, state: dict, shift_levels: int) -> dict:
        """Add the rounding bit to exponent and fraction at once: a carry out of the fraction is what the exponent lacks."""
        man_bits = self.output.man_bits
        exp, sig = state.pop("exp_field"), state.pop("sig")
        code = Signal(man_bits + max(len(exp) + 1, self.output.exp_bits + 1), name="code")
        m.d.comb += code.eq(Cat(Const(0, man_bits), exp) + sig + state.pop("up"))
        return state | {"code": code}

    def _pack(self, m: Module, state: dict, shift_levels: int) -> dict:
        specials = data.View(SPECIALS, Cat(state[flag] for flag in SPECIALS.members))
        packed, status = pack_result(m, self.output, state, specials)
        return {"data": packed, "status": status.as_value()}
