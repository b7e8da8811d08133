"""Outliers in the activations of the language model: the range that one scale of a whole matrix has to cover."""

import numpy as np

from mxmac_sim.campaigns.claims.language import SENSITIVITY, loaded
from mxmac_sim.campaigns.claims.schemes import Floats
from mxmac_sim.campaigns.claims.sources import Fields, Job, Sources
from mxmac_sim.models.language_model import OUTPUT

__all__ = ["CLAIM", "jobs", "run"]

CLAIM = "outliers"


def jobs() -> list[Job]:
    """Return the one measurement, on the first window of those for single layers."""
    return [Job(CLAIM, {"windows": SENSITIVITY["windows"][:1], "tokens": SENSITIVITY["tokens"]})]


def run(fields: Fields, sources: Sources) -> Fields:
    """Run the model in float32.

    Returns
    -------
    dict
        ``peaks``: by the names of weights, the largest magnitude that the layer receives as a multiple of the root mean square.
    """
    model, windows = loaded(sources.language)
    peaks: dict[str, float] = {}

    def linear(x: Floats, name: str) -> Floats:
        if name != OUTPUT:
            peak = float(np.abs(x).max() / np.sqrt(np.mean(x * x, dtype=np.float64)))
            peaks[name] = max(peaks.get(name, 0.0), round(peak, 1))
        return model.multiply(x, name)

    for index in fields["windows"]:
        model.features(windows[index][: fields["tokens"]], linear)
    return {"peaks": peaks}
