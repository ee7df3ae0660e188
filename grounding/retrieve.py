"""Question -> evidence: the legs, fused by rank, without duplicates. `retrieve` is the step; the rest is pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from grounding import entities
from grounding.errors import EmbedderChanged
from grounding.filters import Filter
from grounding.ports import Corpus, Embedder
from grounding.settings import Retrieval
from grounding.tracing import Trace
from grounding.values import Dropped, Evidence, Fingerprint, Hit, Leg, LegName, Passage, Question, Signal, Signals

WEIGHTS: dict[LegName, float] = {"dense": 1.0, "lexical": 1.5, "entity": 0.1}
"""Trust in each leg; see docs/decisions/0003-fusion.md. The entity leg knows only that a name occurs, so it settles
ties and seldom leads."""
EMBEDDINGS = 5
"""A question is embedded so often at most, each time because the collection changed its embedder in that moment."""


@dataclass(frozen=True, slots=True)
class Retrieved:
    legs: tuple[Leg, ...]
    ranking: tuple[Hit, ...]
    evidence: tuple[Evidence, ...]
    dropped: tuple[Dropped, ...]


def retrieve(
    question: Question,
    *,
    corpus: Corpus,
    embedder: Callable[[Fingerprint], Embedder],
    options: Retrieval,
    top_k: int,
    where: Filter | None,
    trace: Trace,
) -> Retrieved:
    """The best `top_k` passages of the corpus for the stand-alone question, with every leg's own ranks."""
    legs: list[Leg] = []
    depth = max(options.candidates, top_k)
    if "dense" in options.legs:
        nearest = dense(question.standalone, depth, corpus=corpus, embedder=embedder, where=where, trace=trace)
        legs += [] if nearest is None else [Leg("dense", question.standalone, tuple(nearest))]
    if "lexical" in options.legs:
        with trace.step("lexical") as facts:
            query = f"{question.standalone}\n{question.corrected}" if question.corrected else question.standalone
            hits = corpus.lexical(query, depth, where=where)
            facts["hits"] = len(hits)
        legs.append(Leg("lexical", query, tuple(hits)))
    if "entity" in options.legs:
        with trace.step("entity") as facts:
            names = tuple(dict.fromkeys(filter(None, (entities.normalise(e.text) for e in question.entities))))
            hits = corpus.entity(names, depth, where=where) if names else []
            facts["names"], facts["hits"] = len(names), len(hits)
        legs.append(Leg("entity", ", ".join(names), tuple(hits)))
    with trace.step("fuse") as facts:
        ranking = fuse(legs, k=options.rrf_k)
        evidence, dropped = _select(ranking, legs, corpus=corpus, top_k=top_k)
        facts["fused"], facts["kept"] = len(ranking), len(evidence)
    return Retrieved(tuple(legs), ranking, evidence, dropped)


def dense(
    text: str,
    k: int,
    *,
    corpus: Corpus,
    embedder: Callable[[Fingerprint], Embedder],
    where: Filter | None = None,
    trace: Trace,
) -> list[Hit] | None:
    """The passages nearest to a text by the embedder whose vectors the corpus holds; None while it holds none."""
    for attempt in range(1, EMBEDDINGS + 1):
        fingerprint = corpus.fingerprint
        if fingerprint is None:
            return None
        with trace.step("embed") as facts:
            facts["embedder"] = str(fingerprint)
            vector = embedder(fingerprint).embed_queries([text])[0]
        try:
            with trace.step("dense") as facts:
                hits = corpus.dense(vector, k, fingerprint=fingerprint, where=where)
                facts["hits"] = len(hits)
                return hits
        except EmbedderChanged:
            if attempt == EMBEDDINGS:
                raise
    raise AssertionError("the last attempt returns or raises")


def fuse(legs: Sequence[Leg], *, k: int) -> tuple[Hit, ...]:
    """Reciprocal rank fusion: score = sum over legs of weight / (k + rank); ties go to the lower passage id.

    Source: Cormack, Clarke, Buettcher: Reciprocal rank fusion outperforms Condorcet and individual rank learning
    methods, SIGIR 2009 (k = 60 there).
    """
    scores: defaultdict[int, float] = defaultdict(float)
    for leg in legs:
        for rank, hit in enumerate(leg.hits, start=1):
            scores[hit.passage_id] += WEIGHTS[leg.name] / (k + rank)
    order = sorted(scores, key=lambda passage_id: (-scores[passage_id], passage_id))
    return tuple(Hit(passage_id, scores[passage_id]) for passage_id in order)


def _select(
    ranking: Sequence[Hit], legs: Sequence[Leg], *, corpus: Corpus, top_k: int
) -> tuple[tuple[Evidence, ...], tuple[Dropped, ...]]:
    """The best `top_k` of a ranking with their texts, the second of two equal texts left out."""
    signals = _signals(legs)
    kept: list[Evidence] = []
    dropped: list[Dropped] = []
    seen: dict[str, int] = {}
    for start in range(0, len(ranking), top_k):
        block = ranking[start : start + top_k]
        found: dict[int, Passage] = {p.id: p for p in corpus.passages([hit.passage_id for hit in block])}
        for hit in block:
            passage = found.get(hit.passage_id)
            if len(kept) == top_k:
                break
            if passage is None:
                dropped.append(Dropped(hit.passage_id, "fuse", "deleted while it was searched"))
            elif (first := seen.setdefault(" ".join(passage.text.split()), passage.id)) != passage.id:
                dropped.append(Dropped(passage.id, "diversify", f"same text as passage {first}"))
            else:
                kept.append(Evidence(len(kept) + 1, hit.score, passage, signals[hit.passage_id]))
        if len(kept) == top_k:
            break
    return tuple(kept), tuple(dropped)


def _signals(legs: Sequence[Leg]) -> dict[int, Signals]:
    """What each leg said of each passage."""
    by_passage: defaultdict[int, dict[str, Signal]] = defaultdict(dict)
    for leg in legs:
        for rank, hit in enumerate(leg.hits, start=1):
            by_passage[hit.passage_id][leg.name] = Signal(rank, hit.score)
    return {
        passage_id: Signals(dense=found.get("dense"), lexical=found.get("lexical"), entity=found.get("entity"))
        for passage_id, found in by_passage.items()
    }
