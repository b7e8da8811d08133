"""Follows the recipes of docs/extending.md in a copy of the project: applies the patches of a section and runs its commands."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

__all__ = ["RECIPES", "applied", "follow", "patches"]

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "extending.md"
#: Sections with patches and commands that take a minute.
SLOW_RECIPES = ("An element format", "A result format", "A board")
#: All sections with patches.
RECIPES = (*SLOW_RECIPES, "A checkpoint layout")
#: Commands that compile or route for a minute.
_SLOW = ("mxmac verify", "mxmac fpga build")
_COPIED = ("rtl", "sim", "fpga", "tests", "docs")


def section(heading):
    """Text of a section of the page."""
    return re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.M | re.S)[1]


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)


def patches(text):
    """Patches of a text: path of the file, lines before, lines after."""
    for block in blocks(text, "diff"):
        file, counts, body = re.fullmatch(r"--- a/(\S+)\n\+\+\+ b/\1\n@@ -\d+,(\d+ \+\d+,\d+) @@\n(.*)", block, re.S).groups()
        lines = [(line[:1] or " ", line[1:] + "\n") for line in body.splitlines()]
        assert {mark for mark, _ in lines} <= set(" +-"), block
        before, after = ([line for mark, line in lines if mark != other] for other in "+-")
        # What `git apply` asks for.
        assert (len(before), len(after)) == tuple(int(count) for count in re.findall(r"(\d+)(?: |$)", counts)), block
        yield file, "".join(before), "".join(after)


def applied(heading, folder):
    """A copy of the project in ``folder``, with the patches of a section."""
    for name in _COPIED:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for file in (*ROOT.glob("*.md"), ROOT / "pyproject.toml"):
        shutil.copy(file, folder)
    for file, before, after in patches(section(heading)):
        text = (folder / file).read_text()
        assert text.count(before) == 1, f"{file} has this {text.count(before)} times:\n{before}"
        (folder / file).write_text(text.replace(before, after))
    return folder


def follow(heading, folder, *, slow):
    """Apply the patches of a section in ``folder`` and run its commands: the slow ones, or the others."""
    applied(heading, folder)
    paths = os.pathsep.join(str(folder / name) for name in ("rtl", "sim", "fpga"))
    # Neither the options nor the workers of the pytest that runs this.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment |= {"PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"}
    commands = re.findall(r"^\$ (.*)$", "\n".join(blocks(section(heading), "console")), re.M)
    chosen = [command for command in commands if command.startswith(_SLOW) == slow]
    assert chosen
    for command in chosen:
        program, *arguments = shlex.split(command)
        assert program in ("mxmac", "pytest"), command
        quiet = ["-q", "-p", "no:cacheprovider"] if program == "pytest" else []
        done = subprocess.run(
            [sys.executable, "-m", program, *quiet, *arguments],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
