"""Documents of a collection, as LangChain's vector store and retriever."""

# ruff: noqa: A002 - LangChain names the arguments
from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt
from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables.config import run_in_executor
from langchain_core.vectorstores import VectorStore
from langchain_core.vectorstores.utils import maximal_marginal_relevance
from pydantic import Field, InstanceOf

from api.compose import Service
from api.langchain.embedding import GroundingEmbeddings, LangChainEmbedder
from api.langchain.shared import DEFAULT_COLLECTION, refuse
from grounding import filters, retrieve
from grounding.errors import ConfigurationError, InvalidRequest, NotFound
from grounding.filters import Filter
from grounding.pipeline import Ask
from grounding.ports import Embedder
from grounding.tracing import Trace
from grounding.values import Evidence, Fingerprint, FloatVector, Hit, Passage
from ingest import direct
from ingest.prepare import Preparer, embedding_text
from store.corpus import SqlCorpus

ANSWERS = 4
"""Documents of a search that does not say how many, as in LangChain's own interface."""

FilterJson: TypeAlias = Mapping[str, object] | None
"""A filter on metadata, as in a request: {"lang": "en", "year": {"$gte": 2024}}."""


class GroundingVectorStore(VectorStore):
    """Documents of one collection, which is created if it is new, by the vectors of their passages.

    Documents keep their ids, and one that comes again takes the place of the one before. What is longer than the
    embedder's window is cut into passages: a search gives those, with the id of their document, and where they stand in
    it as `start` and `end`. `groups` are those that the reader belongs to; None may read everything.

    `embedding` takes the place of the embedder of the settings. Collections written with it are searched through it
    alone, unless it is a `LangChainEmbedder` whose name every process can load.
    """

    def __init__(
        self,
        service: Service,
        collection: str = DEFAULT_COLLECTION,
        *,
        embedding: Embeddings | LangChainEmbedder | None = None,
        groups: Iterable[str] | None = None,
    ) -> None:
        self._service = service
        self._collection = service.store.collections.ensured(collection).name
        self._given: LangChainEmbedder | None = None
        if isinstance(embedding, LangChainEmbedder):
            self._given = embedding
        elif embedding is not None and not isinstance(embedding, GroundingEmbeddings):
            self._given = LangChainEmbedder(embedding, count_tokens=service.models.embedder().count_tokens)
        self._embedding = embedding if isinstance(embedding, Embeddings) else None
        self._readable = filters.readable_by(groups)

    @property
    def embeddings(self) -> Embeddings | None:
        """What texts are embedded with, as far as it is known to LangChain."""
        if self._given is not None:
            return self._embedding
        return GroundingEmbeddings(self._service, collection=self._collection)

    @classmethod
    def from_texts(
        cls,
        texts: list[str],
        embedding: Embeddings,
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        service: Service | None = None,
        collection: str = DEFAULT_COLLECTION,
        **kwargs: Any,
    ) -> Self:
        """The vector store of a collection, with these texts added. Needs a `service`."""
        if service is None:
            raise InvalidRequest("from_texts: name the service whose collection this is, as service=build(load())")
        refuse(kwargs)
        made = cls(service, collection, embedding=embedding)
        made.add_texts(texts, metadatas, ids=ids)
        return made

    def add_documents(
        self,
        documents: list[Document],
        *,
        ids: list[str | None] | list[str] | None = None,
        batch_size: int = 0,
        **kwargs: Any,
    ) -> list[str]:
        """The ids of the documents, which are stored and found by every search from now on. One without an id gets one.

        Line ends become `\\n`, and letters are composed, as in every stored text; a `title` in the metadata is embedded
        with each passage. `batch_size` is accepted from LangChain's indexing and has no effect: batches are passages.
        """
        refuse(kwargs)
        if ids is not None and len(ids) != len(documents):
            raise InvalidRequest(f"ids: expected one for each of {len(documents)} documents, got {len(ids)}")
        chosen = [one or uuid.uuid4().hex for one in ids or [document.id for document in documents]]
        given = [
            direct.Given(name, document.page_content, _title(document.metadata), document.metadata)
            for name, document in zip(chosen, documents, strict=True)
        ]
        if given:
            self._put(given)
        return chosen

    def delete(self, ids: list[str] | None = None, **kwargs: Any) -> bool:
        """True: documents of these ids are gone from every search; those that were not there are no error."""
        refuse(kwargs)
        if ids is None:
            raise InvalidRequest(
                f"delete: name the ids; to delete all, run  grounding collection delete {self._collection}"
            )
        for name in ids:
            self._service.store.documents.delete(name, collection=self._collection)
        return True

    def get_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """The documents that are there, whole, in the order asked for."""
        found: list[Document] = []
        for name in ids:
            try:
                held = self._service.store.documents.get(name, collection=self._collection, where=self._readable)
            except NotFound:
                continue
            found.append(Document(id=name, page_content=held.document.text, metadata=dict(held.document.metadata)))
        return found

    def similarity_search(
        self,
        query: str,
        k: int = ANSWERS,
        *,
        filter: FilterJson = None,
        **kwargs: Any,
    ) -> list[Document]:
        """The k documents, or passages of long ones, nearest to the query within a filter, nearest first."""
        refuse(kwargs)
        return [document for document, _ in self.similarity_search_with_score(query, k, filter=filter)]

    def similarity_search_with_score(
        self,
        query: str,
        k: int = ANSWERS,
        *,
        filter: FilterJson = None,
        **kwargs: Any,
    ) -> list[tuple[Document, float]]:
        """The same with cosines, higher for nearer."""
        refuse(kwargs)
        corpus = self._corpus()
        meant = self._near(query, k, filter, corpus)
        return self._documents(meant.hits[0] if meant else (), corpus)

    def similarity_search_by_vector(
        self,
        embedding: list[float],
        k: int = ANSWERS,
        *,
        filter: FilterJson = None,
        **kwargs: Any,
    ) -> list[Document]:
        """The same for a vector of the collection's embedder, of any length but 0."""
        refuse(kwargs)
        corpus = self._corpus()
        fingerprint = corpus.fingerprint
        if fingerprint is None:
            return []
        hits = corpus.dense(_direction(embedding), _some(k), fingerprint=fingerprint, where=self._where(filter))
        return [document for document, _ in self._documents(hits, corpus)]

    def max_marginal_relevance_search(
        self,
        query: str,
        k: int = ANSWERS,
        fetch_k: int = 20,
        lambda_mult: float = 0.5,
        *,
        filter: FilterJson = None,
        **kwargs: Any,
    ) -> list[Document]:
        """k of the `fetch_k` nearest, so that they differ from each other: the more, the smaller `lambda_mult`, 0 to 1.
        Embeds the `fetch_k` anew."""
        refuse(kwargs)
        corpus = self._corpus()
        meant = self._near(query, max(k, fetch_k), filter, corpus)
        if meant is None or not meant.hits[0]:
            return []
        passages = corpus.passages([hit.passage_id for hit in meant.hits[0]])
        vectors = meant.embedder.embed_passages([embedding_text(p.title, p.heading, p.text) for p in passages])
        chosen = maximal_marginal_relevance(meant.vectors[0], list(vectors), lambda_mult=lambda_mult, k=k)
        return [_document(passages[number], corpus) for number in chosen]

    def _select_relevance_score_fn(self) -> Callable[[float], float]:
        """Cosines as LangChain wants them: 0 to 1."""
        return lambda cosine: min(max(cosine, 0.0), 1.0)

    def _near(self, query: str, k: int, given: FilterJson, corpus: SqlCorpus) -> retrieve.Meant | None:
        return retrieve.dense(
            [query], _some(k), corpus=corpus, embedder=self._embedder, where=self._where(given), trace=Trace()
        )

    def _documents(self, hits: Sequence[Hit], corpus: SqlCorpus) -> list[tuple[Document, float]]:
        scores = {hit.passage_id: hit.score for hit in hits}
        return [(_document(passage, corpus), scores[passage.id]) for passage in corpus.passages(list(scores))]

    def _put(self, given: Sequence[direct.Given]) -> None:
        fingerprint = self._corpus().fingerprint
        try:
            self._put_by(self._embedder(fingerprint), given)
        except ConfigurationError:
            now = self._corpus().fingerprint
            if now == fingerprint:
                raise
            self._put_by(self._embedder(now), given)  # it changed while this waited to write

    def _put_by(self, embedder: Embedder, given: Sequence[direct.Given]) -> None:
        models, settings = self._service.models, self._service.settings
        direct.put(
            given,
            collection=self._collection,
            store=self._service.store,
            preparer=Preparer(embedder, models.language_of, settings.ingest.passage_tokens),
            extractor=models.extractor,
        )

    def _embedder(self, fingerprint: Fingerprint | None) -> Embedder:
        """The one given; else that of the vectors in the collection, which may change while it is searched."""
        if self._given is None:
            return self._service.models.embedder(fingerprint)
        if fingerprint is not None and fingerprint != self._given.fingerprint:
            raise ConfigurationError(
                f"collection {self._collection!r} holds vectors of {fingerprint}, those of the embedding model given "
                f"are of {self._given.fingerprint}: give the one that it was written with, or take another collection"
            )
        return self._given

    def _corpus(self) -> SqlCorpus:
        return self._service.store.corpus(self._collection)

    def _where(self, given: FilterJson) -> Filter | None:
        return filters.both(self._readable, filters.parse(given or {}))


