"""Tables and pictures of the language model, for ``make_claims.py``."""

from collections.abc import Iterable, Mapping, Sequence

import claims_plots
from claims_tables import table

from mxmac_sim.campaigns.claims.language import REPAIRS, summary
from mxmac_sim.campaigns.claims.schemes import Scheme

#: Scale rules in the order of the columns.
RULES = ("RCEIL", "FLOOR", "EVEN", "CEIL")
_KINDS = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")


def elements(rows: Iterable[dict]) -> list[str]:
    """Return the element formats of some results, each once."""
    return list(dict.fromkeys(row["scheme"]["element"] for row in rows if row["scheme"]))


def reference(found: dict) -> list[float]:
    """Return the losses in float32, of whole windows."""
    return _reference(found, whole=True)


def _reference(found: dict, whole: bool) -> list[float]:
    plain = (row for row in found["language"] if row["scheme"] is None and "other" not in row)
    return next(row["losses"] for row in plain if ("windows" in row) != whole)


def _whole(found: dict, scheme: Scheme) -> dict | None:
    """Return the result with all layers quantized, and summed in float32."""
    rows = (row for row in found["language"] if row["scheme"] == scheme.as_dict() and "way" not in row)
    return next(rows, None)


def _number(value: float) -> str:
    return f"{value:.2f}" if value < 1000 else f"{value:,.0f}" if value < 1e5 else f"{value:.1e}"


def _more(ratio: float, error: float) -> str:
    """How much more than the reference: in percent, or as a factor if it is more than twice as much."""
    if ratio < 2:
        return f"{100 * (ratio - 1):+.1f} ± {100 * error:.1f} %"
    return f"× {_number(ratio)} ± {100 * error / ratio:.0f} %"


def _cell(row: dict | None, wanted: Sequence[float]) -> str:
    if row is None:
        return ""
    value, ratio, error = summary(row["losses"], wanted)
    return f"{_number(value)} ({_more(ratio, error)})"


def rules(found: dict) -> str:
    """Perplexity for each element format and scale rule, in blocks of 32."""
    wanted = reference(found)
    said = f"Perplexity in float32: {summary(wanted, wanted)[0]:.2f}."
    rows = [
        [name, f"{Scheme(name).bits:.2f}", *(_cell(_whole(found, Scheme(name, rule)), wanted) for rule in RULES)]
        for name in elements(found["language"])
    ]
    return f"{said}\n\n{table(['elements', 'bits per element', *RULES], rows, left=1)}"


#: Columns of the table of block sizes: rule and block.
_BLOCKS = (("RCEIL", 16), ("RCEIL", 32), ("RCEIL", 64), ("RCEIL", 192), ("RCEIL", 0), ("FLOOR", 0))


def blocks(found: dict) -> str:
    """Perplexity for each element format and block size; without block scales for two rules."""
    heads = [f"{f'blocks of {block}' if block else 'a scale per matrix'}, {rule}" for rule, block in _BLOCKS]
    wanted = reference(found)
    rows = [
        [name, *(_cell(_whole(found, Scheme(name, rule, block)), wanted) for rule, block in _BLOCKS)]
        for name in elements(found["language"])
    ]
    return table(["elements", *heads], rows, left=1)


def blocks_picture(found: dict) -> str:
    """Draw how much worse the model gets with the size of the blocks."""
    wanted = reference(found)
    series = {}
    for name in elements(found["language"]):
        results = [_whole(found, Scheme(name, rule, block)) for rule, block in _BLOCKS]
        series[name] = [None if row is None else summary(row["losses"], wanted)[0] for row in results]
    columns = [f"{block or 'matrix'}{', FLOOR' if rule == 'FLOOR' else ''}" for rule, block in _BLOCKS]
    return claims_plots.lines(
        "Perplexity by block size", "perplexity", "elements that share a scale; RCEIL but for the last", columns, series
    )


