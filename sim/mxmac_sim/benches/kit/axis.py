"""Traffic of AXI4-Stream: the source, sink and monitors of cocotbext-axi, and a check of the protocol of its own."""

import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from cocotbext.axi import AxiStreamBus, AxiStreamFrame, AxiStreamMonitor, AxiStreamSink, AxiStreamSource

from .ports import StreamPorts
from .report import shown
from .streams import Pause
from .testbench import Testbench

__all__ = ["AxisTraffic", "AxisWatch", "AxisWork", "Models"]

# It uses names of cocotb 1.
warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"cocotbext\.")

#: TDATA, TUSER and TLAST of a beat; 0 for a port that does not exist.
_Words = tuple[int, int, int]
_KINDS = ("tdata", "tuser", "tlast")


@dataclass(frozen=True)
class AxisWork:
    """What goes in, and what has to come out.

    Members
    -------
    fields, result_fields : sequence of str
        Names of the fields of a beat and of a result.
    beats, results : sequence of tuple of int
        Values of the fields. The last beat ends a packet.
    operands : callable
        Describes the operands of the result of a number.
    shown : callable
        Describes the fields of a result.
    """

    fields: Sequence[str]
    result_fields: Sequence[str]
    beats: Sequence[tuple[int, ...]]
    results: Sequence[tuple[int, ...]]
    operands: Callable[[int], dict[str, str]]
    shown: Callable[[Sequence[int]], dict[str, str]]


class _Packing:
    """Fields of a stream in TDATA, TUSER and TLAST."""

    def __init__(self, ports: StreamPorts):
        self._packed = {packed.port._name.rpartition("_")[2]: packed for packed in ports.payload}
        self._ports, self._count = [packed.port for packed in ports.payload], len(ports.widths)
        self._bytes = len(self._packed["tdata"].port) // 8

    def words(self, item: Sequence[int], rng: Random | None = None) -> _Words:
        """Pack fields; bits that belong to none are random with a generator, or as they must be in an output."""
        tdata, tuser, tlast = (
            self._packed[kind].pack(item, rng.getrandbits(len(self._packed[kind].port)) if rng else self._packed[kind].constant)
            if kind in self._packed
            else 0
            for kind in _KINDS
        )
        return tdata, tuser, tlast

    def named(self, words: _Words) -> dict[str, str]:
        """Write the ports in hexadecimal."""
        present = [(kind, word) for kind, word in zip(_KINDS, words, strict=True) if kind in self._packed]
        return {kind.upper(): shown(word, len(self._packed[kind].port)) for kind, word in present}

    def frames(self, beats: Sequence[_Words]) -> Iterator[AxiStreamFrame]:
        """Yield the packets of some beats, the last of which ends one."""
        data, users = bytearray(), []
        for tdata, tuser, tlast in beats:
            data += tdata.to_bytes(self._bytes, "little")
            users += [tuser] * self._bytes
            if tlast:
                yield AxiStreamFrame(bytes(data), tuser=users)
                data, users = bytearray(), []

    def beats(self, frame: AxiStreamFrame) -> list[_Words]:
        """Return the beats of a packet."""
        starts = range(0, len(frame.tdata), self._bytes)
        users = frame.tuser or [0] * len(frame.tdata)
        words = [(int.from_bytes(frame.tdata[start : start + self._bytes], "little"), users[start]) for start in starts]
        return [(*beat, int(index == len(words) - 1)) for index, beat in enumerate(words)]


