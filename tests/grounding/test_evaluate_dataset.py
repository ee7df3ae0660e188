"""Sets in BEIR layout: what is accepted, and the file and line that an error names."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from grounding.errors import InvalidRequest
from grounding.evaluation import dataset
from grounding.values import Turn

CORPUS = [
    {"_id": "d1", "title": "Canteens", "text": "Lunch is at noon."},
    {"_id": "d2", "title": "", "text": "The bus leaves\nat five."},
]
QUERIES: list[dict[str, object]] = [{"_id": "q1", "text": "When is lunch?"}, {"_id": "q2", "text": "When is the bus?"}]
QRELS = "query-id\tcorpus-id\tscore\nq1\td1\t1\nq2\td2\t2\nq2\td1\t0\n"


def lines(records: Sequence[Mapping[str, object]]) -> str:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "tiny"
    made.mkdir()
    (made / "corpus.jsonl").write_text(lines(CORPUS), "utf-8")
    (made / "queries.jsonl").write_text(lines(QUERIES), "utf-8")
    (made / "qrels.tsv").write_text(QRELS, "utf-8")
    return made


def test_a_set(folder: Path) -> None:
    found = dataset.read(folder)
    assert found.name == "tiny"
    assert [query.text for query in found.queries] == ["When is lunch?", "When is the bus?"]
    assert found.qrels == {"q1": {"d1": 1}, "q2": {"d2": 2, "d1": 0}}
    assert found.documents.count == 2
    assert found.documents.titles == {"d1": "Canteens", "d2": "The bus leaves at five."}
    assert found.missing == []


@pytest.mark.parametrize("header", ["", "query-id\tcorpus-id\tscore\n"])
@pytest.mark.parametrize("name", ["qrels.tsv", "qrels/test.tsv"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_qrels_in_either_place_with_or_without_a_header(folder: Path, name: str, header: str, end: str) -> None:
    (folder / "qrels.tsv").unlink()
    (folder / "qrels").mkdir()
    (folder / name).write_bytes((header + "q1\td1\t1\nq2\td2\t2\n").replace("\n", end).encode())
    assert dataset.is_dataset(folder)
    assert dataset.read_qrels(folder) == {"q1": {"d1": 1}, "q2": {"d2": 2}}


def test_history_and_who_leans_on_it(folder: Path) -> None:
    turns = [{"role": "user", "text": "When is lunch?"}, {"role": "assistant", "content": "At noon."}]
    records = [
        {"_id": "q1", "text": "And dinner?", "history": turns},
        {"_id": "q2", "text": "When is the bus?", "history": turns, "multi_turn": ["N/A"]},
    ]
    (folder / "queries.jsonl").write_text("\ufeff" + lines(records), "utf-8")
    first, second = dataset.read(folder).queries
    assert first.history == (Turn("user", "When is lunch?"), Turn("assistant", "At noon."))
    assert (first.leans, second.leans) == (True, False)


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        ({"answerability": ["UNANSWERABLE"]}, "unanswerable"),
        ({"answerability": "Underspecified"}, "underspecified"),
        ({"answerability": ["CONVERSATIONAL"]}, None),
        ({"answerable": False}, "unanswerable"),
        ({"answerable": True}, "answerable"),
        ({}, None),
    ],
)
def test_answerability_is_told_by_the_query_or_beside_it(
    folder: Path, told: dict[str, object], meant: str | None
) -> None:
    (folder / "queries.jsonl").write_text(lines([*QUERIES, {"_id": "q3", "text": "Who pays?", **told}]), "utf-8")
    assert [q.answerability for q in dataset.read(folder).queries if q.id == "q3"] == ([meant] if meant else [])
    (folder / "queries.jsonl").write_text(lines([*QUERIES, {"_id": "q3", "text": "Who pays?"}]), "utf-8")
    (folder / "answers.jsonl").write_text(lines([{"query_id": "q3", **told}, {"query_id": "q1", "answers": ["noon"]}]))
    assert [q.answerability for q in dataset.read(folder).queries if q.id == "q3"] == ([meant] if meant else [])


def test_other_wordings_keep_ids_and_judgements(folder: Path) -> None:
    typos = [{"_id": q["_id"], "text": str(q["text"]).replace("h", "hh"), "clean": q["text"]} for q in QUERIES]
    (folder / "typos.jsonl").write_text(lines(typos), "utf-8")
    (folder / "evidence.jsonl").write_text(lines([{"_id": "q1", "text": "x"}]), "utf-8")
    (folder / "notes.jsonl").write_text("not JSON\n", "utf-8")
    assert dataset.variants(folder) == [folder / "typos.jsonl"]
    plain, other = dataset.read(folder), dataset.read(folder, queries=folder / "typos.jsonl")
    assert other.name == "tiny, typos"
    assert other.qrels_sha256 == plain.qrels_sha256
    assert other.queries_sha256 != plain.queries_sha256


def test_judged_documents_that_are_nowhere_are_known(folder: Path) -> None:
    (folder / "qrels.tsv").write_text("q1\td9\t1\n")
    assert dataset.read(folder).missing == ["d9"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("queries.jsonl", '{"_id": "q1", "text": "a"}\n{"text": "b"}\n', "queries.jsonl, line 2: `_id` is missing"),
        ("queries.jsonl", '\n{"_id": "q1"}\n', "queries.jsonl, line 2: not a query: `text`"),
        ("queries.jsonl", '{"_id": "q1", "text": " "}\n', "line 1: not a query: `text`"),
        ("queries.jsonl", '{"_id": "q1", "text": "a"}\n{"_id": "q1", "text": "b"}\n', "line 2: a second query"),
        ("queries.jsonl", '{"_id": "q1", "text": "a", "history": ["b"]}\n', "line 1: not a turn of `history`"),
        ("queries.jsonl", '{"_id": "q1", "text": "a", "history": [{"role": "robot", "text": "b"}]}\n', "not a turn"),
        ("queries.jsonl", '{"_id": "q1", "text": "a", "answerable": "no"}\n', "neither true nor false"),
        ("queries.jsonl", "[]\n", "line 1: not a JSON object"),
        ("queries.jsonl", "{\n", "line 1: not JSON"),
        ("queries.jsonl", '{"_id": "q9", "text": "a"}\n', "no query of queries.jsonl has a judgement"),
        ("qrels.tsv", "q1\td1\t1\nq1\td2\n", "qrels.tsv, line 2: expected query-id, corpus-id, score"),
        ("qrels.tsv", "q1\td1\t1\nq1 d2 1\n", "line 2: expected"),
        ("qrels.tsv", "q1\td1\t1\nq1\td1\t2\n", "line 2: 'd1' has the grade 1"),
        ("corpus.jsonl", '{"title": "x"}\n', "corpus.jsonl, line 1: `id` is missing"),
        ("answers.jsonl", '{"answerable": true}\n', "answers.jsonl, line 1: `_id` is missing"),
    ],
)
def test_errors_name_file_and_line(folder: Path, name: str, content: str, said: str) -> None:
    (folder / name).write_text(content, "utf-8")
    with pytest.raises(InvalidRequest) as raised:
        dataset.read(folder)
    assert said in str(raised.value)


def test_what_is_not_text_is_named(folder: Path) -> None:
    (folder / "queries.jsonl").write_bytes(b'{"_id": "q1", "text": "a"}\n\xff\xfe\n')
    with pytest.raises(InvalidRequest, match=r"queries\.jsonl, line 2: not UTF-8"):
        dataset.read(folder)


def test_a_folder_without_judgements(folder: Path) -> None:
    (folder / "qrels.tsv").unlink()
    assert not dataset.is_dataset(folder)
    with pytest.raises(InvalidRequest, match=r"neither qrels\.tsv nor qrels/test\.tsv"):
        dataset.read(folder)
