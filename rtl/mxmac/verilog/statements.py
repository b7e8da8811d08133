"""The body of a module as statements with expressions in them: wires without a name are folded into their readers."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .expressions import WIDTH, Leaf, Node, Operation, leaves, operators, parse, substituted, written, written_flat

__all__ = ["readable"]

_SHAPES = (
    re.compile(r"(?P<start>  assign (?P<target>[^=]+) = )(?P<value>.+)(?P<end>;)"),
    re.compile(
        r"(?P<start>    )(?P<otherwise>else )?(?:if \((?P<guard>(?:[^()]|\([^()]*\))+)\) )?"
        r"(?P<target>[\w\[\]:]+) <= (?P<value>.+)(?P<end>;)"
    ),
    re.compile(r"(?P<start>    \.(?P<target>\w+)\()(?P<value>.+)(?P<end>\),?)"),
    re.compile(r"(?P<start>    )if \((?P<guard>[^()]+)\)(?P<end>)"),
)
_UNNAMED = re.compile(r"_\d+_")
_DECLARED = re.compile(r"  (?:wire|reg) (?:\[\d+:\d+\] )?(\w+);")
_WORD = re.compile(r"\b[A-Za-z_]\w*")

#: What is folded at most: operators and characters, into the only reader, and into each of several.
_ONCE, _SEVERAL = (6, 96), (1, 28)
_READERS = 3

#: Ends of the names of wires that have no name, by the operator that drives them.
_ENDS = {
    "?": "mux", "&": "and", "|": "or", "^": "xor", "~": "not", "!": "not", "+": "sum", "-": "difference", "*": "product",
    "<<": "shifted", ">>": "shifted", ">>>": "shifted", "==": "equal", "!=": "differs", "<": "below", "<=": "at_most",
    ">": "above", ">=": "at_least",
}  # fmt: skip
_REDUCTIONS = {"&": "all", "|": "any", "^": "parity"}


@dataclass
class _Statement:
    """A line, or what is left of it.

    Members
    -------
    text : str
        The whole line, if nothing in it is an expression.
    start, end, target : str
        What is before and after the expression, and what it is assigned to or connected with.
    guard, value : Node or None
        Condition of a register, and the expression.
    otherwise : bool
        Whether the guard follows another one.
    """

    text: str = ""
    start: str = ""
    end: str = ""
    target: str = ""
    guard: Node | None = None
    value: Node | None = None
    otherwise: bool = False

    def expressions(self) -> Iterator[Node]:
        yield from (node for node in (self.guard, self.value) if node is not None)


def readable(body: str, ports: Iterable[str]) -> str:
    """Return the body of a module without wires that have no name, and with no line that is too long.

    An expression takes the place of a wire without a name that it drives, if it is short, and has no more than a few readers.
    Other wires are named after the first that reads them, and the operator that drives them.

    Parameters
    ----------
    body : str
        As Yosys writes it.
    ports : iterable of str
        Names that are taken.
    """
    statements = [_statement(line) for line in body.splitlines()]
    statements = _folded(_merged(statements))
    text = "\n".join(map(_line, statements)) + "\n"
    names = _names(statements, {*_WORD.findall(text), *ports})
    if names:
        statements = [_renamed(statement, names) for statement in statements]
        text = "\n".join(map(_line, statements)) + "\n"
    return text


def _statement(line: str) -> _Statement:
    for shape in _SHAPES:
        if match := shape.fullmatch(line):
            parts = match.groupdict()
            guard, value = (parse(parts[name]) if parts.get(name) else None for name in ("guard", "value"))
            return _Statement(
                "", parts["start"], parts["end"], parts.get("target") or "", guard, value, bool(parts.get("otherwise"))
            )
    return _Statement(line)


def _declared(statement: _Statement) -> str:
    """Name of the wire or register that a statement declares, if it is a declaration."""
    match = _DECLARED.fullmatch(statement.text)
    return match[1] if match else ""


def _is_unnamed(statement: _Statement) -> bool:
    """Whether a statement assigns to a wire without a name."""
    return statement.start.startswith("  assign") and _UNNAMED.fullmatch(statement.target) is not None


def _merged(statements: list[_Statement]) -> list[_Statement]:
    """Drop wires without a name that have the same driver as another one."""
    while True:
        first: dict[Node | None, str] = {}
        same = {}
        for statement in statements:
            kept = first.setdefault(statement.value, statement.target) if _is_unnamed(statement) else statement.target
            if kept != statement.target:
                same[statement.target] = kept
        if not same:
            return statements
        statements = [
            _renamed(statement, same)
            for statement in statements
            if statement.target not in same and _declared(statement) not in same
        ]


def _folded(statements: list[_Statement]) -> list[_Statement]:
    """Fold wires into their readers, and drop their declarations and assignments."""
    drivers = {statement.target: statement.value for statement in statements if _is_unnamed(statement) and statement.value}
    readers = Counter(leaf.text for statement in statements for node in statement.expressions() for leaf in leaves(node))
    # Parts of an expression have no index, and what is read in another line than those above is not looked into.
    fixed = {
        leaf.name for statement in statements for node in statement.expressions() for leaf in leaves(node) if "[" in leaf.text
    }
    for statement in statements:
        for node in statement.expressions():
            for leaf in leaves(node):
                fixed.update(_WORD.findall(leaf.text.partition("[")[2]))
        if statement.text and not _declared(statement):
            fixed.update(_WORD.findall(statement.text))
        fixed.update(_WORD.findall(statement.target.partition("[")[2]))
    inside: dict[str, Node | None] = {}

    def fold(leaf: Leaf) -> Node:
        if leaf.text not in drivers:
            return leaf
        if leaf.text not in inside:
            inside[leaf.text] = None
            value = substituted(drivers[leaf.text], fold)
            limit = _ONCE if readers[leaf.text] == 1 else _SEVERAL
            small = operators(value) <= limit[0] and len(written_flat(value)) <= limit[1]
            if leaf.text not in fixed and readers[leaf.text] <= _READERS and small:
                inside[leaf.text] = value
        return inside[leaf.text] or leaf

    result = []
    for statement in statements:
        if statement.guard is not None:
            statement.guard = substituted(statement.guard, fold)
        if statement.value is not None:
            statement.value = substituted(statement.value, fold)
    for statement in statements:
        name = _declared(statement) or (statement.target if statement.start.startswith("  assign") else "")
        if inside.get(name) is None:
            result.append(statement)
    return result


def _names(statements: list[_Statement], used: set[str]) -> dict[str, str]:
    """Name the wires that have no name after what reads them first."""
    drivers = {statement.target: statement.value for statement in statements if statement.start.startswith("  assign")}
    reader: dict[str, _Statement] = {}
    for statement in statements:
        for node in statement.expressions():
            for leaf in leaves(node):
                if _UNNAMED.fullmatch(leaf.name):
                    reader.setdefault(leaf.name, statement)
    roots: dict[str, str] = {}

    def root(name: str) -> str:
        if name not in roots:
            roots[name] = ""  # A loop of wires without names would end here.
            target = re.sub(r"\W.*", "", reader[name].target) if name in reader else ""
            roots[name] = root(target) if _UNNAMED.fullmatch(target) else target
        return roots[name] or "wire"

    names: dict[str, str] = {}
    for statement in statements:
        old = _declared(statement)
        if _UNNAMED.fullmatch(old):
            end = _end(old, drivers.get(old), reader.get(old))
            names[old] = _unique(f"{root(old).strip('_')}_{end}", used)
    return names


def _end(name: str, driver: Node | None, reader: _Statement | None) -> str:
    """What a wire is to its first reader, in a word."""
    if reader is not None and "<=" not in reader.start and reader.value == Leaf(name) and reader.start == "    ":
        return "next"
    if reader is not None and reader.guard == Leaf(name):
        return "enable"
    if not isinstance(driver, Operation):
        return "read" if driver is None else "part"
    if len(driver.operands) == 1 and driver.symbol in _REDUCTIONS:
        return _REDUCTIONS[driver.symbol]
    return _ENDS.get(driver.symbol, "bits")


def _unique(name: str, used: set[str]) -> str:
    new, count = name, 1
    while new in used:
        count += 1
        new = f"{name}_{count}"
    used.add(new)
    return new


def _renamed(statement: _Statement, names: dict[str, str]) -> _Statement:
    def rename(text: str) -> str:
        return _WORD.sub(lambda match: names.get(match[0], match[0]), text)

    def change(leaf: Leaf) -> Node:
        return Leaf(rename(leaf.text))

    guard = None if statement.guard is None else substituted(statement.guard, change)
    value = None if statement.value is None else substituted(statement.value, change)
    start, target = statement.start, rename(statement.target)
    if start.startswith("  assign"):
        start = f"  assign {target} = "
    return _Statement(rename(statement.text), start, statement.end, target, guard, value, statement.otherwise)


def _line(statement: _Statement) -> str:
    """Write a statement, on as many lines as it needs."""
    if statement.text or not statement.start:
        return statement.text
    line, value = statement.start, statement.value
    if statement.start.strip() == "":
        condition = ""
        if statement.guard is not None:
            condition = f"{'else ' * statement.otherwise}if ({written(statement.guard, 16, 6)})"
        elif statement.otherwise:
            condition = "else"
        if value is None:
            return f"{line}{condition}{statement.end}"
        flat = f"{line}{condition}{' ' if condition else ''}{statement.target} <= "
        if condition and len(flat) + len(written_flat(value)) > WIDTH - 6:
            flat = f"{line}{condition}\n      {statement.target} <= "
        line = flat
    if value is None:
        return line + statement.end
    last = line.rpartition("\n")[2]
    indent = len(last) - len(last.lstrip())
    broken = indent if isinstance(value, Operation) and value.symbol == "{" else indent + 2
    return line + written(value, len(last), broken) + statement.end