def sums(found: dict) -> str:
    """Perplexity with the sums of real accumulators, beside sums in float32."""
    summed, rows = [row for row in found["language"] if "way" in row], []
    exact = {row.get("tokens"): row for row in summed if row["way"] == "exact"}
    for row in summed:
        scheme, tokens, windows = Scheme(**row["scheme"]), row.get("tokens"), row.get("windows", range(len(row["losses"])))
        whole, other = _whole(found, scheme), exact.get(tokens)
        # Not the same tokens as in whole windows, if there is a number of them.
        beside = "" if tokens or whole is None else _difference(row, dict(enumerate(whole["losses"])))
        same = ""
        if other is not None and other is not row:
            same = _difference(row, dict(zip(other.get("windows", range(16)), other["losses"], strict=True)))
        value = summary(row["losses"], row["losses"])[0]
        rows.append([f"`{row['way']}`", scheme.element, f"{(tokens or 256) * len(windows):,}", f"{value:.2f}", beside, same])
    heads = ["added up by", "elements", "tokens", "perplexity", "beside float32 sums", "beside `exact`"]
    return table(heads, rows, left=2)


def _difference(row: dict, losses: Mapping[int, float]) -> str:
    """Return the change of the perplexity from other losses, by their windows; its error, if there is more than one."""
    windows = row.get("windows", range(len(row["losses"])))
    _, ratio, error = summary(row["losses"], [losses[index] for index in windows])
    return _more(ratio, error) if len(windows) > 1 else f"{100 * (ratio - 1):+.1f} %"


def _single(found: dict, scheme: Scheme, part: str, name: int | str) -> tuple[float, float] | None:
    """Return the increase of the loss by a scheme in one layer or kind of layers, and its standard error, in nats."""
    wanted = _reference(found, whole=False)
    for row in found["language"]:
        if row["scheme"] is None and row.get("other") == scheme.as_dict() and row.get(part) == [name]:
            _, ratio, error = summary(row["losses"], wanted)
            return ratio - 1, error
    return None


def _peak(found: dict, part: str, name: int | str) -> float:
    """Return the largest ratio of an activation to the root mean square, of a kind in all layers or of all kinds in a layer."""
    place = 1 if part == "layers" else 2
    (row,) = found["outliers"]
    return max(peak for weight, peak in row["peaks"].items() if weight.split(".")[place] == str(name))


def _described(scheme: Scheme) -> str:
    where = f"blocks of {scheme.block}" if scheme.block else "a scale per matrix"
    return f"{scheme.element}, {where}, {scheme.rule}"


def layers(found: dict) -> str:
    """Cost of each kind of layers, and of each layer, if it alone is quantized."""
    tried = [scheme for scheme, _ in REPAIRS]
    tables = []
    for head, part, names in (("products quantized", "kinds", _KINDS), ("layer quantized", "layers", range(30))):
        rows = []
        for name in names:
            singles = [_single(found, scheme, part, name) for scheme in tried]
            label = f"`{name}` of all layers" if part == "kinds" else f"{name}"
            cells = ["" if single is None else _more(1 + single[0], single[1]) for single in singles]
            rows.append([label, *cells, f"{_peak(found, part, name):.0f}"])
        heads = [head, *map(_described, tried), "largest activation / rms"]
        tables.append(table(heads, rows, left=1))
    return "\n\n".join(tables)


def layers_picture(found: dict) -> str:
    """Draw what each layer costs."""
    series = {}
    for scheme, _ in REPAIRS:
        singles = [_single(found, scheme, "layers", layer) for layer in range(30)]
        series[f"{scheme.element}, {'blocks' if scheme.block else 'no blocks'}"] = [
            0.0 if single is None else 100 * single[0] for single in singles
        ]
    below = "layer that is quantized alone"
    columns = [str(layer) for layer in range(30)]
    return claims_plots.bars("Cost of each layer", "perplexity, percent more", below, columns, series, floor=0.1)


def mixtures(found: dict) -> str:
    """Perplexity of mixtures, beside that of their schemes alone."""
    wanted, tables = reference(found), []
    for scheme, wide in REPAIRS:
        mixed = [(_repaired(row), row) for row in found["mixtures"] if row["scheme"] == scheme.as_dict()]
        rows = [
            [label, f"{row['bits']:.2f}", _cell(row, wanted)]
            for label, row in (("none", _whole(found, scheme)), *mixed, ("all", _whole(found, wide)))
            if row is not None
        ]
        heads = [f"in {_described(wide)}", "bits per weight", "perplexity"]
        tables.append(f"{_described(scheme)}, but for:\n\n{table(heads, rows, left=1)}")
    return "\n\n".join(tables)


def _repaired(row: dict) -> str:
    parts = [f"`{kind}`" for kind in row.get("kinds", ())]
    if row.get("layers"):
        parts.append("layers " + ", ".join(map(str, sorted(row["layers"]))))
    return "; ".join(parts)
