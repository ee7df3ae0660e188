"""What the commands that look after the store do: each opens the service, asks it, and says what came of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

import typer

from api import output
from api.commands import FAILED, INTERRUPTED, OK, effective_settings, opened, pace
from api.compose import Service, database_url
from api.output import Output, plain
from grounding.errors import InvalidRequest
from ingest.reembed import ReembedReport
from store import restoring
from store.archives import Manifest
from store.erasing import Receipt


class Maintenance:
    """One method for each command. Each returns the exit code."""

    def __init__(self, *, as_json: bool) -> None:
        self._output = Output(as_json=as_json)

    def compact(self, name: str) -> int:
        """Compacts a collection, after whoever is writing to it, and prints what that took away."""
        with self._open() as service:
            done = service.store.compact(name, waiting=self._output.note)
        index = f"{_megabytes(done.index_bytes_before)} -> {_megabytes(done.index_bytes_after)}"
        database = f"{_megabytes(done.database_bytes_before)} -> {_megabytes(done.database_bytes_after)}"
        self._output.result(
            asdict(done),
            lambda: self._output.line(
                f"{name}: {done.generations_removed} index generations removed, {done.tombstones_forgotten} tombstones "
                f"forgotten; indexes {index}, database {database}"
            ),
        )
        return OK

    def reembed(self, name: str, *, embedder: str | None, switch: bool, min_overlap: float | None, forget: bool) -> int:
        """Brings a collection to the vectors of another embedder, or forgets those kept to switch back, or both."""
        if embedder is None and not forget:
            raise InvalidRequest("name the embedder to switch to with --embedder, or say --forget")
        with self._open() as service:
            if embedder is None:
                return self._forgotten(name, service.store.forget_vectors(name))
            with self._output.progress("reembed", "passages") as tell:
                report = service.reembed(
                    name,
                    embedder=embedder,
                    switch=switch,
                    min_overlap=min_overlap,
                    progress=lambda progress: tell(progress.done, progress.total, pace(progress)),
                    note=self._output.note,
                )
            there = report.switched or report.from_ == report.to
            forgotten = service.store.forget_vectors(name) if forget and there else None
        value = report.to_json() if forgotten is None else {**report.to_json(), "forgotten": forgotten}
        self._output.result(value, lambda: self._show_reembedded(report, forgotten))
        if report.status == "interrupted":
            return INTERRUPTED
        return OK if there or not switch else FAILED

    def _show_reembedded(self, report: ReembedReport, forgotten: int | None) -> None:
        out, found = self._output, report.comparison
        if report.from_ == report.to:
            out.line(f"{report.collection}: nothing to do, {report.reason}")
        else:
            done = "switched" if report.switched else f"not switched: {report.reason}"
            out.line(
                f"{report.collection}: {report.from_ or 'no vectors'} -> {report.to} in {report.seconds:.1f} s, {done}"
            )
            out.table(("passages", *asdict(report.passages)), [("", *asdict(report.passages).values())])
        if found.overlap_at_10 is not None and found.top1 is not None:
            asked = "recorded questions" if found.source == "questions" else "titles of documents"
            out.line(
                f"asked {found.queries} {asked}: {found.overlap_at_10:.0%} of the ten nearest passages are the same, "
                f"{found.top1:.0%} of the nearest"
            )
        if report.passages.truncated:
            out.line(
                f"{report.passages.truncated} passages are longer than the window of {report.to.name}, which sees only "
                "their beginning: to cut them anew, ingest into a new collection"
            )
        if forgotten is not None:
            out.line(f"{forgotten} vectors of other embedders deleted")
        elif report.switched and report.from_ is not None:
            out.line(f"the old vectors are kept: --embedder {report.from_.name} switches back, --forget deletes them")

    def _forgotten(self, name: str, forgotten: int) -> int:
        self._output.result(
            {"collection": name, "forgotten": forgotten},
            lambda: self._output.line(f"{name}: {forgotten} vectors of embedders that are not in use deleted"),
        )
        return OK

    def backup(self, file: Path, *, force: bool) -> int:
        """Writes a backup and prints what is in it."""
        with self._open() as service, self._output.progress("backup", "MB") as tell:
            done = service.store.backup(file, force=force, progress=_megabytes_of(tell))
        for name in done.left_out:
            self._output.note(f"index {name} is not in it: a restored copy builds it again")
        self._show_manifest(
            {"file": str(file), "bytes": done.bytes, "indexes": done.indexes, "left_out": list(done.left_out)},
            done.manifest,
            seconds=done.seconds,
            line=f"{file}: {_megabytes(done.bytes)} in {done.seconds:.1f} s, with {done.indexes} indexes",
        )
        return OK

    def restore(self, file: Path, *, replace: bool) -> int:
        """Puts a backup back and prints what was in it."""
        settings = effective_settings()
        with self._output.progress("restore", "MB") as tell:
            done = restoring.restore(
                file,
                home=settings.home,
                database_url=database_url(settings),
                replace=replace,
                progress=_megabytes_of(tell),
            )
        if done.set_aside is not None:
            self._output.note(f"the damaged database is {done.set_aside} now; restart every process that used it")
        if done.replaced or done.manifest.keys:
            self._output.note(
                f"the keys of the backup are valid now, and no others ({done.manifest.keys}): if none of an "
                "administrator is at hand, run  grounding key create --scope admin"
            )
        aside = None if done.set_aside is None else str(done.set_aside)
        self._show_manifest(
            {"file": str(file), "indexes": done.indexes, "replaced": done.replaced, "set_aside": aside},
            done.manifest,
            seconds=done.seconds,
            line=f"{file}: restored into {settings.home} in {done.seconds:.1f} s, with {done.indexes} indexes",
        )
        return OK

    def _show_manifest(self, value: Mapping[str, object], manifest: Manifest, *, seconds: float, line: str) -> None:
        told = {name: field for name, field in manifest.to_json().items() if name != "members"}
        rows = [(each.name, each.documents, each.passages) for each in manifest.collections]

        def show() -> None:
            self._output.line(line)
            self._output.line(
                f"as of {manifest.created_at:%Y-%m-%d %H:%M:%S} UTC: {len(rows)} collections, "
                f"{manifest.conversations} conversations, {manifest.exchanges} recorded answers, {manifest.keys} keys"
            )
            if rows:
                columns = ("collection", "documents", "passages")
                self._output.table(columns, rows, right=columns[1:])

        self._output.result({**value, "seconds": seconds, **told}, show)

    def erase(
        self, *, conversation: str | None, document: str | None, user: str | None, collection: str | None, yes: bool
    ) -> int:
        """Erases what is named, and prints the receipt; a person at a terminal is asked first."""
        kinds = {"conversation": conversation, "document": document, "user": user}
        named = [(kind, given) for kind, given in kinds.items() if given is not None]
        if len(named) != 1:
            raise InvalidRequest("say what to erase, with one of --conversation, --document and --user")
        ((kind, erased_id),) = named
        if collection is not None and kind != "document":
            raise InvalidRequest("--collection belongs to --document: conversations and users are in none")
        if not yes and not self._output.as_json and sys.stdin.isatty():
            typer.confirm(f"Erase {kind} {plain(erased_id)} for ever?", abort=True, err=True)
        with self._open() as service:
            store = service.store
            if kind == "document":
                receipt = store.erase_document(erased_id, collection=collection)
            else:
                receipt = store.erase_conversation(erased_id) if kind == "conversation" else store.erase_user(erased_id)
        value = {**asdict(receipt), "erased_at": receipt.erased_at.isoformat(), "clean": receipt.clean}
        self._output.result(value, lambda: self._show_receipt(receipt))
        return OK if receipt.clean else FAILED

    def _show_receipt(self, receipt: Receipt) -> None:
        out = self._output
        gone = ", ".join(f"{number} of {table}" for table, number in receipt.removed.items())
        out.line(f"{receipt.kind} {receipt.id}: removed {gone or 'nothing'}")
        if receipt.exchanges:
            out.line(f"taken out of {len(receipt.exchanges)} recorded exchanges and {receipt.answers} answers")
        if receipt.calls:
            out.line(f"{receipt.calls} rows of the ledger say no more whose they were")
        if receipt.rebuilt:
            out.line(f"index files built anew: {', '.join(receipt.rebuilt)}")
        out.table(("searched", "how", "found"), [(s.where, s.how, s.found) for s in receipt.searched], right=("found",))
        for note in receipt.notes:
            out.line(f"note: {note}")
        for reason in receipt.unfinished:
            out.line(f"unfinished: {reason}")
        out.line("clean: nothing of it was found" if receipt.clean else "NOT CLEAN: see above")

    def _open(self) -> Service:
        return opened()


def _megabytes_of(tell: output.Report) -> Callable[[str, int], None]:
    """Tells in megabytes what is counted in bytes."""
    return lambda what, size: tell(size // 1_000_000, None, what)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
