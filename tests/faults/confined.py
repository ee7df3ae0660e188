"""A home on a disk of a few megabytes, which fills up. Runs in a mount namespace of its own:
`unshare --map-root-user --mount python -m tests.faults.confined FOLDER MEGABYTES SCENE`; prints what it saw as JSON.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from grounding.errors import GroundingError
from tests.faults import checker, library
from tests.faults.child import Moments, OtherEmbedder, Task, TellingEmbedder, TellingStore, Work
from tests.faults.scenarios import SCENARIOS

SPARE = 300_000


@dataclass(slots=True)
class Saw:
    """Errors that were met while the disk was full, and what was wrong then and in the end."""

    errors: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)


class Disk:
    """The small disk, mounted at a folder."""

    def __init__(self, folder: Path, *, megabytes: int) -> None:
        folder.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)], check=True)
        self._filler = folder / "filler"

    def fill(self, *, spare: int = 0) -> None:
        """Leaves so many bytes free."""
        free = shutil.disk_usage(self._filler.parent).free - spare
        with self._filler.open("ab") as stream:
            os.posix_fallocate(stream.fileno(), self._filler.stat().st_size, max(0, free))

    def free(self) -> None:
        self._filler.unlink()


def work_on(task: Task) -> Work:
    """All that a child has, here."""
    from grounding.settings import Settings
    from store.open import open_store

    models = {"embedder": "builtin", "entities": {"en": "builtin"}}
    settings = Settings.model_validate({"home": task.home, "models": models, "ingest": {"passage_tokens": 32}})
    moments = Moments(task)
    opened = open_store(home=Path(task.home), reached=moments)
    task.journal.run()
    store = TellingStore(opened, task.journal, moments=moments, plant=None)
    return Work(task, store, settings, TellingEmbedder(task.journal), OtherEmbedder(task.journal), moments)


def commit(work: Work, disk: Disk, saw: Saw) -> None:
    """The disk is full when documents are to be committed."""
    folder = work.home.with_name(f"{work.home.name}.{work.task.collection}.corpus")
    library.write(folder, library.generated(400), number=0)
    disk.fill(spare=SPARE)
    _refused(lambda: work.ingest(folder), saw)


def build(work: Work, disk: Disk, saw: Saw) -> None:
    """The disk is full when an index is to be built. The indexes are built anew from SQL: all of them are lost."""
    SCENARIOS["ingest"](work)
    shutil.rmtree(work.home / "indexes")
    disk.fill(spare=SPARE // 5)
    _refused(lambda: work.store.check(repair=True), saw)


def backup(work: Work, disk: Disk, saw: Saw) -> None:
    """The disk is full when a backup is to be made: the one of before stays."""
    SCENARIOS["ingest"](work)
    file = work.home / "backup"
    work.store.backup(file)
    before = file.read_bytes()
    disk.fill(spare=SPARE // 5)
    _refused(lambda: work.store.backup(file, force=True), saw)
    if file.read_bytes() != before or list(work.home.glob(".backup*")):
        saw.violations.append("the backup of before is not what it was, or something was left beside it")


def _refused(action: Callable[[], object], saw: Saw) -> None:
    try:
        action()
    except GroundingError as error:
        saw.errors.append(str(error))


SCENES: Mapping[str, Callable[[Work, Disk, Saw], None]] = {"commit": commit, "build": build, "backup": backup}


def play(folder: Path, *, megabytes: int, scene: str) -> Saw:
    """What was seen while the disk was full, and after there was room again."""
    saw, disk = Saw(), Disk(folder / "home", megabytes=megabytes)
    task = Task(home=str(folder / "home"), records=160)
    work = work_on(task)
    SCENES[scene](work, disk, saw)
    disk.free()
    damaged = scene == "build"
    saw.violations += [f"after: {fault}" for fault in checker.violations(work.home, task.journal, damaged=damaged)]
    SCENARIOS["ingest"](work)
    saw.violations += [f"at the end: {fault}" for fault in checker.violations(work.home, task.journal)]
    work.store.close()
    return saw


if __name__ == "__main__":
    seen = play(Path(sys.argv[1]), megabytes=int(sys.argv[2]), scene=sys.argv[3])
    print(json.dumps({"errors": seen.errors, "violations": seen.violations}))
