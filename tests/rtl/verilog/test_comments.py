"""Comments above modules: purpose, latency, and fields of packed ports. Those of random units are in test_lint.py."""

import importlib
import pkgutil
import re

import pytest
from amaranth.hdl import Fragment, Module
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

import mxmac
from described import comments_of, described_fields, flaws_of_comments
from mxmac.config import MacConfig, MultiplierKind
from mxmac.mac.top import MacTop
from mxmac.primitives.credit_queue import CreditQueue
from mxmac.primitives.description import Description
from mxmac.quantizer.config import QuantizerConfig
from mxmac.verilog import emit, generate, generate_quantizer
from mxmac.verilog.comments import module_comment
from mxmac.verilog.emit import component_verilog

#: Ports that have another name than the member and are no structure, by the component.
PLAIN = {
    "ElementProduct": r"code|code_2|format|format_2",
    "WordMemory": r"write__data(_\d+)?",
    "BlockScale": r"scale_code|scale_grid",
    "ResetSynchronizer": r"release_clk|release_rst",
    "ExactAccumulator": r"i__valid_2",
    "SerialExact": r"i__valid_2",
    "Fp32Accumulator": r"i__valid_2",
    "HighestWord": r"sum_valid_d2",
    "FarSum": r"port|sticky_\d",
    "NearSum": r"coarse_q|moved0",
}
SMALL = {"a": "E2M1", "b": "E2M1", "block": 4, "lanes": 2}
CONFIGS = {
    **{f"{kind}, parallel": MacConfig(accumulator=kind, **SMALL) for kind in ("exact", "window")},
    **{
        f"{kind}, serial": MacConfig(accumulator=kind, output="BF16", **SMALL | {"block": 64, "lanes": 1})
        for kind in ("exact", "window")
    },
    **{f"addend, {kind}": MacConfig(accumulator=kind, addend="fp32", **SMALL) for kind in ("exact", "fp32")},
    "serial addend": MacConfig(addend="fp32", **SMALL | {"block": 64, "lanes": 1}),
    "DSP, AXI4-Stream, reset": MacConfig(
        a=["E4M3", "E2M1"], block=4, lanes=2, accumulator="fp32", multiplier=MultiplierKind.DSP, bus="axis", reset="async-low"
    ),
    "quantizer": QuantizerConfig(lanes=2, block=8, rules=["floor", "rceil"], overflows=["sat", "ovf"], bus="axis"),
}


def generated(config):
    return (generate_quantizer if isinstance(config, QuantizerConfig) else generate)(config, "unit")


@pytest.fixture(scope="module", params=CONFIGS)
def unit(request):
    """Configuration, design, and the components of modules with the names of their ports."""
    seen = []

    def noted(component, ports):
        seen.append((component, ports))
        return module_comment(component, ports)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(emit, "module_comment", noted)
        design = generated(CONFIGS[request.param])
    return CONFIGS[request.param], design, seen


def test_every_module_has_a_purpose_a_latency_and_fields_that_fill_their_ports(unit):
    assert flaws_of_comments(unit[1].text) == []


def test_every_port_that_is_a_structure_is_described(unit):
    for component, ports in unit[2]:
        members = {"__".join(map(str, path)): member for path, member, _ in component.signature.flatten(component)}
        described = described_fields(module_comment(component, ports))
        kind = type(component).__name__
        for port in ports.keys() - {"clk", "rst"}:
            meant = component.description.renamed.get(port, port)
            shape = members[meant].shape if meant in members else meant
            assert (port in described) == isinstance(shape, data.Layout), (kind, port)
            assert meant in members or isinstance(meant, data.Layout) or re.fullmatch(PLAIN.get(kind, ""), port), (kind, port)


def test_the_latency_of_the_unit_is_that_of_the_manifest(unit):
    config, design, _ = unit
    least, most = design.manifest["latency_min"], design.manifest["latency"]
    inner = "quantizer" if isinstance(config, QuantizerConfig) else "mac"
    cycles = f"{most} cycles" if least == most else f"{least} to {most} cycles"
    assert f"\n// Latency: {cycles} from the last beat " in comments_of(design.text)[f"unit__{inner}"]