class Models:
    """Models of cocotbext-axi at both streams of a top module, made once in a test after its first reset.

    Members
    -------
    source : AxiStreamSource
    sink : AxiStreamSink
    taken, given : AxiStreamMonitor
        Of what goes in and what comes out.
    """

    def __init__(self, bench: Testbench):
        dut, clock = bench.dut, bench.ports.clock
        # A line for each packet otherwise.
        logging.getLogger(f"cocotb.{dut._name}").setLevel(logging.ERROR)
        reset = {"reset": bench.ports.reset_port, "reset_active_level": bool(bench.ports.reset_level)}
        before, after = (AxiStreamBus.from_prefix(dut, prefix) for prefix in ("s_axis", "m_axis"))
        lanes = {bus: len(bus.tdata) // 8 for bus in (before, after)}
        self.source = AxiStreamSource(before, clock, **reset, byte_lanes=lanes[before])
        self.taken = AxiStreamMonitor(before, clock, **reset, byte_lanes=lanes[before])
        self.sink = AxiStreamSink(after, clock, **reset, byte_lanes=lanes[after])
        self.given = AxiStreamMonitor(after, clock, **reset, byte_lanes=lanes[after])

    def pause(self, bench: Testbench, idle: Pause, stall: Pause):
        """Choose how the two sides pause."""
        before, after = (bench.ports.stream(prefix, ()) for prefix in ("in", "out"))
        self.source.set_pause_generator(_pauses(idle, before.ready))
        self.sink.set_pause_generator(_pauses(stall, after.valid))

    def clear(self):
        """Forget all packets, for a reset."""
        for model in (self.source, self.taken, self.sink, self.given):
            model.clear()


def _pauses(pause: Pause, waiting: Any) -> Iterator[bool]:
    while True:
        yield pause(bool(waiting.value))


class AxisWatch:
    """Checks the handshakes in every cycle: neither TVALID nor TREADY goes away, and no payload changes, before a transfer.

    Parameters
    ----------
    bench : Testbench
    ports : StreamPorts
        Of the results, with their payload.
    """

    def __init__(self, bench: Testbench, ports: StreamPorts):
        self._bench, self._out, self._in = bench, ports, bench.ports.stream("in", ())
        self._held: tuple[int, ...] | None = None
        self._was_ready = False
        self.transfers = 0

    def outputs(self) -> tuple[int, ...]:
        """Return TREADY of the beats, and TVALID and payload of the results, if there is one."""
        valid = int(self._out.valid.value)
        payload = [int(packed.port.value) if valid else 0 for packed in self._out.payload]
        return int(self._in.ready.value), valid, *payload

    def drive(self, _clock: int):
        """Drive nothing."""

    def sample(self, clock: int):
        """Look at both streams in the middle of a cycle."""
        ready, *offered = self.outputs()
        held = self._held or tuple(offered)
        self._check(held, tuple(offered), "TVALID and payload of a result that waits", clock)
        self._check((1,), (ready or not self._was_ready,), "TREADY of the beats before a transfer", clock)
        taken = bool(offered[0]) and int(self._out.ready.value)
        self.transfers += bool(taken)
        self._held = tuple(offered) if offered[0] and not taken else None
        self._was_ready = bool(ready) and not int(self._in.valid.value)

    def _check(self, expected: tuple[int, ...], got: tuple[int, ...], what: str, clock: int):
        self._bench.check(
            expected,
            got,
            lambda: (
                {"stays": what, "clock": f"{clock}"},
                {"values": " ".join(map(hex, expected))},
                {"values": " ".join(map(hex, got))},
            ),
        )


class AxisTraffic:
    """Some work, on its way through a top module; every result is compared, and none is missing or there twice.

    Parameters
    ----------
    bench : Testbench
    models : Models
    work : AxisWork
    """

    def __init__(self, bench: Testbench, models: Models, work: AxisWork):
        self._bench, self._models, self._work = bench, models, work
        after = bench.ports.stream("out", work.result_fields)
        self._before, self._after = _Packing(bench.ports.stream("in", work.fields)), _Packing(after)
        self._expected = [self._after.words(result) for result in work.results]
        self._sent = [self._before.words(beat, bench.rng) for beat in work.beats]
        self._compared = 0
        self.watch = AxisWatch(bench, after)
        for frame in self._before.frames(self._sent):
            models.source.send_nowait(frame)

    def drive(self, _clock: int):
        """Drive nothing: the models do."""

    def sample(self, _clock: int):
        """Compare what the sink has received."""
        while not self._models.sink.empty():
            for words in self._after.beats(self._models.sink.recv_nowait(compact=False)):
                self._compare(words)

    def _compare(self, words: _Words):
        bench, work, index = self._bench, self._work, self._compared
        self._compared += 1
        if index >= len(self._expected):
            bench.miss({}, {"results": f"{len(self._expected)}"}, {"one more": ""} | self._after.named(words))
            return
        expected = self._expected[index]
        bench.check(
            expected,
            words,
            lambda: (
                {"result": f"{index}"} | work.operands(index),
                work.shown(work.results[index]) | self._after.named(expected),
                self._after.named(words),
            ),
        )

    async def run(self, *, clocks: int | None = None, until: Callable[[], bool] | None = None):
        """Let all of it pass and the pipeline drain; or only ``clocks`` cycles, or ``until`` something is reached."""
        bench, total, latency = self._bench, len(self._expected), self._bench.settings.parameters["latency"]
        start = bench.clock

        def done() -> bool:
            over = clocks is not None and bench.clock - start == clocks
            return over or self._compared >= total or (until is not None and until())

        await bench.run(
            [self.watch, self],
            done,
            progress=lambda: (self.watch.transfers + self._models.source.count()) / (2 * total),
            patience=1000 + 4 * latency,
        )
        if clocks is None and until is None:
            await self._end()

    async def _end(self):
        """Let the pipeline drain, and see that the monitors have seen the same beats and results."""
        bench, models = self._bench, self._models
        for _ in range(bench.settings.parameters["latency"] + 4):
            await bench.step([self.watch, self])
        before, after = self._seen(models.taken, self._before), self._seen(models.given, self._after)
        found = {"beats taken": before == self._sent, "results given": after == self._expected}
        bench.check(
            dict.fromkeys(found, True),
            found,
            lambda: (
                {"monitors of": "both streams"},
                {"beats taken": f"{len(self._sent)}", "results given": f"{len(self._expected)}"},
                {"beats taken": f"{len(before)}", "results given": f"{len(after)}"}
                | {f"right {name}": str(right) for name, right in found.items()},
            ),
        )
        bench.report.beats += len(before)

    @staticmethod
    def _seen(monitor: AxiStreamMonitor, packing: _Packing) -> list[_Words]:
        frames = []
        while not monitor.empty():
            frames.append(monitor.recv_nowait(compact=False))
        return [beat for frame in frames for beat in packing.beats(frame)]
