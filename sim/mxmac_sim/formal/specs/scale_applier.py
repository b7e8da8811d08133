"""Specification of the scale applier: where a block lands in the window (numerics, "window")."""

from mxmac.accumulator.window.scale_applier import anchor_clocks, scale_applier_latency
from mxmac.config import MacConfig

from ..harness import delayed, inner, module_of, rendered

__all__ = ["scale_applier_harness"]


def scale_applier_harness(config: MacConfig, text: str) -> tuple[str, int]:
    """Harness of the scale applier: any blocks with any scales, with pauses and resets; and the depth of its induction."""
    module, clocks = module_of(text, "datapath_scale_applier"), scale_applier_latency(config)
    bits, window = config.block_sum_bits, config.window_bits
    wide = bits + window + 2
    anchored = config.window_lsb is None
    # Bits that the block's lowest bit lies above the window's.
    place = (
        f"(anchored ? exp - held : 0) + {config.window_guard_bits}"
        if anchored
        else f"exp + {config.block_exp_min - (config.window_lsb or 0)}"
    )
    # The unit finds the anchor in the same cycle as the specification, or one later.
    late, held = ("anchored_late", "held_1") if anchor_clocks(config) > 1 else ("anchored", "held")
    helps = f"{late} == unit_anchored && (!{late} || {held} == unit_held)" if anchored else "1'b1"
    registers = inner("unit.anchored", 1) + inner("unit.held", 9) if anchored else ""
    connections = {
        "i__payload": "{scale_nan, scale, dot_last, specials, sum}",
        "i__valid": "valid",
        "o__payload": "payload",
        "o__valid": "out_valid",
        "idle": "out_idle",
    }
    later = (
        ("spec_value", window + 1),
        ("spec_flags", 3),
        ("spec_specials", 4),
        ("spec_anchor", 9),
        ("spec_last", 1),
        ("spec_nan", 1),
    )
    v, n = window + 1, clocks
    return (
        rendered(
            "scale_applier",
            anchored=anchored,
            bits=bits,
            config=config,
            connections=connections,
            delays="".join(delayed(name, width, clocks) for name, width in later),
            helps=helps,
            module=module,
            n=n,
            place=place,
            registers=registers,
            text=text,
            v=v,
            wide=wide,
            window=window,
        ),
        clocks + 1,
    )
