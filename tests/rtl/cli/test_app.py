"""``mxmac generate`` as a command: what it prints and writes, and that a mistake is one line, status 2 and no file."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

import mxmac
from mxmac.cli import app as cli
from mxmac.config import Accumulator, MacConfig
from mxmac.formats import ELEMENT_FORMATS
from mxmac.verilog import generate

#: The smallest unit there is, for tests that are about something else.
SMALL = ("--block", "1", "--lanes", "1", "--accumulator", "window")
START = [sys.executable, "-c", "import sys; from mxmac.cli.app import main; main(sys.argv[1:])"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")
    return tmp_path


def run(capsys, *arguments):
    """Exit status, standard output and standard error of the command, in this process."""
    with pytest.raises(SystemExit) as end:
        cli.main([str(argument) for argument in arguments])
    return end.value.code, *capsys.readouterr()


def spawn(*arguments, **options):
    """As ``run``, in a process of its own."""
    done = subprocess.run([*START, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=600, **options)
    return done.returncode, done.stdout, done.stderr


def refused(ended, folder, named, accepted=""):
    status, out, err = ended
    assert status == 2
    assert out == ""
    assert err.count("\n") == 1
    assert err.endswith("\n")
    assert re.search(rf"(?<![\w-]){re.escape(named)}(?!\w)", err), err
    assert re.search(accepted, err), err
    assert "Traceback" not in err
    assert "Error" not in err
    assert list(folder.iterdir()) == []


# Mistakes.

FORMATS = rf"must be one of {', '.join(ELEMENT_FORMATS)}\b"
OUT = ("-o", "x.v")
MISTAKES = {
    "unknown format of a": ((*OUT, "--a", "E9M9"), "--a", FORMATS),
    "unknown format of b": ((*OUT, "--b", "fp8"), "--b", FORMATS),
    "unknown format in a list": ((*OUT, "--a", "E4M3,E4M4"), "--a", f"{FORMATS}, not 'E4M4'"),
    "hole in a list": ((*OUT, "--b", "E4M3,,E5M2"), "--b", FORMATS),
    "same format twice": ((*OUT, "--a", "E4M3,E4M3"), "--a", "once, not E4M3 twice$"),
    "same format in two options": (
        (*OUT, "--b", "e2m1", "--b", "E5M2,E2M1"),
        "--b",
        "once, not E2M1 twice$",
    ),
    "empty format": ((*OUT, "--a", ""), "--a", FORMATS),
    "unknown accumulator": ((*OUT, "--accumulator", "kulisch"), "--accumulator", "must be one of .*window, fp32"),
    "unknown storage": ((*OUT, "--storage", "sram"), "--storage", "must be one of lutram, registers"),
    "unknown output": ((*OUT, "--output", "fp64"), "--output", "must be one of FP32, BF16, FP16"),
    "element format as output": ((*OUT, "--output", "E4M3"), "--output", "must be one of FP32, BF16, FP16"),
    "lanes do not divide": ((*OUT, "--lanes", "3"), "--lanes", "divide the block of 32"),
    "more lanes than the block": ((*OUT, "--lanes", "64"), "--lanes", "1 to 32"),
    "no lanes": ((*OUT, "--lanes", "0"), "--lanes", "1 to 32"),
    "negative lanes": ((*OUT, "--lanes", "-8"), "--lanes", "1 to 32"),
    "lanes no number": ((*OUT, "--lanes", "eight"), "--lanes", "integer"),
    "lanes no integer": ((*OUT, "--lanes", "2.5"), "--lanes", "integer"),
    "lanes empty": ((*OUT, "--lanes", ""), "--lanes", "integer"),
    "no block": ((*OUT, "--block", "0"), "--block", "1 to 1024"),
    "block too large": ((*OUT, "--block", "2048"), "--block", "1 to 1024"),
    "block no number": ((*OUT, "--block", "32x"), "--block", "integer"),
    "window too narrow": ((*OUT, "--accumulator", "window", "--window", "41"), "--window", "42 to 1024"),
    "window too narrow for E5M2": (
        (*OUT, "--a", "E5M2", "--b", "E5M2", "--accumulator", "window", "--window", "60"),
        "--window",
        "70 to 1024",
    ),
    "window too wide": ((*OUT, "--accumulator", "window", "--window", "4096"), "--window", "42 to 1024"),
    "window of an exact unit": ((*OUT, "--window", "80"), "--window", "left out with the accumulator exact"),
    "guard of an exact unit": ((*OUT, "--window-guard", "16"), "--window-guard", "left out with the accumulator exact"),
    "window-lsb of a unit with fp32": (
        (*OUT, "--accumulator", "fp32", "--window-lsb", "0"),
        "--window-lsb",
        "left out with the accumulator fp32",
    ),
    "guard beside window-lsb": (
        (*OUT, "--accumulator", "window", "--window-guard", "16", "--window-lsb", "0"),
        "--window-guard",
        "left out beside --window-lsb",
    ),
    "MX name in other blocks": ((*OUT, "--a", "MXFP8", "--block", "16"), "--block", "must be 32, the block of MXFP8"),
    "MX name of two formats": ((*OUT, "--b", "mxfp6"), "--b", "must be MXFP6_E3M2 or MXFP6_E2M3"),
    "window no number": ((*OUT, "--window", "wide"), "--window", "integer"),
    "guard negative": ((*OUT, "--accumulator", "window", "--window-guard", "-1"), "--window-guard", "0 to 79"),
    "guard too wide": ((*OUT, "--accumulator", "window", "--window-guard", "80"), "--window-guard", "0 to 79"),
    "window too low": ((*OUT, "--accumulator", "window", "--window-lsb", "-5000"), "--window-lsb", "-1024 to 1024"),
    "window-lsb no number": ((*OUT, "--window-lsb", "low"), "--window-lsb", "integer"),
    "top no identifier": ((*OUT, "--top", "8lanes"), "--top", "letters, digits and _"),
    "top a path": ((*OUT, "--top", "a/b"), "--top", "letters, digits and _"),
    "top two lines": ((*OUT, "--top", "a\nb"), "--top", "letters, digits and _"),
    "top empty": ((*OUT, "--top", ""), "--top", "letters, digits and _"),
    "top a keyword": ((*OUT, "--top", "module"), "--top", "keyword"),
    "top of VHDL alone": ((*OUT, "--top", "entity"), "--top", "keyword of VHDL"),
    "top with two underscores": ((*OUT, "--top", "mac__x"), "--top", "letters, digits and _"),
    "file name no identifier": (("-o", "mac-8.v"), "--top", "letters, digits and _"),
    "file name a keyword": (("-o", "reg.v"), "--top", "keyword"),
    "no such directory": (("-o", "nowhere/x.v"), "nowhere/x.v", "directory 'nowhere' does not exist"),
    "output is a directory": (("-o", "."), ".", ""),
    "manifest over the text": (("-o", "x.json"), "-o", r"must end in \.v or \.sv"),
    "file of text": (("-o", "x.txt"), "-o", r"must end in \.v or \.sv, or be - for standard output, not 'x\.txt'"),
    "file without suffix": (("-o", "x"), "-o", r"must end in \.v or \.sv"),
    "no output": ((), "-o", "Missing"),
    "output without a name": (("-o",), "-o", "requires an argument"),
    "unknown option": ((*OUT, "--lane", "8"), "--lane", ""),
    "a word too much": ((*OUT, "y.v"), "y.v", ""),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_that_names_the_option_and_writes_nothing(capsys, folder, mistake):
    arguments, named, accepted = MISTAKES[mistake]
    refused(run(capsys, "generate", *arguments), folder, named, accepted)


@pytest.mark.parametrize("mistake", ["unknown format of a", "lanes do not divide", "window too narrow", "no such directory"])
def test_a_mistake_in_a_process_of_its_own(folder, mistake):
    arguments, named, accepted = MISTAKES[mistake]
    refused(spawn("generate", *arguments), folder, named, accepted)


@pytest.mark.parametrize("mistake", ["top no identifier", "lanes do not divide"])
def test_a_mistake_writes_nothing_to_standard_output_either(capsys, folder, mistake):
    arguments, named, accepted = MISTAKES[mistake]
    refused(run(capsys, "generate", *arguments, "-o", "-"), folder, named, accepted)


def test_a_mistake_leaves_the_files_of_last_time_alone(capsys, folder):
    (folder / "x.v").write_text("old")
    (folder / "x.json").write_text("old too")
    assert run(capsys, "generate", *OUT, "--lanes", "3")[0] == 2
    assert {file.name: file.read_text() for file in folder.iterdir()} == {"x.v": "old", "x.json": "old too"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_directory_that_cannot_be_written_is_refused(capsys, folder):
    closed = folder / "closed"
    closed.mkdir(mode=0o555)
    status, out, err = run(capsys, "generate", *SMALL, "-o", "closed/x.v")
    assert (status, out) == (2, "")
    assert "closed/x.v" in err
    assert err.count("\n") == 1


def test_a_file_as_directory_is_refused(capsys, folder):
    (folder / "file").write_text("")
    status, out, err = run(capsys, "generate", *SMALL, "-o", "file/x.v")
    assert (status, out) == (2, "")
    assert "file/x.v" in err
    assert err.count("\n") == 1
    assert [file.name for file in folder.iterdir()] == ["file"]


def test_what_is_no_file_is_not_replaced_by_one(capsys, folder):
    os.mkfifo(folder / "x.v")
    status, _, err = run(capsys, "generate", *SMALL, *OUT)
    assert (folder / "x.v").is_fifo()
    assert status == 2
    assert "x.v" in err
    assert [file.name for file in folder.iterdir()] == ["x.v"]


@pytest.mark.parametrize("output", ["BF16", "FP16"])
@pytest.mark.parametrize("accumulator", Accumulator, ids=lambda kind: kind.value)
def test_every_output_format_is_generated_or_refused(capsys, folder, accumulator, output):
    ended = run(capsys, "generate", *OUT, "--output", output, "--accumulator", accumulator.value)
    if ended[0]:
        refused(ended, folder, "--output")
    else:
        assert json.loads((folder / "x.json").read_text())["config"]["output"] == output


# What it writes.


def test_verilog_and_manifest_are_those_of_the_library(capsys, folder):
    status, out, err = run(capsys, "generate", *SMALL, *OUT)
    made = generate(MacConfig(block=1, lanes=1, accumulator=Accumulator.WINDOW), "x")
    assert (status, err) == (0, "")
    assert (folder / "x.v").read_text() == made.text
    assert (folder / "x.json").read_text() == made.manifest_text
    assert sorted(file.name for file in folder.iterdir()) == ["x.json", "x.v"]
    for said in ("x.v", "x.json", f"latency {made.manifest['latency']} cycles", f"{made.text.count(chr(10)):,} lines"):
        assert said in out


def test_every_option_reaches_the_unit(capsys, folder):
    status, _, _ = run(
        capsys, "generate", "--a", "e5m2", "--b", "int8", "--block", "12", "--lanes", "3", "--accumulator", "WINDOW",
        "--output", "fp32", "--window", "64", "--window-guard", "5", "--target", "ECP5", "--reset", "async-low", "--bus",
        "axis", "--top", "my_unit", "-o", "any name.v",
    )  # fmt: skip
    assert status == 0
    manifest = json.loads((folder / "any name.json").read_text())
    assert manifest["top"] == "my_unit"
    assert manifest["config"] == {
        "a": ["E5M2"],
        "b": ["INT8"],
        "block": 12,
        "lanes": 3,
        "accumulator": "window",
        "output": "FP32",
        "window": 64,
        "window-guard": 5,
        "window-lsb": None,
        "target": "ecp5",
        "storage": "lutram",
        "multiplier": "lut",
        "pipeline": 3,
        "chain": 4,
        "addend": None,
        "reset": "async-low",
        "bus": "axis",
    }
    assert "\nmodule my_unit (" in (folder / "any name.v").read_text()


def test_the_window_can_be_fixed_below_zero(capsys, folder):
    assert run(capsys, "generate", *SMALL, "--window-lsb", "-40", *OUT)[0] == 0
    assert json.loads((folder / "x.json").read_text())["config"]["window-lsb"] == -40


@pytest.mark.parametrize(("file", "top"), [("mac8.v", "mac8"), ("sub/a_x.v", "a_x"), ("Mac.sv", "Mac")])
def test_the_top_module_is_named_after_the_file(capsys, folder, file, top):
    (folder / "sub").mkdir()
    assert run(capsys, "generate", *SMALL, "-o", file)[0] == 0
    assert f"\nmodule {top} (" in (folder / file).read_text()
    assert json.loads((folder / file).with_suffix(".json").read_text())["top"] == top


def test_dash_writes_the_text_alone_to_standard_output(capsys, folder):
    status, out, err = run(capsys, "generate", *SMALL, "-o", "-", "--top", "unit")
    assert (status, err) == (0, "")
    assert out == generate(MacConfig(block=1, lanes=1, accumulator=Accumulator.WINDOW), "unit").text
    assert list(folder.iterdir()) == []


def test_dash_names_the_top_module_mxmac(capsys):
    _, out, _ = run(capsys, "generate", *SMALL, "-o", "-")
    assert "\nmodule mxmac (" in out


def test_a_reader_of_standard_output_may_go_away(folder):
    command = [*START, "generate", "--lanes", "32", "-o", "-"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.read(1)
        process.stdout.close()
        err = process.stderr.read()
    assert "Traceback" not in err
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    "choice", [("--a", "E4M3", "--a", "E5M2"), ("--a", "E4M3,E5M2"), ("--a", "e4m3, e5m2"), ("--a=E4M3,E5M2",)], ids=" ".join
)
def test_formats_are_repeated_or_listed(capsys, folder, choice):
    assert run(capsys, "generate", *SMALL, *choice, *OUT)[0] == 0
    manifest = json.loads((folder / "x.json").read_text())
    assert manifest["config"]["a"] == ["E4M3", "E5M2"]
    assert {"name": "in_format_a", "direction": "input", "width": 1}.items() <= next(
        port for port in manifest["ports"] if port["name"] == "in_format_a"
    ).items()


def test_both_operands_can_have_formats_to_choose_from(capsys, folder):
    choice = ("--a", "E4M3,E5M2", "--a", "INT8", "--b", "E2M1", "--b", "E3M2")
    assert run(capsys, "generate", *SMALL, *choice, *OUT)[0] == 0
    manifest = json.loads((folder / "x.json").read_text())
    assert manifest["config"]["a"] == ["E4M3", "E5M2", "INT8"]
    assert manifest["config"]["b"] == ["E2M1", "E3M2"]
    widths = {port["name"]: port["width"] for port in manifest["ports"]}
    assert (widths["in_format_a"], widths["in_format_b"]) == (2, 1)


WIDE = ("--a", "E5M2", "--b", "E5M2", "--accumulator", "window")


@pytest.mark.parametrize(
    ("choice", "noted"),
    [
        (WIDE, True),
        ((*WIDE, "--window", "85"), True),
        ((*WIDE, "--window", "86"), False),
        ((*WIDE, "--window-guard", "10"), False),
        ((*WIDE, "--window-lsb", "-40"), False),
        (("--a", "E5M2", "--b", "E5M2", "--accumulator", "exact"), False),
        (("--a", "E5M2", "--b", "E4M3", "--accumulator", "window"), False),
    ],
)
def test_a_window_that_may_not_hold_the_first_block_is_noted(capsys, choice, noted):
    status, out, err = run(capsys, "generate", *choice, "--lanes", "1", *OUT)
    assert (status, err) == (0, "")
    assert ("bits too narrow" in out) == noted


# Help.


def test_version(capsys):
    assert run(capsys, "--version") == (0, f"mxmac {mxmac.__version__}\n", "")


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_of_generate_lists_formats_accumulators_and_defaults(capsys, flag):
    status, out, err = run(capsys, "generate", flag)
    assert (status, err) == (0, "")
    for name in (*ELEMENT_FORMATS, *(kind.value for kind in Accumulator), "fp32, bf16, fp16"):
        assert re.search(rf"\b{name}\b", out), name
    for option in (
        "--a",
        "--b",
        "--block",
        "--lanes",
        "--accumulator",
        "--output",
        "--window",
        "--window-guard",
        "--top",
        "-o",
    ):
        assert re.search(rf"(?<!\w){option}\b", out), option
    for default in ("E4M3", "32", "8", "80", "16"):
        assert re.search(rf"default: \(?{default}\b", out), default


@pytest.mark.parametrize("arguments", [(), ("--help",)])
def test_help_lists_the_commands(capsys, arguments):
    status, out, err = run(capsys, *arguments)
    assert (status, err) == (0, "")
    assert "generate" in out


def test_an_unknown_command_is_refused(capsys, folder):
    refused(run(capsys, "generat"), folder, "generat")


# Ctrl-C.

# Says when generation is under way.
INTERRUPTIBLE = """
import sys
from mxmac.cli import app, generate as command

