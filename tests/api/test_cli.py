"""The command line: exit codes, JSON on stdout and nothing else there, one line for each error."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import cast

import pytest

from api import cli
from store.open import open_store
from tests.api.conftest import DOCUMENTS, write_documents

ENVIRONMENT = {
    "GROUNDING_MODELS__EMBEDDER": "builtin",
    "GROUNDING_MODELS__ENTITIES__EN": "builtin",
    "GROUNDING_MODELS__ENTITIES__JA": "builtin",
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GROUNDING_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    return write_documents(tmp_path / "documents")


class Shell:
    """Runs commands in this process and keeps what they said."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.out = self.err = ""

    def run(self, *arguments: object) -> int:
        self._capsys.readouterr()
        code = cli.run([str(argument) for argument in arguments])
        self.out, self.err = self._capsys.readouterr()
        assert "Traceback" not in self.err
        assert "\x1b" not in self.out
        return code

    def json(self, *arguments: object, code: int = 0) -> dict[str, object]:
        assert self.run(*arguments, "--json") == code, self.err
        found = json.loads(self.out)
        assert self.out.count("\n") == 1
        return cast(dict[str, object], found)


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(capsys)


def _error(found: dict[str, object]) -> dict[str, str]:
    assert found.keys() == {"error"}
    error = cast(dict[str, str], found["error"])
    assert error.keys() == {"code", "message"}
    return error


class TestIngest:
    def test_a_busy_collection_fails_at_once_if_asked(self, shell: Shell, documents: Path, home: Path) -> None:
        shell.json("ingest", documents, "-c", "handbook")
        with closing(open_store(home=home)) as store:
            fingerprint = store.collections.get("handbook").fingerprint
            assert fingerprint is not None
            with store.writer("handbook", fingerprint=fingerprint):
                error = _error(shell.json("ingest", documents, "-c", "handbook", "--no-wait", code=1))
        assert error["code"] == "collection_busy"
        assert f"process {os.getpid()}" in error["message"]
        assert len(cast(list[object], shell.json("job", "list")["jobs"])) == 1

    def test_the_report(self, shell: Shell, documents: Path) -> None:
        report = shell.json("ingest", documents, "-c", "handbook")
        counts = cast(dict[str, int], report["documents"])
        assert counts["created"] == counts["seen"] == len(DOCUMENTS)
        assert report["collection"] == "handbook"
        assert {"job_id", "seconds", "passages_per_second", "passages", "failures"} <= report.keys()
        again = cast(dict[str, int], shell.json("ingest", documents, "-c", "handbook")["documents"])
        assert again["unchanged"] == len(DOCUMENTS)

    def test_some_failed(self, shell: Shell, documents: Path) -> None:
        (documents / "bad.txt").write_bytes(b"\x00\x01\x02\xff" * 500)
        assert shell.run("ingest", documents) == 3
        assert "bad.txt" in shell.out
        (failure,) = cast(list[dict[str, str]], shell.json("ingest", documents, code=3)["failures"])
        assert failure["source"].endswith("bad.txt")
        assert failure["stage"] == "load"
        assert failure["reason"]
        assert failure["detail"]

    def test_a_dry_run_changes_nothing(self, shell: Shell, documents: Path) -> None:
        shell.json("ingest", documents, "--dry-run")
        assert shell.json("collection", "list")["collections"] == []

    def test_prune_deletes_what_left(self, shell: Shell, documents: Path) -> None:
        shell.json("ingest", documents)
        (documents / "travel.md").unlink()
        counts = cast(dict[str, int], shell.json("ingest", documents, "--prune")["documents"])
        assert counts["deleted"] == 1

    def test_a_missing_folder_is_named(self, shell: Shell, tmp_path: Path) -> None:
        assert shell.run("ingest", tmp_path / "nowhere") in (1, 2, 3)
        assert "nowhere" in shell.out + shell.err


