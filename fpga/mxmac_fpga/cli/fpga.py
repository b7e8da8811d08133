"""Build for an FPGA board, flash it, and run dot products on it or its simulation."""

import typer

from .build import build, flash
from .run import run

__all__ = ["fpga_app"]

fpga_app = typer.Typer()
fpga_app.command("build")(build)
fpga_app.command("flash")(flash)
fpga_app.command("run")(run)
