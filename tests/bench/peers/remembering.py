"""The default embedder, which remembers what it made of passages: so that each system of a comparison embeds them as
often as it likes, and the machine does it once. Queries are embedded anew each time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from grounding.models.multilingual_e5 import MultilingualE5
from grounding.settings import Settings
from grounding.values import Fingerprint, FloatMatrix, FloatVector, QueryTokens, Vectorized

NAME = f"{__name__}:embedder"


@dataclass
class Remembering:
    inner: MultilingualE5
    known: dict[str, Vectorized] = field(default_factory=dict)

    @property
    def fingerprint(self) -> Fingerprint:
        return self.inner.fingerprint

    @property
    def calls_at_once(self) -> int:
        return self.inner.calls_at_once

    @property
    def max_tokens(self) -> int:
        return self.inner.max_tokens

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return self.inner.count_tokens(texts)

    def embed_queries(self, texts: Sequence[str]) -> FloatMatrix:
        return self.inner.embed_queries(texts)

    def embed_passages(self, texts: Sequence[str]) -> FloatMatrix:
        return np.stack([made.vector for made in self.vectorize(texts)])

    def vectorize(self, texts: Sequence[str]) -> list[Vectorized]:
        new = list(dict.fromkeys(text for text in texts if text not in self.known))
        self.known |= zip(new, self.inner.vectorize(new), strict=True)
        return [self.known[text] for text in texts]

    def query_tokens(self, texts: Sequence[str]) -> list[QueryTokens]:
        return self.inner.query_tokens(texts)

    def closeness(self, query: QueryTokens, passages: Sequence[bytes]) -> FloatVector:
        return self.inner.closeness(query, passages)


def embedder(settings: Settings) -> Remembering:
    return Remembering(MultilingualE5(folder=settings.models_folder, threads=settings.models.threads))
