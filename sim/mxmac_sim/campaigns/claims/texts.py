"""Texts for the language model: licences and documentation that packages of this project ship, each cut to a few windows."""

import hashlib
from collections.abc import Sequence
from importlib.metadata import distribution
from typing import NamedTuple

from mxmac.errors import UserError
from mxmac_sim.models.language_model import LanguageModel

__all__ = ["CONTEXT", "TEXTS", "Text", "described", "windows"]

#: Tokens that are predicted in a window, each from those before it in the window.
CONTEXT = 256
#: Windows from the beginning of each text.
_WINDOWS = 2


class Text(NamedTuple):
    """A file of an installed package, or the description in its metadata if no file is named."""

    package: str
    file: str
    about: str


TEXTS = (
    Text("gmpy2", "COPYING", "GNU General Public License 3"),
    Text("hypothesis", "LICENSE.txt", "Mozilla Public License 2.0"),
    Text("safetensors", "LICENSE", "Apache License 2.0"),
    Text("typing_extensions", "LICENSE", "licence of Python"),
    Text("sortedcontainers", "", "its documentation"),
    Text("ml_dtypes", "", "its documentation"),
    Text("fsspec", "", "its documentation"),
    Text("cocotbext-axi", "", "its documentation"),
)


def read(text: Text) -> str:
    """Return a text.

    Raises
    ------
    UserError
        If the package does not have it.
    """
    package = distribution(text.package)
    if not text.file:
        # After the fields.
        _, _, description = (package.read_text("METADATA") or "").partition("\n\n")
        return description.strip()
    for path in package.files or ():
        if path.name == text.file and path.parent.name == "licenses":
            return str(path.read_text(encoding="utf-8")).strip()
    raise UserError(text.package, f"The package has no {text.file}; install the version in requirements/dev.lock")


def described(texts: Sequence[Text] = TEXTS) -> list[dict[str, str]]:
    """Return packages, their versions and digests of the texts, for a record."""
    return [
        {
            "package": text.package,
            "version": distribution(text.package).version,
            "file": text.file,
            "about": text.about,
            "sha256": hashlib.sha256(read(text).encode()).hexdigest(),
        }
        for text in texts
    ]


def windows(model: LanguageModel, texts: Sequence[Text] = TEXTS) -> list[list[int]]:
    """Return windows of tokens: one more than are predicted, for the first has none before it.

    Raises
    ------
    UserError
        If a text is too short.
    """
    found = []
    for text in texts:
        ids = model.encode(read(text))
        for start in range(0, _WINDOWS * (CONTEXT + 1), CONTEXT + 1):
            window = ids[start : start + CONTEXT + 1]
            if len(window) <= CONTEXT:
                raise UserError(text.package, f"The text has {len(ids)} tokens; {_WINDOWS * (CONTEXT + 1)} are needed")
            found.append(window)
    return found
