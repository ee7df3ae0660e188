"""A collection as a recorded Exchange found it: its generations, and what SQL knows of the changes up to its own.

Passages that were deleted since are found by the indexes that hold them, and have no text any more.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from grounding.errors import Conflict
from grounding.filters import Filter
from grounding.values import Exchange
from store import passages
from store.collections import Place
from store.corpus import SqlCorpus
from store.database import Database
from store.generations import KINDS, Shelf
from store.publishing import Standing, manifests, standing
from store.ranking import Ids, contains
from store.readers import Care


class PastCorpus(SqlCorpus):
    """`ports.Corpus` as of a change. For one replay: it follows nothing."""

    def __init__(self, database: Database, shelf: Shelf, *, place: Place, care: Care, then: Standing) -> None:
        super().__init__(database, shelf, place=place, care=care)
        self._then = then

    @contextmanager
    def _now(self) -> Iterator[tuple[Connection, Standing]]:
        with super()._now() as (connection, _):
            yield connection, self._then

    def _nameable(self, connection: Connection, now: Standing, where: Filter | None) -> Ids:
        then = passages.ids(connection, self._id, until=now.change)
        within = super()._nameable(connection, now, where)
        return then if within is None else within[contains(then, within)]


def standing_then(database: Database, place: Place, exchange: Exchange) -> Standing:
    """The collection's row as it was for an Exchange. Raises Conflict if index files that it was found in are gone."""
    with database.read() as connection:
        now = standing(connection, place.id)
        found = {m.name: m for kind in KINDS for m in manifests(connection, place.id, kind)}
    gone = [name for name in exchange.generations if name not in found]
    if now is None or gone or exchange.change > now.change:
        raise Conflict(
            f"the index files of trace {exchange.trace_id!r} are no longer kept (see storage.keep_hours): replay it on "
            "today's index, without pinned"
        )
    named = {found[name].kind: found[name] for name in exchange.generations}
    vectors, lexical = named.get("vectors"), named.get("lexical")
    return Standing(
        # A generation that was published while the turn went on is newer than its beginning.
        change=max(exchange.change, *(manifest.change for manifest in named.values()), 0),
        fingerprint_id=vectors.fingerprint_id if vectors else now.fingerprint_id,
        vector_generation_id=vectors.id if vectors else None,
        lexical_generation_id=lexical.id if lexical else None,
    )
