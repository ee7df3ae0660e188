"""Parts that fit the seams, kept in memory: for tests of what lies above them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Generator as Generating
from dataclasses import dataclass, field

import numpy as np

from grounding import analysis, linking
from grounding.errors import NotFound
from grounding.filters import Filter
from grounding.values import (
    Background,
    Chunk,
    Entity,
    Evidence,
    Exchange,
    Finding,
    Fingerprint,
    FloatMatrix,
    FloatVector,
    Hit,
    Origin,
    Passage,
    Prompt,
    Turn,
)
from grounding.wordlist import WordList, words


def passage(number: int, text: str, *, start: int = 0, title: str = "Leave", heading: str = "") -> Passage:
    """A passage of the document `d<number>`, which starts with `start` blanks."""
    return Passage(
        id=number,
        document_id=f"d{number}",
        source=f"handbook/{number}.md",
        title=title,
        version=1,
        text=text,
        start=start,
        end=start + len(text),
        heading=heading,
    )


def evidence(*passages: Passage) -> tuple[Evidence, ...]:
    return tuple(Evidence(rank, 1 / rank, item) for rank, item in enumerate(passages, start=1))


class HashEmbedder:
    """Bags of terms, hashed into 64 dimensions."""

    fingerprint = Fingerprint("hash", "1", 64)
    max_tokens = 500

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    def embed_queries(self, texts: Sequence[str]) -> FloatMatrix:
        return np.stack([self._embed(text) for text in texts])

    embed_passages = embed_queries

    def _embed(self, text: str) -> FloatVector:
        vector = np.full(64, 0.01, dtype=np.float32)
        for term in analysis.terms(text):
            vector[sum(term.encode()) % 64] += 1
        return (vector / np.linalg.norm(vector)).astype(np.float32)


class MemoryCorpus:
    """A Corpus over a list of passages; each is the only passage of its document. Filters are ignored."""

    name = "default"
    change = 7
    generations = ("vectors-7", "lexical-7")
    fingerprint = HashEmbedder.fingerprint

    def __init__(self, *passages: Passage, names: dict[str, tuple[int, ...]] | None = None) -> None:
        self._passages = {item.id: item for item in passages}
        self._names = names or {}

    def dense(self, vector: FloatVector, k: int, *, fingerprint: Fingerprint, where: Filter | None = None) -> list[Hit]:
        assert fingerprint == self.fingerprint
        return self._near(vector, k)

    def similarity(self, vector: FloatVector, ids: Sequence[int], *, fingerprint: Fingerprint) -> dict[int, float]:
        return {hit.passage_id: hit.score for hit in self._all(vector) if hit.passage_id in set(ids)}

    def background(self, vector: FloatVector, *, fingerprint: Fingerprint) -> Background | None:
        scores = [hit.score for hit in self._all(vector)]
        return Background(float(np.mean(scores)), float(np.std(scores)), len(scores)) if scores else None

    def languages(self, ids: Sequence[int]) -> dict[int, str]:
        return {number: self._passages[number].language for number in ids if number in self._passages}

    def tokens(self, ids: Sequence[int], *, fingerprint: Fingerprint) -> dict[int, bytes]:
        return {}

    def _all(self, vector: FloatVector) -> list[Hit]:
        return self._near(vector, len(self._passages))

    def _near(self, vector: FloatVector, k: int) -> list[Hit]:
        embedder = HashEmbedder()
        return _best({p.id: float(embedder.embed_queries([p.text])[0] @ vector) for p in self._passages.values()}, k)

    def lexical(self, text: str, k: int, *, language: str = "und", where: Filter | None = None) -> list[Hit]:
        wanted = set(analysis.terms(text))
        scores = {p.id: float(len(wanted & set(analysis.terms(p.text)))) for p in self._passages.values()}
        return _best({number: score for number, score in scores.items() if score}, k)

    def ceiling(self, text: str, *, language: str = "und") -> float:
        return float(len(set(analysis.terms(text))))

    def entity(
        self,
        text: str,
        k: int,
        *,
        entities: Sequence[Entity] = (),
        language: str = "und",
        where: Filter | None = None,
    ) -> list[Hit]:
        names = {candidate.name for candidate in linking.candidates(text, entities, language=language)}
        return _best(Counter(number for name in names for number in self._names.get(name, ())), k)

    def knows(self, word: str, *, where: Filter | None = None) -> bool:
        return bool(self.lexical(word, 1))

    def words_near(self, word: str, *, where: Filter | None = None) -> list[tuple[str, float]]:
        counts = Counter(found for p in self._passages.values() for found in words(p.text))
        return [(found.word, found.count / len(self._passages)) for found in WordList.of(counts).near(word)]

    def passages(self, ids: Sequence[int]) -> list[Passage]:
        return [self._passages[number] for number in ids if number in self._passages]

    def document_text(self, document_id: str, *, version: int) -> str | None:
        for item in self._passages.values():
            if item.document_id == document_id and item.version == version:
                return " " * item.start + item.text
        return None

    def remove(self, number: int) -> None:
        del self._passages[number]


def _best(scores: dict[int, float] | Counter[int], k: int) -> list[Hit]:
    order = sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))
    return [Hit(number, float(score)) for number, score in order[:k]]


@dataclass
class Memory:
    """A Recorder and Conversations in one."""

    exchanges: list[Exchange] = field(default_factory=list)
    conversations: dict[str, list[Turn]] = field(default_factory=dict)

    def record(self, exchange: Exchange, *, turns: Sequence[Turn] = ()) -> None:
        self.exchanges.append(exchange)
        if exchange.conversation_id and turns:
            self.conversations.setdefault(exchange.conversation_id, []).extend(turns)

    def turns(self, conversation_id: str, *, limit: int = 40, where: Filter | None = None) -> list[Turn]:
        if conversation_id not in self.conversations:
            raise NotFound(f"no conversation {conversation_id!r}")
        return self.conversations[conversation_id][-limit:]

    def private_values(self, conversation_id: str, *, where: Filter | None = None) -> dict[str, str]:
        turns = self.conversations.get(conversation_id, [])
        return {placeholder: value for turn in reversed(turns) for placeholder, value in turn.values.items()}


class CapitalNames:
    """Every capitalised word is a PERSON."""

    def extract(self, texts: Sequence[str], *, language: str) -> list[tuple[Entity, ...]]:
        return [tuple(self._of(text)) for text in texts]

    def _of(self, text: str) -> list[Entity]:
        found, at = [], 0
        for word in text.split():
            at = text.index(word, at)
            bare = word.strip("?.,!")
            if bare[:1].isupper():
                found.append(Entity(bare, "PERSON", at, at + len(bare)))
            at += len(word)
        return found


class SharedWords:
    """A reranker that counts the words which a passage shares with the question, and a little for the rest."""

    def scores(self, question: str, passages: Sequence[str]) -> list[float]:
        asked = set(question.split())
        return [len(asked & set(text.split())) - 0.01 * len(text) for text in passages]


class NoSpelling:
    def correct(
        self,
        text: str,
        *,
        language: str,
        known: Callable[[str], bool],
        near: Callable[[str], Sequence[tuple[str, float]]],
    ) -> str | None:
        return None


@dataclass(eq=False)
class WordCheck:
    """Finds every occurrence of a word."""

    name: str
    word: str
    origins: frozenset[Origin]
    kind: str = "EMAIL_ADDRESS"
    version: str = "1"
    calls: int = 0

    def find(self, text: str, *, origin: Origin, language: str) -> list[Finding]:
        self.calls += 1
        at, found = text.find(self.word), []
        while at >= 0:
            found.append(Finding(self.kind, at, at + len(self.word), 1.0))
            at = text.find(self.word, at + 1)
        return found


class MemoryJudgements:
    """Remembers what was found as long as it lives."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], Sequence[Finding]] = {}

    def get(self, texts: Sequence[str], *, version: str) -> dict[str, Sequence[Finding]]:
        return {text: self._found[version, text] for text in texts if (version, text) in self._found}

    def put(self, found: Mapping[str, Sequence[Finding]], *, version: str) -> None:
        self._found.update({(version, text): findings for text, findings in found.items()})


@dataclass
class Scripted:
    """A generator that writes what it is told, in the pieces it is told."""

    pieces: Sequence[str]
    name: str = "scripted"
    prompts: list[Prompt] = field(default_factory=list)
    closed: bool = False

    def stream(self, prompt: Prompt) -> Generating[Chunk, None, None]:
        self.prompts.append(prompt)
        try:
            for piece in self.pieces:
                yield Chunk(piece)
        finally:
            self.closed = True


def as_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1, default=str)
