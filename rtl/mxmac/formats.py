"""Number formats as data.

Element formats follow OCP Microscaling Formats (MX) v1.0, 5.3, and OCP 8-bit Floating Point (OFP8) v1.0, table 1; results are
IEEE 754 binary32, binary16 and bfloat16. No code elsewhere asks for a format by name: it asks for a property of it.
"""

import re
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from functools import cached_property

from .errors import UserError

__all__ = [
    "ELEMENT_FORMATS",
    "MX_BLOCK",
    "MX_FORMATS",
    "RESULT_FORMATS",
    "SCALE_BIAS",
    "SCALE_NAN",
    "SCALE_WIDTH",
    "SOURCE_FORMATS",
    "Format",
    "Operand",
    "Specials",
]

#: Width of a UE8M0 code in bits, the exponent bias of its value 2^(code - bias), and the one code that is NaN.
SCALE_WIDTH, SCALE_BIAS, SCALE_NAN = 8, 127, 0xFF


class Specials(Enum):
    """Special values among the codes with all exponent bits set."""

    NONE = "none"
    #: Only the code with all exponent and mantissa bits set is NaN; there is no Inf (OFP8 E4M3, "FN").
    NAN = "nan"
    #: Mantissa 0 is Inf, any other NaN.
    IEEE = "ieee"


@dataclass(frozen=True)
class Format:
    """A sign-exponent-mantissa format, or a two's complement one if it has no exponent.

    Parameters
    ----------
    name : str
        Name in the specifications: capital letters and digits.
    exp_bits : int
        Width of the biased exponent. With 0 the code is a two's complement integer of ``1 + man_bits`` bits, of which all
        but two are fraction bits (INT8: times 2^-6).
    man_bits : int
        Width of the stored fraction.
    specials : Specials
        Codes for NaN and Inf.

    Raises
    ------
    TypeError
        If a parameter has the wrong type.
    UserError
        If this class cannot describe the format. It has a sign, a mantissa, and, with an exponent of n bits, the bias
        2^(n-1) - 1 and the code of all zeros for zero: unsigned formats (UE5M3), FNUZ formats and formats with another bias
        are not among them.
    """

    name: str
    exp_bits: int
    man_bits: int
    specials: Specials = Specials.NONE

    def __post_init__(self) -> None:
        for parameter, value in (("exp_bits", self.exp_bits), ("man_bits", self.man_bits)):
            if not isinstance(value, int) or isinstance(value, bool):
                raise TypeError(f"{parameter} must be an integer, not {value!r}")
        if not isinstance(self.specials, Specials):
            raise TypeError(f"specials must be a member of Specials, not {self.specials!r}")
        self._check_name()
        if self.exp_bits < 0:
            raise UserError("exp_bits", f"must be 0 or more, not {self.exp_bits}")
        if self.man_bits < 1:
            raise UserError("man_bits", f"must be 1 or more, not {self.man_bits}; a format has a mantissa")
        if self.exp_bits == 0 and self.specials is not Specials.NONE:
            raise UserError("specials", f"must be NONE for a two's complement format, not {self.specials.name}")
        if self.exp_bits == 1 and self.specials is Specials.IEEE:
            raise UserError("exp_bits", "must be 2 or more with Specials.IEEE, not 1, which leaves no normal number")

    def _check_name(self) -> None:
        """Check that the name can be looked up, and that it does not say something else than the fields."""
        if not isinstance(self.name, str):
            raise TypeError(f"name must be a string, not {self.name!r}")
        if not re.fullmatch(r"[A-Z][A-Z0-9]*", self.name, re.ASCII):
            raise UserError("name", f"must be capital letters and digits, starting with a letter, not {self.name!r}")
        parts = re.match(r"(U?)(?:E(\d+)M(\d+)|INT(\d+))(.*)", self.name)
        if parts is None:
            return
        unsigned, exp_bits, man_bits, width, variant = parts.groups()
        if unsigned:
            raise UserError("name", f"must be that of a signed format, not {self.name}: every format has a sign bit")
        if "UZ" in variant or re.search(r"B\d", variant):
            raise UserError("name", f"must be that of a format with the IEEE 754 bias and two zeros, not {self.name}")
        said = (0, int(width) - 1) if width else (int(exp_bits), int(man_bits))
        if said != (self.exp_bits, self.man_bits):
            raise UserError(
                "name", f"must agree with exp_bits = {self.exp_bits} and man_bits = {self.man_bits}, not {self.name}"
            )

    @property
    def width(self) -> int:
        """Width of a code in bits."""
        return 1 + self.exp_bits + self.man_bits

    @property
    def is_integer(self) -> bool:
        """Whether codes are two's complement integers."""
        return self.exp_bits == 0

    @property
    def bias(self) -> int:
        """Exponent bias of a floating-point format."""
        return (1 << (self.exp_bits - 1)) - 1

    @property
    def has_inf(self) -> bool:
        """Whether there are codes for plus and minus infinity."""
        return self.specials is Specials.IEEE

    @property
    def has_nan(self) -> bool:
        """Whether there is a code for NaN."""
        return self.specials is not Specials.NONE

    @property
    def exp_max(self) -> int:
        """Largest biased exponent of a finite number."""
        return (1 << self.exp_bits) - 1 - self.has_inf

    @property
    def emax(self) -> int:
        """Exponent of the largest power of two (MX v1.0, 5.3.1: ``emax_elem``)."""
        return 0 if self.is_integer else self.exp_max - self.bias

    @property
    def emin(self) -> int:
        """Exponent of the smallest normal number of a floating-point format."""
        return 1 - self.bias

    @property
    def lsb_exp(self) -> int:
        """Exponent of the least significant bit: every finite value is an integer times 2^lsb_exp, the smallest subnormal."""
        return 1 - self.man_bits if self.is_integer else self.emin - self.man_bits

    @property
    def sig_bits(self) -> int:
        """Bits of the largest significand: with the hidden bit, or of the magnitude of the most negative integer."""
        return self.man_bits + 1

    @property
    def max_integer(self) -> int:
        """Largest finite magnitude as a multiple of 2^lsb_exp."""
        if self.is_integer:
            return 1 << self.man_bits
        largest = (2 << self.man_bits) - 1 - (self.specials is Specials.NAN)
        return largest << (self.exp_max - 1)

    def magnitude(self, code: int) -> int:
        """Return the magnitude of a finite floating-point element, as a multiple of 2^lsb_exp.

        Parameters
        ----------
        code : int
            Element code; its sign bit is ignored.
        """
        exp, man = divmod(code & ((1 << (self.width - 1)) - 1), 1 << self.man_bits)
        return (man + (1 << self.man_bits)) << (exp - 1) if exp else man

    @property
    def max_value(self) -> Fraction:
        """Largest positive finite value."""
        return (self.max_integer - self.is_integer) * Fraction(2) ** self.lsb_exp

    @property
    def inf_code(self) -> int:
        """Code of +Inf of a format that has it."""
        return ((1 << self.exp_bits) - 1) << self.man_bits

    @property
    def nan_code(self) -> int:
        """Code of the quiet NaN: positive, only the highest mantissa bit set; all set where that is the only NaN."""
        mantissa = 1 << (self.man_bits - 1) if self.has_inf else (1 << self.man_bits) - 1
        return self.inf_code | mantissa


