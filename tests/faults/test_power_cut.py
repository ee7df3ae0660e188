"""Power cut at any moment: an index that SQL names is safe on disk, and so is every document that was acknowledged."""

from __future__ import annotations

import random
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.checker import violations
from tests.faults.child import Task
from tests.faults.disk import STRACE, Call, Disk, Folder, record
from tests.faults.journal import Journal

pytestmark = pytest.mark.skipif(STRACE is None, reason="strace is not installed: system calls cannot be recorded")

CUTS = 12


@dataclass(frozen=True, slots=True)
class Recording:
    """A folder as it was, and what a child then did in it."""

    folder: Path
    task: Task
    calls: list[Call]

    def disks(self) -> Iterator[tuple[Call, Disk]]:
        """The disk after each call that did something to it. The copy stands for the folder that was traced."""
        disk = Disk(self.folder)
        for call in self.calls:
            if disk.apply(call):
                yield call, disk


@pytest.fixture(scope="module")
def recorded(new_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return _recorded(new_home, tmp_path_factory.mktemp("recorded"), Task(home="", records=40, rounds=(0, 1)))


def _recorded(new_home: Path, folder: Path, task: Task) -> Recording:
    shutil.copytree(new_home, folder / "traced" / "home")
    before = shutil.copytree(folder / "traced", folder / "before")
    task = Task.of_json(task.to_json().replace('"home": ""', f'"home": "{folder / "traced" / "home"}"'))
    calls = record(task, folder)
    shutil.rmtree(folder / "traced")
    before.rename(folder / "traced")
    return Recording(folder / "traced", task, calls)


def _unsafe_manifests(recorded: Recording) -> list[str]:
    """What was not safe of an index when its name was first written into the database."""
    named: set[bytes] = set()
    found = []
    for call, disk in recorded.disks():
        if call.name != "pwrite64" or "grounding.db" not in call.descriptors[0][1]:
            continue
        for name in set(re.findall(rb"(?:vectors|lexical)-\d{10}-[0-9a-f]{8}", b"".join(call.texts))) - named:
            named.add(name)
            (folder,) = {
                str(path) for path in _folders(disk, recorded.folder / "home" / "indexes") if path.name == name.decode()
            } or {name.decode()}
            found += disk.unsafe(folder)
    assert len(named) >= 2, "no index was built"
    return found


def _folders(disk: Disk, path: Path) -> Iterator[Path]:
    node = disk.at(str(path))
    for name in node.now if isinstance(node, Folder) else ():
        yield path / name
        yield from _folders(disk, path / name)


def _cut(recorded: Recording, folder: Path, chance: random.Random | None, *, cuts: int = CUTS) -> dict[int, list[str]]:
    """What is wrong after a power cut, at some moments."""
    found = {}
    whole = sum(1 for _ in recorded.disks())
    moments = set(random.Random(cuts).sample(range(whole), cuts)) | {whole - 1}
    for number, (_, disk) in enumerate(recorded.disks()):
        if number in moments:
            disk.cut(folder / str(number), chance)
            journal = Journal(folder / f"{number}.journal")
            disk.keep(recorded.task.journal.path, journal.path)
            # A child that is cut off does not come back: what it embedded is not counted here.
            found[number] = violations(folder / str(number) / "home", journal)
    return {number: faults for number, faults in found.items() if faults}


def test_no_manifest_precedes_its_files(recorded: Recording) -> None:
    assert _unsafe_manifests(recorded) == []


def test_only_what_is_safe_is_left(recorded: Recording, tmp_path: Path) -> None:
    assert _cut(recorded, tmp_path, None) == {}


@pytest.mark.parametrize("seed", [1, 2])
def test_any_part_of_the_rest_is_left(recorded: Recording, tmp_path: Path, seed: int) -> None:
    assert _cut(recorded, tmp_path, random.Random(seed)) == {}


def test_files_that_are_not_synced_are_found(new_home: Path, tmp_path: Path) -> None:
    task = Task(home="", records=40, plant="unsynced files")
    recorded = _recorded(new_home, tmp_path, task)
    assert _unsafe_manifests(recorded)
    (tmp_path / "cut").mkdir()
    found = _cut(recorded, tmp_path / "cut", None, cuts=2)
    assert "damaged" in str(found)
