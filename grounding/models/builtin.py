"""The embedder that needs no model: terms and their letters, hashed into a vector. For tests and tiny machines."""

from __future__ import annotations

import math
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from grounding import analysis
from grounding.models.shared import unit_rows, well_formed
from grounding.values import Fingerprint, FloatMatrix

NAME = "builtin"
DIMENSION = 256
_GRAM = 3
_GRAM_WEIGHT = 0.3
"""Of a term's letters, all together about as much as the term itself: enough to bring spellings near each other."""


class HashEmbedder:
    """Embedder of signed feature hashing: deterministic, no download, words only and no meaning."""

    @property
    def fingerprint(self) -> Fingerprint:
        return Fingerprint(name=NAME, revision=f"hash-1-terms-{analysis.VERSION}", dimension=DIMENSION)

    @property
    def max_tokens(self) -> int:
        return 512

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(analysis.terms(text)) for text in texts]

    def embed_queries(self, texts: Sequence[str]) -> FloatMatrix:
        return self._embed(texts)

    def embed_passages(self, texts: Sequence[str]) -> FloatMatrix:
        return self._embed(texts)

    def _embed(self, texts: Sequence[str]) -> FloatMatrix:
        rows = np.zeros((len(texts), DIMENSION), np.float32)
        for row, text in zip(rows, texts, strict=True):
            for term, count in Counter(analysis.terms(well_formed(text))).items():
                weight = 1 + math.log(count)
                for feature, share in _features(term):
                    position = zlib.crc32(feature.encode("utf-8"))
                    row[position % DIMENSION] += weight * share if position & 0x8000_0000 else -weight * share
        return unit_rows(rows)


def _features(term: str) -> Iterator[tuple[str, float]]:
    """The term, and the trigrams of its letters between brackets; short terms have none."""
    yield term, 1.0
    if len(term) > _GRAM:
        framed = f"<{term}>"
        for start in range(len(framed) - _GRAM + 1):
            yield framed[start : start + _GRAM], _GRAM_WEIGHT
