"""Every query of a set searched as a caller would, and what was found scored: nDCG@10, recall@10, recall@100, MRR@10.

Source of the measures: ir-measures, which computes them as trec_eval does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import ir_measures
from ir_measures import RR, R, nDCG

from grounding.evaluation.dataset import Dataset, Query, title_of
from grounding.evaluation.record import HYBRID, RAW, Environment, Evaluation, Ranked, Result
from grounding.pipeline import Ask
from grounding.ports import Corpus
from grounding.values import Exchange, Leg, Passage, Turn

MEASURES = {"ndcg@10": nDCG @ 10, "recall@10": R @ 10, "recall@100": R @ 100, "mrr@10": RR @ 10}
DEPTH = 100
"""Documents kept of each ranking: the deepest of the measures."""
_TITLED = 10


class Unrecorded:
    """A recorder that keeps nothing: an evaluation's questions are nobody's."""

    def record(self, exchange: Exchange, *, turns: Sequence[Turn] = ()) -> None:
        return None


def run(
    dataset: Dataset,
    *,
    search: Callable[[Ask], Exchange],
    corpus: Corpus,
    legs: bool = False,
    settings: Mapping[str, str] | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Evaluation:
    """The results of all queries. Runs: `hybrid`, what a caller gets; with `legs` each leg; and, where queries have a
    history, `raw last turn`, the same without it. A document ranks where its best passage does."""
    finder = _Finder(search, corpus, legs=legs, raw=any(query.history for query in dataset.queries))
    results: list[Result] = []
    for number, query in enumerate(dataset.queries, start=1):
        results.append(finder.result(query, judged=dataset.qrels.get(query.id, {})))
        progress(number, len(dataset.queries))
    scored = _scored(results)
    return Evaluation(
        name=dataset.name,
        collection=corpus.name,
        documents=dataset.documents.count,
        embedder=str(corpus.fingerprint or ""),
        corpus_sha256=dataset.documents.sha256,
        queries_sha256=dataset.queries_sha256,
        qrels_sha256=dataset.qrels_sha256,
        created_at=datetime.now(UTC),
        environment=Environment.here(),
        settings=settings or {},
        results=scored,
        titles=finder.titles_of(scored) | dict(dataset.documents.titles),
    )


class _Finder:
    """Searches, and knows the document of every passage it met."""

    def __init__(self, search: Callable[[Ask], Exchange], corpus: Corpus, *, legs: bool, raw: bool) -> None:
        self._search = search
        self._corpus = corpus
        self._legs = legs
        self._raw = raw
        self._documents: dict[int, str] = {}
        self._titles: dict[str, str] = {}

    def result(self, query: Query, *, judged: Mapping[str, int]) -> Result:
        """The result of one query, not scored yet."""
        exchange = self._search(Ask(query.text, collection=self._corpus.name, history=query.history))
        runs = {HYBRID: self._hybrid(exchange)}
        for name in dict.fromkeys(leg.name for leg in exchange.legs) if self._legs else ():
            runs[name] = self._leg([leg for leg in exchange.legs if leg.name == name])
        if self._raw and query.history:
            runs[RAW] = self._hybrid(self._search(Ask(query.text, collection=self._corpus.name)))
        elif self._raw:
            runs[RAW] = runs[HYBRID]
        confidence: float | None = getattr(exchange, "confidence", None)
        return Result(
            id=query.id,
            text=query.text,
            language=exchange.question.language,
            forms={form.name: form.text for form in exchange.question.forms},
            history=len(query.history),
            leans=query.leans,
            answerability=query.answerability,
            judged=judged,
            runs={name: Ranked(documents) for name, documents in runs.items()},
            ms=exchange.steps[-1].ms,
            confidence=confidence,
            signals=_signals(exchange),
        )

    def titles_of(self, results: Iterable[Result]) -> dict[str, str]:
        """The titles of the best documents of each run."""
        best = (ranked.documents[:_TITLED] for result in results for ranked in result.runs.values())
        return {document_id: self._titles[document_id] for documents in best for document_id in documents}

    def _hybrid(self, exchange: Exchange) -> tuple[str, ...]:
        """The documents of the evidence, as a caller gets it, and below it those of everything else that was fused."""
        for item in exchange.evidence:
            self._meet(item.passage)
        given = [item.passage.id for item in exchange.evidence]
        return self._ranked([*given, *(hit.passage_id for hit in exchange.ranking)])

    def _leg(self, legs: Sequence[Leg]) -> tuple[str, ...]:
        """The documents of one leg, each at the best rank that any form of the question gave it."""
        best: dict[str, int] = {}
        for leg in legs:
            for rank, document_id in enumerate(self._ranked([hit.passage_id for hit in leg.hits])):
                best[document_id] = min(rank, best.get(document_id, rank))
        return tuple(sorted(best, key=best.__getitem__))[:DEPTH]

    def _ranked(self, passage_ids: Sequence[int]) -> tuple[str, ...]:
        """The documents of passages, each where its first one is."""
        unknown = [passage_id for passage_id in passage_ids if passage_id not in self._documents]
        for passage in self._corpus.passages(unknown) if unknown else ():
            self._meet(passage)
        found = (self._documents[passage_id] for passage_id in passage_ids if passage_id in self._documents)
        return tuple(dict.fromkeys(found))[:DEPTH]

    def _meet(self, passage: Passage) -> None:
        self._documents[passage.id] = passage.document_id
        self._titles.setdefault(passage.document_id, title_of(passage.title, passage.text))


def _signals(exchange: Exchange) -> dict[str, float]:
    """What a plain threshold would look at."""
    dense = [leg.hits[0].score for leg in exchange.legs if leg.name == "dense" and leg.hits]
    fused = {"top fused score": exchange.ranking[0].score} if exchange.ranking else {}
    return fused | ({"top dense score": max(dense)} if dense else {})


def _scored(results: Sequence[Result]) -> tuple[Result, ...]:
    """The results with the measures of each of their runs, 0 where a run found nothing."""
    judged = [result for result in results if result.judged]
    qrels = {result.id: dict(result.judged) for result in judged}
    scores: dict[tuple[str, str], dict[str, float]] = {}
    for name in dict.fromkeys(name for result in judged for name in result.runs):
        found = {r.id: _falling(r.runs[name].documents) for r in judged if name in r.runs}
        names = {str(measure): key for key, measure in MEASURES.items()}
        for metric in ir_measures.iter_calc(list(MEASURES.values()), qrels, found):
            scores.setdefault((name, metric.query_id), {})[names[str(metric.measure)]] = float(metric.value)
    nothing = dict.fromkeys(MEASURES, 0.0)
    return tuple(
        replace(
            result,
            runs={
                name: replace(ranked, scores=nothing | scores.get((name, result.id), {}) if result.judged else {})
                for name, ranked in result.runs.items()
            },
        )
        for result in results
    )


def _falling(documents: Sequence[str]) -> dict[str, float]:
    """Document ids with a score that falls with their rank."""
    return {document_id: 1.0 / rank for rank, document_id in enumerate(documents, start=1)}
