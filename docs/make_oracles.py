"""Writes the results of ``make oracles`` into the page on it: ``python docs/make_oracles.py``."""

import results


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    return [
        "| " + " | ".join(head) + " |",
        "|---|" + "--:|" * (len(head) - 1),
        *("| " + " | ".join(row) + " |" for row in rows),
        "",
    ]


def markdown(found: dict) -> str:
    """Return a table for each part."""
    numbers = [[name, *(f"{count:,}" for count in tally.values())] for name, tally in found["dots"].items()]
    lines = ["Dot products against integers and MPFR:", ""]
    lines += _table(["formats", *(f"`{kind}`" for kind in ("exact", "window", "fp32")), "mismatches"], numbers)
    lines += ["Rounding of elements, each significand of FP32 in each binade that matters, both signs:", ""]
    lines += _table(
        ["elements", "values", "mismatches"],
        [[name, f"{tally['values']:,}", f"{tally['mismatches']:,}"] for name, tally in found["rounding"].items()],
    )
    if found["products"]:
        lines += [f"Matrix products against MLX {found['mlx']}, where binary32 is exact:", ""]
        lines += _table(
            ["product", "dot products", "mismatches"],
            [[name, f"{tally['exact']:,}", f"{tally['mismatches']:,}"] for name, tally in found["products"].items()],
        )
        lines += [
            "Real dot products of K = 384 that MLX, which rounds each addition, has as an accumulator here has them:",
            "",
        ]
        lines += _table(
            ["format and accumulator", "the same"], [[name, f"{share:.1%}"] for name, share in found["real"].items()]
        )
    return "\n".join(lines)


if __name__ == "__main__":
    found = results.read("oracles")
    results.put("oracles", found, markdown(found))
