"""python -m tests.bench.scale [--passages N ...] [--queries N] [--folder FOLDER]: a store of many passages: building,
opening, searching with filters and without, beside bare FAISS of the same family in turns.

Vectors are drawn from a mixture: topics, groups of a hundred in them, and noise that is stronger in some directions.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from rich.console import Console
from rich.table import Table
from sqlalchemy import insert

from grounding.filters import Filter, parse
from grounding.settings import Storage
from grounding.values import Document, Fingerprint, FloatMatrix
from store import passages
from store.corpus import SqlCorpus
from store.database import Database
from store.documents import NewDocument, NewPassage
from store.families import open_index
from store.open import Store, open_store
from store.publishing import Publisher, manifests
from store.ranking import Ids
from store.schema import DocumentMetadata, DocumentRow, PassageRow, VectorRow, table_of
from store.vectors import pack

DIMENSION = 384
TOPICS = 200
DOCUMENT = 10
"""Passages of a document: all of one topic."""
K = 10
SHARES = (0.001, 0.01, 0.1, 0.5, 1.0)
FINGERPRINT = Fingerprint("mixture", "1", DIMENSION)


@dataclass(frozen=True)
class Data:
    """Vectors in the order of their ids, document by document; queries are further draws from the same mixture."""

    vectors: FloatMatrix
    topics: Ids
    queries: FloatMatrix
    query_topics: Ids


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--passages", type=int, nargs="+", default=[100_000], help="sizes of the collection")
    parser.add_argument("--queries", type=int, default=200, help="queries for each figure")
    parser.add_argument("--folder", type=Path, help="where to put the store: 6 GB for a million passages")
    options = parser.parse_args()
    for size in options.passages:
        data = drawn(size, options.queries)
        with tempfile.TemporaryDirectory(dir=options.folder) as home:
            table = Table("what", "figure", title=f"{size:,} passages")
            for name, figure in measured(Path(home), data):
                table.add_row(name, figure)
                Console(stderr=True).print(f"{name}: {figure}")
        Console().print(table)


def measured(home: Path, data: Data) -> Iterator[tuple[str, str]]:
    with closing(open_store(home=home)) as store:
        yield "filling SQL", f"{_seconds(lambda: fill(store, home, data)):.1f} s"
        yield "SQL", f"{_megabytes(home):.0f} MB"
        yield from built(store, home)
        found = opened(store, home)
        yield from found
        corpus = store.corpus("bench")
        yield from searched(corpus, bare(store, home), data)
        yield from filtered(corpus, data)
        yield from lived_in(store, corpus, data)


def drawn(size: int, queries: int, *, seed: int = 0) -> Data:
    rng = np.random.default_rng(seed)
    spectrum = (np.arange(1, DIMENSION + 1) ** -0.5).astype(np.float32)
    directions = np.linalg.qr(rng.normal(size=(DIMENSION, DIMENSION)))[0].astype(np.float32)
    turned = (spectrum / np.linalg.norm(spectrum))[:, None] * directions

    def noisy(centres: FloatMatrix) -> FloatMatrix:
        return _unit(centres + 0.8 * rng.standard_normal(centres.shape, np.float32) @ turned)

    weights = rng.zipf(1.5, TOPICS).clip(1, 50).astype(float)
    topic_of_group = rng.choice(TOPICS, max(TOPICS, size // 100), p=weights / weights.sum())
    groups = noisy(_unit(rng.standard_normal((TOPICS, DIMENSION), np.float32))[topic_of_group])
    group = rng.integers(0, len(groups), size + queries)
    # Documents of one topic each, in no order.
    by_topic = np.argsort(topic_of_group[group[:size]], kind="stable")
    documents = np.array_split(by_topic, max(1, size // DOCUMENT))
    group[:size] = group[np.concatenate([documents[i] for i in rng.permutation(len(documents))])]
    vectors = np.empty((size + queries, DIMENSION), np.float32)
    for start in range(0, len(vectors), 50_000):
        vectors[start : start + 50_000] = noisy(groups[group[start : start + 50_000]])
    topics = topic_of_group[group]
    # Where one topic ends and the next begins, a document has passages of both: it counts as of its first.
    of_document = topics[:size][np.arange(size) // DOCUMENT * DOCUMENT]
    return Data(vectors[:size], of_document, vectors[size:], topics[size:])


def fill(store: Store, home: Path, data: Data) -> None:
    """All rows that an ingest would leave but the texts of documents; 20,000 passages to a transaction."""
    with store.writer("bench", fingerprint=FINGERPRINT):
        collection = store.collections.place("bench").id
    database = Database(home=home)
    for start in range(0, len(data.vectors), 20_000):
        with database.write() as connection:
            change = passages.next_change(connection, collection)
            rows = range(start, min(start + 20_000, len(data.vectors)))
            for table, some in (
                (DocumentRow, [_document(collection, row) for row in rows if row % DOCUMENT == 0]),
                (
                    DocumentMetadata,
                    [found for row in rows if row % DOCUMENT == 0 for found in _metadata(collection, row, data)],
                ),
                (PassageRow, [_passage(collection, row, change) for row in rows]),
                (
                    VectorRow,
                    [
                        {
                            "passage_id": row + 1,
                            "fingerprint_id": 1,
                            "collection_id": collection,
                            "embed_hash": f"{row}",
                            "vector": blob,
                        }
                        for row, blob in zip(rows, pack(data.vectors[rows.start : rows.stop]), strict=True)
                    ],
                ),
            ):
                connection.execute(insert(table_of(table)), some)
    database.close()


def built(store: Store, home: Path) -> Iterator[tuple[str, str]]:
    database = Database(home=home)
    place = store.collections.place("bench")
    publisher = Publisher(database, store.collections.shelf(place), place=place, storage=Storage())
    before = _memory("VmHWM")
    yield "building from SQL", f"{_seconds(lambda: publisher.build('vectors', from_scratch=True)):.1f} s"
    yield "most memory, building", f"+{_memory('VmHWM') - before:.0f} MB"
    yield "building upon the last", f"{_seconds(lambda: publisher.build('vectors')):.1f} s"
    yield "building the lexical index", f"{_seconds(lambda: publisher.build('lexical')):.1f} s"
    database.close()


def opened(store: Store, home: Path) -> Iterator[tuple[str, str]]:
    shelf, manifest = _manifest(store, home)
    yield "family", manifest.family
    yield "index on disk", f"{manifest.bytes / 1e6:.0f} MB"
    folder = shelf.path(manifest.name)
    anonymous = _memory("RssAnon")
    yield "opening", f"{1000 * _seconds(lambda: open_index(folder, manifest.family)):.1f} ms"
    index = open_index(folder, manifest.family)
    yield "memory of its own when open", f"+{_memory('RssAnon') - anonymous:.0f} MB for {len(index):,} vectors"
    yield "its checksum", f"{_seconds(lambda: shelf.verified(manifest.name, sha256=manifest.sha256)):.2f} s"


def bare(store: Store, home: Path) -> Any:
    shelf, manifest = _manifest(store, home)
    file = next(shelf.path(manifest.name).glob("*.faiss"))
    return faiss.read_index(str(file), faiss.IO_FLAG_MMAP)


def searched(corpus: SqlCorpus, index: Any, data: Data) -> Iterator[tuple[str, str]]:
    """Beside bare FAISS, in turns."""
    for k in (K, 100):
        wanted = _nearest(data.vectors, data.queries, k)
        ours = [_found(corpus, query, k) for query in data.queries]
        recall = _recall(ours, wanted)
        yield f"recall@{k}", f"{recall:.4f}"
        yield from _levelled(index, data, wanted)
        faiss.omp_set_num_threads(1)
        times = [
            (_seconds(lambda: _found(corpus, query, k)), _seconds(lambda: index.search(query[None], k)))  # noqa: B023
            for query in [*data.queries, *data.queries]
        ]
        faiss.omp_set_num_threads(2)
        through, alone = zip(*times, strict=True)
        yield f"through the store, k = {k}", _spread(through)
        yield f"bare FAISS, k = {k}", _spread(alone)
        over = np.median(through) - 1.3 * np.median(alone)
        yield "p50 over 1.3 times that of bare FAISS", f"{1000 * over:+.2f} ms"


def _levelled(index: Any, data: Data, wanted: Ids) -> Iterator[tuple[str, str]]:
    """Lets bare FAISS look into as few lists as give it nearly all of the recall that its 8 bits can have."""
    if not isinstance(index, faiss.IndexIVF):
        return

    def recall(lists: int) -> float:
        index.nprobe = lists
        rows = index.search(data.queries, wanted.shape[1])[1]
        return _recall((rows + 1).tolist(), wanted)

    most, lists = recall(index.nlist), 1
    while recall(lists) < 0.995 * most:
        lists += 1 + lists // 8
    yield f"recall@{wanted.shape[1]} of bare FAISS", f"{recall(lists):.4f} in {lists} of {index.nlist} lists"


def filtered(corpus: SqlCorpus, data: Data) -> Iterator[tuple[str, str]]:
    rng = np.random.default_rng(7)
    buckets = (np.arange(len(data.vectors)) // DOCUMENT * 7919) % 1000
    for share in SHARES:
        where = parse({"bucket": {"$lt": round(1000 * share)}})
        yield _with_filter(f"uniform {share:.1%}", corpus, data, where, buckets < 1000 * share, data.queries)
    sizes = np.bincount(data.topics, minlength=TOPICS)
    for share in SHARES[:-1]:
        order = rng.permutation(TOPICS)
        some = order[: 1 + int(np.searchsorted(np.cumsum(sizes[order]), share * len(data.vectors)))]
        strangers = data.queries[~np.isin(data.query_topics, some)]
        where = parse({"topic": {"$in": [int(topic) for topic in some]}})
        yield _with_filter(f"topics {share:.1%}", corpus, data, where, np.isin(data.topics, some), strangers)


def lived_in(store: Store, corpus: SqlCorpus, data: Data) -> Iterator[tuple[str, str]]:
    """With a hundredth of the passages deleted, and as many new ones, since the index was built."""
    count = len(data.vectors) // DOCUMENT // 100
    changed = count * DOCUMENT
    new = _unit(data.vectors[-changed:] + np.random.default_rng(8).normal(0, 0.02, (changed, DIMENSION)))
    with store.writer("bench", fingerprint=FINGERPRINT) as writer:
        seconds = _seconds(lambda: writer.delete([f"d{number}" for number in range(count)]))
        yield f"deleting {changed:,} passages", f"{seconds:.2f} s"
        seconds = _seconds(lambda: writer.put([_new(number, new) for number in range(count)]))
        yield f"putting {changed:,} passages", f"{seconds:.2f} s"
    first = _seconds(lambda: _found(corpus, data.queries[0], K))
    times = [_seconds(lambda: _found(corpus, query, K)) for query in data.queries]  # noqa: B023
    yield "the first search after", f"{1000 * first:.1f} ms"
    yield "those that follow", _spread(times)
    wanted = _nearest(np.concatenate([data.vectors[changed:], new]), data.queries, K) + changed
    yield f"recall@{K}", f"{_recall([_found(corpus, query, K) for query in data.queries], wanted):.4f}"


def _new(number: int, vectors: FloatMatrix) -> NewDocument:
    rows = range(number * DOCUMENT, (number + 1) * DOCUMENT)
    found = [NewPassage("new", at, at + 3, "", {}, vectors[row], f"new {row}", ()) for at, row in enumerate(rows)]
    held = Document(f"new{number}", "bench", f"new{number}", "", "new" * DOCUMENT, "text/plain", {}, f"{number}")
    return NewDocument(held, tuple(found), origin="", language="en")


def _with_filter(
    name: str, corpus: SqlCorpus, data: Data, where: Filter | None, mask: Any, queries: FloatMatrix
) -> tuple[str, str]:
    rows = np.flatnonzero(mask)
    wanted = rows[_nearest(data.vectors[rows], queries, K) - 1] + 1
    cold = _seconds(lambda: _found(corpus, queries[0], K, where=where))
    found, times = [], []
    for query in queries:
        times.append(_seconds(lambda: found.append(_found(corpus, query, K, where=where))))  # noqa: B023
    recall = f"{len(rows):,} eligible, recall@{K} {_recall(found, wanted):.4f}"
    return f"filter {name}", f"{recall}, first {1000 * cold:.0f} ms, then {_spread(times)}"


def _found(corpus: SqlCorpus, query: Any, k: int, *, where: Filter | None = None) -> list[int]:
    return [hit.passage_id for hit in corpus.dense(query, k, fingerprint=FINGERPRINT, where=where)]


def _nearest(vectors: FloatMatrix, queries: FloatMatrix, k: int) -> Ids:
    """(queries, k) ids by brute force; the first row has the id 1."""
    rows: Ids = faiss.knn(queries, vectors, min(k, len(vectors)), metric=faiss.METRIC_INNER_PRODUCT)[1]
    return rows + 1


def _recall(found: list[list[int]], wanted: Ids) -> float:
    return float(np.mean([len(set(a) & set(b.tolist())) / len(b) for a, b in zip(found, wanted, strict=True)]))


def _spread(seconds: Any) -> str:
    p50, p95 = np.quantile(np.asarray(seconds) * 1000, (0.5, 0.95))
    return f"p50 {p50:.2f} ms, p95 {p95:.2f} ms"


def _document(collection: int, row: int) -> dict[str, Any]:
    number, now = row // DOCUMENT, datetime.now(UTC)
    texts = dict.fromkeys(("title", "language", "content_hash", "origin"), "")
    return texts | {
        "id": number + 1,
        "collection_id": collection,
        "external_id": f"d{number}",
        "source": f"d{number}",
        "media_type": "text/plain",
        "version": 1,
        "characters": 0,
        "created_at": now,
        "updated_at": now,
        "metadata_json": {},
    }


def _metadata(collection: int, row: int, data: Data) -> list[dict[str, Any]]:
    number = row // DOCUMENT
    values = {"bucket": number * 7919 % 1000, "topic": int(data.topics[row])}
    return [
        {
            "document_id": number + 1,
            "key": key,
            "position": at,
            "collection_id": collection,
            "text_value": None,
            "text_rest": None,
            "number_value": float(value),
            "boolean_value": None,
        }
        for at, (key, value) in enumerate(values.items())
    ]


def _passage(collection: int, row: int, change: int) -> dict[str, Any]:
    at = row % DOCUMENT
    return {
        "id": row + 1,
        "collection_id": collection,
        "document_id": row // DOCUMENT + 1,
        "change": change,
        "start": 20 * at,
        "end": 20 * at + 10,
        "heading": "",
        "metadata_json": {},
        "text": f"passage {row}",
    }


def _manifest(store: Store, home: Path) -> Any:
    place = store.collections.place("bench")
    database = Database(home=home)
    with database.read() as connection:
        newest = manifests(connection, place.id, "vectors")[0]
    database.close()
    return store.collections.shelf(place), newest


def _unit(vectors: Any) -> FloatMatrix:
    unit: FloatMatrix = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def _memory(name: str) -> float:
    """MB of this process, by its name in /proc."""
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) / 1000 for line in lines if line.startswith(f"{name}:"))


def _megabytes(folder: Path) -> float:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
