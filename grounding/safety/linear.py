"""A linear model over hashed n-grams of characters and words: a few hundred kilobytes of plain numbers. By numpy."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

BITS = 17
"""Each head has 2**BITS weights."""
_CHARACTERS = (2, 3, 4, 5)
_WORDS = (1, 2, 3)
_LONGEST = 6000
"""Characters that are looked at: a sentence is never longer, but a text without full stops may be."""
_TOKEN = re.compile(r"[^\W_]{1,40}|[^\w\s]")
_BASE = np.uint32(0x9E3779B1)

Buckets: TypeAlias = npt.NDArray[np.uint32]


def buckets(text: str) -> Buckets:
    """The distinct buckets of a text's n-grams, ascending. The text is taken as it is: fold its case before."""
    tokens = _TOKEN.findall(text[:_LONGEST])
    if not tokens:
        return np.zeros(0, np.uint32)
    characters = np.frombuffer(f" {' '.join(tokens)} ".encode("utf-32-le", "replace"), np.uint32)
    words = np.array([zlib.crc32(token.encode("utf-8", "replace")) for token in tokens], np.uint32)
    hashes = [*_hashes(characters, _CHARACTERS, salt=7919), *_hashes(words, _WORDS, salt=104729)]
    return np.unique(np.concatenate(hashes) >> np.uint32(32 - BITS))


def _hashes(units: Buckets, sizes: tuple[int, ...], *, salt: int) -> list[Buckets]:
    """For each size the hash of every run of so many units, as a polynomial of its units, then mixed."""
    hashes: list[Buckets] = []
    runs = np.zeros(len(units), np.uint32)
    for size in range(1, min(sizes[-1], len(units)) + 1):
        runs = runs[: len(units) - size + 1] * _BASE + units[size - 1 :]
        if size in sizes:
            hashes.append(_mixed(runs + np.uint32(size * salt)))
    return hashes


def _mixed(hashes: Buckets) -> Buckets:
    """Source: the finaliser of "lowbias32", so that the upper bits depend on every bit."""
    hashes = (hashes ^ (hashes >> np.uint32(16))) * np.uint32(0x7FEB352D)
    hashes = (hashes ^ (hashes >> np.uint32(15))) * np.uint32(0x846CA68B)
    return hashes ^ (hashes >> np.uint32(16))


@dataclass(frozen=True, slots=True)
class LinearModel:
    """Heads that share their features: weights (2**BITS, heads) in steps of `scale`, and a bias for each head."""

    weights: npt.NDArray[np.int8]
    scale: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]
    version: str

    @classmethod
    def load(cls, path: Path) -> LinearModel:
        """The model in an .npz file of plain arrays; ValueError if it is another kind of file."""
        with np.load(path, allow_pickle=False) as arrays:
            model = cls(arrays["weights"], arrays["scale"], arrays["bias"], str(arrays["version"]))
        if model.weights.shape != (1 << BITS, len(model.bias)):
            raise ValueError(f"weights of an unexpected shape: {model.weights.shape}")
        return model

    def scores(self, found: Buckets) -> list[float]:
        """For each head the log-odds of a text with these buckets."""
        summed = self.weights[found].sum(axis=0, dtype=np.int64) * self.scale
        return [float(score) for score in summed / np.sqrt(max(1, len(found))) + self.bias]
