"""Save files of GTKWave: ports with annotations beside them, in groups, and the streams inside."""

from mxmac_sim.simulators.headers import Port, instances, ports
from mxmac_sim.simulators.waves import Annotation, Trace, inner_traces, port_traces, write_save_file

TEXT = """module bench (
  input wire clk,
  input wire rst,
  input wire in_valid,
  input wire [15:0] in_a,
  output reg  [31:0] out_data
);
  mac8 mac8 (
    .clk(clk)
  );
endmodule
module mac8 (
  input  wire clk,
  input  wire rst,
  input  wire in_valid,
  input  wire [15:0] in_a,
  output wire [31:0] out_data
);
  mac8__mac mac (
    .clk(clk)
  );
  some_cell cell (
    .clk(clk)
  );
endmodule
module mac8__mac (
  input  wire clk,
  output wire [3:0] o__payload,
  output wire o__valid,
  output wire [3:0] sum
);
endmodule
"""


def names(traces):
    return [(trace.group, trace.name) for trace in traces]


def test_ports_of_a_module_are_read_from_its_header():
    assert ports(TEXT, "mac8__mac") == {
        "clk": Port("input", 1), "o__payload": Port("output", 4), "o__valid": Port("output", 1), "sum": Port("output", 4)
    }  # fmt: skip
    assert instances(TEXT, "mac8") == {"mac": "mac8__mac"}
    assert instances(TEXT, "none") == {}


def test_annotations_are_shown_beside_their_ports():
    notes = [
        Annotation("test", 8),
        Annotation("a_0", 4, "in_a"),
        Annotation("wrong", 0, "out_data"),
        Annotation("scale", 4, "in_scale"),
        Annotation("fed", 4, "in_ready"),
    ]
    traces = port_traces(TEXT, "bench", "bench", notes)
    assert names(traces) == [
        (("bench",), "bench.test"),
        (("clock and reset",), "bench.clk"),
        (("clock and reset",), "bench.rst"),
        (("input",), "bench.in_valid"),
        (("input",), "bench.in_a"),
        (("input",), "bench.a_0"),
        (("input",), "bench.scale"),
        (("input",), "bench.fed"),
        (("output",), "bench.out_data"),
        (("output",), "bench.wrong"),
    ]
    assert [(trace.width, trace.text) for trace in traces[:1] + traces[-2:]] == [(64, True), (32, False), (1, False)]


def test_many_annotations_of_a_port_are_folded():
    traces = port_traces(TEXT, "bench", "bench", [Annotation(f"a_{lane}", 4, "in_a") for lane in range(9)])
    assert [trace.name for trace in traces if trace.group == ("input", "in_a")] == [f"bench.a_{lane}" for lane in range(9)]


def test_streams_of_instances_are_shown_but_those_of_the_unit_only_once():
    group = ("inside", "mac8.mac")
    expected = [(group, "bench.mac8.mac.o__payload"), (group, "bench.mac8.mac.o__valid")]
    assert names(inner_traces(TEXT, "bench", "bench")) == expected
    assert names(inner_traces(TEXT, "mac8", "TOP.mac8"))[0] == (("inside", "mac"), "TOP.mac8.mac.o__payload")


def test_verilog_of_another_style_has_no_streams_to_show():
    other = TEXT.replace("module mac8 (", "module mac8(clk, rst);").replace("  mac8__mac mac (", "mac8__mac mac(")
    assert inner_traces(other, "bench", "bench") == []


def test_a_save_file_has_groups_and_formats(tmp_path):
    waves = tmp_path / "dump.fst"
    waves.touch()
    traces = [
        Trace(("input",), "bench.in_valid", 1),
        Trace(("input", "in_a"), "bench.a_0", 32, True),
        Trace(("inside", "mac"), "bench.mac.o__payload", 4),
    ]
    write_save_file(waves, traces)
    text = (tmp_path / "dump.gtkw").read_text()
    assert text.split("\n")[0] == '[dumpfile] "dump.fst"'
    # Flags: 0x2 hexadecimal, 0x8 binary, 0x20 aligned to the right, 0x800 ASCII; of groups 0x800200, folded 0xc00200.
    assert text.split("\n")[1:-1] == [
        "@800200", "-input", "@28", "bench.in_valid",
        "@c00200", "-in_a", "@820", "bench.a_0[31:0]", "@1401200", "-in_a", "@1000200", "-input",
        "@800200", "-inside", "@c00200", "-mac", "@22", "bench.mac.o__payload[3:0]", "@1401200", "-mac", "@1000200", "-inside",
    ]  # fmt: skip
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dump.fst", "dump.gtkw"]
