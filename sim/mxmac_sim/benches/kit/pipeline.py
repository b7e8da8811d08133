"""Vectors through a component that takes a stream and gives one, at a fixed latency."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from .report import shown
from .streams import IDLE
from .testbench import Testbench

__all__ = ["Result", "run_pipeline"]

_Item = tuple[int, ...]


class Result(NamedTuple):
    """What is to come out.

    Members
    -------
    cause : int
        Number of the vector that it comes from.
    fields : tuple of int or None
        Expected values, of either sign; None for one that means nothing.
    """

    cause: int
    fields: tuple[int | None, ...]


async def run_pipeline(
    bench: Testbench,
    inputs: Sequence[str],
    outputs: Sequence[str],
    vectors: Sequence[_Item],
    results: Sequence[Result],
    *,
    idle: str,
    interval: int = 1,
    operands: Callable[[int], Sequence[int]] | None = None,
):
    """Drive the stream ``i`` with vectors, and compare what the stream ``o`` gives, and when.

    Parameters
    ----------
    bench : Testbench
        Its parameter ``latency`` says how many cycles after its vector a result comes.
    inputs, outputs : sequence of str
        Fields of the two streams.
    vectors : sequence of tuple of int
        Values of the inputs, of either sign.
    results : sequence of Result
        In order.
    idle : str
        How the source pauses: a name in ``streams.IDLE``.
    interval : int
        Least number of cycles between two vectors.
    operands : callable, optional
        Gives the numbers of the vectors that a result depends on, for a report; by default only its cause.
    """
    in_bits = [len(getattr(bench.dut, f"i_{name}")) for name in inputs]
    out_bits = [len(getattr(bench.dut, f"o_{name}")) for name in outputs]
    latency = bench.settings.parameters["latency"]
    source = bench.source("i", inputs, idle=IDLE[idle](bench.rng), interval=interval)
    source.queue(tuple(value & (1 << bits) - 1 for value, bits in zip(vector, in_bits, strict=True)) for vector in vectors)

    def described(index: int, shown_outputs: dict[str, str], expected: dict[str, str]):
        causes = operands(index) if operands else [results[index].cause]
        values = {
            f"{name}" if len(causes) == 1 else f"{position}: {name}": shown(vectors[cause][field], in_bits[field])
            for position, cause in enumerate(causes)
            for field, name in enumerate(inputs)
        }
        return values, expected, shown_outputs

    def on_item(index: int, item: _Item, clock: int):
        if index >= len(results):
            bench.miss({}, {"outputs": f"only {len(results)}"}, _named(outputs, item, out_bits))
            return
        cause, fields = results[index]
        wanted = tuple(
            got if value is None else value & (1 << bits) - 1 for value, got, bits in zip(fields, item, out_bits, strict=True)
        )
        bench.check(
            wanted,
            item,
            lambda: described(index, _named(outputs, item, out_bits), _named(outputs, wanted, out_bits)),
        )
        taken = clock - source.taken[cause] if cause < len(source.taken) else None
        bench.check(latency, taken, lambda: described(index, {"clocks": f"{taken}"}, {"clocks": f"{latency}"}))

    sink = bench.sink("o", outputs, on_item)
    bench.report.vectors += len(vectors)
    await bench.run(
        [source, sink],
        lambda: source.done,
        progress=lambda: len(source.taken) / len(vectors),
        patience=1000 + 100 * interval,
    )
    for _ in range(latency + 2):
        await bench.step([source, sink])
    missing = len(results) - len(sink.taken)
    if missing > 0:
        bench.miss({}, {"outputs": f"{len(results)}"}, {"outputs": f"{len(sink.taken)}"})


def _named(names: Sequence[str], values: Sequence[int], bits: Sequence[int]) -> dict[str, str]:
    return {name: shown(value, width) for name, value, width in zip(names, values, bits, strict=True)}
