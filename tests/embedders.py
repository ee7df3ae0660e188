"""Embedders like the built-in one, to change to. Each bears the name by which it is loaded, as `my.module:factory`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from grounding.models.builtin import HashEmbedder
from grounding.models.shared import unit_rows
from grounding.settings import Settings
from grounding.values import Fingerprint, FloatMatrix


@dataclass
class Twin:
    """Vectors of `dimension` that have nothing in common with those of the built-in embedder, or of another `shift`."""

    factory: str
    dimension: int = 256
    shift: int = 0
    max_tokens: int = 512
    texts: list[str] = field(default_factory=list)
    _inner: HashEmbedder = field(default_factory=HashEmbedder)

    @property
    def fingerprint(self) -> Fingerprint:
        return Fingerprint(f"{__name__}:{self.factory}", f"twin-{self.shift}", self.dimension)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return self._inner.count_tokens(texts)

    def embed_queries(self, texts: Sequence[str]) -> FloatMatrix:
        moved = np.roll(self._inner.embed_queries(texts), self.shift, axis=1)
        folded = moved.reshape(len(texts), -1, self.dimension).sum(axis=1) + np.float32(1e-6)
        return unit_rows(folded)

    def embed_passages(self, texts: Sequence[str]) -> FloatMatrix:
        self.texts += texts
        return self.embed_queries(texts)


def alike(settings: Settings) -> Twin:
    """As many dimensions as the built-in embedder has."""
    return Twin("alike", shift=97)


def smaller(settings: Settings) -> Twin:
    """Half as many, and a window of 40 tokens."""
    return Twin("smaller", dimension=128, max_tokens=40)


def nameless(settings: Settings) -> Twin:
    """Does not bear the name by which it is loaded."""
    return Twin("another")


class Contrary(Twin):
    """Finds what is farthest."""

    def embed_passages(self, texts: Sequence[str]) -> FloatMatrix:
        return -super().embed_passages(texts)


def contrary(settings: Settings) -> Contrary:
    """The opposite of the built-in embedder."""
    return Contrary("contrary")
