"""Archives: the file that a backup is, a plain tar that any system can read.

It holds `grounding.db`, always SQLite whatever the store's database is; the indexes in use, as
`indexes/<folder>/<generation>/<file>`; then `manifest.json`, which names each of them with its checksum, and last
`manifest.json.sha256`. One that was cut off lacks its end, one that was changed does not match: both are refused.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from grounding.errors import InvalidRequest, StoreError
from store.generations import fsync

FORMAT = 1
DATABASE = "grounding.db"
_MANIFEST = "manifest.json"
_SEAL = "manifest.json.sha256"
_LARGEST_MANIFEST = 64 * 2**20
_BLOCK = 2**20
_REGULAR = (tarfile.REGTYPE, tarfile.AREGTYPE)
_PART = r"\.?\w[\w.\-]{0,199}"
_NAME = re.compile(rf"(?:{DATABASE}|indexes/{_PART}/{_PART}/{_PART})\Z", re.ASCII)
"""No other name is ever written to disk."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A collection in a backup."""

    name: str
    documents: int
    passages: int


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an archive says of itself. `database` is the kind of database that it was made of."""

    format: int
    grounding: str
    schema: str
    database: str
    created_at: datetime
    collections: tuple[Counted, ...]
    conversations: int
    exchanges: int
    keys: int
    members: tuple[Member, ...] = ()

    def to_json(self) -> dict[str, object]:
        """The manifest as it is written, and as commands print it."""
        return {**asdict(self), "created_at": self.created_at.isoformat()}

    @staticmethod
    def of_json(value: Mapping[str, Any]) -> Manifest:
        """Raises KeyError, TypeError or ValueError for what is no manifest."""
        known = {
            **value,
            "created_at": datetime.fromisoformat(value["created_at"]),
            "collections": tuple(Counted(**each) for each in value["collections"]),
            "members": tuple(Member(**each) for each in value["members"]),
        }
        return Manifest(**known)


class Writer:
    """Adds one file after the other."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._tar = tarfile.TarFile(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT)
        self._stream = stream
        self._members: list[Member] = []

    @property
    def members(self) -> tuple[Member, ...]:
        return tuple(self._members)

    def add(self, name: str, file: IO[bytes]) -> None:
        """Raises OSError."""
        size = os.fstat(file.fileno()).st_size
        hashing = _Hashing(file)
        self._put(name, size, hashing)
        self._members.append(Member(name, size, hashing.hexdigest()))

    def close(self, manifest: Manifest) -> None:
        """Seals it and has it safe on disk. Raises OSError."""
        whole = json.dumps(manifest.to_json(), indent=1).encode()
        seal = f"{hashlib.sha256(whole).hexdigest()}  {_MANIFEST}\n".encode()
        for name, content in ((_MANIFEST, whole), (_SEAL, seal)):
            self._put(name, len(content), _Hashing(io.BytesIO(content)))
        self._tar.close()
        self._stream.flush()
        os.fsync(self._stream.fileno())

    def _put(self, name: str, size: int, file: _Hashing) -> None:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = size, 0o600
        self._tar.addfile(entry, file)


class Archive:
    """An archive that is whole and of a format that this version reads; its members are not verified yet."""

    def __init__(
        self, path: Path, tar: tarfile.TarFile, entries: Mapping[str, tarfile.TarInfo], manifest: Manifest
    ) -> None:
        self._path = path
        self._tar = tar
        self._entries = entries
        self.manifest = manifest

    def unpack(self, folder: Path) -> Iterator[Member]:
        """Writes each member below the folder, safe on disk, and gives it when it is verified.

        Raises StoreError for one that is not what the manifest says.
        """
        for member in self.manifest.members:
            target = folder / member.name
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as stream:
                found = self._copy(member.name, stream)
                stream.flush()
                os.fsync(stream.fileno())
            if found != member.sha256:
                raise StoreError(f"{self._path} is damaged: {member.name} in it is not what was backed up")
            yield member
        for made in [path for path in folder.rglob("*") if path.is_dir()]:
            fsync(made)

    def _copy(self, name: str, stream: IO[bytes]) -> str:
        """The checksum of what was copied."""
        source = self._tar.extractfile(self._entries[name])
        assert source is not None
        hashing = _Hashing(source)
        try:
            shutil.copyfileobj(hashing, stream, _BLOCK)
        except tarfile.TarError as error:
            raise StoreError(_cut_off(self._path)) from error
        return hashing.hexdigest()


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """The archive at `path`. Raises InvalidRequest if it is none, StoreError if it is damaged or cannot be read."""
    try:
        tar = tarfile.open(path, "r:")  # noqa: SIM115 - closed below
    except tarfile.TarError as error:
        raise InvalidRequest(_not_one(path)) from error
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be read: {error.strerror or error}") from error
    with tar:
        try:
            # Sparse files, links and devices are none of ours: a regular file is never larger than its archive.
            entries = {entry.name: entry for entry in tar.getmembers() if entry.type in _REGULAR}
            manifest = _manifest(tar, entries, path)
        except tarfile.TarError as error:
            raise StoreError(_cut_off(path)) from error
        yield Archive(path, tar, entries, manifest)


def _manifest(tar: tarfile.TarFile, entries: Mapping[str, tarfile.TarInfo], path: Path) -> Manifest:
    if DATABASE not in entries:
        raise InvalidRequest(_not_one(path))
    if _MANIFEST not in entries or _SEAL not in entries or entries[_MANIFEST].size > _LARGEST_MANIFEST:
        raise StoreError(_cut_off(path))
    whole, seal = (_content(tar, entries[name]) for name in (_MANIFEST, _SEAL))
    if seal.split(b" ")[0].decode("ascii", "replace") != hashlib.sha256(whole).hexdigest():
        raise StoreError(f"{path} is damaged: its manifest is not what was written; take another backup")
    try:
        value = json.loads(whole)
        if value["format"] != FORMAT:
            raise StoreError(
                f"{path} has the format {value['format']}, this version reads {FORMAT}: upgrade grounding to restore it"
            )
        manifest = Manifest.of_json(value)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StoreError(f"{path} is damaged: its manifest cannot be read; take another backup") from error
    for member in manifest.members:
        entry = entries.get(member.name)
        if entry is None or entry.size != member.bytes or not _NAME.match(member.name):
            raise StoreError(f"{path} is damaged: {member.name!r} is not in it as its manifest says")
    return manifest


def _content(tar: tarfile.TarFile, entry: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(entry)
    assert file is not None
    return file.read()


def _not_one(path: Path) -> str:
    return f"{path} is not a backup, or its beginning is damaged: name a file that  grounding backup  made"


def _cut_off(path: Path) -> str:
    return f"{path} is damaged: it was cut off, or a part of it was overwritten; take another backup"


class _Hashing:
    """A file whose checksum is known once it has been read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._whole = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        block = self._file.read(size)
        self._whole.update(block)
        return block

    def hexdigest(self) -> str:
        return self._whole.hexdigest()
