"""Writes the tables of proofs into their page: ``python docs/make_proofs.py``, after ``make prove``."""

from collections.abc import Sequence

import results


def _time(seconds: float) -> str:
    return f"{seconds:,.1f} s"


def _cell(row: dict | None) -> str:
    if row is None:
        return ""
    if not row["proved"]:
        return row["result"].lower()
    return f"bounded, {row['depth']}" if row["method"] == "bounded" else f"{row['method']}, {row['depth']}"


def _head(config: dict) -> str:
    """What tells the units of an accumulator apart."""
    lanes = config["lanes"]
    more = [config["target"]] if config["target"] != "generic" else []
    more += ["dsp"] if config["multiplier"] == "dsp" else []
    more += [f"blocks of {config['block']}"] if config["block"] != 32 else []
    return ", ".join([config["a"][0], f"{lanes} lane{'s' * (lanes > 1)}", *more])


def _units(units: Sequence[dict]) -> str:
    """A row for each property, a column for each unit: method and cycles; and the time of each unit."""
    names = list(dict.fromkeys(row["property"] for unit in units for row in unit["properties"]))
    heads = [_head(unit["config"]) for unit in units]
    lines = ["| property | " + " | ".join(heads) + " |", "|---|" + "---|" * len(units)]
    for name in names:
        cells = [_cell(next((row for row in unit["properties"] if row["property"] == name), None)) for unit in units]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    lines.append("| together | " + " | ".join(_time(unit["seconds"]) for unit in units) + " |")
    return "\n".join(lines)


def tables(result: dict) -> str:
    """Return the tables of a campaign as Markdown."""
    units = [unit for unit in result["units"] if unit["config"]]
    parts = [f"{result['jobs']} proof{'s' * (result['jobs'] > 1)} at a time. Method and cycles; b is E4M3."]
    for accumulator in dict.fromkeys(unit["config"]["accumulator"] for unit in units):
        own = [unit for unit in units if unit["config"]["accumulator"] == accumulator]
        # Four units side by side, as many as a page is wide.
        for start in range(0, len(own), 4):
            parts.append(f"Accumulator `{accumulator}`:" if not start else f"Accumulator `{accumulator}`, other units:")
            parts.append(_units(own[start : start + 4]))
    for unit in result["units"]:
        if not unit["config"]:
            proved = sum(row["proved"] for row in unit["properties"])
            longest = max(row["seconds"] for row in unit["properties"])
            parts.append(
                f"Multipliers of all pairings: {proved} of {len(unit['properties'])} proved, from any state, "
                f"in {_time(unit['seconds'])}, "
                f"none in more than {_time(longest)}"
            )
    return "\n\n".join(parts)


def main():
    """Put them in their place."""
    result = results.read("prove")
    results.put("proofs", result, tables(result))


if __name__ == "__main__":
    main()
