"""LangChain's interfaces over a service: vector store, retriever, embeddings, message history, and the grounder itself.

Each is made from a `Service` (`compose.build(settings.load())`) and adds nothing to what that does: documents go the
way of every ingest, and are found by every process at once; questions are recorded, and answered under the same checks.
What is not async by itself runs in threads, so that no event loop waits.
"""

# ruff: noqa: A002 - LangChain names the arguments
from __future__ import annotations

import asyncio
import hashlib
import logging
import threading
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Generator as Generating
from contextlib import closing
from typing import Any, Self, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import run_in_executor
from langchain_core.vectorstores import VectorStore
from langchain_core.vectorstores.utils import maximal_marginal_relevance
from pydantic import BaseModel, ConfigDict, Field, InstanceOf, JsonValue, ValidationError

from api.compose import Service
from api.schemas import ChatResponse
from grounding import filters, preprocess, retrieve
from grounding.errors import ConfigurationError, InvalidRequest, ModelError, NotFound
from grounding.filters import Filter
from grounding.models.shared import unit_rows, well_formed
from grounding.pipeline import Ask, Delta, Event
from grounding.ports import Embedder
from grounding.safety.policy import PLACEHOLDER, Vault, policy, redact
from grounding.safety.screen import Screen
from grounding.tracing import Trace
from grounding.values import Evidence, Fingerprint, FloatMatrix, FloatVector, Hit, Passage, Turn
from ingest import direct
from ingest.prepare import Preparer, embedding_text
from store.corpus import SqlCorpus

logger = logging.getLogger(__name__)

DEFAULT_COLLECTION = "default"
ANSWERS = 4
"""Documents of a search that does not say how many, as in LangChain's own interface."""
WINDOW = 512
"""Tokens that an embedding model of LangChain takes, unless it is said: nearly all take as many."""
_TELLING = ("model", "model_name", "model_id", "deployment", "dimensions", "size", "task_type")
"""What embedding models of LangChain call that which decides what vectors they make."""
_THOUGHTS = frozenset({"reasoning", "thinking", "redacted_thinking"})
_Made = TypeVar("_Made")

FilterJson: TypeAlias = Mapping[str, object] | None
"""A filter on metadata, as in a request: {"lang": "en", "year": {"$gte": 2024}}."""


class LangChainEmbedder:
    """An embedding model of LangChain as an Embedder. Thread-safe as far as the model is.

    `name` tells its vectors from those of others; if it is `my.module:factory`, and that makes this embedder from
    settings, every process finds it by that. By default it is made of the class and of what it calls its model.
    `max_tokens` is the model's window, by the count of `count_tokens`, which need not be the model's own.
    """

    def __init__(
        self,
        embeddings: Embeddings,
        *,
        count_tokens: Callable[[Sequence[str]], list[int]],
        name: str | None = None,
        max_tokens: int = WINDOW,
    ) -> None:
        self._embeddings = embeddings
        self._count_tokens = count_tokens
        self._name = name or f"langchain {type(embeddings).__name__}"
        self._max_tokens = max_tokens
        self._lock = threading.Lock()
        self._fingerprint: Fingerprint | None = None

    @property
    def fingerprint(self) -> Fingerprint:
        """Of the class, what it calls its model, and the dimension: that takes one embedding, once. Not of vectors:
        providers do not answer twice with the very same."""
        with self._lock:
            if self._fingerprint is None:
                kind = type(self._embeddings)
                told = [f"{name}={getattr(self._embeddings, name, None)!r}" for name in _TELLING]
                revision = hashlib.sha256(f"{kind.__module__}.{kind.__qualname__} {told}".encode()).hexdigest()
                dimension = self._matrix([self._embedded(self._embeddings.embed_query, "dimension")]).shape[1]
                self._fingerprint = Fingerprint(self._name, revision, dimension)
            return self._fingerprint

    @property
    def max_tokens(self) -> int:
        return self._max_tokens

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return self._count_tokens(texts)

    def embed_queries(self, texts: Sequence[str]) -> FloatMatrix:
        return self._rows([self._embedded(self._embeddings.embed_query, well_formed(text)) for text in texts])

    def embed_passages(self, texts: Sequence[str]) -> FloatMatrix:
        given = [well_formed(text) for text in texts]
        return self._rows(self._embedded(self._embeddings.embed_documents, given) if given else [])

    def _embedded(self, embed: Callable[[Any], _Made], given: object) -> _Made:
        try:
            return embed(given)
        except Exception as error:  # a provider's library may raise anything
            raise ModelError(f"{self._culprit} failed with {type(error).__name__}") from error

    def _rows(self, vectors: Sequence[Sequence[float]]) -> FloatMatrix:
        dimension = self.fingerprint.dimension
        matrix = self._matrix(vectors) if len(vectors) else np.empty((0, dimension), np.float32)
        if matrix.shape[1] != dimension:
            raise ModelError(f"{self._culprit} answered with {matrix.shape[1]} dimensions, and with {dimension} before")
        return unit_rows(matrix)

    def _matrix(self, vectors: Sequence[Sequence[float]]) -> npt.NDArray[np.float32]:
        try:
            matrix = np.asarray(vectors, dtype=np.float32)
        except (TypeError, ValueError):
            matrix = np.empty(0, np.float32)
        if matrix.ndim != 2 or not matrix.size:
            raise ModelError(f"{self._culprit} answered nonsense: vectors of different lengths, or none")
        return matrix

    @property
    def _culprit(self) -> str:
        return f"the embedding model {type(self._embeddings).__name__}"


