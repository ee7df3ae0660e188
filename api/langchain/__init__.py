"""LangChain's interfaces over a service: vector store, retriever, embeddings, message history, and the grounder itself.

Each is made from a `Service` (`compose.build(settings.load())`) and adds nothing to what that does: documents go the
way of every ingest, and are found by every process at once; questions are recorded, and answered under the same checks.
What is not async by itself runs in threads, so that no event loop waits.
"""

from __future__ import annotations

from api.langchain.answers import GrounderRunnable, Question, grounder_runnable
from api.langchain.conversations import GroundingChatMessageHistory
from api.langchain.documents import GroundingRetriever, GroundingVectorStore
from api.langchain.embedding import GroundingEmbeddings, LangChainEmbedder

__all__ = [
    "GrounderRunnable",
    "GroundingChatMessageHistory",
    "GroundingEmbeddings",
    "GroundingRetriever",
    "GroundingVectorStore",
    "LangChainEmbedder",
    "Question",
    "grounder_runnable",
]
