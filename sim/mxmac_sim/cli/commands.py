"""The sub-commands that a simulator brings to ``mxmac``."""

import typer

from .dot import dot
from .verify import verify_app

__all__ = ["add_commands"]


def add_commands(app: typer.Typer):
    """Add ``verify`` and ``dot``."""
    app.add_typer(verify_app, name="verify")
    app.command("dot")(dot)
