"""Comments above the modules of generated Verilog: each has one, and the fields it gives fill their port."""

import re

__all__ = ["comments_of", "described_fields", "flaws_of_comments"]

_MODULE = re.compile(r"^(?P<comment>(?://[^\n]*\n)*)module (?P<name>\w+) \(\n(?P<ports>.*?)^\);", re.M | re.S)
_PORT = re.compile(r"^  (?:input|output) +(?:wire|reg) +(?:\[(\d+):0\] )?(\w+)", re.M)
_TIMING = re.compile(r"^// (?:Combinational|Latency: \d+ (?:to \d+ )?cycles?(?: [^.]+)?)\.$", re.M)
#: Modules that state their latency in other words: the top, and the end of an asynchronous reset.
_OTHER_WORDS = re.compile(r"// (?:Top module: |Synchronous end of an asynchronous reset\.)")
_FIELD = re.compile(r"\[(\d+)(?::(\d+))?\] ([\w.]+)")


def comments_of(text):
    """Comments above modules, by the names of the modules."""
    return {module["name"]: module["comment"] for module in _MODULE.finditer(text)}


def described_fields(comment):
    """Fields of the packed ports, by the names of these: (name, least significant bit, width)."""
    lines = re.sub(r"\n// {5,}(?=\[)", " ", comment).splitlines()
    fields = {}
    for line in lines:
        if match := re.match(r"//   (\w.*?)  +(?=\[)", line):
            found = [(name, int(lsb or msb), int(msb) - int(lsb or msb) + 1) for msb, lsb, name in _FIELD.findall(line)]
            for names in match[1].split(", "):
                first, _, last = names.partition(" to ")
                stem, numbers = first.rstrip("0123456789"), (names.rpartition("__")[2] if last else "")
                span = range(int(first.removeprefix(stem)), int(numbers) + 1) if last else ()
                fields |= dict.fromkeys([f"{stem}{index}" for index in span] or [first], found)
    return fields


def flaws_of_comments(text):
    """What is wrong with the comments above modules, a line each."""
    flaws = []
    modules = list(_MODULE.finditer(text))
    if [module["name"] for module in modules] != re.findall(r"^module (\w+) (?!#)", text, re.M):
        flaws.append("a module that is not read")
    for module in modules:
        name, comment = module["name"], module["comment"]
        if not re.match(r"// (?!Latency:|Combinational\.)[A-Z]", comment) or not (
            _TIMING.search(comment) or _OTHER_WORDS.match(comment)
        ):
            flaws.append(f"{name}: no purpose or no latency: {comment!r}")
        widths = {port: int(msb or 0) + 1 for msb, port in _PORT.findall(module["ports"])}
        for port, fields in described_fields(comment).items():
            ends = [lsb + width for _, lsb, width in fields]
            if [lsb for _, lsb, _ in fields] != [0, *ends[:-1]] or widths.get(port) != ends[-1]:
                flaws.append(f"{name}: {port} has {widths.get(port)} bits, and the fields {fields}")
    if not text.isascii() or max(map(len, text.splitlines())) > 120:
        flaws.append("a line that is too long, or not ASCII")
    return flaws
