"""Families of vector indexes: which one serves how many passages, and which class answers for it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

import numpy as np

from grounding.errors import StoreError
from grounding.values import FloatMatrix
from store import inverted
from store.inverted import Inverted
from store.ranking import Ids
from store.vectors import Flat

VectorIndexFile: TypeAlias = Flat | Inverted

FAMILIES: tuple[type[VectorIndexFile], ...] = (Flat, Inverted)


def known(family: str) -> bool:
    """Whether this version can open it."""
    return any(family == each.family for each in FAMILIES)


def family_for(size: int, *, exact_passages: int) -> str:
    """The family that serves a collection of so many passages."""
    return Flat.family if size <= exact_passages else Inverted.family


def build(
    folder: Path,
    family: str,
    batches: Iterable[tuple[Ids, FloatMatrix]],
    *,
    dimension: int,
    like: VectorIndexFile | None = None,
) -> None:
    """Writes the index of these rows, ids ascending, into the folder. `like` is the one before, which may save work.

    Raises StoreError for vectors that cannot be compared.
    """
    if family == Inverted.family:
        inverted.write(folder, batches, dimension=dimension, like=like if isinstance(like, Inverted) else None)
        return
    parts = [(np.empty(0, np.int64), np.empty((0, dimension), np.float32)), *batches]
    ids, vectors = (np.concatenate(column) for column in zip(*parts, strict=True))
    Flat.build(ids, vectors).save(folder)


def open_index(folder: Path, family: str) -> VectorIndexFile:
    """The index of this family saved there. Raises StoreError if the files are not what `build` wrote."""
    for each in FAMILIES:
        if each.family == family:
            return each.open(folder)
    raise StoreError(f"{folder.name}: an index of the unknown family {family!r}")
