"""The peers, each behind the same two methods. What they need is imported where they are made."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Protocol

from grounding.ports import Embedder
from grounding.values import FloatMatrix

QUERY, PASSAGE = "query: ", "passage: "


class Peer(Protocol):
    @property
    def name(self) -> str: ...

    def index(self, documents: Mapping[str, str]) -> None:
        """Takes in texts by id."""

    def search(self, text: str, k: int) -> list[str]:
        """Ids of the best documents, best first."""


class LangChainFaiss:
    """LangChain's FAISS store as its documentation shows it: one vector for each document, every vector compared."""

    name = "LangChain FAISS"

    def __init__(self, embedder: Embedder) -> None:
        from langchain_core.embeddings import Embeddings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # the package tells that it is no longer kept up
            from langchain_community.vectorstores import FAISS

        class Ours(Embeddings):
            def embed_documents(self, texts: list[str]) -> list[list[float]]:
                found: list[list[float]] = embedder.embed_passages(texts).tolist()
                return found

            def embed_query(self, text: str) -> list[float]:
                found: list[float] = embedder.embed_queries([text])[0].tolist()
                return found

        self._made = FAISS
        self._embeddings = Ours()

    def index(self, documents: Mapping[str, str]) -> None:
        ids = list(documents)
        self._store = self._made.from_texts(
            list(documents.values()), self._embeddings, metadatas=[{"id": document} for document in ids]
        )

    def search(self, text: str, k: int) -> list[str]:
        return [str(found.metadata["id"]) for found in self._store.similarity_search(text, k=k)]


class Txtai:
    """txtai, by vectors alone or with its own BM25 beside them. By default it looks at a part of the vectors once there
    are more than 5,000 texts, which costs SciFact's 5,183 a good deal; `exact` compares every vector."""

    def __init__(self, embedder: Embedder, *, hybrid: bool, exact: bool = False) -> None:
        from txtai import Embeddings

        self.name = f"txtai {'hybrid' if hybrid else 'dense'}{', exact' if exact else ''}"

        def transform(texts: Sequence[str]) -> FloatMatrix:
            if texts[0].startswith(QUERY):
                return embedder.embed_queries([text.removeprefix(QUERY) for text in texts])
            return embedder.embed_passages([text.removeprefix(PASSAGE) for text in texts])

        self._embeddings = Embeddings(
            method="external",
            transform=transform,
            instructions={"query": QUERY, "data": PASSAGE},
            backend="faiss",
            hybrid=hybrid,
            **({"faiss": {"components": "IDMap,Flat"}} if exact else {}),
        )

    def index(self, documents: Mapping[str, str]) -> None:
        self._embeddings.index([(document, text, None) for document, text in documents.items()])

    def search(self, text: str, k: int) -> list[str]:
        return [str(document) for document, _ in self._embeddings.search(text, k)]


def peers(embedder: Embedder) -> list[Peer]:
    """All of them."""
    return [
        LangChainFaiss(embedder),
        Txtai(embedder, hybrid=False),
        Txtai(embedder, hybrid=True),
        Txtai(embedder, hybrid=True, exact=True),
    ]
