"""`backup` and `restore`, as a person or a script calls them."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from api import cli
from store.open import open_store
from tests.api.conftest import write_documents


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("EMBEDDER", "ENTITIES__EN", "ENTITIES__JA"):
        monkeypatch.setenv(f"GROUNDING_MODELS__{name}", "builtin")
    monkeypatch.setenv("GROUNDING_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def _run(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> str:
    capsys.readouterr()
    found = cli.run([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    assert found == code, err
    return out or err


def test_a_backup_is_made_and_put_back_elsewhere(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "backup.tar"
    _run(capsys, "ingest", write_documents(tmp_path / "documents"))
    made = json.loads(_run(capsys, "backup", file, "--json"))
    assert made["bytes"] == file.stat().st_size
    assert (made["file"], made["indexes"], made["left_out"], made["database"]) == (str(file), 2, [], "sqlite")
    (counted,) = made["collections"]
    assert counted["name"] == "default"
    assert "is there already" in _run(capsys, "backup", file, code=1)
    assert "with 2 indexes" in _run(capsys, "backup", file, "--force")

    refused = json.loads(_run(capsys, "restore", file, "--json", code=1))
    assert refused["error"]["code"] == "conflict"
    monkeypatch.setenv("GROUNDING_HOME", str(tmp_path / "other"))
    restored = json.loads(_run(capsys, "restore", file, "--json"))
    assert (restored["indexes"], restored["replaced"], restored["collections"]) == (2, False, [counted])
    assert "restored into" in _run(capsys, "restore", file, "--replace")
    with closing(open_store(home=tmp_path / "other")) as store:
        assert store.collections.get("default").documents == counted["documents"]


def test_what_is_no_backup_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "file"
    file.write_text("text")
    assert "is not a backup" in _run(capsys, "restore", file, code=2)
    assert "cannot be read" in _run(capsys, "restore", tmp_path / "none", code=2)
    assert not list((tmp_path / "home").glob("grounding.db"))
