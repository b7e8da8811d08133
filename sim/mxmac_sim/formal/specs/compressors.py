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
    width, bits = config.sum_bits(config.lanes), config.sum_bits(1)
    most = config.operand_a.max_integer * config.operand_b.max_integer
    lines, oks, paired, rows, carries = [], [], [], [], []
    numbers, given = [], []
    for lane in range(config.lanes):
        term = f"term{lane}_{clocks}"
        numbers.append(
            f"  wire signed [{bits}:0] number{lane} = $signed({term}[{bits - 1}:0]) + $signed({{1'b0, {term}[{bits}]}});\n"
        )
        given.append(f"number{lane} <= {constant(bits + 1, most)} && number{lane} >= -{constant(bits + 1, most)}")
        # With its sign inverted, a product is unsigned, and larger by the weight of its sign.
        lines.append(f"  wire [{width - 1}:0] row{lane} = {{~{term}[{bits - 1}], {term}[{bits - 2}:0]}};\n")
        lines.append(f"  wire signed [{width - 1}:0] product{lane} = number{lane};\n")
        lines.append(
            f"  assign ok_lane{lane} = row{lane} + {term}[{bits}] == product{lane} + {_weight(width, 1 << (bits - 1))};\n"
        )
        oks.append(f"lane{lane}")
        rows.append(f"row{lane}")
        carries.append(f"{term}[{bits}]")
    level = 0
    while len(rows) > 2:
        compressed = []
        while len(rows) > 2:
            step = len(oks) - config.lanes
            (x, y, z), carry = rows[:3], carries.pop()
            lines.append(f"  wire [{width - 1}:0] sum{step} = {x} ^ {y} ^ {z};\n")
            majority = f"({x} & {y}) | ({y} & {z}) | ({z} & {x})"
            lines.append(f"  wire [{width - 1}:0] majority{step} = {majority};\n")
            lines.append(f"  wire [{width - 1}:0] carries{step} = {{majority{step}[{width - 2}:0], {carry}}};\n")
            lines.append(f"  assign ok_compressor{step} = sum{step} + carries{step} == {x} + {y} + {z} + {carry};\n")
            oks.append(f"compressor{step}")
            rows = rows[3:]
            compressed += [f"sum{step}", f"carries{step}"]
        if level == pairing_level(config):
            (x, y), carry = rows, carries.pop()
            lines.append(f"  wire [{width - 1}:0] pair_sum = {x} ^ {y};\n")
            lines.append(f"  wire [{width - 1}:0] pair_both = {x} & {y};\n")
            lines.append(f"  wire [{width - 1}:0] pair_carries = {{pair_both[{width - 2}:0], {carry}}};\n")
            lines.append(f"  assign ok_pair = pair_sum + pair_carries == {x} + {y} + {carry};\n")
            paired = ["pair"]
            rows = ["pair_sum", "pair_carries"]
        rows, level = rows + compressed, level + 1
    leaves_carry = tree_leaves_carry(config)
    constant_bits = (config.lanes << (bits - 1)) % (1 << width)
    lanes = range(config.lanes)
    return (
        rendered(
            "compressors",
            assigned="".join(f"  assign in_{lane} = number{lane};\n" for lane in lanes),
            connections={f"term{lane}": f"term{lane}" for lane in lanes} | {"total": "total"},
            delays="".join(delayed(f"term{lane}", bits + 1, clocks) for lane in lanes),
            given=" &&\n    ".join(given),
            inputs="".join(f"  input wire [{bits}:0] term{lane},\n" for lane in lanes),
            module=module,
            numbers="".join(numbers),
            oks="".join(f"  output wire ok_{name},\n" for name in [*oks, *paired]),
            rows="".join(lines),
            shown="".join(f"  output wire signed [{bits}:0] in_{lane},\n" for lane in lanes),
            sum_largest=_weight(width, config.lanes * most),
            text=text,
            want=" + ".join([*rows, *carries]) + f" - {_weight(width, constant_bits)}",
            width=width,
            carry=f" + total[{width}]" * leaves_carry,
            total_bits=width + leaves_carry,
        ),
        clocks,
    )


def _weight(width: int, value: int) -> str:
    return f"{width}'d{value}"
