"""grounding erase: exactly one thing, a receipt, and an exit code that tells whether it is clean."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import pytest

from tests.api.conftest import write_documents
from tests.api.test_cli import ENVIRONMENT, Shell

QUESTION = "What does ERR-4012 mean?"


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GROUNDING_HOME", str(tmp_path / "home"))
    shell = Shell(capsys)
    shell.json("ingest", write_documents(tmp_path / "documents"))
    return shell


def test_a_document_that_was_quoted(shell: Shell, tmp_path: Path) -> None:
    answer = shell.json("ask", QUESTION)
    (cited, *_) = cast(list[dict[str, str]], answer["citations"])
    receipt = shell.json("erase", "--document", cited["document_id"], "-c", "default")
    assert receipt["clean"] is True
    assert receipt["exchanges"] == [answer["trace_id"]]
    assert receipt["answers"] == 1
    assert cast(dict[str, int], receipt["removed"])["documents"] == 1
    assert {"where": "table passages", "how": "rows by id", "found": 0} in cast(list[object], receipt["searched"])
    needle = b"the sensor lost its supply voltage"
    home = tmp_path / "home"
    assert [file for file in home.rglob("*") if file.is_file() and needle in file.read_bytes()] == []
    assert shell.run("erase", "--document", cited["document_id"]) == 0
    assert "nothing of this id was there" in shell.out
    assert shell.json("check")["ok"] is True


def test_a_conversation_and_a_user(shell: Shell) -> None:
    conversation = shell.json("ask", QUESTION)["conversation_id"]
    removed = shell.json("erase", "--conversation", conversation)["removed"]
    assert cast(dict[str, int], removed)["turns"] == 2
    assert shell.run("erase", "--user", "nobody") == 0
    assert "user nobody: removed nothing" in shell.out
    assert shell.out.splitlines()[-1] == "clean: nothing of it was found"


@pytest.mark.parametrize(
    "options",
    [(), ("--document", "a", "--user", "b"), ("--user", ""), ("--conversation", "c", "-c", "default")],
)
def test_exactly_one_thing(shell: Shell, options: tuple[str, ...]) -> None:
    assert shell.run("erase", *options, "--json") == 2
    assert "error" in json.loads(shell.out)


def test_what_is_still_there_fails(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "home" / "notes.txt").write_text("she said: ERR-4012 means that the sensor lost its supply voltage.")
    answer = shell.json("ask", QUESTION)
    (cited, *_) = cast(list[dict[str, str]], answer["citations"])
    receipt = shell.json("erase", "--document", cited["document_id"], code=1)
    assert receipt["clean"] is False
    found = {entry["where"]: entry["found"] for entry in cast(list[dict[str, object]], receipt["searched"])}
    assert found["notes.txt"] != 0
    assert found["grounding.db"] == 0
