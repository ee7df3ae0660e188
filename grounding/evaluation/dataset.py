"""A folder in BEIR layout, read and checked: documents, queries, judgements, and which queries have no answer.

`corpus.jsonl`   {"_id", "title", "text"} a line
`queries.jsonl`  {"_id", "text"} a line; `history` holds the earlier turns of a conversation as {"role", "content" or
                 "text"}; `multi_turn` of MTRAG marks with "N/A" a turn that leans on none of them
`qrels.tsv`      query-id, corpus-id, grade a line, with or without a header; or `qrels/test.tsv`
`answers.jsonl`  optional: {"query_id" or "_id", "answerability"}: ANSWERABLE, PARTIAL, UNANSWERABLE or UNDERSPECIFIED,
                 also in a list; or {"answerable": true or false}; and {"answer"} or {"answers"}, what a right answer
                 says. A query may carry these fields itself.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias, cast, get_args

from grounding.errors import InvalidRequest
from grounding.values import Turn

Answerability: TypeAlias = Literal["answerable", "partial", "unanswerable", "underspecified"]
Qrels: TypeAlias = Mapping[str, Mapping[str, int]]
"""The grade of a document, by query id and document id."""
_TITLE = 80
"""Characters of a title, or of a text without one."""


@dataclass(frozen=True, slots=True)
class Query:
    """A query as it is asked. `leans` tells that it cannot be understood without its history; `references` are right
    answers, any of them."""

    id: str
    text: str
    history: tuple[Turn, ...] = ()
    answerability: Answerability | None = None
    leans: bool = False
    references: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Documents:
    """What is known of a corpus file: how many documents, the titles of some, the SHA-256 of its bytes."""

    count: int
    titles: Mapping[str, str]
    sha256: str


@dataclass(frozen=True, slots=True)
class Dataset:
    """The queries that can be measured: judged in the qrels, or known to have no answer; in the order of their file.

    A query with judgements and no word on its answerability counts as answerable where any query has such a word.
    """

    name: str
    folder: Path
    queries: tuple[Query, ...]
    qrels: Qrels
    documents: Documents

    @property
    def queries_sha256(self) -> str:
        """Of the ids, texts and histories of the queries."""
        return _sha256([[q.id, q.text, [[turn.role, turn.content] for turn in q.history]] for q in self.queries])

    @property
    def qrels_sha256(self) -> str:
        """Of the judgements of these queries."""
        return _sha256({query_id: dict(sorted(self.qrels[query_id].items())) for query_id in sorted(self.qrels)})

    @property
    def missing(self) -> list[str]:
        """Judged documents that the corpus does not have."""
        judged = dict.fromkeys(document_id for grades in self.qrels.values() for document_id in grades)
        return [document_id for document_id in judged if document_id not in self.documents.titles]


def is_dataset(folder: Path) -> bool:
    """Whether a folder has the files that `read` needs."""
    return all((folder / name).is_file() for name in ("corpus.jsonl", "queries.jsonl")) and bool(_qrels_file(folder))


def read(folder: Path, *, queries: Path | None = None) -> Dataset:
    """The folder's set; with `queries`, other wordings of the same queries, by id. Raises InvalidRequest."""
    file = queries or folder / "queries.jsonl"
    told = folder / "answers.jsonl"
    answers = read_answerability(told) if told.is_file() else {}
    references = read_references(told) if told.is_file() else {}
    every, qrels = read_queries(file), read_qrels(folder)
    found = tuple(
        replace(
            query,
            answerability=query.answerability or answers.get(query.id),
            references=query.references or references.get(query.id, ()),
        )
        for query in every
        if query.id in qrels or query.answerability or query.id in answers
    )
    judged = {query.id: qrels[query.id] for query in found if query.id in qrels}
    if not judged:
        raise InvalidRequest(f"{folder}: no query of {file.name} has a judgement in the qrels")
    name = folder.resolve().name if queries is None else f"{folder.resolve().name}, {queries.stem}"
    wanted = {document_id for grades in judged.values() for document_id in grades}
    return Dataset(name, folder, found, judged, read_documents(folder / "corpus.jsonl", titles=wanted))


def variants(folder: Path) -> list[Path]:
    """Files beside `queries.jsonl` with other wordings of its queries: each line tells `clean`, the right one."""
    return [
        file
        for file in sorted(folder.glob("*.jsonl"))
        if file.name not in ("corpus.jsonl", "queries.jsonl", "answers.jsonl")
        and any({"_id", "text", "clean"} <= record.keys() for _, record in _first(file))
    ]


def read_queries(file: Path) -> list[Query]:
    """The queries of a file, in its order. Raises InvalidRequest, which names the line."""
    queries: dict[str, Query] = {}
    for number, record in _records(file):
        where = f"{file}, line {number}"
        query_id, text = _identifier(record, "_id", where=where), record.get("text")
        if not isinstance(text, str) or not text.strip():
            raise InvalidRequest(f"{where}: not a query: `text` is not a text")
        if query_id in queries:
            raise InvalidRequest(f"{where}: a second query with the id {query_id!r}")
        turns = _turns(record.get("history"), where=where)
        leans = bool(turns) and "N/A" not in _words(record.get("multi_turn"))
        queries[query_id] = Query(
            query_id, text, turns, _answerability(record, where=where), leans, _references(record, where=where)
        )
    return list(queries.values())