class GroundingRetriever(BaseRetriever):
    """The retrieval of the service: by meaning, words and names, fused, reranked, without repetition; and recorded.

    Documents carry the document's id and metadata, and beside it, unless the metadata say otherwise, `source` and
    `title`; and always `document_id, version, passage_id, start, end, score, rank`, and the `trace_id` of the record.
    `groups` are those that who asks belongs to; None may read everything.
    """

    service: InstanceOf[Service] = Field(repr=False, exclude=True)
    collection: str = DEFAULT_COLLECTION
    k: int | None = Field(None, ge=1, description="passages; default: the setting retrieval.top_k")
    filter: dict[str, Any] | None = None
    groups: frozenset[str] | None = None
    user: str = ""

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,
        k: int | None = None,
        filter: FilterJson = None,
    ) -> list[Document]:
        return self._found(query, k, filter)

    async def _aget_relevant_documents(
        self,
        query: str,
        *,
        run_manager: AsyncCallbackManagerForRetrieverRun,
        k: int | None = None,
        filter: FilterJson = None,
    ) -> list[Document]:
        return await run_in_executor(None, self._found, query, k, filter)

    def _found(self, query: str, k: int | None, given: FilterJson) -> list[Document]:
        where = filters.both(filters.parse(self.filter or {}), filters.parse(given or {}))
        ask = Ask(
            query, collection=self.collection, top_k=k or self.k, filters=where, groups=self.groups, user=self.user
        )
        exchange = self.service.grounder.search(ask)
        return [_retrieved(item, exchange.trace_id) for item in exchange.evidence]


