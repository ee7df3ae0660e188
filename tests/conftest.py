"""Fixtures of all tests, and the guard that keeps them off the network."""

from __future__ import annotations

import ipaddress
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# Before any library of models is imported: they read it once.
os.environ["HF_HUB_OFFLINE"] = "1"

from grounding.settings import Settings
from tests import postgres

REPOSITORY = Path(__file__).resolve().parent.parent
_LOCAL_NAMES = {"", "localhost", "localhost.localdomain", "testserver"}


def pytest_configure() -> None:
    sys.addaudithook(_refuse_network)


def _refuse_network(event: str, arguments: tuple[object, ...]) -> None:
    if event == "socket.connect":
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else None  # a path for Unix sockets
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    else:
        return
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if isinstance(host, str) and not _is_local(host):
        raise RuntimeError(f"a test reached for the network: {event} {host!r}")


def _is_local(host: str) -> bool:
    if host.lower() in _LOCAL_NAMES:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@pytest.fixture(scope="session")
def models_folder() -> Path:
    """Where converted models are kept between runs: made once, some seconds, then shared by all tests."""
    return Path(os.environ.get("GROUNDING_TEST_MODELS") or REPOSITORY / ".cache" / "models")


@pytest.fixture
def make_settings(tmp_path: Path, models_folder: Path) -> Callable[..., Settings]:
    """A factory of settings with a home of this test's own and the shared models; sections are given as dicts.

    The defaults need no model: `make_settings(models={"embedder": "multilingual-e5-small"})` asks for a real one.
    """

    def make(**sections: dict[str, object]) -> Settings:
        models = {"embedder": "builtin", "entities": {}, "folder": models_folder} | sections.pop("models", {})
        return Settings.model_validate({"home": tmp_path / "home", "models": models, **sections})

    return make


@pytest.fixture
def settings(make_settings: Callable[..., Settings]) -> Settings:
    """Settings of a test that does not care: built-in models, a home of its own."""
    return make_settings()


@pytest.fixture(scope="session")
def cluster() -> Iterator[postgres.Cluster]:
    """A PostgreSQL server, for all tests of this run."""
    try:
        with postgres.cluster() as running:
            yield running
    except postgres.CannotRun as reason:
        pytest.skip(f"no PostgreSQL: {reason}")


@pytest.fixture
def postgresql_url(cluster: postgres.Cluster) -> Iterator[str]:
    """A database with all tables and no row, for one test; who changes tables makes one of their own."""
    with cluster.lent() as name:
        yield cluster.url(name)
