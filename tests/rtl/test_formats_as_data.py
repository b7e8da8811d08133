"""Formats are data: nothing but the table that defines them may ask which one it has got.

What depends on a format follows from its fields (widths, bias, special codes), so that one that is added to the table works
everywhere.
"""

import ast
from pathlib import Path

import pytest

from mxmac.config import Accumulator
from mxmac.formats import ELEMENT_FORMATS, RESULT_FORMATS

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "rtl" / "mxmac" / "formats.py"
SOURCES = sorted({path for root in ("rtl", "sim", "fpga") for path in (ROOT / root).rglob("*.py")} - {TABLE})
#: In either case, but for what is the name of an accumulator as well.
NAMES = {spelling for name in (*ELEMENT_FORMATS, *RESULT_FORMATS) for spelling in (name, name.lower())} - {
    Accumulator.FP32.value
}
TABLES = {"ELEMENT_FORMATS", "RESULT_FORMATS"}
#: That sums are held in binary32 is what this accumulator is; results of any other format are narrowed. And the elements of
#: DeepSeek's checkpoints are E4M3: there is no field to tell.
ALLOWED = {
    ("rtl/mxmac/baselines/fp32_scale.py", "config.output != FP32"),
    ("rtl/mxmac/accumulator/fp32/accumulator.py", "config.output != FP32"),
    ("sim/mxmac_sim/golden/accumulation.py", "output == _FP32"),
    ("sim/mxmac_sim/cli/quantize.py", "fmt != _DEFAULT_FORMAT"),
}


def entry_of_a_table(node):
    """Whether it is something like ``ELEMENT_FORMATS["E4M3"]``."""
    if not isinstance(node, ast.Subscript) or not isinstance(node.slice, ast.Constant):
        return False
    return isinstance(node.value, ast.Name | ast.Attribute) and ast.unparse(node.value).split(".")[-1] in TABLES


def names_a_format(node, constants):
    """Whether an operand is a format's name, a format by its name, or a collection with one of either in it."""
    match node:
        case ast.Constant(value=str(text)):
            return text in NAMES
        case ast.Tuple() | ast.List() | ast.Set():
            return any(names_a_format(element, constants) for element in node.elts)
        case ast.Attribute(value=ast.Name(id="Accumulator")):
            return False  # it has an FP32 as well
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in constants
    return entry_of_a_table(node)


def constants_of(trees):
    """Names that some module gives to a format of the tables."""
    return {
        target.id
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and entry_of_a_table(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def questions_of(tree, constants):
    """Source text of all comparisons with a format, all patterns that match one, and all tests of how a name begins or ends."""
    for node in ast.walk(tree):
        match node:
            case ast.Compare(left=left, comparators=others):
                found = any(names_a_format(operand, constants) for operand in (left, *others))
            case ast.MatchValue(value=value):
                found = names_a_format(value, constants)
            case ast.Call(
                func=ast.Attribute(value=ast.Attribute(attr="name"), attr="startswith" | "endswith" as end), args=[arg]
            ):
                # Unless no format has such a name.
                part = arg.value if isinstance(arg, ast.Constant) else ""
                found = any(getattr(name, end)(part) for name in NAMES)
            case _:
                found = False
        if found:
            yield ast.unparse(node)


TREES = {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text()) for path in SOURCES}


def test_no_format_is_asked_for_by_name_outside_the_table():
    constants = constants_of(TREES.values())
    found = {(name, text) for name, tree in TREES.items() for text in questions_of(tree, constants)}
    assert found - ALLOWED == set()


@pytest.mark.parametrize(
    "text",
    [
        "if fmt.name == 'E4M3': pass",
        "x = 1 if 'int8' != name else 2",
        "while fmt.name in ('E5M2', 'E4M3'): pass",
        "assert fmt is ELEMENT_FORMATS['E2M1']",
        "y = fmt == formats.RESULT_FORMATS['BF16']",
        "if fmt is WIDE: pass",
        "match fmt.name:\n    case 'E3M2' | 'E2M3':\n        pass",
        "z = fmt.name.startswith('E')",
    ],
)
def test_such_a_test_is_found(text):
    tree = ast.parse(f"WIDE = ELEMENT_FORMATS['E5M2']\n{text}")
    assert list(questions_of(tree, constants_of([tree])))


@pytest.mark.parametrize(
    "text", ["if fmt.is_integer: pass", "kind == 'exact'", "f = ELEMENT_FORMATS['E4M3']", "fmt in ELEMENT_FORMATS"]
)
def test_others_are_not(text):
    assert not list(questions_of(ast.parse(text), set()))
