"""A disk whose power is cut: the system calls of a child, replayed on a model that knows what is safe and what is not.

`strace` tells what the process really did, native libraries included. A write is safe once its file was fsynced, a
name once its folder was. At any moment the disk may be cut: strictly, only what is safe is left; by chance, any part
of the rest is left, too.
"""

from __future__ import annotations

import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TypeAlias

from tests.faults.child import Task

REPOSITORY = Path(__file__).parents[2]
STRACE = shutil.which("strace")
CALLS = (
    "open,openat,creat,close,dup,dup2,dup3,fcntl,write,pwrite64,writev,pwritev,pwritev2,sendfile,copy_file_range,"
    "truncate,ftruncate,fallocate,lseek,fsync,fdatasync,sync_file_range,rename,renameat,renameat2,link,linkat,symlink,"
    "symlinkat,unlink,unlinkat,mkdir,mkdirat,rmdir"
)
_LINE = re.compile(r"(\d+) +(\w+)\((.*)\) += (-?\d+)(?:<(.*)>)?")
_STARTED = re.compile(r"(\d+) +(.*) <unfinished \.\.\.>")
_RESUMED = re.compile(r"(\d+) +<\.\.\. \w+ resumed>(.*)")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_DESCRIPTOR = re.compile(r"(\d+)<([^>]*)>")


@dataclass(frozen=True, slots=True)
class Call:
    """A system call that succeeded: its arguments as text, its result, the strings and open files in it."""

    name: str
    arguments: str
    result: int
    texts: tuple[bytes, ...]
    descriptors: tuple[tuple[int, str], ...]

    def number(self, place: int) -> int:
        """The argument at this place from the end, counted from 1."""
        return int(self.arguments.rsplit(", ", place)[-place])


def record(task: Task, folder: Path) -> list[Call]:
    """Runs the task to its end, and returns what it asked of the system."""
    order, trace = folder / "task.json", folder / "trace"
    order.write_text(task.to_json())
    assert STRACE is not None
    tracing = [STRACE, "-f", "-y", "-xx", "-s", str(1 << 24), "-e", f"trace={CALLS}", "-o", str(trace)]
    child = [sys.executable, "-m", "tests.faults.nursery", str(order)]
    subprocess.run([*tracing, *child], cwd=REPOSITORY, check=True)
    return list(_calls(trace))


def _calls(trace: Path) -> Iterator[Call]:
    started: dict[str, str] = {}
    with trace.open() as lines:
        for raw in lines:
            line = raw.rstrip("\n")
            if half := _STARTED.fullmatch(line):
                started[half[1]] = half[2]
                continue
            if rest := _RESUMED.fullmatch(line):
                line = f"{rest[1]} {started.pop(rest[1])}{rest[2]}"
            if (found := _LINE.fullmatch(line)) and int(found[4]) >= 0:
                texts = tuple(bytes.fromhex(text.replace("\\x", "")) for text in _TEXT.findall(found[3]))
                known = tuple((int(number), _plain(path)) for number, path in _DESCRIPTOR.findall(found[3]))
                yield Call(found[2], found[3], int(found[4]), texts, known)


def _plain(path: str) -> str:
    return bytes.fromhex(path.replace("\\x", "")).decode() if path.startswith("\\x") else path


@dataclass(slots=True, eq=False)
class File:
    """Content now, content that is safe, and the writes since then: at an offset some bytes, or None for an end."""

    now: bytearray = field(default_factory=bytearray)
    safe: bytes = b""
    since: list[tuple[int, bytes | None]] = field(default_factory=list)

    def write(self, at: int, content: bytes | None) -> None:
        _write(self.now, at, content)
        self.since.append((at, content))

    def sync(self) -> None:
        self.safe, self.since = bytes(self.now), []

    def left(self, chance: random.Random | None) -> bytes:
        content = bytearray(self.safe)
        for at, new in self.since if chance else ():
            if chance and chance.random() < 0.5:
                _write(content, at, new)
        return bytes(content)


def _write(content: bytearray, at: int, new: bytes | None) -> None:
    if new is None:
        del content[at:]
    if len(content) < at + len(new or b""):
        content.extend(bytes(at + len(new or b"") - len(content)))
    content[at : at + len(new or b"")] = new or b""


Node: TypeAlias = "File | Folder"
Names: TypeAlias = dict[str, Node]


