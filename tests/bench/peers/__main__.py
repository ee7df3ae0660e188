"""python -m tests.bench.peers --data FOLDER [FOLDER ...]: this service beside others on sets in BEIR layout.

All use the same embedder and run in this process, query by query in turns. Peers get each document as one text, and
the last turn of a conversation; this service gets the history as well. Times of a search include the embedding of its
query. This service's ingest is timed whole; peers' is their own work, and the embedding as measured on a sample.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import ir_measures
import numpy as np
from ir_measures import R, nDCG
from rich.console import Console
from rich.table import Table

from api.compose import Service, build
from grounding import plugins, settings
from grounding.evaluation import dataset
from grounding.evaluation.dataset import Query
from grounding.pipeline import Ask
from grounding.ports import Corpus
from grounding.values import Exchange
from tests.bench.peers import remembering
from tests.bench.peers.systems import peers

K = 10
SAMPLE = 100
"""Documents whose embedding is timed."""


@dataclass(frozen=True, slots=True)
class Figures:
    set: str
    system: str
    ndcg: float
    recall: float
    p50_ms: float
    p95_ms: float
    ingest_seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="folders in BEIR layout")
    parser.add_argument("--queries", type=int, default=300, help="judged queries of each set; 0: all")
    parser.add_argument("--json", type=Path, help="where to put the figures, too")
    options = parser.parse_args()
    found: list[Figures] = []
    for folder in options.data:
        with tempfile.TemporaryDirectory() as home:
            found += compared(folder, Path(home), limit=options.queries or None)
    table = Table("set", "system", "nDCG@10", "recall@10", "p50 ms", "p95 ms", "ingest s")
    for row in found:
        spread = (f"{row.p50_ms:.1f}", f"{row.p95_ms:.1f}", f"{row.ingest_seconds:.1f}")
        table.add_row(row.set, row.system, f"{row.ndcg:.3f}", f"{row.recall:.3f}", *spread)
    Console().print(table)
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in found], indent=1) + "\n", "utf-8")


def compared(folder: Path, home: Path, *, limit: int | None) -> Iterator[Figures]:
    """The figures of each system on one set."""
    qrels = dataset.read_qrels(folder)
    queries = [query for query in dataset.read_queries(folder / "queries.jsonl") if query.id in qrels][:limit]
    documents = _documents(folder / "corpus.jsonl")
    chosen = {
        "GROUNDING_HOME": str(home),
        "GROUNDING_MODELS__EMBEDDER": remembering.NAME,
        "GROUNDING_MODELS__QUERY_CACHE": "0",
    }
    environ = {"GROUNDING_MODELS__FOLDER": str(Path(".cache/models").absolute()), **os.environ, **chosen}
    configuration = settings.load(environ)
    sample = list(documents.values())[:: max(1, len(documents) // SAMPLE)]
    bare = plugins.embedder("multilingual-e5-small", settings=configuration)
    bare.embed_passages(sample[:2])
    embedding = (
        _seconds(lambda: bare.embed_passages(sample)) / sum(map(len, sample)) * sum(map(len, documents.values()))
    )
    with build(configuration) as service:
        service.warm_up()
        seconds = {"grounding": _seconds(lambda: service.ingest([str(folder / "corpus.jsonl")], collection="bench"))}
        searches: dict[str, Callable[[Query], list[str]]] = {"grounding": _ours(service)}
        service.models.embedder().embed_passages(list(documents.values()))
        for peer in peers(service.models.embedder()):
            seconds[peer.name] = embedding + _seconds(lambda peer=peer: peer.index(documents))  # type: ignore[misc]
            searches[peer.name] = lambda query, peer=peer: peer.search(query.text, K)  # type: ignore[misc]
        runs, times = _searched(queries, searches)
    judged = {query.id: qrels[query.id] for query in queries}
    for name in searches:
        scores = ir_measures.calc_aggregate([nDCG @ K, R @ K], judged, runs[name])
        p50, p95 = (float(ms) for ms in np.percentile(times[name], [50, 95]))
        yield Figures(folder.name, name, scores[nDCG @ K], scores[R @ K], p50, p95, seconds[name])


def _searched(
    queries: Sequence[Query], searches: Mapping[str, Callable[[Query], list[str]]]
) -> tuple[dict[str, dict[str, dict[str, float]]], dict[str, list[float]]]:
    """Scores by system, query and document, and times in ms by system; who is first changes with each query."""
    runs: defaultdict[str, dict[str, dict[str, float]]] = defaultdict(dict)
    times: defaultdict[str, list[float]] = defaultdict(list)
    names = list(searches)
    for name in names:
        searches[name](queries[0])
    for number, query in enumerate(queries):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            began = time.perf_counter()
            found = searches[name](query)
            times[name].append((time.perf_counter() - began) * 1000)
            runs[name][query.id] = {document: 1 / rank for rank, document in enumerate(found, start=1)}
    return runs, times


def _ours(service: Service) -> Callable[[Query], list[str]]:
    grounder, corpus = service.unrecorded(), service.store.corpus("bench")

    def search(query: Query) -> list[str]:
        exchange = grounder.search(Ask(query.text, collection="bench", top_k=K, history=query.history))
        return _ranked(exchange, corpus)

    return search


def _ranked(exchange: Exchange, corpus: Corpus) -> list[str]:
    """Documents in the order of their best passage; where passages share one, what ranks below them fills up."""
    found = dict.fromkeys(item.passage.document_id for item in exchange.evidence)
    if len(found) < K:
        found |= dict.fromkeys(
            item.document_id for item in corpus.passages([hit.passage_id for hit in exchange.ranking])
        )
    return list(found)[:K]


def _documents(file: Path) -> dict[str, str]:
    """Title and text by id."""
    records = [json.loads(line) for line in file.read_text("utf-8").split("\n") if line]
    return {str(record["_id"]): f"{record.get('title', '')}\n{record['text']}".strip() for record in records}


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
