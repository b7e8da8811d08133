"""The manifest: true about the text, of the form that its schema states, and the way back to the same bytes."""

import hashlib
import json
import re
import shlex
from functools import cache

import jsonschema
import pytest

from drawn_units import drawn_quantizer, drawn_unit
from mxmac.cli import app as cli
from mxmac.config import MacConfig
from mxmac.errors import UserError
from mxmac.quantizer.config import QuantizerConfig
from mxmac.verilog import generate, generate_from, generate_quantizer, manifest_schema, write

UNITS = {
    "exact": MacConfig(a="E4M3", b=["E2M1", "E3M2"], block=4, lanes=2),
    "window": MacConfig(a="E2M1", b="E2M1", block=2, lanes=1, accumulator="window", window=24, window_guard=3),
    "fixed window": MacConfig(block=1, lanes=1, accumulator="window", window_lsb=-40, output="bf16", storage="registers"),
    "fp32": MacConfig(block=2, lanes=2, accumulator="fp32", multiplier="dsp"),
    "quantizer": QuantizerConfig(to="E2M1", block=2, lanes=2, rules=["floor", "even"]),
}
each_unit = pytest.mark.parametrize("name", UNITS)


def made(config, top="unit"):
    return generate(config, top) if isinstance(config, MacConfig) else generate_quantizer(config, top)


@cache
def design(name):
    return made(UNITS[name])


@pytest.fixture
def written(tmp_path):
    write(design("window"), tmp_path / "unit.v")
    return tmp_path / "unit.json"


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as end:
        cli.main([str(argument) for argument in arguments])
    return end.value.code, *capsys.readouterr()


# Facts.


@each_unit
def test_manifest_is_of_its_schema(name):
    jsonschema.Draft202012Validator.check_schema(manifest_schema())
    jsonschema.Draft202012Validator(manifest_schema()).validate(json.loads(design(name).manifest_text))


@pytest.mark.parametrize("key", design("window").manifest)
def test_schema_refuses_a_manifest_without_a_key_or_with_another_value(key):
    manifest = json.loads(design("window").manifest_text)
    validator = jsonschema.Draft202012Validator(manifest_schema())
    without = {name: value for name, value in manifest.items() if name != key}
    assert not validator.is_valid(without)
    assert not validator.is_valid(without | {key: 1.5})
    assert not validator.is_valid(manifest | {"more": 1})


@each_unit
def test_every_parameter_is_there_with_its_default(name):
    config = UNITS[name]
    stated = design(name).manifest["config"]
    assert list(stated) == list(config.parameters())
    assert config.as_dict().items() <= stated.items()
    assert type(config).from_dict(stated) == config
    if isinstance(config, MacConfig):
        assert list(stated) == [field.replace("_", "-") for field in MacConfig.__dataclass_fields__]


def test_parameters_without_meaning_are_null():
    assert {key: value for key, value in design("exact").manifest["config"].items() if value is None} == {
        "window": None,
        "window-guard": None,
        "window-lsb": None,
        "chain": None,
        "addend": None,
    }
    assert design("window").manifest["config"]["pipeline"] == 2


@each_unit
def test_sha256_is_that_of_the_text(name):
    assert design(name).manifest["sha256"] == hashlib.sha256(design(name).text.encode()).hexdigest()


def test_limits_are_those_of_the_header():
    limits = {name: design(name).manifest["limits"] for name in UNITS}
    assert limits == {
        "exact": {"blocks_per_dot": 65536},
        "window": {"headroom_bits": 24 - 3 - 10},
        "fixed window": {},
        "fp32": {},
        "quantizer": {},
    }
    assert "A dot product may have 65536 blocks" in design("exact").text
    # The sum of two products of E2M1, 144 quarters each at most, has 9 bits and a sign.
    assert f"The window has {24 - 3 - 10} bits above" in design("window").text


@each_unit
def test_clock_and_reset_are_ports_of_their_roles(name):
    manifest = design(name).manifest
    ports = {port["name"]: port for port in manifest["ports"]}
    assert (ports[manifest["clock"]["port"]]["role"], ports[manifest["reset"]["port"]]["role"]) == ("clock", "reset")
    assert manifest["reset"] == {"port": "rst", "active": "high", "synchronous": True}
    streams = {(name.partition("_")[0], port["role"]) for name, port in ports.items() if port["role"] in ("valid", "ready")}
    assert streams == {("in", "valid"), ("in", "ready"), ("out", "valid"), ("out", "ready")}


