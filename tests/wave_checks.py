"""What the tests of waveforms share: a reader, and checks of annotations against the raw ports beside them.

Dumps are read by a library that no other part of the project uses.
"""

import re
from collections import defaultdict

import numpy as np
import pywellen

from mxmac_sim.golden import model as golden
from mxmac_sim.golden.quantize import quantize
from mxmac_sim.tensors.mx_tensor import RESULT_DTYPES
from oracle import decode, is_nan

__all__ = ["Dump", "check_quantizer", "check_unit", "saved_names"]

FLAGS = ("NX", "UF", "OF", "DZ", "NV")


class Dump:
    """A waveform, and the values of the signals of its bench just before the edges of the clock.

    Falling edges are in the middle of cycles: an annotation that is late by half a cycle is not the same as its port there.
    """

    def __init__(self, path, scope="bench"):
        variables = list(pywellen.Waveform(str(path)).all_vars())
        self.widths = {variable.full_name: variable.bitwidth for variable in variables}
        own = {v.full_name.removeprefix(f"{scope}."): v for v in variables if re.fullmatch(rf"{scope}\.\w+", v.full_name)}
        self.names = list(own)
        self._clock = "aclk" if "aclk" in own else "clk"
        self._changes = defaultdict(dict)
        for name, variable in own.items():
            for time, value in variable.signal:
                self._changes[time][name] = value if isinstance(value, int) else None

    def last(self):
        """Values of all signals at the end."""
        values = dict.fromkeys(self.names)
        for time in sorted(self._changes):
            values.update(self._changes[time])
        return values

    def edges(self, until=1 << 62):
        """Time of each edge of the clock up to some time, its level, and the values of all signals before it."""
        values = dict.fromkeys(self.names)
        for time in sorted(self._changes):
            if time > until:
                break
            changes = self._changes[time]
            if time and self._clock in changes:
                yield time, changes[self._clock], values
            values.update(changes)


def saved_names(save_file):
    """Signals of a save file, in order, with their widths."""
    names = re.findall(r"^([\w$]+(?:\.\w+)+)(?:\[(\d+):0\])?$", save_file.read_text(), re.M)
    return {name: int(msb or 0) + 1 for name, msb in names}


