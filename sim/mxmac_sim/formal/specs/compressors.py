"""Specification of the sum of the lanes for standard cells, in as many steps as it has compressors."""

from mxmac.config import MacConfig
from mxmac.stages.beat_sum import tree_latency
from mxmac.stages.compressor_tree import pairing_level, tree_leaves_carry

from ..harness import constant, delayed, module_of, rendered

__all__ = ["compressors_harness"]


def compressors_harness(config: MacConfig, text: str) -> tuple[str, int]:
    """Harness of the compressor tree over any products, and after how many cycles it has forgotten what was before.

    No solver sees in one step that compressors and additions give the same sum, so the harness has a step for each lane, each
    compressor and the last addition. A step states that the sum of a few rows is that of the rows that take their place;
    each row is in the place of others once, and takes the place of others once. Together they state that the result is the
    sum of the products modulo 2^bits, and no sum of products exceeds these bits.
    """
    module, clocks = module_of(text, "beat_sum_tree"), tree_latency(config)
    width, bits, lanes = config.sum_bits(config.lanes), config.sum_bits(1), range(config.lanes)
    most = config.operand_a.max_integer * config.operand_b.max_integer
    largest = constant(bits + 1, most)
    steps = _Steps(width)
    for lane in lanes:
        steps.add_lane(lane, f"term{lane}_{clocks}", bits)
    steps.compress_all(pairing_level(config))
    leaves_carry = tree_leaves_carry(config)
    taken_off = (config.lanes << (bits - 1)) % (1 << width)
    return (
        rendered(
            "compressors",
            assigned="".join(f"  assign in_{lane} = number{lane};\n" for lane in lanes),
            carry=f" + total[{width}]" * leaves_carry,
            connections={f"term{lane}": f"term{lane}" for lane in lanes} | {"total": "total"},
            delays="".join(delayed(f"term{lane}", bits + 1, clocks) for lane in lanes),
            given=" &&\n    ".join(f"number{lane} <= {largest} && number{lane} >= -{largest}" for lane in lanes),
            inputs="".join(f"  input wire [{bits}:0] term{lane},\n" for lane in lanes),
            module=module,
            numbers="".join(steps.numbers),
            oks="".join(f"  output wire ok_{name},\n" for name in steps.names),
            rows="".join(steps.lines),
            shown="".join(f"  output wire signed [{bits}:0] in_{lane},\n" for lane in lanes),
            sum_largest=_weight(width, config.lanes * most),
            text=text,
            total_bits=width + leaves_carry,
            want=" + ".join([*steps.rows, *steps.carries]) + f" - {_weight(width, taken_off)}",
            width=width,
        ),
        clocks,
    )


class _Steps:
    """Steps from products to two rows, and the rows and carries that are left.

    Attributes
    ----------
    names : list of str
        Of the steps.
    numbers, lines : list of str
        Declarations of the products, and of the rows with what each step states.
    rows, carries : list of str
        Expressions.
    """

    def __init__(self, width: int):
        self._width = width
        self.names: list[str] = []
        self.numbers: list[str] = []
        self.lines: list[str] = []
        self.rows: list[str] = []
        self.carries: list[str] = []

    def add_lane(self, lane: int, term: str, bits: int):
        """Add a product. With its sign inverted, it is unsigned, and larger by the weight of its sign."""
        top, carry = self._width - 1, f"{term}[{bits}]"
        value = f"$signed({term}[{bits - 1}:0]) + $signed({{1'b0, {carry}}})"
        self.numbers.append(f"  wire signed [{bits}:0] number{lane} = {value};\n")
        self.lines.append(f"  wire [{top}:0] row{lane} = {{~{term}[{bits - 1}], {term}[{bits - 2}:0]}};\n")
        self.lines.append(f"  wire signed [{top}:0] product{lane} = number{lane};\n")
        stated = f"row{lane} + {carry} == product{lane} + {_weight(self._width, 1 << (bits - 1))}"
        self._state(f"lane{lane}", stated)
        self.rows.append(f"row{lane}")
        self.carries.append(carry)

    def compress_all(self, pairing: int | None):
        """Compress rows to two, a level after the other; ``pairing`` is the level with half adders."""
        level = step = 0
        while len(self.rows) > 2:
            compressed: list[str] = []
            while len(self.rows) > 2:
                x, y, z = self.rows[:3]
                both = f"({x} & {y}) | ({y} & {z}) | ({z} & {x})"
                compressed += self._add_up(f"compressor{step}", self.rows[:3], both)
                self.rows, step = self.rows[3:], step + 1
            if level == pairing:
                x, y = self.rows
                self.rows = self._add_up("pair", [x, y], f"{x} & {y}")
            self.rows, level = self.rows + compressed, level + 1

    def _add_up(self, name: str, rows: list[str], both: str) -> list[str]:
        """Add some rows and a carry up to two rows, of which the second has the bits ``both``, a place higher."""
        top, carry = self._width - 1, self.carries.pop()
        self.lines.append(f"  wire [{top}:0] {name}_sum = {' ^ '.join(rows)};\n")
        self.lines.append(f"  wire [{top}:0] {name}_both = {both};\n")
        self.lines.append(f"  wire [{top}:0] {name}_carries = {{{name}_both[{top - 1}:0], {carry}}};\n")
        self._state(name, f"{name}_sum + {name}_carries == {' + '.join([*rows, carry])}")
        return [f"{name}_sum", f"{name}_carries"]

    def _state(self, name: str, stated: str):
        self.names.append(name)
        self.lines.append(f"  assign ok_{name} = {stated};\n")


def _weight(width: int, value: int) -> str:
    return f"{width}'d{value}"
