"""``mxmac prove``: a mistake in every part is found by the property that is about it, and the campaign fails when it should."""

import json
import re

import pytest

from mxmac.config import Accumulator, MacConfig
from mxmac.formats import RESULT_FORMATS
from mxmac.verilog import generate
from mxmac_sim.campaigns import proofs as campaign
from mxmac_sim.formal import properties
from prove_checks import CHUNKED, CONFIG, EXACT, SMALL, WRONG, WRONG_ADDENDS, WRONG_VISITS, WRONG_WORDS, prove, wrong


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def text():
    return generate(CONFIG, "mine").text


@pytest.mark.parametrize("name", WRONG)
def test_every_property_finds_a_mistake(capsys, folder, text, name):
    (folder / "wrong.v").write_text(wrong(text, name))
    status, out, err = prove(capsys, *SMALL, "--verilog", "wrong.v", "--property", name)
    assert (status, err) == (1, "")
    assert re.search(rf"^Counterexample to {name}: (ok_|unit\.mac\.results\.)", out, re.M)


@pytest.mark.parametrize("options", [(), ("--addend", "fp32"), ("--addend", "fp32", "--lanes", "4")], ids=" ".join)
def test_words_of_an_exact_sum_are_proved(capsys, options):
    assert prove(capsys, *EXACT, *options, "--property", "exact_words")[0] == 0


@pytest.mark.parametrize("name", [*WRONG_WORDS, *WRONG_ADDENDS])
def test_mistakes_in_the_words_of_an_exact_sum_are_found(capsys, folder, name):
    addend = name in WRONG_ADDENDS
    config = MacConfig(a="E2M1", b="E2M1", block=4, lanes=2, addend="fp32" if addend else None)
    text = wrong(generate(config, "mine").text, name, WRONG_ADDENDS if addend else WRONG_WORDS)
    (folder / "wrong.v").write_text(text)
    options = ("--addend", "fp32") if addend else ()
    status, out, err = prove(capsys, *EXACT, *options, "--verilog", "wrong.v", "--property", "exact_words")
    assert (status, err) == (1, "")
    assert "Counterexample to exact_words: ok_" in out


def test_visits_of_a_chunked_exact_sum_are_proved(capsys):
    for options in (CHUNKED, [*CHUNKED, "--addend", "fp32"], []):
        assert prove(capsys, *options, "--property", "word_visits")[0] == 0


@pytest.mark.parametrize("name", WRONG_VISITS)
def test_mistakes_in_the_visits_of_a_chunked_exact_sum_are_found(capsys, folder, name):
    text = wrong(generate(MacConfig(a="E2M1", b="E2M1", block=4, lanes=1), "mine").text, name, WRONG_VISITS)
    (folder / "wrong.v").write_text(text)
    status, out, err = prove(capsys, *CHUNKED, "--verilog", "wrong.v", "--property", "word_visits")
    assert (status, err) == (1, "")
    assert "Counterexample to word_visits: ok_" in out


@pytest.mark.parametrize("output", RESULT_FORMATS)
@pytest.mark.parametrize("accumulator", [Accumulator.EXACT, Accumulator.WINDOW])
def test_rounding_to_every_format_is_proved(capsys, accumulator, output):
    options = ("--lanes", 4, "--accumulator", accumulator.value, "--output", output, "--property", "rounder")
    assert prove(capsys, *options)[0] == 0


def test_multipliers_of_all_pairings_are_proved(capsys):
    status, out, _ = prove(capsys, "--all-pairings", "--jobs", 1)
    assert status == 0
    assert out.endswith("36 proved, 0 bounded\n")


def test_the_campaign_keeps_what_it_has_found_and_fails_when_it_should(folder, monkeypatch, text):
    arguments = ["--units-only", "--jobs", "1", "--json", "result.json", "--work", "work"]
    assert campaign.main(arguments, [CONFIG]) == 0
    (unit,) = json.loads((folder / "result.json").read_text())["units"]
    assert all(row["proved"] for row in unit["properties"])

    broken = wrong(text, "rounder").replace("mine", properties.TOP)
    monkeypatch.setattr(campaign, "unit_properties", lambda config: properties.unit_properties(config, None, broken))
    assert campaign.main(arguments, [CONFIG]) == 1
    (unit,) = json.loads((folder / "result.json").read_text())["units"]
    assert [row["property"] for row in unit["properties"] if not row["proved"]] == ["rounder"]
