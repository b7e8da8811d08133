"""The result of a unit: its code and its status flags."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data

from ..formats import Format
from .layouts import STATUS

__all__ = ["classify", "pack_result"]


def classify(output: Format, state: dict, specials: data.View) -> dict:
    """Return ``state`` with what kind of result it is: what ``pack_result`` needs.

    Parameters
    ----------
    output : Format
    state : dict
        ``code``: fraction and biased exponent, which may be too large; flags ``neg``, ``inexact``, ``overflow``,
        ``underflow``.
    specials : SPECIALS
        If any is set, ``state`` means nothing.
    """
    exp = state["code"][output.man_bits :]
    invalid = specials.invalid | (specials.pos_inf & specials.neg_inf)
    infinite = specials.pos_inf | specials.neg_inf
    too_large = exp[output.exp_bits :].any() | exp[: output.exp_bits].all()
    return state | {
        "code": state["code"][: output.width - 1],
        "nan": specials.nan | invalid,
        "invalid": invalid,
        "infinite": infinite,
        "too_large": too_large,
        "neg": Mux(infinite, specials.neg_inf, state["neg"]),
    }


def pack_result(m: Module, output: Format, state: dict) -> tuple[Signal, data.View]:
    """Return code and ``STATUS`` of a result, of which ``classify`` has said what it is."""
    nan, infinite, too_large = state["nan"], state["infinite"], state["too_large"]
    result = Signal(output.width, name="result")
    status = Signal(STATUS, name="result_status")
    with m.If(nan):
        m.d.comb += result.eq(output.nan_code)
        m.d.comb += status.nv.eq(state["invalid"])
    with m.Else():
        code = Mux(infinite | too_large, output.inf_code, state["code"])
        m.d.comb += result.eq(Cat(code, state["neg"]))
        with m.If(~infinite):
            m.d.comb += [
                status.nx.eq(state["inexact"] | too_large),
                status.of.eq(state["overflow"] | too_large),
                status.uf.eq(state["underflow"]),
            ]
    return result, status
