"""The checker: opens what a child left, and lists what does not agree with the journal, or with itself.

SQL is read here by itself, without the store; what the store finds is compared with a scan of all rows.
"""

from __future__ import annotations

import json
import random
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from grounding.linking import candidates, link
from grounding.settings import Storage
from grounding.values import FloatMatrix
from grounding.wordlist import words
from store.check import CheckResult
from store.open import Store, open_store
from tests.faults.journal import Held, Journal, digest, vector_digest

WITHOUT = {
    "passages": ("document_id", "documents"),
    "document_texts": ("document_id", "documents"),
    "document_metadata": ("document_id", "documents"),
    "vectors": ("passage_id", "passages"),
    "passage_entities": ("passage_id", "passages"),
    "turns": ("conversation_id", "conversations"),
    "job_items": ("job_id", "jobs"),
}
"""Rows that belong to a row of another table."""
FAULTS = {
    **{
        f"{table} that belong to nothing": f"SELECT count(*) FROM {table} WHERE {key} NOT IN (SELECT id FROM {owner})"
        for table, (key, owner) in WITHOUT.items()
    },
    "documents without a text": """
        SELECT count(*) FROM documents WHERE id NOT IN (SELECT document_id FROM document_texts)""",
    "passages in another collection than their document": """
        SELECT count(*) FROM passages p JOIN documents d ON d.id = p.document_id
        WHERE d.collection_id != p.collection_id""",
    "passages that are both there and gone": """
        SELECT count(*) FROM tombstones WHERE passage_id IN (SELECT id FROM passages)""",
    "turns without an answer": """
        SELECT abs(coalesce(sum(CASE role WHEN 'user' THEN 1 ELSE -1 END), 0)) FROM turns""",
}


@dataclass(frozen=True, slots=True)
class Passage:
    id: int
    collection: str
    document: str
    title: str
    heading: str
    text: str
    vector: bytes
    names: frozenset[str]


class Rows:
    """All that SQL holds, read by itself."""

    def __init__(self, home: Path) -> None:
        self._home = home
        with closing(sqlite3.connect(home / "grounding.db")) as connection:
            self.faults = list(_faults(connection))
            self._read(connection)

    def _read(self, connection: sqlite3.Connection) -> None:
        names: dict[int, set[str]] = defaultdict(set)
        for passage_id, name in connection.execute("SELECT passage_id, name FROM passage_entities"):
            names[passage_id].add(name)
        self.passages: list[Passage] = []
        whole: dict[int, list[tuple[object, ...]]] = defaultdict(list)
        mentioned: dict[int, list[str]] = defaultdict(list)
        hashes: dict[int, set[str]] = defaultdict(set)
        for key, owner, *row, collection, document, title in connection.execute(_PASSAGES):
            start, end, heading, text, embed_hash, vector = row
            if vector is None:
                self.faults.append(f"passage {key} of {document!r} has no vector")
                continue
            whole[owner].append((start, end, heading, text, embed_hash))
            mentioned[owner] += names[key]
            hashes[owner].add(embed_hash)
            self.passages.append(
                Passage(key, collection, document, title, heading, text, vector, frozenset(names[key]))
            )
        self.documents: dict[str, dict[str, Held]] = defaultdict(dict)
        for key, collection, name, version, source, title, text, metadata in connection.execute(_DOCUMENTS):
            its = digest(source, title, text, json.loads(metadata), whole[key], mentioned[key])
            self.documents[collection][name] = Held(its, version, frozenset(hashes[key]))
        self.vectors = {
            (collection, passage_id, f"{name} {revision}"): (embed_hash, vector_digest(vector))
            for collection, passage_id, name, revision, embed_hash, vector in connection.execute(_VECTORS)
        }

    def of(self, collection: str) -> list[Passage]:
        return [passage for passage in self.passages if passage.collection == collection]


def _faults(connection: sqlite3.Connection) -> Iterator[str]:
    for (fault,) in connection.execute("PRAGMA integrity_check"):
        if fault != "ok":
            yield f"SQLite: {fault}"
    for row in connection.execute("PRAGMA foreign_key_check"):
        yield f"SQLite: row {row[1]} of {row[0]} has no {row[2]}"
    for what, query in FAULTS.items():
        ((number,),) = connection.execute(query).fetchall()
        if number:
            yield f"{number} {what}"


