"""Writes the results of ``make mutate`` into the page about it: ``python docs/make_mutation.py``."""

import results

_COLUMNS = (
    "mutants",
    "killed by vectors",
    "killed by proof",
    "equivalent by SAT",
    "equivalent by induction",
    "equivalent by proof",
)


def table(result: dict) -> str:
    """Return the numbers of each unit, and all survivors, as Markdown."""
    units = result["units"]
    lines = ["| unit | " + " | ".join(_COLUMNS) + " | survived |", "|---|" + "--:|" * (len(_COLUMNS) + 1)]
    for unit in units:
        config = unit["config"]
        name = f"{config['a'][0]} × {config['b'][0]}, `{config['accumulator']}`, {config['lanes']} lanes"
        counts = [unit[column] for column in _COLUMNS] + [len(unit["survivors"])]
        lines.append(f"| {name.replace(', 1 lanes', ', 1 lane')} | " + " | ".join(f"{count:,}" for count in counts) + " |")
    total = [sum(unit[column] for unit in units) for column in _COLUMNS] + [sum(len(unit["survivors"]) for unit in units)]
    lines.append("| together | " + " | ".join(f"{count:,}" for count in total) + " |")
    lines += ["", f"Killed or equivalent: {result['score_percent']} %. The survivors:", ""]
    for unit in units:
        for survivor in unit["survivors"]:
            place, what = survivor.split(": ", 1)
            lines.append(f"- `{unit['unit']}`, `{place}`: {what.replace('_', chr(92) + '_').replace('$', chr(92) + '$')}")
    return "\n".join(lines)


if __name__ == "__main__":
    found = results.read("mutate")
    results.put("mutation", found, table(found))
