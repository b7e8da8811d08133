"""Parameters of a MAC unit, and the widths and ranges that follow from them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from .choices import (
    ACCUMULATOR_PARAMETERS,
    TARGET_DEFAULTS,
    Accumulator,
    Bus,
    MultiplierKind,
    Reset,
    Storage,
    Target,
    checked_ports,
    default_reset,
    with_plain_ports,
)
from .errors import UserError
from .formats import ELEMENT_FORMATS, RESULT_FORMATS, SCALE_BIAS, SCALE_NAN, Format, Operand
from .parameters import FormatLike, checked_blocks, checked_choice, checked_format, checked_formats, checked_int, plain_value

if TYPE_CHECKING:
    from .mac.unit import MacUnit

__all__ = [
    "ACCUMULATOR_PARAMETERS",
    "EXACT_BLOCKS",
    "Accumulator",
    "Bus",
    "MacConfig",
    "MultiplierKind",
    "Reset",
    "Storage",
    "Target",
    "checked_ports",
    "default_reset",
    "with_plain_ports",
]

#: Blocks of the largest value that one dot product of the exact accumulator holds without overflow.
EXACT_BLOCKS = 1 << 16
#: Default width of a window, its default guard bits, and its greatest width, in bits.
WINDOW_BITS, GUARD_BITS, WINDOW_MAX = 80, 16, 1024
#: Parameters that every description of a configuration states; of the others, those that are not their defaults.
_ALWAYS = frozenset(("a", "b", "block", "lanes", "accumulator", "output", "target"))
#: Levels of a barrel shifter, of logic of the rounder, and of full adders in standard cells between two registers, for each
#: pipeline depth.
_PIPELINES = {1: (4, 12, 8), 2: (2, 4, 6), 3: (1, 3, 5)}


def _present(name: str, value: int | None) -> int:
    if value is None:
        raise ValueError(f"{name} has no value in this configuration")
    return value


def _checked_chain(target: Target, chain: int | None) -> int | None:
    """Return the length of chains, None for targets without them.

    Raises
    ------
    TypeError, UserError
        If it is not accepted.
    """
    if target is not Target.ECP5:
        if chain is not None:
            raise UserError("chain", f"must be left out with the target {target.value}; it applies to ecp5 only")
        return None
    return TARGET_DEFAULTS[target].chain if chain is None else checked_int("chain", chain, 1, 64)


@dataclass(frozen=True, kw_only=True, init=False)
class MacConfig:
    """Parameters of a MAC unit, normalised and validated.

    Formats and choices are also accepted by name, in any case: ``MacConfig(a="E4M3", accumulator="window")``. Configurations
    with the same parameters are equal, however they were spelt.

    Parameters
    ----------
    a, b : Format, str, or iterable of them
        Element formats of the two operands; with several, each block selects one by its index. A tuple afterwards. An MX
        name, such as MXFP8, stands for its element format and requires blocks of 32 elements.
    block : int
        Elements that share a scale: a multiple of ``lanes`` from 1 to 1024.
    lanes : int
        Element pairs per beat.
    accumulator : Accumulator or str
        How block sums are added up.
    output : Format or str
        Format of the result, which has codes for Inf and NaN.
    window : int, optional
        Width of the window in bits; 80 by default. For ``Accumulator.WINDOW`` only, and None with any other.
    window_guard : int, optional
        Distance of the window's least significant bit below that of the block that anchors it, in bits; 16 by default. For
        an anchored window only, and None with ``window_lsb``.
    window_lsb : int, optional
        Exponent of the window's least significant bit. By default, the first block with a non-zero sum anchors the window.
    target : Target or str
        Technology that the text is written for. It changes no result.
    storage : Storage or str, optional
        Kind of memory for words and queue entries: registers by default for ``Target.ASIC``, and LUTRAM for the others. It
        changes no result, but with registers dot products that are shorter than a few blocks take longer.
    multiplier : MultiplierKind or str
        Kind of multiplier.
    pipeline : int, optional
        Depth of the pipeline: 1 has the least latency, 3 the highest clock of an FPGA. By default 2, 3 for ``Target.ECP5`` and
        1 for ``Target.ASIC``. Serial accumulators and ``Accumulator.FP32`` have one depth only.
    chain : int, optional
        Most lanes of a chain of carry cells, 1 to 64; for ``Target.ECP5`` only, and None with any other. The longer a chain,
        the fewer LUTs and the more registers; 8 by default.
    addend : Format or str, optional
        Format of a number that is added to each dot product: FP32 or, by default, None. Not for ``Accumulator.WINDOW``.
    reset : Reset or str, optional
        Reset of the Verilog's top module: synchronous by default, active low with ``Bus.AXIS`` and high without.
        The component of :meth:`create` has the reset of its clock domain.
    bus : Bus or str
        Ports of the Verilog's top module; the component has streams.

    Raises
    ------
    TypeError
        If a parameter has the wrong type.
    UserError
        If a parameter is out of range, or two of them exclude each other. The error names the parameter.
    """

    a: tuple[Format, ...] = (ELEMENT_FORMATS["E4M3"],)
    b: tuple[Format, ...] = (ELEMENT_FORMATS["E4M3"],)
    block: int = 32
    lanes: int = 8
    accumulator: Accumulator = Accumulator.EXACT
    output: Format = RESULT_FORMATS["FP32"]
    window: int | None = None
    window_guard: int | None = None
    window_lsb: int | None = None
    target: Target = Target.GENERIC
    storage: Storage = Storage.LUTRAM
    multiplier: MultiplierKind = MultiplierKind.LUT
    pipeline: int = 2
    chain: int | None = None
    addend: Format | None = None
    reset: Reset = Reset.SYNC_HIGH
    bus: Bus = Bus.PLAIN

    def __init__(
        self,
        *,
        a: FormatLike | Iterable[FormatLike] = a,
        b: FormatLike | Iterable[FormatLike] = b,
        block: int = block,
        lanes: int = lanes,
        accumulator: Accumulator | str = accumulator,
        output: FormatLike = output,
        window: int | None = None,
        window_guard: int | None = None,
        window_lsb: int | None = None,
        target: Target | str = target,
        storage: Storage | str | None = None,
        multiplier: MultiplierKind | str = multiplier,
        pipeline: int | None = None,
        chain: int | None = None,
        addend: FormatLike | None = None,
        reset: Reset | str | None = None,
        bus: Bus | str = bus,
    ) -> None:
        block, lanes = checked_blocks(block, lanes)
        output = checked_format("output", output, RESULT_FORMATS)
        if not output.has_inf:
            raise UserError("output", f"must be a format with Inf and NaN, not {output.name}")
        target = checked_choice("target", target, Target)
        defaults = TARGET_DEFAULTS[target]
        normalised = {
            "a": checked_formats("a", a, ELEMENT_FORMATS, block=block),
            "b": checked_formats("b", b, ELEMENT_FORMATS, block=block),
            "block": block,
            "lanes": lanes,
            "accumulator": checked_choice("accumulator", accumulator, Accumulator),
            "output": output,
            "target": target,
            "storage": defaults.storage if storage is None else checked_choice("storage", storage, Storage),
            "multiplier": checked_choice("multiplier", multiplier, MultiplierKind),
            "pipeline": defaults.pipeline
            if pipeline is None
            else checked_int("pipeline", pipeline, min(_PIPELINES), max(_PIPELINES)),
            "addend": None if addend is None else checked_format("addend", addend, {"FP32": RESULT_FORMATS["FP32"]}),
            "chain": _checked_chain(target, chain),
            **checked_ports(reset, bus),
        }
        for name, value in normalised.items():
            object.__setattr__(self, name, value)
        self._set_window(window, window_guard, window_lsb)
        if self.target is Target.ASIC and self.multiplier is MultiplierKind.DSP:
            raise UserError("multiplier", "must be lut with the target asic, for standard cells include no DSP blocks")
        if self.addend is not None and self.accumulator is Accumulator.WINDOW:
            raise UserError("addend", "must be left out with the accumulator window; it applies to exact and fp32")

    def _set_window(self, window: int | None, guard: int | None, lsb: int | None) -> None:
        """Check the parameters of the window, and set them: None where they have no meaning."""
        if self.accumulator is not Accumulator.WINDOW:
            for name, value in (("window", window), ("window_guard", guard), ("window_lsb", lsb)):
                if value is not None:
                    kind = self.accumulator.value
                    raise UserError(name, f"must be left out with the accumulator {kind}; it applies to the window only")
        else:
            one_block = f"one block of {self.block} products alone takes {self.block_sum_bits}"
            window = WINDOW_BITS if window is None else window
            window = checked_int("window", window, self.block_sum_bits, WINDOW_MAX, unit="bits", why=one_block)
            if lsb is None:
                guard = checked_int("window_guard", GUARD_BITS if guard is None else guard, 0, window - 1)
            elif guard is not None:
                raise UserError("window_guard", "must be left out beside window_lsb, which puts the window at a fixed place")
            else:
                lsb = checked_int("window_lsb", lsb, -WINDOW_MAX, WINDOW_MAX)
        for name, value in (("window", window), ("window_guard", guard), ("window_lsb", lsb)):
            object.__setattr__(self, name, value)

    def as_dict(self) -> dict[str, object]:
        """Return the parameters that count, with names and values as on the command line."""
        return {
            name: value
            for name, value in self.parameters().items()
            if name in _ALWAYS
            or (name == "reset" and self.bus is not Bus.PLAIN)
            or value != plain_value(self._default(name.replace("-", "_")))
        }

    def _default(self, name: str) -> object:
        """Return the value of a parameter that is left out, with this target."""
        return getattr(TARGET_DEFAULTS[self.target], name, getattr(MacConfig, name))

    def parameters(self) -> dict[str, object]:
        """Return all parameters, defaults included, with names and values as on the command line.

        A parameter without meaning in this configuration is None.
        """
        return {field.name.replace("_", "-"): plain_value(getattr(self, field.name)) for field in fields(self)}

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
        config = cls(**{name.replace("-", "_"): value for name, value in parameters.items()})
        if missing := config.as_dict().keys() - parameters.keys():
            raise KeyError(", ".join(sorted(missing)))
        return config

    def create(self) -> "MacUnit":
        """Create the unit as a component for an Amaranth design.

        Amaranth is imported by this call, and not by this module.

        Returns
        -------
        MacUnit
            Component with a stream ``i`` of beats and a stream ``o`` of results.
        """
        from .mac.unit import MacUnit

        return MacUnit(self)

    # Operands and exact sums

    @cached_property
    def operand_a(self) -> Operand:
        """The a side of the multiplier."""
        return Operand(self.a)

    @cached_property
    def operand_b(self) -> Operand:
        """The b side of the multiplier."""
        return Operand(self.b)

    @property
    def beats(self) -> int:
        """Beats of a whole block."""
        return self.block // self.lanes

    @cached_property
    def product_lsb_exp(self) -> int:
        """Exponent of the least significant bit of a product: every finite product is an integer times 2^product_lsb_exp."""
        return self.operand_a.lsb_exp + self.operand_b.lsb_exp

    @property
    def product_bits(self) -> int:
        """Width of the largest magnitude of a product."""
        return self.sum_bits(1) - 1

    @property
    def products_carry(self) -> bool:
        """Whether a product has a carry that completes its two's complement.

        Not if both operands are integers, but for standard cells: their compressors add carries at no cost.
        """
        return self.target is Target.ASIC or not (self.operand_a.is_integer and self.operand_b.is_integer)

    def sum_bits(self, products: int) -> int:
        """Width of the sum of ``products`` products, with its sign."""
        return (products * self.operand_a.max_integer * self.operand_b.max_integer).bit_length() + 1

    @property
    def block_sum_bits(self) -> int:
        """Width of the sum of a block, with its sign."""
        return self.sum_bits(self.block)

    @property
    def term_bits(self) -> int:
        """Width of a term of an exact sum, with its sign: the sum of a block, or the significand of an addend."""
        return max(self.block_sum_bits, 0 if self.addend is None else self.addend.sig_bits + 1)

    # Scales

    @property
    def scale_sum_max(self) -> int:
        """Largest sum of two scale codes that are not NaN."""
        return 2 * (SCALE_NAN - 1)

    @property
    def block_exp_min(self) -> int:
        """Exponent of the least significant bit of a block whose two scale codes are 0."""
        return self.product_lsb_exp - 2 * SCALE_BIAS

    @property
    def window_bits(self) -> int:
        """Width of the window. Raises ValueError if the unit has none."""
        return _present("window", self.window)

    @property
    def window_guard_bits(self) -> int:
        """Guard bits of an anchored window. Raises ValueError if the unit has none."""
        return _present("window_guard", self.window_guard)

    # Pipeline

    @property
    def shift_levels(self) -> int:
        """Levels of a barrel shifter between two registers."""
        return _PIPELINES[self.pipeline][0]

    @property
    def chain_lanes(self) -> int:
        """Most lanes of a chain. Raises ValueError if the unit has none."""
        return _present("chain", self.chain)

    @property
    def lane_shift_levels(self) -> int:
        """Levels of the barrel shifter of a lane between two registers: two LUTs are no more than a carry chain on ECP5."""
        return max(2, self.shift_levels) if self.target is Target.ECP5 else self.shift_levels

    @property
    def round_levels(self) -> int:
        """Levels of logic between two registers of the rounder."""
        return _PIPELINES[self.pipeline][1]

    @property
    def gate_levels(self) -> int:
        """Levels of full adders between two registers of the lanes in standard cells."""
        return _PIPELINES[self.pipeline][2]
