"""Block scales in binary32, applied by a multiplication, where UE8M0 scales take a shift."""

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..config import Accumulator, MacConfig
from ..errors import UserError
from ..mac.datapath import Datapath
from ..primitives.bits import delay, delay_valid, register
from ..primitives.credit_queue import CreditQueue
from ..stages.layouts import SPECIALS, result_layout, scale_sum_layout
from ..stages.rounder import Rounder
from .float32 import FP32, Fp32Adder, Fp32Multiplier, unpacked

__all__ = ["Fp32ScaleDatapath", "ScaleByMultiplication"]

#: Cycles in which a block's sum is rounded to binary32.
_CONVERT_CLOCKS = 4
#: Cycles of an addition without registers inside its rounding.
_ADD_CLOCKS = 4


class ScaleByMultiplication(wiring.Component):
    """A block's exact sum, rounded to binary32, times a scale in binary32, rounded again. One block a cycle.

    Parameters
    ----------
    config : MacConfig
        Of it: the formats of the operands, and ``block``.

    Members
    -------
    sum : In(config.block_sum_bits)
        Two's complement, in units of 2^config.product_lsb_exp.
    specials : In(SPECIALS)
    scale : In(32)
        What the scales of a and b come to; the multiplication of the two is not counted.
    o : Out(32)
        ``latency`` cycles later, as of :class:`Fp32Multiplier`.
    """

    latency = _CONVERT_CLOCKS + Fp32Multiplier.latency

    def __init__(self, config: MacConfig):
        self.config = config
        super().__init__(
            {"sum": In(config.block_sum_bits), "specials": In(SPECIALS), "scale": In(FP32.width), "o": Out(FP32.width)}
        )

    def elaborate(self, platform):
        m = Module()
        config = self.config
        m.submodules.converter = converter = Rounder(
            FP32, width=config.block_sum_bits, exp_bits=1, exp_min=config.product_lsb_exp, clocks=_CONVERT_CLOCKS
        )
        m.submodules.multiplier = multiplier = Fp32Multiplier()
        m.d.comb += [
            converter.i.payload.value.eq(self.sum.as_signed()),
            converter.i.payload.specials.eq(self.specials),
            multiplier.a.eq(converter.o.payload.data),
            multiplier.b.eq(delay(m, self.scale, _CONVERT_CLOCKS, name="scale")),
            self.o.eq(multiplier.o),
        ]
        return m


class _BinaryDatapath(Datapath):
    """A datapath whose blocks have the scale ``scale``, which counts on the first beat of a block."""

    def __init__(self, config: MacConfig):
        super().__init__(config)
        self.scale = Signal(FP32.width)

    def _scale(self, m: Module, clocks: int):
        held = Signal(FP32.width, name="binary_scale", reset_less=True)
        with m.If(self.block_first):
            m.d.sync += held.eq(self.scale)
        self._scale_of_block = delay(m, held, clocks - 1, name="binary_scale")
        return data.View(scale_sum_layout(), Const(0, scale_sum_layout().size))

    def _accumulate(self, m: Module, block_adder, scale):
        m.submodules.scaler = scaler = ScaleByMultiplication(self.config)
        block = block_adder.o.payload
        m.d.comb += [scaler.sum.eq(block.sum), scaler.specials.eq(block.specials), scaler.scale.eq(self._scale_of_block)]
        valid = delay_valid(m, block_adder.o.valid, scaler.latency, name="scaled")
        last = delay(m, block.dot_last, scaler.latency, name="scaled_last")

        # Blocks wait for the addition before their own.
        # Where blocks leave the time, the rounding of an addition takes four cycles more.
        round_clocks = 4 if self.config.beats >= _ADD_CLOCKS + 4 else 0
        clocks = _ADD_CLOCKS + round_clocks
        depth = self.plan.queue + -(-scaler.latency // self.plan.block_interval)
        m.submodules.queue = queue = CreditQueue(shape=FP32.width + 1, depth=depth)
        pause = Signal(range(clocks))
        m.d.comb += [
            queue.i.valid.eq(valid),
            queue.i.payload.eq(Cat(scaler.o, last)),
            queue.o.ready.eq(pause == 0),
            self.block_taken.eq(queue.o.valid & queue.o.ready),
        ]
        with m.If(self.block_taken):
            m.d.sync += pause.eq(clocks - 1)
        with m.Elif(pause.any()):
            m.d.sync += pause.eq(pause - 1)

        m.submodules.adder = adder = Fp32Adder(
            width=FP32.sig_bits, exp_bits=FP32.exp_bits, exp_min=-FP32.bias, round_clocks=round_clocks
        )
        number = unpacked(m, queue.o.payload[: FP32.width], name="number")
        total = Signal(FP32.width)
        m.d.comb += [
            adder.sig.eq(number.sig),
            adder.exp.eq(number.exp),
            adder.neg.eq(number.neg),
            adder.specials.nan.eq(number.nan),
            adder.specials.pos_inf.eq(number.inf & ~number.neg),
            adder.specials.neg_inf.eq(number.inf & number.neg),
            adder.y.eq(total),
        ]
        done = delay_valid(m, self.block_taken, adder.latency, name="added")
        dot_done = delay_valid(m, self.block_taken & queue.o.payload[-1], adder.latency, name="dot_done")
        with m.If(done):
            m.d.sync += total.eq(adder.o)
        with m.If(dot_done):
            m.d.sync += total.eq(0)
        m.d.comb += [
            self.o.valid.eq(delay_valid(m, dot_done, 1, name="result_valid")),
            self.o.payload.data.eq(register(m, adder.o, name="result")),
        ]


class Fp32ScaleDatapath(wiring.Component):
    """The datapath of a unit, but for its scales and what follows them: those are binary32, and so are the sums.

    Lanes, adder tree and block adder are the unit's. There are no status flags.

    Parameters
    ----------
    config : MacConfig
        With the accumulator and the output binary32, as :meth:`check` makes sure of.

    Members
    -------
    Those of :class:`~mxmac.mac.datapath.Datapath`, with the same meaning, and

    scale : In(32)
        Counts on the first beat of a block, instead of ``scale_a`` and ``scale_b``, which nothing reads.
    o : Out(stream.Signature(result_layout(FP32), always_ready=True))
    """

    def __init__(self, config: MacConfig):
        self._datapath = _BinaryDatapath(config)
        members = dict(self._datapath.signature.members)
        members["o"] = Out(stream.Signature(result_layout(FP32), always_ready=True))
        super().__init__({**members, "scale": In(FP32.width)})

    @staticmethod
    def check(config: MacConfig):
        """Refuse a configuration that asks for another accumulator or output.

        Raises
        ------
        UserError
        """
        if config.accumulator is not Accumulator.FP32:
            raise UserError("accumulator", "Scales in binary32 go with sums in binary32: choose fp32")
        if config.output != FP32:
            raise UserError("output", "Scales in binary32 go with results in binary32: choose fp32")

    def elaborate(self, platform):
        m = Module()
        m.submodules.datapath = datapath = self._datapath
        wiring.connect(m, wiring.flipped(self.i), datapath.i)
        wiring.connect(m, datapath.o, wiring.flipped(self.o))
        m.d.comb += [
            datapath.block_first.eq(self.block_first),
            datapath.block_end.eq(self.block_end),
            self.block_taken.eq(datapath.block_taken),
            datapath.scale.eq(self.scale),
        ]
        return m
