from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.open import Store, open_store

ON_BOTH = {
    "test_answers",
    "test_check",
    "test_conversations",
    "test_documents",
    "test_erasing",
    "test_generations",
    "test_jobs_and_keys",
    "test_judgements",
    "test_mentions",
    "test_migrating",
    "test_permissions",
    "test_private_values",
    "test_processes",
    "test_prompts",
    "test_usage",
    "test_writer",
}
"""Modules whose tests run over SQLite and over PostgreSQL. The others are about one of them or about neither, or
say it themselves."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    module = metafunc.module.__name__.rpartition(".")[2]
    if "database_url" in metafunc.fixturenames and module in ON_BOTH:
        metafunc.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> str | None:
    """Of the database that the test's store is in: None for the one inside home."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return None
    url: str = request.getfixturevalue("postgresql_url")
    return url


@pytest.fixture(scope="session")
def _migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a new database: to make its tables takes longer than most tests."""
    home = tmp_path_factory.mktemp("migrated")
    open_store(home=home).close()
    return home


@pytest.fixture
def home(_migrated: Path, tmp_path: Path, database_url: str | None) -> Path:
    home = tmp_path / "home"
    if database_url is None:
        return shutil.copytree(_migrated, home)
    home.mkdir()
    return home


@pytest.fixture
def store(home: Path, database_url: str | None) -> Iterator[Store]:
    opened = open_store(home=home, database_url=database_url)
    yield opened
    opened.close()
