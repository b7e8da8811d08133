"""Addends on their way into an accumulator: a queue of binary32 codes, and a code as a term of an exact sum."""

from typing import NamedTuple

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..config import MacConfig
from ..formats import RESULT_FORMATS
from ..primitives.bits import sign_extend
from ..primitives.credit_queue import CreditQueue
from ..stages.layouts import SPECIALS, scaled_block_layout
from ..stages.scale_sum import specials_of_block

__all__ = ["Term", "addend_queue", "addend_specials", "addend_term", "block_ports", "next_term", "renamed_ports"]

_FP32 = RESULT_FORMATS["FP32"]


class Term(NamedTuple):
    """A term of an exact sum.

    Members
    -------
    sum : signed(config.term_bits)
    exp : range(config.scale_sum_max + 1)
        The term is ``sum * 2^(exp + config.block_exp_min)``.
    last : 1
        Whether it is the last of its dot product.
    specials : SPECIALS
    """

    sum: Value
    exp: Value
    last: Value
    specials: data.View


def block_ports(config: MacConfig) -> dict[str, wiring.Member]:
    """Return the ports by which the first stage of an accumulator gets blocks that may wait, and addends if there are any."""
    addends = {}
    if config.addend is not None:
        addends["addend"] = In(stream.Signature(config.addend.width, always_ready=True))
    return {**addends, "i": In(stream.Signature(scaled_block_layout(config), always_ready=True)), "taken": Out(1)}


def renamed_ports(config: MacConfig) -> dict[str, str]:
    """Return the ports of that stage whose names Amaranth takes from its queues: see :class:`Description`."""
    return {} if config.addend is None else {"i__payload": "addend__payload", "i__payload_2": "i__payload"}


def addend_queue(m: Module, addend: wiring.PureInterface, *, blocks: int, delayed: int = 0) -> stream.Interface:
    """Return the addends of dot products whose first block has not been taken from the queue of blocks.

    Parameters
    ----------
    m : Module
    addend : stream of codes
        Each comes before the first block of its dot product.
    blocks : int
        Blocks that may wait.
    delayed : int
        Blocks that may have left their queue before the addend of the first of them leaves this one.
    """
    # Besides the dot products whose first block is on its way, there is the one whose block has not ended.
    m.submodules.addends = queue = CreditQueue(shape=len(addend.payload), depth=blocks + 1 + delayed)
    wiring.connect(m, wiring.flipped(addend), queue.i)
    return queue.o


def addend_specials(code: Value) -> data.View:
    """Return the ``SPECIALS`` of a binary32 code: a signalling NaN is an invalid operation."""
    man, neg = code[: _FP32.man_bits], code[-1]
    special = code[_FP32.man_bits : -1].all()
    nan, infinite = special & man.any(), special & ~man.any()
    return data.View(SPECIALS, Cat(nan, nan & ~man[-1], infinite & ~neg, infinite & neg))


def addend_term(config: MacConfig, code: Value) -> tuple[Term, Value]:
    """Return a binary32 code as a term that is not the last, and whether it is zero."""
    exp, neg = code[_FP32.man_bits : -1], code[-1]
    normal = exp.any()
    sig = Cat(code[: _FP32.man_bits], normal, Const(0, 1))
    value = ((sig ^ neg.replicate(len(sig))) + neg)[: len(sig)].as_signed()
    place = (exp - normal + (_FP32.lsb_exp - config.block_exp_min))[: config.scale_sum_max.bit_length()]
    return Term(sum=value, exp=place, last=Const(0, 1), specials=addend_specials(code)), ~code[:-1].any()


def next_term(
    m: Module, config: MacConfig, blocks: stream.Interface, addend: wiring.PureInterface | None, *, taken: Value, places: int
) -> tuple[Term, Value]:
    """Return the next term of an exact sum, and whether there is one: the addend of a dot product, then its blocks.

    An addend of zero is passed over.

    Parameters
    ----------
    m : Module
    config : MacConfig
    blocks : stream of scaled blocks
        From their queue.
    addend : stream of codes, or None
        Each comes before the first block of its dot product; None if there are none.
    taken : 1
        Whether the term is taken if there is one.
    places : int
        Blocks that may wait.
    """
    scaled = blocks.payload
    specials = specials_of_block(scaled.block.specials, scaled.scale.nan)
    block = Term(sum=scaled.block.sum, exp=scaled.scale.exp, last=scaled.block.dot_last, specials=specials)
    if addend is None:
        m.d.comb += blocks.ready.eq(taken)
        return block, blocks.valid
    addends = addend_queue(m, addend, blocks=places)
    code, zero = addend_term(config, addends.payload)
    pending = Signal(init=1, name="addend_pending")
    begins = Signal(name="addend_taken")
    m.d.comb += [
        blocks.ready.eq(taken & ~pending),
        addends.ready.eq(pending & (taken | zero)),
        begins.eq(addends.valid & addends.ready),
    ]
    with m.If(begins):
        m.d.sync += pending.eq(0)
    with m.Elif(blocks.valid & blocks.ready & block.last):
        m.d.sync += pending.eq(1)
    term = Term(
        sum=Mux(pending, sign_extend(code.sum, config.term_bits), sign_extend(block.sum, config.term_bits)),
        exp=Mux(pending, code.exp, block.exp),
        last=block.last & ~pending,
        specials=data.View(SPECIALS, Mux(pending, code.specials.as_value(), specials.as_value())),
    )
    return term, Mux(pending, addends.valid & ~zero, blocks.valid)
