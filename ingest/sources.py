"""What the user named -> the files to read, each with its source key, and what each SOURCE covers.

A source key does not depend on where the folder lies: `<folder>/<path below it>`, so that a moved or copied folder
holds the same documents.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from grounding.errors import LoadError
from ingest.loaders.files import unreadable
from store.documents import KnownDocument

_GLOB = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file to load. `path` is absolute; `origin` says where it came from, for a file of the user's that path."""

    path: Path
    key: str
    origin: str


@dataclass(frozen=True, slots=True)
class Scope:
    """What one SOURCE speaks for: the documents that `prune` may delete when they are no longer there."""

    root: Path
    key: str
    pattern: Sequence[str] | None = None
    is_file: bool = False

    def covers(self, document: KnownDocument) -> bool:
        """Whether the document came from this SOURCE, by its path or, where that is gone, by its source key."""
        if not _is_path(document.origin):
            return False
        below = _below(document.origin, _text(str(self.root)), "" if self.is_file else os.sep)
        if below is None:
            below = _below(document.source, self.key, "#" if self.is_file else "/")
            if below is None or os.path.lexists(document.origin):
                return False
        if self.is_file or self.pattern is None:
            return True
        below = below.replace(os.sep, "/")
        return any(_matches(file.split("/"), self.pattern) for file in (*prefixes(below, "#"), below))


@dataclass(slots=True)
class Plan:
    """Everything that the SOURCES name, before anything is read. `unseen` are folders, by key and by path, that could
    not be listed: whatever came from there may still be there."""

    files: list[SourceFile] = field(default_factory=list)
    scopes: list[Scope] = field(default_factory=list)
    failures: list[LoadError] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    unseen: set[str] = field(default_factory=set)


def plan(sources: Sequence[str], *, suffixes: Collection[str]) -> Plan:
    """The files of all SOURCES (files, folders, globs), each once, folders in sorted order.

    Files in a folder whose ending is not one of `suffixes` are skipped; hidden files and folders are not looked at.
    A SOURCE that is not there becomes a failure.
    """
    found = Plan()
    for source in sources:
        path = _absolute(source)
        if path.is_dir():
            _add_folder(found, path, pattern=None, suffixes=suffixes)
        elif os.path.lexists(path):
            found.files.append(_file(path, _key(path.parent.name, path.name)))
            found.scopes.append(Scope(path, _key(path.parent.name, path.name), is_file=True))
        elif _GLOB.search(source):
            _add_glob(found, source, path, suffixes=suffixes)
        else:
            found.failures.append(_missing(source, "there is no such file or folder"))
    found.files = list({file.path: file for file in reversed(found.files)}.values())[::-1]
    return found


def uploaded(paths: Sequence[Path], *, origin: str) -> Plan:
    """The files of an upload. No SOURCE speaks for them: `prune` deletes none that came so."""
    return Plan(files=[SourceFile(path, _key(origin, path.name), origin) for path in paths])


def prefixes(key: str, marks: str) -> Iterator[str]:
    """The beginnings of a source key that end before one of the marks, shortest first."""
    for at, char in enumerate(key):
        if char in marks:
            yield key[:at]


def known_file_keys(known: Mapping[str, KnownDocument]) -> dict[str, str]:
    """The file key by origin of what a collection holds already: a file keeps the key that it had, however it is
    named this time."""
    keys: dict[str, str] = {}
    for document in known.values():
        name = document.origin.rsplit(os.sep, 1)[-1]
        if not name or document.origin in keys or not _is_path(document.origin):
            continue
        at = document.source.find(f"{_text(name)}#")
        keys[document.origin] = document.source if at == -1 else document.source[: at + len(name)]
    return keys


def _add_folder(found: Plan, folder: Path, *, pattern: Sequence[str] | None, suffixes: Collection[str]) -> int:
    """Adds the files below a folder; how many. A folder that cannot be listed is a failure of its own."""
    found.scopes.append(Scope(folder, _key("", folder.name), pattern))
    before = len(found.files)
    for path, error in _walk(folder):
        below = "" if path == folder else path.relative_to(folder).as_posix()
        key = _key(folder.name, below).removesuffix("/")
        if error is not None:
            found.failures.append(unreadable(key, error))
            found.unseen |= {key, _text(str(path))}
        elif pattern is None or _matches(below.split("/"), pattern):
            if path.suffix.lower() in suffixes and _stays_inside(path, folder):
                found.files.append(_file(path, key))
            else:
                found.skipped.append(key)
    return len(found.files) - before


def _add_glob(found: Plan, source: str, path: Path, *, suffixes: Collection[str]) -> None:
    fixed = next(number for number, part in enumerate(path.parts) if _GLOB.search(part))
    folder = Path(*path.parts[:fixed])
    if not folder.is_dir():
        found.failures.append(_missing(source, f"there is no folder {folder}"))
    elif not _add_folder(found, folder, pattern=path.parts[fixed:], suffixes=suffixes):
        found.scopes.pop()
        found.failures.append(_missing(source, "no supported file matches"))


def _walk(folder: Path) -> Iterator[tuple[Path, OSError | None]]:
    """Files below a folder by name, and folders that cannot be listed with the error. Hidden ones are passed over.
    Links to folders are not followed: they lead out, round, or to what is there anyway."""
    stack = [(folder, True)]
    while stack:
        path, is_folder = stack.pop()
        if not is_folder:
            yield path, None
            continue
        try:
            with os.scandir(path) as entries:
                inside = [
                    (Path(entry.path), entry.is_dir())
                    for entry in entries
                    if not entry.name.startswith(".") and not (entry.is_symlink() and entry.is_dir())
                ]
        except OSError as error:
            yield path, error
            continue
        stack += sorted(inside, reverse=True)


def _stays_inside(path: Path, folder: Path) -> bool:
    return not path.is_symlink() or path.resolve().is_relative_to(folder.resolve())


def _matches(names: Sequence[str], globs: Sequence[str]) -> bool:
    """Whether a relative path fits a glob, both in parts: `**` is any folders, `*` and `?` stay within one name."""
    if not globs:
        return not names
    if globs[0] == "**":
        return any(_matches(names[at:], globs[1:]) for at in range(len(names) + 1))
    return bool(names) and fnmatchcase(names[0], globs[0]) and _matches(names[1:], globs[1:])


def _below(path: str, root: str, mark: str) -> str | None:
    """What follows the root in a path that lies under it, "" for the root itself, else None."""
    if path == root:
        return ""
    if mark and path.startswith(root if root.endswith(mark) else root + mark):
        return path[len(root) :].lstrip(mark)
    return None


def _absolute(source: str) -> Path:
    return Path(os.path.abspath(Path(source).expanduser()))  # noqa: PTH100 - takes out "..", follows no link


def _is_path(origin: str) -> bool:
    """Whether a document came from a file of the user's, and not over HTTP."""
    return os.path.isabs(origin)  # noqa: PTH117 - asked a million times


def _file(path: Path, key: str) -> SourceFile:
    return SourceFile(path, key, _text(str(path)))


def _key(folder: str, below: str) -> str:
    return _text(f"{folder}/{below}" if folder else below)


def _text(path: str) -> str:
    """A path as storable text: NFC, since some systems decompose names; bytes that are no text are replaced."""
    return unicodedata.normalize("NFC", os.fsencode(path).decode("utf-8", "replace"))


def _missing(source: str, detail: str) -> LoadError:
    return LoadError(_text(source), reason="missing", detail=detail)