class GroundingEmbeddings(Embeddings):
    """Vectors of unit length by the embedder of a collection, or, without one, by that of the settings.

    A text that is longer than the embedder's window is embedded as far as that goes, and a warning is logged.
    """

    def __init__(self, service: Service, *, collection: str | None = None) -> None:
        self._service = service
        self._collection = collection

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """A vector for each text, as of a passage."""
        if not texts:
            return []
        embedder = self._embedder()
        longer = sum(size > embedder.max_tokens for size in embedder.count_tokens(texts))
        if longer:
            logger.warning(
                "%d of %d texts are longer than the %d tokens embedded", longer, len(texts), embedder.max_tokens
            )
        return _as_lists(embedder.embed_passages(texts))

    def embed_query(self, text: str) -> list[float]:
        """The vector of a question."""
        return _as_lists(self._embedder().embed_queries([text]))[0]

    def _embedder(self) -> Embedder:
        if self._collection is None:
            return self._service.models.embedder()
        return self._service.models.embedder(self._service.store.corpus(self._collection).fingerprint)


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
        _refuse(kwargs)
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
        _refuse(kwargs)
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
        _refuse(kwargs)
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
        _refuse(kwargs)
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
        _refuse(kwargs)
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
        _refuse(kwargs)
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
        _refuse(kwargs)
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