def _some(k: int) -> int:
    if k < 1:
        raise InvalidRequest(f"k: expected 1 or more, got {k}")
    return k


def _direction(vector: Sequence[float]) -> FloatVector:
    row: npt.NDArray[np.float32] = np.asarray(vector, dtype=np.float32)
    length = float(np.linalg.norm(row)) if row.ndim == 1 else 0.0
    if not np.isfinite(length) or length == 0.0:
        raise InvalidRequest("embedding: expected one vector of finite numbers that are not all 0")
    return np.asarray(row / length, dtype=np.float32)


def _title(metadata: Mapping[str, object]) -> str:
    title = metadata.get("title")
    return title if isinstance(title, str) else ""


def _document(passage: Passage, corpus: SqlCorpus) -> Document:
    """The document of a passage that is all of it; else the passage, with its place."""
    text = corpus.document_text(passage.document_id, version=passage.version)
    if text is not None and text.strip() == passage.text.strip():
        return Document(id=passage.document_id, page_content=text, metadata=dict(passage.metadata))
    place = {"start": passage.start, "end": passage.end}
    return Document(id=passage.document_id, page_content=passage.text, metadata={**passage.metadata, **place})


def _retrieved(item: Evidence, trace_id: str) -> Document:
    passage = item.passage
    told = {
        "document_id": passage.document_id,
        "version": passage.version,
        "passage_id": passage.id,
        "start": passage.start,
        "end": passage.end,
        "score": item.score,
        "rank": item.rank,
        "trace_id": trace_id,
    }
    metadata = {"source": passage.source, "title": passage.title, **passage.metadata, **told}
    return Document(id=passage.document_id, page_content=passage.text, metadata=metadata)
