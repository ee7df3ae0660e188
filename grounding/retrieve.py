"""Question -> evidence: each leg is asked with each form of the question, their scores are fused, the best passages
reranked, and what repeats itself is left out. `retrieve` is the step; what decides is pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from grounding import confidence, entities, fusion
from grounding.confidence import Strength
from grounding.errors import EmbedderChanged, ModelError
from grounding.filters import Filter
from grounding.fusion import FormScores
from grounding.ports import Corpus, Embedder, Reranker, Spoken, TokenEmbedder
from grounding.settings import Retrieval
from grounding.tracing import Trace
from grounding.values import (
    Background,
    Dropped,
    Evidence,
    Fingerprint,
    FloatMatrix,
    Form,
    FormName,
    Hit,
    Leg,
    LegName,
    Passage,
    Question,
    Signal,
    Signals,
)

EMBEDDINGS = 5
"""A question is embedded so often at most, each time because the collection changed its embedder in that moment."""
REPEATED = 0.9
"""A passage of whose word pairs another one has this share says nothing new."""

GAP = 4
"""Characters between neighbouring passages, at most: white space."""
_WORD = re.compile(rf"[{entities.UNSPACED}]|[^\W{entities.UNSPACED}]+")
TOGETHER = 6000
"""Characters of a passage with its neighbours, at most: beyond, one section would leave no room for another."""


@dataclass(frozen=True, slots=True)
class Retrieved:
    legs: tuple[Leg, ...]
    ranking: tuple[Hit, ...]
    evidence: tuple[Evidence, ...]
    dropped: tuple[Dropped, ...]
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Meant:
    """What the dense leg found: vectors (n, dim) and hits of n texts, by the embedder of this fingerprint."""

    fingerprint: Fingerprint
    embedder: Embedder
    vectors: FloatMatrix
    hits: tuple[tuple[Hit, ...], ...]


def retrieve(
    question: Question,
    *,
    corpus: Corpus,
    embedder: Callable[[Fingerprint], Embedder],
    options: Retrieval,
    top_k: int,
    where: Filter | None,
    trace: Trace,
    reranker: Reranker | None = None,
) -> Retrieved:
    """The best `top_k` passages of the corpus for the question, with every leg's own ranks."""
    legs: list[Leg] = []
    forms = question.forms
    depth = max(options.candidates, top_k)
    meant: Meant | None = None
    if "dense" in options.legs:
        texts = [form.text for form in forms]
        meant = dense(texts, depth, corpus=corpus, embedder=embedder, where=where, trace=trace)
        for form, hits in zip(forms, meant.hits if meant else (), strict=False):
            legs.append(Leg("dense", form.text, hits, form.name))
    if "lexical" in options.legs:
        with trace.step("lexical") as facts:
            for form in forms:
                hits = tuple(corpus.lexical(form.text, depth, language=question.language, where=where))
                legs.append(Leg("lexical", form.text, hits, form.name))
            facts["hits"] = sum(len(leg.hits) for leg in legs if leg.name == "lexical")
    if "entity" in options.legs:
        with trace.step("entity") as facts:
            text, names = question.standalone, question.entities
            hits = tuple(corpus.entity(text, depth, entities=names, language=question.language, where=where))
            facts["names"], facts["hits"] = len(names), len(hits)
        legs.append(Leg("entity", text, hits, "asked" if text == question.clean else "standalone"))
    with trace.step("fuse") as facts:
        scores = _scores(question, legs, meant, corpus=corpus, filtered=where is not None)
        foreign = _foreign(question, legs, corpus=corpus)
        ranking = fused = _fused(legs, scores, foreign)
        facts["fused"] = len(ranking)
    close: dict[int, float] = {}
    if options.rerank_depth:
        with trace.step("rerank") as facts:
            leg = _reranked(forms, ranking[: max(options.rerank_depth, top_k)], meant, reranker, corpus=corpus)
            facts["reranked"] = len(leg.hits)
        if leg.hits:
            legs.append(leg)
            if reranker is None:
                close = {hit.passage_id: hit.score for hit in leg.hits}
                ranking = fused = fusion.reranked(ranking, close)
            else:
                ranking = fusion.overruled(ranking, leg.hits)
    with trace.step("diversify") as facts:
        evidence, dropped = _select(ranking, legs, corpus=corpus, top_k=top_k)
        facts["kept"], facts["dropped"] = len(evidence), len(dropped)
    sure = 0.0
    with trace.step("confidence") as facts:
        if fused:
            agreed = None if fused[0].passage_id in foreign else _agreement(forms[-1], legs, scores[-1])
            strength = Strength(
                score=fused[0].score,
                lead=confidence.lead(fused),
                coverage=_coverage(question, fused[0].passage_id, scores, corpus=corpus),
                agreement=agreed,
                compared=bool(close),
            )
            sure = confidence.estimate(strength)
        facts["confidence"] = round(sure, 4)
    return Retrieved(tuple(legs), ranking, evidence, dropped, sure)


