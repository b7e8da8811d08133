"""Help and completion of all commands."""

import os
import re
import subprocess
import sys

import pytest
import typer

from mxmac.cli import app as cli
from mxmac.cli.choices import ELEMENT_NAMES
from mxmac.config import Accumulator
from mxmac_fpga.boards.table import BOARDS
from mxmac_fpga.report.parts import PARTS
from mxmac_sim.verify.runner import SIMULATORS


def commands():
    """All commands, by the words that call them."""
    top = typer.main.get_command(cli.app)
    found, waiting = {}, [((), top)]
    while waiting:
        words, command = waiting.pop()
        found[words] = command
        for name in getattr(command, "commands", {}):
            waiting.append(((*words, name), command.resolve_command(typer.Context(command), [name])[1]))
    return found


COMMANDS = commands()
OPTIONS = [(words, parameter) for words, command in COMMANDS.items() for parameter in command.params if parameter.help]


def shown(capsys, words):
    with pytest.raises(SystemExit) as end:
        cli.main([*words, "--help"])
    assert not end.value.code
    return " ".join(re.sub(r"[│╭╮╰╯─]", " ", re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out)).split())


def test_all_commands_are_looked_at():
    assert {("generate", "quantizer"), ("fpga", "run"), ("prove",)} <= set(COMMANDS)
    assert len(OPTIONS) > 100


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_shows_all_of_its_text(capsys, monkeypatch, words):
    # In text such as "[default: random]" Rich sees markup, and leaves it out.
    monkeypatch.setenv("COLUMNS", "400")
    text = shown(capsys, words)
    for parameter in COMMANDS[words].params:
        if parameter.help:
            assert " ".join(parameter.help.split()) in text, parameter.name
        # A default that depends on something is described.
        if isinstance(default := getattr(parameter, "show_default", None), str):
            assert f"[default: ({default})]" in text, parameter.name
    assert " ".join((COMMANDS[words].help or "").split()) in text


@pytest.mark.parametrize(("words", "parameter"), OPTIONS, ids=lambda value: getattr(value, "name", None) or " ".join(value))
def test_help_of_an_option_is_a_sentence(words, parameter):
    assert re.fullmatch(r"[A-Z].*\.", parameter.help, re.S)
    assert not re.match(r"What|Which|Where|How|Of |Write |Print |Prove ", parameter.help)


def asked(*words):
    """What Bash sets in the environment to complete the last word."""
    return {"_MXMAC_COMPLETE": "complete_bash", "COMP_CWORD": str(len(words)), "COMP_WORDS": " ".join(["mxmac", *words])}


ACCUMULATORS = [kind.value for kind in Accumulator]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["generate", "--a", ""], [*ELEMENT_NAMES]),
        (["generate", "--b", "E5"], ["E5M2"]),
        (["generate", "--a", "E4M3,E5"], ["E4M3,E5M2"]),
        (["generate", "--a", "e4m3,E4"], []),
        (["generate", "--accumulator", ""], ACCUMULATORS),
        (["generate", "--output", "b"], ["bf16"]),
        (["generate", "--storage", "r"], ["registers"]),
        (["generate", "--multiplier", ""], ["lut", "dsp"]),
        (["generate", "quantizer", "--from", ""], ["fp32", "bf16"]),
        (["generate", "quantizer", "--to", "INT"], ["INT8"]),
        (["generate", "quantizer", "--rule", "floor,"], ["floor,rceil", "floor,ceil", "floor,even", "floor,all"]),
        (["generate", "quantizer", "--overflow", ""], ["sat", "ovf", "both"]),
        (["quantize", "--format", "E2"], ["E2M3", "E2M1"]),
        (["generate", "--a", "E4M3,MXFP4"], ["E4M3,MXFP4", "E4M3,MXFP4_E2M1"]),
        (["quantize", "--layout", "deep"], ["deepseek-activations", "deepseek-weights"]),
        (["quantize", "--rule", "r"], ["rceil"]),
        (["compare", "--format", "E4M3,E2"], ["E4M3,E2M3", "E4M3,E2M1"]),
        (["compare", "--rule", "floor,c"], ["floor,ceil"]),
        (["show", "--source-layout", "gpt"], ["gpt-oss"]),
        (["verify", "--simulator", ""], [*SIMULATORS]),
        (["verify", "--accumulator", "w"], ["window"]),
        (["dot", "--output", "fp"], ["fp32", "fp16"]),
        (["prove", "--accumulator", ""], ACCUMULATORS),
        (["report", "--on", ""], ["ecp5", "ice40", "gowin", "xilinx", "asic"]),
        (["report", "--target", ""], ["generic", "ecp5", "asic"]),
        (["report", "--part", ""], [*PARTS]),
        (["explore", "--target", "ecp5,a"], ["ecp5,asic"]),
        (["explore", "--on", "ecp5,x"], ["ecp5,xilinx"]),
        (["fpga", "build", "--board", ""], [*BOARDS]),
        (["fpga", "run", "--board", "s"], ["sim"]),
        (["fpga", "fl"], ["flash"]),
        (["ver"], ["verify"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_the_shell_completes_values(capsys, monkeypatch, words, offered):
    for name, value in asked(*words).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit):
        cli.main([])
    out, err = capsys.readouterr()
    assert (out.split(), err) == (offered, "")


def test_the_program_itself_completes():
    environment = os.environ | asked("generate", "--accumulator", "")
    done = subprocess.run([sys.executable, "-m", "mxmac"], env=environment, capture_output=True, text=True, check=False)
    assert (done.stdout.split(), done.stderr) == (ACCUMULATORS, "")
