"""Prints the tables of the numerics page: ``python docs/compare_accumulators.py``; with ``--asic``, the area of standard cells.

Real numbers: the tile of weights and activations in ``sim/mxmac_sim/data``, quantized to E4M3 in blocks of 32. It has 320
dot products of K = 384. Longer ones are those of its rows joined end to end, each row once and in turn, starting with another
row each time: again 320 dot products.
"""

import json
import sys
import tempfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import measured
import numpy as np
from numpy.typing import NDArray

from mxmac.config import Accumulator, MacConfig, Storage
from mxmac.formats import ELEMENT_FORMATS, RESULT_FORMATS
from mxmac.verilog import generate
from mxmac_sim import golden
from mxmac_sim.campaigns.gates.technologies import LIBERTY
from mxmac_sim.golden.quantize import dequantize, quantize
from mxmac_sim.golden.tensor_core import tensor_core
from mxmac_sim.tensors import MxTensor

TILE = Path(__file__).parents[1] / "sim" / "mxmac_sim" / "data" / "minilm_tile.npz"
#: Every finite value of a tensor is an integer times this.
_UNIT_EXP = -200


def operands(join: int) -> tuple[MxTensor, MxTensor]:
    """Activations and weights of the tile, with ``join`` rows in one."""
    tile = np.load(TILE)
    tensors = []
    for name in ("activations", "weights"):
        rows = tile[name]
        joined = [np.concatenate([rows[(first + n) % len(rows)] for n in range(join)]) for first in range(len(rows))]
        tensors.append(quantize(np.stack(joined), ELEMENT_FORMATS["E4M3"]))
    return tensors[0], tensors[1]


def correctly_rounded(a: MxTensor, b: MxTensor) -> NDArray[np.uint32]:
    """FP32 codes of the exact dot products, added up in Python's integers and rounded once."""
    left, right = ([[_integer(value) for value in row] for row in dequantize(x).tolist()] for x in (a, b))
    sums = [[sum(x * y for x, y in zip(row, column, strict=True)) for column in right] for row in left]
    codes = [[golden.round_to(total, 2 * _UNIT_EXP, RESULT_FORMATS["FP32"])[0] for total in row] for row in sums]
    return np.array(codes, np.uint32)


def _integer(value: float) -> int:
    numerator, denominator = value.as_integer_ratio()
    return (numerator << -_UNIT_EXP) // denominator


def results(a: MxTensor, b: MxTensor) -> Iterator[tuple[str, NDArray[np.uint32], NDArray[np.uint8] | None]]:
    """Name, codes and status flags of every way to compute all dot products; tensor cores have no flags."""
    for name, parameters in (
        ("`exact`", {"accumulator": Accumulator.EXACT}),
        ("`window`, 80 bits", {"accumulator": Accumulator.WINDOW}),
        ("`window`, 48 bits, guard 2", {"accumulator": Accumulator.WINDOW, "window": 48, "window_guard": 2}),
        ("`fp32`", {"accumulator": Accumulator.FP32}),
    ):
        yield name, *golden.matmul(a, b, MacConfig(**parameters))
    for name, fraction_bits in (("tensor core, F = 25 (Blackwell)", 25), ("tensor core, F = 13 (Hopper)", 13)):
        yield name, tensor_core(fraction_bits)(a, b).view(np.uint32), None


def accuracy_table() -> str:
    """Return how often each way gives the correctly rounded result, as Markdown."""
    columns = [operands(1), operands(16)]
    lengths = [a.elements.shape[1] for a, _ in columns]
    head = "".join(f" bit-exact, K = {k} | largest error | NX = 0 |" for k in lengths)
    lines = [f"| accumulation |{head}", "|---|" + "--:|" * 3 * len(columns)]
    found = [(correctly_rounded(a, b), list(results(a, b))) for a, b in columns]
    for row in range(len(found[0][1])):
        cells = [found[0][1][row][0]]
        for right, ways in found:
            _, codes, status = ways[row]
            values, wanted = (x.view(np.float32).astype(np.float64) for x in (codes, right))
            errors = np.abs(values - wanted)
            cells.append(f"{np.mean(codes == right):.1%}")
            cells.append(f"{errors.max():.1e}" if errors.any() else "none")
            cells.append("" if status is None else f"{np.mean(status & golden.NX == 0):.1%}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def asic_table() -> str:
    """Return the area of units in the cells of OSU's 0.18 µm library, as Markdown. Takes minutes.

    Flip-flops are the library's plain ones, and those with an enable have a multiplexer before them.
    """
    from pyosys import libyosys as ys

    head = ("accumulator", "`--storage`", "lanes", "µm²", "accumulator's", "queues'", "flip-flops")
    lines = ["| " + " | ".join(head) + " |", "|---|---|" + "--:|" * (len(head) - 2)]
    subjects: list[str] = []
    for kind, lanes, storage in product((Accumulator.EXACT, Accumulator.WINDOW), (1, 8, 32), Storage):
        design = ys.Design()
        with tempfile.TemporaryDirectory() as folder:
            source, log, report = (Path(folder, name) for name in ("unit.v", "log", "report"))
            source.write_text(generate(MacConfig(accumulator=kind, lanes=lanes, storage=storage), "unit").text)
            commands = ("synth -top unit", f"dfflibmap -liberty {LIBERTY}", f"abc -liberty {LIBERTY}", "opt_clean -purge")
            for command in (f"read_verilog {source}", *commands):
                ys.Pass.call(design, f"tee -q -o {log} {command}")
            ys.Pass.call(design, f"tee -q -o {report} stat -json -liberty {LIBERTY}")
            found = json.loads(report.read_text())
        area = {name.removeprefix("\\unit__mac_datapath_"): cells.get("area", 0) for name, cells in found["modules"].items()}
        queues = area["\\unit__mac_results"] + area.get("accumulator_queue", 0)
        count = sum(number for cell, number in found["design"]["num_cells_by_type"].items() if cell.startswith("DFF"))
        subjects.append(f"report --lanes {lanes} --accumulator {kind.value} --storage {storage.value}")
        figures = (found["design"]["area"], area["accumulator"] - area.get("accumulator_queue", 0), queues, count)
        lines.append(
            f"| `{kind.value}` | `{storage.value}` | {lanes} | " + " | ".join(f"{round(figure):,}" for figure in figures) + " |"
        )
        print(lines[-1], file=sys.stderr)
    return "\n".join((*lines, "", measured.measured_now(subjects)))


if __name__ == "__main__":
    print(asic_table() if "--asic" in sys.argv[1:] else accuracy_table())