class TestAsking:
    @pytest.fixture(autouse=True)
    def ingested(self, shell: Shell, documents: Path) -> None:
        shell.json("ingest", documents)

    def test_search(self, shell: Shell) -> None:
        found = shell.json("search", "hotel limit in Dublin", "-k", 2)
        assert found.keys() == {"trace_id", "collection", "query", "passages", "timings_ms"}
        assert len(cast(list[object], found["passages"])) <= 2
        assert shell.run("search", "hotel limit in Dublin") == 0
        assert "Travel expenses" in shell.out
        assert "180 EUR" in shell.out
        assert shell.run("search", "hotel limit in Dublin", "--explain") == 0
        for word in ("dense #1", "lexical #1", "as asked", "language", "confidence", "ms ", "trace"):
            assert word in shell.out
        explained = shell.json("search", "hotel", "--explain")
        assert {leg["form"] for leg in cast(list[dict[str, object]], explained["legs"])} == {"asked"}
        assert isinstance(explained["confidence"], float)

    def test_filters(self, shell: Shell) -> None:
        found = shell.json("search", "Dublin", "--filter", '{"title": "Annual leave"}')
        titles = {passage["title"] for passage in cast(list[dict[str, object]], found["passages"])}
        assert titles <= {"Annual leave"}

    def test_ask_and_follow_up(self, shell: Shell) -> None:
        first = shell.json("ask", "Which annual leave may employees carry over?")
        assert first["outcome"] == "answered"
        second = shell.json("ask", "And in Japan?", "--conversation", first["conversation_id"])
        assert "ten days" in cast(str, second["answer"])
        assert second["conversation_id"] == first["conversation_id"]
        assert shell.json("ask", "x y", "--conversation", "new")["conversation_id"] != first["conversation_id"]

    def test_ask_for_people(self, shell: Shell) -> None:
        assert shell.run("ask", "What is the hotel limit in Dublin?") == 0
        assert "180 EUR" in shell.out
        assert "[1]" in shell.out
        assert "travel.md" in shell.out
        assert "conversation" in shell.err

    def test_documents(self, shell: Shell) -> None:
        listed = cast(list[dict[str, object]], shell.json("document", "list")["documents"])
        assert len(listed) == len(DOCUMENTS)
        chosen = next(item for item in listed if item["title"] == "Travel expenses")
        shown = shell.json("document", "show", chosen["id"])
        assert "180 EUR" in cast(str, shown["text"])
        assert shell.run("document", "show", chosen["id"]) == 0
        assert "180 EUR" in shell.out
        assert shell.json("document", "delete", chosen["id"])["deleted"] is True
        assert _error(shell.json("document", "show", chosen["id"], code=1))["code"] == "not_found"

    def test_collections(self, shell: Shell) -> None:
        shown = shell.json("collection", "show", "default")
        assert shown["documents"] == len(DOCUMENTS)
        assert shell.run("collection", "list") == 0
        assert "default" in shell.out
        assert "default" in _error(shell.json("collection", "show", "defualt", code=1))["message"]
        assert shell.json("collection", "delete", "default", "--yes")["documents"] == len(DOCUMENTS)
        assert shell.json("collection", "create", "fresh")["name"] == "fresh"
        assert _error(shell.json("collection", "create", "fresh", code=1))["code"] == "conflict"

    def test_check(self, shell: Shell) -> None:
        assert shell.json("check")["ok"] is True
        assert shell.run("check", "--repair") == 0

    def test_jobs(self, shell: Shell) -> None:
        (job,) = cast(list[dict[str, object]], shell.json("job", "list")["jobs"])
        assert job["status"] == "done"
        assert shell.json("job", "show", job["id"])["failures"] == []
        assert shell.run("job", "show", job["id"]) == 0
        assert shell.run("job", "list") == 0


def test_keys(shell: Shell) -> None:
    made = shell.json("key", "create", "--scope", "chat,search", "--collections", "a,b", "--name", "for tests")
    assert cast(str, made["secret"]).startswith("gk_")
    assert made["scopes"] == ["chat", "search"]
    assert made["collections"] == ["a", "b"]
    (listed,) = cast(list[dict[str, object]], shell.json("key", "list")["keys"])
    assert listed["id"] == made["id"]
    assert "secret" not in listed
    assert shell.json("key", "revoke", made["id"])["revoked"] is True
    assert shell.run("key", "list") == 0
    assert shell.run("key", "create", "--scope", "search") == 0
    assert shell.out.startswith("gk_")
    assert shell.out.count("\n") == 1
    assert _error(shell.json("key", "create", "--scope", "cook", code=2))["code"] == "invalid_request"
    assert _error(shell.json("key", "revoke", "nothing", code=1))["code"] == "not_found"


def test_the_database(shell: Shell) -> None:
    assert shell.json("db", "current")["up_to_date"] is False
    assert shell.json("db", "upgrade")["current"]
    assert shell.json("db", "current")["up_to_date"] is True
    assert shell.run("db", "upgrade") == 0
    assert "already" in shell.out


