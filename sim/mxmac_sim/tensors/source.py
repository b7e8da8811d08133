"""The arrays of a file, or of all shards of a checkpoint, by name."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from mxmac.errors import UserError
from mxmac_sim.tensors.archives import (
    ArchiveFile,
    check_size,
    checked_suffix,
    listed,
    parsed_json,
    reading,
)
from mxmac_sim.tensors.safetensors_reader import TensorsFile

__all__ = ["ARCHIVES", "Source", "open_source", "split_index"]

ARCHIVES = (".npz", ".safetensors")
_INDEX = ".safetensors.index.json"
#: A name with the position of a matrix.
_INDEXED = re.compile(r"(.+)\[([0-9]{1,9})\]")


@dataclass
class Source:
    """Arrays by name. Their data are read one by one.

    Parameters
    ----------
    path : Path
        As the user gives it: a file, an index or a folder.
    files : mapping of str to Path
        Names of all arrays, and the file of each.
    whole : bool
        Whether no other file is known to be beside it that may have more of its arrays.
    """

    path: Path
    files: Mapping[str, Path]
    whole: bool = True
    _opened: dict[Path, ArchiveFile | TensorsFile] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """Names of all arrays."""
        return list(self.files)

    def file(self, name: str) -> ArchiveFile | TensorsFile:
        """Return the opened file of an array.

        Raises
        ------
        UserError
            If the file is missing or damaged, or does not have the array.
        """
        path = self.files[name]
        if path not in self._opened:
            if not path.is_file():
                raise UserError(str(self.path), f"{name!r} is in {path.name!r}, which is missing; all of its shards are needed")
            self._opened[path] = _open(path)
        if name not in self._opened[path].names:
            raise UserError(str(self.path), f"The index has {name!r} in {path.name!r}, but that file does not")
        return self._opened[path]

    def read(self, names: Sequence[str], max_size: float, index: int | None = None) -> dict[str, NDArray[Any]]:
        """Read arrays.

        Parameters
        ----------
        names : sequence of str
        max_size : float
            Largest total size, in GiB of memory.
        index : int, optional
            Of the first array, read the matrix at this position of its first axis only.

        Raises
        ------
        UserError
            If a file is missing or damaged, the arrays are larger than ``max_size``, or there is no such index.
        """
        indices = [index, *(None for _ in names[1:])][: len(names)]
        sizes = [self.file(name).size(name, i) for name, i in zip(names, indices, strict=True)]
        check_size(self.path, sum(sizes), max_size)
        return {name: self.file(name).read(name, i) for name, i in zip(names, indices, strict=True)}


def open_source(path: Path) -> Source:
    """Return the arrays of a file, a checkpoint's index, a folder of shards, or the checkpoint that a shard belongs to.

    Parameters
    ----------
    path : Path
        A ``.npz`` or ``.safetensors`` file, a ``.safetensors.index.json``, or a folder with such an index or with shards.

    Raises
    ------
    UserError
        If there is no such file, it is damaged or of another kind, or a folder has several indices or none, and no shards.
    """
    if path.is_dir():
        return _of_folder(path)
    if path.name.lower().endswith(_INDEX):
        checked_suffix(path, (".json",))
        return Source(path, _shards_of(path))
    checked_suffix(path, ARCHIVES)
    file = _open(path)
    files = dict.fromkeys(file.names, path)
    for index in sorted(path.parent.glob(f"*{_INDEX}")) if isinstance(file, TensorsFile) else ():
        try:
            shards = _shards_of(index)
        except UserError:  # Not the index of this file, as far as one can tell.
            continue
        if path.resolve() in {shard.resolve() for shard in set(shards.values())}:
            return Source(path, shards | files, _opened={path: file})
    others = any(other != path for other in path.parent.glob("*.safetensors"))
    return Source(path, files, isinstance(file, ArchiveFile) or not others, {path: file})


def split_index(name: str | None, names: Sequence[str]) -> tuple[str | None, int | None]:
    """Split ``NAME[3]`` into the name of a tensor and the position of one of its matrices, unless an array has that name."""
    match = _INDEXED.fullmatch(name) if name is not None and name not in names else None
    return (match[1], int(match[2])) if match else (name, None)


def _open(path: Path) -> ArchiveFile | TensorsFile:
    return ArchiveFile(path) if path.suffix.lower() == ".npz" else TensorsFile(path)


def _of_folder(path: Path) -> Source:
    indices, shards = (sorted(path.glob(pattern)) for pattern in (f"*{_INDEX}", "*.safetensors"))
    if len(indices) == 1:
        return Source(path, _shards_of(indices[0]))
    if indices:
        raise UserError(str(path), f"It has {len(indices)} indices; give one: {listed([index.name for index in indices])}")
    if not shards:
        message = f"This is a directory without .safetensors files; accepted: {', '.join(ARCHIVES)}, or a checkpoint"
        raise UserError(str(path), message)
    opened: dict[Path, ArchiveFile | TensorsFile] = {shard: TensorsFile(shard) for shard in shards}
    files: dict[str, Path] = {}
    for shard, file in opened.items():
        twice = sorted(set(file.names) & set(files))
        if twice:
            message = f"{twice[0]!r} is in {files[twice[0]].name!r} and in {shard.name!r}; give one file, or an index"
            raise UserError(str(path), message)
        files |= dict.fromkeys(file.names, shard)
    return Source(path, files, _opened=opened)


def _shards_of(index: Path) -> dict[str, Path]:
    """Names of all tensors of a checkpoint, and their files, which are beside its index."""
    with reading(index):
        content = parsed_json(index.read_bytes())
    files = content.get("weight_map") if isinstance(content, dict) else None
    if not isinstance(files, dict) or not all(isinstance(file, str) for file in files.values()):
        raise UserError(str(index), "It has no weight_map from names of tensors to names of files")
    for file in set(files.values()):
        if Path(file).name != file or Path(file).suffix.lower() != ".safetensors":
            raise UserError(str(index), f"Its weight_map names {file!r}; .safetensors files beside it are needed")
    return {name: index.parent / file for name, file in files.items()}