def test_fields_are_the_bits_of_lanes_and_flags():
    fields = {port["name"]: port["fields"] for port in design("exact").manifest["ports"] if port["fields"]}
    assert fields == {
        "in_a": [{"name": "lane0", "lsb": 0, "width": 8}, {"name": "lane1", "lsb": 8, "width": 8}],
        "in_b": [{"name": "lane0", "lsb": 0, "width": 6}, {"name": "lane1", "lsb": 6, "width": 6}],
        "out_status": [{"name": flag, "lsb": lsb, "width": 1} for lsb, flag in enumerate(("nx", "uf", "of", "dz", "nv"))],
    }


@each_unit
def test_fields_cover_their_port(name):
    for port in design(name).manifest["ports"]:
        lsb = 0
        for field in port["fields"]:
            assert field["lsb"] == lsb
            lsb += field["width"]
        assert lsb in (0, port["width"])


# The way back.


@each_unit
def test_the_command_makes_the_same_files(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    program, *arguments = shlex.split(design(name).manifest["command"])
    assert program == "mxmac"
    assert run(capsys, *arguments)[0] == 0
    assert (tmp_path / "unit.v").read_text() == design(name).text
    assert (tmp_path / "unit.json").read_text() == design(name).manifest_text


@each_unit
def test_from_a_manifest_come_the_same_bytes(name, tmp_path, monkeypatch, capsys):
    write(design(name), tmp_path / "unit.v")
    (tmp_path / "again").mkdir()
    monkeypatch.chdir(tmp_path / "again")
    assert run(capsys, "generate", "--from", "../unit.json", "-o", "another.v")[0] == 0
    for suffix in (".v", ".json"):
        assert (tmp_path / "again/another").with_suffix(suffix).read_bytes() == (tmp_path / "unit").with_suffix(
            suffix
        ).read_bytes()


@pytest.mark.parametrize("seed", range(2))
def test_random_units_come_back_from_their_manifest(seed):
    for config in (drawn_unit(seed, lanes_max=1, window_max=100), drawn_quantizer(seed, lanes_max=1)):
        manifest = json.loads(json.dumps(config.parameters()))
        assert type(config).from_dict(manifest) == config


def test_another_top_is_all_that_differs(written):
    assert generate_from(written, "another_name").text.replace("another_name", "unit") == design("window").text


def changed(path, **values):
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def refused(path, words, capsys, *arguments):
    with pytest.raises(UserError, match=words):
        generate_from(path)
    before = sorted(path.parent.iterdir())
    status, out, err = run(capsys, "generate", "--from", path, *arguments, "-o", path.parent / "new.v")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert re.search(words, err)
    assert sorted(path.parent.iterdir()) == before


MISTAKES = {
    "another version": ({"version": "0.0.1"}, "Made by mxmac 0.0.1, .* run its command instead: mxmac generate --a E2M1"),
    "another configuration": ({"config": design("window").manifest["config"] | {"block": 1}}, "does not give the text"),
    "another text": ({"sha256": 64 * "0"}, "does not give the text with its SHA-256, 000"),
    "lanes that do not divide": (
        {"config": design("window").manifest["config"] | {"lanes": 3}},
        "was changed: lanes must be 1 to 2",
    ),
    "an unknown parameter": ({"config": design("window").manifest["config"] | {"depth": 3}}, "was changed: .*depth"),
    "no configuration": ({"config": {}}, "incomplete: .* is missing"),
    "a wrong type": ({"top": 5}, "must be strings"),
    "an unknown kind": ({"kind": "adder"}, "incomplete: adder"),
    "another generator": ({"generator": "flopoco"}, "not a manifest"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_manifest_that_was_changed_is_refused_in_one_line(written, capsys, mistake):
    values, words = MISTAKES[mistake]
    changed(written, **values)
    refused(written, words, capsys)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b'"mxmac"'])
def test_a_file_that_is_no_manifest_is_refused_in_one_line(written, capsys, content):
    written.write_bytes(content)
    refused(written, "not JSON|not a manifest", capsys)


def test_a_file_that_does_not_exist_is_refused_in_one_line(tmp_path, capsys):
    refused(tmp_path / "nowhere.json", "No such file", capsys)


def test_options_of_a_unit_beside_a_manifest_are_refused(written, capsys):
    status, out, err = run(capsys, "generate", "--from", written, "--lanes", "1", "-o", written.parent / "new.v")
    assert (status, out) == (2, "")
    assert err == "mxmac: --lanes: must be left out beside --from, whose manifest describes the unit\n"
