"""Measure the area and speed of a unit, or of a part of it, with open tools.

Synthesis of the unit alone gives its area. For its speed it is placed and routed between registers. Exit status 3 if a tool
fails.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from mxmac.cli.mac_options import config_from
from mxmac.cli.quantizer_options import quantizer_config_from
from mxmac.cli.sharing import refuse_options_before, with_options_of
from mxmac.config import MacConfig
from mxmac.files import check_writable, written_whole
from mxmac.quantizer.config import QuantizerConfig

from ..report.console import described, table
from ..report.measure import Settings, measure
from ..report.options import PartOption, settings_from, with_known_target
from ..report.parts import QUANTIZER, Part, part_named

__all__ = ["report_app"]

#: Columns of a table that goes to a file.
_WIDTH = 120

_JsonOption = Annotated[bool, typer.Option("--json", help="JSON instead of a table on standard output.")]
_FileOption = Annotated[Path | None, typer.Option("-o", metavar="FILE.json", help="JSON file of the results.")]

report_app = typer.Typer(invoke_without_command=True)


@report_app.callback()
@with_options_of(settings_from, "make_settings", without=("target",))
@with_options_of(config_from, "make_config")
def _report(
    context: typer.Context,
    make_config: Callable[[], MacConfig],
    make_settings: Callable[..., Settings],
    part: PartOption = "unit",
    as_json: _JsonOption = False,
    output_file: _FileOption = None,
) -> int:
    if context.invoked_subcommand is not None:
        refuse_options_before(context)
        return 0
    with with_known_target():
        config = make_config()
    settings = make_settings(target=config.target)
    return _measure_and_show(part.lower(), part_named(part), config, settings, as_json, output_file)


@report_app.command("quantizer")
@with_options_of(settings_from, "make_settings", without=("power", "target"))
@with_options_of(quantizer_config_from, "make_config")
def _quantizer(
    make_config: Callable[[], QuantizerConfig],
    make_settings: Callable[[], Settings],
    as_json: _JsonOption = False,
    output_file: _FileOption = None,
) -> int:
    """Measure the area and speed of a quantizer."""
    return _measure_and_show("quantizer", QUANTIZER, make_config(), make_settings(), as_json, output_file)


def _measure_and_show(name: str, part: Part, config: Any, settings: Settings, as_json: bool, output_file: Path | None) -> int:
    if output_file is not None:
        check_writable(output_file)
    progress, console = Console(stderr=True, highlight=False), Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, _WIDTH)
    started = time.perf_counter()
    title = f"{part.about}, {described(config.as_dict())}"
    with progress.status(title):

        def told(step: str):
            progress.print(f"{step} ({time.perf_counter() - started:.0f} s)", soft_wrap=True)

        result = measure(name, part, config, settings, told)
    text = json.dumps(result, indent=2, ensure_ascii=False) + "\n"
    if output_file is not None:
        with written_whole(output_file) as temporary:
            temporary.write_text(text)
    if as_json:
        # In ASCII, because standard output may have another encoding than JSON.
        sys.stdout.write(json.dumps(result, indent=2) + "\n")
    else:
        console.print(table(result))
    return 0
