"""Designs, and what Verilator says about their text, are kept from run to run."""

from mxmac.config import MacConfig
from mxmac.processes import Finished, Processes
from mxmac_sim.benches.kit.settings import Effort
from mxmac_sim.simulators import kept
from mxmac_sim.verify import designs
from mxmac_sim.verify.catalogue import Design, Subject, unit_subject
from mxmac_sim.verify.designs import generator_digest, kept_design
from mxmac_sim.verify.verification import Verification


def test_a_design_is_the_same_when_it_comes_back(tmp_path):
    make = unit_subject(MacConfig(block=2, lanes=1)).benches["mac"]
    kept = [kept_design(tmp_path, "mac", make) for _ in range(2)]
    assert kept == [make()] * 2


def test_a_design_is_elaborated_once_for_each_generator(tmp_path, monkeypatch):
    made = []

    def make():
        made.append(1)
        return Design("top", "module top;\nendmodule\n")

    for _ in range(2):
        kept_design(tmp_path, "mac", make)
    assert len(made) == 1
    kept_design(tmp_path, "another", make)
    assert len(made) == 2
    monkeypatch.setattr(designs, "generator_digest", lambda: "another version")
    kept_design(tmp_path, "mac", make)
    assert len(made) == 3


def test_a_changed_source_is_another_generator(tmp_path, monkeypatch):
    package = tmp_path / "mxmac"
    package.mkdir()
    monkeypatch.setattr(kept.mxmac, "__file__", str(package / "__init__.py"))
    digests = set()
    for text in ("", "WIDTH = 1", "WIDTH = 2"):
        (package / "part.py").write_text(text)
        kept.sources_digest.cache_clear()
        digests.add(generator_digest())
    kept.sources_digest.cache_clear()
    assert len(digests) == 3


def test_verilator_lints_a_text_once(tmp_path, monkeypatch):
    asked = []

    def run(_processes, tool, *_arguments, **_options):
        asked.append(tool)
        return Finished(1, "", "%Warning-WIDTH: x\n")

    monkeypatch.setattr(Processes, "run", run)
    said = []
    for text in ("one", "one", "another"):
        subject = Subject(MacConfig(), "top", lambda: "", {"mac": lambda text=text: Design("top", text)})
        verification = Verification(subject, tmp_path, simulator="verilator", seed=1, effort=Effort.QUICK)
        monkeypatch.setattr(verification, "_design", lambda name, subject=subject: subject.benches[name]())
        verification.generate()
        said.append(verification.lint())
    assert (len(asked), said) == (2, ["%Warning-WIDTH: x"] * 3)