@dataclass(slots=True, eq=False)
class Folder:
    """Names now, names that are safe, and the changes since then, each whole or not at all."""

    now: Names = field(default_factory=dict)
    safe: Names = field(default_factory=dict)
    since: list[dict[str, Node | None]] = field(default_factory=list)

    def change(self, names: dict[str, Node | None]) -> None:
        _change(self.now, names)
        self.since.append(names)

    def sync(self) -> None:
        self.safe, self.since = dict(self.now), []

    def left(self, chance: random.Random | None) -> Names:
        names = dict(self.safe)
        for change in self.since if chance else ():
            if chance and chance.random() < 0.5:
                _change(names, change)
        return names


def _change(names: Names, change: dict[str, Node | None]) -> None:
    for name, node in change.items():
        if node is None:
            names.pop(name, None)
        else:
            names[name] = node


class Disk:
    """What is on it under `root`, call by call."""

    def __init__(self, root: Path) -> None:
        self._root = PurePosixPath(root)
        self.top = _as_it_is(root)
        self._files: dict[int, File | Folder] = {}
        self._at: dict[int, int] = {}
        self._appending: set[int] = set()

    def apply(self, call: Call) -> bool:
        """Whether the call changed something here, or made something safe."""
        does: Callable[[Call], bool] | None = getattr(self, f"_{call.name}", None)
        if does is None or isinstance(does, dict):
            assert str(self._root) not in f"{call.texts} {call.descriptors}", f"the model does not know {call.name}"
            return False
        return does(call)

    def at(self, path: str) -> Node | None:
        node: Node | None = self.top
        for part in self._parts(path) or ():
            node = node.now.get(part) if isinstance(node, Folder) else None
        return node

    def cut(self, folder: Path, chance: random.Random | None = None) -> None:
        """Writes what is left into a folder: strictly, or by chance."""
        _save(self.top, folder, lambda node: node.left(chance))

    def keep(self, path: Path, target: Path) -> None:
        """Writes a file as it is now: it is on another machine, where no power was cut."""
        node = self.at(str(path))
        if isinstance(node, File):
            target.write_bytes(node.now)

    def unsafe(self, path: str) -> list[str]:
        """What under this folder is not safe, its own name included."""
        parent, node = self.at(str(PurePosixPath(path).parent)), self.at(path)
        found = [] if isinstance(parent, Folder) and parent.safe.get(PurePosixPath(path).name) is node else [path]
        return found + list(_unsafe(path, node))

    def _parts(self, path: str) -> tuple[str, ...] | None:
        """The path below the root; None for one that is not."""
        pure = PurePosixPath(path)
        return pure.relative_to(self._root).parts if pure.is_relative_to(self._root) else None

    def _owner(self, path: str) -> Folder | None:
        found = self.at(str(PurePosixPath(path).parent)) if self._parts(path) else None
        return found if isinstance(found, Folder) else None

    def _paths(self, call: Call) -> list[str]:
        """The paths that a call names, absolute. A name may be relative to an open folder that stands before it."""
        folders = [path for _, path in call.descriptors]
        paths = []
        for number, text in enumerate(call.texts):
            base = folders[min(number, len(folders) - 1)] if folders else "/"
            paths.append(str(PurePosixPath(base) / text.decode("utf-8", "surrogateescape")))
        return paths

    def _openat(self, call: Call) -> bool:
        (path,) = self._paths(call)
        self._close_number(call.result)
        owner = self._owner(path)
        node = self.at(path) if self._parts(path) is not None else None
        changed = False
        if node is None and owner is not None and "O_CREAT" in call.arguments:
            node, changed = File(), True
            owner.change({PurePosixPath(path).name: node})
        if isinstance(node, File) and "O_TRUNC" in call.arguments and node.now:
            node.write(0, None)
            changed = True
        if node is not None:
            self._files[call.result], self._at[call.result] = node, 0
            if "O_APPEND" in call.arguments:
                self._appending.add(call.result)
        return changed

    def _close(self, call: Call) -> bool:
        return self._close_number(call.descriptors[0][0]) if call.descriptors else False

    def _close_number(self, number: int) -> bool:
        self._files.pop(number, None)
        self._appending.discard(number)
        return False

    def _dup(self, call: Call) -> bool:
        if (number := call.descriptors[0][0]) in self._files and call.result > 2:
            self._files[call.result], self._at[call.result] = self._files[number], self._at[number]
        return False

    _dup2 = _dup3 = _dup

    def _fcntl(self, call: Call) -> bool:
        return self._dup(call) if "F_DUPFD" in call.arguments else False

    def _file(self, call: Call) -> tuple[int, File | None]:
        number = call.descriptors[0][0] if call.descriptors else -1
        node = self._files.get(number)
        return number, node if isinstance(node, File) else None

    def _write(self, call: Call) -> bool:
        return self._put(call, b"".join(call.texts)[: call.result])

    _writev = _write

    def _put(self, call: Call, content: bytes) -> bool:
        number, file = self._file(call)
        if file is None:
            return False
        at = len(file.now) if number in self._appending else self._at[number]
        file.write(at, content)
        self._at[number] = at + len(content)
        return True

    def _pwrite64(self, call: Call) -> bool:
        _, file = self._file(call)
        if file is not None:
            file.write(call.number(1), b"".join(call.texts)[: call.result])
        return file is not None

    def _sendfile(self, call: Call) -> bool:
        (_, _), (source, _) = call.descriptors[:2]
        given = re.search(r"\[(\d+)\]", call.arguments)
        start = int(given[1]) if given else self._at.get(source, 0)
        node = self._files.get(source)
        if not given:
            self._at[source] = start + call.result
        return self._put(call, bytes(node.now[start : start + call.result])) if isinstance(node, File) else False

    def _lseek(self, call: Call) -> bool:
        if call.descriptors:
            self._at[call.descriptors[0][0]] = call.result
        return False

    def _ftruncate(self, call: Call) -> bool:
        _, file = self._file(call)
        if file is not None:
            file.write(call.number(1), None)
        return file is not None

    def _fsync(self, call: Call) -> bool:
        node = self._files.get(call.descriptors[0][0])
        if node is not None:
            node.sync()
        return node is not None

    _fdatasync = _fsync

    def _sync_file_range(self, call: Call) -> bool:
        return False

    def _fallocate(self, call: Call) -> bool:
        _, file = self._file(call)
        size = call.number(1) + call.number(2)
        if file is not None and len(file.now) < size:
            file.write(size, None)
        return file is not None

    def _rename(self, call: Call) -> bool:
        old, new = self._paths(call)
        source, target = self._owner(old), self._owner(new)
        node = self.at(old) if source else File()
        gone: dict[str, Node | None] = {PurePosixPath(old).name: None}
        come: dict[str, Node | None] = {PurePosixPath(new).name: node}
        if source is target and source is not None:
            source.change(gone | come)
        else:
            for folder, change in ((source, gone), (target, come)):
                if folder is not None:
                    folder.change(change)
        return source is not None or target is not None

    _renameat = _renameat2 = _rename

    def _link(self, call: Call) -> bool:
        old, new = self._paths(call)
        owner, node = self._owner(new), self.at(old)
        if owner is not None:
            owner.change({PurePosixPath(new).name: node})
        return owner is not None

    _linkat = _link

    def _unlink(self, call: Call) -> bool:
        (path,) = self._paths(call)
        owner = self._owner(path)
        if owner is not None:
            owner.change({PurePosixPath(path).name: None})
        return owner is not None

    _unlinkat = _rmdir = _unlink

    def _mkdir(self, call: Call) -> bool:
        (path,) = self._paths(call)
        owner = self._owner(path)
        if owner is not None:
            owner.change({PurePosixPath(path).name: Folder()})
        return owner is not None

    _mkdirat = _mkdir


def _as_it_is(path: Path) -> Folder:
    """A folder with all that is in it, safe."""
    found = Folder()
    for inner in path.iterdir():
        node: Node = _as_it_is(inner) if inner.is_dir() else File(now=bytearray(inner.read_bytes()))
        node.sync()
        found.now[inner.name] = node
    found.sync()
    return found


def _save(node: Folder, target: Path, left: Callable[[Folder | File], Names | bytes]) -> None:
    target.mkdir()
    names = left(node)
    assert isinstance(names, dict)
    for name, inner in names.items():
        if isinstance(inner, Folder):
            _save(inner, target / name, left)
        else:
            content = left(inner)
            assert isinstance(content, bytes)
            (target / name).write_bytes(content)


def _unsafe(path: str, node: Node | None) -> Iterator[str]:
    if node is None or node.since:
        yield path
    if isinstance(node, Folder):
        for name, inner in node.now.items():
            yield from _unsafe(f"{path}/{name}", inner)
