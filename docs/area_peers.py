"""Open designs that do similar work, measured as units are, for ``make_area.py``: figures of 2026-11-24.

Front end pyosys 0.70 with ``read_slang``; registers around combinational units; synthesis, placement and cells as in the page;
median of seeds 1, 2 and 3 where placement fitted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["peers_table"]


@dataclass(frozen=True)
class _Design:
    """A design and its figures: rates in MAC a cycle, LUTs and MHz on ECP5; area, flip-flops in it (µm²) and delay (ns)."""

    name: str
    does: str
    does_not: str
    per_cycle: str
    luts: int
    mhz: float
    per_lut: float | None
    area: int
    registers: int | None
    delay: float


_PEERS = (
    _Design(
        "PULP MXDOTP, E4M3 (cvfpu e49def09, `fpnew_mxdotp_multi_opt`)",
        "32 products, two E8M0 scales, FP32 addend, one rounding, six rounding modes, flags",
        "sums over several blocks without a rounding for each",
        *("32", 12_555, 31.8, 81, 1_197_158, 283_584, 14.7),
    ),
    _Design(
        "the same, E5M2 + E4M3 + E2M1",
        "as above, formats at run time; 64 lanes of E2M1",
        "as above",
        *("32", 17_018, 31.0, 58, 1_507_115, 312_480, 16.7),
    ),
    _Design(
        "MX-for-FPGA `dot_fp`, E4M3 (afb8f78)",
        "exact block sum in fixed point",
        "scales, accumulation over blocks, NaN",
        *("32", 7_938, 36.3, 146, 467_884, 0, 9.1),
    ),
    _Design(
        "the same with registers added after products and levels of the tree",
        "as above",
        "as above",
        *("32", 6_441, 77.5, 385, 704_526, 235_296, 5.0),
    ),
    _Design(
        "ttihp-fp8-mul, E4M3 (34da8ab)",
        "streaming MAC, 40-bit saturating accumulator, byte-serial output",
        "sums beyond 40 bits, a MAC in every cycle",
        *("0.78", 1_783, 30.6, 13, 113_710, 14_608, 11.0),
    ),
    _Design(
        "the same, all formats",
        "as above, formats at run time",
        "as above",
        *("0.78", 2_858, 26.1, 7, 194_027, 26_752, 16.4),
    ),
    _Design(
        "KU Leuven hybrid, M = 18 (5e02c51)",
        "dot product of 4 FP8 terms, floating-point accumulator",
        "exact sums: the accumulator truncates",
        *("4", 2_917, 14.8, 20, 164_806, 4_752, 17.0),
    ),
    _Design(
        "MX-for-FPGA converter, BF16 to E4M3 (afb8f78)",
        "32 elements to a block with its scale, by FLOOR",
        "other scale rules",
        *("32 elements", 5_405, 70.2, None, 604_800, None, 4.4),
    ),
)
#: Rows of the campaign for ECP5 and for standard cells, and what is said of them.
_OURS = (
    (
        "**mxmac**, 32 lanes, window, E4M3",
        ("32 lanes, window, ecp5", "32 lanes, window, standard cells"),
        "32 products, two UE8M0 scales, exact block sums, a window of 80 bits over blocks, one rounding, flags, ready/valid, "
        "queue of results",
        "other rounding modes than RNE, an FP32 addend (`exact` and `fp32` have one)",
    ),
    (
        "**mxmac** quantizer, BF16 to E4M3",
        ("quantizer, BF16 to E4M3, 32 elements a cycle, all rules",) * 2,
        "32 elements to a block with its scale, four scale rules and two overflow modes at run time, ready/valid",
        "",
    ),
)
_HEAD = (
    "| design | does | does not | MAC a cycle | LUTs | MHz | kMAC/s a LUT | µm² | of it flip-flops | ns |",
    "|---|---|---|--:|--:|--:|--:|--:|--:|--:|",
)


def peers_table(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the rows of the peers, under our own as far as they are measured."""
    ours = [row for row in (_measured(found, *each) for each in _OURS) if row]
    rows = [*ours, *map(_row, _PEERS)]
    return [*_HEAD, *("| " + " | ".join(row) + " |" for row in rows)]


def _row(peer: _Design) -> list[str]:
    per_lut = "" if peer.per_lut is None else f"{peer.per_lut:,}"
    registers = "" if peer.registers is None else f"{peer.registers:,}"
    figures = (f"{peer.luts:,}", f"{peer.mhz:.1f}", per_lut, f"{peer.area:,}", registers, f"{peer.delay:.1f}")
    return [peer.name, peer.does, peer.does_not, peer.per_cycle, *figures]


def _measured(
    found: Mapping[str, Mapping[str, Any]], name: str, rows: tuple[str, str], does: str, does_not: str
) -> list[str] | None:
    fpga, cells = (found.get(row, {}) for row in (rows[0], rows[1].removesuffix(", standard cells") + ", standard cells"))
    if "fmax_mhz" not in fpga or "gates" not in cells:
        return None
    quantizer, gates = fpga["operation"] != "MAC", cells["gates"]
    registers = gates["area_um2"] - gates["combinational_area_um2"]
    return [
        name,
        does,
        does_not,
        f"{fpga['per_clock']:g}" + (" elements" if quantizer else ""),
        f"{fpga['cells']['LUTs']:,}",
        f"{fpga['fmax_mhz']['median']:.1f}",
        "" if quantizer else f"{fpga['per_second_and_lut'] / 1e3:,.0f}",
        f"{gates['area_um2']:,.0f}",
        f"{registers:,.0f}",
        f"{gates['delay_ns']:.2f}",
    ]
