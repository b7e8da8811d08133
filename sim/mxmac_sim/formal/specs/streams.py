"""Specification of the ports of the whole unit: docs/integration.md, "Handshake" and "Reset"."""

from mxmac.config import Bus, MacConfig
from mxmac.mac import unit_plan
from mxmac.primitives.credit_queue import QUEUE_CLOCKS

from ..harness import inner, instance, rendered

__all__ = ["answers_harness", "credits_harness", "held_harness", "no_wait_harness", "release_clocks", "reset_harness"]

#: Cycles after an asynchronous reset in which the unit is still reset: docs/integration.md, "Reset".
RELEASE_CLOCKS = 2
#: Wires of AXI4-Stream that have no plain name.
_AXIS_WIRES = "  wire [6:0] free{suffix};\n  wire [2:0] out_padding{suffix};\n  wire out_last{suffix};\n"
#: What is claimed of an asynchronous reset; see ``_restart``.
_RESTART_CLAIMS = "  output wire ok_restart,\n  output wire ok_rest,\n"


def release_clocks(config: MacConfig) -> int:
    """Return the cycles after a reset in which the unit is still reset."""
    return RELEASE_CLOCKS if config.reset.asynchronous else 0


def _signals(config: MacConfig, suffix: str = "") -> dict[str, str]:
    outputs = ("in_ready", "out_valid", "out_data", "out_status")
    names = ("in_valid", "in_a", "in_b", "in_scale_a", "in_scale_b", "in_last", "out_ready")
    addend = () if config.addend is None else ("in_addend",)
    plain = {name: name for name in (*names, *addend)} | {name: name + suffix for name in outputs}
    asserted = "!rst" if config.reset.active_low else "rst"
    if config.bus is Bus.AXIS:
        return _axis_signals(config, plain, suffix) | {"aresetn" if config.reset.active_low else "areset": asserted}
    return plain | {"rst_n" if config.reset.active_low else "rst": asserted}


def _axis_signals(config: MacConfig, plain: dict[str, str], suffix: str) -> dict[str, str]:
    """Connect AXI4-Stream to the plain names. Bits of padding are a wire that nothing drives, and so free."""
    sides = (config.lanes * config.operand_a.width, config.lanes * config.operand_b.width)
    padded = [f"{{free[{-bits % 8 - 1}:0], in_{side}}}" for side, bits in zip("ab", sides, strict=True)]
    padded = [text if bits % 8 else f"in_{side}" for text, side, bits in zip(padded, "ab", sides, strict=True)]
    addend = "" if config.addend is None else "in_addend, "
    return {
        "aclk": "clk",
        "s_axis_tvalid": plain["in_valid"],
        "s_axis_tready": plain["in_ready"],
        "s_axis_tdata": f"{{{padded[1]}, {padded[0]}}}",
        "s_axis_tuser": f"{{{addend}in_scale_b, in_scale_a}}",
        "s_axis_tlast": plain["in_last"],
        "m_axis_tvalid": plain["out_valid"],
        "m_axis_tready": plain["out_ready"],
        "m_axis_tdata": plain["out_data"],
        "m_axis_tuser": f"{{out_padding{suffix}, {plain['out_status']}}}",
        "m_axis_tlast": f"out_last{suffix}",
    }


def _inputs(config: MacConfig) -> str:
    a, b = config.lanes * config.operand_a.width, config.lanes * config.operand_b.width
    addend = "" if config.addend is None else f"  input wire [{config.addend.width - 1}:0] in_addend,\n"
    return f"""  input wire clk,
  input wire rst,
  input wire in_valid,
  input wire [{a - 1}:0] in_a,
  input wire [{b - 1}:0] in_b,
  input wire [7:0] in_scale_a,
  input wire [7:0] in_scale_b,
  input wire in_last,
{addend}  input wire out_ready,
{_RESTART_CLAIMS if config.reset.asynchronous else ""}"""


def _outputs(config: MacConfig, suffix: str = "") -> str:
    return f"""  wire in_ready{suffix}, out_valid{suffix};
  wire [{config.output.width - 1}:0] out_data{suffix};
  wire [4:0] out_status{suffix};
{_AXIS_WIRES.format(suffix=suffix) if config.bus is Bus.AXIS else ""}"""


def _ports(config: MacConfig, text: str, top: str) -> dict[str, str]:
    """Return the pieces of a harness that connect a unit to its ports."""
    return {
        "inputs": _inputs(config),
        "outputs": _outputs(config),
        "unit": instance(text, top, "unit", _signals(config)),
        "restart": _restart(config),
    }


def _restart(config: MacConfig) -> str:
    """Declare ``restart``: whether the registers of the unit are reset at the end of the cycle.

    An asynchronous reset acts in the cycle in which it is asserted, and ``RELEASE_CLOCKS`` cycles longer. Both streams rest.
    """
    if not config.reset.asynchronous:
        return "  wire restart = rst;\n"
    return f"""{inner("unit.reset.stage0", 1)}{inner("unit.reset.held", 1)}
  reg [{RELEASE_CLOCKS - 1}:0] since;
  always @(posedge clk) since <= rst ? ~{RELEASE_CLOCKS}'d0 : since << 1;
  wire restart = rst || since[{RELEASE_CLOCKS - 1}];
  assign ok_restart = unit_reset_held == restart && unit_reset_stage0 == (rst || since[0]) && (restart || !since[0]);
  assign ok_rest = !restart || !in_ready && !out_valid;
"""


