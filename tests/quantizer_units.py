"""Several Verilated quantizers in one compiled program, for tests to run real and made-up blocks through."""

import fcntl
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mxmac.verilog import generate_quantizer
from mxmac_sim.simulators.toolchain import VERILATOR, VERILATOR_BUILD_ARGUMENTS, environment

__all__ = ["Results", "Units"]


@dataclass
class Results:
    """What came out, a row for each block, and when: clocks of the edges that took and gave each beat."""

    codes: np.ndarray
    scales: np.ndarray
    last: np.ndarray
    taken_at: np.ndarray
    given_at: np.ndarray


def _packed(codes, width):
    """Rows of codes as rows of bytes, the first code in the least significant bits."""
    bits = np.unpackbits(codes.astype("<u4").view(np.uint8).reshape(*codes.shape, 4), axis=-1, bitorder="little")
    return np.packbits(bits[..., :width].reshape(len(codes), -1), axis=-1, bitorder="little")


def _unpacked(rows, width, count):
    bits = np.unpackbits(rows, axis=-1, bitorder="little")[:, : width * count].reshape(len(rows), count, width)
    return np.packbits(bits, axis=-1, bitorder="little")[..., 0]


class Units:
    """A program that simulates quantizers of these configurations, built in ``folder``.

    ``text_of`` makes the Verilog of a configuration with a given name of the top module.
    """

    def __init__(self, configs, folder, text_of=lambda config, top: generate_quantizer(config, top).text):
        self.configs, self._folder, self._text_of = configs, folder, text_of
        in_bits = max(64 + 1, *(config.lanes * config.source.width for config in configs))
        out_bits = max(64 + 1, *(config.lanes * config.to.width for config in configs))
        # Ports of more than 64 bits are arrays of 32-bit words.
        self._in_bytes, self._out_bytes = -(-in_bits // 32) * 4, -(-out_bits // 32) * 4
        with (folder / "lock").open("w") as lock:
            # Workers of pytest-xdist share the folder: the first one builds.
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (folder / "quantizers").exists():
                self._build()

    def _build(self):
        texts = [self._text_of(config, f"unit{index}") for index, config in enumerate(self.configs)]
        (self._folder / "quantizers.v").write_text("\n".join([self._wrapper(), *texts]))
        arguments = [
            str(VERILATOR), "--cc", "--exe", "--build", "-j", "2", "-Wno-fatal", "-O3", "--x-initial", "unique",
            *VERILATOR_BUILD_ARGUMENTS, "--top-module", "quantizers", "--Mdir", ".", "-CFLAGS", "-O1 -std=c++17",
            "-o", "quantizers", "quantizers.v", str((Path(__file__).parent / "quantizer_units.cpp").resolve()),
        ]  # fmt: skip
        done = subprocess.run(arguments, cwd=self._folder, env=environment(), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr + done.stdout

    def _wrapper(self):
        """All units side by side behind one set of ports; input ``unit`` says whose they are."""
        count, in_bits, out_bits = len(self.configs), 8 * self._in_bytes, 8 * self._out_bytes
        lines = [
            "module quantizers (input clk, input rst, input [7:0] unit,",
            f"  input in_valid, output in_ready, input [{in_bits - 1}:0] in_data, input [7:0] in_rule, in_overflow,",
            f"  input in_last, output out_valid, input out_ready, output [{out_bits - 1}:0] out_data,",
            "  output [7:0] out_scale, output out_last);",
            f"  wire [{count - 1}:0] ready, valid, last;",
        ]
        for index, config in enumerate(self.configs):
            lines += [f"  wire [{out_bits - 1}:0] data{index}; wire [7:0] scale{index};"]
            width = config.lanes * config.to.width
            if width < out_bits:
                lines += [f"  assign data{index}[{out_bits - 1}:{width}] = 0;"]
            choices = [f".in_{name}(in_{name}[{(len(choice) - 1).bit_length() - 1}:0]), " for name, choice in
                       (("rule", config.rules), ("overflow", config.overflows)) if len(choice) > 1]  # fmt: skip
            lines += [
                f"  unit{index} u{index} (.clk(clk), .rst(rst), .in_valid(in_valid && unit == {index}),",
                f"    .in_ready(ready[{index}]), .in_data(in_data[{config.lanes * config.source.width - 1}:0]),",
                f"    {''.join(choices)}.in_last(in_last), .out_valid(valid[{index}]), .out_ready(out_ready),",
                f"    .out_data(data{index}[{width - 1}:0]), .out_scale(scale{index}), .out_last(last[{index}]));",
            ]
        for port, wire in (("in_ready", "ready[{}]"), ("out_valid", "valid[{}]"), ("out_data", "data{}"),
                           ("out_scale", "scale{}"), ("out_last", "last[{}]")):  # fmt: skip
            choices = "".join(f"unit == {index} ? {wire.format(index)} : " for index in range(count))
            lines += [f"  assign {port} = {choices}0;"]
        return "\n".join([*lines, "endmodule", ""])

    def run(self, config, values, choices, *, last=None, idle=0.0, stall=0.0, seed=1, plusargs=()):
        """Run blocks, shape (blocks, block), of FP32 values that the source format holds exactly."""
        unit = self.configs.index(config)
        blocks, beats, lanes = len(values), config.beats, config.lanes
        bits = values.astype(np.float32).view(np.uint32) >> (32 - config.source.width)
        fields = np.zeros((blocks, beats, self._in_bytes + 3), np.uint8)
        data = _packed(bits.reshape(blocks * beats, lanes), config.source.width)
        fields[..., : data.shape[-1]] = data.reshape(blocks, beats, -1)
        rng = np.random.default_rng(seed)
        # What counts on the first or last beat of a block only is noise on all others.
        fields[..., -3], fields[..., -2] = rng.integers(256, size=(2, blocks, beats))
        fields[..., -1] = rng.integers(2, size=(blocks, beats))
        fields[:, 0, -3], fields[:, 0, -2] = choices.rule, choices.overflow
        fields[:, -1, -1] = np.zeros(blocks) if last is None else last
        folder = self._folder / f"run{os.getpid()}"
        folder.mkdir(exist_ok=True)
        (folder / "beats").write_bytes(fields.tobytes())
        chances = [str(min(255, round(256 * chance))) for chance in (idle, stall)]
        arguments = ["./quantizers", f"{folder.name}/beats", f"{folder.name}/results", str(unit), *chances, str(seed)]
        arguments += ["+verilator+rand+reset+2", f"+verilator+seed+{seed}", *(f"+{word}" for word in plusargs)]
        done = subprocess.run(arguments, cwd=self._folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        layout = [("data", "u1", self._out_bytes), ("scale", "u1"), ("last", "u1"), ("taken", "<u4"), ("given", "<u4")]
        results = np.fromfile(folder / "results", np.dtype(layout))
        codes = _unpacked(results["data"], config.to.width, lanes)
        by_beat = [results[name].reshape(blocks, beats) for name in ("scale", "last", "taken", "given")]
        return Results(codes.reshape(blocks, config.block), *by_beat)
