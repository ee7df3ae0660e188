"""The entity index of a collection: which passages speak of which names. In SQL, a row for each name of a passage.

A name is known to a question only if a passage that the question may find mentions it, and weighs as if there were no
other passages: what a caller may not read shows neither in what is found nor in a score.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sqlalchemy import JSON, Connection, Select, TableValuedAlias, Text, bindparam, cast, func, select

from grounding.linking import OTHER_FORM, Candidate, Linked, link, strength
from grounding.values import Hit
from store.ranking import NO_IDS, Ids, best, contains
from store.recent import Recent
from store.schema import PassageEntity

NAMES_KEPT = 512
MOST_PASSAGES = 50_000
"""Passages read of one name. A name that more than so many mention tells none of them from the others."""
SELECTIVE = math.log1p(100)
"""Weight of a name that one passage in a hundred mentions. A question of commoner names alone scores below 1."""
MICRO = 1_000_000
"""Points are whole millionths: sums of them are exact in any order, and ties are ties."""


@dataclass(frozen=True, slots=True)
class Postings:
    """Passages that mention a name, ascending, and how surely each does, in millionths."""

    ids: Ids
    points: npt.NDArray[np.int64]


class Mentions:
    """The names of one collection. Thread-safe."""

    def __init__(self, collection_id: int) -> None:
        self._id = collection_id
        self._recent: Recent[Postings] = Recent(NAMES_KEPT)

    def search(
        self,
        connection: Connection,
        candidates: Sequence[Candidate],
        k: int,
        *,
        change: int,
        passages: int,
        within: Ids | None,
    ) -> list[Hit]:
        """Passages by how many of the names they mention, rarer ones counting more: 1.0 for one that mentions all of
        them as its title does. `passages` is how many there are as of `change`."""
        held = self._held(connection, candidates, change=change, within=within)
        total = passages if within is None else within.size
        return score(link(candidates, held), held, k, passages=total)

    def _held(
        self, connection: Connection, candidates: Sequence[Candidate], *, change: int, within: Ids | None
    ) -> dict[str, Postings]:
        """The names among the candidates that are known, with the passages that may be found."""
        names = _known(connection, self._id, sorted({candidate.name for candidate in candidates}))
        held = {}
        for name in names:
            postings = self._postings(connection, name, change=change)
            if within is not None:
                mask = contains(within, postings.ids)
                postings = Postings(postings.ids[mask], postings.points[mask])
            if 0 < postings.ids.size <= MOST_PASSAGES:
                held[name] = postings
        return held

    def _postings(self, connection: Connection, name: str, *, change: int) -> Postings:
        as_of, postings = self._recent.get(name) or (0, _NOWHERE)
        if as_of != change:
            rows = connection.execute(_POSTINGS, {"collection": self._id, "wanted": name}).all()
            postings = Postings(
                np.fromiter((row[0] for row in rows), dtype=np.int64, count=len(rows)),
                np.fromiter((_POINTS[bool(row[1]), bool(row[2])] for row in rows), dtype=np.int64, count=len(rows)),
            )
            self._recent.put(name, (change, postings))
        return postings


def score(linked: Linked, held: Mapping[str, Postings], k: int, *, passages: int) -> list[Hit]:
    """The k best passages: their share of the weight of all names asked for, each as surely as it is mentioned."""
    if not linked.names or k < 1:
        return []
    weights = [math.log1p(passages / held[forms[0].name].ids.size) for forms in linked.names]
    whole = max(sum(weights) + linked.unknown * math.log1p(passages), SELECTIVE)
    ids, points = [], []
    for weight, forms in zip(weights, linked.names, strict=True):
        own, sure = _surest(
            (held[form.name].ids, held[form.name].points * np.float64(OTHER_FORM if form.alias else 1))
            for form in forms
        )
        ids.append(own)
        points.append(np.round(sure * (weight / whole)).astype(np.int64))
    found, places = np.unique(np.concatenate(ids), return_inverse=True)
    sums = np.bincount(places, np.concatenate(points), minlength=found.size)
    return best(found, sums / MICRO, k)


def _surest(parts: Iterable[tuple[Ids, npt.NDArray[np.float64]]]) -> tuple[Ids, npt.NDArray[np.float64]]:
    """Each passage once, with the most that one of the parts gives it."""
    several = list(parts)
    found, places = np.unique(np.concatenate([ids for ids, _ in several]), return_inverse=True)
    most = np.zeros(found.size)
    np.maximum.at(most, places, np.concatenate([points for _, points in several]))
    return found, most


def _known(connection: Connection, collection_id: int, names: Sequence[str]) -> list[str]:
    """Those of the names that a passage mentions: one seek for each, however many passages there are."""
    if not names:
        return []
    query = _KNOWN_SQLITE if connection.dialect.name == "sqlite" else _KNOWN
    return sorted(connection.execute(query, {"collection": collection_id, "names": json.dumps(names)}).scalars())


def _among(wanted: TableValuedAlias) -> Select[str]:
    mentioned = select(PassageEntity.name).where(
        PassageEntity.collection_id == bindparam("collection"), PassageEntity.name == wanted.c.value
    )
    return select(wanted.c.value).where(mentioned.exists())


_KNOWN_SQLITE = _among(func.json_each(bindparam("names", type_=Text)).table_valued("value"))
_KNOWN = _among(
    func.json_array_elements_text(cast(bindparam("names", type_=Text), JSON)).table_valued("value", name="wanted")
)
_POSTINGS = (
    select(PassageEntity.passage_id, PassageEntity.alias, PassageEntity.titled)
    .where(PassageEntity.collection_id == bindparam("collection"), PassageEntity.name == bindparam("wanted"))
    .order_by(PassageEntity.passage_id)
    .limit(MOST_PASSAGES + 1)
)
_POINTS = {
    (alias, titled): round(MICRO * strength(alias=alias, titled=titled))
    for alias in (False, True)
    for titled in (False, True)
}
_NOWHERE = Postings(NO_IDS, NO_IDS)
