"""The same options give the same bytes on every Python, and every net has a name that a person can find.

Amaranth guesses the name of a signal from the bytecode of the statement that makes it, and bytecode differs between versions of
Python. The guess is safe for ``name = Signal()`` alone on its line; everywhere else a signal has to be named in words.
"""

import ast
import re
from pathlib import Path

import pytest

from same_bytes import DESIGNS, hash_of, recorded, text_of

ROOT = Path(__file__).parents[1]
SOURCES = sorted(path for folder in ("rtl", "fpga", "sim") for path in (ROOT / folder).rglob("*.py"))

#: What Amaranth names after the variable it is assigned to.
GUESSED = {"Signal", "Signal.like", "Memory", "MemoryData", "ClockDomain", "IOPort", "create", "read_port", "write_port"}

#: Names that Amaranth gives where it cannot guess one.
UNNAMED = re.compile(r"(?<![\w.])\\?\$?(?:signal|like|dummy|signature)(?:[_$]\d+)?(?!\w)")


def nets(text):
    """Declared names: of Verilog, or of RTLIL."""
    return re.findall(r"^ *(?:input|output|wire|reg|memory)\b[^;\n]*?(\S+?)(?: \[[\d:]+\])?[;,]?$", text, re.M)


@pytest.mark.parametrize("name", DESIGNS)
def test_text_is_the_recorded_one_with_names_for_all_nets(name):
    names = set(nets(text_of(name)))
    assert len(names) > 100
    assert not [net for net in names if UNNAMED.fullmatch(net)]
    assert hash_of(name) == recorded()[name], "after a change that is meant to change the text, `make hashes` records it"


def test_record_has_no_design_that_is_gone():
    assert list(recorded()) == list(DESIGNS)


def unsafe_names(source):
    """Lines of calls that take their name from a variable, anywhere but in ``variable = call``."""
    tree = ast.parse(source)
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    lines = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        path = ast.unparse(node.func).split(".")
        if not {path[-1], ".".join(path[-2:])} & GUESSED:
            continue
        named = [word.value for word in node.keywords if word.arg in ("name", "path")]
        named += node.args[:1] if path[-1] == "ClockDomain" else []
        if named and not (isinstance(named[0], ast.Constant) and named[0].value is None):
            continue
        parent = parents[node]
        targets = parent.targets if isinstance(parent, ast.Assign) else [getattr(parent, "target", None)]
        statement = isinstance(parent, ast.Assign | ast.AnnAssign) and parent.value is node
        if not (statement and len(targets) == 1 and isinstance(targets[0], ast.Name | ast.Attribute)):
            lines.append(node.lineno)
    return lines


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_names_are_guessed_in_plain_assignments_only(path):
    assert not unsafe_names(path.read_text())


@pytest.mark.parametrize(
    "line",
    [
        "a, b = Signal(), other",
        "a = b = Signal()",
        "a = Signal() if c else d",
        "a = [Signal() for _ in range(3)]",
        "a = (Signal(8, init=1),)",
        "a = View(layout, Signal(8))",
        "use(a := Signal())",
        "a['key'] = hdl.Signal.like(b)",
        "a = Signal() + 1",
        "m.submodules.a = a = Memory(shape=8, depth=2, init=[])",
        "def f(): return Signal()",
        "write, read = memory.write_port(), 0",
        "use(stream.Signature(8).create())",
        "a = Array(Signal(name=None) for _ in range(2))",
    ],
)
def test_a_name_that_may_get_lost_is_found(line):
    assert unsafe_names(line) == [1]


@pytest.mark.parametrize(
    "line",
    [
        "a = Signal()",
        "self.a = Signal(8, init=1)",
        "a: Signal = Signal()",
        "m.domains.sync = ClockDomain('sync')",
        "a, b = Signal(name='a'), Signal.like(c, name=f'{d}')",
        "use(ClockDomain('sync'))",
    ],
)
def test_a_name_that_stays_is_not_complained_about(line):
    assert unsafe_names(line) == []


@pytest.mark.parametrize("name", ["signal", "signal_2", r"\signal", r"\$signal$3", "like"])
def test_a_net_without_a_name_is_found(name):
    assert [net for net in nets(f"  wire [3:0] {name};\n  wire width 4 {name}\n  reg {name};\n") if UNNAMED.fullmatch(net)]


@pytest.mark.parametrize("name", ["signal_valid", "a_signal", "ports", r"\ram.port"])
def test_a_net_with_a_name_is_not_complained_about(name):
    assert not UNNAMED.fullmatch(name)
