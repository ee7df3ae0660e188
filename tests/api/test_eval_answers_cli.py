"""`grounding eval --answers` as a person uses it, on a small set of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from api import cli
from grounding.evaluation import answers, markdown

CORPUS = {
    "leave": "Employees may carry over at most five days of unused annual leave into March.",
    "hotel": "The hotel limit in Dublin is 180 EUR per night.",
    "bus": "The shuttle bus leaves the factory at 17:05 every day.",
}
QUERIES: list[dict[str, object]] = [
    {"_id": "1", "text": "What is the hotel limit in Dublin?", "answer": "EUR 180"},
    {"_id": "2", "text": "How many days of annual leave may employees carry over?"},
    {"_id": "3", "text": "Who won the chess tournament?", "answerable": False},
    {"_id": "4", "text": "When does the bus leave?"},
]
ANSWERS = [{"query_id": "2", "answers": ["5 days", "five days"]}]
QRELS = "query-id\tcorpus-id\tscore\n1\thotel\t1\n2\tleave\t1\n4\tbus\t1\n"
GUESSING = '''
from grounding.values import Chunk, Usage

class Guessing:
    """Says the same of everything, with a citation of the first passage."""
    name = "guessing"
    def stream(self, prompt):
        yield Chunk(f"{prompt.evidence[0].passage.text} [1]")
        yield Chunk("", Usage(100, 7))

def make(settings):
    return Guessing()
'''


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("EMBEDDER", "ENTITIES__EN", "ENTITIES__JA"):
        monkeypatch.setenv(f"GROUNDING_MODELS__{name}", "builtin")
    monkeypatch.setenv("GROUNDING_HOME", str(tmp_path / "home"))
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "guessing_generator.py").write_text(GUESSING, "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path / "code"))
    return tmp_path / "home"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "tiny"
    made.mkdir()
    corpus = [{"_id": name, "title": f"About {name}", "text": text} for name, text in CORPUS.items()]
    for file, lines in (("corpus", corpus), ("queries", QUERIES), ("answers", ANSWERS)):
        (made / f"{file}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    (made / "qrels.tsv").write_text(QRELS, "utf-8")
    return made


def _run(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> str:
    capsys.readouterr()
    found = cli.run(["eval", *map(str, arguments)])
    out, err = capsys.readouterr()
    assert found == code, err
    return out or err


GUESS = ("--generator", "guessing_generator:make")


def test_the_figures_of_each_generator(capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path) -> None:
    page, file = tmp_path / "page.md", tmp_path / "answers.json"
    begin, end = answers.MARKS
    page.write_text(f"{markdown.BEGIN}\nretrieval\n{markdown.END}\n\n{begin}\n{end}\n", "utf-8")
    arguments = (folder, "--answers", "--generator", "extractive", *GUESS, "--output", file, "--write", page)
    found = json.loads(_run(capsys, *arguments, "--worst", 5, "--json"))
    assert (found["set"], found["documents"]) == ("tiny", 3)
    guessing = found["answers"]["guessing_generator:make"]
    assert {name: figure.get("mean") for name, figure in guessing["figures"].items()} == {
        "answered": 1,
        "correct": 1,
        "correct if answered": 1,
        "cited rightly": 1,
        "support": pytest.approx(1, abs=0.05),
        "wholly supported": 1,
        "abstained": 0,
    }
    assert {name: figure["cases"] for name, figure in guessing["figures"].items()}["abstained"] == 1
    assert (guessing["prompt_tokens"], guessing["completion_tokens"]) == (300, 21)
    assert [given["id"] for given in guessing["worst"]] == ["3"]
    assert list(found["answers"]) == ["extractive", "guessing_generator:make"]
    assert [len(each.given) for each in answers.read(file)] == [3, 3]
    written = page.read_text("utf-8")
    assert f"{markdown.BEGIN}\nretrieval\n{markdown.END}" in written
    assert "| tiny: 2 with an answer, 1 without | guessing_generator:make |" in written


def test_what_a_person_reads(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    shown = _run(capsys, folder, "--answers", "--generator", "extractive", *GUESS, "--worst", 2)
    for words in (
        "2 queries with an answer, 1 without",
        "correct if answered",
        "less extractive",
        "expected no answer",
    ):
        assert words in shown


def test_the_generator_of_the_settings_answers(
    capsys: pytest.CaptureFixture[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GROUNDING_MODELS__GENERATOR", "guessing_generator:make")
    found = json.loads(_run(capsys, folder, "--answers", "--json"))
    assert list(found["answers"]) == ["guessing_generator:make"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--generator", "extractive"], "--generator names who answers: it goes with --answers"),
        (["--answers", "--legs"], "--answers measures one set"),
        (["--answers", "--all"], "--answers measures one set"),
        (["--answers", "--write", "nowhere.md"], "nowhere.md: cannot be read"),
    ],
)
def test_wrong_usage_is_told_before_any_work(
    capsys: pytest.CaptureFixture[str], folder: Path, home: Path, options: list[str], said: str
) -> None:
    assert said in _run(capsys, folder, *options, code=2)
    assert not home.exists()


def test_a_generator_that_cannot_be_made_is_told_first(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    shown = _run(capsys, folder, "--answers", "--generator", "extractive", "--generator", "local:/none.gguf", code=2)
    assert "/none.gguf" in shown
    assert "answers tiny" not in shown


def test_a_set_without_answers(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    (folder / "answers.jsonl").unlink()
    lines = [json.dumps({**query, "answer": None}) + "\n" for query in QUERIES]
    (folder / "queries.jsonl").write_text("".join(lines), "utf-8")
    assert "no query has an `answer`" in _run(capsys, folder, "--answers", code=2)


@pytest.mark.parametrize("wrong", [{"answer": 5}, {"answers": ["right", 5]}, {"answers": {"a": "b"}}])
def test_an_answer_that_is_no_text_is_named(
    capsys: pytest.CaptureFixture[str], folder: Path, wrong: dict[str, object]
) -> None:
    (folder / "answers.jsonl").write_text(json.dumps({"query_id": "2", **wrong}) + "\n", "utf-8")
    assert "answers.jsonl, line 1: `answer` is not a text" in _run(capsys, folder, "--answers", code=2)
