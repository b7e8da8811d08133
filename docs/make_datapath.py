"""Draws the datapath of a unit, with the widths that its configuration gives: ``python docs/make_datapath.py``."""

from pathlib import Path

from mxmac.accumulator.exact.chunked import chunked_words
from mxmac.config import WINDOW_BITS, Accumulator, MacConfig
from mxmac.formats import RESULT_FORMATS, SCALE_WIDTH
from mxmac.mac import unit_plan
from mxmac.stages.layouts import STATUS, scale_sum_layout
from mxmac.stages.multiplier import product_layout

FILE = Path(__file__).with_name("datapath.svg")
WIDTH, HEIGHT = 960, 470

_STYLE = """
    text { font: 14px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2328; text-anchor: middle }
    .name { font-weight: 600 }
    .small { font-size: 12.5px; fill: #59636e }
    .start { text-anchor: start }
    .end { text-anchor: end }
    .width { font-size: 12.5px; fill: #0550ae }
    .card { fill: #ffffff; stroke: #d1d9e0 }
    .box { fill: #ddf4ff; stroke: #0969da }
    .choice { fill: #fff8c5; stroke: #9a6700 }
    .wire { fill: none; stroke: #59636e; stroke-width: 1.5 }
    .credit { stroke-dasharray: 5 4 }
    .head { fill: #59636e }
    @media (prefers-color-scheme: dark) {
      text { fill: #f0f6fc }
      .small { fill: #9198a1 }
      .width { fill: #79c0ff }
      .card { fill: #0d1117; stroke: #3d444d }
      .box { fill: #121d2f; stroke: #4493f8 }
      .choice { fill: #272215; stroke: #d29922 }
      .wire { stroke: #9198a1 }
      .head { fill: #9198a1 }
    }
"""


def _text(x: float, y: float, words: str, kind: str = "") -> str:
    return f'<text x="{x}" y="{y}"{f" class={chr(34)}{kind}{chr(34)}" if kind else ""}>{words}</text>'


def _box(x: int, y: int, width: int, height: int, name: str, *lines: str, kind: str = "box") -> str:
    top = y + height / 2 + 5 - 9 * len(lines)
    words = [_text(x + width / 2, top, name, "name")]
    words += [_text(x + width / 2, top + 18 * row, line, "small") for row, line in enumerate(lines, 1)]
    return "\n  ".join([f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{height}" rx="6"/>', *words])


def _wire(points: str, *, head: bool = True, kind: str = "wire") -> str:
    return f'<polyline class="{kind}" points="{points}"{" marker-end=" + chr(34) + "url(#head)" + chr(34) if head else ""}/>'


def draw(config: MacConfig) -> str:
    """Return the picture as SVG.

    Parameters
    ----------
    config : MacConfig
        Of a chunked exact accumulator; the other two are drawn beside it.
    """
    operands, lanes = (config.operand_a, config.operand_b), config.lanes
    words, product = chunked_words(config), product_layout(config)["ones"].width
    title = f"{' × '.join(operand.formats[0].name for operand in operands)}, block {config.block}, {lanes} lanes"
    parts = [
        f'<rect class="card" x="0.5" y="0.5" width="{WIDTH - 1}" height="{HEIGHT - 1}" rx="8"/>',
        _text(24, 32, f"{title}; blue numbers are bits", "small start"),
        # Every beat
        _text(24, 99, "in_a", "start"),
        _text(24, 135, "in_b", "start"),
        _wire("62,94 158,94"),
        _wire("62,130 158,130"),
        *(_text(110, y, f"{lanes} × {operand.width}", "width") for y, operand in zip((88, 124), operands, strict=True)),
        *(f'<rect class="box" x="{160 + 5 * n}" y="{72 - 5 * n}" width="150" height="76" rx="6"/>' for n in (2, 1)),
        _box(160, 72, 150, 76, "multiplier", "one for each lane", "exact product"),
        _wire("320,110 408,110"),
        _text(364, 102, f"{lanes} × {product}", "width"),
        _box(410, 72, 130, 76, "adder tree", f"{lanes} products", f"in {(lanes - 1).bit_length()} levels"),
        _wire("540,110 618,110"),
        _text(579, 102, f"{config.sum_bits(lanes)}", "width"),
        _box(620, 72, 130, 76, "block adder", f"{config.beats} beats", "of a block"),
        _wire("750,110 800,110 800,192 268,192 268,253"),
        _text(775, 102, f"{config.block_sum_bits}", "width"),
        _text(812, 155, "exact sum", "small start"),
        _text(812, 171, "of the block", "small start"),
        # Every block
        _text(24, 272, "in_scale_a", "start"),
        _text(24, 328, "in_scale_b", "start"),
        _wire("98,267 134,267 148,282"),
        _wire("98,323 134,323 148,308"),
        *(_text(116, y, str(SCALE_WIDTH), "width") for y in (260, 316)),
        '<circle class="box" cx="160" cy="295" r="17"/>',
        _text(160, 300, "+", "name"),
        _wire("177,295 206,295"),
        _text(191, 287, f"{scale_sum_layout()['exp'].width}", "width"),
        _box(208, 255, 120, 80, "scale applier", "a shift by", "Xa + Xb"),
        _wire("328,295 352,295", head=False),
        _wire("352,295 352,239 382,239"),
        _wire("352,295 382,295"),
        _wire("352,295 352,351 382,351"),
        _text(479, 206, "one of three accumulators", "small"),
        _box(384, 214, 190, 50, "exact", f"{words.count} words of {words.bits} + 2 bits", kind="choice"),
        _box(384, 270, 190, 50, "window", f"fixed point, {WINDOW_BITS} bits", kind="choice"),
        _box(384, 326, 190, 50, "fp32", f"{RESULT_FORMATS['FP32'].sig_bits}-bit significand", kind="choice"),
        _wire("574,239 596,239 596,295", head=False),
        _wire("574,351 596,351 596,295", head=False),
        _wire("574,295 616,295"),
        # Every dot product
        _box(618, 255, 104, 80, "rounder", "to nearest,", "ties to even"),
        _wire("722,295 756,295"),
        _text(738, 287, f"{config.output.width + STATUS.size}", "width"),
        _box(758, 255, 84, 80, "queue", f"{unit_plan(config).results} results"),
        _wire("842,295 852,295", head=False),
        _wire("852,295 852,267 866,267"),
        _wire("852,295 852,323 866,323"),
        *(_text(872, y, name, "start") for y, name in ((272, "out_data"), (328, "out_status"))),
        *(_text(905, y, str(bits), "width") for y, bits in ((290, config.output.width), (346, STATUS.size))),
        # Credits
        _wire("800,335 800,424 60,424", kind="wire credit"),
        _text(24, 444, "in_ready", "start"),
        _text(428, 444, "a beat is taken only while there is room for it further on: no stage ever stalls", "small"),
    ]
    body = "\n  ".join(parts)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">
  <title>Datapath of a unit: {title}</title>
  <style>{_STYLE}  </style>
  <defs>
    <marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto">
      <path class="head" d="M0,0 L10,5 L0,10 z"/>
    </marker>
  </defs>
  {body}
</svg>
"""


if __name__ == "__main__":
    FILE.write_text(draw(MacConfig(accumulator=Accumulator.EXACT)))
