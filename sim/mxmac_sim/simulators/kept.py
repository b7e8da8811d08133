"""Things made by the generator, kept from run to run: to elaborate a unit takes longer than to simulate some of it."""

import hashlib
import json
import platform
from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mxmac

from .builds import built

__all__ = ["kept", "sources_digest"]

#: Packages that decide what text a configuration gives, besides this project.
_GENERATORS = ("amaranth", "pyosys")
_FILE = "design.json"


@cache
def sources_digest(*more: Path) -> str:
    """Return a digest of all that turns a configuration into Verilog: the sources, and the versions of what they use.

    Parameters
    ----------
    *more : Path
        Folders of sources besides those of the generator.
    """
    digest = hashlib.sha256(repr([platform.python_version(), *map(version, _GENERATORS)]).encode())
    for folder in (Path(mxmac.__file__).parent, *more):
        for file in sorted(folder.rglob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()


def kept(folder: Path, ingredients: Any, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return a dictionary as JSON has it, and make it unless an earlier run has.

    Parameters
    ----------
    folder : Path
        Folder of things that differ in their ingredients; made if it does not exist.
    ingredients : object
        All that it depends on, with a ``repr`` that tells: a digest of sources, and a configuration.
    make : callable
    """

    def write(place: Path):
        (place / _FILE).write_text(json.dumps(make()))

    found: dict[str, Any] = json.loads((built(folder, repr(ingredients), write) / _FILE).read_text())
    return found
