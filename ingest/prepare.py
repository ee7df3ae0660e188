"""A loaded document -> its identity, its passages, and the text that is embedded for each. Pure but for the models."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal, TypeAlias

from grounding.ports import Embedder, RawDocument
from grounding.values import Document
from ingest.chunk import CountTokens, chunk
from ingest.headings import headings

Change: TypeAlias = Literal["created", "updated"]

CONTEXT_SHARE = 5
"""Title and heading take at most one part in so many of the embedder's window; the rest is for the text."""
JOINT = 4
"""Tokens that appear where context and text are joined, at most: tokenizers are not additive."""
MIN_PASSAGE = 16
"""An embedder with a window smaller than this cannot hold a passage."""
_LANGUAGE_SAMPLE = 2000
_EAST_ASIAN = frozenset({"ja", "zh", "ko"})


@dataclass(frozen=True, slots=True)
class Incoming:
    """A document as it was loaded, with its source key, and the file or request that it came from."""

    source: str
    origin: str
    raw: RawDocument


@dataclass(frozen=True, slots=True)
class Identity:
    """What an arriving document will be in its collection."""

    id: str
    content_hash: str
    change: Change


@dataclass(frozen=True, slots=True)
class Draft:
    """A passage before it has a vector. `embedded` is the text that the embedder gets."""

    text: str
    start: int
    end: int
    heading: str
    language: str
    embedded: str
    embed_hash: str
    truncated: bool


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document ready to be embedded and stored."""

    document: Document
    origin: str
    language: str
    drafts: tuple[Draft, ...]
    change: Change


def content_hash(raw: RawDocument) -> str:
    """SHA-256 over all that makes a document what it is, whatever it is called: title, text, media type, metadata."""
    canonical = json.dumps(
        [raw.title, raw.text, raw.media_type, raw.metadata], ensure_ascii=False, sort_keys=True, separators=(",", ":")
    )
    return hashlib.sha256(canonical.encode("utf-8")).hexdigest()


def document_id(source: str) -> str:
    """The id of a document that brings none: 20 hex digits that depend on its source key alone."""
    return hashlib.sha256(source.encode("utf-8")).hexdigest()[:20]


def name_of(source: str) -> str:
    """The title of a document that names none itself: its file's name without the ending."""
    return PurePosixPath(source).stem.replace("_", " ").strip() or source


def context_of(title: str, heading: str, text: str) -> str:
    """Where a passage stands: title and headings, without those that its first line says already."""
    first = text.split("\n", 1)[0].strip("#* \t")
    parts = [part for part in (title, *heading.split(" > ")) if part and part != first]
    return " > ".join(parts)


def embedding_text(title: str, heading: str, text: str) -> str:
    """What is embedded for a passage: its context in a line, then the passage."""
    return _joined(context_of(title, heading, text), text)


def below_title(title: str, heading: str) -> str:
    """The path of headings without the document's own title at its beginning."""
    outermost, _, rest = heading.partition(" > ")
    return rest if outermost == title else heading


@dataclass(frozen=True, slots=True)
class Embedded:
    """The text that an embedder gets for a passage; `truncated` where the passage alone is beyond its window."""

    text: str
    digest: str
    truncated: bool


def embedded(
    contexts: Sequence[str], texts: Sequence[str], tokens: Sequence[int], *, embedder: Embedder
) -> list[Embedded]:
    """What the embedder gets for passages of so many tokens, each with as much of its context as there is room for."""
    window = embedder.max_tokens
    distinct = sorted(set(contexts))
    lengths = dict(zip(distinct, embedder.count_tokens(distinct), strict=True)) if distinct else {}
    found = []
    for context, text, size in zip(contexts, texts, tokens, strict=True):
        room = min(window // CONTEXT_SHARE, window - size - JOINT)
        if lengths[context] > room:
            context = shortened(context, count_tokens=embedder.count_tokens, limit=room)
        whole = _joined(context, text)
        digest = hashlib.sha256(whole.encode("utf-8")).hexdigest()
        found.append(Embedded(whole, digest, truncated=size > window))
    return found


@dataclass(frozen=True, slots=True)
class Preparer:
    """Cuts documents into passages that fit an embedder."""

    embedder: Embedder
    language_of: Callable[[str], str]
    passage_tokens: int

    def prepare(self, incoming: Incoming, identity: Identity, *, collection: str) -> Prepared:
        """The document with its passages."""
        raw = incoming.raw
        title = raw.title or ("" if raw.key else name_of(incoming.source))
        language = self.language_of(f"{raw.title}\n{raw.text[:_LANGUAGE_SAMPLE]}")
        document = Document(
            id=identity.id,
            collection=collection,
            source=incoming.source,
            title=title,
            text=raw.text,
            media_type=raw.media_type,
            metadata=raw.metadata,
            content_hash=identity.content_hash,
        )
        return Prepared(document, incoming.origin, language, self._drafts(raw, title, language), identity.change)

    def _drafts(self, raw: RawDocument, title: str, language: str) -> tuple[Draft, ...]:
        pieces = chunk(
            raw.text,
            count_tokens=self.embedder.count_tokens,
            max_tokens=self._limit(raw, title),
            language=language,
            media_type=raw.media_type,
        )
        texts = [raw.text[piece.start : piece.end] for piece in pieces]
        paths = [below_title(title, piece.heading) for piece in pieces]
        contexts = [context_of(title, path, text) for path, text in zip(paths, texts, strict=True)]
        whole = embedded(contexts, texts, [piece.tokens for piece in pieces], embedder=self.embedder)
        return tuple(
            Draft(
                text=text,
                start=piece.start,
                end=piece.end,
                heading=path,
                language=self._language(text, language),
                embedded=given.text,
                embed_hash=given.digest,
                truncated=given.truncated,
            )
            for piece, text, path, given in zip(pieces, texts, paths, whole, strict=True)
        )

    def _limit(self, raw: RawDocument, title: str) -> int:
        """Tokens of the longest passage: as set, less what title and headings need of the window."""
        window = self.embedder.max_tokens
        share = window // CONTEXT_SHARE
        if self.passage_tokens + share + JOINT <= window:
            return self.passage_tokens
        sectioned = bool(headings(raw.text, media_type=raw.media_type))
        context = share if sectioned else min(share, self.embedder.count_tokens([title])[0])
        return max(min(self.passage_tokens, window - context - JOINT), min(MIN_PASSAGE, window))

    def _language(self, text: str, document_language: str) -> str:
        """The document's language, unless the passage is plainly of another kind of writing."""
        sample = text[:_LANGUAGE_SAMPLE]
        east_asian = sum("\u3040" <= char <= "\u9fff" or "\uac00" <= char <= "\ud7a3" for char in sample)
        letters = sum(map(str.isalpha, sample))
        if letters and (east_asian * 2 > letters) != (document_language in _EAST_ASIAN):
            return self.language_of(sample)
        return document_language


def _joined(context: str, text: str) -> str:
    return f"{context}\n{text}" if context else text


def shortened(context: str, *, count_tokens: CountTokens, limit: int) -> str:
    """The beginning of a context that fits, "" where nothing does."""
    while context:
        tokens = count_tokens([context])[0]
        if tokens <= limit:
            return context
        keep = min(len(context) - 1, len(context) * max(limit, 0) // max(tokens, 1))
        context = context[:keep].rstrip()
    return ""
