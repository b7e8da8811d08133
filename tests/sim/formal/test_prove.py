"""``mxmac prove``: what is right is proved, what is wrong is refuted by its operands, and a mistake is one line and no file."""

import json
import os
import re

import pytest

from mxmac.cli import app as cli
from mxmac.config import Accumulator, MacConfig
from mxmac.formats import ELEMENT_FORMATS
from mxmac.verilog import generate
from mxmac_sim.formal.btor import Circuit
from mxmac_sim.formal.engine import check
from mxmac_sim.formal.methods import Method
from mxmac_sim.formal.netlist import main as to_btor
from mxmac_sim.formal.properties import unit_properties
from prove_checks import (
    ASIC,
    CHAIN,
    CONFIG,
    DSP,
    SMALL,
    WRONG_CHAINS,
    WRONG_COMPRESSORS,
    WRONG_DSP,
    WRONG_WINDOW,
    prove,
    wrong,
)
from wave_checks import Dump, saved_names

E2M1 = {"a": (ELEMENT_FORMATS["E2M1"],), "b": (ELEMENT_FORMATS["E2M1"],)}
#: A unit of each kind of accumulator.
KINDS = {
    "exact": MacConfig(**E2M1, block=4, lanes=2),
    "serial exact": MacConfig(**E2M1, lanes=1),
    "window": CONFIG,
    "serial window": MacConfig(**E2M1, lanes=1, accumulator=Accumulator.WINDOW, window=24),
    "fp32": MacConfig(**E2M1, block=4, lanes=2, accumulator=Accumulator.FP32),
    "lanes in chains": MacConfig(block=10, lanes=5, target="ecp5", chain=3, accumulator=Accumulator.WINDOW),
    "lanes with DSP blocks": MacConfig(block=4, lanes=2, target="ecp5", multiplier="dsp", accumulator=Accumulator.WINDOW),
    "lanes for standard cells": MacConfig(**E2M1, block=10, lanes=5, target="asic"),
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("NO_COLOR", "1")
    return tmp_path


@pytest.fixture(scope="module")
def text():
    return generate(CONFIG, "mine").text


def test_what_is_right_is_proved_and_what_is_bounded_is_called_so(capsys, folder):
    chosen = {
        "multiplier": "any state", "scales": "any state", "tree": "any state", "block": "induction",
        "scale_applier": "induction", "window": "induction", "held": "any state", "no_wait": "independence",
        "places": "induction", "reset": "bounded",
    }  # fmt: skip
    options = [word for name in chosen for word in ("--property", name)]
    status, out, err = prove(capsys, *SMALL, *options, "-o", "result.json", "--jobs", 2)
    assert (status, err) == (0, "")
    rows = json.loads((folder / "result.json").read_text())["properties"]
    assert {row["property"]: row["method"] for row in rows} == chosen
    assert all(row["proved"] for row in rows)
    assert re.search(r"│ reset .*│ bounded .*│ holds for \d+ cycles │", out)
    assert out.endswith("9 proved, 1 bounded\n")


@pytest.mark.parametrize("name", ["multiplier", "rounder", "window"])
def test_a_part_that_is_wrong_is_refuted_with_operands_and_a_waveform(capsys, folder, text, name):
    (folder / "wrong.v").write_text(wrong(text, name))
    status, out, err = prove(capsys, *SMALL, "--verilog", "wrong.v", "--property", name, "--work", "work")
    assert (status, err) == (1, "")
    assert f"Counterexample to {name}: ok_" in out
    expected, hardware = (
        dict(re.findall(r"(\w+) = (\S+)", re.search(rf"^  {word} .*$", out, re.M)[0])) for word in ("expected", "hardware")
    )
    assert expected.keys() == hardware.keys()
    assert expected != hardware
    waves = folder / re.search(r"^  waveform  (\S+)$", out, re.M)[1]
    dump, saved = Dump(waves, "prove"), saved_names(waves.with_suffix(".gtkw"))
    assert saved == dump.widths
    last = list(dump.last().items())
    for word, shown in (("want", expected), ("got", hardware)):
        assert {name: value for name, value in last if name.startswith(f"{word}_")} == {
            f"{word}_{name}": int(value.partition("'h")[2], 16) for name, value in shown.items()
        }
    assert out.endswith("0 proved, 0 bounded, 1 not proved\n")


@pytest.mark.parametrize("name", WRONG_WINDOW)
def test_a_window_that_is_wrong_is_refuted(capsys, folder, text, name):
    (folder / "wrong.v").write_text(wrong(text, name, WRONG_WINDOW))
    assert prove(capsys, *SMALL, "--verilog", "wrong.v", "--property", "window")[0] == 1


def test_lanes_for_standard_cells_are_proved(capsys):
    assert prove(capsys, *ASIC, "--property", "multiplier", "--property", "tree")[0] == 0


@pytest.mark.parametrize("name", WRONG_COMPRESSORS)
def test_a_compressor_tree_that_is_wrong_is_refuted(capsys, folder, name):
    text = generate(MacConfig(target="asic", block=3, lanes=3, accumulator="window"), "mine").text
    (folder / "wrong.v").write_text(wrong(text, name, WRONG_COMPRESSORS))
    status, out, err = prove(capsys, *ASIC, "--verilog", "wrong.v", "--property", "tree")
    assert (status, err) == (1, "")
    assert "Counterexample to tree: ok_" in out


@pytest.mark.parametrize(
    ("options", "properties"), [(CHAIN, ["multiplier", "partial_product", "chain0"]), (DSP, ["multiplier", "tree"])]
)
def test_lanes_for_ecp5_are_proved(capsys, options, properties):
    assert prove(capsys, *options, *(f"--property={name}" for name in properties))[0] == 0


@pytest.mark.parametrize(
    ("options", "mistake"),
    [*((CHAIN, mistake) for mistake in WRONG_CHAINS.items()), *((DSP, mistake) for mistake in WRONG_DSP.items())],
    ids=lambda value: value[0] if isinstance(value, tuple) else "chain" if value is CHAIN else "dsp",
)
def test_a_lane_for_ecp5_that_is_wrong_is_refuted(capsys, folder, options, mistake):
    name, (prop, *change) = mistake
    with pytest.raises(SystemExit):
        cli.main(["generate", *options, "--top", "mine", "-o", "mine.v"])
    (folder / "wrong.v").write_text(wrong((folder / "mine.v").read_text(), name, {name: change}))
    capsys.readouterr()
    status, out, err = prove(capsys, *options, "--verilog", "wrong.v", "--property", prop)
    assert (status, err) == (1, "")
    assert f"Counterexample to {prop}: ok_" in out


@pytest.mark.parametrize("kind", KINDS)
def test_every_harness_of_every_kind_of_unit_fits_the_generated_text(kind):
    for name, make in unit_properties(KINDS[kind]).items():
        text = make().text
        assert text.count("module prove (") == 1, name
        assert "${" not in text


def test_the_text_of_a_file_is_proved_whatever_its_top_is_called(capsys, folder, text):
    (folder / "mine.v").write_text(text)
    assert prove(capsys, *SMALL, "--verilog", "mine.v", "--property", "scales")[0] == 0


def test_what_is_not_decided_in_time_is_no_success(capsys):
    status, out, err = prove(capsys, "--lanes", 1, "--accumulator", "window", "--property", "answers", "--timeout", 1)
    assert status == 3
    assert "answers: NOT DECIDED" in out
    assert err == "mxmac: answers: not decided in 1 s; allow more with --timeout\n"


# The engine.

HARNESS = """
module prove (input wire clk, input wire rst, input wire up, {ports}output wire ok_small, output wire seen_full);
  reg [7:0] count;
  always @(posedge clk)
    if (rst) count <= 0;
    else if (up {condition}) count <= count + 1;
  assign ok_small = count <= 8'd{limit};
  assign seen_full = count == 8'd3;
{more}endmodule
"""


def verdict(folder, method, depth, *, limit=3, ports="", condition="&& count < 3", more="", seen_within=5):
    harness = HARNESS.format(ports=ports, condition=condition, limit=limit, more=more)
    (folder / "h.v").write_text(harness)
    to_btor("h.v", "prove", "h.btor")
    return check(Circuit.read((folder / "h.btor").read_text()), method, depth, seen_within=seen_within)


def test_an_invariant_is_proved_by_induction(folder):
    assert verdict(folder, Method.INDUCTION, 1).proved


def test_a_claim_that_is_too_weak_for_induction_is_not_proved_by_it_but_holds_bounded(folder):
    # True, but from 10 the count would go on; only those who know that it never gets there know that.
    weak = {"condition": "&& count != 3", "limit": 200}
    found = verdict(folder, Method.INDUCTION, 1, **weak)
    assert not found.proved
    assert "not a run from a reset" in found.counterexample.stage
    assert verdict(folder, Method.BOUNDED, 8, **weak).proved


def test_a_bounded_proof_sees_a_mistake_at_its_last_clock_and_none_after_it(folder):
    # The count is 3 at clock 4, after a reset that ends clock 0.
    assert verdict(folder, Method.BOUNDED, 3, limit=2).proved
    found = verdict(folder, Method.BOUNDED, 4, limit=2)
    assert (found.proved, len(found.counterexample.clocks)) == (False, 5)
    assert [clock["up"] for clock in found.counterexample.clocks[1:4]] == [1, 1, 1]


def test_a_claim_about_nothing_is_empty(folder):
    found = verdict(folder, Method.INDUCTION, 1, ports="output wire given_never, ", more="  assign given_never = count < 2;\n")
    assert not found.proved
    assert found.problem == "the claim is empty: seen_full cannot be"


def test_a_register_that_is_not_there_proves_nothing(folder):
    more = "  (* hierconn *) wire \\\\unit.gone ;\n  assign ok_gone = \\\\unit.gone ;\n".replace("\\\\", "\\")
    assert not verdict(folder, Method.INDUCTION, 1, ports="output wire ok_gone, ", more=more).proved


TWINS = """
module prove (
  input wire clk, input wire rst, input wire valid, input wire ready, output wire same_full, output wire blind_ready
);
  reg full;
  always @(posedge clk)
    if (rst) full <= 0;
    else full <= {following};
  assign same_full = {shown};
  assign blind_ready = {blind};
endmodule
"""


@pytest.mark.parametrize(
    ("following", "shown", "blind", "failed", "problem"),
    [
        ("full ? !ready : valid", "full", "!full", None, None),
        ("full ? !ready : valid", "full & ready", "!full", "same_full", None),
        ("full ? !ready : valid & ready", "full", "!full", "full", None),
        ("valid", "full", "!full", None, "the claim is empty: no register depends on ready"),
    ],
)
def test_what_depends_on_an_input_is_found(folder, following, shown, blind, failed, problem):
    (folder / "h.v").write_text(TWINS.format(following=following, shown=shown, blind=blind))
    to_btor("h.v", "prove", "h.btor")
    found = check(Circuit.read((folder / "h.btor").read_text()), Method.INDEPENDENCE, 0)
    assert (found.proved, found.problem) == (failed is None and problem is None, problem)
    assert (found.counterexample.failed if found.counterexample else None) == ([failed] if failed else None)


# Mistakes of the user.


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--property", "divider"], "--property: There is no property 'divider' of this unit; choose among multiplier, "),
        (["--a", "E4M3,E5M2"], "--a: Proofs are of units with one format a side; give one"),
        (["--jobs", "0"], "--jobs: At least one proof has to run at a time, not 0"),
        (["--timeout", "0"], "--timeout: A proof needs at least a second, not 0"),
        (["--verilog", "none.v"], "--verilog: 'none.v' cannot be read: No such file or directory"),
        (["--verilog", "other.v"], "--verilog: 'other.v' is no unit that mxmac generate has written"),
        (["--all-pairings", "--property", "held"], "--property: With --all-pairings it is known what to prove"),
        (["-o", "gone/x.json"], "gone/x.json: The directory 'gone' does not exist; create it first"),
        (["--work", "other.v/x"], "--work: Files cannot be written to 'other.v/x': Not a directory"),
    ],
)
def test_a_mistake_is_one_line_and_no_file(capsys, folder, arguments, message):
    (folder / "other.v").write_text("module other (\n  input  wire a\n);\nendmodule\n")
    status, out, err = prove(capsys, *arguments)
    assert (status, out) == (2, "")
    assert err.startswith(f"mxmac: {message}")
    assert err.count("\n") == 1
    assert os.listdir(folder) == ["other.v"]