_PASSAGES = """
    SELECT p.id, p.document_id, p.start, p."end", p.heading, p.text, v.embed_hash, v.vector, c.name, d.external_id,
    d.title FROM passages p JOIN documents d ON d.id = p.document_id JOIN collections c ON c.id = p.collection_id
    LEFT JOIN vectors v ON v.passage_id = p.id AND v.fingerprint_id = c.fingerprint_id ORDER BY p.id
"""
_VECTORS = """
    SELECT c.name, v.passage_id, f.name, f.revision, v.embed_hash, v.vector FROM vectors v
    JOIN fingerprints f ON f.id = v.fingerprint_id JOIN collections c ON c.id = v.collection_id
"""
_DOCUMENTS = """
    SELECT d.id, c.name, d.external_id, d.version, d.source, d.title, t.text, d.metadata_json
    FROM documents d JOIN collections c ON c.id = d.collection_id LEFT JOIN document_texts t ON t.document_id = d.id
"""


def violations(
    home: Path, *journals: Journal, damaged: bool = False, storage: Storage | None = None, queries: int = 4
) -> list[str]:
    """What is wrong, empty if nothing is. `damaged` says that index files were damaged on purpose: then the store
    has to see it, to answer all the same, and to repair it without a change in SQL."""
    if not (home / "grounding.db").exists():
        return [f"{len(j.read().documents)} collections are lost" for j in journals if any(j.read().documents.values())]
    with opened(home, storage) as store:
        rows = Rows(home)
        found = list(rows.faults)
        for journal in journals:
            found += _disagreements(journal, rows)
        found += _searched(store, rows, queries=queries, exact=_is_exact(storage, rows))
        found += _checked(store, home, rows, damaged=damaged)
    return found


@contextmanager
def opened(home: Path, storage: Storage | None = None) -> Iterator[Store]:
    store = open_store(home=home, storage=storage)
    try:
        yield store
    finally:
        store.close()


def _is_exact(storage: Storage | None, rows: Rows) -> bool:
    return storage is None or storage.exact_passages >= len(rows.passages)


def _disagreements(journal: Journal, rows: Rows) -> Iterator[str]:
    """Between the journal and SQL. Steps that were open are looked up, and ended."""
    expected = journal.read()
    for step in list(expected.open.values()):
        there = rows.documents.get(step.collection, {})
        touched = expected.touched(step)
        before = _some(expected.of(step.collection), touched)
        after = _some(expected.after(step), touched)
        now = _some(there, touched)
        if now not in (before, after):
            states = f"{sum(now.get(name) == after.get(name) for name in touched)} of {len(touched)}"
            yield f"a step was done by half: {states} documents are as after it"
        applied = now == after
        (journal.done if applied else journal.refused)(step.key)
        expected.end(step.key, applied=applied)
    for collection in expected.documents:
        yield from _differences(expected.of(collection), rows.documents.get(collection, {}))
    mixed = [
        passage_id
        for (collection, passage_id, embedder), (embed_hash, vector) in rows.vectors.items()
        if collection in expected.documents and expected.made.get((embedder, embed_hash)) != vector
    ]
    if mixed:
        yield f"{len(mixed)} vectors are not those of their text and embedder, such as that of passage {mixed[0]}"
    if expected.wasted:
        yield f"{expected.wasted} texts were embedded although their vectors were there"


def _some(documents: dict[str, Held], names: set[str]) -> dict[str, Held]:
    return {name: held for name, held in documents.items() if name in names}


def _differences(wanted: dict[str, Held], there: dict[str, Held]) -> Iterator[str]:
    lost, foreign = sorted(wanted.keys() - there.keys()), sorted(there.keys() - wanted.keys())
    if lost:
        yield f"{len(lost)} acknowledged documents are lost, such as {lost[0]!r}"
    if foreign:
        yield f"{len(foreign)} documents are there that should not be, such as {foreign[0]!r}"
    both = sorted(wanted.keys() & there.keys())
    if changed := [name for name in both if wanted[name].digest != there[name].digest]:
        yield f"{len(changed)} documents are not what was acknowledged, such as {changed[0]!r}"
    if other := [name for name in both if wanted[name].version != there[name].version]:
        name = other[0]
        yield (
            f"{len(other)} documents have another version than they should, such as {name!r}: "
            f"{there[name].version} instead of {wanted[name].version}"
        )


