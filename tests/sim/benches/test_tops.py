"""Benches and proofs of tops with other ports pass, and find each way in which such a top can be wrong.

tests/long/test_tops.py runs them on all tops, and the benches on all mistakes.
"""

from dataclasses import replace

import pytest

from mxmac.quantizer.config import QuantizerConfig
from prove_checks import CONFIG, SMALL, prove
from tops import WRONG_RESET, mistaken, needs_icarus, run, whole


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


@pytest.mark.parametrize("reset", ["sync-low", "async-high"])
def test_properties_of_the_ports_are_proved_with_other_resets(capsys, tmp_path, monkeypatch, reset):
    monkeypatch.chdir(tmp_path)
    options = [word for name in ("held", "places", "reset") for word in ("--property", name)]
    status, out, err = prove(capsys, *SMALL, "--reset", reset, *options)
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
