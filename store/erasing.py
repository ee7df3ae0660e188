"""Erasing: a document, a conversation or a user taken out of all that is kept, with a receipt.

First SQL, in one transaction: from then on nothing answers from it. Then the bytes: the index files of the collection
are built anew, the database is written anew and its log is emptied. Then all of that is searched for what was erased.
What was cut short, or held up by another process, is finished by asking for the same again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

from sqlalchemy import (
    JSON,
    ColumnElement,
    Connection,
    Select,
    Table,
    Text,
    case,
    cast,
    delete,
    func,
    literal,
    or_,
    select,
    update,
)

from grounding.errors import Conflict, InvalidRequest, NotFound, StoreError
from store import needles, passages
from store.check import CheckResult
from store.collections import Place, require_collection
from store.database import Database
from store.documents import forget, remove_documents
from store.jobs import ENDED
from store.judgements import JudgementStore
from store.schema import (
    AdmissionRow,
    Base,
    CollectionRow,
    ConversationRow,
    DocumentMetadata,
    DocumentRow,
    DocumentText,
    ExchangeDocument,
    ExchangeRow,
    FeedbackRow,
    JobItemRow,
    JobRow,
    KeyRow,
    ModelCallRow,
    PassageEntity,
    PassageRow,
    RetiredDocument,
    TokenRow,
    Tombstone,
    TurnRow,
    VectorRow,
    table_of,
)
from store.scrubbing import ERASED, Scrubbed, scrub_exchanges, scrub_jobs
from store.sealing import Sealer
from store.usage import named

Kind: TypeAlias = Literal["document", "conversation", "user"]

_BACKUPS = "backups made before are not touched: they hold it until they are deleted"
_SERVER = (
    "PostgreSQL: the rows are gone and the tables vacuumed; its write-ahead log, its replicas and its backups are the "
    "server's to clear"
)
_LOG_KEPT = (
    "another process goes on reading an earlier state, so that the database's log still holds what was erased: let it "
    "finish, or stop it, and erase the same again"
)
_NOTHING = "nothing of this id was there; what was deleted earlier is cleared from the files all the same"
_UNSEARCHED = "nothing of it was left to take stretches of text from: rows were searched for its id, files for nothing"


@dataclass(frozen=True, slots=True)
class Searched:
    """A place that was looked at afterwards, how, and what it held of what was erased: 0 if all is well."""

    where: str
    how: str
    found: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was erased, and where it was searched for afterwards.

    `removed` are rows by table; `exchanges` the traces whose words were taken out, `answers` how many answers of
    conversations were taken back; `calls` rows of the ledger that keep their figures and say no more whose they were;
    `rebuilt` collections whose index files were built anew. `unfinished` says what could not be done and what to do
    about it, `notes` what the receipt does not speak for.
    """

    kind: Kind
    id: str
    collections: tuple[str, ...]
    erased_at: datetime
    removed: Mapping[str, int]
    exchanges: tuple[str, ...]
    answers: int
    jobs: int
    rebuilt: tuple[str, ...]
    searched: tuple[Searched, ...]
    unfinished: tuple[str, ...]
    notes: tuple[str, ...]
    calls: int = 0

    @property
    def clean(self) -> bool:
        """Whether all was done, and nothing of it was found."""
        return not self.unfinished and not any(place.found for place in self.searched)


