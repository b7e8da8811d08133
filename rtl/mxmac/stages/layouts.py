"""Layouts of the streams between the stages."""

from amaranth.hdl import signed
from amaranth.lib import data

from ..config import MacConfig
from ..formats import SCALE_WIDTH, Format

__all__ = [
    "SPECIALS",
    "STATUS",
    "beat_in_layout",
    "block_layout",
    "result_layout",
    "scale_sum_layout",
    "scaled_block_layout",
    "total_layout",
]


def beat_in_layout(config: MacConfig) -> data.StructLayout:
    """Layout of a beat as it comes in.

    Members
    -------
    a, b : config.lanes x operand.width
        Element codes, lane 0 in the least significant bits.
    scale_a, scale_b : 8
        UE8M0 codes; they count on the first beat of a block.
    format_a, format_b : range(len(operand.formats))
        Format of the elements; there only with more than one, and counts on the first beat of a block.
    last : 1
        Whether the beat ends the dot product.
    addend : config.addend.width
        Code that is added to the dot product; there only if the unit has addends, and counts on its first beat.
    """
    members = {
        "a": data.ArrayLayout(config.operand_a.width, config.lanes),
        "b": data.ArrayLayout(config.operand_b.width, config.lanes),
        "scale_a": SCALE_WIDTH,
        "scale_b": SCALE_WIDTH,
        "last": 1,
    }
    for side, operand in (("a", config.operand_a), ("b", config.operand_b)):
        if operand.selectable:
            members[f"format_{side}"] = range(len(operand.formats))
    if config.addend is not None:
        members["addend"] = config.addend.width
    return data.StructLayout(members)


#: What a product may be besides a finite number: NaN because an element is, NaN because it is Inf times 0, plus or minus Inf.
SPECIALS = data.StructLayout({"nan": 1, "invalid": 1, "pos_inf": 1, "neg_inf": 1})


def block_layout(config: MacConfig) -> data.StructLayout:
    """Layout of a block's sum.

    Members
    -------
    sum : signed(config.block_sum_bits)
        Exact sum of the products, in units of 2^config.product_lsb_exp.
    specials : SPECIALS
        Of any product.
    dot_last : 1
        Whether the block ends its dot product.
    """
    return data.StructLayout({"sum": signed(config.block_sum_bits), "specials": SPECIALS, "dot_last": 1})


def scale_sum_layout() -> data.StructLayout:
    """Layout of the scale of a product of two blocks.

    Members
    -------
    exp : 9
        Sum of the two scale codes, both biases still in it: 0 to 508.
    nan : 1
        Whether either code is NaN; then ``exp`` is ignored.
    """
    return data.StructLayout({"exp": SCALE_WIDTH + 1, "nan": 1})


def scaled_block_layout(config: MacConfig) -> data.StructLayout:
    """Layout of a block's sum with its scale: ``block_layout(config)`` and ``scale_sum_layout()`` side by side."""
    return data.StructLayout({"block": block_layout(config), "scale": scale_sum_layout()})


def total_layout(width: int, exp_bits: int) -> data.StructLayout:
    """Layout of an exact value before its rounding: ``value * 2^(exp + exp_min)``.

    Members
    -------
    value : signed(width)
    exp : exp_bits
        Unsigned, counted from the rounder's parameter ``exp_min``.
    inexact, overflow : 1
        Whether ``value`` is inexact, and whether it saturated: the flags NX and OF.
    specials : SPECIALS
        Of all addends. If any is set, ``value`` is ignored.
    """
    return data.StructLayout({"value": signed(width), "exp": exp_bits, "inexact": 1, "overflow": 1, "specials": SPECIALS})


#: Status flags in the order of RISC-V's fflags, least significant first.
STATUS = data.StructLayout({"nx": 1, "uf": 1, "of": 1, "dz": 1, "nv": 1})


def result_layout(output: Format) -> data.StructLayout:
    """Layout of a result: ``data``, the code in the output format, and ``status``, a ``STATUS``."""
    return data.StructLayout({"data": output.width, "status": STATUS})
