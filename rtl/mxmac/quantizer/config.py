"""What a quantizer is: its parameters, and every width and latency that follows from them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from ..errors import UserError
from ..formats import ELEMENT_FORMATS, RESULT_FORMATS, SCALE_NAN, Format
from .rules import Overflow, ScaleRule

__all__ = ["SOURCE_FORMATS", "QuantizerConfig"]

#: Largest block, in elements.
BLOCK_MAX = 1024

#: What a quantizer converts from, by name: the formats whose exponents UE8M0 scales cover.
SOURCE_FORMATS = {name: fmt for name, fmt in RESULT_FORMATS.items() if (1 << fmt.exp_bits) - 1 == SCALE_NAN}


@dataclass(frozen=True, kw_only=True)
class QuantizerConfig:
    """Parameters of a quantizer.

    Parameters
    ----------
    source : Format
        What comes in: FP32 or BF16.
    to : Format
        Element format.
    block : int
        Elements that share a scale: a multiple of ``lanes`` from 1 to 1024.
    lanes : int
        Elements a clock.
    rules : sequence of ScaleRule
        With more than one, each block chooses: by the index in this sequence.
    overflows : sequence of Overflow
        With both, each block chooses likewise. A format without Inf and NaN saturates whatever is said here.

    Raises
    ------
    UserError
        If a parameter is out of range or two of them do not go together.
    """

    source: Format = RESULT_FORMATS["FP32"]
    to: Format = ELEMENT_FORMATS["E4M3"]
    block: int = 32
    lanes: int = 8
    rules: Sequence[ScaleRule] = (ScaleRule.RCEIL,)
    overflows: Sequence[Overflow] = (Overflow.SAT,)

    def __post_init__(self):
        if self.source not in SOURCE_FORMATS.values():
            raise UserError("from", f"A quantizer converts from {' or '.join(SOURCE_FORMATS)}, not {self.source.name}")
        if self.to not in ELEMENT_FORMATS.values():
            raise UserError("to", f"A quantizer converts to one of {', '.join(ELEMENT_FORMATS)}, not {self.to.name}")
        if not 1 <= self.block <= BLOCK_MAX:
            raise UserError("block", f"A block must have 1 to {BLOCK_MAX} elements, not {self.block}")
        if not 1 <= self.lanes <= self.block:
            raise UserError("lanes", f"A block of {self.block} elements takes 1 to {self.block} lanes, not {self.lanes}")
        if self.block % self.lanes:
            raise UserError("lanes", f"Lanes must divide the block of {self.block} elements, not {self.lanes}")
        for option, chosen in (("rule", self.rules), ("overflow", self.overflows)):
            if not chosen or len(set(chosen)) != len(chosen):
                names = ", ".join(choice.value for choice in chosen) or "none"
                raise UserError(option, f"At least one is needed, and none of them twice; given: {names}")
        if len(self.overflows) > 1 and not self.to.has_nan:
            raise UserError("overflow", f"{self.to.name} has neither Inf nor NaN and saturates either way; choose sat")

    def as_dict(self) -> dict[str, object]:
        """Return the parameters as the command line spells them: for manifests and for people."""
        return {
            "from": self.source.name,
            "to": self.to.name,
            "block": self.block,
            "lanes": self.lanes,
            "rule": [rule.value for rule in self.rules],
            "overflow": [overflow.value for overflow in self.overflows],
        }

    @property
    def beats(self) -> int:
        """Beats of a block."""
        return self.block // self.lanes

    # Elements. An integer counts as a format of subnormals only, whose hidden bit weighs 2^0.

    @property
    def frac_bits(self) -> int:
        """Bits of an element's significand below its hidden bit."""
        return self.to.man_bits - self.to.is_integer

    @property
    def emin(self) -> int:
        """Exponent of the smallest significand with its hidden bit set."""
        return 0 if self.to.is_integer else self.to.emin

    @property
    def limit_ones(self) -> int:
        """Ones below the hidden bit of the largest element's significand, which is nothing but ones."""
        largest = self.to.max_integer - self.to.is_integer
        return (largest // (largest & -largest)).bit_length() - 1

    # A value on its way

    @cached_property
    def norm_levels(self) -> int:
        """Levels of the shifter that moves up the significands of the source's subnormals.

        With scale code 0 they stand one position above 2^0, so ``1 - emin`` positions are all that can count, and no more
        than the source has bits.
        """
        return min((1 - self.emin).bit_length(), self.source.man_bits.bit_length())

    @property
    def exp_min(self) -> int:
        """Smallest exponent of a value, biased as in the source, once its significand is moved up."""
        return 2 - (1 << self.norm_levels)

    @property
    def distance_max(self) -> int:
        """Largest exponent of a quotient, counted from ``emin``: no scale is so small that there would be a larger one."""
        return self.to.emax - self.emin

    # Latencies, in clocks

    @property
    def prepare_clocks(self) -> int:
        """From a source code to a significand and an exponent: its class, then a level of the shifter at a time."""
        return 1 + self.norm_levels

    @property
    def scale_clocks(self) -> int:
        """From the last beat of a block to its scale: keys, a tree of maxima, the maximum of the beats, the scale."""
        return 1 + (self.lanes - 1).bit_length() + (self.beats > 1) + 1

    @property
    def align_clocks(self) -> int:
        """From the last beat of a block until both it and its scale are there."""
        return max(self.prepare_clocks, self.scale_clocks)
