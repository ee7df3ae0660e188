"""Embedding models of LangChain, as users bring them; one by the name under which every process finds it."""

from __future__ import annotations

from dataclasses import dataclass, field

from langchain_core.embeddings import Embeddings

from api.langchain import LangChainEmbedder
from grounding.models.builtin import HashEmbedder
from grounding.settings import Settings

NAME = f"{__name__}:named"


@dataclass
class Recording(Embeddings):
    """Bags of words, not of unit length, that remember what they were given. Fails on a text with `poison`."""

    model: str = "bags-1"
    texts: list[str] = field(default_factory=list)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.texts += texts
        if any("poison" in text for text in texts):
            raise ValueError("hunter2")
        return [[3 * float(value) for value in row] for row in HashEmbedder().embed_passages(texts)]

    def embed_query(self, text: str) -> list[float]:
        return [float(value) for value in HashEmbedder().embed_queries([text])[0]]


@dataclass
class Ragged(Recording):
    """Answers nonsense."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [[1.0] * number for number in range(1, len(texts) + 1)]


def words(texts: object) -> list[int]:
    """Tokens of a model that takes words for tokens."""
    assert isinstance(texts, list | tuple)
    return [len(text.split()) for text in texts]


def named(settings: Settings) -> LangChainEmbedder:
    """The embedder of this module's own name."""
    return LangChainEmbedder(Recording(), count_tokens=words, name=NAME)
