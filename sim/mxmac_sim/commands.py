"""The sub-commands that simulation brings to ``mxmac``."""

import typer

from .commands_quantize import quantize

__all__ = ["add_commands"]


def add_commands(app: typer.Typer):
    """Add ``verify``, ``dot`` and ``quantize``."""
    app.command("quantize")(quantize)
