"""Expressions of Verilog text: read as Yosys writes them, and written for a reader.

A node is a name or a number with its index, or an operator with its operands. All operands that Verilog would widen have the
width of their result already, so an expression means the same wherever it stands.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

__all__ = ["WIDTH", "Leaf", "Node", "Operation", "leaves", "operators", "parse", "substituted", "written", "written_flat"]

#: Characters of a line, at most.
WIDTH = 120
#: Characters of an operand that shares a line with others, at most.
_SHORT = 40

_TOKEN = re.compile(r"\s*(\d*'[hbd][0-9a-fxz]+|\$?\w+(?:\[[^\]]+\])*|<<<|>>>|[=!<>]=|<<|>>|~[&|^]|&&|\|\||[-~!&|^+*<>?:{}(),])")
_LEAF = re.compile(r"[\w']")
_UNARY = {"~", "!", "&", "|", "^", "-", "~&", "~|", "~^"}
_BINARY = {"&", "|", "^", "~^", "+", "-", "*", "<<", ">>", ">>>", "<", ">", "<=", ">=", "==", "!=", "&&", "||"}
#: Operators of which a chain needs no brackets.
_CHAINS = {"&", "|", "^", "+", "&&", "||"}
_LEADING_ZEROS = re.compile(r"(?<='h)0+(?=[0-9a-f])")


@dataclass(frozen=True)
class Leaf:
    """A name, perhaps with an index, or a number."""

    text: str

    @property
    def name(self) -> str:
        """The name without its index."""
        return self.text.partition("[")[0]


@dataclass(frozen=True)
class Operation:
    """An operator with its operands.

    Members
    -------
    symbol : str
        As in Verilog; ``?`` has three operands, ``{`` is a concatenation, ``*{`` a replication whose first operand is the
        number, and a name that starts with ``$`` is a function.
    operands : tuple of Node
    """

    symbol: str
    operands: "tuple[Node, ...]"


Node = Leaf | Operation


def parse(text: str) -> Node:
    """Return the expression that a text is.

    Raises
    ------
    ValueError
        If the text has anything in it that Yosys does not write.
    """
    tokens, place = [], 0
    while place < len(text.rstrip()):
        match = _TOKEN.match(text, place)
        if match is None:
            raise ValueError(f"no expression that Yosys writes: {text!r}")
        tokens.append(match[1])
        place = match.end()
    node = _expression(tokens := tokens[::-1])
    if tokens:
        raise ValueError(f"no expression that Yosys writes: {text!r}")
    return node


def _expression(tokens: list[str]) -> Node:
    """Take an expression from the end of a list of tokens in reverse."""
    left = _operand(tokens)
    if tokens and tokens[-1] in _BINARY:
        return Operation(tokens.pop(), (left, _operand(tokens)))
    if tokens and tokens[-1] == "?":
        tokens.pop()
        then = _expression(tokens)
        _take(tokens, ":")
        return Operation("?", (left, then, _expression(tokens)))
    return left


def _operand(tokens: list[str]) -> Node:
    if not tokens:
        raise ValueError("an operand is missing")
    token = tokens.pop()
    if token == "{":
        items = [_expression(tokens)]
        while tokens and tokens[-1] == ",":
            tokens.pop()
            items.append(_expression(tokens))
        _take(tokens, "}")
        return Operation("{", tuple(_replicated(items)))
    if token == "(":
        inner = _expression(tokens)
        _take(tokens, ")")
        return inner
    if token.startswith("$"):
        return Operation(token, (_operand(tokens),))
    if token in _UNARY:
        return Operation(token, (_operand(tokens),))
    if not _LEAF.match(token):
        raise ValueError(f"no operand: {token!r}")
    return Leaf(_LEADING_ZEROS.sub("", token))


def _take(tokens: list[str], expected: str) -> None:
    if not tokens or tokens.pop() != expected:
        raise ValueError(f"{expected!r} is missing")


def _replicated(items: Iterable[Node]) -> Iterator[Node]:
    """Write items that are repeated once, with their number: the sign in front of a number, for one."""
    runs: list[tuple[Node, int]] = []
    for item in items:
        count = 1
        if isinstance(item, Operation) and item.symbol == "*{":
            number, item = item.operands
            count = int(number.text)  # type: ignore[union-attr]
        if runs and runs[-1][0] == item:
            count += runs.pop()[1]
        runs.append((item, count))
    for item, count in runs:
        yield item if count == 1 else Operation("*{", (Leaf(str(count)), item))


def leaves(node: Node) -> Iterator[Leaf]:
    """Give all names and numbers of an expression, in order."""
    if isinstance(node, Leaf):
        yield node
    else:
        for operand in node.operands:
            yield from leaves(operand)


def operators(node: Node) -> int:
    """Return the number of operators, without concatenations and functions."""
    if isinstance(node, Leaf):
        return 0
    return sum(map(operators, node.operands)) + (not node.symbol.startswith(("{", "*{", "$")))


def substituted(node: Node, change: Callable[[Leaf], Node]) -> Node:
    """Return an expression in which something else stands for its names and numbers."""
    if isinstance(node, Leaf):
        return change(node)
    operands = tuple(substituted(operand, change) for operand in node.operands)
    if operands == node.operands:
        return node
    return replace(node, operands=tuple(_replicated(operands)) if node.symbol == "{" else operands)


def written_flat(node: Node) -> str:
    """Return an expression as one line."""
    if isinstance(node, Leaf):
        return node.text
    symbol, operands = node.symbol, node.operands
    if symbol == "{":
        return "{" + ", ".join(map(written_flat, operands)) + "}"
    if symbol == "*{":
        return "{" + operands[0].text + "{" + written_flat(operands[1]) + "}}"  # type: ignore[union-attr]
    if symbol.startswith("$"):
        return f"{symbol}({written_flat(operands[0])})"
    if len(operands) == 1:
        return symbol + _bracketed(node, 0)
    if symbol == "?":
        return f"{_bracketed(node, 0)} ? {_bracketed(node, 1)} : {_bracketed(node, 2)}"
    return f"{_bracketed(node, 0)} {symbol} {_bracketed(node, 1)}"


def _needs_brackets(node: Operation, place: int) -> bool:
    """Whether an operand stands in brackets: all operators do, but for negation and chains of the same."""
    inner = node.operands[place]
    if isinstance(inner, Leaf) or inner.symbol.startswith(("{", "*{", "$")):
        return False
    if len(node.operands) == 1:
        return True
    if len(inner.operands) == 1:
        return inner.symbol not in ("~", "!")
    if inner.symbol == node.symbol:
        return place != 2 if node.symbol == "?" else node.symbol not in _CHAINS or (node.symbol == "+" and place == 1)
    return True


def _bracketed(node: Operation, place: int) -> str:
    flat = written_flat(node.operands[place])
    return f"({flat})" if _needs_brackets(node, place) else flat


def written(node: Node, column: int, indent: int) -> str:
    """Return an expression as one line, or as several if there is no room.

    Parameters
    ----------
    node : Node
    column : int
        Where its first line starts.
    indent : int
        Where the others start.
    """
    flat = written_flat(node)
    # Room for the brackets and the semicolon that may follow.
    if isinstance(node, Leaf) or column + len(flat) <= WIDTH - 6:
        return flat
    symbol, operands = node.symbol, node.operands
    if symbol == "{":
        return _filled([written(item, indent + 2, indent + 4) for item in operands], indent)
    if len(operands) == 1 or symbol == "*{":
        before, after = flat.split(written_flat(operands[-1]), 1) if written_flat(operands[-1]) in flat else (flat, "")
        return before + written(operands[-1], column + len(before), indent) + after
    first, *others = _chain(node)
    lines = [_part(*first[1:], column, indent)]
    room = WIDTH - 6 - column
    for sign, owner, place in others:
        text = f"{sign} {_part(owner, place, indent + 2, indent + 2)}"
        if symbol != "?" and "\n" not in text + lines[-1] and len(text) <= _SHORT and len(lines[-1]) + 1 + len(text) <= room:
            lines[-1] += f" {text}"
        else:
            lines.append(text)
            room = WIDTH - 6 - indent
    return f"\n{' ' * indent}".join(lines)


def _chain(node: Operation) -> list[tuple[str, Operation, int]]:
    """Operands of an operation, and of the same ones inside it that need no brackets: their signs, and where they are."""
    signs = ("", "?", ":") if node.symbol == "?" else ("", node.symbol)
    parts: list[tuple[str, Operation, int]] = []
    for place, operand in enumerate(node.operands):
        if isinstance(operand, Operation) and operand.symbol == node.symbol and not _needs_brackets(node, place):
            inner = _chain(operand)
            parts += [(signs[place], *inner[0][1:]), *inner[1:]]
        else:
            parts.append((signs[place], node, place))
    return parts


def _part(owner: Operation, place: int, column: int, indent: int) -> str:
    brackets = _needs_brackets(owner, place)
    text = written(owner.operands[place], column + brackets, indent + 2)
    return f"({text})" if brackets else text


def _filled(items: list[str], indent: int) -> str:
    """Write the items of a concatenation, as many to a line as there is room for; what is long has lines of its own."""
    lines: list[str] = []
    fresh = True
    for item in items:
        own = "\n" in item or len(item) > _SHORT
        if lines and not fresh and not own and len(lines[-1]) + 2 + len(item) <= WIDTH - 6:
            lines[-1] += f", {item}"
        else:
            if lines:
                lines[-1] += ","
            lines.append(" " * (indent + 2) + item)
        fresh = own
    return "{\n" + "\n".join(lines) + "\n" + " " * indent + "}"