@dataclass(slots=True)
class _Gone:
    """What a transaction took out, and what to search for: `rows` says where it stood, `texts` what it said."""

    removed: dict[str, int] = field(default_factory=dict)
    scrubbed: Scrubbed = field(default_factory=lambda: Scrubbed((), 0, (), frozenset()))
    jobs: int = 0
    calls: int = 0
    texts: list[str] = field(default_factory=list)
    rows: list[tuple[Table, ColumnElement[bool]]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def count(self, connection: Connection, model: type[Base], where: ColumnElement[bool]) -> None:
        """Counts rows that are about to go, and remembers where they stood."""
        table = table_of(model)
        number = connection.execute(select(func.count()).select_from(table).where(where)).scalar_one()
        self.removed[table.name] = self.removed.get(table.name, 0) + number
        self.rows.append((table, where))


@dataclass(frozen=True, slots=True)
class _Target:
    """A collection to erase from, by name: records of one that is gone itself may still tell of its documents."""

    name: str
    place: Place | None


class _Rebuild(Protocol):
    def __call__(self, name: str, *, wait: bool) -> object: ...


class Eraser:
    """Erases from one home. `rebuild` makes a collection's index files anew; it and `check` are the store's."""

    def __init__(
        self,
        database: Database,
        *,
        home: Path,
        sealer: Sealer,
        rebuild: _Rebuild,
        check: Callable[[str], list[CheckResult]],
    ) -> None:
        self._database = database
        self._sealer = sealer
        self._home = home
        self._rebuild = rebuild
        self._check = check

    def document(self, document_id: str, *, collection: str | None, wait: bool) -> Receipt:
        """If not `wait`, index files that another process is writing are left unfinished.

        Raises NotFound for an unknown collection; Conflict if several tell of the id and none is named, or an upload
        that waits holds the document.
        """
        gone = _Gone()
        with self._database.write() as connection:
            targets = _targets(connection, document_id, collection)
            for target in targets:
                _require_not_waiting(connection, target, document_id, uploads=self._home / "uploads")
                _erase_document(connection, target, document_id, gone, self._sealer)
        self._database.reached("erasure committed")
        names = [target.name for target in targets if target.place is not None]
        return self._finished("document", document_id, gone, names, wait=wait)

    def conversation(self, conversation_id: str, *, thoroughly: bool) -> Receipt:
        """If not `thoroughly`, the database is not written anew, and no file is searched."""
        gone = _Gone()
        with self._database.write() as connection:
            whole = select(ConversationRow.id).where(ConversationRow.id == conversation_id)
            asked = select(ExchangeRow.trace_id).where(ExchangeRow.conversation_id == conversation_id)
            _erase_conversations(connection, gone, _all(connection, whole), _all(connection, asked))
            _unname(connection, gone, ModelCallRow.conversation_id == conversation_id, {})
        self._database.reached("erasure committed")
        return self._finished("conversation", conversation_id, gone, (), thoroughly=thoroughly)

    def user(self, user_id: str) -> Receipt:
        """Raises InvalidRequest for an empty id."""
        if not user_id:
            raise InvalidRequest(
                "a user is named by the id of their key, or as callers name them; erase what came without either by "
                "conversation"
            )
        gone = _Gone()
        with self._database.write() as connection:
            conversations, traces = _of_user(connection, user_id)
            # Not "", which would be charged to those who come without a key.
            key_id = case((ModelCallRow.key_id == user_id, ERASED), else_=ModelCallRow.key_id)
            theirs = or_(ModelCallRow.user == named(user_id), ModelCallRow.key_id == user_id)
            _unname(connection, gone, theirs, {"user": "", "key_id": key_id})
            _delete(connection, gone, AdmissionRow, AdmissionRow.key_id == user_id)
            _delete(connection, gone, FeedbackRow, FeedbackRow.caller == user_id)
            _erase_conversations(connection, gone, conversations, traces)
            if connection.execute(select(KeyRow.id).where(KeyRow.id == user_id)).one_or_none():
                gone.notes.append(f"the key itself stays: run  grounding key revoke {user_id}  to end it")
            else:
                gone.texts.append(user_id)
        self._database.reached("erasure committed")
        return self._finished("user", user_id, gone, ())

    def _finished(
        self,
        kind: Kind,
        erased_id: str,
        gone: _Gone,
        names: Sequence[str],
        *,
        wait: bool = True,
        thoroughly: bool = True,
    ) -> Receipt:
        """Takes it out of the bytes, and searches them."""
        held_up = {name: reason for name in names if (reason := self._held_up(name, wait=wait))}
        unfinished = [*held_up.values(), *self._cleared(thoroughly=thoroughly)]
        self._database.reached("erasure compacted")
        searched, notes = [*self._rows(gone), *self._indexes(names)], [*gone.notes, _BACKUPS]
        if not any(gone.removed.values()) and not gone.scrubbed.exchanges and not gone.calls:
            notes.append(_NOTHING)
        if thoroughly:
            searched += self._files(kind, gone.texts, unfinished=unfinished, notes=notes)
        else:
            notes.append(f"to have the files searched, too, run  grounding erase --{kind} {erased_id}")
        if not self._database.is_file:
            notes.append(_SERVER)
        return Receipt(
            kind=kind,
            id=erased_id,
            collections=tuple(names),
            erased_at=datetime.now(UTC),
            removed={name: number for name, number in gone.removed.items() if number},
            exchanges=gone.scrubbed.exchanges,
            answers=gone.scrubbed.turns,
            jobs=gone.jobs,
            rebuilt=tuple(name for name in names if name not in held_up),
            searched=tuple(searched),
            unfinished=tuple(unfinished),
            notes=tuple(notes),
            calls=gone.calls,
        )

    def _held_up(self, name: str, *, wait: bool) -> str:
        """Why the index files of a collection could not be built anew, empty if they were."""
        try:
            self._rebuild(name, wait=wait)
        except NotFound:  # deleted meanwhile, with its files
            return ""
        except StoreError as error:
            return f"index files of {name!r} may still hold it: {error}; then run  grounding collection compact {name}"
        return ""

    def _cleared(self, *, thoroughly: bool) -> list[str]:
        """What kept the database's files from being rid of it."""
        try:
            if thoroughly:
                JudgementStore(self._database).sweep()
            done = self._database.rewrite() if thoroughly else self._database.truncate()
        except StoreError as error:
            return [f"the database's file may still hold it: {error}; then erase the same again"]
        return [] if done else [_LOG_KEPT]

    def _rows(self, gone: _Gone) -> list[Searched]:
        with self._database.read() as connection:
            found: dict[str, int] = {}
            for table, where in gone.rows:
                left = connection.execute(select(func.count()).select_from(table).where(where)).scalar_one()
                found[table.name] = found.get(table.name, 0) + left
        return [Searched(f"table {name}", "rows by id", number) for name, number in found.items()]

    def _indexes(self, names: Sequence[str]) -> list[Searched]:
        """Whether the index files hold the passages that are in SQL, and no others."""
        return [
            Searched(f"{result.part} of {result.collection}", f"ids against SQL: {result.detail}", int(not result.ok))
            for name in names
            for result in self._check(name)
            if result.collection == name
        ]

    def _files(
        self, kind: Kind, texts: Sequence[str], *, unfinished: list[str], notes: list[str]
    ) -> Iterator[Searched]:
        """What is found of these texts in the bytes of every file, and in a database that has none here."""
        sought = needles.stretches(texts)
        if not sought:
            notes.append(_UNSEARCHED)
        found = list(needles.seek(self._places(), sought))
        hit = {needle for place in found for needle in place.hits}
        with self._database.read() as connection:
            if not self._database.is_file:
                hit.update(each for each in sought if _holding(connection, each, Base.metadata.sorted_tables))
            shared = {needle for needle in hit if _is_shared(connection, needle, kind=kind)}
        if not self._database.is_file:
            yield Searched("every table", f"texts for {len(sought)} stretches", len(hit - shared))
        if shared:
            notes.append(f"{len(shared)} of {len(sought)} stretches also stand in what is kept, and are not counted")
        for place in found:
            for file in place.unread:
                unfinished.append(f"{file} could not be read: search it yourself")
            files = f"{place.files} file{'' if place.files == 1 else 's'}"
            how = f"{place.bytes} bytes of {files} for {len(sought)} stretches of text"
            yield Searched(
                place.name, how, sum(len(place.hits[needle]) for needle in place.hits if needle not in shared)
            )

    def _places(self) -> dict[str, list[Path]]:
        """Every file of the home folder, by what lies directly in it, and the database's if they are elsewhere."""
        places: dict[str, list[Path]] = {}
        for file in sorted(self._home.rglob("*")):
            if file.is_file() and not file.is_symlink():
                places.setdefault(file.relative_to(self._home).parts[0], []).append(file)
        known = {file for files in places.values() for file in files}
        for file in self._database.files():
            if file not in known:
                places[str(file)] = [file]
        return places


def _targets(connection: Connection, document_id: str, collection: str | None) -> list[_Target]:
    """Where to erase a document from: the collection named, else the one that tells of it, else each that still
    remembers something that is gone."""
    if collection is not None:
        told = _told(connection, document_id, ExchangeDocument.collection == collection)
        return [
            _Target(
                collection,
                None if told and not _known(connection, collection) else require_collection(connection, collection),
            )
        ]
    held = _holders(connection, DocumentRow, document_id)
    names = held or _holders(connection, RetiredDocument, document_id) | _told(connection, document_id)
    if len(names) > 1:
        listed = ", ".join(repr(name) for name in sorted(names))
        raise Conflict(f"document {document_id!r} is or was in the collections {listed}: say which one is meant")
    if not names:
        names = set(
            connection.execute(
                select(CollectionRow.name).where(CollectionRow.id.in_(select(Tombstone.collection_id)))
            ).scalars()
        )
    known = {name: require_collection(connection, name) for name in names if _known(connection, name)}
    return [_Target(name, known.get(name)) for name in sorted(names)]


def _known(connection: Connection, name: str) -> bool:
    return connection.execute(select(CollectionRow.id).where(CollectionRow.name == name)).one_or_none() is not None


def _holders(connection: Connection, model: type[DocumentRow | RetiredDocument], document_id: str) -> set[str]:
    query = (
        select(CollectionRow.name)
        .join(model, model.collection_id == CollectionRow.id)
        .where(model.external_id == document_id)
    )
    return set(connection.execute(query).scalars())


def _told(connection: Connection, document_id: str, *where: ColumnElement[bool]) -> set[str]:
    """The collections whose Exchanges had the document as evidence."""
    query = select(ExchangeDocument.collection).where(ExchangeDocument.document_id == document_id, *where)
    return set(connection.execute(query.distinct()).scalars())


def _require_not_waiting(connection: Connection, target: _Target, document_id: str, *, uploads: Path) -> None:
    """Raises Conflict if an upload that has not been ingested yet would bring the document back."""
    source = connection.execute(
        select(DocumentRow.source)
        .join(CollectionRow, CollectionRow.id == DocumentRow.collection_id)
        .where(CollectionRow.name == target.name, DocumentRow.external_id == document_id)
    ).scalar()
    record = f'"id": {json.dumps(document_id)}'
    waiting = select(JobRow.id, JobRow.sources, JobRow.request).where(
        JobRow.collection == target.name, JobRow.kind == "upload", JobRow.status.not_in(ENDED)
    )
    for job_id, sources, request in connection.execute(waiting):
        named = source is not None and any(f"upload/{name}" == source for name in sources)
        folder = uploads / Path(str((request or {}).get("folder"))).name
        spooled = {"": [file for file in folder.rglob("*.json") if file.is_file()]}
        if named or any(place.hits for place in needles.seek(spooled, [record])):
            raise Conflict(
                f"document {document_id!r} is in the upload {job_id}, which has not been ingested yet and would bring "
                "it back: wait for the end of that job, then erase"
            )


def _erase_document(connection: Connection, target: _Target, document_id: str, gone: _Gone, sealer: Sealer) -> None:
    sources: set[str] = set()
    if target.place is not None:
        place_id = target.place.id
        held = (DocumentRow.collection_id == place_id) & (DocumentRow.external_id == document_id)
        document = connection.execute(
            select(DocumentRow.id, DocumentRow.source, DocumentRow.title, DocumentRow.metadata_json).where(held)
        ).one_or_none()
        if document is not None:
            _count_document(connection, document.id, gone)
            sources.add(document.source)
            gone.texts += [document.title, *needles.strings(document.metadata_json)]
        gone.count(connection, DocumentRow, held)
        remove_documents(connection, place_id, [document_id])
        retired = (RetiredDocument.collection_id == place_id) & (RetiredDocument.external_id == document_id)
        gone.rows.append((table_of(RetiredDocument), retired))
        forget(connection, place_id, [document_id])
    told = (ExchangeDocument.collection == target.name) & (ExchangeDocument.document_id == document_id)
    gone.rows.append((table_of(ExchangeDocument), told))
    gone.scrubbed = scrub_exchanges(connection, target.name, document_id, texts=gone.texts, sealer=sealer)
    sources |= gone.scrubbed.sources
    gone.texts += [document_id, *sources, *gone.scrubbed.texts]
    for source in sources:
        items, jobs = scrub_jobs(connection, target.name, source)
        gone.removed[JobItemRow.__tablename__] = gone.removed.get(JobItemRow.__tablename__, 0) + items
        gone.jobs += jobs


def _count_document(connection: Connection, key: int, gone: _Gone) -> None:
    """Counts what hangs on a document, and keeps what it says."""
    ids = connection.execute(select(PassageRow.id).where(PassageRow.document_id == key)).scalars().all()
    gone.count(connection, DocumentText, DocumentText.document_id == key)
    gone.count(connection, DocumentMetadata, DocumentMetadata.document_id == key)
    for some in passages.batches(ids):
        gone.count(connection, PassageRow, PassageRow.id.in_(some))
        gone.count(connection, VectorRow, VectorRow.passage_id.in_(some))
        gone.count(connection, TokenRow, TokenRow.passage_id.in_(some))
        gone.count(connection, PassageEntity, PassageEntity.passage_id.in_(some))
    gone.texts += connection.execute(select(DocumentText.text).where(DocumentText.document_id == key)).scalars()
    headings = select(PassageRow.heading).where(PassageRow.document_id == key).distinct()
    gone.texts += connection.execute(headings).scalars()


def _of_user(connection: Connection, user_id: str) -> tuple[list[str], list[str]]:
    """The conversations and the Exchanges of a key, or of a user as callers name them. A conversation that a user took
    part in is theirs whole: what they said is in the prompts of what was said after."""
    traces = set(_all(connection, select(ExchangeRow.trace_id).where(ExchangeRow.caller == user_id)))
    conversations = set(_all(connection, select(ConversationRow.id).where(ConversationRow.owner == user_id)))
    said = ExchangeRow.body.contains(f'"user":{json.dumps(user_id)}', autoescape=True)
    query = select(ExchangeRow.trace_id, ExchangeRow.conversation_id, ExchangeRow.body).where(said)
    for trace_id, conversation_id, body in connection.execute(query.execution_options(yield_per=100)):
        if json.loads(body).get("user") == user_id:
            traces.add(trace_id)
            conversations.update([conversation_id] if conversation_id else [])
    for some in passages.batches(sorted(conversations)):
        traces.update(_all(connection, select(ExchangeRow.trace_id).where(ExchangeRow.conversation_id.in_(some))))
    return sorted(conversations), sorted(traces)


def _all(connection: Connection, query: Select[str]) -> list[str]:
    return list(connection.execute(query).scalars())


def _erase_conversations(
    connection: Connection, gone: _Gone, conversations: Sequence[str], traces: Sequence[str]
) -> None:
    """Erases whole conversations, and Exchanges with the turns that they added to any."""
    gone.texts += conversations
    for some in passages.batches(conversations):
        _delete(connection, gone, TurnRow, TurnRow.conversation_id.in_(some))
    for some in passages.batches(traces):
        _delete(connection, gone, TurnRow, TurnRow.trace_id.in_(some))
        _delete(connection, gone, ExchangeDocument, ExchangeDocument.trace_id.in_(some))
        _delete(connection, gone, FeedbackRow, FeedbackRow.trace_id.in_(some))
        _unname(connection, gone, ModelCallRow.trace_id.in_(some), {})
        _delete(connection, gone, ExchangeRow, ExchangeRow.trace_id.in_(some))
    for some in passages.batches(conversations):
        _unname(connection, gone, ModelCallRow.conversation_id.in_(some), {})
        _delete(connection, gone, ConversationRow, ConversationRow.id.in_(some))


def _unname(connection: Connection, gone: _Gone, where: ColumnElement[bool], others: Mapping[str, Any]) -> None:
    """Takes out of the ledger which conversation and Exchange calls belonged to, and puts others in the place of more
    columns. What they cost stays."""
    gone.rows.append((table_of(ModelCallRow), where))
    change = update(ModelCallRow).where(where).values({"conversation_id": None, "trace_id": None, **others})
    gone.calls += connection.execute(change).rowcount


def _delete(connection: Connection, gone: _Gone, model: type[Base], where: ColumnElement[bool]) -> None:
    """Deletes rows, counts them, and keeps what was said in them."""
    gone.count(connection, model, where)
    for column in {TurnRow: (TurnRow.content,), ExchangeRow: (ExchangeRow.question,)}.get(model, ()):
        gone.texts += connection.execute(select(column).where(where)).scalars()
    connection.execute(delete(model).where(where))


def _is_shared(connection: Connection, needle: str, *, kind: Kind) -> bool:
    """Whether words that were erased are rightly there all the same: in another document, or said by somebody else."""
    tables = _DOCUMENTS if kind == "document" else tuple(Base.metadata.sorted_tables)
    return _holding(connection, needle, tables)


def _holding(connection: Connection, needle: str, tables: Sequence[Table]) -> bool:
    """Whether a text in these tables holds the needle."""
    for table in tables:
        columns = [column for column in table.columns if isinstance(column.type, Text | JSON)]
        holds = [
            cast(column, Text).contains(form, autoescape=True) for column in columns for form in needles.forms(needle)
        ]
        if holds and connection.execute(select(literal(1)).select_from(table).where(or_(*holds)).limit(1)).first():
            return True
    return False


_DOCUMENTS = tuple(
    table_of(model) for model in (DocumentRow, DocumentText, DocumentMetadata, PassageRow, PassageEntity)
)
