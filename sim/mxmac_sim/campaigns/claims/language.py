"""Perplexity of SmolLM2-135M with its linear layers quantized: formats, scale rules, block sizes, accumulators and mixtures."""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from mxmac.formats import ELEMENT_FORMATS
from mxmac_sim.campaigns.claims.schemes import Floats, QuantizedLayers, Scheme, as_scheme
from mxmac_sim.campaigns.claims.sources import Fields, Job, Sources
from mxmac_sim.campaigns.claims.texts import CONTEXT, windows
from mxmac_sim.campaigns.claims.ways import WAYS
from mxmac_sim.golden.quantize import ScaleRule
from mxmac_sim.models.language_model import LAYER_PRODUCTS, OUTPUT, LanguageModel
from mxmac_sim.models.smollm2 import load_wheel
from mxmac_sim.tensors.mx_tensor import MxTensor

__all__ = ["CLAIM", "REPAIRS", "SENSITIVITY", "AccumulatedLayers", "jobs", "loaded", "mean_bits", "run", "scheme_of", "summary"]

CLAIM = "language"
#: Part of the texts for the effect of single layers: half of the first window of every other text.
SENSITIVITY: Fields = {"windows": [0, 4, 8, 12], "tokens": 128}
#: Block sizes beside the MX one. They divide all K of the model, which are 576 and 1,536; 0 is one scale of a whole matrix.
BLOCKS = (16, 64, 192, 0)
#: Layers of the model.
_LAYERS = 30
#: What is tried on single layers, and what repairs a model in which all layers have it: one scale of a matrix, and blocks; four
#: bits, and eight.
REPAIRS = ((Scheme("INT8", ScaleRule.FLOOR.name, 0), Scheme("INT8")), (Scheme("E2M1"), Scheme("E4M3")))
#: Sums that are not those of float32, on how much of the text: a model of a tensor core takes a minute for 64 tokens.
_SUMS: list[tuple[str, Fields]] = [
    ("E4M3", {"way": "exact"}),
    ("E4M3", {"way": "float32, backwards", "windows": [0, 8]}),
    *(("E4M3", {"way": way, "windows": [0]}) for way in ("window", "fp32")),
    *(("E4M3", {"way": way, "windows": [0], "tokens": 64}) for way in ("exact", "tensor core, F = 13")),
]


class AccumulatedLayers:
    """Linear layers computed in a way of :data:`WAYS`, the logits in float32.

    Parameters
    ----------
    model : LanguageModel
    scheme : Scheme
    way : str
    """

    def __init__(self, model: LanguageModel, scheme: Scheme, way: str):
        self._model, self._scheme, self._product = model, scheme, WAYS[way]
        self._weights: dict[str, MxTensor] = {}

    def __call__(self, x: Floats, name: str) -> Floats:
        """Compute a layer: shape (tokens, K) to (tokens, N)."""
        if name == OUTPUT:
            return self._model.multiply(x, name)
        if name not in self._weights:
            self._weights[name] = self._scheme.quantized(self._model.weights[name])
        return self._product(self._scheme.quantized(x), self._weights[name])


def scheme_of(fields: Fields) -> Callable[[str], Scheme | None]:
    """Return the scheme of each weight, by its name.

    Parameters
    ----------
    fields : mapping
        ``scheme`` for all linear layers but the logits, None for float32. ``layers`` and ``kinds`` name layers by their number
        and products by their name, such as ``ffn_down``; those of either kind have ``other`` instead.
    """
    scheme, other = as_scheme(fields["scheme"]), as_scheme(fields.get("other"))
    layers, kinds = fields.get("layers", ()), fields.get("kinds", ())

    def of(name: str) -> Scheme | None:
        if name == OUTPUT:
            return None
        _, layer, kind, _ = name.split(".")
        return other if int(layer) in layers or kind in kinds else scheme

    return of


def mean_bits(model: LanguageModel, fields: Fields) -> float:
    """Return the bits per weight, scales included, in the mean over all linear layers but the logits."""
    of, names = scheme_of(fields), [name for name in model.linear_names if name != OUTPUT]
    sizes = [model.weights[name].size for name in names]
    schemes = (of(name) for name in names)
    bits = (32 if scheme is None else scheme.bits for scheme in schemes)
    return sum(size * bit for size, bit in zip(sizes, bits, strict=True)) / sum(sizes)


def jobs() -> list[Job]:
    """Return the settings that need no others."""
    schemes = [Scheme(name) for name in ELEMENT_FORMATS]
    schemes += [Scheme(name, ScaleRule.FLOOR.name, 0) for name in ELEMENT_FORMATS]
    schemes += [Scheme(name, rule.name) for rule in ScaleRule if rule is not ScaleRule.RCEIL for name in ELEMENT_FORMATS]
    schemes += [Scheme(name, block=block) for block in BLOCKS for name in ELEMENT_FORMATS]
    found = [Job(CLAIM, {"scheme": None}), *(Job(CLAIM, {"scheme": scheme.as_dict()}) for scheme in schemes)]
    found += [Job(CLAIM, {"scheme": Scheme(name).as_dict(), **choice}) for name, choice in _SUMS]
    found.append(Job(CLAIM, {"scheme": None, **SENSITIVITY}))
    for scheme, _ in REPAIRS:
        parts: list[Fields] = [{"kinds": [name.split(".")[0]]} for name in LAYER_PRODUCTS]
        parts += [{"layers": [layer]} for layer in range(_LAYERS)]
        for part in parts:
            found.append(Job(CLAIM, {"scheme": None, "other": scheme.as_dict(), **part, **SENSITIVITY}))
    return found


@cache
def loaded(wheel: Path) -> tuple[LanguageModel, list[list[int]]]:
    """Load the model, and cut the texts into windows of its tokens."""
    model = load_wheel(wheel)
    return model, windows(model)


def run(fields: Fields, sources: Sources) -> Fields:
    """Measure a setting.

    Returns
    -------
    dict
        ``losses``: mean negative log-likelihood of a token in each window, in nats; ``bits`` per weight.
    """
    model, every = loaded(sources.language)
    chosen = [every[index] for index in fields.get("windows", range(len(every)))]
    if "way" in fields:
        layers: Callable[[Floats, str], Floats] = AccumulatedLayers(model, Scheme(**fields["scheme"]), fields["way"])
    else:
        layers = QuantizedLayers(model, scheme_of(fields))
    length = fields.get("tokens", CONTEXT)
    losses = [float(model.losses(window[: length + 1], CONTEXT + 1, layers).mean()) for window in chosen]
    return {"losses": [round(loss, 6) for loss in losses], "bits": round(mean_bits(model, fields), 4)}


def summary(losses: Sequence[float], reference: Sequence[float]) -> tuple[float, float, float]:
    """Return the perplexity, its ratio to that of a reference on the same windows, and the standard error of that ratio.

    The error is the ratio times the standard error of the mean difference of the windows' losses; NaN for a single window.
    """
    differences = np.subtract(losses, reference)
    ratio = float(np.exp(differences.mean()))
    error = float(differences.std(ddof=1) / len(differences) ** 0.5) if len(differences) > 1 else float("nan")
    return float(np.exp(np.mean(losses))), ratio, ratio * error
