"""Generations: immutable index files, each in a folder of its own, named in SQL only once they are safe on disk.

Order of a birth: files written under a temporary name, each fsynced, their folder fsynced, the folder renamed, its
parent fsynced; only then the manifest row. Order of an opening: the checksum of the manifest first; a folder that
does not match is put aside as `<name>.bad` and never served. Order of an end: the row goes first, then the folder,
renamed before its files are removed, so that nobody finds half of it; who has it open reads on.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import shutil
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from grounding.errors import StoreError
from store.milestones import Reached, unheard

Kind: TypeAlias = Literal["vectors", "lexical"]
KINDS: tuple[Kind, ...] = ("vectors", "lexical")
KEPT = 8
"""At most so many generations of a kind stay, whoever still wants them: disks are finite."""
_TEMPORARY = ".new-"
_ENDING = ".old-"
BAD = ".bad"

Stamp: TypeAlias = frozenset[tuple[str, int, int, int]]
"""What the file system says of a folder's files: name, inode, bytes, time of the last change."""

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

    def files(self, name: str) -> list[Path]:
        """The files of a generation. Raises OSError if it is not there."""
        return _files(self.path(name))

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
                fsync(file)
            fsync(temporary)
            self._reached("generation synced")
            temporary.rename(self.path(name))
            # The folders above may be as new as this one.
            for folder in (self.folder, *self.folder.parents[:2]):
                fsync(folder)
            self._reached("generation renamed")
        except (OSError, RuntimeError) as error:  # FAISS says RuntimeError of a full disk
            reason = getattr(error, "strerror", None) or error
            raise StoreError(f"an index cannot be written in {self.folder}: {reason}") from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return files

    def verified(self, name: str, *, sha256: str) -> Path | None:
        """The folder if it is what its manifest says. None if it is not there, cannot be read, or is damaged: then it
        is put aside, and never served."""
        path = self.path(name)
        try:
            found, _ = _digest(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            logger.error("index %s cannot be read: %s", name, error.strerror)
            return None
        if found == sha256:
            return path
        logger.error("index %s is damaged", name)
        self.put_aside(name)
        return None

    def put_aside(self, name: str) -> None:
        """From now on nobody takes the folder for an index."""
        try:
            self.path(name).rename(self.folder / f"{name}{BAD}")
        except OSError as error:  # another process was first, or this one has no right to
            logger.warning("index %s was not put aside: %s", name, error.strerror)

    def is_put_aside(self, name: str) -> bool:
        return self.path(f"{name}{BAD}").is_dir()

    def stamp(self, name: str) -> Stamp:
        """Changes whenever the files do, and costs no reading of them; empty if they are not there."""
        try:
            found = [(file.name, file.stat()) for file in _files(self.path(name))]
        except OSError:
            return frozenset()
        return frozenset((file, status.st_ino, status.st_size, status.st_mtime_ns) for file, status in found)

    def is_there(self, name: str, *, size: int) -> bool:
        """Whether the files are there in full length: the cheap look, without reading them."""
        try:
            return sum(file.stat().st_size for file in _files(self.path(name))) == size
        except OSError:
            return False

    def unnamed(self, names: Collection[str]) -> list[str]:
        """What is there beside these generations: left by a process that was killed, put aside, or being written."""
        try:
            return sorted(path.name for path in self.folder.iterdir() if path.name not in names)
        except OSError:  # it is not there
            return []

    def sweep(self, keep: Collection[str]) -> None:
        """Removes everything but these generations. Only for the collection's writer."""
        for name in self.unnamed(keep):
            ending = self.path(name)
            if not name.startswith(_ENDING):
                with suppress(OSError):
                    ending = ending.rename(self.path(f"{_ENDING}{name}"))
            shutil.rmtree(ending, ignore_errors=True)

    def size(self) -> int:
        """Bytes of all files. Those that several generations share count once."""
        found = (file.stat() for file in self.folder.glob("*/*") if file.is_file())
        return sum({status.st_ino: status.st_size for status in found}.values())

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


def fsync(path: Path) -> None:
    """Has a file, or the names in a folder, safe on disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
