"""CI, Makefile, README and hooks agree, and the hook for commit subjects tells good ones from bad ones."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
JOBS = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
MAKEFILE = (ROOT / "Makefile").read_text()
STEPS = [(name, step) for name, job in JOBS.items() for step in job["steps"]]
PYTHONS = JOBS["test"]["strategy"]["matrix"]["python"]


def pins(name):
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / "requirements" / name).read_text(), re.M))


def test_every_command_of_a_job_exists():
    targets = set(re.findall(r"^([a-z]+):.*## ", MAKEFILE, re.M))
    commands = [step["run"].split() for _, step in STEPS if "run" in step and "\n" not in step["run"]]
    made = [words[1] for words in commands if words[0] == "make"]
    assert {"lint", "test", "long", "wheel"} == set(made) <= targets
    for words in commands:
        assert words[0] in ("make", "bash") or words[:2] == ["sudo", "apt-get"] or (ROOT / words[0]).is_file(), words
        for file in re.findall(r"LOCK=(\S+)", " ".join(words)):
            assert (ROOT / file).is_file()


def test_pythons_of_the_tests_are_those_that_the_project_supports():
    minors = [int(version.removeprefix("3.")) for version in PYTHONS]
    assert minors == list(range(11, 15))
    classified = re.findall(r"Programming Language :: Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
    assert classified == PYTHONS
    supported = SpecifierSet(PROJECT["requires-python"])
    assert supported.contains(PYTHONS[0])
    assert not supported.contains(f"3.{minors[0] - 1}")
    for text in (MAKEFILE, (ROOT / "README.md").read_text(), (ROOT / "CONTRIBUTING.md").read_text()):
        assert f"Python {PYTHONS[0]} or newer" in text


def test_one_job_waits_for_all_others_and_passes_only_if_they_have():
    gate = JOBS["merge"]
    assert set(gate["needs"]) == set(JOBS) - {"merge"}
    # Without it the job would be skipped after a failure, which counts as passed.
    assert gate["if"] == "always()"
    (step,) = gate["steps"]
    assert step["env"]["RESULTS"] == "${{ join(needs.*.result, ' ') }}"
    for results, status in (("success success", 0), ("success failure", 1), ("skipped success", 1), ("cancelled", 1)):
        done = subprocess.run(["bash", "-e", "-c", step["run"]], env={"RESULTS": results}, capture_output=True, check=False)
        assert done.returncode == status, results


def test_style_is_checked_before_anything_else_runs():
    assert "needs" not in JOBS["lint"]
    assert JOBS["lint"]["timeout-minutes"] <= 5
    for name in set(JOBS) - {"lint"}:
        needed = JOBS[name]["needs"]
        assert "lint" in needed or needed == "wheel", name
    assert [step["run"] for name, step in STEPS if name == "lint" and "run" in step] == [
        "make lint LOCK=requirements/lint.lock"
    ]


def test_the_lock_of_the_linters_is_part_of_the_other():
    small, whole = pins("lint.lock"), pins("dev.lock")
    assert {"ruff", "mypy", "import-linter", "hatchling"} <= set(small)
    assert small.items() <= whole.items()
    assert len(small) < len(whole) / 2


def test_types_are_checked_the_same_without_the_packages_that_the_linters_lack():
    # Modules of other packages are skipped by mypy wherever they are installed.
    overrides = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]["overrides"]
    skipped = {
        name.removesuffix(".*") for entry in overrides if entry.get("ignore_missing_imports") for name in entry["module"]
    }
    distributions, linting = packages_distributions(), pins("lint.lock")
    imported = set()
    for file in [file for root in ("rtl", "sim", "fpga") for file in (ROOT / root).rglob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                imported.add(node.module.partition(".")[0])
    # Every type checker brings _typeshed along.
    own = sys.stdlib_module_names | {"_typeshed"}
    others = {name for name in imported - own if not name.startswith("mxmac")}
    assert {"amaranth", "cocotb", "dask", "numpy"} <= others
    present = {name for name in others if any(canonicalize_name(dist) in linting for dist in distributions.get(name, ()))}
    assert others - present - skipped == set()


def test_every_job_has_a_limit_and_every_python_a_cache_of_pinned_packages():
    for name, job in JOBS.items():
        assert 0 < job["timeout-minutes"] <= 60, name
    python = [step["with"] for _, step in STEPS if step.get("uses", "").startswith("actions/setup-python")]
    assert len(python) >= 5
    for settings in python:
        assert settings["cache"] == "pip"
        assert (ROOT / settings["cache-dependency-path"]).is_file()


def test_the_commands_of_the_readme_are_found():
    (script,) = [step["run"] for name, step in STEPS if name == "quick-start" and step.get("name") == "Read them"]
    expression = re.search(r"sed -nE '(.*?)' README.md", script)[1]
    done = subprocess.run(["sed", "-nE", expression, ROOT / "README.md"], capture_output=True, text=True, check=True)
    assert {"make demo", "make test"} <= set(done.stdout.splitlines())


# Commit subjects.

HOOKS = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
(SUBJECT,) = [hook for repo in HOOKS["repos"] for hook in repo["hooks"] if hook.get("stages") == ["commit-msg"]]


def accepted(folder, message):
    """Whether the hook lets a message pass, as pre-commit runs it."""
    file = folder / "COMMIT_EDITMSG"
    file.write_text(message)
    command = [sys.executable, "-m", "pre_commit.languages.pygrep", *SUBJECT["args"], SUBJECT["entry"], file]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize(
    "message",
    [
        "scale_applier: propagate a NaN scale through empty blocks",
        "scale_applier: propagate a NaN scale\n\nWhy. And: how it was checked, in a line that may have any length at all.\n",
        "docs, README: explain the manifest\n",
        "cli/app.py: x",
        f"cli: {'a' * 67}",
        "Merge branch 'cli'",
        'Revert "cli: x"',
        "fixup! cli: load commands",
    ],
)
def test_good_subjects_pass(tmp_path, message):
    assert accepted(tmp_path, message)


@pytest.mark.parametrize(
    "message",
    [
        "Waivers with their reasons, and one fewer",
        "cli: Load commands",
        "cli:load commands",
        "cli: load commands.",
        ": load",
        "",
        f"cli: {'a' * 68}",
        f"cli: {'a' * 68}\n\nbody\n",
        "Load commands\n\ncli: load commands\n",
        "\ncli: load commands\n",
    ],
)
def test_bad_subjects_do_not(tmp_path, message):
    assert not accepted(tmp_path, message)


def test_the_hooks_are_valid_and_installed_together():
    assert HOOKS["default_install_hook_types"] == ["pre-commit", "commit-msg"]
    command = [sys.executable, "-m", "pre_commit", "validate-config", ROOT / ".pre-commit-config.yaml"]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
