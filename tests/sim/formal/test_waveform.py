"""Counterexamples as waveforms."""

import io

from vcd.reader import TokenKind, tokenize

from mxmac_sim.formal.engine import Counterexample
from mxmac_sim.formal.waveform import traces, waveform


def _known(level):
    return int(level) if level in "01" else level


def read(text):
    """Values of all wires before each time but the first: what a viewer shows until then."""
    names, scope, now, shown = {}, [], {}, {}
    for token in tokenize(io.BytesIO(text.encode())):
        match token.kind:
            case TokenKind.SCOPE:
                scope.append(token.scope.ident)
            case TokenKind.UPSCOPE:
                scope.pop()
            case TokenKind.VAR:
                names[token.var.id_code] = (".".join([*scope, token.var.reference]), token.var.size)
            case TokenKind.CHANGE_TIME:
                if now:
                    shown[token.time_change] = dict(now)
            case TokenKind.CHANGE_VECTOR:
                now[names[token.vector_change.id_code][0]] = token.vector_change.value
            case TokenKind.CHANGE_SCALAR:
                now[names[token.scalar_change.id_code][0]] = _known(token.scalar_change.value)
    return shown, dict(names.values())


def test_a_waveform_shows_the_trace_clock_by_clock():
    trace = {"valid": [0, 1, 1], "unit.data": [7, 7, 0], "unit.adder.wide": [0, 1 << 99, 5], "other.data": [1, 2, 3]}
    widths = {"valid": 1, "unit.data": 3, "unit.adder.wide": 100, "other.data": 2}
    example = Counterexample([], "", [{}, {}, {}], {}, trace, widths)
    shown, sizes = read(waveform(example, "prove"))
    assert sizes == {f"prove.{name}": width for name, width in widths.items()}
    assert shown == {10 * (clock + 1): {f"prove.{name}": values[clock] for name, values in trace.items()} for clock in range(3)}


def test_signals_of_a_counterexample_are_grouped_by_their_meaning():
    trace = {"rst": [1, 0], "total": [7, 7], "unit.data": [1, 2], "want_flag": [0, 1]}
    values = {"in_a": 5, "want_flag": 1, "got_flag": 0}
    widths = {"rst": 1, "total": 3, "unit.data": 2, "want_flag": 1, "in_a": 4, "got_flag": 1}
    example = Counterexample([], "", [{}, {}], values, trace, widths)
    assert [(trace.group, trace.name, trace.width) for trace in traces(example, "prove")] == [
        (("clock and reset",), "prove.rst", 1),
        (("operands",), "prove.in_a", 4),
        (("expected",), "prove.want_flag", 1),
        (("hardware",), "prove.got_flag", 1),
        (("harness",), "prove.total", 3),
        (("inside", "unit"), "prove.unit.data", 2),
    ]
    shown, sizes = read(waveform(example, "prove"))
    assert sizes == {f"prove.{name}": width for name, width in widths.items()}
    assert shown[20] == {f"prove.{name}": values[-1] for name, values in trace.items()} | {"prove.in_a": 5, "prove.got_flag": 0}
    assert shown[10]["prove.in_a"] == "x"
