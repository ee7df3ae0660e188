"""The seams of Grounding, as Protocols. Each contract is written once, here; tests/contracts holds every
implementation to it. Implementations of model seams live in `grounding.models`, of storage seams in `store`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Generator as Generating
from pathlib import Path
from typing import Protocol, runtime_checkable

from grounding.filters import Filter
from grounding.stopping import Stop
from grounding.values import (
    Background,
    Chunk,
    Entity,
    Exchange,
    Finding,
    Fingerprint,
    FloatMatrix,
    FloatVector,
    Hit,
    Metadata,
    ModelCall,
    Origin,
    Passage,
    Prompt,
    QueryTokens,
    Rewritten,
    Template,
    Turn,
    Vectorized,
)


@runtime_checkable
class Embedder(Protocol):
    """Texts -> unit vectors. Thread-safe; the model is loaded at the first embedding, not before."""

    @property
    def fingerprint(self) -> Fingerprint:
        """What makes its vectors comparable. Reading it loads no weights."""

    @property
    def max_tokens(self) -> int:
        """The window in tokens, special tokens and prefix already subtracted: a passage may have this many."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text by the model's own tokenizer, special tokens not counted. Loads no weights."""

    def embed_queries(self, texts: Sequence[str]) -> FloatMatrix:
        """(n, dim) float32, unit rows, in the order given; the query prefix is added here."""

    def embed_passages(self, texts: Sequence[str]) -> FloatMatrix:
        """(n, dim) float32, unit rows, in the order given; the passage prefix is added here."""


@runtime_checkable
class Spoken(Protocol):
    """What an Embedder has beside, if it was trained on a few languages only."""

    @property
    def languages(self) -> frozenset[str] | None:
        """ISO 639-1 codes; None for many, or where it is not known."""


@runtime_checkable
class TokenEmbedder(Protocol):
    """What an Embedder has beside, if it tells the tokens of a text apart: the built-in reranker compares those."""

    def vectorize(self, texts: Sequence[str]) -> list[Vectorized]:
        """The vectors of `embed_passages`, each with what is kept of the passage's tokens."""

    def query_tokens(self, texts: Sequence[str]) -> list[QueryTokens]:
        """The tokens of each query, with the query prefix as in `embed_queries`."""

    def closeness(self, query: QueryTokens, passages: Sequence[bytes]) -> FloatVector:
        """How close passages are to a query, (n,) of about 0 to 1, by the tokens that were kept of them."""


@runtime_checkable
class Reranker(Protocol):
    """Reads a question and a passage together. Thread-safe; the model is loaded at the first use."""

    def scores(self, question: str, passages: Sequence[str]) -> list[float]:
        """How well each passage answers, in the order given; higher is better, comparable within one call."""


@runtime_checkable
class EntityExtractor(Protocol):
    def extract(self, texts: Sequence[str], *, language: str) -> list[tuple[Entity, ...]]:
        """Entities of each text in order of their start, without overlaps, labels of `entities.LABELS`.

        `text[e.start:e.end] == e.text` for each. A language it does not serve gives what it can, never an error.
        """


@runtime_checkable
class SpellingCorrector(Protocol):
    def correct(
        self,
        text: str,
        *,
        language: str,
        known: Callable[[str], bool],
        near: Callable[[str], Sequence[tuple[str, float]]],
    ) -> str | None:
        """The text with likely misspellings mended, or None where there is nothing to offer.

        `known` tells, in lower case, the words that are right here though no dictionary has them; `near` those of them
        a few edits away from a word, with the share of passages that have each.
        """


@runtime_checkable
class QuestionRewriter(Protocol):
    @property
    def name(self) -> str: ...

    def rewrite(self, question: str, turns: Sequence[Turn]) -> Rewritten:
        """The question so worded that it can be understood without the turns before it, oldest first, within the
        rewriter's own deadline. Never raises for a model that fails: `call` tells."""


