"""The public names of the package: there, loaded when they are used, and typed."""

import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest
from mypy import api

import mxmac

NAMES = {
    "Accumulator",
    "ELEMENT_FORMATS",
    "Format",
    "MacConfig",
    "QuantizerConfig",
    "RESULT_FORMATS",
    "UserError",
    "__version__",
    "generate",
    "generate_quantizer",
}
ROOT = Path(__file__).parents[2]


def python(program):
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_public_name_is_that_of_its_module(name):
    value = getattr(mxmac, name)
    assert getattr(value, "__name__", name) == name
    assert name in dir(mxmac)


def test_the_public_names_are_these():
    assert set(mxmac.__all__) == NAMES
    assert set(python("from mxmac import *; print(*globals())").split()) >= NAMES


def test_another_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'mxmac' has no attribute 'MacConfiguration'"):
        _ = mxmac.MacConfiguration


HEAVY = ["amaranth", "numpy", "pyosys", "ml_dtypes", "typer", "rich"]


@pytest.mark.parametrize(
    ("used", "loaded"),
    [
        ("", set()),
        ("mxmac.MacConfig(a='E4M3').as_dict(); mxmac.QuantizerConfig(); mxmac.RESULT_FORMATS; mxmac.UserError", set()),
        ("mxmac.generate", {"amaranth"}),
    ],
)
def test_names_load_what_they_need(used, loaded):
    program = f"import sys, mxmac\n{used}\nprint(*(name for name in {HEAVY} if name in sys.modules))"
    assert set(python(program).split()) == loaded


@pytest.mark.parametrize("package", ["mxmac", "mxmac_sim", "mxmac_fpga"])
def test_a_package_says_that_it_is_typed(package):
    assert resources.files(package).joinpath("py.typed").is_file()


USE = """
from mxmac import ELEMENT_FORMATS, RESULT_FORMATS, Accumulator, Format, MacConfig, QuantizerConfig, UserError
from mxmac import __version__, generate, generate_quantizer

fmt: Format = ELEMENT_FORMATS["E4M3"]
config = MacConfig(a="E4M3", b=["MXFP8", fmt], accumulator=Accumulator.WINDOW, output=RESULT_FORMATS["FP32"], window=64)
formats: tuple[Format, ...] = config.a
text: str = generate(config, "mac8").text + generate_quantizer(QuantizerConfig(rules="even"), "quantizer").text + __version__
try:
    MacConfig(block=0)
except UserError as error:
    parameter: str = error.parameter
"""
MISUSE = {
    "MacConfig(a=3)": "arg-type",
    "MacConfig(lanes='8')": "arg-type",
    "MacConfig(depth=1)": "call-arg",
    "generate(MacConfig())": "call-arg",
    "QuantizerConfig(rules=1)": "arg-type",
}


def test_a_type_checker_sees_the_names(tmp_path, monkeypatch):
    """As in a project of its own, where imports of this one are followed but not reported."""
    wrong = "".join(f"{line}  # line {number}\n" for number, line in enumerate(MISUSE))
    (tmp_path / "use.py").write_text(f"{USE}\n{wrong}")
    monkeypatch.setenv("MYPYPATH", ":".join(str(ROOT / root) for root in ("rtl", "sim", "fpga")))
    monkeypatch.chdir(tmp_path)
    options = ["--strict", "--ignore-missing-imports", "--follow-imports=silent", "--no-incremental", "--no-error-summary"]
    out, err, _ = api.run([*options, "use.py"])
    first = USE.count("\n") + 2
    lines = [line for line in out.splitlines() if ": error: " in line]
    found = [(int(line.split(":")[1]) - first, line.rpartition("[")[2].rstrip("]")) for line in lines]
    assert (found, err) == ([(number, kind) for number, kind in enumerate(MISUSE.values())], "")
