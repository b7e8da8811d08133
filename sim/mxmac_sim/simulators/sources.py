"""Verilog files as text, and the ports of their modules."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mxmac.errors import ToolError, UserError, of_the_machine
from mxmac.files import private_folder

from .yosys import run_yosys

__all__ = ["Source", "read_source", "with_includes"]

_INCLUDE = re.compile(r'^\s*`include "([^"]+)"\s*$', re.M)
#: Comments; modules of a file.
_COMMENTS = re.compile(r"//[^\n]*|/\*.*?\*/", re.S)
_MODULE = re.compile(r"^\s*(?:\(\*[^\n]*?\*\)\s*)?module\s+(\w+)", re.M)


@dataclass(frozen=True)
class Source:
    """Verilog that was given.

    Members
    -------
    files : tuple of Path
    text : str
        All of it, included files as well.
    top : str
        Name of its top module.
    ports : dict of str to (str, int)
        Direction ("input", "output" or "inout") and width of each port of that.
    """

    files: tuple[Path, ...]
    text: str
    top: str
    ports: dict[str, tuple[str, int]]


def with_includes(file: Path) -> str:
    """Return the text of a file, with the files beside it that it includes."""

    def included(match: re.Match[str]) -> str:
        other = file.with_name(match[1])
        return with_includes(other) if other.is_file() else match[0]

    return _INCLUDE.sub(included, file.read_text())


def read_source(files: Sequence[Path], top: str | None = None, option: str = "verilog") -> Source:
    """Read Verilog files, and find the top module and its ports.

    Parameters
    ----------
    files : sequence of Path
    top : str, optional
        Name of the top module; by default the module of the first file of which no other there has an instance.
    option : str
        Parameter that the files were given by.

    Raises
    ------
    UserError
        If a file cannot be read or is no Verilog, a module is missing, or there is no such top module.
    ToolError
        If Yosys fails for another reason.
    """
    texts = [_text(file, option) for file in files]
    text = "\n".join(texts)
    top = _top(texts[0], files[0], option) if top is None else top
    with private_folder(purpose="reading") as folder:
        (folder / "source.v").write_text(text)
        # Without their contents, modules are as small as their ports.
        commands = ["read_verilog -sv -nosynthesis -nooverwrite source.v", f"hierarchy -check -top {top}", "blackbox *"]
        commands.append("write_json source.json")
        try:
            run_yosys(commands, folder)
        except ToolError as error:
            raise _mistake(folder, files, option, top) or error from None
        modules = json.loads((folder / "source.json").read_text())["modules"]
    ports = {port: (found["direction"], len(found["bits"])) for port, found in modules[top]["ports"].items()}
    return Source(tuple(files), text, top, ports)


def _top(text: str, file: Path, option: str) -> str:
    """Return the name of the module of a text that no other module in it has an instance of."""
    text = _COMMENTS.sub("", text)
    modules = _MODULE.findall(text)
    tops = [name for name in modules if len(re.findall(rf"^\s*{name}\s+(?:#|\w|\\)", text, re.M)) == 0]
    if not modules:
        raise UserError(option, f"There is no module in {str(file)!r}")
    if len(tops) != 1:
        among = ", ".join(tops or modules)
        raise UserError("top", f"{str(file)!r} does not have one top module; choose among {among}")
    return tops[0]


def _text(file: Path, option: str) -> str:
    try:
        return with_includes(file)
    except OSError as error:
        if of_the_machine(error):
            raise
        raise UserError(option, f"{str(file)!r} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UserError(option, f"{str(file)!r} cannot be read: it is no text") from error


def _mistake(folder: Path, files: Sequence[Path], option: str, top: str) -> UserError | None:
    """Return the mistake that Yosys has found, if it has found one."""
    log = folder / "yosys.log"
    text = log.read_text(errors="replace") if log.exists() else ""
    found = re.search(r"^(?:\w+\.v:(\d+): )?ERROR: ?(.*)", text, re.M)
    if found is None:
        return None
    names = ", ".join(str(file) for file in files)
    if missing := re.match(r"Module `\\?(\S+)' referenced in", found[2]):
        return UserError(option, f"Module {missing[1]} is missing in {names}; give its file with another --{option}")
    if re.search(r"Module `\S+' not found", found[2]):
        return UserError("top", f"There is no module {top!r} in {names}")
    line = f"line {found[1]}: " if found[1] and len(files) == 1 else ""
    return UserError(option, f"{names} cannot be read as Verilog: {line}{found[2]}")
