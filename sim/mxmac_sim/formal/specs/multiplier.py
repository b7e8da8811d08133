"""Specification of the multiplier and its decoders: OCP MX v1.0, 5.3, and OFP8 v1.0, table 1, as integers."""

from collections.abc import Callable

from mxmac.config import MacConfig
from mxmac.formats import Format, Specials
from mxmac.stages.dsp_lane import dsp_lane_latency, has_dsp_lanes
from mxmac.stages.lane_chain import partial_product_latency
from mxmac.stages.multiplier import has_magnitudes, multiplier_latency
from mxmac.stages.product import exp_bits, product_zeros, sig_bits

from ..harness import module_of, ports, rendered
from .chain import partial_product_value

__all__ = ["element_functions", "multiplier_harness", "operand_ports", "partial_product_harness"]


def _bits(fmt: Format) -> int:
    """Bits of an element as an integer, in units of its format's smallest subnormal, with a sign."""
    return fmt.max_integer.bit_length() + 1


def element_functions(side: str, fmt: Format) -> str:
    """Verilog functions of an element code, in units of 2^fmt.lsb_exp.

    An element is ``(-1)^neg * mantissa * 2^power``; besides ``neg_SIDE``, ``mantissa_SIDE`` and ``power_SIDE`` there are
    ``nan_SIDE``, ``inf_SIDE`` and ``zero_SIDE``.
    """
    width = fmt.width
    top, fields = width - 1, f"input [{width - 1}:0] code"
    if fmt.is_integer:
        mantissa, power = f"code[{top}] ? 1 + ~code : code", "0"
        nan = inf = "1'b0"
        zero = "code == 0"
    else:
        exponent, fraction = f"code[{top - 1}:{fmt.man_bits}]", f"code[{fmt.man_bits - 1}:0]"
        mantissa = f"{exponent} == 0 ? {fraction} : {1 << fmt.man_bits} + {fraction}"
        power = f"{exponent} == 0 ? 0 : {exponent} - 1"
        largest = (1 << fmt.exp_bits) - 1
        nan = {
            Specials.NONE: "1'b0",
            Specials.NAN: f"{exponent} == {largest} && {fraction} == {(1 << fmt.man_bits) - 1}",
            Specials.IEEE: f"{exponent} == {largest} && {fraction} != 0",
        }[fmt.specials]
        inf = f"{exponent} == {largest} && {fraction} == 0" if fmt.has_inf else "1'b0"
        zero = f"{exponent} == 0 && {fraction} == 0"
    return f"""
  // {fmt.name}, in units of 2^{fmt.lsb_exp}
  function neg_{side}({fields}); neg_{side} = code[{top}]; endfunction
  function [{fmt.sig_bits - 1}:0] mantissa_{side}({fields}); mantissa_{side} = {mantissa}; endfunction
  function [{max(1, fmt.exp_bits) - 1}:0] power_{side}({fields}); power_{side} = {power}; endfunction
  function nan_{side}({fields}); nan_{side} = {nan}; endfunction
  function inf_{side}({fields}); inf_{side} = {inf}; endfunction
  function zero_{side}({fields}); zero_{side} = {zero}; endfunction
"""


def operand_ports(text: str, module: str, a: str, b: str) -> dict[str, str]:
    """Connections of a multiplier's codes: one port where both come from the same vector, else two."""
    names = [name for name, port in ports(text, module).items() if port.direction == "input" and name not in ("clk", "rst")]
    if len(names) == 1:
        return {names[0]: f"{{{b}, {a}}}"}
    return dict(zip(names, (a, b), strict=True))


def multiplier_harness(config: MacConfig, text: str) -> tuple[str, int]:
    """Harness of the multiplier, and after how many cycles it has forgotten what was before."""
    clocks, bits = multiplier_latency(config), config.product_bits
    got = f"$signed(product[{bits}:0])"
    if has_magnitudes(config) or has_dsp_lanes(config):
        got = f"$signed(product[{bits}:0] ^ {{{bits + 1}{{product[{bits + 1}]}}}})"
    if config.products_carry:
        got += f" + $signed({{1'b0, product[{bits + 1}]}})"
    outputs = {"product": f"wire [{bits + config.products_carry}:0] product"}
    if has_dsp_lanes(config):
        clocks = dsp_lane_latency(config)
    return _product_harness(config, text, r"beat_sum(?:_chain\d*)?_multiplier", clocks, outputs, lambda wide: got)


def partial_product_harness(config: MacConfig, text: str) -> tuple[str, int]:
    """Harness of a partial product, and after how many cycles it has forgotten what was before."""
    zeros = product_zeros(config)
    outputs = {
        "ones": f"wire [{sig_bits(config) + (1 << (exp_bits(config) - 1)) - 2}:0] ones",
        "upper": "wire upper",
        "neg": "wire neg",
    }

    def got(wide: int) -> str:
        return f"({partial_product_value(config, wide + zeros, *outputs)}) >>> {zeros}"

    clocks = partial_product_latency(config)
    return _product_harness(config, text, r"beat_sum_chain\d*_partial_product\d*", clocks, outputs, got)


def _product_harness(
    config: MacConfig, text: str, path: str, clocks: int, outputs: dict[str, str], got: Callable[[int], str]
) -> tuple[str, int]:
    """Harness of a module that multiplies.

    Parameters
    ----------
    config : MacConfig
    text : str
    path : str
        End of the name of the module, as a regular expression.
    clocks : int
        Its latency.
    outputs : dict of str to str
        Declarations of wires for its outputs but ``specials``, by the names of ports.
    got : callable
        Of a number of bits: the product as a signed expression of that many bits or more, in units of the least one.
    """
    (fa,), (fb,) = config.a, config.b
    module = module_of(text, path)
    connections = operand_ports(text, module, "a", "b") | {name: name for name in outputs} | {"specials": "specials"}
    wide = _bits(fa) + _bits(fb)
    return (
        rendered(
            "multiplier",
            clocks=clocks,
            connections=connections,
            element_functions=element_functions,
            fa=fa,
            fb=fb,
            got=got(wide),
            module=module,
            outputs="".join(f"  {wire};\n" for wire in outputs.values()),
            text=text,
            wide=wide,
        ),
        clocks,
    )
