"""Specification of the multiplier and its decoders: OCP MX v1.0, 5.3, and OFP8 v1.0, table 1, as integers."""

from mxmac.config import MacConfig
from mxmac.formats import Format, Specials
from mxmac.stages.multiplier import multiplier_latency

from ..harness import constant, delayed, instance, module_of, ports

__all__ = ["element_functions", "multiplier_harness", "operand_ports"]


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
    """Harness of the multiplier, and after how many clocks it has forgotten what was before."""
    (fa,), (fb,) = config.a, config.b
    clocks, bits = multiplier_latency(config), config.product_bits
    module = module_of(text, "datapath_multiplier")
    connections = operand_ports(text, module, "a", "b") | {"product": "product", "specials": "specials"}
    wide = _bits(fa) + _bits(fb)
    return (
        f"""
module prove (
  input wire clk,
  input wire rst,
  input wire [{fa.width - 1}:0] a,
  input wire [{fb.width - 1}:0] b,
  output wire given_no_reset,
  output wire ok_product,
  output wire ok_specials,
  output wire seen_largest,
  output wire seen_negative,
  output wire [{fa.width - 1}:0] in_a,
  output wire [{fb.width - 1}:0] in_b,
  output wire [{fa.width - 1}:0] in_a_for_specials,
  output wire [{fb.width - 1}:0] in_b_for_specials,
  output wire signed [{wide - 1}:0] want_product,
  output wire signed [{wide - 1}:0] got_product,
  output wire [3:0] want_specials,
  output wire [3:0] got_specials
);
  wire [{bits + 1}:0] product;
  wire [3:0] specials;
{instance(text, module, "unit", connections)}
{element_functions("a", fa)}{element_functions("b", fb)}
{delayed("a", fa.width, clocks)}{delayed("b", fb.width, clocks)}
  // A reset clears what is on its way.
  assign given_no_reset = !rst;
  assign in_a = a_{clocks};
  assign in_b = b_{clocks};
  assign in_a_for_specials = a_1;
  assign in_b_for_specials = b_1;
  wire [{fa.sig_bits + fb.sig_bits - 1}:0] mantissas = mantissa_a(in_a) * mantissa_b(in_b);
  wire [{wide - 1}:0] magnitude = ({{{{{wide}{{1'b0}}}}, mantissas}} << power_a(in_a)) << power_b(in_b);
  assign want_product = neg_a(in_a) == neg_b(in_b) ? magnitude : -magnitude;
  wire signed [{wide - 1}:0] ones = $signed(product[{bits}:0]);
  assign got_product = ones + $signed({{1'b0, product[{bits + 1}]}});
  wire finite = !(nan_a(in_a) || nan_b(in_b) || inf_a(in_a) || inf_b(in_b));
  assign ok_product = !finite || got_product == want_product;

  wire is_nan = nan_a(a_1) || nan_b(b_1);
  wire is_invalid = (inf_a(a_1) && zero_b(b_1)) || (zero_a(a_1) && inf_b(b_1));
  wire is_inf = (inf_a(a_1) || inf_b(b_1)) && !is_nan && !is_invalid;
  wire is_neg = neg_a(a_1) != neg_b(b_1);
  assign want_specials = {{is_inf && is_neg, is_inf && !is_neg, is_invalid, is_nan}};
  assign got_specials = specials;
  assign ok_specials = got_specials == want_specials;
  assign seen_largest = finite && got_product == {constant(wide, fa.max_integer * fb.max_integer)};
  assign seen_negative = finite && got_product == -{1};
endmodule
""",
        clocks,
    )