def test_comments_change_nothing_else(monkeypatch):
    top = MacTop(CONFIGS["exact, parallel"])
    text = component_verilog(top, "unit")
    monkeypatch.setattr(emit, "module_comment", lambda component, ports: "")
    bare = component_verilog(MacTop(CONFIGS["exact, parallel"]), "unit")
    assert re.sub(r"^//.*\n", "", text, flags=re.M) == bare != text


def test_the_default_unit_grows_by_less_than_a_tenth():
    text = generate(MacConfig(lanes=8), "unit").text
    comments = "".join(comments_of(text).values())
    assert 0 < len(comments) < (len(text) - len(comments)) / 10


def test_every_component_of_a_unit_has_a_description():
    for module in pkgutil.walk_packages(mxmac.__path__, "mxmac."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    kinds = {kind for kind in wiring.Component.__subclasses__() if kind.__module__.startswith("mxmac.")}
    # Baselines are compared with, and are part of no unit.
    without = {kind.__module__ for kind in kinds if not isinstance(getattr(kind, "description", None), property)}
    assert len(kinds) > 25
    assert {name.rpartition(".")[0] for name in without} <= {"mxmac.baselines"}


# The text of a comment.


class Part(wiring.Component):
    """A component with ports of all kinds."""

    pair = data.StructLayout({"low": 3, "high": data.StructLayout({"sign": 1, "lanes": data.ArrayLayout(4, 8)}), "none": 0})

    def __init__(self, description):
        if description is not None:
            self.description = description
        super().__init__({"i": In(self.pair), "j": In(self.pair).array(3), "array": In(data.ArrayLayout(2, 3)), "o": Out(8)})

    def elaborate(self, platform):
        return Module()


def comment(component, ports):
    """Comment of a component, elaborated because Amaranth warns of one that never is."""
    Fragment.get(component, None)
    return module_comment(component, ports)


PORTS = {"array": 6, "i": 36, "j__0": 36, "j__1": 36, "j__2": 36, "o": 8}
FIELDS = "[2:0] low, [3] high.sign, [35:4] high.lanes (8 x 4 bits)"


@pytest.mark.parametrize(
    ("latency", "since", "line"),
    [
        (0, "", "Combinational."),
        (1, "", "Latency: 1 cycle."),
        (3, "from the last word", "Latency: 3 cycles from the last word."),
        ((2, 5), "", "Latency: 2 to 5 cycles."),
        ((4, 4), "", "Latency: 4 cycles."),
    ],
)
def test_latency_is_a_sentence(latency, since, line):
    assert comment(Part(Description("Does it.", latency, since)), {}) == f"// Does it.\n// {line}\n"


def test_no_latency_is_no_line():
    assert comment(Part(Description("Does it.")), {}) == "// Does it.\n"


def test_ports_with_the_same_fields_share_a_line():
    text = comment(Part(Description("Does it.")), PORTS)
    assert text.splitlines()[1:] == [f"//   {'array':<15}  [5:0] 3 x 2 bits", f"//   i, j__0 to j__2  {FIELDS}"]


def test_a_port_with_another_name_is_described_and_one_of_another_width_is_not():
    text = comment(Part(Description("Does it.", renamed={"data": "i", "i": "o"})), {"data": 36, "i": 8, "j__0": 35})
    assert text == f"// Does it.\n//   data  {FIELDS}\n"


def test_a_component_without_a_description_has_no_comment():
    assert comment(Part(None), PORTS) == module_comment(None, PORTS) == ""


def test_long_lists_of_fields_go_on_below_their_first():
    shape = data.StructLayout({f"field_number_{index}": 1 for index in range(9)})
    lines = comment(CreditQueue(shape=shape, depth=2), {"write__data": 9}).splitlines()[2:]
    assert [line.index("[") for line in lines] == [18, 18]
    assert max(map(len, lines)) <= 120


def test_flaws_are_found():
    text = generate(CONFIGS["window, parallel"], "unit").text
    assert flaws_of_comments(text) == []
    broken = [
        re.sub(r"^// Tree of adders.*\n", "", text, flags=re.M),
        re.sub(r"^// Combinational\.\n", "", text, count=1, flags=re.M),
        text.replace("[0] nan", "[1] nan", 1),
        text.replace(" pos_inf,", " pos_inf, [4] other,", 1),
        text.replace("// Top", "// – Top"),
    ]
    assert text not in broken
    assert all(flaws_of_comments(each) for each in broken)