def text(values, name):
    code = values[name]
    return code.to_bytes(-(-code.bit_length() // 8), "big").decode("ascii")


def same_number(shown, value, dtype, negative):
    """Whether a text stands for a value, with its sign if it has one, and in the digits that tell it from its neighbours."""
    if is_nan(value):
        return shown == "NaN"
    number = np.dtype(dtype).type(float(shown.replace("Inf", "inf")))
    return shown != "NaN" and float(number) == float(value) and shown.startswith("-") == negative


def check_element(shown, code, fmt):
    value = decode(code, fmt.name)
    negative = value < 0 if fmt.is_integer else bool(code >> fmt.width - 1)
    assert same_number(shown, value, np.float32, negative), (shown, code, fmt.name)


def check_code(shown, code, output):
    dtype = RESULT_DTYPES[output.name]
    value = np.array([code], f"<u{dtype.itemsize}").view(dtype)[0]
    assert same_number(shown, float(value), dtype, bool(code >> output.width - 1)), (shown, hex(code), output.name)


def check_scale(shown, code):
    assert shown == ("NaN" if code == 255 else f"2^{code - 127}")


def lanes(code, width, count):
    return [code >> width * lane & (1 << width) - 1 for lane in range(count)]


def flags(status):
    return {flag for bit, flag in enumerate(FLAGS) if status >> bit & 1}


def accepted(values, prefix):
    return values[f"{prefix}_valid"] == values[f"{prefix}_ready"] == 1


class _Unit:
    """What the raw ports of a unit say about the beats and dot products so far."""

    def __init__(self, config):
        self.config = config
        self.beats = 0
        self.reset()

    def reset(self):
        self.blocks, self.place, self.number, self.results = [], 0, None, []

    def check_beat(self, values):
        """Compare the annotations of a beat that is offered with its ports."""
        config, sides = self.config, (("a", self.config.operand_a), ("b", self.config.operand_b))
        number = int(text(values, "fed_dot"))
        if self.blocks:
            assert number == self.number, "within a dot product"
        else:
            # Each run of the bench begins again with 0.
            assert self.number is None or number in (self.number, self.number + 1, 0)
            self.addend = values.get("in_addend")
        if self.place == 0:
            self.begun = {side: (values[f"in_scale_{side}"], values.get(f"in_format_{side}") or 0) for side, _ in sides}
        assert (int(text(values, "fed_block")), int(text(values, "fed_beat"))) == (
            len(self.blocks) - bool(self.place),
            self.place,
        )
        codes = {}
        for side, operand in sides:
            scale, choice = self.begun[side]
            fmt = operand.formats[choice]
            check_scale(text(values, f"scale_{side}"), scale)
            if operand.selectable:
                assert text(values, f"format_{side}") == fmt.name
            raw = lanes(values[f"in_{side}"], operand.width, config.lanes)
            codes[side] = [code & (1 << fmt.width) - 1 for code in raw]
            for lane, code in enumerate(codes[side]):
                check_element(text(values, f"{side}_{lane}"), code, fmt)
        if self.addend is not None:
            check_code(text(values, "addend"), self.addend, config.addend)
        return number, codes

    def take_beat(self, number, codes, last):
        self.number, self.beats = number, self.beats + 1
        if self.place == 0:
            self.blocks.append(({"a": [], "b": []}, self.begun))
        for side in "ab":
            self.blocks[-1][0][side].extend(codes[side])
        self.place = (self.place + 1) % self.config.beats
        if last:
            self.results.append((number, *self._golden()))
            self.blocks, self.place = [], 0

    def _golden(self):
        block, fields = self.config.block, {}
        for side in "ab":
            fields[side] = [[codes[side] + [0] * (block - len(codes[side])) for codes, _ in self.blocks]]
            fields[f"scale_{side}"], fields[f"format_{side}"] = zip(*(begun[side] for _, begun in self.blocks), strict=True)
        arrays = {
            name: np.array(value, np.uint8).reshape(1, len(self.blocks), *np.shape(value)[2:]) for name, value in fields.items()
        }
        if self.addend is not None:
            arrays["addend"] = np.array([self.addend], np.uint32)
        data, status = golden.dot(config=self.config, **arrays)
        return int(data[0]), int(status[0])

    def check_result(self, values):
        """Compare the annotations of a result that is offered with its ports and the golden model."""
        number, code, status = self.results[0]
        assert int(text(values, "result_dot")) == number
        check_code(text(values, "expected"), code, self.config.output)
        check_code(text(values, "actual"), values["out_data"], self.config.output)
        assert set(text(values, "expected_flags").split()) == flags(status)
        assert set(text(values, "actual_flags").split()) == flags(values["out_status"])
        right = (code, status) == (values["out_data"], values["out_status"])
        assert values["wrong"] == (not right)


class _Quantizer:
    """What the raw ports of a quantizer say about the beats and blocks so far."""

    def __init__(self, config):
        self.config = config
        self.beats = 0
        self.reset()

    def reset(self):
        self.values, self.block, self.results = [], None, []

    def check_beat(self, values):
        """Compare the annotations of a beat that is offered with its ports."""
        config, source = self.config, self.config.source
        block, beat = (int(text(values, f"fed_{name}")) for name in ("block", "beat"))
        assert beat == len(self.values) // config.lanes
        if beat == 0:
            assert self.block is None or block in (self.block, self.block + 1, 0)
            self.chosen = [values.get(f"in_{name}") or 0 for name in ("rule", "overflow")]
        assert text(values, "rule") == config.rules[self.chosen[0]].value
        assert text(values, "overflow") == config.overflows[self.chosen[1]].value
        codes = lanes(values["in_data"], source.width, config.lanes)
        for lane, code in enumerate(codes):
            check_code(text(values, f"value_{lane}"), code, source)
        return block, codes

    def take_beat(self, block, codes, last):
        self.block, self.beats = block, self.beats + 1
        self.values += codes
        if len(self.values) < self.config.block:
            return
        config = self.config
        floats = (np.array([self.values], np.uint32) << (32 - config.source.width)).view(np.float32)
        rule, overflow = config.rules[self.chosen[0]], config.overflows[self.chosen[1]]
        tensor = quantize(floats, config.to, block=config.block, rule=rule, overflow=overflow)
        elements = (tensor.elements & (1 << config.to.width) - 1).reshape(config.beats, config.lanes).tolist()
        for beat, row in enumerate(elements):
            self.results.append((block, beat, row, int(tensor.scales[0, 0]), last if beat == config.beats - 1 else 0))
        self.values = []

    def check_result(self, values):
        """Compare the annotations of a beat that is offered with its ports and the golden model."""
        to = self.config.to
        block, beat, row, scale, last = self.results[0]
        assert [int(text(values, f"result_{name}")) for name in ("block", "beat")] == [block, beat]
        got = lanes(values["out_data"], to.width, self.config.lanes)
        for name, codes, seen in (("expected", row, (scale, last)), ("actual", got, (values["out_scale"], values["out_last"]))):
            for lane, code in enumerate(codes):
                check_element(text(values, f"{name}_{lane}"), code, to)
            check_scale(text(values, f"{name}_scale"), seen[0])
            assert text(values, f"{name}_last") == f"{seen[1]}"
        right = (row, scale, last) == (got, values["out_scale"], values["out_last"])
        assert values["wrong"] == (not right)


def check_unit(dump, config, until=1 << 62):
    """Compare all annotations of a unit with its plain ports, up to some time.

    Returns the numbers of beats, of results, and of wrong ones.
    """
    return _check(dump, _Unit(config), r"fed_|[ab]_\d|scale_|format_|addend", until)


def check_quantizer(dump, config, until=1 << 62):
    """Compare all annotations of a quantizer likewise."""
    return _check(dump, _Quantizer(config), r"fed_|value_|rule|overflow", until)


def _check(dump, model, of_input, until):
    inputs = [name for name in dump.names if re.match(of_input, name)]
    outputs = [name for name in dump.names if re.match("result_|expected|actual|wrong", name)]
    results = wrong = 0
    for _, level, values in dump.edges(until):
        if values["rst"] != 0:
            model.reset()
            assert not any(values[name] for name in inputs + outputs), "in a reset"
            continue
        beat = None
        if values["in_valid"]:
            beat = model.check_beat(values)
        else:
            assert not any(values[name] for name in inputs), "without a beat"
        if values["out_valid"]:
            model.check_result(values)
        else:
            assert not any(values[name] for name in outputs), "without a result"
        if level and accepted(values, "out"):
            model.results.pop(0)
            results, wrong = results + 1, wrong + values["wrong"]
        if level and beat is not None and accepted(values, "in"):
            model.take_beat(*beat, values["in_last"])
    return model.beats, results, wrong
