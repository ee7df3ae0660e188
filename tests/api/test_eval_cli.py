"""`grounding eval` as a person uses it, on a small set of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import pytest

from api import cli
from grounding.evaluation import markdown, record

CORPUS = {
    "leave": "Unused annual leave may be carried over into March.",
    "hotel": "The hotel limit in Dublin is 180 EUR per night.",
    "error": "ERR-4012 means that the sensor lost its supply voltage.",
    "bus": "The shuttle bus leaves the factory at five.",
    "lunch": "Lunch is served from noon in the canteen.",
}
QUERIES: list[dict[str, object]] = [
    {"_id": "1", "text": "How much may a hotel in Dublin cost?"},
    {"_id": "2", "text": "What does ERR-4012 mean?"},
    {
        "_id": "3",
        "text": "And when does it leave the factory?",
        "history": [
            {"role": "user", "content": "Is there a bus?"},
            {"role": "assistant", "content": "Yes, a shuttle."},
        ],
    },
    {"_id": "4", "text": "Who won the chess tournament?", "answerable": False},
    {"_id": "5", "text": "never judged"},
]
QRELS = "query-id\tcorpus-id\tscore\n1\thotel\t1\n2\terror\t2\n2\tbus\t0\n3\tbus\t1\n"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("EMBEDDER", "ENTITIES__EN", "ENTITIES__JA"):
        monkeypatch.setenv(f"GROUNDING_MODELS__{name}", "builtin")
    monkeypatch.setenv("GROUNDING_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return _write(tmp_path / "sets" / "tiny set")


def _write(folder: Path) -> Path:
    folder.mkdir(parents=True)
    corpus = [{"_id": name, "title": f"About {name}", "text": text} for name, text in CORPUS.items()]
    (folder / "corpus.jsonl").write_text("".join(json.dumps(line) + "\n" for line in corpus), "utf-8")
    (folder / "queries.jsonl").write_text("".join(json.dumps(line) + "\n" for line in QUERIES), "utf-8")
    (folder / "qrels.tsv").write_text(QRELS, "utf-8")
    return folder


def _typos(folder: Path) -> Path:
    lines = [{"_id": "1", "text": "How much may a hottel in Dubln cost?", "clean": QUERIES[0]["text"]}]
    (folder / "typo_1.jsonl").write_text(json.dumps(lines[0]) + "\n", "utf-8")
    return folder / "typo_1.jsonl"


def _run(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> str:
    capsys.readouterr()
    found = cli.run(["eval", *map(str, arguments)])
    out, err = capsys.readouterr()
    assert found == code, err
    return out or err


def _json(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> dict[str, object]:
    return cast(dict[str, object], json.loads(_run(capsys, *arguments, "--json", code=code)))


def test_the_figures_and_every_query(capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    found = _json(capsys, folder, "--legs", "--output", file, "--worst", 1)
    assert (found["collection"], found["queries"], found["documents"]) == ("eval-tiny-set", 3, 5)
    scores = cast(dict[str, dict[str, float]], found["scores"])
    assert set(scores) == {"hybrid", "dense", "lexical", "entity", "raw last turn"}
    assert scores["hybrid"]["mrr@10"] == 1
    assert list(cast(dict[str, object], found["groups"])) == ["follow-ups", "stand-alone"]
    assert {"p50", "p95"} == cast(dict[str, float], found["search_ms"]).keys()
    assert found["warnings"] == []
    (abstention,) = cast(list[dict[str, object]], found["abstention"])
    assert (abstention["queries"], abstention["to_abstain"]) == (4, 1)
    kept = record.read(file)
    assert [result.id for result in kept.results] == ["1", "2", "3", "4"]
    assert kept.results[0].runs["hybrid"].documents[0] == "hotel"
    assert kept.titles["hotel"] == "About hotel"
    assert kept.settings["legs"]


def test_what_a_person_reads(capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    _run(capsys, folder, "--output", file)
    shown = _run(capsys, folder, "--legs", "--worst", 2, "--against", file)
    for words in ("3 queries on eval-tiny-set", "95 % interval", "best there could be", "not distinguishable"):
        assert words in shown
    assert "About hotel" in shown
    assert "at hybrid #1" in shown


def test_the_collection_is_used_again_and_follows_the_corpus(
    capsys: pytest.CaptureFixture[str], folder: Path, home: Path
) -> None:
    _run(capsys, folder)
    lines = (folder / "corpus.jsonl").read_text("utf-8").split("\n")
    (folder / "corpus.jsonl").write_text("\n".join(lines[1:]), "utf-8")
    found = _json(capsys, folder)
    counts = cast(dict[str, dict[str, int]], found["ingest"])["documents"]
    assert (counts["unchanged"], counts["deleted"], counts["created"]) == (4, 1, 0)
    assert found["warnings"] == []


def test_warnings(capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path) -> None:
    other = _write(tmp_path / "other")
    lines = (
        (other / "corpus.jsonl")
        .read_text("utf-8")
        .replace('"_id": "', '"_id": "x-')
        .replace('"text": "', '"text": "Note: ')
    )
    (other / "corpus.jsonl").write_text(lines, "utf-8")
    _run(capsys, folder, "-c", "both")
    warnings = cast(list[str], _json(capsys, other, "-c", "both")["warnings"])
    assert warnings[0] == "the collection holds 10 documents, corpus.jsonl 5"
    assert warnings[1].startswith("3 judged documents are not in corpus.jsonl, such as 'hotel'")


def test_a_text_that_is_there_twice_is_told(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    with (folder / "corpus.jsonl").open("a", encoding="utf-8") as corpus:
        corpus.write(json.dumps({"_id": "again", "title": "About lunch", "text": CORPUS["lunch"]}) + "\n")
    (warning,) = cast(list[str], _json(capsys, folder)["warnings"])
    assert warning == "the collection holds 5 documents, corpus.jsonl 6; 1 have the text of another"


def test_other_wordings(capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path) -> None:
    found = _json(capsys, folder, "--queries", _typos(folder), "--output", tmp_path / "run.json")
    assert (found["set"], found["queries"]) == ("tiny set, typo_1", 1)
    against = cast(dict[str, object], _json(capsys, folder, "--against", tmp_path / "run.json")["against"])
    assert against["queries"] == 1
    assert len(cast(list[str], against["warnings"])) == 3


def test_every_set_of_a_folder_into_a_page(capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path) -> None:
    _typos(folder)
    _write(folder.parent / "another")
    (folder.parent / "no set").mkdir()
    page, runs = tmp_path / "page.md", tmp_path / "runs"
    page.write_text(f"# Title\n\n{markdown.BEGIN}\n{markdown.END}\n", "utf-8")
    arguments = (folder.parent, "--all", "--write", page, "--output", runs, "--against", runs)
    first = cast(list[dict[str, object]], _json(capsys, *arguments)["sets"])
    assert [item["set"] for item in first] == ["another", "tiny set", "tiny set, typo_1"]
    assert not any("against" in item for item in first)
    assert sorted(file.name for file in runs.iterdir()) == ["another.json", "tiny-set-typo_1.json", "tiny-set.json"]
    written = page.read_text("utf-8")
    assert written.startswith("# Title")
    for words in ("tiny set, typo_1: 5 documents", "| another | unanswerable: 1 of 4 |", "follow-ups", "best leg"):
        assert words in written
    again = cast(list[dict[str, object]], _json(capsys, *arguments)["sets"])
    assert all("against" in item for item in again)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--all", "--queries", "x.jsonl"], "--all measures several sets"),
        (["--plot", "figure.gif"], ".svg or .png"),
        (["--write", "nowhere.md"], "nowhere.md: cannot be read"),
        (["--against", "nowhere.json"], "nowhere.json: cannot be read"),
        (["--queries", "nowhere.jsonl"], "nowhere.jsonl: cannot be read"),
    ],
)
def test_wrong_usage_is_told_before_any_work(
    capsys: pytest.CaptureFixture[str], folder: Path, home: Path, options: list[str], said: str
) -> None:
    assert said in _run(capsys, folder, *options, code=2)
    assert not home.exists()


def test_folders_that_hold_no_set(capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path) -> None:
    assert "--all" in _run(capsys, folder.parent, code=2)
    assert "neither it nor a folder in it" in _run(capsys, tmp_path / "home", "--all", code=2)


def test_a_picture(capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    _run(capsys, folder, "--plot", tmp_path / "figure.svg")
    assert b"tiny set" in (tmp_path / "figure.svg").read_bytes()
