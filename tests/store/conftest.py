from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.open import Store, open_store


@pytest.fixture(scope="session")
def _migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a new database: to make its tables takes longer than most tests."""
    home = tmp_path_factory.mktemp("migrated")
    open_store(home=home).close()
    return home


@pytest.fixture
def home(_migrated: Path, tmp_path: Path) -> Path:
    return shutil.copytree(_migrated, tmp_path / "home")


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    opened = open_store(home=home)
    yield opened
    opened.close()
