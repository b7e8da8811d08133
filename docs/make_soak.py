"""Writes the results of ``make soak`` into the page on it: ``python docs/make_soak.py``."""

import results


def markdown(found: dict) -> str:
    """Return a table of units, a table of crosses, and the list of what was not hit."""
    units = found["units"]
    lines = [
        "| unit | cycles | dot products | reachable bins | hit | cycles, compiled | dot products, compiled | mismatches |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for name, unit in units.items():
        reachable = sum(cross["reachable"] for cross in unit["coverage"].values())
        misses = unit["misses"] + unit["bulk_misses"]
        lines.append(
            f"| {name} | {unit['clocks']:,} | {unit['dots']:,} | {reachable:,} | {unit['share']:.2%} | {unit['bulk_clocks']:,} "
            f"| {unit['bulk_dots']:,} | {misses:,} |"
        )
    lines += ["", "| cross | reachable bins of all units | hit |", "|---|--:|--:|"]
    for cross in dict.fromkeys(cross for unit in units.values() for cross in unit["coverage"]):
        counts = [unit["coverage"][cross] for unit in units.values() if cross in unit["coverage"]]
        reachable, holes = sum(count["reachable"] for count in counts), sum(len(count["holes"]) for count in counts)
        lines.append(f"| {cross} | {reachable:,} | {1 - holes / reachable:.2%} |")
    lines += [
        "",
        f"{found['clocks']:,} cycles in all: {found['seconds_at_100_mhz']:.2f} s of a unit at 100 MHz.",
        "",
        "Not hit:",
        "",
    ]
    holes = [
        f"- {name}, {cross}: {hole}"
        for name, unit in units.items()
        for cross, count in unit["coverage"].items()
        for hole in count["holes"]
    ]
    lines += holes or ["- nothing"]
    lines += ["", "Taken out, as no stimulus can reach it:", "", *(f"- {rule}" for rule in found["exclusions"])]
    return "\n".join(lines)


if __name__ == "__main__":
    found = results.read("soak")
    results.put("soak", found, markdown(found))