class GroundingChatMessageHistory(BaseChatMessageHistory):
    """The turns of one conversation, which the grounder, the HTTP service and the command line go on with.

    What is kept are the texts of human and AI messages: content that is a list is kept as its text. System and tool
    messages, pictures and tool calls are refused: they are no part of a conversation. Private values are sealed as the
    policy of the collection says, and come back in the messages. `owner` is the id of a key, if it has one.
    """

    def __init__(
        self,
        service: Service,
        conversation_id: str,
        *,
        collection: str = DEFAULT_COLLECTION,
        owner: str = "",
        groups: Iterable[str] | None = None,
    ) -> None:
        if not conversation_id:
            raise InvalidRequest("conversation_id: expected a text that is not empty")
        self._service = service
        self._id = conversation_id
        self._collection = collection
        self._owner = owner
        self._readable = filters.readable_by(groups)
        self._screen = Screen(service.models.checks, service.store.judgements)

    @property
    def messages(self) -> list[BaseMessage]:  # type: ignore[override] # an attribute there, read from the store here
        """All of its messages, oldest first; none for a conversation that nobody began."""
        try:
            turns = self._service.store.conversations.get(self._id, where=self._readable).turns
        except NotFound:
            return []
        return [_message(turn) for turn in turns]

    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Keeps messages, all of them or none."""
        said = [(_role(message), _text(message), message.id or "") for message in messages]
        vault = Vault(self._service.store.conversations.private_values(self._id))
        turns: list[Turn] = []
        for role, text, name in said:
            hidden = self._hidden(text, vault)
            turns.append(Turn("assistant" if role == "ai" else "user", hidden, name, values=vault.values_in(hidden)))
        self._service.store.conversations.append(self._id, turns, collection=self._collection, owner=self._owner)

    def clear(self) -> None:
        """Erases the conversation, the records of its answers, too."""
        self._service.store.erase_conversation(self._id, thoroughly=False)

    def _hidden(self, text: str, vault: Vault) -> str:
        """The text with placeholders for private values. Where signs that nobody sees keep one from being found, the
        text without those takes its place."""
        found, plain = self._redacted(text, vault), preprocess.clean(text)
        if plain == text:
            return found
        cleaned = self._redacted(plain, vault)
        return cleaned if len(PLACEHOLDER.findall(cleaned)) > len(PLACEHOLDER.findall(found)) else found

    def _redacted(self, text: str, vault: Vault) -> str:
        rules = policy(self._service.settings.safety, collection=self._collection, key="")
        language = self._service.models.language_of(text)
        verdicts = self._screen.judge(text, part="history", origin="history", language=language, policy=rules)
        # What speaks to the model is cut out when it is read for a prompt: here people's words are kept.
        redacted = redact(text, [verdict for verdict in verdicts if verdict.check == "pii"], vault)
        hidden, at = "", 0
        for placeholder in PLACEHOLDER.finditer(redacted):
            hidden += vault.hide(redacted[at : placeholder.start()]) + placeholder[0]
            at = placeholder.end()
        return hidden + vault.hide(redacted[at:])


class Question(BaseModel):
    """What the grounder's Runnable takes, beside a plain text."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    message: str
    conversation_id: str | None = None
    collection: str | None = None
    filters: dict[str, JsonValue] | None = None
    top_k: int | None = Field(None, ge=1)
    generator: str | None = None
    instructions: str = ""
    user: str = ""


Input: TypeAlias = str | dict[str, Any]
Output: TypeAlias = Any
"""The chat response as a dict where it is invoked, pieces of its text where it is streamed."""


class GrounderRunnable(Runnable[Input, Output]):
    """Answers questions with verified citations: a text, or a dict with the fields of `Question`.

    `invoke` gives the chat response as a dict, as in `POST /v1/chat`; `stream` gives the text of the answer piece by
    piece, verified as far as it is shown. A stream that is left early stops the model.
    """

    def __init__(
        self,
        service: Service,
        *,
        collection: str | None = None,
        generator: str | None = None,
        groups: Iterable[str] | None = None,
    ) -> None:
        self._service = service
        self._collection = collection
        self._generator = generator
        self._groups = None if groups is None else frozenset(groups)

    def invoke(self, input: Input, config: RunnableConfig | None = None, **kwargs: Any) -> dict[str, Any]:
        """The chat response."""
        _refuse(kwargs)
        answer: dict[str, Any] = self._call_with_config(lambda given: self._answer(self._ask(given)), input, config)
        return answer

    async def ainvoke(self, input: Input, config: RunnableConfig | None = None, **kwargs: Any) -> dict[str, Any]:
        """The chat response. Cancelled, it stops the model."""
        _refuse(kwargs)
        answer: dict[str, Any] = await self._acall_with_config(self._aanswer, input, config)
        return answer

    def stream(self, input: Input, config: RunnableConfig | None = None, **kwargs: Any) -> Iterator[str]:
        """The answer's text, piece by piece."""
        _refuse(kwargs)
        yield from self._transform_stream_with_config(iter([input]), self._deltas, config)

    async def astream(self, input: Input, config: RunnableConfig | None = None, **kwargs: Any) -> AsyncIterator[str]:
        """The answer's text, piece by piece. Cancelled or left, it stops the model."""
        _refuse(kwargs)

        async def given() -> AsyncIterator[Input]:
            yield input

        pieces = self._atransform_stream_with_config(given(), self._adeltas, config)
        async for piece in pieces:
            yield piece

    def _ask(self, given: Input) -> Ask:
        question = _question(given)
        collection = question.collection or self._collection
        if collection is None and question.conversation_id is not None:
            collection = self._collection_of(question.conversation_id)
        return Ask(
            question.message,
            collection=collection or DEFAULT_COLLECTION,
            top_k=question.top_k,
            filters=filters.parse(question.filters or {}),
            conversation_id=question.conversation_id,
            generator=question.generator or self._generator,
            instructions=question.instructions,
            user=question.user,
            groups=self._groups,
        )

    def _collection_of(self, conversation_id: str) -> str | None:
        try:
            return self._service.store.conversations.get(conversation_id).collection
        except NotFound:
            return None

    def _answer(self, ask: Ask) -> dict[str, Any]:
        return ChatResponse.of(self._service.grounder.answer(ask)).model_dump(mode="json")

    async def _aanswer(self, given: Input) -> dict[str, Any]:
        ask = await run_in_executor(None, self._ask, given)
        answering = asyncio.ensure_future(run_in_executor(None, self._answer, ask))
        try:
            return await asyncio.shield(answering)
        except asyncio.CancelledError:
            ask.stop.say()
            answering.add_done_callback(_unheard)
            raise

    def _deltas(self, given: Iterator[Input]) -> Iterator[str]:
        for one in given:
            with closing(self._service.grounder.stream(self._ask(one))) as events:
                for event in events:
                    if isinstance(event, Delta):
                        yield event.text

    async def _adeltas(self, given: AsyncIterator[Input]) -> AsyncIterator[str]:
        async for one in given:
            ask = await run_in_executor(None, self._ask, one)
            events = self._service.grounder.stream(ask)
            coming: asyncio.Future[Event | None] | None = None
            try:
                while True:
                    coming = asyncio.ensure_future(run_in_executor(None, next, events, None))
                    event = await asyncio.shield(coming)
                    if event is None:
                        break
                    if isinstance(event, Delta):
                        yield event.text
            finally:
                ask.stop.say()  # before the thread is waited for: it may be waiting for a model that says nothing
                await asyncio.shield(_closed(events, coming))


