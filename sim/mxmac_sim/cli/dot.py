"""Multiply A by the transpose of B on the simulated hardware, and compare every result with the golden model.

Formats and block are those of the tensors. Either may be an FP8 weight of a checkpoint, by its name, if all entries of its
weight_scale_inv are powers of two. Exit status 1 if any result or flag differs.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from mxmac.cli.mac_options import config_from
from mxmac.cli.sharing import with_options_of
from mxmac.config import MacConfig
from mxmac.errors import UserError
from mxmac.files import check_folder, check_writable, written_whole

from ..golden import model as golden
from ..golden.quantize import dequantize, sqnr_db
from ..simulators.bulk import BulkUnit
from ..simulators.products import ProductRun, simulate_product
from ..tensors.archives import MAX_SIZE, file_and_name, widened
from ..tensors.deepseek import padded
from ..tensors.files import load_floats
from ..tensors.mx_tensor import MxTensor, result_values
from .operands import BlockOption, FormatAOption, FormatBOption, MaxSizeOption, load_pair

__all__ = ["dot"]

#: Mismatches that are shown one by one.
_SHOWN = 5


@with_options_of(config_from, "make_config", without=("a", "b", "block"))
def dot(
    make_config: Callable[..., MacConfig],
    a_argument: Annotated[str, typer.Argument(metavar="A.(npz|safetensors)[:NAME]", help="MX matrix of shape (M, K).")],
    b_argument: Annotated[str, typer.Argument(metavar="B.(npz|safetensors)[:NAME]", help="MX matrix of shape (N, K).")],
    output_file: Annotated[
        Path | None, typer.Option("-o", metavar="OUT.npz", help="File of the results, of shape (M, N), and their status flags.")
    ] = None,
    floats_a: Annotated[
        str | None,
        typer.Option(metavar="FILE[:NAME]", help="Floats that A was quantized from, to show the error of the quantization."),
    ] = None,
    floats_b: Annotated[str | None, typer.Option(metavar="FILE[:NAME]", help="Floats that B was quantized from.")] = None,
    format_a: FormatAOption = None,
    format_b: FormatBOption = None,
    block: BlockOption = None,
    max_size: MaxSizeOption = MAX_SIZE,
    work: Annotated[Path, typer.Option(help="Folder to build the simulation in.")] = Path("build/dot"),
) -> int:
    """Run ``mxmac dot``; see the module for its help."""
    a, b, _, _ = load_pair(a_argument, b_argument, format_a, format_b, block, max_size)
    config = make_config(a=[a.format.name], b=[b.format.name], block=a.block)
    originals = _load_originals(floats_a, a, "floats-a", max_size), _load_originals(floats_b, b, "floats-b", max_size)
    if output_file is not None:
        if output_file.suffix != ".npz":
            raise UserError("output_file", f"must end in .npz, not {output_file.suffix!r}")
        check_writable(output_file)
    check_folder("work", work)

    console = Console(highlight=False)
    name = "-".join([a.format.name, b.format.name, *(str(value) for value in list(config.as_dict().values())[2:])])
    folder = work / name.lower()
    with console.status(f"Building the simulation in {folder}"):
        simulation = BulkUnit(config, folder)
    run = _simulate(simulation, a, b, console)
    with console.status("Computing the golden results"):
        expected_data, expected_status = golden.matmul(a, b, config)

    if output_file is not None:
        with written_whole(output_file) as path:
            np.savez(path, data=run.data, status=run.status)
    wrong = np.argwhere((run.data != expected_data) | (run.status != expected_status))
    console.print(_summary(config, a, b, run, len(wrong), expected_data, originals))
    for row, column in wrong[:_SHOWN]:
        _show_mismatch(console, config, a, b, run, (expected_data, expected_status), int(row), int(column))
    if len(wrong):
        row, column = wrong[0]
        waves = folder / "mismatch.vcd"
        _write_waves(config, a, b, int(row), int(column), waves)
        console.print(f"Waveform of the dot product at [{row}, {column}]: [bold]{waves}[/]")
    if output_file is not None:
        console.print(f"Wrote [bold]{output_file}[/]")
    return 1 if len(wrong) else 0


def _load_originals(argument: str | None, tensor: MxTensor, option: str, max_size: float) -> NDArray[np.floating] | None:
    if argument is None:
        return None
    floats = load_floats(*file_and_name(argument), max_size)
    # The last block may have been made up with zeros.
    whole = padded(floats, tensor.block)
    if whole.shape != tensor.elements.shape:
        raise UserError(option, f"The floats have the shape {floats.shape}, the quantized tensor {tensor.elements.shape}")
    return whole


def _simulate(simulation: BulkUnit, a: MxTensor, b: MxTensor, console: Console) -> ProductRun:
    if not console.is_terminal:
        return simulate_product(simulation, a, b)
    columns = (TextColumn("Simulating"), BarColumn(), MofNCompleteColumn(), TextColumn("rows"), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("rows", total=len(a.elements))
        return simulate_product(simulation, a, b, lambda rows: progress.advance(task, rows))


def _summary(config: MacConfig, a: MxTensor, b: MxTensor, run: ProductRun, wrong: int, expected, originals) -> Table:
    rows, k = a.elements.shape
    columns = len(b.elements)
    macs = rows * columns * k
    with np.errstate(invalid="ignore"):  # infinities and NaN
        exact = dequantize(a) @ dequantize(b).T
    table = Table(show_header=False, title="Dot products", title_justify="left")
    table.add_column(style="bold")
    table.add_column()
    table.add_row("Matrices", f"({rows} × {k}) · ({columns} × {k})ᵀ, {a.format.name} × {b.format.name}, blocks of {a.block}")
    table.add_row("Unit", f"{config.lanes} lanes, accumulator {config.accumulator.value}, output {config.output.name}")
    table.add_row("Work", f"{rows * columns:,} dot products, {macs:,} MACs in {run.clocks:,} cycles")
    table.add_row("Simulated", f"{run.seconds:.2f} s, {macs / run.seconds / 1e6:.1f} million MAC/s")
    verdict = "[green]bit for bit, flags included[/]" if not wrong else f"[red]{wrong:,} of {rows * columns:,} differ[/]"
    table.add_row("Hardware = golden", verdict)
    table.add_row("Against float64 of the quantized values", _error(exact, result_values(run.data, config.output)))
    if all(original is not None for original in originals):
        with np.errstate(invalid="ignore", over="ignore"):
            ideal = widened(originals[0]) @ widened(originals[1]).T
        table.add_row("Quantization itself", _error(ideal, exact))
    else:
        table.add_row("Quantization itself", "unknown; give --floats-a and --floats-b to see it")
    return table


def _error(reference: NDArray[np.float64], values: NDArray[np.float64]) -> str:
    with np.errstate(invalid="ignore", divide="ignore"):
        difference = np.abs(values - reference)
        if not np.isfinite(difference).all():
            return f"{np.count_nonzero(~np.isfinite(values)):,} results are NaN or Inf"
        if not difference.any():
            return "no difference at all"
        largest = f"largest {difference.max():.3g} of results up to {np.abs(reference).max():.3g}"
        return f"{largest}, SQNR {sqnr_db(reference, values):.1f} dB"


def _show_mismatch(
    console: Console, config: MacConfig, a: MxTensor, b: MxTensor, run: ProductRun, expected, row: int, column: int
):
    digits = config.output.width // 4
    table = Table("", "hex", "decimal", "NV DZ OF UF NX", title=f"Mismatch at [{row}, {column}]", title_justify="left")
    results = (("hardware", run.data, run.status), ("golden", *expected))
    for name, data, status in results:
        code = data[row, column]
        value = result_values(data[row : row + 1, column], config.output)[0]
        table.add_row(name, f"{int(code):0{digits}x}", f"{value:.9g}", "  ".join(f"{int(status[row, column]):05b}"))
    console.print(table)
    for name, tensor, index in (("a", a, row), ("b", b, column)):
        codes = tensor.elements[index].tobytes().hex(" ", tensor.block)
        console.print(f"{name}[{index}] scales {tensor.scales[index].tobytes().hex()}\n  elements {codes}")


def _write_waves(config: MacConfig, a: MxTensor, b: MxTensor, row: int, column: int, path: Path):
    unit = BulkUnit(config, path.parent / "waves", waves=True)
    a_codes, b_codes = (x.elements[i].reshape(1, -1, config.block) for x, i in ((a, row), (b, column)))
    with written_whole(path) as temporary:
        unit.run(a_codes, a.scales[row : row + 1], b_codes, b.scales[column : column + 1], waves=temporary)
