"""MX tensors, and the files that hold them."""

from .mx_tensor import *  # noqa: F403 - its public names are those of the package
from .mx_tensor import __all__ as __all__
