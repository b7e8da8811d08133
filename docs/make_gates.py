"""Writes the table of netlists into their page: ``python docs/make_gates.py``, after ``make gates``."""

import results


def table(result: dict) -> str:
    """Return the results of a campaign as Markdown: cells of each netlist, and how many of the changed ones were noticed."""
    technologies = {name: title for name, title in result["technologies"].items() if name not in result["skipped"]}
    found = {(row["unit"], row["on"]): row for row in result["results"]}
    wrong = [row for row in found.values() if row["problem"]]
    changed = [(row, cell, problem) for row in found.values() for cell, problem in row["changes"].items()]
    unnoticed = [(row, cell) for row, cell, problem in changed if problem is None]
    lines = ["| unit | dot products | " + " | ".join(technologies.values()) + " |", "|---|--:|" + "--:|" * len(technologies)]
    for unit in dict.fromkeys(unit for unit, _ in found):
        rows = [found[unit, on] for on in technologies]
        cells = [f"{row['cells']:,}{' **fails**' if row['problem'] else ''}" for row in rows]
        lines.append(f"| {unit} | {max(row['dots'] for row in rows):,} | " + " | ".join(cells) + " |")
    lines += ["", f"{len(found) - len(wrong)} of {len(found)} netlists pass."]
    lines += [f"- {row['unit']}, {row['on']}: {row['problem']}" for row in wrong]
    lines += [f"{result['technologies'][on]}: skipped. {reason}." for on, reason in result["skipped"].items()]
    lines += [
        "",
        f"Of {len(changed):,} changed cells, {len(changed) - len(unnoticed):,} make their netlist fail. Not noticed:",
        "",
    ]
    lines += [f"- {row['unit']}, {row['on']}: `{cell}`" for row, cell in unnoticed] or ["none"]
    return "\n".join(lines)


def main():
    """Put it in its place."""
    result = results.read("gates")
    results.put("gates", result, table(result))


if __name__ == "__main__":
    main()
