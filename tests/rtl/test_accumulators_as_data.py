"""Accumulators describe themselves: outside their package, nothing asks which one a unit has.

Whatever depends on the accumulator is in its plan, or in a table of kinds. So a new accumulator needs no change elsewhere.
"""

import ast
from pathlib import Path

import pytest

from mxmac.accumulator import Kind
from mxmac.config import Accumulator
from mxmac.formats import RESULT_FORMATS
from mxmac_sim.formal import properties
from mxmac_sim.verify import catalogue

ROOT = Path(__file__).parents[2]
SOURCES = sorted(path for root in ("rtl", "sim", "fpga") for path in (ROOT / root).rglob("*.py"))
#: Names of accumulators that are no names of formats, too.
NAMES = {member.value for member in Accumulator} - {name.lower() for name in RESULT_FORMATS}
VALUES = {member.value for member in Accumulator}
MEMBERS = {("Accumulator", member.name) for member in Accumulator} | {("Kind", member.name) for member in Kind}
#: Files and folders that define the accumulators, and their reasons.
ALLOWED = {
    "rtl/mxmac/accumulator/": "the hardware",
    "rtl/mxmac/choices.py": "declares the choice, and lists the parameters that belong to one",
    "rtl/mxmac/config.py": "validates the parameters that belong to one",
    "rtl/mxmac/baselines/fp32_scale.py": "refuses any other accumulator",
    "sim/mxmac_sim/golden/accumulation.py": "the golden model",
    "sim/mxmac_sim/golden/model.py": "the golden model, which has a faster way to exact sums",
}
#: Tables with an entry for each kind.
TABLES = {
    "sim/mxmac_sim/verify/catalogue.py": catalogue._ACCUMULATORS,
    "sim/mxmac_sim/formal/properties.py": properties._ACCUMULATORS,
}


def is_member(node, aliases):
    """Whether an expression is a member of one of the two enumerations, its value, or a collection with one of them in it."""
    match node:
        case ast.Constant(value=str(name)):
            return name in NAMES
        case ast.Attribute(value=ast.Attribute() as member, attr="value" | "name"):
            return is_member(member, aliases)
        case ast.Attribute(value=ast.Name(id=owner), attr=name):
            return (owner, name) in MEMBERS
        case ast.Name(id=name):
            return name in aliases
        case ast.Tuple() | ast.List() | ast.Set():
            return any(is_member(element, aliases) for element in node.elts)
    return False


def is_choice(node):
    """Whether an expression is the accumulator of a configuration, or its value."""
    match node:
        case ast.Attribute(attr="accumulator"):
            return True
        case ast.Attribute(value=ast.Attribute(attr="accumulator"), attr="value" | "name"):
            return True
    return False


def aliases_of(tree):
    """Names that a module gives to members."""
    return {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and not isinstance(node.value, ast.Constant) and is_member(node.value, set())
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def questions_of(tree):
    """Yield the source text of comparisons with a member, of patterns that match one, and of look-ups by the choice."""
    aliases = aliases_of(tree)
    for node in ast.walk(tree):
        match node:
            case ast.Compare(left=left, comparators=others):
                found = any(is_member(operand, aliases) or is_choice(operand) for operand in (left, *others))
            case ast.MatchValue(value=value):
                found = is_member(value, aliases)
            case ast.Match(subject=subject):
                found = is_choice(subject)
            case ast.Subscript(slice=index):
                found = is_choice(index)
            case ast.Dict(keys=keys):
                named = {key.value for key in keys if isinstance(key, ast.Constant)}
                others = [key for key in keys if key is not None and not isinstance(key, ast.Constant)]
                found = len(named & VALUES) > 1 or any(is_member(key, aliases) for key in others)
            case _:
                found = False
        if found:
            yield ast.unparse(node)


def test_no_accumulator_is_asked_for_outside_its_package():
    found = {
        (name, text)
        for path in SOURCES
        if not (name := path.relative_to(ROOT).as_posix()).startswith(tuple(ALLOWED))
        for text in questions_of(ast.parse(path.read_text()))
    }
    assert {name for name, _ in found} <= set(TABLES), found
    assert all(text.startswith("{Kind.PARALLEL_EXACT:") for _, text in found), found


@pytest.mark.parametrize("name", TABLES)
def test_each_table_has_every_kind(name):
    assert set(TABLES[name]) == set(Kind)


def test_every_exception_is_needed():
    for prefix in ALLOWED:
        asked = [
            text
            for path in SOURCES
            if path.relative_to(ROOT).as_posix().startswith(prefix)
            for text in questions_of(ast.parse(path.read_text()))
        ]
        assert asked, prefix


@pytest.mark.parametrize(
    "text",
    [
        "if config.accumulator is Accumulator.EXACT: pass",
        "x = 1 if self.config.accumulator != WINDOW else 2",
        "while config.accumulator.value == 'fp32': pass",
        "assert kind in (Accumulator.FP32, Accumulator.EXACT)",
        "table = {Accumulator.EXACT: 1, Accumulator.WINDOW: 2}",
        "table = {'exact': 1, 'window': 2}",
        "y = name != Accumulator.WINDOW.value",
        "y = name == 'window'",
        "x = table[config.accumulator]",
        "match config.accumulator:\n    case _:\n        pass",
        "match kind:\n    case Kind.FP32:\n        pass",
        "serial = plan.kind is Kind.SERIAL_EXACT",
    ],
)
def test_such_a_question_is_found(text):
    assert list(questions_of(ast.parse(f"WINDOW = Accumulator.WINDOW\n{text}")))


@pytest.mark.parametrize(
    "text",
    [
        "MacConfig(accumulator=Accumulator.FP32)",
        "print(config.accumulator.value)",
        "kinds = list(Accumulator)",
        "plan.queue > 0",
    ],
)
def test_other_uses_are_not(text):
    assert not list(questions_of(ast.parse(text)))
