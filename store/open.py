"""open_store: the one way to the store."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import select, update

from grounding.errors import ConfigurationError, StoreError
from grounding.settings import Storage
from grounding.values import Fingerprint
from store import fingerprints
from store.check import CheckResult, check_collection, check_database
from store.collections import Collections, Place
from store.conversations import ConversationStore
from store.corpus import SqlCorpus
from store.database import Database, folder_of
from store.documents import Documents
from store.exchanges import ExchangeStore
from store.generations import Kind
from store.jobs import Jobs
from store.keys import Keys
from store.locks import writing
from store.milestones import Reached, unheard
from store.publishing import Publisher, standing
from store.schema import CollectionRow, VectorRow
from store.writer import CollectionWriter


class Store:
    """Everything that is kept. Thread-safe; one for each process."""

    def __init__(self, database: Database, *, home: Path, storage: Storage) -> None:
        self.home = home
        self._storage = storage
        self.collections = Collections(database, home=home)
        self.documents = Documents(database)
        self.conversations = ConversationStore(database)
        self.exchanges = ExchangeStore(database)
        self.jobs = Jobs(database)
        self.keys = Keys(database)
        self._database = database
        self._corpora: dict[int, SqlCorpus] = {}
        self._lock = threading.Lock()

    def corpus(self, name: str) -> SqlCorpus:
        """The collection to read from. Raises NotFound, which names the nearest known one."""
        place = self.collections.place(name)
        with self._lock:
            corpus = self._corpora.get(place.id)
            if corpus is None:
                # A collection of this name may have been deleted and made again.
                self._corpora = {key: kept for key, kept in self._corpora.items() if kept.name != name}
                shelf = self.collections.shelf(place)
                corpus = SqlCorpus(self._database, shelf, collection_id=place.id, name=place.name)
                self._corpora[place.id] = corpus
            return corpus

    @contextmanager
    def writer(self, name: str, *, fingerprint: Fingerprint, wait: bool = True) -> Iterator[CollectionWriter]:
        """The collection's one writer, which is created if it is new.

        Raises CollectionBusy, which says who writes, if another does and `wait` is false; ConfigurationError if the
        collection holds vectors of another fingerprint.
        """
        place = self.collections.ensured(name)
        with writing(self.collections.lock_file(place), collection=name, wait=wait):
            yield CollectionWriter(
                self._database,
                self.collections.shelf(place),
                place=place,
                fingerprint=fingerprint,
                fingerprint_id=self._bound(place, fingerprint),
            )

    def check(self, name: str | None = None, *, repair: bool = False) -> list[CheckResult]:
        """What agrees and what does not, for one collection or all. Raises NotFound."""
        names = [name] if name is not None else [info.name for info in self.collections.list()]
        results = [check_database(self._database)]
        for place in map(self.collections.place, names):
            found = check_collection(self._database, self.collections.shelf(place), place)
            broken = [result.part for result in found if not result.ok]
            if repair and broken:
                found = self._repaired(place, found)
            results += found
        return results

    def ready(self) -> tuple[bool, str]:
        """Whether it can serve, and if not, why."""
        try:
            self._database.require_current()
        except StoreError as error:
            return False, str(error)
        return True, ""

    def close(self) -> None:
        """Lets go of every connection."""
        self._database.close()

    def _bound(self, place: Place, fingerprint: Fingerprint) -> int:
        """The key of the fingerprint, which from now on is the collection's."""
        with self._database.write() as connection:
            key = fingerprints.key_of(connection, fingerprint)
            now = standing(connection, place.id)
            if now is None:
                raise StoreError(f"collection {place.name!r} was deleted in this moment: try again")
            if now.fingerprint_id not in (None, key):
                holds = select(VectorRow.passage_id).where(VectorRow.collection_id == place.id).limit(1)
                if connection.execute(holds).one_or_none() is not None:
                    theirs = fingerprints.read(connection, now.fingerprint_id)
                    raise ConfigurationError(_different(place.name, theirs, fingerprint))
            if now.fingerprint_id != key:
                connection.execute(update(CollectionRow).where(CollectionRow.id == place.id).values(fingerprint_id=key))
            return key

    def _repaired(self, place: Place, found: list[CheckResult]) -> list[CheckResult]:
        """The results after the indexes that were wrong are built again. Deletes nothing from SQL."""
        shelf = self.collections.shelf(place)
        kinds: tuple[Kind, ...] = ("vectors", "lexical")
        broken = [kind for kind in kinds if any(result.part == kind and not result.ok for result in found)]
        with writing(self.collections.lock_file(place), collection=place.name, wait=False):
            publisher = Publisher(self._database, shelf, collection_id=place.id)
            for kind in broken:
                publisher.build(kind, from_scratch=True)
            again = check_collection(self._database, shelf, place)
        was = {result.part: result.detail for result in found if result.part in broken}
        return [
            CheckResult(result.collection, result.part, result.ok, was[result.part], repaired=result.ok)
            if result.part in was
            else result
            for result in again
        ]


def _different(name: str, theirs: Fingerprint, ours: Fingerprint) -> str:
    difference = f"{theirs}, the embedder now set is {ours}"
    if str(theirs) == str(ours):
        difference += ", with other prefixes or normalisation"
    return (
        f"collection {name!r} holds vectors of {difference}: set models.embedder back to {theirs.name!r}, or ingest "
        "into another collection"
    )


def open_store(
    *,
    home: Path,
    database_url: str | None = None,
    upgrade: bool | None = None,
    storage: Storage | None = None,
    reached: Reached = unheard,
) -> Store:
    """The store of this home. SQLite inside it unless `database_url` names another database. `reached` is told of
    each durable step.

    `upgrade` None brings the embedded database up to date and leaves any other alone. Raises SchemaOutdated,
    ConfigurationError for a URL that cannot be meant, StoreError if the database cannot be opened.
    """
    with folder_of(home):
        database = Database(home=home, database_url=database_url, reached=reached)
    try:
        if database.embedded if upgrade is None else upgrade:
            database.upgrade()
        else:
            database.require_current()
    except BaseException:
        database.close()
        raise
    return Store(database, home=home, storage=storage or Storage())
