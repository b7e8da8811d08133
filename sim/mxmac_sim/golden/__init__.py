"""The golden model, in NumPy."""

from .model import *  # noqa: F403 - its public names are those of the package
from .model import __all__ as __all__
