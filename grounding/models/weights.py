"""Files of models: hashes that are pinned and checked, and folders that are made once and shared by processes."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from grounding.errors import ModelError

MANIFEST = "manifest.json"
LOCK_SECONDS = 600
"""A conversion takes seconds; whoever holds the lock for longer hangs."""

_log = logging.getLogger(__name__)


def sha256(path: Path) -> str:
    """The file's SHA-256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check(path: Path, *, expected: str, package: str) -> None:
    """Raises ModelError unless the file of `package` is the one whose hash is pinned."""
    try:
        found = sha256(path)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}); reinstall the package {package!r}") from error
    if found != expected:
        raise ModelError(
            f"{path}: SHA-256 is {found[:12]}…, expected {expected[:12]}…: "
            f"the file is damaged or another version; reinstall the package {package!r}"
        )


def made_once(folder: Path, *, make: Callable[[Path], None], needed: Sequence[str]) -> Path:
    """`folder`, made by `make(empty folder)` unless it is there and its `needed` files have the hashes of its manifest.

    A damaged folder is made again. It appears under its name whole or not at all; of several processes one makes it
    and the others wait. Raises ModelError.
    """
    try:
        if _intact(folder, needed):
            return folder
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(f".{folder.name}.lock"), timeout=LOCK_SECONDS):
            if not _intact(folder, needed):
                _make(folder, make)
    except Timeout:
        raise ModelError(f"{folder}: another process has been making this model for {LOCK_SECONDS} s") from None
    except OSError as error:
        raise ModelError(f"{folder}: the model cannot be kept there ({error.strerror or error})") from error
    return folder


def _intact(folder: Path, needed: Sequence[str]) -> bool:
    try:
        hashes = json.loads((folder / MANIFEST).read_text("utf-8"))["files"]
        return all(sha256(folder / name) == hashes[name] for name in needed)
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
        return False


def _make(folder: Path, make: Callable[[Path], None]) -> None:
    began = time.perf_counter()
    for abandoned in folder.parent.glob(f".{folder.name}.*.tmp"):
        shutil.rmtree(abandoned, ignore_errors=True)
    work = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".tmp", dir=folder.parent))
    try:
        make(work)
        files = [path for path in sorted(work.rglob("*")) if path.is_file()]
        hashes = {path.relative_to(work).as_posix(): sha256(path) for path in files}
        (work / MANIFEST).write_text(json.dumps({"files": hashes}, indent=1) + "\n", "utf-8")
        for path in files:  # some writers leave files that only their owner can read
            path.chmod(0o644)
        work.chmod(0o755)
        if folder.exists():
            _log.warning("model folder %s is damaged and was made again", folder)
            folder.rename(work / "replaced")
        work.rename(folder)
        shutil.rmtree(folder / "replaced", ignore_errors=True)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    _log.info("model folder %s made in %.0f ms", folder, (time.perf_counter() - began) * 1000)