@runtime_checkable
class SafetyCheck(Protocol):
    """One check over parts by origin. Deterministic for one `version`, so findings can be remembered."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def origins(self) -> frozenset[Origin]:
        """The kinds of part that it looks at."""

    def find(self, text: str, *, origin: Origin, language: str) -> list[Finding]:
        """What it found, empty if nothing. Spans lie within `text`. Takes time linear in the text's length."""


@runtime_checkable
class Generator(Protocol):
    @property
    def name(self) -> str: ...

    def stream(self, prompt: Prompt) -> Generating[Chunk, None, None]:
        """The answer piece by piece, with markers `[n]` for the n-th piece of evidence; an empty answer abstains.

        Nothing is yielded for a keep-alive. Raises GeneratorFailed, also for an answer that breaks off. Closing it
        stops the model.
        """


@runtime_checkable
class Route(Protocol):
    """The way to an answer: one generator, or several that take each other's place."""

    @property
    def name(self) -> str: ...

    def stream(
        self,
        prompt: Prompt,
        *,
        stop: Stop,
        shown: Callable[[], bool],
        called: Callable[[ModelCall], None],
        meanwhile: Callable[[], None] = ...,
    ) -> Generating[Chunk, None, None]:
        """The answer as `Generator.stream` gives it, within deadlines. Where a generator fails and nothing was `shown`
        to anybody yet, the next one begins anew, with a chunk that says `restarted`; else GeneratorFailed is raised.
        `called` is told every call of a model when it has ended, in whatever way. `meanwhile`, which takes no time to
        speak of, may be called while there is nothing to do but to wait for a model. Ends early, without an error, once
        `stop` is set. Closing it stops the model. While it waits for one, it is `permits.resting`.
        """


@runtime_checkable
class Prompts(Protocol):
    def template(self, *, collection: str, language: str) -> Template:
        """The system text in use for a collection and a language (ISO 639-1)."""


@runtime_checkable
class RawDocument(Protocol):
    """What a loader yields: one document of a source, before it has an identity in a collection."""

    @property
    def key(self) -> str:
        """ "" for the only document of a file, else the record's own key within it."""

    @property
    def id(self) -> str | None:
        """The record's own `_id` or `id`, if it has one."""

    @property
    def title(self) -> str: ...

    @property
    def text(self) -> str: ...

    @property
    def media_type(self) -> str: ...

    @property
    def metadata(self) -> Metadata: ...


@runtime_checkable
class DocumentLoader(Protocol):
    @property
    def suffixes(self) -> frozenset[str]:
        """Lower-case file endings that it serves, with the dot."""

    def load(self, path: Path, *, source: str) -> Iterator[RawDocument | Exception]:
        """Documents of one file. A record that cannot be read is yielded as a LoadError and the rest goes on;
        a file that cannot be read at all raises LoadError."""


@runtime_checkable
class Polisher(Protocol):
    def polish(self, text: str, *, language: str) -> str:
        """The sentence with grammar and style mended; quotes, code, numbers, citations, names and placeholders are left
        as they are. Never raises for a server that is slow or away: the sentence is as good as it was."""


@runtime_checkable
class VectorIndex(Protocol):
    """An immutable set of unit vectors with int64 ids. Safe to search from many threads at once."""

    def __len__(self) -> int: ...

    def search(
        self, vector: FloatVector, k: int, *, without: Sequence[int] = (), within: Sequence[int] | None = None
    ) -> list[Hit]:
        """At most k hits by inner product, best first; never an id of `without`, only ids of `within` if given."""


@runtime_checkable
class LexicalIndex(Protocol):
    """Passages by words. `within` as in VectorIndex."""

    def search(
        self,
        text: str,
        k: int,
        *,
        language: str = "und",
        without: Sequence[int] = (),
        within: Sequence[int] | None = None,
    ) -> list[Hit]: ...


