"""open_store: the one way to the store."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

from sqlalchemy import select, update

from grounding.errors import CollectionBusy, ConfigurationError, NotFound, StoreError
from grounding.settings import Storage
from grounding.values import Exchange, Fingerprint
from store import fingerprints, restoring
from store.answers import AnswerStore
from store.backups import BackupReport, Progress, backup, silent
from store.check import CheckResult, check_collection, check_database
from store.collections import Collections, Place
from store.compacting import Compaction, compact
from store.conversations import ConversationStore
from store.corpus import SqlCorpus
from store.database import Database, folder_of
from store.documents import Documents
from store.erasing import Eraser, Receipt
from store.exchanges import ExchangeStore
from store.feedback import FeedbackStore
from store.generations import KINDS
from store.jobs import Jobs
from store.judgements import JudgementStore
from store.keys import Keys
from store.migrating import Migration, forget
from store.milestones import Reached, unheard
from store.prompts import PromptStore
from store.publishing import Publisher, standing
from store.readers import Care, VectorReader
from store.replaying import PastCorpus, standing_then
from store.schema import CollectionRow, VectorRow
from store.sealing import Sealer
from store.upkeep import Upkeep
from store.usage import UsageStore
from store.writer import CollectionWriter


class Store:
    """Everything that is kept. Thread-safe; one for each process."""

    def __init__(self, database: Database, *, home: Path, storage: Storage, sealer: Sealer | None = None) -> None:
        sealer = sealer or Sealer(home=home)
        self.home = home
        self._storage = storage
        self.collections = Collections(database, home=home)
        self.documents = Documents(database)
        self.conversations = ConversationStore(database, sealer)
        self.exchanges = ExchangeStore(database, sealer)
        self.judgements = JudgementStore(database)
        self.feedback = FeedbackStore(database)
        self.jobs = Jobs(database, home=home)
        self.keys = Keys(database)
        self.usage = UsageStore(database)
        self.prompts = PromptStore(database)
        self.answers = AnswerStore(database, self.exchanges)
        self._database = database
        self._eraser = Eraser(database, home=home, sealer=sealer, rebuild=self._rebuild, check=self.check)
        self._corpora: dict[Place, SqlCorpus] = {}
        self._lock = threading.Lock()
        self.upkeep = Upkeep(self._look)
        """Not started: that is for who serves for long."""

    def corpus(self, name: str) -> SqlCorpus:
        """The collection to read from. Raises NotFound, which names the nearest known one."""
        place = self.collections.place(name)
        with self._lock:
            corpus = self._corpora.get(place)
            if corpus is None:
                # One of this name may have been deleted and made again, and a restored database has other folders.
                self._corpora = {
                    other: kept for other, kept in self._corpora.items() if other.name != name and other.id != place.id
                }
                corpus = SqlCorpus(
                    self._database,
                    self.collections.shelf(place),
                    place=place,
                    care=Care(self.upkeep, partial(self._publish, place)),
                )
                self._corpora[place] = corpus
            return corpus

    def corpus_then(self, exchange: Exchange) -> SqlCorpus:
        """The collection as a recorded Exchange found it. Raises NotFound; Conflict if the index files are gone."""
        place = self.collections.place(exchange.collection)
        return PastCorpus(
            self._database,
            self.collections.shelf(place),
            place=place,
            care=Care(self.upkeep, partial(self._publish, place)),
            then=standing_then(self._database, place, exchange),
        )

    @contextmanager
    def writer(
        self,
        name: str,
        *,
        fingerprint: Fingerprint,
        wait: bool = True,
        waiting: Callable[[str], None] | None = None,
    ) -> Iterator[CollectionWriter]:
        """The collection's one writer, which is created if it is new. Where another writes, `waiting` is told who.

        Raises CollectionBusy, which says who writes, if another does and `wait` is false; ConfigurationError if the
        collection holds vectors of another fingerprint.
        """
        place = self.collections.ensured(name)
        with self._publishing(place, wait=wait, waiting=waiting) as publisher:
            yield CollectionWriter(
                self._database,
                publisher,
                place=place,
                fingerprint=fingerprint,
                fingerprint_id=self._bound(place, fingerprint),
            )

    def compact(self, name: str, *, wait: bool = True, waiting: Callable[[str], None] | None = None) -> Compaction:
        """Builds the indexes of a collection from SQL alone and removes every other file, also those that were kept to
        replay an answer, and writes the database anew: what is deleted is in no file after this. Raises NotFound, and
        as `writer` does."""
        place = self.collections.place(name)
        with self._publishing(place, wait=wait, waiting=waiting) as publisher:
            return compact(self._database, self.collections.shelf(place), publisher, place=place)

    def _rebuild(self, name: str, *, wait: bool) -> None:
        with self._publishing(self.collections.place(name), wait=wait) as publisher:
            publisher.compact()

    @contextmanager
    def migration(self, name: str, *, fingerprint: Fingerprint) -> Iterator[Migration]:
        """The way to the vectors of another embedder, open to one at a time; searches and writes go on meanwhile.

        Raises NotFound; CollectionBusy, which says who, if another is on its way.
        """
        place = self.collections.place(name)
        shelf, care = self.collections.shelf(place), Care(self.upkeep, partial(self._publish, place))
        with self.collections.migrating(place):
            yield Migration(
                self._database,
                place=place,
                fingerprint=fingerprint,
                reader=partial(VectorReader, self._database, shelf, collection_id=place.id, care=care),
                publishing=partial(self._publishing, place, wait=False),
            )

    def forget_vectors(self, name: str) -> int:
        """How many vectors were deleted: those of embedders that are not in use, which were kept to switch to.

        Raises NotFound; CollectionBusy while the collection is on its way to one of them, or is being written.
        """
        place = self.collections.place(name)
        with self.collections.migrating(place), self._publishing(place, wait=False) as publisher:
            return forget(self._database, publisher, place)

    def erase_document(self, document_id: str, *, collection: str | None = None, wait: bool = True) -> Receipt:
        """Takes a document out of everything: its rows and index entries, and the words of every record that tells of
        it. An id that is gone already is not an error: what an erasure that was cut short left is cleared.

        Raises NotFound for an unknown collection; Conflict if several tell of the id and none is named, or an upload
        that waits would bring it back.
        """
        return self._eraser.document(document_id, collection=collection, wait=wait)

    def erase_conversation(self, conversation_id: str, *, thoroughly: bool = True) -> Receipt:
        """Takes a conversation out with its turns and Exchanges. If not `thoroughly`, the database is not written anew,
        and no file is searched: quick enough for a request."""
        return self._eraser.conversation(conversation_id, thoroughly=thoroughly)

    def erase_user(self, user_id: str) -> Receipt:
        """Takes out the conversations of a caller, who is named by the id of their key, and every Exchange that they
        asked for. Raises InvalidRequest for an empty id."""
        return self._eraser.user(user_id)

    def check(self, name: str | None = None, *, repair: bool = False) -> list[CheckResult]:
        """What agrees and what does not, for one collection or all. Raises NotFound."""
        names = [name] if name is not None else [info.name for info in self.collections.list()]
        results = [check_database(self._database)]
        if repair:
            restoring.tidy(self._database, home=self.home)
        for place in map(self.collections.place, names):
            locked = partial(self.collections.writing, place, wait=False)
            found = check_collection(self._database, self.collections.shelf(place), place, locked=locked)
            if repair and not all(result.ok for result in found):
                found = self._repaired(place, found)
            results += found
        return results

    def backup(self, path: Path, *, force: bool = False, progress: Progress = silent) -> BackupReport:
        """Writes all that is committed at this moment to one file, while others read and write.

        Raises Conflict if the file is there already, unless `force`; StoreError if it cannot be written: it leaves
        nothing then.
        """
        return backup(self._database, self.collections, path, force=force, progress=progress)

    def ready(self) -> tuple[bool, str]:
        """Whether it can serve, and if not, why."""
        try:
            self._database.require_current()
        except StoreError as error:
            return False, str(error)
        return True, ""

    def close(self) -> None:
        """Ends the upkeep, and lets go of every job and every connection."""
        self.upkeep.stop()
        self.jobs.close()
        self._database.close()

    @contextmanager
    def _publishing(
        self, place: Place, *, wait: bool, waiting: Callable[[str], None] | None = None
    ) -> Iterator[Publisher]:
        with self.collections.writing(place, wait=wait, waiting=waiting):
            yield self._publisher(place)

    def _publisher(self, place: Place) -> Publisher:
        shelf = self.collections.shelf(place)
        return Publisher(self._database, shelf, place=place, storage=self._storage)

    def _publish(self, place: Place) -> None:
        """Does what is due. Raises CollectionBusy if a writer is at work, who will; NotFound if the collection is gone,
        or is elsewhere since a backup was restored."""
        self._require_same(place)
        if self._publisher(place).is_due():
            with self._publishing(place, wait=False) as publisher:
                publisher.publish()

    def _require_same(self, place: Place) -> None:
        if self.collections.place(place.name) != place:
            raise NotFound(f"collection {place.name!r} is another since")

    def _look(self) -> None:
        """Brings what this process has open up to date, and mends and removes what is due. Raises the last StoreError
        that kept it from that, after it has looked at all."""
        with self._lock:
            opened = dict(self._corpora)
        failed: StoreError | None = None
        for place, corpus in opened.items():
            try:
                self._require_same(place)
                corpus.look()
                self._publish(place)
            except NotFound:
                with self._lock:
                    self._corpora.pop(place, None)
            except CollectionBusy:
                continue
            except StoreError as error:
                failed = error
        if failed is not None:
            raise failed

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
        """The results after the indexes that were wrong are built again, and files that belong to none are removed.
        No document, passage or vector is deleted from SQL."""
        broken = {result.part: result.detail for result in found if not result.ok and result.part != "sql"}
        with self._publishing(place, wait=False) as publisher:
            for kind in KINDS:
                if kind in broken:
                    publisher.build(kind, from_scratch=True)
            publisher.publish()
            again = check_collection(self._database, self.collections.shelf(place), place, locked=nullcontext)
        return [
            replace(result, detail=broken[result.part], repaired=result.ok) if result.part in broken else result
            for result in again
        ]


def _different(name: str, theirs: Fingerprint, ours: Fingerprint) -> str:
    difference = f"{theirs}, these are of {ours}"
    if str(theirs) == str(ours):
        difference += ", with other prefixes or normalisation"
    return (
        f"collection {name!r} holds vectors of {difference}: embed with {theirs.name!r}, write to another collection, "
        f"or run  grounding collection reembed {name} --embedder {ours.name}"
    )


def open_store(
    *,
    home: Path,
    database_url: str | None = None,
    upgrade: bool | None = None,
    storage: Storage | None = None,
    vault_key: str | None = None,
    reached: Reached = unheard,
) -> Store:
    """The store of this home. SQLite inside it unless `database_url` names another database. `vault_key` seals private
    values: Fernet keys with commas between them, of which the first seals and all open; None for the one in home.
    `reached` is told of each durable step.

    `upgrade` None brings the embedded database up to date and leaves any other alone. Raises SchemaOutdated,
    ConfigurationError for a URL or a key that cannot be meant, StoreError if the database cannot be opened.
    """
    with folder_of(home):
        sealer = Sealer(home=home, vault_key=vault_key)
        database = Database(home=home, database_url=database_url, reached=reached)
    try:
        if database.embedded if upgrade is None else upgrade:
            database.upgrade()
        else:
            database.require_current()
    except BaseException:
        database.close()
        raise
    return Store(database, home=home, storage=storage or Storage(), sealer=sealer)