def _searched(store: Store, rows: Rows, *, queries: int, exact: bool) -> Iterator[str]:
    """Where the store's answers are not those of a scan over SQL."""
    for collection in {passage.collection for passage in rows.passages}:
        held = rows.of(collection)
        chance = random.Random(len(held))
        corpus = store.corpus(collection)
        matrix = np.stack([np.frombuffer(passage.vector, "<f4") for passage in held])
        ids = np.array([passage.id for passage in held])
        some = chance.sample(held, min(queries, len(held)))
        yield from _dense(corpus, matrix, ids, some, exact=exact)
        vocabulary = [_vocabulary(passage) for passage in held]
        known = frozenset[str]().union(*(passage.names for passage in held))
        for passage in some:
            # A word as it is written: what else has its stem depends on the language that each passage is taken for.
            for word in chance.sample(sorted(_vocabulary(passage)), min(1, len(_vocabulary(passage)))):
                wanted = {other.id for other, said in zip(held, vocabulary, strict=True) if word in said}
                found = corpus.lexical(word, len(held))
                alike = {hit.passage_id for hit in found} & set(ids.tolist())
                yield from _compared(f"the word {word!r}", wanted | alike, found)
            for name in sorted(passage.names)[:1]:
                asked = link(candidates(name), known).names
                forms = {form.name for each in asked for form in each}
                wanted = {other.id for other in held if forms & other.names}
                yield from _compared(f"the name {name!r}", wanted, corpus.entity(name, len(held)))


def _vocabulary(passage: Passage) -> frozenset[str]:
    return _terms(passage.title) | _terms(passage.heading) | _terms(passage.text)


@lru_cache(50_000)
def _terms(text: str) -> frozenset[str]:
    return frozenset(words(text))


def _compared(what: str, wanted: set[int], hits: Sequence[Any]) -> Iterator[str]:
    found = {hit.passage_id for hit in hits}
    if found != wanted or len(found) != len(hits):
        lost, foreign = len(wanted - found), len(found - wanted)
        yield f"{what}: {lost} passages are not found, {foreign} are found that should not be"


def _dense(corpus: Any, matrix: FloatMatrix, ids: Any, some: Sequence[Passage], *, exact: bool) -> Iterator[str]:
    for passage in some:
        vector = np.frombuffer(passage.vector, "<f4")
        scores = matrix @ vector
        hits = corpus.dense(vector, 10, fingerprint=corpus.fingerprint)
        found = [hit.passage_id for hit in hits]
        places = np.searchsorted(ids, found)
        if len(set(found)) != len(found) or not set(found) <= set(ids.tolist()):
            yield "a vector search finds passages twice, or some that are gone"
        elif not np.allclose(scores[places], [hit.score for hit in hits], atol=1e-3 if exact else 3e-2):
            yield "a vector search gives scores that are not those of the vectors"
        elif exact and not np.allclose(np.sort(scores[places]), np.sort(scores)[-10:], atol=1e-5):
            yield "a vector search does not find the nearest"
        elif passage.vector not in {row.tobytes() for row in matrix[places]}:
            yield "a vector search does not find the passage itself"


def _checked(store: Store, home: Path, rows: Rows, *, damaged: bool) -> Iterator[str]:
    """What the store's own check says: nothing but folders that somebody who was killed left half-built, or the damage
    done; and a repair ends it."""
    broken = [result for result in store.check() if not result.ok]
    expected = ("vectors", "lexical", "files") if damaged else ("files",)
    yield from (_told(result) for result in broken if result.part not in expected)
    if not broken:
        return
    yield from (f"after a repair, {_told(result)}" for result in store.check(repair=True) if not result.ok)
    if Rows(home).documents != rows.documents:
        yield "the repair changed what SQL holds"


def _told(result: CheckResult) -> str:
    return f"check: {result.collection} {result.part}: {result.detail}"