def read_qrels(folder: Path) -> dict[str, dict[str, int]]:
    """Grades by query id and document id, of `qrels.tsv` or `qrels/test.tsv`. Raises InvalidRequest."""
    file = _qrels_file(folder)
    if file is None:
        raise InvalidRequest(f"{folder}: neither qrels.tsv nor qrels/test.tsv is there")
    qrels: dict[str, dict[str, int]] = {}
    for number, line in _lines(file):
        (row,) = csv.reader([line], delimiter="\t", quoting=csv.QUOTE_NONE)
        if number == 1 and not row[-1].strip().lstrip("-").isdigit():
            continue
        try:
            query_id, document_id, grade = row
            known = qrels.setdefault(query_id, {}).setdefault(document_id, int(grade))
        except ValueError:
            raise InvalidRequest(f"{file}, line {number}: expected query-id, corpus-id, score, with tabs") from None
        if known != int(grade):
            raise InvalidRequest(f"{file}, line {number}: {document_id!r} has the grade {known} for it already")
    return qrels


def read_answerability(file: Path) -> dict[str, Answerability]:
    """Which queries have an answer, by query id, of those lines that tell it. Raises InvalidRequest."""
    found: dict[str, Answerability] = {}
    for number, record in _records(file):
        where = f"{file}, line {number}"
        if answerability := _answerability(record, where=where):
            found[_identifier(record, "query_id" if "query_id" in record else "_id", where=where)] = answerability
    return found


def read_references(file: Path) -> dict[str, tuple[str, ...]]:
    """What right answers say, by query id, of those lines that tell it. Raises InvalidRequest."""
    found: dict[str, tuple[str, ...]] = {}
    for number, record in _records(file):
        where = f"{file}, line {number}"
        if references := _references(record, where=where):
            found[_identifier(record, "query_id" if "query_id" in record else "_id", where=where)] = references
    return found


def read_documents(file: Path, *, titles: set[str]) -> Documents:
    """A corpus in numbers, with the titles of these documents, or how their texts begin."""
    shown: dict[str, str] = {}
    count = 0
    for count, (number, record) in enumerate(_records(file), start=1):  # noqa: B007 - what it ends with is wanted
        where = f"{file}, line {number}"
        document_id = _identifier(record, "_id" if "_id" in record else "id", where=where)
        if document_id in titles:
            shown[document_id] = title_of(str(record.get("title") or ""), str(record.get("text") or ""))
    with file.open("rb") as data:
        return Documents(count, shown, hashlib.file_digest(data, "sha256").hexdigest())


def title_of(title: str, text: str) -> str:
    """The title on one line, or how the text begins where there is none."""
    return " ".join((title or text)[:_TITLE].split())


def _qrels_file(folder: Path) -> Path | None:
    return next((f for f in (folder / "qrels.tsv", folder / "qrels" / "test.tsv") if f.is_file()), None)


def _answerability(record: Mapping[str, object], *, where: str) -> Answerability | None:
    """What a line tells of it; other words than ours, as some sets have, tell nothing."""
    answerable = record.get("answerable")
    if isinstance(answerable, bool):
        return "answerable" if answerable else "unanswerable"
    if answerable is not None:
        raise InvalidRequest(f"{where}: `answerable` is neither true nor false")
    words = (word.lower() for word in _words(record.get("answerability")))
    return cast(Answerability | None, next((word for word in words if word in get_args(Answerability)), None))


def _references(record: Mapping[str, object], *, where: str) -> tuple[str, ...]:
    """The texts of `answers`, or that of `answer`."""
    given = record.get("answers") if record.get("answers") is not None else record.get("answer")
    listed = _list(given) if isinstance(given, list) or given is None else [given]
    if any(not isinstance(each, str) for each in listed):
        raise InvalidRequest(f"{where}: `answer` is not a text, nor `answers` a list of texts")
    return tuple(each for each in listed if isinstance(each, str) and each.strip())


def _turns(value: object, *, where: str) -> tuple[Turn, ...]:
    turns: list[Turn] = []
    for turn in _list(value):
        role = turn.get("role") if isinstance(turn, dict) else None
        content = (turn.get("content") or turn.get("text")) if isinstance(turn, dict) else None
        if role not in ("user", "assistant") or not isinstance(content, str):
            raise InvalidRequest(
                f'{where}: not a turn of `history`: expected {{"role": "user" or "assistant", "content" or "text"}}'
            )
        turns.append(Turn(role, content))
    return tuple(turns)


def _identifier(record: Mapping[str, object], name: str, *, where: str) -> str:
    value = record.get(name)
    if not isinstance(value, str | int) or isinstance(value, bool) or value == "":
        raise InvalidRequest(f"{where}: `{name}` is missing")
    return str(value)


def _words(value: object) -> list[str]:
    return [word for word in _list(value) if isinstance(word, str)]


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _first(file: Path) -> Iterator[tuple[int, Mapping[str, object]]]:
    """The first record of a file, if it is one."""
    try:
        yield next(_records(file))
    except (InvalidRequest, StopIteration):
        return


def _records(file: Path) -> Iterator[tuple[int, Mapping[str, object]]]:
    for number, line in _lines(file):
        try:
            record = json.loads(line)
        except ValueError as error:
            raise InvalidRequest(f"{file}, line {number}: not JSON: {error}") from None
        if not isinstance(record, dict):
            raise InvalidRequest(f"{file}, line {number}: not a JSON object")
        yield number, record


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    """Lines with their numbers, without empty ones; only a line feed ends one."""
    number = 0
    try:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if text := line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n"):
                    yield number, text
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"{file}, line {number}: not UTF-8: {error.reason}") from None
    except OSError as error:
        raise InvalidRequest(f"{file}: cannot be read: {error.strerror}") from None


def _sha256(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
