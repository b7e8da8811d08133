"""What a campaign leaves of itself: a JSON file with its figures, and when, with what and for how long it ran."""

import json
import platform
import re
import time
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from mxmac import __version__
from mxmac.files import written_whole

__all__ = ["write_record"]

_FOLDER = re.compile(r"[^=]*/")


def write_record(file: Path, command: str, arguments: Sequence[str], began: float, figures: Mapping[str, object]):
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
        temporary.write_text(json.dumps({**record, **figures}, indent=2) + "\n")
