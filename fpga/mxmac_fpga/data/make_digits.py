"""Make digits.npz: the digits that scikit-learn has, and a network trained on two thirds of them.

Usage: ``python make_digits.py``, with scikit-learn installed beside mxmac. It takes seconds.

The same images give the same weights on every machine: what is multiplied are multiples of powers of two with so few bits that
every sum of products is exact in float64, in any order in which a BLAS adds. All else is arithmetic of single numbers,
which IEEE 754 defines. So the loss, a squared hinge, needs no logarithm or exponential.
"""

import argparse
import importlib
import math
import random
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mxmac.cli.exit_status import with_exit_status
from mxmac.errors import UserError
from mxmac.files import written_whole
from mxmac_fpga.digits.network import BLOCK, FILE, FORMAT, LAYERS, WHITE, held_out, with_constant
from mxmac_sim.golden.quantize import quantize

Floats = NDArray[np.float64]

SHAPE = 1797, 8, 8
HIDDEN, CLASSES = 63, 10
SEED, EPOCHS, BATCH, RATE, MOMENTUM, DECAY = 1, 60, 32, 0.02, 0.9, 1e-3
#: Fraction bits of weights, and of what passes from layer to layer. With weights below 2, neurons below 16 and gradients below
#: 64, no sum of products takes more than 50 bits.
WEIGHT_BITS, SIGNAL_BITS = 20, 14

ABOUT = """Images and labels: Optical Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak, UCI Machine Learning
Repository, CC BY 4.0, https://doi.org/10.24432/C50P49; the 1,797 images of its test set, as scikit-learn has them
(BSD-3-Clause).
hidden, output: weights in FP32, the bias of each neuron first; _elements, _scales: the same in E4M3, blocks of 32, UE8M0.
Made by make_digits.py."""


def train(images: NDArray[np.uint8], labels: NDArray[np.uint8], seed: int = SEED) -> dict[str, NDArray[np.float32]]:
    """Train the network by stochastic gradient descent with momentum.

    Parameters
    ----------
    images : ndarray of uint8, shape (n, 8, 8)
    labels : ndarray of uint8, shape (n,)
    seed : int
        Of the first weights and of the order of the images.

    Returns
    -------
    dict of ndarray of float32
        Weights of shape (63, 64) and (10, 64).
    """
    # Of Python's generators, this is the one whose numbers are the same in every version.
    numbers = random.Random(seed)
    x, targets = with_constant(images).astype(np.float64), np.where(np.arange(CLASSES) == labels[:, None], 1.0, -1.0)
    hidden, output = (_first_weights(numbers, shape) for shape in ((HIDDEN, x.shape[1]), (CLASSES, HIDDEN + 1)))
    velocities = [np.zeros_like(hidden), np.zeros_like(output)]
    for epoch in range(EPOCHS):
        order = np.argsort([numbers.random() for _ in labels], kind="stable")
        rate = RATE * (1 - epoch / EPOCHS)
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
            given, wanted = x[chosen], targets[chosen]
            neurons = np.maximum(_on_grid(_product(given, hidden.T), SIGNAL_BITS), 0)
            received = np.pad(neurons, ((0, 0), (1, 0)), constant_values=1)
            # Half of the squared hinge has this slope.
            slope = -wanted * np.maximum(1 - wanted * _product(received, output.T), 0)
            slope = _on_grid(slope, SIGNAL_BITS)
            back = _on_grid(_product(slope, output[:, 1:]), SIGNAL_BITS) * (neurons > 0)
            gradients = _product(back.T, given), _product(slope.T, received)
            for weights, velocity, gradient in zip((hidden, output), velocities, gradients, strict=True):
                velocity *= MOMENTUM
                velocity -= rate * (gradient / BATCH + DECAY * weights)
                weights[:] = _on_grid(weights + velocity, WEIGHT_BITS)
    return dict(zip(LAYERS, (hidden.astype(np.float32), output.astype(np.float32)), strict=True))


def _first_weights(numbers: random.Random, shape: tuple[int, int]) -> Floats:
    uniform = np.array([2 * numbers.random() - 1 for _ in range(math.prod(shape))]).reshape(shape)
    return _on_grid(uniform * math.sqrt(6 / sum(shape)), WEIGHT_BITS)


def _on_grid(values: Floats, bits: int) -> Floats:
    """Values rounded to multiples of 2^-bits."""
    return np.ldexp(np.rint(np.ldexp(values, bits)), -bits)


def _product(a: Floats, b: Floats) -> Floats:
    """The matrix product, which is exact."""
    return a @ b


def contents(images: NDArray[np.uint8], labels: NDArray[np.uint8]) -> dict[str, NDArray[np.generic]]:
    """Return the arrays of the file: images, labels, weights in FP32 and in MX, and a text."""
    training = ~held_out(len(images))
    floats = train(images[training], labels[training])
    arrays: dict[str, NDArray[np.generic]] = {"images": images, "labels": labels, "about": np.array(ABOUT), **floats}
    for layer, weights in floats.items():
        tensor = quantize(weights, FORMAT, block=BLOCK)
        arrays |= {f"{layer}_elements": tensor.elements, f"{layer}_scales": tensor.scales}
    return arrays


def load_images() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return images and labels as scikit-learn has them.

    Raises
    ------
    UserError
        If it is not installed, or its images are other ones.
    """
    try:
        found = importlib.import_module("sklearn.datasets").load_digits()
    except ImportError as error:
        raise UserError("scikit-learn", "It is not installed; `pip install scikit-learn` brings it") from error
    images, labels = found.images.astype(np.uint8), found.target.astype(np.uint8)
    if (images != found.images).any() or images.shape != SHAPE or images.max() != WHITE or images[:, 0, 0].any():
        raise UserError("scikit-learn", f"These are not images of shape {SHAPE}, pixels 0 to {WHITE} and a blank corner")
    return images, labels


@with_exit_status("make_digits")
def main() -> None:
    """Make the file beside this script, or where --output says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--output", type=Path, default=FILE)
    arguments = parser.parse_args()
    arrays = contents(*load_images())
    with written_whole(arguments.output) as path:
        np.savez_compressed(path, allow_pickle=False, **arrays)


if __name__ == "__main__":
    sys.exit(main())
