"""The sub-commands that simulation brings to ``mxmac``."""

import typer

from .commands_dot import dot
from .commands_quantize import quantize
from .commands_verify import verify

__all__ = ["add_commands"]


def add_commands(app: typer.Typer):
    """Add ``verify``, ``dot`` and ``quantize``."""
    app.command("verify")(verify)
    app.command("dot")(dot)
    app.command("quantize")(quantize)
