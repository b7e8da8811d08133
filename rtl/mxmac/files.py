"""Files that are written whole or not at all."""

import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from .errors import UserError, of_the_machine

__all__ = ["check_folder", "check_writable", "private_folder", "publish", "written_together", "written_whole"]


def check_writable(path: Path) -> None:
    """Check that a file can be written to a path, before any work is done.

    Raises
    ------
    UserError
        If it is a directory, another special file or a file that must not be written, or lies in a directory that does not
        exist. Of a symbolic link, this is true of its target.
    """
    target = _target(path)
    if not target.parent.is_dir():
        raise UserError(str(path), f"The directory {str(target.parent)!r} does not exist; create it first")
    if target.is_dir():
        raise UserError(str(path), "This is a directory; give the name of a file")
    if target.is_symlink():
        raise UserError(str(path), "This symbolic link leads back to itself; give another name")
    if target.exists() and not target.is_file():
        raise UserError(str(path), "This is not a regular file, and would be replaced by one; give another name")
    if target.exists() and not os.access(target, os.W_OK):
        raise UserError(str(path), "This file is read-only; give another name, or make it writable")


def _target(path: Path) -> Path:
    """Return the file to write: the target of a symbolic link, or the path itself."""
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def check_folder(option: str, folder: Path) -> None:
    """Make a folder if it does not exist, and check that files can be written to it; permissions alone do not tell.

    Parameters
    ----------
    option : str
        Parameter that the folder was given by.
    folder : Path

    Raises
    ------
    UserError
        If it is a file, or cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        if of_the_machine(error):
            raise
        raise UserError(option, f"Files cannot be written to {str(folder)!r}: {error.strerror}") from error


@contextmanager
def private_folder(parent: Path | None = None, purpose: str = "mxmac") -> Iterator[Path]:
    """Make a folder for this run alone in a folder that runs share, and remove it at the end.

    Parameters
    ----------
    parent : Path, optional
        Made if it does not exist. The default is the folder of the system for temporary files.
    purpose : str
        Part of the name.
    """
    parent = Path(tempfile.gettempdir()) if parent is None else parent
    with _named(parent):
        parent.mkdir(parents=True, exist_ok=True)
        # Named before it is made: Ctrl-C between the two must not leave it behind, as it would inside tempfile.
        folder = parent / f".{purpose}-{secrets.token_hex(8)}"
        try:
            folder.mkdir(mode=0o700)
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def publish(source: Path, target: Path) -> None:
    """Move the files of a private folder into a folder that runs share, where each replaces its predecessor at once."""
    target.mkdir(parents=True, exist_ok=True)
    for file in source.iterdir():
        if file.is_file():
            file.replace(target / file.name)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Give errors of the file system a name: those of writing have none."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path`` to write to, and move it there at the end.

    If the body raises or is interrupted, ``path`` is as it was before and nothing is left beside it. A symbolic link stays: its
    target is written. A file that exists keeps its permissions.

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
        If the directory of one of the paths does not exist or cannot be written, or two paths lead to the same file.
    """
    for path in paths:
        check_writable(path)
    targets = [_target(path) for path in paths]
    for index, target in enumerate(targets):
        if target.resolve() in [before.resolve() for before in targets[:index]]:
            raise UserError(str(paths[index]), f"This is the same file as {str(paths[0])!r}; give another name")
    with ExitStack() as stack:
        temporaries = [
            stack.enter_context(_temporary_beside(target, path.suffix)) for target, path in zip(targets, paths, strict=True)
        ]
        with _named(paths[0]):
            yield temporaries
        umask = os.umask(0)
        os.umask(umask)
        for target, temporary in zip(targets, temporaries, strict=True):
            temporary.chmod(stat.S_IMODE(target.stat().st_mode) if target.exists() else 0o666 & ~umask)
        # Nothing can fail after the last move, so that what it replaces need not be kept.
        kept = [stack.enter_context(_kept(path)) if path.exists() else None for path in targets[:-1]]
        with ExitStack() as moved:
            for path, temporary, before in zip(targets, temporaries, [*kept, None], strict=True):
                temporary.replace(path)
                moved.callback(_put_back, path, before)
            moved.pop_all()


@contextmanager
def _temporary_beside(path: Path, suffix: str) -> Iterator[Path]:
    # The suffix keeps the extension: writers such as numpy.savez look at it. Named before it is made, as in private_folder.
    temporary = path.parent / f".{path.stem}.{secrets.token_hex(8)}{suffix}"
    try:
        try:
            os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except OSError as error:
            if of_the_machine(error):
                raise
            raise UserError(str(path), f"Cannot write here: {error.strerror}") from error
        yield temporary
    except OSError as error:
        if error.filename in (str(temporary), temporary):
            error.filename = str(path)
        raise
    finally:
        with suppress(OSError):
            temporary.unlink()


@contextmanager
def _kept(path: Path) -> Iterator[Path]:
    with _temporary_beside(path, path.suffix) as copy:
        shutil.copy2(path, copy)
        yield copy


def _put_back(path: Path, before: Path | None) -> None:
    if before is None:
        path.unlink()
    else:
        before.replace(path)