#: Formats of elements, by name.
ELEMENT_FORMATS = {
    fmt.name: fmt
    for fmt in (
        Format("E4M3", 4, 3, Specials.NAN),
        Format("E5M2", 5, 2, Specials.IEEE),
        Format("E3M2", 3, 2),
        Format("E2M3", 2, 3),
        Format("E2M1", 2, 1),
        Format("INT8", 0, 7),
    )
}

#: Formats of results, by name.
RESULT_FORMATS = {
    fmt.name: fmt
    for fmt in (
        Format("FP32", 8, 23, Specials.IEEE),
        Format("BF16", 8, 7, Specials.IEEE),
        Format("FP16", 5, 10, Specials.IEEE),
    )
}

#: Formats that a quantizer converts from, by name: those whose exponents UE8M0 scales cover.
SOURCE_FORMATS = {name: RESULT_FORMATS[name] for name in ("FP32", "BF16")}

#: Elements of a block in every MX format (MX v1.0, 5.2, table 1).
MX_BLOCK = 32

#: Element formats that an MX name stands for, in blocks of ``MX_BLOCK``; a name of several formats needs to be more precise.
#: MXFP8 alone is its E4M3 variant.
MX_FORMATS = {
    name: tuple(ELEMENT_FORMATS[element] for element in elements)
    for name, elements in {
        "MXFP8": ("E4M3",),
        "MXFP8_E4M3": ("E4M3",),
        "MXFP8_E5M2": ("E5M2",),
        "MXFP6": ("E3M2", "E2M3"),
        "MXFP6_E3M2": ("E3M2",),
        "MXFP6_E2M3": ("E2M3",),
        "MXFP4": ("E2M1",),
        "MXFP4_E2M1": ("E2M1",),
        "MXINT8": ("INT8",),
    }.items()
}


@dataclass(frozen=True)
class Operand:
    """Formats of one side of the multiplier, on a common grid.

    A finite element of any of the formats is ``significand * 2^(exponent + grid)``: significands are aligned at their
    hidden bit, so that a narrower format only has zeros below, and a biased exponent is the same for all formats.
    """

    formats: tuple[Format, ...]

    @property
    def selectable(self) -> bool:
        """Whether there are several formats, of which one is selected at run time."""
        return len(self.formats) > 1

    @property
    def is_integer(self) -> bool:
        """Whether every code is a two's complement integer of one width."""
        return not self.selectable and self.formats[0].is_integer

    @property
    def width(self) -> int:
        """Width of the widest code."""
        return max(fmt.width for fmt in self.formats)

    @property
    def sig_bits(self) -> int:
        """Width of the significand, with the hidden bit."""
        return max(fmt.sig_bits for fmt in self.formats)

    @property
    def bias(self) -> int:
        """Exponent bias of the common exponent; an integer counts as having the exponent 1."""
        return max(-1 if fmt.is_integer else fmt.bias for fmt in self.formats)

    @property
    def exp_bits(self) -> int:
        """Width of the common exponent; 0 if all significands have one exponent."""
        return max(1 + self.bias if fmt.is_integer else fmt.exp_max + self.bias - fmt.bias for fmt in self.formats).bit_length()

    @property
    def grid(self) -> int:
        """Exponent of the least significant bit of a significand whose exponent is 0."""
        return 1 - self.sig_bits - self.bias

    @cached_property
    def lsb_exp(self) -> int:
        """Exponent of the least significant bit: every finite element is an integer times 2^lsb_exp."""
        return min(fmt.lsb_exp for fmt in self.formats)

    @cached_property
    def max_integer(self) -> int:
        """Largest finite magnitude as a multiple of 2^lsb_exp."""
        return max(fmt.max_integer << (fmt.lsb_exp - self.lsb_exp) for fmt in self.formats)