def generate(*arguments, real=command.generate):
    print("generating", flush=True)
    return real(*arguments)

command.generate = generate
app.main(sys.argv[1:])
"""


@pytest.mark.parametrize(
    ("delay", "there_before", "stop", "message"),
    [
        (0, False, signal.SIGINT, "interrupted"),
        (0.5, True, signal.SIGINT, "interrupted"),
        (1.5, False, signal.SIGINT, "interrupted"),
        (1, False, signal.SIGTERM, "ended by the signal SIGTERM"),
    ],
)
def test_a_signal_leaves_no_half_file(folder, delay, there_before, stop, message):
    before = {"x.v": "old", "x.json": "old too"} if there_before else {}
    for name, text in before.items():
        (folder / name).write_text(text)
    # Several seconds' worth of work.
    command = [sys.executable, "-c", INTERRUPTIBLE, "generate", "--block", "256", "--lanes", "256", *OUT]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "generating\n"
        time.sleep(delay)
        process.send_signal(stop)
        _, err = process.communicate(timeout=600)
    assert process.returncode == 128 + stop
    assert err == f"mxmac: {message}\n"
    assert {file.name: file.read_text() for file in folder.iterdir()} == before


@pytest.mark.parametrize("place", ["mxmac.cli.generate.generate", "mxmac.cli.generate.write", "pathlib.Path.write_text"])
def test_an_interrupt_anywhere_is_one_line_and_status_130(capsys, folder, monkeypatch, place):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    (folder / "x.v").write_bytes(b"old")
    monkeypatch.setattr(place, interrupted)
    assert run(capsys, "generate", *SMALL, *OUT) == (130, "", "mxmac: interrupted\n")
    assert [(file.name, file.read_bytes()) for file in folder.iterdir()] == [("x.v", b"old")]
