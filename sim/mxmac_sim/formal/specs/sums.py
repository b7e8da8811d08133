"""Specification of what adds up inside a block: the lanes of a beat, the beats of a block, and the two scales of a block."""

from mxmac.config import MacConfig
from mxmac.formats import SCALE_NAN
from mxmac.stages.adder_tree import adder_tree_latency

from ..harness import constant, delayed, instance, module_of, ports, rendered

__all__ = ["block_adder_harness", "scale_sum_harness", "tree_harness"]


def scale_sum_harness(config: MacConfig, text: str) -> tuple[str, int]:
    """Harness of the sum of two scales (MX v1.0, 5.4.1 and 6.1), and after how many cycles it has forgotten what was before."""
    module = module_of(text, "datapath_scale_sum")
    inputs = [name for name, port in ports(text, module).items() if port.direction == "input"]
    codes = {inputs[0]: "{b, a}"} if len(inputs) == 1 else dict(zip(inputs, "ab", strict=True))
    return (
        rendered(
            "scale_sum", SCALE_NAN=SCALE_NAN, config=config, unit=instance(text, module, "unit", codes | {"scale": "scale"})
        ),
        0,
    )


def tree_harness(config: MacConfig, text: str) -> tuple[str, int]:
    """Harness of the adder tree over any products, and after how many cycles it has forgotten what was before."""
    module, lanes, clocks = module_of(text, "beat_sum_tree"), config.lanes, adder_tree_latency(config)
    wide, own, out = config.sum_bits(lanes) + 2, config.product_bits + 2, config.sum_bits(lanes)
    inputs = "".join(f"  input wire [{own - 1}:0] product{lane},\n" for lane in range(lanes))
    later = [f"product{lane}_{clocks}" if clocks else f"product{lane}" for lane in range(lanes)]
    most = config.operand_a.max_integer * config.operand_b.max_integer
    largest, sum_largest = constant(wide, most), constant(wide, lanes * most)
    numbers = "".join(
        f"  wire signed [{wide - 1}:0] number{lane} = $signed({name}[{own - 2}:0]) + $signed({{1'b0, {name}[{own - 1}]}});\n"
        for lane, name in enumerate(later)
    )
    given = " &&\n    ".join(f"number{lane} <= {largest} && number{lane} >= -{largest}" for lane in range(lanes))
    shown = "".join(f"  output wire signed [{wide - 1}:0] in_{lane},\n" for lane in range(lanes))
    assigned = "".join(f"  assign in_{lane} = number{lane};\n" for lane in range(lanes))
    total = " + ".join(f"number{lane}" for lane in range(lanes))
    connections = {f"products__{lane}": f"product{lane}" for lane in range(lanes)} | {"beat": "beat"}
    return (
        rendered(
            "tree",
            assigned=assigned,
            connections=connections,
            delays="".join(delayed(f"product{lane}", own, clocks) for lane in range(lanes)),
            given=given,
            inputs=inputs,
            module=module,
            numbers=numbers,
            out=out,
            shown=shown,
            sum_largest=sum_largest,
            text=text,
            total=total,
            wide=wide,
        ),
        clocks,
    )


def block_adder_harness(config: MacConfig, text: str) -> tuple[str, int]:
    """Harness of the block adder: any beats, with pauses, and blocks that end early; and the depth of its induction."""
    module = module_of(text, "datapath_block_adder")
    beat_bits, bits = config.sum_bits(config.lanes), config.block_sum_bits
    wide = bits + 2
    several = config.beats > 1
    most = config.operand_a.max_integer * config.operand_b.max_integer * config.lanes
    largest = constant(wide, most)
    first = "first, " if several else ""
    connections = {
        "block_end": "block_end",
        "i__payload": f"{{dot_last, {first}specials, carry, beat}}",
        "i__valid": "valid",
        "o__payload": "payload",
        "o__valid": "out_valid",
    }
    number = config.beats.bit_length()
    return (
        rendered(
            "block_adder",
            beat_bits=beat_bits,
            bits=bits,
            config=config,
            connections=connections,
            largest=largest,
            module=module,
            most=most,
            number=number,
            several=several,
            text=text,
            wide=wide,
        ),
        1,
    )
