"""Specification of the rounder: IEEE 754-2019, 4.3.1 and 7.4 to 7.6, by the quantum that the result is a multiple of."""

from mxmac.formats import Format

from ..harness import rendered

__all__ = ["rounder_harness", "rounding"]


def rounding(output: Format, *, width: int, exp_bits: int, exp_min: int) -> str:
    """Verilog of what ``value * 2^(exp + exp_min)`` is rounded to: wires ``spec_code`` and ``spec_flags``.

    It reads ``value``, ``exp``, ``inexact``, ``overflow`` and ``specials``. Of the value, the top bit is looked for.
    The quantum, the weight of the result's last bit, follows from it, and from how small a quantum may be at all.
    """
    man, lsb = output.man_bits, output.emin - output.man_bits
    # Exponents are signed numbers of this many bits; magnitudes have room for being moved up by man + 1.
    bits = max(12, exp_bits + 3)
    wide = width + man + 3
    return rendered(
        "rounding",
        bits=bits,
        exp_min=exp_min,
        lsb=lsb,
        man=man,
        output=output,
        two_significands=2 << man,
        wide=wide,
        width=width,
    )


def rounder_harness(
    text: str, module: str, output: Format, *, width: int, exp_bits: int, exp_min: int, clocks: int
) -> tuple[str, int]:
    """Harness of the rounder, all its inputs free, and after how many cycles it has forgotten what was before."""
    size = width + exp_bits + 6
    connections = {"i__payload": "total", "i__valid": "valid", "o__payload": "payload", "o__valid": "out_valid"}
    at = f"total_{clocks}" if clocks else "total"
    top = width + exp_bits
    return (
        rendered(
            "rounder",
            at=at,
            clocks=clocks,
            connections=connections,
            exp_bits=exp_bits,
            exp_min=exp_min,
            module=module,
            output=output,
            rounding=rounding,
            size=size,
            text=text,
            top=top,
            valid_at=f"valid_{clocks}" if clocks else "valid",
            width=width,
        ),
        clocks,
    )
