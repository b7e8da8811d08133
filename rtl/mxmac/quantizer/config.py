"""Parameters of a quantizer, and the widths and latencies that follow from them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from ..config import Bus, Reset, checked_ports
from ..errors import UserError
from ..formats import ELEMENT_FORMATS, SOURCE_FORMATS, Format
from ..parameters import FormatLike, checked_blocks, checked_choices, checked_format, plain_value
from .rules import Overflow, ScaleRule

if TYPE_CHECKING:
    from .unit import Quantizer

__all__ = ["QuantizerConfig"]

#: Names of parameters on the command line and in :meth:`QuantizerConfig.as_dict`, where they differ.
_OPTIONS = {"from": "source", "rule": "rules", "overflow": "overflows"}
_NAMES = {parameter: option for option, parameter in _OPTIONS.items()}


@dataclass(frozen=True, kw_only=True, init=False)
class QuantizerConfig:
    """Parameters of a quantizer, normalised and validated.

    Formats and choices are also accepted by name, in any case. Configurations with the same parameters are equal, however they
    were spelt.

    Parameters
    ----------
    source : Format or str
        Format of the input: FP32 or BF16.
    to : Format or str
        Element format. An MX name, such as MXFP8, stands for its element format and requires blocks of 32 elements.
    block : int
        Elements that share a scale: a multiple of ``lanes`` from 1 to 1024.
    lanes : int
        Elements per beat.
    rules : ScaleRule, str, or iterable of them
        With more than one, each block selects one by its index. A tuple afterwards.
    overflows : Overflow, str, or iterable of them
        With both, each block selects one likewise. A format without Inf and NaN saturates with either, and takes one only.
    reset, bus : Reset or str, Bus or str
        Reset and ports of the Verilog's top module, as for :class:`~mxmac.config.MacConfig`.

    Raises
    ------
    TypeError
        If a parameter has the wrong type.
    UserError
        If a parameter is out of range, or two of them exclude each other. The error names the parameter.
    """

    source: Format = SOURCE_FORMATS["FP32"]
    to: Format = ELEMENT_FORMATS["E4M3"]
    block: int = 32
    lanes: int = 8
    rules: tuple[ScaleRule, ...] = (ScaleRule.RCEIL,)
    overflows: tuple[Overflow, ...] = (Overflow.SAT,)
    reset: Reset = Reset.SYNC_HIGH
    bus: Bus = Bus.PLAIN

    def __init__(
        self,
        *,
        source: FormatLike = source,
        to: FormatLike = to,
        block: int = block,
        lanes: int = lanes,
        rules: ScaleRule | str | Iterable[ScaleRule | str] = rules,
        overflows: Overflow | str | Iterable[Overflow | str] = overflows,
        reset: Reset | str | None = None,
        bus: Bus | str = bus,
    ) -> None:
        block, lanes = checked_blocks(block, lanes)
        normalised = {
            "source": checked_format("source", source, SOURCE_FORMATS),
            "to": checked_format("to", to, ELEMENT_FORMATS, block=block),
            "block": block,
            "lanes": lanes,
            "rules": checked_choices("rules", rules, ScaleRule),
            "overflows": checked_choices("overflows", overflows, Overflow),
            **checked_ports(reset, bus),
        }
        for name, value in normalised.items():
            object.__setattr__(self, name, value)
        if len(self.overflows) > 1 and not self.to.has_nan:
            message = f"must be one only for {self.to.name}, which has neither Inf nor NaN and always saturates; choose sat"
            raise UserError("overflows", message)

    def as_dict(self) -> dict[str, object]:
        """Return the parameters that count, with names and values as on the command line."""
        ports = {"reset": plain_value(QuantizerConfig.reset), "bus": plain_value(QuantizerConfig.bus)}
        if self.bus is not Bus.PLAIN:
            del ports["reset"]
        return {name: value for name, value in self.parameters().items() if ports.get(name) != value}

    def parameters(self) -> dict[str, object]:
        """Return all parameters, defaults included, with names and values as on the command line."""
        return {_NAMES.get(field.name, field.name): plain_value(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def from_dict(cls, parameters: Mapping[str, Any]) -> Self:
        """Return the configuration that :meth:`as_dict` describes.

        Raises
        ------
        KeyError
            If a key is missing.
        TypeError
            If a key is unknown or a value has the wrong type.
        UserError
            If a value is not accepted.
        """
        config = cls(**{_OPTIONS.get(name, name): value for name, value in parameters.items()})
        if missing := config.as_dict().keys() - parameters.keys():
            raise KeyError(", ".join(sorted(missing)))
        return config

    def create(self) -> "Quantizer":
        """Create the quantizer as a component for an Amaranth design.

        Amaranth is imported by this call, and not by this module.

        Returns
        -------
        Quantizer
            Component with a stream ``i`` of floats and a stream ``o`` of elements with their scales.
        """
        from .unit import Quantizer

        return Quantizer(self)

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
        """Ones below the hidden bit of the largest element's significand, which has no zeros."""
        largest = self.to.max_integer - self.to.is_integer
        return (largest // (largest & -largest)).bit_length() - 1

    # Values between the stages

    @cached_property
    def norm_levels(self) -> int:
        """Levels of the left shifter that normalises subnormals of the source.

        With scale code 0 they are one position above 2^0, so at most ``1 - emin`` positions affect an element, and at most
        the mantissa bits of the source.
        """
        return min((1 - self.emin).bit_length(), self.source.man_bits.bit_length())

    @property
    def exp_min(self) -> int:
        """Smallest exponent of a normalised value, biased as in the source."""
        return 2 - (1 << self.norm_levels)

    @property
    def distance_max(self) -> int:
        """Largest exponent of a quotient above ``emin``; no scale makes a larger one."""
        return self.to.emax - self.emin

    # Latencies, in cycles

    @property
    def prepare_clocks(self) -> int:
        """Cycles from a source code to its significand and exponent: classification, then one per level of the shifter."""
        return 1 + self.norm_levels

    @property
    def scale_clocks(self) -> int:
        """Cycles from the last beat of a block to its scale: keys, a tree of maxima, the maximum of the beats, the scale."""
        return 1 + (self.lanes - 1).bit_length() + (self.beats > 1) + 1

    @property
    def align_clocks(self) -> int:
        """Cycles from the last beat of a block until both the beat and the scale are ready."""
        return max(self.prepare_clocks, self.scale_clocks)
