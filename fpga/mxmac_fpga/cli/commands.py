"""The sub-commands that boards bring to ``mxmac``."""

import typer

from .build import build, flash
from .report import report_app
from .run import run

__all__ = ["add_commands"]


def add_commands(app: typer.Typer):
    """Add ``fpga`` with its sub-commands, and ``report``."""
    group = typer.Typer(help="Build for an FPGA board, flash it, and run dot products on it or its simulation.")
    group.command("build")(build)
    group.command("flash")(flash)
    group.command("run")(run)
    app.add_typer(group, name="fpga")
    app.add_typer(report_app, name="report")
