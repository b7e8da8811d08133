"""The ``mxmac`` command and its options."""

from .app import app, main

__all__ = ["app", "main"]