def dense(
    texts: Sequence[str],
    k: int,
    *,
    corpus: Corpus,
    embedder: Callable[[Fingerprint], Embedder],
    where: Filter | None = None,
    trace: Trace,
) -> Meant | None:
    """The passages nearest to each text by the embedder whose vectors the corpus holds; None while it holds none."""
    for attempt in range(1, EMBEDDINGS + 1):
        with trace.step("embed") as facts:
            fingerprint = corpus.fingerprint
            if fingerprint is None:
                return None
            facts["embedder"], facts["texts"] = str(fingerprint), len(texts)
            model = embedder(fingerprint)
            vectors = model.embed_queries(texts)
        try:
            with trace.step("dense") as facts:
                hits = tuple(tuple(corpus.dense(v, k, fingerprint=fingerprint, where=where)) for v in vectors)
                facts["hits"] = sum(map(len, hits))
                return Meant(fingerprint, model, vectors, hits)
        except EmbedderChanged:
            if attempt == EMBEDDINGS:
                raise
    raise AssertionError("the last attempt returns or raises")


def _scores(
    question: Question, legs: Sequence[Leg], meant: Meant | None, *, corpus: Corpus, filtered: bool
) -> list[FormScores]:
    """What the main legs say of all candidates, whichever leg found them, in each form of the question."""
    candidates = sorted({hit.passage_id for leg in legs for hit in leg.hits})
    found = []
    for number, form in enumerate(question.forms):
        worded = {hit.passage_id: hit.score for leg in _of(legs, "lexical", form) for hit in leg.hits}
        near: dict[int, float] = {}
        usual: Background | None = None
        best: float | None = None
        if meant is not None:
            near = {hit.passage_id: hit.score for hit in meant.hits[number]}
            best = max(near.values(), default=None) if not filtered else None
            vector = meant.vectors[number]
            usual = corpus.background(vector, fingerprint=meant.fingerprint)
            others = [passage_id for passage_id in candidates if passage_id not in near]
            near |= corpus.similarity(vector, others, fingerprint=meant.fingerprint)
        known = meant is None or understands(meant.embedder, form.text, language=question.language)
        found.append(FormScores(form.name, near, usual, best, worded, known))
    return found


def understands(embedder: Embedder, text: str, *, language: str) -> bool:
    """Whether an embedder can know what a text means: not, if it is in none of its languages, and in another script
    than theirs. Of a short text in Latin letters the language is often mistaken, so that says nothing."""
    spoken = embedder.languages if isinstance(embedder, Spoken) else None
    if spoken is None or language in spoken:
        return True
    letters = [char for char in text if char.isalpha()]
    return sum(char < "\u0250" for char in letters) * 2 >= len(letters)


def _foreign(question: Question, legs: Sequence[Leg], *, corpus: Corpus) -> frozenset[int]:
    """The candidates in another language than the question, as far as both are known."""
    if question.language in ("", "und"):
        return frozenset()
    languages = corpus.languages(sorted({hit.passage_id for leg in legs for hit in leg.hits}))
    return frozenset(p for p, language in languages.items() if language not in ("", "und", question.language))


def _fused(legs: Sequence[Leg], scores: Sequence[FormScores], foreign: frozenset[int]) -> tuple[Hit, ...]:
    """All candidates, best first."""
    names = {hit.passage_id: hit.score for leg in legs if leg.name == "entity" for hit in leg.hits}
    return fusion.fuse(scores, names=names, foreign=foreign)


def _coverage(question: Question, passage_id: int, scores: Sequence[FormScores], *, corpus: Corpus) -> float:
    """The BM25 score of a passage over the highest that one could have, in all forms of the question together."""
    covered: dict[FormName, dict[int, float]] = {}
    for form, each in zip(question.forms, scores, strict=True):
        highest = corpus.ceiling(form.text, language=question.language)
        covered[form.name] = {passage_id: each.lexical.get(passage_id, 0.0) / highest} if highest else {}
    return fusion.combined(covered).get(passage_id, 0.0)


def _agreement(form: Form, legs: Sequence[Leg], scores: FormScores) -> float | None:
    """How far meaning and words agree on the best passages for the form that stands alone; None where that says
    nothing: a dense leg that does not understand, or a collection so small that any two rankings have much in common.
    """
    if not scores.understood or scores.background is None or scores.background.passages < fusion.FEW:
        return None
    meant, worded = ([hit for leg in _of(legs, name, form) for hit in leg.hits] for name in ("dense", "lexical"))
    return confidence.agreement(meant, worded)


