"""A real service with built-in models over a real store in a temporary folder, and clients of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.app import create_app
from api.compose import Service, build
from grounding.settings import Models, Settings

DOCUMENTS = {
    "leave.md": "# Annual leave\n\nEmployees in the EU may carry over at most five days of unused annual leave.\n\n"
    "Employees in Japan may carry over ten days of unused annual leave into the next year.\n",
    "travel.md": "# Travel expenses\n\nThe hotel limit in Dublin is 180 EUR per night.\n\n"
    "Maria Keane approves travel to Kanazawa.\n",
    "errors.md": "# Error codes\n\nERR-4012 means that the sensor lost its supply voltage.\n\n"
    "ERR-4013 means that the memory card is full.\n",
    "snow.md": "# 大雪のとき\n\n当日の午前6時に大雪警報が出ている場合、出社する必要はありません。\n",
}


def settings_of(home: Path, **sections: object) -> Settings:
    """Settings whose models need no download."""
    models = Models(embedder="builtin", entities={"en": "builtin", "ja": "builtin"})
    return Settings.model_validate({"home": home, "models": models, **sections})


def write_documents(folder: Path) -> Path:
    """The folder with DOCUMENTS in it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in DOCUMENTS.items():
        (folder / name).write_text(text, "utf-8")
    return folder


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_of(tmp_path / "home")


@pytest.fixture
def service(settings: Settings) -> Iterator[Service]:
    with build(settings) as opened:
        yield opened


@pytest.fixture
def handbook(service: Service, tmp_path: Path) -> str:
    """The name of a collection that holds DOCUMENTS."""
    report = service.ingest([str(write_documents(tmp_path / "documents"))], collection="handbook")
    assert report.documents.created == len(DOCUMENTS)
    return "handbook"


@pytest.fixture
def app(service: Service) -> FastAPI:
    return create_app(service, hosts=("testserver",))


@pytest.fixture
def client(app: FastAPI) -> TestClient:
    """Without a key, as anybody on this machine. Models load at their first use: the lifespan does not run."""
    return TestClient(app, raise_server_exceptions=True)


@pytest.fixture
def admin(app: FastAPI, service: Service) -> TestClient:
    """With an admin key."""
    _, secret = service.store.keys.create(scopes=["admin"])
    return TestClient(app, headers={"Authorization": f"Bearer {secret}"})
