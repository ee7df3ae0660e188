"""A full disk and a folder that may not be written: a clear error, nothing lost, and on it goes when there is room."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.api.test_cli import ENVIRONMENT
from tests.api.test_server import COMMAND
from tests.faults import library
from tests.faults.checker import Rows, opened, violations
from tests.faults.child import Task
from tests.faults.confined import SCENES
from tests.faults.nursery import REPOSITORY

UNSHARE = ["unshare", "--map-root-user", "--mount"]
WITHOUT_RIGHTS = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search,-fowner"]


def _can_mount() -> bool:
    probe = [*UNSHARE, "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", "/mnt"]
    return shutil.which("unshare") is not None and subprocess.run(probe, capture_output=True).returncode == 0


@pytest.mark.parametrize("scene", SCENES)
def test_a_full_disk(scene: str, tmp_path: Path) -> None:
    if not _can_mount():
        pytest.skip("this user may not mount a small disk")
    done = subprocess.run(
        [*UNSHARE, sys.executable, "-m", "tests.faults.confined", str(tmp_path), "32", scene],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    saw = json.loads(done.stdout)
    assert saw["violations"] == []
    assert len(saw["errors"]) == 1
    assert "disk is full" in saw["errors"][0] or "No space left" in saw["errors"][0]


def _command(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a command as a user who is held to the permissions of files; root is not, unless it gives that up."""
    if os.getuid() == 0 and shutil.which("setpriv") is None:
        pytest.skip("root may write everywhere, and setpriv is not there to change that")
    return subprocess.run(
        [*(WITHOUT_RIGHTS if os.getuid() == 0 else []), *COMMAND, *arguments, "--json"],
        cwd=REPOSITORY,
        env={**os.environ, **ENVIRONMENT, "GROUNDING_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )


@contextmanager
def _protected(folder: Path) -> Iterator[None]:
    """Nothing in the folder may be written."""

    def allow(folders: int, files: int) -> None:
        for each in (folder, *folder.rglob("*")):
            each.chmod(folders if each.is_dir() else files)

    allow(0o555, 0o444)
    try:
        yield
    finally:
        allow(0o755, 0o644)


def test_a_folder_of_indexes_that_may_not_be_written(home: Path, tmp_path: Path) -> None:
    library.write(tmp_path / "corpus", library.generated(60), number=0)
    (home / "indexes").mkdir(exist_ok=True)
    with _protected(home / "indexes"):
        told = _command(home, "ingest", str(tmp_path / "corpus"))
        assert "Permission denied" in told.stdout + told.stderr
        assert "Traceback" not in told.stderr
        assert violations(home) == []
    assert len(Rows(home).documents["default"]) == 60
    with opened(home) as store:
        store.check(repair=True)
    assert violations(home) == []


def test_a_home_that_may_not_be_written(notes: Task) -> None:
    home = Path(notes.home)
    with _protected(home):
        failed = _command(home, "ingest", str(home.with_name("home.notes.corpus")), "-c", "notes")
        assert failed.returncode == 1
        assert "cannot be" in failed.stderr
        assert "Traceback" not in failed.stderr
    assert violations(home, notes.journal) == []
