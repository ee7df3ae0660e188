"""Generations: immutable index files, each in a folder of its own, named in SQL only once they are safe on disk.

Order of a birth: files written under a temporary name, each fsynced, their folder fsynced, the folder renamed, its
parent fsynced; only then the manifest row. Order of an opening: the checksum of the manifest first; a folder that
does not match is put aside as `<name>.bad` and never served.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import shutil
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from grounding.errors import StoreError
from store.milestones import Reached, unheard

Kind: TypeAlias = Literal["vectors", "lexical"]
KEPT = 2
"""Generations of a kind that stay: the one in use, and the one before for readers that are about to change."""
_TEMPORARY = ".new-"
_BAD = ".bad"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Files:
    """A folder that was born: what its manifest says of it."""

    name: str
    sha256: str
    bytes: int


class Shelf:
    """The folder of one collection's generations."""

    def __init__(self, folder: Path, *, reached: Reached = unheard) -> None:
        self.folder = folder
        self._reached = reached

    def path(self, name: str) -> Path:
        return self.folder / name

    def add(self, kind: Kind, *, change: int, fill: Callable[[Path], None]) -> Files:
        """The files that `fill` writes into the folder it gets, safe on disk. Raises StoreError, and leaves nothing."""
        name = f"{kind}-{change:010d}-{secrets.token_hex(4)}"
        temporary = self.folder / f"{_TEMPORARY}{name}"
        try:
            temporary.mkdir(parents=True)
            fill(temporary)
            self._reached("generation filled")
            files = Files(name, *_digest(temporary))
            for file in _files(temporary):
                _fsync(file)
            _fsync(temporary)
            self._reached("generation synced")
            temporary.rename(self.path(name))
            # The folders above may be as new as this one.
            for folder in (self.folder, *self.folder.parents[:2]):
                _fsync(folder)
            self._reached("generation renamed")
        except OSError as error:
            raise StoreError(f"an index cannot be written in {self.folder}: {error.strerror or error}") from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return files

    def verified(self, name: str, *, sha256: str) -> Path | None:
        """The folder if it is what its manifest says. None if not: then it is put aside, and never served."""
        path = self.path(name)
        try:
            found, _ = _digest(path)
        except OSError as error:
            logger.error("index %s cannot be read (%s): answering without it until it is rebuilt", name, error.strerror)
            return None
        if found == sha256:
            return path
        logger.error("index %s is damaged: answering without it until it is rebuilt", name)
        try:
            path.rename(self.folder / f"{name}{_BAD}")
        except OSError as error:  # another process was first, or this one has no right to
            logger.warning("index %s was not put aside: %s", name, error.strerror)
        return None

    def is_there(self, name: str, *, size: int) -> bool:
        """Whether the files are there in full length: the cheap look, without reading them."""
        try:
            return sum(file.stat().st_size for file in _files(self.path(name))) == size
        except OSError:
            return False

    def sweep(self, keep: Collection[str]) -> None:
        """Removes everything but these generations. Only for the collection's writer."""
        if not self.folder.is_dir():
            return
        for path in self.folder.iterdir():
            if path.name not in keep:
                shutil.rmtree(path, ignore_errors=True)

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def _files(folder: Path) -> list[Path]:
    # Readers of a lexical index leave lock files beside it.
    return sorted(file for file in folder.iterdir() if not file.name.endswith(".lock"))


def _digest(folder: Path) -> tuple[str, int]:
    """SHA-256 over names and contents of all files, and their bytes."""
    whole, size = hashlib.sha256(), 0
    for file in _files(folder):
        with file.open("rb") as stream:
            content = hashlib.file_digest(stream, "sha256")
        length = file.stat().st_size
        whole.update(f"{file.name}\0{length}\0{content.hexdigest()}\n".encode())
        size += length
    return whole.hexdigest(), size


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
