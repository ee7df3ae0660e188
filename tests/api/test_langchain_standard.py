"""LangChain's own suites for what `api.langchain` offers."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.embeddings import Embeddings
from langchain_core.retrievers import BaseRetriever
from langchain_core.vectorstores import VectorStore
from langchain_tests.integration_tests import (
    EmbeddingsIntegrationTests,
    RetrieversIntegrationTests,
    VectorStoreIntegrationTests,
)
from langchain_tests.unit_tests import EmbeddingsUnitTests

from api.compose import Service
from api.langchain import GroundingEmbeddings, GroundingRetriever, GroundingVectorStore


class TestVectorStore(VectorStoreIntegrationTests):
    """With the embedding model that the suite brings."""

    @pytest.fixture
    def vectorstore(self, service: Service) -> VectorStore:
        return GroundingVectorStore(service, "parrots", embedding=self.get_embeddings())


class TestVectorStoreOfTheService(VectorStoreIntegrationTests):
    """With the embedder of the settings."""

    @pytest.fixture
    def vectorstore(self, service: Service) -> VectorStore:
        return GroundingVectorStore(service, "parrots")


class TestRetriever(RetrieversIntegrationTests):
    @pytest.fixture(autouse=True)
    def _over_a_handbook(self, service: Service, handbook: str) -> None:
        self._params = {"service": service, "collection": handbook}

    @property
    def retriever_constructor(self) -> type[BaseRetriever]:
        return GroundingRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return self._params

    @property
    def retriever_query_example(self) -> str:
        return "the hotel limit and unused annual leave"


class _OfAService:
    @pytest.fixture(autouse=True)
    def _over_a_service(self, service: Service) -> None:
        self._service = service

    @property
    def embeddings_class(self) -> type[Embeddings]:
        return GroundingEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return {"service": self._service}


class TestEmbeddings(_OfAService, EmbeddingsUnitTests):
    pass


class TestEmbeddingsAtWork(_OfAService, EmbeddingsIntegrationTests):
    pass
