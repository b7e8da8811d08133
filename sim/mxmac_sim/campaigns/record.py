"""What a campaign leaves of itself: a JSON file with its figures, and when, with what and for how long it ran."""

import hashlib
import json
import platform
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path

from mxmac import __version__
from mxmac.config import MacConfig
from mxmac.files import written_whole
from mxmac.verilog import generate

__all__ = ["digest", "measured_units", "write_record"]

_FOLDER = re.compile(r"[^=]*/")
_COMMENTS = re.compile(r"^[ \t]*(?://[^\n]*)?\n|[ \t]*//[^\n]*", re.M)
#: Top module of the units whose text is digested.
_TOP = "core"


def digest(text: str) -> str:
    """Return the SHA-256 of Verilog in hexadecimal, without its comments: a new version number changes no hardware."""
    return hashlib.sha256(_COMMENTS.sub("", text).encode()).hexdigest()


def measured_units(configs: Iterable[MacConfig]) -> dict[str, str]:
    """Return the digests of units, by the arguments of ``mxmac report`` that measure the same unit."""
    found = {}
    for config in configs:
        options = (
            f"--{name} {','.join(value) if isinstance(value, list) else value}" for name, value in config.as_dict().items()
        )
        found[" ".join(("report", *options))] = digest(generate(config, _TOP).text)
    return found


def write_record(
    file: Path, command: str, arguments: Sequence[str], began: float, figures: Mapping[str, object], measured: Mapping[str, str]
):
    """Write the file, whole or not at all.

    Parameters
    ----------
    file : Path
    command, arguments : str, sequence of str
        What was run. Where its files lie is left out: that is the machine's business.
    began : float
        When it began, by ``time.monotonic``.
    figures : mapping
        What it found.
    measured : mapping of str to str
        Digests of the Verilog that it is about, as :func:`measured_units` gives them; empty if it is about none.
    """
    record = {
        "date": date.today().isoformat(),
        "version": __version__,
        "python": platform.python_version(),
        "machine": f"{platform.machine()} {platform.system()}",
        "command": " ".join([command, *(_FOLDER.sub("", argument) for argument in arguments)]),
        "seconds": round(time.monotonic() - began, 1),
    }
    with written_whole(file) as temporary:
        temporary.write_text(json.dumps({**record, "measured": dict(measured), **figures}, indent=2) + "\n")
