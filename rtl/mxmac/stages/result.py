"""The result of a unit: its code and its status flags."""

from dataclasses import dataclass

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data

from ..formats import Format
from .layouts import STATUS

__all__ = ["Classified", "Rounded", "classify", "exceeds_range", "pack_result"]


@dataclass(frozen=True, kw_only=True)
class Rounded:
    """A rounded magnitude with its sign and flags. All flags are one bit.

    Members
    -------
    code : Value
        Fraction, and above it the biased exponent, which may be too large.
    neg : Value
    inexact, overflow, underflow : Value
        For the flags NX, OF and UF.
    """

    code: Value
    neg: Value
    inexact: Value
    overflow: Value
    underflow: Value


@dataclass(frozen=True, kw_only=True)
class Classified:
    """A result with its class. All members but ``code`` are one bit.

    Members
    -------
    inexact, overflow, underflow, neg, code : Value
        As in :class:`Rounded`; ``code`` in the width of the format without its sign.
    nan, invalid, infinite : Value
        Whether it is NaN, whether that is new (flag NV), and whether it is an Inf that an element or a block was.
    too_large : Value
        Whether it overflows when it is rounded.
    """

    inexact: Value
    overflow: Value
    neg: Value
    code: Value
    underflow: Value
    nan: Value
    invalid: Value
    infinite: Value
    too_large: Value


def exceeds_range(output: Format, code: Value) -> Value:
    """Return whether the exponent of a fraction and a biased exponent is that of Inf, or larger."""
    exp = code[output.man_bits :]
    return exp[output.exp_bits :].any() | exp[: output.exp_bits].all()


def classify(output: Format, rounded: Rounded, specials: data.View, *, too_large: Value | None = None) -> Classified:
    """Return the class of a result.

    Parameters
    ----------
    output : Format
    rounded : Rounded
    specials : SPECIALS
        Of all that was added up. If any is set, ``rounded`` is ignored.
    too_large : 1, optional
        Whether the result overflows; by default, whether the exponent of ``rounded`` is too large.
    """
    invalid = specials.invalid | (specials.pos_inf & specials.neg_inf)
    infinite = specials.pos_inf | specials.neg_inf
    return Classified(
        inexact=rounded.inexact,
        overflow=rounded.overflow,
        neg=Mux(infinite, specials.neg_inf, rounded.neg),
        code=rounded.code[: output.width - 1],
        underflow=rounded.underflow,
        nan=specials.nan | invalid,
        invalid=invalid,
        infinite=infinite,
        too_large=exceeds_range(output, rounded.code) if too_large is None else too_large,
    )


def pack_result(m: Module, output: Format, classified: Classified) -> tuple[Signal, data.View]:
    """Return code and ``STATUS`` of a classified result."""
    infinite, too_large = classified.infinite, classified.too_large
    result = Signal(output.width, name="result")
    status = Signal(STATUS, name="result_status")
    with m.If(classified.nan):
        m.d.comb += result.eq(output.nan_code)
        m.d.comb += status.nv.eq(classified.invalid)
    with m.Else():
        code = Mux(infinite | too_large, output.inf_code, classified.code)
        m.d.comb += result.eq(Cat(code, classified.neg))
        with m.If(~infinite):
            m.d.comb += [
                status.nx.eq(classified.inexact | too_large),
                status.of.eq(classified.overflow | too_large),
                status.uf.eq(classified.underflow),
            ]
    return result, status