def held_harness(config: MacConfig, text: str, top: str) -> tuple[str, int]:
    """Harness of what is offered: it stays until it is taken; and after how many cycles what was before does not matter."""
    return (
        rendered("held", config=config, **_ports(config, text, top)),
        1 + release_clocks(config),
    )


def no_wait_harness(config: MacConfig, text: str, top: str) -> tuple[str, int]:
    """Harness of what depends on an input of the same cycle, and on the taker before a result; and the cycles before that."""
    return rendered("no_wait", config=config, **_ports(config, text, top)), release_clocks(config)


def _count_bits(config: MacConfig) -> int:
    return unit_plan(config).results_queued.bit_length()


def _counters(bits: int) -> str:
    """Places for results: the counter misses one that was taken, and one that was given back, a cycle ago."""
    flags = "".join(inner(f"unit.mac.result_{name}", 1) for name in ("left", "down_d1", "taken_d1"))
    return f"""{inner("unit.mac.result_count", bits)}{flags}
  wire [{bits}:0] places = unit_mac_result_count - unit_mac_result_down_d1;
  wire [{bits}:0] got_places = places + unit_mac_result_taken_d1;
"""


def credits_harness(config: MacConfig, text: str, top: str) -> tuple[str, int]:
    """Harness of the places for results, none of which is lost or given twice; and the depth of its induction."""
    depth, bits = unit_plan(config).results_queued, _count_bits(config)
    return (
        rendered(
            "credits", bits=bits, counters=_counters(bits), depth=depth, seen_depth=min(depth, 4), **_ports(config, text, top)
        ),
        1,
    )


def answers_harness(config: MacConfig, text: str, top: str, *, fixed: bool, within: int) -> tuple[str, int]:
    """Harness of one result for each dot product, and no later than is stated; and the depth of its proof.

    Parameters
    ----------
    config : MacConfig
    text, top : str
    fixed : bool
        Whether the latency is always the same, so that a result belongs to the input that many cycles before.
    within : int
        Cycles after a reset in which there can be an answer; the depth of the proof, unless the latency is fixed.
    """
    plan = unit_plan(config)
    latency, bits, depth, clocks = plan.latency, _count_bits(config), plan.results_queued, plan.queue_clocks
    count = (latency + depth + 2).bit_length() + 1
    helps = ""
    if fixed:
        # The last cycles are those of the queue.
        on_their_way, places = latency - clocks, depth - clocks + 1
        ones = " + ".join(f"way[{index}]" for index in range(on_their_way))
        flags = ["waiting_left", "waiting_down_d1", "o__valid", *(["fetched"] if clocks > QUEUE_CLOCKS else [])]
        queue = inner("unit.mac.results.waiting_count", places.bit_length())
        queue += "".join(inner(f"unit.mac.results.{flag}", 1) for flag in flags)
        behind = " + ".join(f"unit_mac_results_{flag}" for flag in flags[2:])
        helps = f"""{queue}{_counters(bits)}
  reg [{on_their_way - 1}:0] way;
  always @(posedge clk)
    if (restart) way <= 0;
    else way <= {{way[{on_their_way - 2}:0], ends}};
  wire [{count - 1}:0] ahead = {ones};
  // Help: where all that is owed is, and the counts of places and entries.
  wire [{count - 1}:0] waiting = unit_mac_results_waiting_count - unit_mac_results_waiting_down_d1;
  assign ok_all_found = owed == ahead + waiting + {behind};
  assign ok_queue = unit_mac_results_waiting_left == (waiting != 0) && waiting <= {places}
    && unit_mac_results_waiting_count >= unit_mac_results_waiting_down_d1;
  assign ok_places = got_places == {depth} - owed && owed <= {depth} && unit_mac_result_left == (places != 0)
    && unit_mac_result_count >= unit_mac_result_down_d1 && (!in_ready || unit_mac_result_left);
"""
    helped = "  output wire ok_all_found,\n  output wire ok_queue,\n  output wire ok_places,\n" if fixed else ""
    return (
        rendered("answers", count=count, helped=helped, helps=helps, latency=latency, **_ports(config, text, top)),
        latency + 2 if fixed else within,
    )


def reset_harness(config: MacConfig, text: str, top: str, *, within: int) -> tuple[str, int]:
    """Harness of two units with different pasts and the same inputs from a reset on; and the depth of its proof.

    Parameters
    ----------
    config : MacConfig
    text, top : str
    within : int
        Cycles after a reset in which there can be an answer: the depth of the proof.
    """
    bits = (config.beats - 1).bit_length()
    beats = inner("unit.mac.beat_index", bits) + inner("other.mac.beat_index", bits) if bits else ""
    return (
        rendered(
            "reset",
            beats=beats,
            same_beat="unit_mac_beat_index == other_mac_beat_index" if bits else 1,
            other=instance(text, top, "other", _signals(config, "_other")),
            outputs_other=_outputs(config, "_other"),
            **_ports(config, text, top),
        ),
        within,
    )
