"""Files that are written whole or not at all."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from .errors import UserError

__all__ = ["check_writable", "written_together", "written_whole"]


def check_writable(path: Path) -> None:
    """Refuse a path that no file can be written to, before any work is done.

    Raises
    ------
    UserError
        If it is a directory or another special file, or lies in a directory that does not exist.
    """
    if not path.parent.is_dir():
        raise UserError(str(path), f"The directory {str(path.parent)!r} does not exist; create it first")
    if path.is_dir():
        raise UserError(str(path), "This is a directory; give the name of a file")
    if path.exists() and not path.is_file():
        raise UserError(str(path), "This is no regular file, and would be replaced by one; give another name")


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path`` to write to, and move it there at the end.

    If the body raises or is interrupted, ``path`` is as it was before and nothing is left beside it.

    Raises
    ------
    UserError
        If the directory of ``path`` does not exist or cannot be written.
    """
    with written_together(path) as (temporary,):
        yield temporary


@contextmanager
def written_together(*paths: Path) -> Iterator[list[Path]]:
    """As ``written_whole``, for files that belong together: all of them are replaced, or none.

    File systems move one file at a time. If one of the moves fails, those before it are undone.

    Raises
    ------
    UserError
        If the directory of one of the paths does not exist or cannot be written.
    """
    for path in paths:
        check_writable(path)
    with ExitStack() as stack:
        temporaries = [stack.enter_context(_temporary_beside(path)) for path in paths]
        yield temporaries
        umask = os.umask(0)
        os.umask(umask)
        for temporary in temporaries:
            temporary.chmod(0o666 & ~umask)
        # Nothing can fail after the last move, so that what it replaces need not be kept.
        kept = [stack.enter_context(_kept(path)) if path.exists() else None for path in paths[:-1]]
        with ExitStack() as moved:
            for path, temporary, before in zip(paths, temporaries, [*kept, None], strict=True):
                temporary.replace(path)
                moved.callback(_put_back, path, before)
            moved.pop_all()


@contextmanager
def _temporary_beside(path: Path) -> Iterator[Path]:
    try:
        # A suffix that keeps the extension: writers such as numpy.savez look at it.
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=path.suffix, dir=path.parent)
    except OSError as error:
        raise UserError(str(path), f"Cannot write here: {error.strerror}") from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _kept(path: Path) -> Iterator[Path]:
    with _temporary_beside(path) as copy:
        shutil.copy2(path, copy)
        yield copy


def _put_back(path: Path, before: Path | None):
    if before is None:
        path.unlink()
    else:
        before.replace(path)
