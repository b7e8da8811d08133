"""Benches and proofs of tops with other ports pass, and find each way in which such a top can be wrong.

tests/long/test_tops.py runs them on all tops, and the benches on all mistakes.
"""

from dataclasses import replace

import pytest

from mxmac.quantizer.config import QuantizerConfig
from prove_checks import CONFIG, SMALL, prove
from tops import AXIS, WRONG_FLOW, WRONG_RESET, changed, failed, mistaken, needs_icarus, run, whole


@needs_icarus
def test_the_bench_of_a_quantizer_passes_with_an_asynchronous_reset(tmp_path):
    assert run(tmp_path, QuantizerConfig(block=4, lanes=2, reset="async-low")).passed


@needs_icarus
def test_the_bench_of_an_asynchronous_reset_passes_and_finds_a_mistake(tmp_path):
    config = replace(CONFIG, reset="async-high")
    assert run(tmp_path, config, "asynchronous_reset").passed
    pattern, replacement, _ = WRONG_RESET["out_valid is not gated"]
    text = mistaken(whole(config)[1].text, pattern, replacement)
    assert not run(tmp_path, config, "asynchronous_reset", text=text).passed


@needs_icarus
def test_the_bench_of_axi4_stream_passes_and_finds_mistakes(tmp_path):
    assert run(tmp_path, AXIS, "axis").passed
    text = whole(AXIS)[1].text
    for mistake in ("every other result is lost", "TVALID waits for TREADY in an earlier cycle"):
        changes, tests = WRONG_FLOW[mistake]
        assert set(tests) <= failed(run(tmp_path, AXIS, "axis", text=changed(text, changes))), mistake


@needs_icarus
def test_the_bench_of_a_quantizer_passes_on_axi4_stream(tmp_path):
    assert run(tmp_path, QuantizerConfig(to="E2M3", block=6, lanes=3, rules=("floor", "even"), bus="axis")).passed


@pytest.mark.parametrize("options", [("--reset", "sync-low"), ("--reset", "async-high"), ("--bus", "axis")], ids=" ".join)
def test_properties_of_the_ports_are_proved_for_other_tops(capsys, tmp_path, monkeypatch, options):
    monkeypatch.chdir(tmp_path)
    names = [word for name in ("held", "no_wait", "places", "reset") for word in ("--property", name)]
    status, out, err = prove(capsys, *SMALL, *options, *names)
    assert (status, err) == (0, ""), out


@pytest.mark.parametrize("mistake", WRONG_RESET)
def test_a_wrong_asynchronous_reset_is_refuted(capsys, tmp_path, monkeypatch, mistake):
    monkeypatch.chdir(tmp_path)
    pattern, replacement, names = WRONG_RESET[mistake]
    (tmp_path / "wrong.v").write_text(mistaken(whole(replace(CONFIG, reset="async-high"))[1].text, pattern, replacement))
    for name in names:
        status, out, _ = prove(capsys, *SMALL, "--reset", "async-high", "--verilog", "wrong.v", "--property", name)
        assert status == 1, out
        assert "REFUTED" in out


def test_a_result_of_axi4_stream_that_is_not_held_is_refuted(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = whole(replace(CONFIG, reset="sync-low", bus="axis"))[1].text
    (tmp_path / "wrong.v").write_text(mistaken(text, r"\.o__ready\(m_axis_tready\)", ".o__ready(1'h1)"))
    status, out, _ = prove(capsys, *SMALL, "--bus", "axis", "--verilog", "wrong.v", "--property", "held")
    assert status == 1, out
    assert "REFUTED" in out


#: Mistakes in the flow that are about waiting.
WAITS = (
    "the payload is wrong while TREADY is low",
    "TVALID waits for TREADY in the same cycle",
    "TVALID waits for TREADY in an earlier cycle",
    "TREADY waits for TVALID",
)


@pytest.mark.parametrize("mistake", WAITS)
def test_a_stream_that_waits_for_the_other_side_is_refuted(capsys, tmp_path, monkeypatch, mistake):
    monkeypatch.chdir(tmp_path)
    changes, _ = WRONG_FLOW[mistake]
    text = changed(whole(replace(CONFIG, reset="sync-low", bus="axis"))[1].text, changes)
    (tmp_path / "wrong.v").write_text(text)
    status, out, _ = prove(capsys, *SMALL, "--bus", "axis", "--verilog", "wrong.v", "--property", "no_wait")
    assert status == 1, out
    assert "REFUTED" in out