@runtime_checkable
class Corpus(Protocol):
    """One collection as the pipeline reads it: whatever was committed before a call is in its answer,
    whatever was deleted before it is not, in every process. Legs return hits best first."""

    @property
    def name(self) -> str: ...

    @property
    def change(self) -> int:
        """The highest change number committed now."""

    @property
    def generations(self) -> tuple[str, ...]:
        """The names of the index files that are searched now; they are kept while a record names them."""

    @property
    def fingerprint(self) -> Fingerprint | None:
        """Of the vectors in it; None while it is empty."""

    def dense(self, vector: FloatVector, k: int, *, fingerprint: Fingerprint, where: Filter | None = None) -> list[Hit]:
        """By inner product with a unit query vector of this fingerprint. Raises EmbedderChanged if the collection holds
        vectors of another, which it may since a moment ago."""

    def similarity(self, vector: FloatVector, ids: Sequence[int], *, fingerprint: Fingerprint) -> dict[int, float]:
        """Inner products with these passages, by id, as far as they have a vector of this fingerprint."""

    def background(self, vector: FloatVector, *, fingerprint: Fingerprint) -> Background | None:
        """Of inner products with the passages at large; None while there are no vectors of this fingerprint."""

    def languages(self, ids: Sequence[int]) -> dict[int, str]:
        """The language of each of these passages, as far as they exist; "" where it is not known."""

    def tokens(self, ids: Sequence[int], *, fingerprint: Fingerprint) -> dict[int, bytes]:
        """What `TokenEmbedder.vectorize` made of the tokens of these passages, as far as it was kept."""

    def lexical(self, text: str, k: int, *, language: str = "und", where: Filter | None = None) -> list[Hit]:
        """By BM25 over `analysis.index_terms` of title, heading and text; `language` is that of the question."""

    def ceiling(self, text: str, *, language: str = "und") -> float:
        """What `lexical` would score a passage that could not have more of the text's terms, known or not."""

    def entity(
        self,
        text: str,
        k: int,
        *,
        entities: Sequence[Entity] = (),
        language: str = "und",
        where: Filter | None = None,
    ) -> list[Hit]:
        """Passages that mention the names that a text of this language speaks of, and the entities recognised in it;
        rarer ones weigh more. Scores are 0 to 1: 1 for all the names, each in the text and in its document's title."""

    def knows(self, word: str, *, where: Filter | None = None) -> bool:
        """Whether a passage has the word, as it is written but for case: no other of the same stem."""

    def words_near(self, word: str, *, where: Filter | None = None) -> list[tuple[str, float]]:
        """Words of the collection one or two edits away that `knows` finds, likelier ones first, each with the share of
        the passages that have it, 0 to 1."""

    def passages(self, ids: Sequence[int]) -> list[Passage]:
        """The passages that exist, in the order asked for."""

    def document_text(self, document_id: str, *, version: int) -> str | None:
        """The document's text if it is there in that version."""


@runtime_checkable
class Judgements(Protocol):
    """What the checks found in passages, remembered by the text and the version of a check. Forgetting costs time and
    nothing else, so neither method fails on a store that is busy."""

    def get(self, texts: Sequence[str], *, version: str) -> Mapping[str, Sequence[Finding]]:
        """What was found in these texts, as far as it is known."""

    def put(self, found: Mapping[str, Sequence[Finding]], *, version: str) -> None:
        """Keeps what was found in each text."""


@runtime_checkable
class Conversations(Protocol):
    def turns(self, conversation_id: str, *, limit: int = 40, where: Filter | None = None) -> list[Turn]:
        """The latest turns, oldest first, without answers that may tell of documents that `where` does not let
        through: those that drew on one, and those that came after. Raises NotFound for an unknown conversation."""

    def private_values(self, conversation_id: str, *, where: Filter | None = None) -> Mapping[str, str]:
        """The value of every placeholder in the turns that `turns` gives without a limit; nothing for a conversation
        that is unknown."""


@runtime_checkable
class Recorder(Protocol):
    def record(self, exchange: Exchange, *, turns: Sequence[Turn] = ()) -> None:
        """Keeps an Exchange and, in the same transaction, the turns that it adds to its conversation
        (which is created if it is new)."""
