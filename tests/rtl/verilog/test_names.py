"""Names of modules: units with different tops share none, so that they can be in one design."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linters import verilator_says, written
from mxmac.config import MacConfig
from mxmac.errors import UserError
from mxmac.quantizer.config import QuantizerConfig
from mxmac.verilog import check_top_name, generate, generate_quantizer

UNIT = MacConfig(a="E2M1", b="E2M1", block=2, lanes=1, accumulator="window", window=24)
QUANTIZER = QuantizerConfig(to="E2M1", block=2, lanes=1)


def modules(text):
    return re.findall(r"^module (\w+)", text, re.M)


@pytest.fixture(scope="module")
def designs():
    """Units whose tops are names that modules inside another one would have with a single underscore between."""
    units = [generate(UNIT, top) for top in ("mac8", "mac8_mac", "mac8_mac_datapath")]
    return [*units, *(generate_quantizer(QUANTIZER, top) for top in ("mac8_quantizer", "MAC8"))]


def whole(designs):
    """A module with an instance of each, whose ports are its own."""
    ports, instances = [], []
    for number, design in enumerate(designs):
        names = {port["name"]: f"unit{number}_{port['name']}" for port in design.manifest["ports"]}
        ports += [
            f"  {port['direction']} wire [{port['width'] - 1}:0] {names[port['name']]}".replace("[0:0] ", "")
            for port in design.manifest["ports"]
        ]
        connected = ", ".join(f".{port}({name})" for port, name in names.items())
        instances.append(f"  {design.manifest['top']} unit{number} ({connected});\n")
    return "module whole (\n" + ",\n".join(ports) + "\n);\n" + "".join(instances) + "endmodule\n"


def test_units_with_nested_names_are_one_design(designs, tmp_path):
    text = "".join(design.text for design in designs)
    assert len(set(modules(text))) == len(modules(text)) > 4 * len(designs)
    assert verilator_says(written(tmp_path, whole(designs) + text, "whole")) == ""


def test_the_names_of_inner_modules_are_refused_as_tops(designs):
    inner = [name for design in designs for name in modules(design.text)[1:]]
    for name in inner:
        with pytest.raises(UserError, match="without __"):
            check_top_name(name)


@given(st.text(st.sampled_from("aZ0_"), max_size=6), st.text(st.sampled_from("aZ0_"), max_size=6))
@settings(max_examples=500)
def test_the_name_of_an_inner_module_tells_its_top(top, path):
    try:
        check_top_name(top)
    except UserError:
        return
    assert f"{top}__{path}".partition("__")[0] == top
