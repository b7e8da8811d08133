"""Expressions mean the same before and after, and have the brackets that they need and no others."""

import pytest

from mxmac.verilog.expressions import WIDTH, Leaf, Operation, leaves, operators, parse, substituted, written, written_flat


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", "a"),
        ("a[3:0]", "a[3:0]"),
        ("ram[index]", "ram[index]"),
        ("27'h0000000", "27'h0"),
        ("8'h0f", "8'hf"),
        ("~ a", "~a"),
        ("| a[1:0]", "|a[1:0]"),
        ("a & b", "a & b"),
        ("$signed(a) < $signed({ 1'h0, b })", "$signed(a) < $signed({1'h0, b})"),
        ("a ? b : 1'h0", "a ? b : 1'h0"),
        ("{ a[1], a[1], a[1], a }", "{{3{a[1]}}, a}"),
        ("{ a, a }", "{{2{a}}}"),
        ("{ a, b, a }", "{a, b, a}"),
    ],
)
def test_an_expression_of_yosys_is_read_and_written(text, expected):
    assert written_flat(parse(text)) == expected


@pytest.mark.parametrize("text", ["", "a b", "a &", "{ a", "a ? b", "a @ b", "(a", "a & & b & c", ") a"])
def test_anything_else_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        parse(text)


@pytest.mark.parametrize(
    ("outer", "inner", "expected"),
    [
        ("x & c", "a & b", "a & b & c"),
        ("c & x", "a & b", "c & a & b"),
        ("x + c", "a + b", "a + b + c"),
        ("c + x", "a + b", "c + (a + b)"),
        ("c - x", "a - b", "c - (a - b)"),
        ("x - c", "a - b", "(a - b) - c"),
        ("x | c", "a & b", "(a & b) | c"),
        ("x & c", "~ a", "~a & c"),
        ("x & c", "| a", "(|a) & c"),
        ("~ x", "~ a", "~(~a)"),
        ("| x", "a & b", "|(a & b)"),
        ("x == c", "a == b", "(a == b) == c"),
        ("x ? c : d", "a == b", "(a == b) ? c : d"),
        ("c ? x : d", "a ? e : f", "c ? (a ? e : f) : d"),
        ("c ? d : x", "a ? e : f", "c ? d : a ? e : f"),
        ("{ x, c }", "a + b", "{a + b, c}"),
        ("$signed(x) < $signed(c)", "a + b", "$signed(a + b) < $signed(c)"),
    ],
)
def test_an_expression_inside_another_has_brackets_if_it_needs_them(outer, inner, expected):
    whole = substituted(parse(outer), lambda leaf: parse(inner) if leaf.text == "x" else leaf)
    assert written_flat(whole) == expected


def test_leaves_and_operators_are_counted():
    node = substituted(parse("{ x, c[1] }"), lambda leaf: parse("a & b") if leaf.text == "x" else leaf)
    assert [leaf.name for leaf in leaves(node)] == ["a", "b", "c"]
    assert operators(node) == 1


LONG = [
    Operation("&", tuple(Leaf(f"{name}_{'x' * 50}") for name in "ab")),
    Operation("{", tuple(Leaf(f"word{number}") for number in range(100))),
    Operation("?", (Leaf("c" * 30), Leaf("t" * 80), Operation("?", (Leaf("d" * 30), Leaf("u" * 70), Leaf("e" * 70))))),
    Operation("|", (Operation("{", tuple(Leaf(f"word{number}") for number in range(40))),)),
    Operation("$signed", (Operation("+", tuple(Leaf(f"{name}_{'x' * 70}") for name in "ab")),)),
]


@pytest.mark.parametrize("node", LONG, ids=lambda node: node.symbol)
def test_a_long_expression_has_several_lines_and_the_same_words(node):
    text = written(node, 20, 4)
    lines = ("." * 20 + text).splitlines()
    assert len(lines) > 1
    assert max(map(len, lines)) <= WIDTH
    assert all(line.startswith("    ") for line in lines[1:])
    assert "".join(text.split()) == "".join(written_flat(node).split())
