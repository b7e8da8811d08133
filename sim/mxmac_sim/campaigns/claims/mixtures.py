"""Mixed precision: the layers of the language model that need more bits, and models in which they have them."""

from collections.abc import Sequence

import numpy as np

from mxmac_sim.campaigns.claims import language
from mxmac_sim.campaigns.claims.schemes import Scheme
from mxmac_sim.campaigns.claims.sources import Fields, Job

__all__ = ["jobs", "order"]


def order(results: Sequence[Fields], scheme: Scheme, part: str) -> list[tuple[int | str, float]]:
    """Return single layers, or the kinds of them, by how much a scheme in them alone adds to the loss, the most first.

    Parameters
    ----------
    results : sequence of dict
        Fields and results of :func:`language.run`, among them the reference.
    scheme : Scheme
        Tried on single layers.
    part : str
        ``layers`` or ``kinds``.

    Returns
    -------
    list of tuple
        Layer or kind, and the difference of the mean losses in nats.
    """
    reference = next(row for row in results if row["scheme"] is None and "other" not in row and "tokens" in row)
    added = [
        (row[part][0], float(np.subtract(row["losses"], reference["losses"]).mean()))
        for row in results
        if row["scheme"] is None and row.get("other") == scheme.as_dict() and part in row
    ]
    return sorted(added, key=lambda pair: -pair[1])


def jobs(results: Sequence[Fields]) -> list[Job]:
    """Return the mixtures to measure, from the results for single layers: the most sensitive ones repaired, and the least."""
    found = []
    for scheme, wide in language.REPAIRS:
        layers = [name for name, _ in order(results, scheme, "layers")]
        kinds = [name for name, _ in order(results, scheme, "kinds")]
        base = {"scheme": scheme.as_dict(), "other": wide.as_dict()}
        choices: list[Fields] = [
            {"kinds": kinds[:1]},
            {"layers": layers[:5]},
            {"layers": layers[:10]},
            {"kinds": kinds[:1], "layers": layers[:5]},
            {"layers": layers[-10:]},
        ]
        found += [Job(language.CLAIM, {**base, **choice}) for choice in choices]
    return found
