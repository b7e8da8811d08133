"""Tensors that ``mxmac compare`` reads by their values: floats, and quantized tensors as their products."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from mxmac.errors import UserError

from ..tensors.archives import file_and_name, listed
from ..tensors.contents import Entry, contents
from ..tensors.files import open_floats
from ..tensors.quantized import open_stored
from ..tensors.source import Source, open_source
from ..tensors.stated import Stated
from .operands import refuse_facts
from .rows import Rows, float_rows, product_rows

__all__ = ["Input", "Skipped", "inputs_of"]

#: Axes that a tensor has to have, unless it is named.
_AXES = 2


@dataclass(frozen=True)
class Skipped:
    """A tensor that is left out.

    Members
    -------
    file : Path
    name : str or None
    reason : str
    """

    file: Path
    name: str | None
    reason: str


@dataclass(frozen=True, eq=False)
class Input:
    """A tensor of a file.

    Members
    -------
    file : Path
        As given.
    name : str or None
        None for the only array of a file.
    about : str
        Type of floats, or layout and format of a quantized tensor.
    shape : tuple of int
    stated : Stated
    source : Source or None
        The opened file of a quantized tensor.
    """

    file: Path
    name: str | None
    about: str
    shape: tuple[int, ...]
    stated: Stated
    source: Source | None = None

    @property
    def label(self) -> str:
        """File and name, as the command line has them."""
        return str(self.file) if self.name is None else f"{self.file}:{self.name}"

    @contextmanager
    def opened(self) -> Iterator[Rows]:
        """Open it to read its values in slices.

        Raises
        ------
        UserError
            If the file is damaged or the tensor too large.
        """
        with ExitStack() as stack:
            if self.source is None:
                floats = stack.enter_context(open_floats(self.file, self.name, self.stated.max_size))
                yield float_rows(self.file, floats)
                return
            stored = stack.enter_context(open_stored(self.source, self.name, self.stated))
            assert stored is not None
            yield product_rows(self.file, stored)


def inputs_of(argument: str, stated: Stated) -> tuple[list[Input], list[Skipped]]:
    """Return the tensors that an argument stands for.

    Parameters
    ----------
    argument : str
        ``FILE`` or ``FILE:NAME``. Without a name: all floats and quantized tensors of two axes or more.
    stated : Stated
        Facts that files of quantized tensors may leave open.

    Returns
    -------
    tensors : list of Input
    skipped : list of Skipped
        Tensors that cannot be read.

    Raises
    ------
    UserError
        If the file cannot be read, there is no such tensor, or none of two axes.
    """
    file, name = file_and_name(argument)
    if file.suffix.lower() == ".npy":
        refuse_facts(file, stated)
        return [_floats(file, name, stated)], []
    if name is not None:
        return [_named(file, name, stated)], []
    source = open_source(file)
    entries = contents(source, stated)
    tensors = [_input(file, source, entry, stated) for entry in entries if _axes(entry) >= _AXES]
    skipped = [Skipped(file, entry.array.name, entry.reason) for entry in entries if entry.scales is not None and entry.reason]
    if not tensors and len(entries) == 1:
        # Also with one axis; or the error says why it cannot be read.
        tensors = [_named(file, entries[0].array.name, stated)]
    if not tensors:
        names = listed([entry.array.name for entry in entries])
        raise UserError(str(file), f"It has no tensor of two axes that can be read; choose one as FILE:NAME: {names}")
    return tensors, skipped


def _axes(entry: Entry) -> int:
    """Axes of a tensor that can be read; 0 for others and for empty ones."""
    if entry.reason:
        return 0
    shape = entry.array.shape if entry.tensor is None else entry.tensor.elements.shape
    return 0 if 0 in shape else len(shape)


def _input(file: Path, source: Source, entry: Entry, stated: Stated) -> Input:
    name, tensor = entry.array.name, entry.tensor
    if tensor is None:
        return Input(file, name, entry.array.dtype, entry.array.shape, stated)
    about = f"{tensor.layout} {tensor.format.name}"
    return Input(file, name, about, tensor.elements.shape, stated, source)


def _named(file: Path, name: str, stated: Stated) -> Input:
    source = open_source(file)
    with open_stored(source, name, stated) as stored:
        if stored is not None:
            head = stored.head
            if not head.fitting:
                head.floats()
            return Input(file, name, f"{head.layout} {head.format.name}", head.elements.shape, stated, source)
    refuse_facts(file, stated)
    return _floats(file, name, stated)


def _floats(file: Path, name: str | None, stated: Stated) -> Input:
    with open_floats(file, name, stated.max_size) as floats:
        return Input(file, name, str(floats.dtype), floats.shape, stated)