def grounder_runnable(
    service: Service,
    *,
    collection: str | None = None,
    generator: str | None = None,
    groups: Iterable[str] | None = None,
) -> GrounderRunnable:
    """The grounder as a Runnable. `collection` and `generator` are for questions that name none, `groups` those that
    who asks belongs to; None may read everything."""
    return GrounderRunnable(service, collection=collection, generator=generator, groups=groups)


async def _closed(events: Generating[Event, None, None], coming: asyncio.Future[Event | None] | None) -> None:
    """Ends a stream of events, once no thread is in it any more."""
    if coming is not None:
        await asyncio.wait([coming])
        _unheard(coming)
    await run_in_executor(None, events.close)


def _unheard(done: asyncio.Future[Any]) -> None:
    """Takes the error of work that nobody waits for any more, so that it is not told as one that was overlooked."""
    if not done.cancelled():
        done.exception()


def _question(given: Input) -> Question:
    if isinstance(given, str):
        return Question(message=given)
    try:
        return Question.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or "input"
        raise InvalidRequest(f"{name}: {first['msg']}") from None


def _refuse(unknown: Mapping[str, object]) -> None:
    """Raises TypeError for arguments that nobody knows: a filter that is spelt wrong must not be left out."""
    if unknown:
        raise TypeError(f"unknown argument {next(iter(unknown))!r}")


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


def _as_lists(matrix: FloatMatrix) -> list[list[float]]:
    return [[float(value) for value in row] for row in matrix]


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


def _message(turn: Turn) -> BaseMessage:
    kind = AIMessage if turn.role == "assistant" else HumanMessage
    return kind(content=Vault(turn.values).restore(turn.content), id=turn.message_id or None)


def _role(message: BaseMessage) -> str:
    if not isinstance(message, AIMessage | HumanMessage):
        raise InvalidRequest(f"a conversation keeps human and AI messages, and no {type(message).__name__}")
    return message.type


def _text(message: BaseMessage) -> str:
    """What a message says. Raises InvalidRequest for what is not text and cannot be kept."""
    content = message.content if isinstance(message.content, list) else []
    kinds = [str(block.get("type", "text")) for block in content if isinstance(block, dict)]
    odd = [kind for kind in kinds if kind != "text" and kind not in _THOUGHTS]
    if isinstance(message, AIMessage) and message.tool_calls:
        odd.append("tool_calls")
    if odd:
        raise InvalidRequest(f"a conversation keeps texts, and nothing of the kind {odd[0][:60]!r}")
    return str(message.text)
