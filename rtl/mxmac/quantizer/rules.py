"""Choices that a conversion to MX leaves open: the rule for the scale, and the conversion of values too large."""

from enum import Enum

__all__ = ["Overflow", "ScaleRule"]


class ScaleRule(Enum):
    """How the scale X of a block follows from ``amax``, its largest magnitude."""

    #: 2^(floor(log2 amax) - emax): the rule of MX v1.0, 6.3. Values above the largest element clip.
    FLOOR = "floor"
    #: 2^ceil(log2(amax / max)): the smallest X with which nothing clips (NVIDIA, DeepSeek).
    RCEIL = "rceil"
    #: 2^(ceil(log2 amax) - emax).
    CEIL = "ceil"
    #: FLOOR of amax rounded to the significand of the element, ties to even.
    EVEN = "even"


class Overflow(Enum):
    """Conversion of a value beyond the largest element (OFP8 v1.0; MX v1.0, 6.3)."""

    #: The largest element with its sign, also for infinities.
    SAT = "sat"
    #: Inf where the format has it, else NaN where it has that; FP6, FP4 and INT8 have neither and saturate.
    OVF = "ovf"
