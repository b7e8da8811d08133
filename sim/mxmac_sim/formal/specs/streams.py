"""Specification of the ports of the whole unit: docs/integration.md, "Handshake" and "Reset"."""

from mxmac.config import MacConfig
from mxmac.mac import unit_plan

from ..harness import inner, instance

__all__ = ["answers_harness", "credits_harness", "held_harness", "reset_harness"]


def _signals(config: MacConfig, suffix: str = "") -> dict[str, str]:
    outputs = ("in_ready", "out_valid", "out_data", "out_status")
    names = ("in_valid", "in_a", "in_b", "in_scale_a", "in_scale_b", "in_last", "out_ready")
    return {name: name for name in names} | {name: name + suffix for name in outputs}


def _inputs(config: MacConfig) -> str:
    a, b = config.lanes * config.operand_a.width, config.lanes * config.operand_b.width
    return f"""  input wire clk,
  input wire rst,
  input wire in_valid,
  input wire [{a - 1}:0] in_a,
  input wire [{b - 1}:0] in_b,
  input wire [7:0] in_scale_a,
  input wire [7:0] in_scale_b,
  input wire in_last,
  input wire out_ready,
"""


def _outputs(config: MacConfig, suffix: str = "") -> str:
    return f"""  wire in_ready{suffix}, out_valid{suffix};
  wire [{config.output.width - 1}:0] out_data{suffix};
  wire [4:0] out_status{suffix};
"""


def held_harness(config: MacConfig, text: str, top: str) -> tuple[str, int]:
    """Harness of what is offered: it stays until it is taken; and after how many clocks what was before does not matter."""
    return (
        f"""
module prove (
{_inputs(config)}  output wire given_no_reset,
  output wire ok_held,
  output wire seen_waiting,
  output wire [{config.output.width + 5}:0] want_valid_status_data,
  output wire [{config.output.width + 5}:0] got_valid_status_data
);
{_outputs(config)}{instance(text, top, "unit", _signals(config))}
  reg [{config.output.width + 4}:0] before;
  reg waited;
  always @(posedge clk) begin
    before <= {{out_status, out_data}};
    waited <= out_valid && !out_ready;
  end
  assign given_no_reset = !rst;
  assign want_valid_status_data = {{1'b1, before}};
  assign got_valid_status_data = {{out_valid, out_status, out_data}};
  assign ok_held = !waited || got_valid_status_data == want_valid_status_data;
  assign seen_waiting = waited;
endmodule
""",
        1,
    )


def _count_bits(config: MacConfig) -> int:
    return unit_plan(config).results_queued.bit_length()


def _counters(bits: int) -> str:
    return inner("unit.mac.result_count", bits) + inner("unit.mac.result_left", 1)


def credits_harness(config: MacConfig, text: str, top: str) -> tuple[str, int]:
    """Harness of the places for results, none of which is lost or given twice; and the depth of its induction."""
    depth, bits = unit_plan(config).results_queued, _count_bits(config)
    return (
        f"""
module prove (
{_inputs(config)}  input wire assumed_answer,
  output wire given_answer,
  output wire ok_places,
  output wire ok_left,
  output wire ok_number,
  output wire ok_ready_stays,
  output wire seen_full,
  output wire [{bits}:0] want_free,
  output wire [{bits}:0] got_free
);
{_outputs(config)}{instance(text, top, "unit", _signals(config))}{_counters(bits)}
  // Dot products that were taken in and whose results were not taken yet.
  reg [{bits}:0] owed;
  wire ends = in_valid && in_ready && in_last;
  wire taken = out_valid && out_ready;
  always @(posedge clk)
    if (rst) owed <= 0;
    else owed <= owed + ends - taken;
  // That there is no result which nobody asked for is another property.
  assign given_answer = !out_valid || owed != 0;
  assign want_free = {depth} - owed;
  assign got_free = unit_mac_result_count;
  assign ok_places = got_free == want_free;
  assign ok_number = owed <= {depth};
  assign ok_left = unit_mac_result_left == (unit_mac_result_count != 0) && (!in_ready || unit_mac_result_left);
  assign ok_ready_stays = 1;
  assign seen_full = owed == {min(depth, 4)};
endmodule
""".replace("  input wire assumed_answer,\n", "")
        .replace("  output wire ok_ready_stays,\n", "")
        .replace("  assign ok_ready_stays = 1;\n", ""),
        1,
    )


