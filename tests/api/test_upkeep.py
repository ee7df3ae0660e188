"""Upkeep belongs to a server; compaction and repair are commands."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.compose import Service
from tests.api.conftest import DOCUMENTS, write_documents
from tests.api.test_cli import ENVIRONMENT, Shell


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GROUNDING_HOME", str(tmp_path / "home"))
    shell = Shell(capsys)
    shell.json("ingest", write_documents(tmp_path / "documents"))
    return shell


def test_it_runs_while_a_server_does(app: FastAPI, service: Service) -> None:
    running = [service.store.upkeep.running]
    with TestClient(app):
        running.append(service.store.upkeep.running)
    assert [*running, service.store.upkeep.running] == [False, True, False]


def test_a_record_names_the_indexes_that_it_was_found_in(client: TestClient, service: Service, handbook: str) -> None:
    found = client.post("/v1/search", json={"query": "annual leave in Japan", "collection": handbook}).json()
    info = service.store.collections.get(handbook)
    assert service.store.exchanges.get(found["trace_id"]).generations == (info.generation, info.lexical_generation)


def test_compact(shell: Shell) -> None:
    shell.json("document", "delete", *_first_document(shell))
    done = shell.json("collection", "compact", "default")
    assert done["collection"] == "default"
    assert (done["generations_removed"], done["tombstones_forgotten"]) == (2, 1)
    assert shell.run("collection", "compact", "default") == 0
    assert shell.out.startswith("default: 2 index generations removed, 0 tombstones forgotten; indexes ")
    assert shell.json("check")["ok"] is True
    assert shell.json("collection", "show", "default")["documents"] == len(DOCUMENTS) - 1
    error = shell.json("collection", "compact", "defualt", code=1)["error"]
    assert isinstance(error, dict)
    assert "did you mean 'default'?" in error["message"]


def _first_document(shell: Shell) -> list[str]:
    documents = shell.json("document", "list")["documents"]
    assert isinstance(documents, list)
    return [documents[0]["id"]]


def test_a_damaged_index_answers_is_told_of_and_repaired(shell: Shell, tmp_path: Path) -> None:
    found = shell.json("search", "annual leave in Japan")["passages"]
    for file in (tmp_path / "home" / "indexes").glob("*/*/*"):
        file.write_bytes(b"damaged")
    again = shell.json("search", "annual leave in Japan")["passages"]
    assert isinstance(found, list)
    assert isinstance(again, list)
    assert [passage["text"] for passage in again] == [passage["text"] for passage in found]
    assert shell.json("check", code=1)["ok"] is False
    assert shell.run("check") == 1
    assert "answers come from SQL" in shell.out
    assert shell.json("check", "--repair")["ok"] is True
    assert shell.json("check")["ok"] is True
