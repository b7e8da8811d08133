"""Writes the results of ``make report`` into the page on area, and draws area.svg: ``python docs/make_area.py``."""

from pathlib import Path

import results
from area_peers import peers_table

PICTURE = Path(__file__).with_name("area.svg")
_GATES = ", standard cells"
#: Pairs that are compared, what is done here and what others do instead, and lanes that share the area of the former.
_PAIRS = (
    ("scale by a shift", "scale by an FP32 multiplication", 1),
    ("datapath, 8 lanes, fp32", "datapath, 8 lanes, fp32, scales in FP32", 1),
    ("datapath, 8 lanes, window", "datapath, 8 lanes, fp32, scales in FP32", 1),
    ("datapath, 8 lanes, window", "lane in FP32", 8),
    ("32 lanes, window", "lane in FP32", 32),
)


def _rate(value: float) -> str:
    return f"{value / 1e9:.2f} G" if value >= 1e9 else f"{value / 1e6:.2f} M"


def fpga_table(found: dict) -> list[str]:
    """Rows of what was measured on ECP5."""
    lines = [
        "| E4M3, blocks of 32 | LUTs | LUT4 | CCU2C | flip-flops | LUTRAM | Fmax, median | best | rate | a LUT |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for name, row in found.items():
        if row["on"] != "ecp5":
            continue
        cells = row["cells"]
        kinds = (cells["LUT4"], cells["CCU2C"], cells["flip-flops"], cells["LUTRAM cells"])
        line = [name, f"**{cells['LUTs']:,}**", *(f"{count:,}" for count in kinds)]
        if "fmax_mhz" in row:
            median, best = row["fmax_mhz"]["median"], row["fmax_mhz"]["best"]
            unit = f"{row['operation']}/s"
            line += [f"{median:.1f} MHz", f"{best:.1f} MHz", f"{_rate(row['per_second'])}{unit}"]
            line.append(f"{_rate(row['per_second_and_lut'])}{unit}")
        else:
            line += ["does not fit", "", "", ""]
        lines.append("| " + " | ".join(line) + " |")
    return lines


def other_table(found: dict) -> list[str]:
    """Rows of what was measured on other FPGAs."""
    lines = ["| | LUTs | carries | flip-flops | LUTRAM | shift registers | Fmax, median |", "|---|--:|--:|--:|--:|--:|--:|"]
    for name, row in found.items():
        if "cells" not in row or row["on"] == "ecp5":
            continue
        luts, _, carries, *_ = row["cells"].values()
        others = (row["cells"].get(kind) for kind in ("flip-flops", "LUTRAM cells", "shift registers"))
        figures = ["" if count is None else f"{count:,}" for count in (carries, *others)]
        speed = f"{row['fmax_mhz']['median']:.1f} MHz" if "fmax_mhz" in row else ""
        lines.append("| " + " | ".join([name, f"**{luts:,}**", *figures, speed]) + " |")
    return lines


def gate_table(found: dict) -> list[str]:
    """Rows of what was measured with standard cells."""
    lines = ["| | combinational, µm² | all, µm² | all, a lane | flip-flops | delay, ns |", "|---|--:|--:|--:|--:|--:|"]
    for name, row in found.items():
        if "gates" in row:
            gates, lane = row["gates"], row["per_lane"]["area_um2"]
            figures = (gates["combinational_area_um2"], gates["area_um2"], lane)
            cells = " | ".join(f"{figure:,.0f}" for figure in (*figures, gates["flip_flops"]))
            lines.append(f"| {name.removesuffix(_GATES)} | {cells} | {gates['delay_ns']:.2f} |")
    return lines


def comparison(found: dict) -> list[str]:
    """Rows of pairs with the ratios of LUTs, areas, frequencies and delays."""
    lines = ["| here | instead | LUTs | µm², combinational | µm² | MHz | ns |", "|---|---|--:|--:|--:|--:|--:|"]
    columns = (
        ("cells", "LUTs", "", True),
        ("gates", "combinational_area_um2", _GATES, True),
        ("gates", "area_um2", _GATES, True),
        ("fmax_mhz", "median", "", False),
        ("gates", "delay_ns", _GATES, False),
    )
    for ours, theirs, lanes in _PAIRS:
        cells = []
        for key, column, suffix, shared in columns:
            pair = [found.get(name + suffix, {}).get(key) for name in (ours, theirs)]
            if None in pair:
                cells.append("")
                continue
            first, second = (figures[column] for figures in pair)
            first /= lanes if shared else 1
            form = ",.0f" if first >= 100 else ".2f"
            cells.append(f"{first:{form}} : {second:{form}} = 1 : {second / first:.2f}")
        if any(cells):
            lines.append(f"| {ours}{f', a lane of {lanes}' if lanes > 1 else ''} | {theirs} | " + " | ".join(cells) + " |")
    return lines


def commands(found: dict) -> list[str]:
    """Rows of the command of each measurement."""
    rows = [f"| {name} | `mxmac report {row['arguments']}` |" for name, row in found.items()]
    return ["| measured | by |", "|---|---|", *rows]


def draw(found: dict) -> str:
    """Return a picture of LUTs by module, a bar for each unit, as SVG."""
    from mxmac_sim import plots

    units = {name: row for name, row in found.items() if row["part"] == "unit" and row["on"] == "ecp5"}
    names = list(dict.fromkeys(name for row in units.values() for name in row["modules"]))
    total = {name: sum(row["modules"].get(name, 0) / row["cells"]["LUTs"] for row in units.values()) for name in names}
    shown = sorted(names, key=lambda name: -total[name])[: len(plots.COLOURS) - 1]
    colours = [*plots.COLOURS[: len(shown)], plots.COLOURS[-1]]
    picture, (axes,) = plots.figure(860, 100 + 40 * len(units))
    plots.titled(axes, "LUTs by module, and in all, on ECP5", "← fewer is")
    most = max(row["cells"]["LUTs"] for row in units.values())
    for place, row in enumerate(units.values()):
        luts, left = row["cells"]["LUTs"], 0
        counts = [row["modules"].get(name, 0) for name in shown]
        for colour, count in zip(colours, [*counts, luts - sum(counts)], strict=True):
            axes.barh(place, count, 0.7, left, color=colour)
            if count > 0.055 * most:
                axes.text(left + count / 2, place, f"{count:,}", ha="center", va="center", color=plots.ON_COLOUR, fontsize=11)
            left += count
        axes.text(left + 0.01 * most, place, f"{luts:,}", ha="left", va="center", color=plots.INK, fontweight="bold")
    axes.set_yticks(range(len(units)), list(units))
    axes.invert_yaxis()
    axes.set_xlim(0, 1.1 * most)
    plots.linear_ticks(axes.xaxis)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("LUTs")
    entries = zip([*shown, "other"], colours, strict=True)
    plots.legend(axes, [(name, {"marker": "s", "markersize": 9, "color": colour}) for name, colour in entries])
    return plots.svg(picture, "LUTs by module")


def markdown(result: dict) -> str:
    """Return all tables."""
    found = result["results"]
    first = next(row for row in found.values() if "place_and_route" in row)
    gates = next((row for row in found.values() if "gates" in row), None)
    tools = ", ".join(f"{name} {version}" for name, version in first["versions"].items() if name != "mxmac")
    lines = [f"On {first['device']}, seeds {', '.join(first['seeds'])} ({tools}): `{first['synthesis'][0]}`,"]
    lines += [f"`{first['place_and_route']}`.", "", *fpga_table(found), "", "On other FPGAs:", "", *other_table(found)]
    if gates:
        lines += ["", f"With {gates['library']}: `{'; '.join(gates['synthesis']['area'])}` for area,"]
        lines += [f"`{'; '.join(gates['synthesis']['delay'])}` for delay.", "", *gate_table(found), "", *comparison(found)]
    lines += ["", "![LUTs by module](area.svg)", "", *commands(found)]
    return "\n".join(lines)


def main():
    """Put it in its place."""
    result = results.read("report")
    results.put("area", result, markdown(result))
    page = results.DOCS / "area.md"
    page.write_text(results.filled(page.read_text(), "peers", "\n".join(peers_table(result["results"]))))
    PICTURE.write_text(draw(result["results"]), encoding="utf-8")


if __name__ == "__main__":
    main()