def test_config(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROUNDING_DATABASE_URL", "sqlite:///secret.db")
    settings = cast(dict[str, dict[str, str]], shell.json("config")["settings"])
    assert settings["models.embedder"] == {"value": "builtin", "origin": "GROUNDING_MODELS__EMBEDDER"}
    assert "secret" not in shell.out
    assert shell.run("config") == 0
    assert "retrieval.top_k" in shell.out


def test_eval(shell: Shell, tmp_path: Path) -> None:
    folder = tmp_path / "tiny set"
    folder.mkdir()
    corpus = [{"_id": name, "title": "", "text": text} for name, text in DOCUMENTS.items()]
    (folder / "corpus.jsonl").write_text("\n".join(map(json.dumps, corpus)), "utf-8")
    queries = [{"_id": "q1", "text": "hotel limit in Dublin"}, {"_id": "q2", "text": "ERR-4013"}]
    (folder / "queries.jsonl").write_text("\n".join(map(json.dumps, queries)), "utf-8")
    (folder / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\nq1\ttravel.md\t1\nq2\terrors.md\t1\n", "utf-8")
    found = shell.json("eval", folder, "--legs")
    assert found["collection"] == "eval-tiny-set"
    assert found["queries"] == 2
    scores = cast(dict[str, dict[str, float]], found["scores"])
    assert scores["hybrid"]["ndcg@10"] == 1.0
    assert {"hybrid", "dense", "lexical"} <= scores.keys()
    assert shell.run("eval", folder) == 0
    assert "ndcg@10" in shell.out
    assert _error(shell.json("eval", tmp_path, code=2))["code"] == "invalid_request"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("search", "x", "-k", "0"), 2, "--top-k"),
        (("search", "x", "--filter", "{"), 2, "--filter: not valid JSON"),
        (("search", "x", "--filter", '{"a": {"$like": 1}}'), 2, "unknown operator '$like'"),
        (("search", "x", "-c", "nothing"), 1, "nothing"),
        (("search",), 2, "QUERY"),
        (("serch", "x"), 2, "serch"),
        (("search", "x", "--nonsense"), 2, "--nonsense"),
        (("ask", "x", "--generator", "nonsense"), 2, "nonsense"),
        (("job", "show", "nothing"), 1, "nothing"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_errors_are_one_line_and_have_their_code(
    shell: Shell, documents: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    if "ask" in arguments:
        shell.json("ingest", documents)
    assert shell.run(*arguments) == code
    assert shell.out == ""
    (line,) = [line for line in shell.err.splitlines() if line]
    assert line.startswith("error: ")
    assert words in line
    assert words in _error(shell.json(*arguments, code=code))["message"]


def test_a_wrong_setting_is_named(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROUNDING_RETRIEVAL__TOPK", "5")
    message = _error(shell.json("config", code=2))["message"]
    assert "GROUNDING_RETRIEVAL__TOPK" in message
    assert "GROUNDING_RETRIEVAL__TOP_K" in message


def _grounding(*arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-c", "from api.cli import main; main()", *arguments],
        capture_output=True,
        env={**os.environ, **environment},
        timeout=60,
        check=False,
    )


class TestProcess:
    """In a process of their own: what only such a one can show."""

    def test_help_loads_nothing_heavy(self) -> None:
        code = (
            "import sys; from api import cli; cli.run(['--help']); "
            "heavy = {'pydantic', 'sqlalchemy', 'fastapi', 'numpy', 'torch', 'spacy', 'rich.progress'}; "
            "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=60)
        assert b"Usage: grounding" in done.stdout
        assert done.stderr.strip() == b"[]"

    def test_help_starts_in_a_few_times_of_what_python_takes(self) -> None:
        def best(*command: str) -> float:
            times = []
            for _ in range(3):
                began = time.perf_counter()
                subprocess.run([sys.executable, *command], capture_output=True, check=True, timeout=60)
                times.append(time.perf_counter() - began)
            return min(times)

        help_time = best("-c", "from api.cli import main; import sys; sys.argv = ['grounding', '--help']; main()")
        assert help_time < 15 * best("-c", "import json, argparse, logging") + 0.1

    def test_text_is_utf8_whatever_the_locale(self, documents: Path) -> None:
        assert _grounding("ingest", str(documents)).returncode == 0
        done = _grounding("search", "大雪警報", LANG="C", LC_ALL="C", PYTHONCOERCECLOCALE="0", PYTHONUTF8="0")
        assert done.returncode == 0, done.stderr
        assert "大雪警報が出ている場合" in done.stdout.decode("utf-8")
        assert b"\x1b" not in done.stdout
        done = _grounding("search", "大雪警報", "--json", LANG="C", LC_ALL="C", PYTHONCOERCECLOCALE="0", PYTHONUTF8="0")
        assert "大雪警報が出ている場合" in json.loads(done.stdout)["passages"][0]["text"]

    def test_an_unexpected_error_is_a_line_and_says_how_to_see_more(self) -> None:
        code = "from api import cli; cli.app.command('boom')(lambda: 1 / 0); import sys; sys.exit(cli.run(['boom']))"
        for level, shows in (("warning", False), ("debug", True)):
            environment = {**os.environ, "GROUNDING_LOG_LEVEL": level}
            done = subprocess.run(
                [sys.executable, "-c", code], capture_output=True, env=environment, timeout=60, check=False
            )
            assert done.returncode == 1
            assert b"GROUNDING_LOG_LEVEL=debug" in done.stderr
            assert (b"Traceback" in done.stderr) is shows
