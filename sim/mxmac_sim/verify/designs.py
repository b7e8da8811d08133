"""Designs of benches, kept from run to run."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..simulators.kept import kept, sources_digest
from .catalogue import Design

__all__ = ["generator_digest", "kept_design"]


def generator_digest() -> str:
    """Return a digest of all that turns a configuration into a design."""
    return sources_digest(Path(__file__).parent)


def kept_design(folder: Path, ingredients: str, make: Callable[[], Design]) -> Design:
    """Return a design, and elaborate it unless an earlier run has.

    Parameters
    ----------
    folder : Path
        Folder of designs that differ in their ingredients; made if it does not exist.
    ingredients : str
        What the design depends on besides :func:`generator_digest`.
    make : callable
        Elaborates it.
    """
    found = kept(folder, (generator_digest(), ingredients), lambda: asdict(make()))
    members: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in found.items()}
    return Design(**members)
