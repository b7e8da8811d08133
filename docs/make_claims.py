"""Writes the results of ``make claims`` into the page on claims, and draws its pictures: ``python docs/make_claims.py``.

They come from docs/claims.json, which the campaign writes. Settings that it has not measured are left empty.
"""

import json
from collections.abc import Callable
from pathlib import Path

import claims_language
import measured
import results
from claims_tables import table

DOCS = Path(__file__).parent
RECORD = DOCS / "claims.json"
PAGE = DOCS / "claims.md"


def footprint(found: dict) -> str:
    """Bytes of an element and of a product, and how many times fewer than in float formats."""
    rows = {row["name"]: row for row in found["footprint"]}
    products = list(next(iter(rows.values()))["traffic"])
    heads = ["stored as", "bytes per element of A", "of B"]
    heads += [head for product in products for head in (f"MB, {product}", "BF16 or FP16", "FP32")]
    lines = []
    for name, row in rows.items():
        cells = [name, *(f"{size:.4f}" for size in row["bytes_per_element"])]
        for product in products:
            size = row["traffic"][product]
            cells += [f"{size / 1e6:.1f}", *(f"{rows[other]['traffic'][product] / size:.2f} ×" for other in ("BF16", "FP32"))]
        lines.append(cells)
    return table(heads, lines, left=1)


def scale_cost(found: dict) -> str:
    """LUTs, area and speed of a shift and of a multiplication."""
    rows: dict[str, dict] = {}
    for row in found["scale_cost"]:
        rows.setdefault(row["part"], {})["gates" if "gates" in row["report"] else "fpga"] = row["report"]
    columns: list[tuple[str, Callable[[dict], float], str]] = [
        ("LUTs, ECP5", lambda row: row["fpga"]["cells"]["LUTs"], ",.0f"),
        ("flip-flops", lambda row: row["fpga"]["cells"]["flip-flops"], ",.0f"),
        ("Fmax, MHz", lambda row: row["fpga"]["fmax_mhz"]["median"], ".0f"),
        ("combinational, µm²", lambda row: row["gates"]["gates"]["combinational_area_um2"], ",.0f"),
        ("all, µm²", lambda row: row["gates"]["gates"]["area_um2"], ",.0f"),
        ("delay, ns", lambda row: row["gates"]["gates"]["delay_ns"], ".2f"),
    ]
    lines = []
    for name, row in rows.items():
        lines.append([name, *(_figure(row, value, form) for _, value, form in columns)])
    ratios = []
    for _, value, _ in columns:
        try:
            first, second = (value(row) for row in rows.values())
            ratios.append(f"{second / first:.2f} ×")
        except (KeyError, ValueError):
            ratios.append("")
    return table(["a scale applied by", *(head for head, _, _ in columns)], [*lines, ["ratio", *ratios]], left=1)


def _figure(row: dict, value: Callable[[dict], float], form: str) -> str:
    try:
        return f"{value(row):{form}}"
    except KeyError:
        return ""


def accumulators(found: dict) -> str:
    """Errors of every way to add up a dot product, with each kind of numbers."""
    heads = ["numbers", "added up by", "correctly rounded", "rms error", "largest error", "largest of a large result"]
    lines = [
        [
            row["data"],
            f"`{row['way']}`",
            f"{row['correct']:.1%}",
            *(f"{row[name]:.1e}" for name in ("rms", "largest", "relative")),
        ]
        for row in found["accumulators"]
    ]
    return table(heads, lines, left=2)


def file_types(found: dict) -> str:
    """Answers that stay the same, and the signal-to-noise ratio of the logits."""
    rows = found["file_types"]
    reference = next(row for row in rows if row["scheme"] is None)

    def cell(element: str, rule: str, block: int) -> str:
        wanted = {"element": element, "rule": rule, "block": block}
        row = next((row for row in rows if row["scheme"] == wanted), None)
        return "" if row is None else f"{row['same']} / {row['right']}, {row['sqnr']:.1f} dB"

    heads = ["elements", *(name for name, _, _ in _FILE_COLUMNS)]
    lines = [
        [element, *(cell(element, rule, block) for _, rule, block in _FILE_COLUMNS)]
        for element in claims_language.elements(rows)
    ]
    said = (
        f"In float32, {reference['right']} of {reference['files']} files get the label of their suffix. "
        f"The NumPy model and onnxruntime differ by at most {reference['runtime_difference']:.0e} in a probability."
    )
    return f"{said}\n\n{table(heads, lines, left=1)}"


_FILE_COLUMNS = (
    ("blocks of 32, RCEIL", "RCEIL", 32),
    ("FLOOR", "FLOOR", 32),
    ("EVEN", "EVEN", 32),
    ("CEIL", "CEIL", 32),
    ("blocks of 256, RCEIL", "RCEIL", 256),
    ("a scale per matrix, RCEIL", "RCEIL", 0),
    ("a scale per matrix, FLOOR", "FLOOR", 0),
)


def inputs(found: dict) -> str:
    """Packages whose texts and files were used."""
    texts = [
        [text["package"], text["version"], text["file"] or "description", text["about"], f"`{text['sha256'][:16]}`"]
        for text in found["texts"]
    ]
    files = [[row["package"], row["version"], str(row["files"]), f"`{row['sha256'][:16]}`"] for row in found["files"]]
    return "\n\n".join(
        (
            table(["text from", "version", "file", "it is", "SHA-256 begins with"], texts, left=5),
            table(["files from", "version", "number", "SHA-256 of all begins with"], files, left=2),
        )
    )


def parts(found: dict) -> dict[str, str]:
    """Return the Markdown of every part of the page."""
    minutes, seconds = divmod(round(found["seconds"]), 60)
    run = (
        f"`{found['command']}`, {found['date']}, mxmac {found['version']}, {minutes} min {seconds} s; "
        f"{found['cpu_seconds']:,} s of CPU time in all measurements."
    )
    return {
        "run": f"{run}\n\n{measured.block(found['measured'])}",
        "footprint": footprint(found),
        "scale cost": scale_cost(found),
        "accumulators": accumulators(found),
        "rules": claims_language.rules(found),
        "blocks": claims_language.blocks(found),
        "sums": claims_language.sums(found),
        "layers": claims_language.layers(found),
        "mixtures": claims_language.mixtures(found),
        "file types": file_types(found),
        "inputs": inputs(found),
    }


def pictures(found: dict) -> dict[str, str]:
    """Return the pictures by the names of their files."""
    return {
        "claims_blocks.svg": claims_language.blocks_picture(found),
        "claims_layers.svg": claims_language.layers_picture(found),
    }


def page(text: str, found: dict) -> str:
    """Return the text of the page with all parts as they should be."""
    for name, markdown in parts(found).items():
        text = results.filled(text, name, markdown)
    return text


def main():
    """Put everything in its place."""
    found = json.loads(RECORD.read_text())
    PAGE.write_text(page(PAGE.read_text(), found))
    for name, picture in pictures(found).items():
        (DOCS / name).write_text(picture)


if __name__ == "__main__":
    main()
