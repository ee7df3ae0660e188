"""Uploads on disk: what a request brought, safe from before it is accepted until it has been ingested.

Each has a folder of its own, `HOME/uploads/<job id>.<random>`, which holds either `documents.json`, the records, or the
files in a folder `upload`.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from grounding.errors import StoreError

ORIGIN = "upload"
"""Source keys of what came over HTTP: `upload#<id>` for a record, `upload/<name>` for a file."""
_RECORDS = "documents.json"
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Spool:
    """One upload by its folder."""

    folder: Path

    @property
    def exists(self) -> bool:
        """Whether it is still there."""
        return self.folder.is_dir()

    @property
    def job_id(self) -> str:
        """The job that it was made for. Two requests of one job may have made one each; the job names its own."""
        return self.folder.name.partition(".")[0]

    def records(self) -> list[object] | None:
        """Its records; None if it holds files."""
        file = self.folder / _RECORDS
        return cast(list[object], json.loads(file.read_bytes())) if file.is_file() else None

    def files(self, names: Sequence[str]) -> list[Path]:
        """Where its files of these names are."""
        return [self.folder / ORIGIN / name for name in names]

    def remove(self) -> None:
        """Takes it off the disk; nothing happens if it is gone."""
        shutil.rmtree(self.folder, ignore_errors=True)


def keep_records(parent: Path, job_id: str, records: Sequence[Mapping[str, object]]) -> tuple[Spool, str]:
    """The spool of records, safe on disk, and the digest of what is in it. Raises StoreError."""
    return _keep(parent, job_id, {_RECORDS: io.BytesIO(json.dumps(records, sort_keys=True).encode())})


def keep_files(parent: Path, job_id: str, files: Mapping[str, BinaryIO]) -> tuple[Spool, str]:
    """The spool of files by name, safe on disk, and the digest of what is in it. Raises StoreError."""
    return _keep(parent, job_id, {f"{ORIGIN}/{name}": content for name, content in files.items()})


def _keep(parent: Path, job_id: str, contents: Mapping[str, BinaryIO]) -> tuple[Spool, str]:
    digest = hashlib.sha256()
    try:
        parent.mkdir(parents=True, exist_ok=True)
        spool = Spool(Path(tempfile.mkdtemp(prefix=f"{job_id}.", dir=parent)))
    except OSError as error:
        raise StoreError(f"{parent} cannot be written: {error.strerror or error}") from error
    try:
        for name, content in sorted(contents.items()):
            path = spool.folder / name
            path.parent.mkdir(exist_ok=True)
            digest.update(json.dumps([name, _written(path, content)]).encode())
        for folder in {(spool.folder / name).parent for name in contents} | {spool.folder, parent}:
            _synced(folder)
    except BaseException as error:
        spool.remove()
        if isinstance(error, OSError):
            raise StoreError(f"{parent} cannot be written: {error.strerror or error}") from error
        raise
    return spool, digest.hexdigest()


def _written(path: Path, content: BinaryIO) -> str:
    """The SHA-256 of what is now in the file, and safe there."""
    digest = hashlib.sha256()
    with path.open("xb") as file:
        while block := content.read(_BLOCK):
            digest.update(block)
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()


def _synced(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
