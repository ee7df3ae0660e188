"""Damage to index files, as a disk does it: bits that turn, ends that are missing."""

from __future__ import annotations

import random
from pathlib import Path


def files(home: Path, kind: str = "") -> list[Path]:
    """Files of the indexes in use and of older ones, the newest folder last."""
    folders = [path for path in home.glob("indexes/*/*") if path.name.startswith(kind or ("vectors", "lexical"))]
    return [file for folder in sorted(folders, key=_age) for file in sorted(folder.iterdir()) if file.stat().st_size]


def _age(path: Path) -> tuple[int, str]:
    return path.stat().st_mtime_ns, path.name


def apart(file: Path) -> None:
    """Gives the file bytes of its own: newer indexes may share them by links."""
    content = file.read_bytes()
    file.unlink()
    file.write_bytes(content)


def flip(file: Path, chance: random.Random) -> None:
    """Turns one bit."""
    apart(file)
    with file.open("r+b") as stream:
        at = chance.randrange(file.stat().st_size)
        stream.seek(at)
        (byte,) = stream.read(1)
        stream.seek(at)
        stream.write(bytes([byte ^ 1 << chance.randrange(8)]))


def truncate(file: Path, chance: random.Random) -> None:
    """Takes away the end."""
    apart(file)
    with file.open("r+b") as stream:
        stream.truncate(chance.randrange(file.stat().st_size))
