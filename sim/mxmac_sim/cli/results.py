"""Results of a command for other programs: JSON on standard output, and a file of JUnit XML."""

import json
import platform
import re
import shlex
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer

from mxmac import __version__
from mxmac.config import MacConfig
from mxmac.errors import UserError
from mxmac.files import check_writable, written_whole
from mxmac.processes import run_tool
from mxmac.quantizer.config import QuantizerConfig

from .junit import Suite, junit_text

__all__ = ["JsonOption", "JunitOption", "Results", "check_junit", "options_of", "repeating", "versions"]

JsonOption = Annotated[bool, typer.Option("--json", help="JSON instead of a table on standard output.")]
JunitOption = Annotated[Path | None, typer.Option(metavar="FILE.xml", help="JUnit XML file of the results.")]


def check_junit(file: Path | None) -> None:
    """Check that a file of JUnit XML can be written.

    Raises
    ------
    UserError
        If its name does not end in .xml, or it cannot be written.
    """
    if file is None:
        return
    if file.suffix != ".xml":
        raise UserError("junit", f"must end in .xml, not {file.suffix!r}")
    check_writable(file)


def options_of(config: MacConfig | QuantizerConfig) -> list[str]:
    """Return the command-line options of a configuration, as words."""
    options = config.as_dict().items()
    return [
        word for name, value in options for word in (f"--{name}", ",".join(value) if isinstance(value, list) else str(value))
    ]


def repeating(words: Sequence[str], options: Mapping[str, object]) -> str:
    """Return the command line that repeats a run.

    Parameters
    ----------
    words : sequence of str
        The command and its arguments, without ``mxmac``.
    options : mapping of str to object
        Options with a value, by their names. Those whose value is None are left out.
    """
    stated = [word for option, value in options.items() if value is not None for word in (option, str(value))]
    return shlex.join(["mxmac", *words, *stated])


def versions(packages: Iterable[str], *, icarus: bool = False) -> dict[str, str]:
    """Return the versions of mxmac, of Python, and of packages that results depend on.

    Parameters
    ----------
    packages : iterable of str
        Names of distributions.
    icarus : bool
        Whether Icarus Verilog is one of the tools, too.
    """
    found = {"mxmac": __version__, "python": platform.python_version()} | {name: version(name) for name in packages}
    if icarus:
        said = re.search(r"version (\S+)", run_tool("Icarus Verilog", ["iverilog", "-V"], check=False).output)
        found["icarus"] = said[1] if said else "unknown"
    return found


class Results:
    """What a command has found: a record that begins when this is made.

    Parameters
    ----------
    command : str
        Words of the command that does the same again.
    config : MacConfig, QuantizerConfig or None
    used : mapping of str to str
        Versions.
    about : mapping
        What else the run depends on, such as its seed.
    """

    def __init__(
        self,
        command: str,
        config: MacConfig | QuantizerConfig | None,
        used: Mapping[str, str],
        about: Mapping[str, Any],
    ):
        self._began = time.perf_counter()
        self._name = " ".join(re.findall(r"^mxmac \w+(?: quantizer)?", command))
        self._head: dict[str, Any] = {
            "command": command,
            "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
            "versions": dict(used),
            "config": config.as_dict() if config is not None else None,
            **about,
        }

    def put_out(
        self, passed: bool, found: Mapping[str, Any], suites: Sequence[Suite], *, as_json: bool, junit: Path | None
    ) -> None:
        """Write the file, and then the JSON.

        Parameters
        ----------
        passed : bool
        found : mapping
            What the JSON has besides configuration, versions and times.
        suites : sequence of Suite
            The same for JUnit; their properties are added here.
        as_json : bool
            Whether to print JSON.
        junit : Path, optional
            The file.
        """
        seconds = time.perf_counter() - self._began
        if junit is not None:
            properties = dict(_flat(self._head))
            complete = [Suite(each.name, each.cases, properties, each.output, each.seconds) for each in suites]
            text = junit_text(self._name, complete, timestamp=self._head["timestamp"], seconds=seconds)
            with written_whole(junit) as temporary:
                temporary.write_text(text, encoding="utf-8")
        if as_json:
            record = {**self._head, "seconds": round(seconds, 3), "passed": passed, **found}
            # In ASCII, because standard output may have another encoding than JSON.
            sys.stdout.write(json.dumps(record, indent=2, allow_nan=False) + "\n")


def _flat(record: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, object]]:
    """Yield names and values of properties: those of a mapping in a mapping have both names, with a dot."""
    for name, value in record.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        elif value is not None:
            yield f"{prefix}{name}", ", ".join(map(str, value)) if isinstance(value, list) else value
