from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.open import open_store
from tests.faults.child import Task
from tests.faults.nursery import Nursery


@pytest.fixture(scope="session")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    with Nursery(tmp_path_factory.mktemp("nursery") / "said") as running:
        yield running


@pytest.fixture(scope="session")
def new_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("new") / "home"
    open_store(home=home).close()
    return home


@pytest.fixture
def home(new_home: Path, tmp_path: Path) -> Path:
    """A home with a new database."""
    return shutil.copytree(new_home, tmp_path / "home")


@pytest.fixture(scope="session")
def _notes(new_home: Path, nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with 160 documents in it, its indexes, and the journal beside it."""
    home = shutil.copytree(new_home, tmp_path_factory.mktemp("notes") / "home")
    nursery.complete(Task(home=str(home)))
    return home


@pytest.fixture
def notes(_notes: Path, tmp_path: Path) -> Task:
    """The task that brings a home with 160 documents into its next round."""
    shutil.copytree(_notes.parent, tmp_path / "notes")
    return Task(home=str(tmp_path / "notes" / "home"), rounds=(1,))
