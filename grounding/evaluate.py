"""Retrieval measured on a folder in BEIR layout: nDCG@10, recall@10, recall@100, MRR@10, fused and by leg.

Source of the measures: ir-measures, which computes them as trec_eval does.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import ir_measures
from ir_measures import RR, R, nDCG

from grounding.errors import InvalidRequest
from grounding.pipeline import Ask
from grounding.ports import Corpus
from grounding.values import Exchange, Hit, Turn

MEASURES = {"ndcg@10": nDCG @ 10, "recall@10": R @ 10, "recall@100": R @ 100, "mrr@10": RR @ 10}


@dataclass(frozen=True, slots=True)
class Query:
    id: str
    text: str
    history: tuple[Turn, ...] = ()


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Means over all judged queries, by run ("hybrid", and each leg's name), by measure; times in ms."""

    queries: int
    scores: Mapping[str, Mapping[str, float]]
    search_ms: Mapping[str, float]


class Unrecorded:
    """A recorder that keeps nothing: an evaluation's questions are nobody's."""

    def record(self, exchange: Exchange, *, turns: Sequence[Turn] = ()) -> None:
        return None


def run(
    folder: Path,
    *,
    search: Callable[[Ask], Exchange],
    corpus: Corpus,
    legs: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Evaluation:
    """Searches every judged query of the folder, as a caller would, and scores the documents found.

    A document ranks where its best passage does. Raises InvalidRequest for a folder that is not in BEIR layout.
    """
    qrels = read_qrels(folder)
    queries = [query for query in read_queries(folder) if query.id in qrels]
    if not queries:
        raise InvalidRequest(f"{folder}: no query of queries.jsonl has a judgement in the qrels")
    runs: dict[str, dict[str, dict[str, float]]] = {"hybrid": {}}
    times: list[float] = []
    for number, query in enumerate(queries, start=1):
        exchange = search(Ask(query.text, collection=corpus.name, history=query.history))
        times.append(exchange.steps[-1].ms)
        runs["hybrid"][query.id] = _documents(exchange.ranking, corpus)
        for leg in exchange.legs if legs else ():
            runs.setdefault(leg.name, {})[query.id] = _documents(leg.hits, corpus)
        progress(number, len(queries))
    judged = {query.id: qrels[query.id] for query in queries}
    return Evaluation(len(queries), {name: _score(judged, found) for name, found in runs.items()}, _spread(times))


def read_queries(folder: Path) -> list[Query]:
    """Queries of `queries.jsonl`, in its order; `history` holds earlier turns as {"role", "content" or "text"}."""
    queries: list[Query] = []
    for number, line in _lines(folder / "queries.jsonl"):
        try:
            record = json.loads(line)
            turns = [Turn(t["role"], t.get("content") or t["text"]) for t in record.get("history") or ()]
            queries.append(Query(str(record["_id"]), record["text"], tuple(turns)))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InvalidRequest(f"{folder / 'queries.jsonl'}, line {number}: not a query: {error!r}") from None
    return queries


def read_qrels(folder: Path) -> dict[str, dict[str, int]]:
    """Relevance by query id and document id, of `qrels.tsv` or `qrels/test.tsv`, with or without a header."""
    file = next((f for f in (folder / "qrels.tsv", folder / "qrels" / "test.tsv") if f.is_file()), None)
    if file is None:
        raise InvalidRequest(f"{folder}: neither qrels.tsv nor qrels/test.tsv is there")
    qrels: dict[str, dict[str, int]] = {}
    with file.open(encoding="utf-8", newline="") as lines:
        for number, row in enumerate(csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE), start=1):
            if not row or (number == 1 and not row[-1].lstrip("-").isdigit()):
                continue
            try:
                query_id, document_id, relevance = row
                qrels.setdefault(query_id, {})[document_id] = int(relevance)
            except ValueError:
                raise InvalidRequest(f"{file}, line {number}: expected query-id, corpus-id, score") from None
    return qrels


def _lines(file: Path) -> Iterable[tuple[int, str]]:
    try:
        text = file.read_text("utf-8")
    except OSError as error:
        raise InvalidRequest(f"{file}: cannot be read: {error.strerror}") from None
    return ((number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip())


def _documents(hits: Sequence[Hit], corpus: Corpus) -> dict[str, float]:
    """Document ids with a score that falls with their rank, each at its best passage."""
    passages = corpus.passages([hit.passage_id for hit in hits])
    order = dict.fromkeys(passage.document_id for passage in passages)
    return {document_id: 1.0 / rank for rank, document_id in enumerate(order, start=1)}


def _score(qrels: Mapping[str, Mapping[str, int]], found: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    means = ir_measures.calc_aggregate(list(MEASURES.values()), qrels, found)
    return {name: float(means[measure]) for name, measure in MEASURES.items()}


def _spread(times: Sequence[float]) -> dict[str, float]:
    ordered = sorted(times)
    return {"p50": ordered[len(ordered) // 2], "p95": ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]}
