"""What a MAC unit is: its parameters, and every width and latency that follows from them."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

from .errors import UserError
from .formats import ELEMENT_FORMATS, RESULT_FORMATS, SCALE_BIAS, SCALE_NAN, Format, Operand

__all__ = ["EXACT_BLOCKS", "Accumulator", "MacConfig", "MultiplierKind", "Storage", "format_named"]

#: Largest block, in elements.
BLOCK_MAX = 1024
#: Blocks of the largest value that the exact accumulator has to hold in one dot product.
EXACT_BLOCKS = 1 << 16
#: Widest window, in bits.
WINDOW_MAX = 1024
#: Bits a clock that a serial accumulator may work with.
_CHUNKS = (4, 8, 16, 32)
#: For each depth of pipelining: levels of a shifter between two registers, and levels of logic of the rounding.
_PIPELINES = {1: (4, 12), 2: (2, 4), 3: (1, 3)}
#: Beats of a block from which on it can be added up exactly a word a clock.
SERIAL_EXACT_BEATS = 32
#: Clocks that serial rounding takes from the last chunk on, besides those in which the result is shifted into place.
SERIAL_ROUND_CLOCKS = 7


class Accumulator(Enum):
    """How block sums are added up."""

    #: As if with unlimited precision, over the full range of scales.
    EXACT = "exact"
    #: Fixed point of a chosen width, anchored by the first non-zero block or at a fixed place.
    WINDOW = "window"
    #: Binary32, rounded once per block.
    FP32 = "fp32"


class MultiplierKind(Enum):
    """What elements are multiplied with."""

    #: Significands in LUTs or gates, and the product is shifted into place.
    LUT = "lut"
    #: Elements as integers, by what synthesis makes of a multiplication: a DSP block, where there is one.
    DSP = "dsp"


class Storage(Enum):
    """What words and entries are kept in, which decides how many of them there should be."""

    #: Small memories, as FPGAs make them of LUTs: 16 places or 32 cost about the same.
    LUTRAM = "lutram"
    #: Flip-flops, as of an ASIC, each of which costs.
    REGISTERS = "registers"


def format_named(name: str, table: dict[str, Format], option: str) -> Format:
    """Look ``name`` up in a table of formats, in any case.

    Raises
    ------
    UserError
        If there is no such format; the message lists those there are.
    """
    found = table.get(name.upper())
    if found is None:
        raise UserError(option, f"There is no format {name!r} here; choose one of {', '.join(table)}")
    return found


@dataclass(frozen=True, kw_only=True)
class MacConfig:
    """Parameters of a MAC unit.

    Parameters
    ----------
    a, b : sequence of Format
        Element formats of the two operands.
    block : int
        Elements that share a scale: a multiple of ``lanes`` from 1 to 1024.
    lanes : int
        Element pairs a clock.
    accumulator : Accumulator
        How block sums are added up.
    output : Format
        Format of the result.
    window : int
        Width of the window in bits, for ``Accumulator.WINDOW``.
    window_guard : int
        Distance of the window's least significant bit below that of the block that anchors it, in bits.
    window_lsb : int or None
        Exponent of the window's least significant bit; None lets the first block with a non-zero sum set it.
    storage : Storage
        What words and entries are kept in. It changes no result, but with registers dot products that are shorter than a block
        or two take longer.
    multiplier : MultiplierKind
        What elements are multiplied with.
    pipeline : int
        How deep the pipeline is: 1 has the least latency, 3 the highest clock. Serial accumulators and ``Accumulator.FP32``
        have one depth only.

    Raises
    ------
    UserError
        If a parameter is out of range or two of them do not go together.
    """

    a: Sequence[Format] = (ELEMENT_FORMATS["E4M3"],)
    b: Sequence[Format] = (ELEMENT_FORMATS["E4M3"],)
    block: int = 32
    lanes: int = 8
    accumulator: Accumulator = Accumulator.EXACT
    output: Format = RESULT_FORMATS["FP32"]
    window: int = 80
    window_guard: int = 16
    window_lsb: int | None = None
    storage: Storage = Storage.LUTRAM
    multiplier: MultiplierKind = MultiplierKind.LUT
    pipeline: int = 2

    def __post_init__(self):
        for side, formats in (("a", self.a), ("b", self.b)):
            if not formats:
                raise UserError(side, f"At least one format is needed; choose of {', '.join(ELEMENT_FORMATS)}")
            for index, fmt in enumerate(formats):
                if fmt in formats[:index]:
                    raise UserError(side, f"{fmt.name} is there more than once; give each format to choose from once")
        if not 1 <= self.block <= BLOCK_MAX:
            raise UserError("block", f"A block must have 1 to {BLOCK_MAX} elements, not {self.block}")
        if not 1 <= self.lanes <= self.block:
            raise UserError("lanes", f"A block of {self.block} elements takes 1 to {self.block} lanes, not {self.lanes}")
        if self.block % self.lanes:
            raise UserError("lanes", f"Lanes must divide the block of {self.block} elements, not {self.lanes}")
        if self.pipeline not in _PIPELINES:
            raise UserError(
                "pipeline", f"A pipeline has a depth of {min(_PIPELINES)} to {max(_PIPELINES)}, not {self.pipeline}"
            )
        self._check_window()

    def _check_window(self):
        if not self.block_sum_bits <= self.window <= WINDOW_MAX:
            raise UserError(
                "window",
                f"A window must have {self.block_sum_bits} to {WINDOW_MAX} bits, not {self.window}: "
                f"one block of {self.block} products alone takes {self.block_sum_bits}",
            )
        if not 0 <= self.window_guard < self.window:
            raise UserError(
                "window-guard",
                f"A window of {self.window} bits takes 0 to {self.window - 1} guard bits, not {self.window_guard}",
            )
        if self.window_lsb is not None and not -WINDOW_MAX <= self.window_lsb <= WINDOW_MAX:
            raise UserError("window-lsb", f"The exponent must be from {-WINDOW_MAX} to {WINDOW_MAX}, not {self.window_lsb}")

    def as_dict(self) -> dict[str, object]:
        """Return the parameters that count, as the command line spells them: for manifests and for people."""
        parameters: dict[str, object] = {
            "a": [fmt.name for fmt in self.a],
            "b": [fmt.name for fmt in self.b],
            "block": self.block,
            "lanes": self.lanes,
            "accumulator": self.accumulator.value,
            "output": self.output.name,
        }
        if self.accumulator is Accumulator.WINDOW:
            parameters["window"] = self.window
            if self.window_lsb is None:
                parameters["window-guard"] = self.window_guard
            else:
                parameters["window-lsb"] = self.window_lsb
        if self.storage is not Storage.LUTRAM:
            parameters["storage"] = self.storage.value
        if self.multiplier is not MultiplierKind.LUT:
            parameters["multiplier"] = self.multiplier.value
        if self.pipeline != MacConfig.pipeline:
            parameters["pipeline"] = self.pipeline
        return parameters

    # Operands and exact sums

    @cached_property
    def operand_a(self) -> Operand:
        """The a side of the multiplier."""
        return Operand(tuple(self.a))

    @cached_property
    def operand_b(self) -> Operand:
        """The b side of the multiplier."""
        return Operand(tuple(self.b))

    @property
    def beats(self) -> int:
        """Beats of a whole block."""
        return self.block // self.lanes

    @property
    def product_lsb_exp(self) -> int:
        """Every finite product of elements is an integer times 2^product_lsb_exp."""
        return self.operand_a.lsb_exp + self.operand_b.lsb_exp

    @property
    def product_bits(self) -> int:
        """Bits of the largest magnitude of a product."""
        return self.sum_bits(1) - 1

    def sum_bits(self, products: int) -> int:
        """Bits of the sum of that many products, with its sign."""
        return (products * self.operand_a.max_integer * self.operand_b.max_integer).bit_length() + 1

    @property
    def block_sum_bits(self) -> int:
        """Bits of the sum of a block, with its sign."""
        return self.sum_bits(self.block)

    # Scales

    @property
    def scale_sum_max(self) -> int:
        """Largest sum of two scale codes that are no NaN."""
        return 2 * (SCALE_NAN - 1)

    @property
    def block_exp_min(self) -> int:
        """Exponent of the least significant bit of a block whose two scale codes are 0."""
        return self.product_lsb_exp - 2 * SCALE_BIAS

    @property
    def window_exp_min(self) -> int:
        """Exponent of the window's least significant bit: where it is fixed, or if a block with scale codes 0 anchors it."""
        return self.block_exp_min - self.window_guard if self.window_lsb is None else self.window_lsb

    @property
    def window_headroom(self) -> int:
        """Bits that an anchored window has above the largest sum of the block that anchors it; negative if some do not fit."""
        return self.window - self.window_guard - self.block_sum_bits

    # Pipeline

    @property
    def shift_levels(self) -> int:
        """Levels of a barrel shifter between two registers."""
        return _PIPELINES[self.pipeline][0]

    @property
    def round_levels(self) -> int:
        """Levels of logic between two registers of the rounding."""
        return _PIPELINES[self.pipeline][1]

    # Rate

    @cached_property
    def chunk_bits(self) -> int:
        """Bits a clock with which a serial accumulator and its rounder work; 0 if blocks have too few beats for one."""
        if self.accumulator is Accumulator.EXACT and self.beats >= SERIAL_EXACT_BEATS:
            return _CHUNKS[0]
        if self.accumulator is Accumulator.WINDOW:
            for bits in _CHUNKS:
                # Another block may come, and another dot product be rounded, as soon as the beats of a block have passed.
                rest = max(self.chunks(self.block_sum_bits, bits) + 1, self.result_chunks(bits) + SERIAL_ROUND_CLOCKS - 2)
                if self.chunks(self.window, bits) + rest <= self.beats:
                    return bits
        return 0

    @property
    def takes_whole_blocks(self) -> bool:
        """Whether a block that ends early takes the clocks of a whole one: a serial window turns once for each of them."""
        return self.accumulator is Accumulator.WINDOW and self.chunk_bits > 0

    @property
    def window_dot_clocks(self) -> int:
        """Clocks that a dot product takes at least, in the long run and with a window: those of a block, or one.

        A serial window turns for as long as a block lasts; and in registers there are places for the results of whole blocks
        only.
        """
        return self.beats if self.takes_whole_blocks or self.storage is Storage.REGISTERS else 1

    def chunks(self, bits: int, chunk: int | None = None) -> int:
        """Chunks of ``chunk`` bits, or of config.chunk_bits, that so many bits fill."""
        return -(-bits // (chunk or self.chunk_bits))

    def result_chunks(self, chunk: int | None = None) -> int:
        """Chunks of a result: two bits below its significand, and one above for what rounding may carry into."""
        return self.chunks(self.output.man_bits + 4, chunk)

    @property
    def serial_block_clocks(self) -> int:
        """Clocks in which a block is added up in a serial window: chunks below it, inside it, and what is carried out of it."""
        return self.chunks(self.block_sum_bits) + self.chunks(self.window) + 1

    @property
    def fp32_add_clocks(self) -> int:
        """Clocks of one addition in binary32: compare, align, add, round. More of them, if blocks leave the time for it."""
        return 8 if self.beats >= 8 else 4

    @property
    def fp32_round_clocks(self) -> int:
        """Registers inside the rounding of an addition in binary32."""
        return self.fp32_add_clocks - 4

    @property
    def block_interval(self) -> int:
        """Clocks that a whole block takes, in the long run."""
        return max(self.beats, self.fp32_add_clocks) if self.accumulator is Accumulator.FP32 else self.beats