def _reranked(
    forms: Sequence[Form], ranking: Sequence[Hit], meant: Meant | None, reranker: Reranker | None, *, corpus: Corpus
) -> Leg:
    """The first passages of a ranking, scored once more: by the reranker, or by the tokens that the embedder kept."""
    ids = [hit.passage_id for hit in ranking]
    scores: dict[int, float] = {}
    by_form: dict[FormName, dict[int, float]] = {}
    if reranker is not None:
        passages = corpus.passages(ids)
        given = reranker.scores(forms[-1].text, [f"{p.title}\n{p.heading}\n{p.text}".strip() for p in passages])
        if len(given) != len(passages):
            raise ModelError(f"the reranker answered {len(given)} scores for {len(passages)} passages")
        scores = {passage.id: score for passage, score in zip(passages, given, strict=True)}
    elif meant is not None and isinstance(meant.embedder, TokenEmbedder):
        kept = corpus.tokens(ids, fingerprint=meant.fingerprint)
        if len(kept) * 2 >= len(ids) and kept:
            packed = list(kept.values())
            for form, query in zip(forms, meant.embedder.query_tokens([form.text for form in forms]), strict=True):
                close = meant.embedder.closeness(query, packed).tolist()
                by_form[form.name] = dict(zip(kept, close, strict=True))
            scores = fusion.combined(by_form)
    return Leg("rerank", forms[-1].text, fusion.ranked(scores), forms[-1].name)


def _of(legs: Sequence[Leg], name: LegName, form: Form) -> list[Leg]:
    return [leg for leg in legs if leg.name == name and leg.form == form.name]


def _select(
    ranking: Sequence[Hit], legs: Sequence[Leg], *, corpus: Corpus, top_k: int
) -> tuple[tuple[Evidence, ...], tuple[Dropped, ...]]:
    """The best `top_k` of a ranking with their texts: without those that only repeat a better one, and those that go on
    where a better one of their section ends joined to it."""
    kept: list[Evidence] = []
    dropped: list[Dropped] = []
    said: list[tuple[int, frozenset[tuple[str, str]]]] = []
    for start in range(0, len(ranking), top_k):
        block = ranking[start : start + top_k]
        found: dict[int, Passage] = {p.id: p for p in corpus.passages([hit.passage_id for hit in block])}
        for hit in block:
            passage = found.get(hit.passage_id)
            if len(kept) == top_k:
                break
            if passage is None:
                dropped.append(Dropped(hit.passage_id, "fuse", "deleted while it was searched"))
                continue
            pairs = word_pairs(passage.text)
            first = next((number for number, other in said if repeats(pairs, other)), None)
            if first is not None:
                dropped.append(Dropped(passage.id, "diversify", f"says what passage {first} says"))
                continue
            said.append((passage.id, pairs))
            place, joined = _joined(kept, passage, corpus=corpus)
            if joined is None:
                kept.append(Evidence(len(kept) + 1, hit.score, passage))
            else:
                kept[place] = replace(kept[place], passage=joined)
                dropped.append(Dropped(passage.id, "join", f"shown together with passage {joined.id}, its neighbour"))
        if len(kept) == top_k:
            break
    found_by = signals(legs, {item.passage.id for item in kept})
    return tuple(replace(item, signals=found_by[item.passage.id]) for item in kept), tuple(dropped)


def _joined(kept: Sequence[Evidence], passage: Passage, *, corpus: Corpus) -> tuple[int, Passage | None]:
    """Where among the evidence the passage is joined, and the better passage widened by it; None if nowhere."""
    for place, item in enumerate(kept):
        if not adjoins(item.passage, passage):
            continue
        start, end = min(item.passage.start, passage.start), max(item.passage.end, passage.end)
        text = corpus.document_text(passage.document_id, version=passage.version)
        # A document that has gone since has no text any more; its passages are dropped where it is looked for next.
        if text is not None and text[passage.start : passage.end] == passage.text:
            return place, replace(item.passage, text=text[start:end], start=start, end=end)
    return 0, None


def adjoins(better: Passage, passage: Passage) -> bool:
    """Whether one of two passages of a section goes on where the other ends, and both together are not too much."""
    same = (better.document_id, better.version, better.heading) == (
        passage.document_id,
        passage.version,
        passage.heading,
    )
    gap = max(passage.start - better.end, better.start - passage.end)
    return same and 0 <= gap <= GAP and len(better.text) + len(passage.text) <= TOGETHER


def word_pairs(text: str) -> frozenset[tuple[str, str]]:
    """Neighbouring words of a text, or characters, where words are not written apart."""
    terms = _WORD.findall(text.casefold())
    return frozenset(zip(terms, terms[1:] or terms, strict=False))


def repeats(pairs: frozenset[tuple[str, str]], other: frozenset[tuple[str, str]]) -> bool:
    """Whether a text says no more than another, by its word pairs."""
    return len(pairs & other) >= REPEATED * len(pairs) if pairs else not other


def signals(legs: Sequence[Leg], ids: Collection[int] | None = None) -> dict[int, Signals]:
    """What each leg said of these passages, or of all, in the form that put each first."""
    found: dict[int, dict[LegName, Signal]] = {passage_id: {} for passage_id in ids or ()}
    for leg in legs:
        for rank, hit in enumerate(leg.hits, start=1):
            if ids is not None and hit.passage_id not in found:
                continue
            said = found.setdefault(hit.passage_id, {})
            if leg.name not in said or rank < said[leg.name].rank:
                said[leg.name] = Signal(rank, hit.score, leg.form)
    return {number: replace(Signals(), **{str(n): s for n, s in said.items()}) for number, said in found.items()}
