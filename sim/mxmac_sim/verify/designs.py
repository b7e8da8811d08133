"""What benches run on, kept from run to run: to elaborate it takes longer than to simulate some of it."""

import hashlib
import json
import platform
from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mxmac

from ..simulators.builds import built
from .catalogue import Design

__all__ = ["generator_digest", "kept_design"]

#: Packages that decide what text a configuration gives, besides this project.
_GENERATORS = ("amaranth", "pyosys")
_FILE = "design.json"


@cache
def generator_digest() -> str:
    """Return a digest of all that turns a configuration into Verilog: the sources, and the versions of what they use."""
    digest = hashlib.sha256(repr([platform.python_version(), *map(version, _GENERATORS)]).encode())
    for folder in (Path(mxmac.__file__).parent, Path(__file__).parent):
        for file in sorted(folder.rglob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()


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

    def write(place: Path):
        (place / _FILE).write_text(json.dumps(asdict(make())))

    found = json.loads((built(folder, repr((generator_digest(), ingredients)), write) / _FILE).read_text())
    members: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in found.items()}
    return Design(**members)