def answers_harness(config: MacConfig, text: str, top: str, *, fixed: bool, within: int) -> tuple[str, int]:
    """Harness of one result for each dot product, and no later than is stated; and the depth of its proof.

    Parameters
    ----------
    config : MacConfig
    text, top : str
    fixed : bool
        Whether the latency is always the same, so that a result belongs to the input that many clocks before.
    within : int
        Cycles after a reset in which there can be an answer; the depth of the proof, unless the latency is fixed.
    """
    latency, bits, depth = unit_plan(config).latency, _count_bits(config), unit_plan(config).results_queued
    count = (latency + depth + 2).bit_length() + 1
    helps = ""
    if fixed:
        # The last two clocks are those of the queue.
        on_their_way = latency - 2
        ones = " + ".join(f"way[{index}]" for index in range(on_their_way))
        queue = inner("unit.mac.results.waiting_count", (depth - 1).bit_length()) + inner("unit.mac.results.waiting_left", 1)
        helps = f"""{queue}{_counters(bits)}
  reg [{on_their_way - 1}:0] way;
  always @(posedge clk)
    if (rst) way <= 0;
    else way <= {{way[{on_their_way - 2}:0], ends}};
  wire [{count - 1}:0] ahead = {ones};
  // Help: where all that is owed is, and the counts of places and entries.
  assign ok_all_found = owed == ahead + unit_mac_results_waiting_count + out_valid;
  assign ok_queue = unit_mac_results_waiting_left == (unit_mac_results_waiting_count != 0)
    && unit_mac_results_waiting_count <= {depth - 1};
  assign ok_places = unit_mac_result_count == {depth} - owed && owed <= {depth} && unit_mac_result_left == (owed != {depth})
    && (!in_ready || unit_mac_result_left);
"""
    helped = "  output wire ok_all_found,\n  output wire ok_queue,\n  output wire ok_places,\n" if fixed else ""
    return (
        f"""
module prove (
{_inputs(config)}  output wire ok_owed,
  output wire ok_in_time,
{helped}  output wire seen_two_owed,
  output wire seen_answer,
  output wire [{count - 1}:0] got_owed,
  output wire [{count - 1}:0] got_waited
);
{_outputs(config)}{instance(text, top, "unit", _signals(config))}
  reg [{count - 1}:0] owed, waited;
  wire ends = in_valid && in_ready && in_last;
  wire taken = out_valid && out_ready;
  always @(posedge clk)
    if (rst) begin
      owed <= 0;
      waited <= 0;
    end else begin
      owed <= owed + ends - taken;
      // Clocks since a dot product is owed and none is offered.
      waited <= (owed != 0 || ends) && !out_valid ? waited + 1 : 0;
    end
{helps}
  assign got_owed = owed;
  assign got_waited = waited;
  assign ok_owed = !out_valid || owed != 0;
  assign ok_in_time = waited <= {latency};
  assign seen_two_owed = owed == 2;
  assign seen_answer = taken;
endmodule
""",
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
    same, bits = _signals(config, "_other"), (config.beats - 1).bit_length()
    beats = inner("unit.mac.beat_index", bits) + inner("other.mac.beat_index", bits) if bits else ""
    return (
        f"""
module prove (
{_inputs(config)}  output wire given_one_reset,
  output wire ok_same_flow,
  output wire ok_same_beat,
  output wire seen_answer,
  output wire [1:0] want_ready_valid,
  output wire [1:0] got_ready_valid
);
{_outputs(config)}{_outputs(config, "_other")}
{instance(text, top, "unit", _signals(config))}{instance(text, top, "other", same)}{beats}
  // A second reset would begin another run like this one, which starts from any state as it is.
  assign given_one_reset = !(rst && begun);
  reg begun;
  always @(posedge clk) begun <= 1;
  assign want_ready_valid = {{in_ready_other, out_valid_other}};
  assign got_ready_valid = {{in_ready, out_valid}};
  assign ok_same_flow = got_ready_valid == want_ready_valid;
  assign ok_same_beat = {"unit_mac_beat_index == other_mac_beat_index" if bits else 1};
  assign seen_answer = out_valid && out_ready;
endmodule
""",
        within,
    )
