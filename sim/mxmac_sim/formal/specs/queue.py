"""Specification of the queues: what goes in comes out once, in order and unchanged, and stays while nobody takes it."""

from ..harness import found, inner, instance, ports

__all__ = ["queue_harness"]


def _with_window(text: str, module: str) -> tuple[str, dict[str, str]]:
    """Give a queue's module ports to look at its memory, and change nothing else; return names of payload and pointers."""
    start = text.index(f"module {module} (")
    end = text.index("endmodule", start)
    body = text[start:end]
    # The payload may have the name of the memory's port that it goes to.
    own = ports(text, module)
    (payload,) = (name for name in own if own[name].direction == "input" and name not in ("clk", "rst", "i__valid", "o__ready"))
    width = own[payload].width
    write = found(r"entries\[(\w+)\] <= ", body)
    read = found(r"<= entries\[(\w+)\];", body)
    places = int(found(r"reg .*entries \[(\d+):0\];", body)) + 1
    bits = (places - 1).bit_length()
    look = f"(\n  input  wire [{bits - 1}:0] look_at,\n  output wire [{width - 1}:0] look,\n"
    body = body.replace("(\n", look, 1) + "  assign look = entries[look_at];\n"
    return text[:start] + body + text[end:], {
        "payload": payload, "write": write, "read": read, "bits": str(bits), "width": str(width),
    }  # fmt: skip


def queue_harness(text: str, module: str) -> tuple[str, str, int]:
    """Harness of a queue; the text with a look into its memory; and the depth of its induction.

    One entry is followed: whichever, for nothing is said of when ``follow`` comes.
    """
    text, names = _with_window(text, module)
    width, bits = int(names["width"]), int(names["bits"])
    places = 1 << bits
    connections = {
        names["payload"]: "data", "i__valid": "valid", "o__payload": "out", "o__valid": "out_valid", "o__ready": "ready",
        "look_at": "look_at", "look": "look",
    }  # fmt: skip
    registers = "".join(
        inner(f"unit.{name}", size)
        for name, size in ((names["read"], bits), (names["write"], bits), ("waiting_count", bits + 1), ("waiting_left", 1))
    )
    reads, writes = f"unit_{names['read']}", f"unit_{names['write']}"
    harness = f"""
module prove (
  input wire clk,
  input wire rst,
  input wire [{width - 1}:0] data,
  input wire valid,
  input wire ready,
  input wire follow,
  output wire given_room,
  output wire ok_followed,
  output wire ok_counts,
  output wire ok_full,
  output wire ok_stays,
  output wire ok_number,
  output wire seen_followed,
  output wire seen_full,
  output wire [{width - 1}:0] want_data,
  output wire [{width - 1}:0] got_data,
  output wire [{bits + 1}:0] want_number,
  output wire [{bits + 1}:0] got_number
);
  wire [{width - 1}:0] out, look;
  wire out_valid;
  wire [{bits - 1}:0] look_at;
{instance(text, module, "unit", connections)}{registers}
  // Entries that are in the queue: no more than {places + 1}, as the writer makes sure.
  reg [{bits + 1}:0] number;
  assign given_room = !valid || number <= {places};
  wire taken = out_valid && ready;
  // The entry that is followed: where it is, and how many in the memory come before it.
  localparam NOWHERE = 2'd0, IN_MEMORY = 2'd1, AT_OUTPUT = 2'd2;
  reg [1:0] place;
  reg [{bits}:0] before;
  reg [{width - 1}:0] held;
  wire moves_up = unit_waiting_count != 0 && (!out_valid || ready);
  always @(posedge clk)
    if (rst) begin
      number <= 0;
      place <= NOWHERE;
    end else begin
      number <= number + valid - taken;
      case (place)
        NOWHERE: if (valid && follow) begin
          place <= IN_MEMORY;
          before <= unit_waiting_count - moves_up;
          held <= data;
        end
        IN_MEMORY: if (moves_up) begin
          if (before == 0) place <= AT_OUTPUT;
          else before <= before - 1;
        end
        default: if (taken) place <= NOWHERE;
      endcase
    end
  assign look_at = {reads} + before[{bits - 1}:0];
  assign want_data = held;
  assign got_data = place == AT_OUTPUT ? out : look;
  assign ok_followed = place == NOWHERE
    || place == AT_OUTPUT && out_valid && out == held
    || place == IN_MEMORY && before < unit_waiting_count && look == held;
  assign want_number = number;
  assign got_number = unit_waiting_count + out_valid;
  assign ok_number = got_number == want_number;
  // Help: the pointers, the count and whether it is zero agree.
  assign ok_counts = unit_waiting_left == (unit_waiting_count != 0)
    && {writes} == ({reads} + unit_waiting_count[{bits - 1}:0] & {places - 1});
  assign ok_full = unit_waiting_count <= {places} && number <= {places + 1};
  reg [{width - 1}:0] out_before;
  reg waited;
  always @(posedge clk) begin
    out_before <= out;
    waited <= !rst && out_valid && !ready;
  end
  assign ok_stays = !waited || out_valid && out == out_before;
  assign seen_followed = place == AT_OUTPUT && ready;
  assign seen_full = number == {places + 1};
endmodule
"""
    return text, harness, 1
