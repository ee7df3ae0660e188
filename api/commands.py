"""What the commands do: each opens the service, asks it, and says what came of it. Returns the exit code."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

import typer
from pydantic import ValidationError
from rich.text import Text

from api import schemas
from api.compose import Service, build, configure_logging, database_url
from api.output import Output, duration, one_line, plain
from api.words import FORMS, LEGS
from grounding import filters, settings
from grounding.errors import InvalidRequest, NotFound
from grounding.pipeline import Ask, Delta, Done
from grounding.settings import Limits, Settings
from grounding.values import Evidence, Exchange, FormName
from ingest.report import Progress, Report
from store import database
from store.keys import KeyInfo

if TYPE_CHECKING:
    from api.serve import Started

OK, FAILED, SOME_FAILED, INTERRUPTED = 0, 1, 3, 130
_SNIPPET = 240


class Commands:
    """One method for each command."""

    def __init__(self, *, as_json: bool) -> None:
        self._output = Output(as_json=as_json)

    def search(self, query: str, *, collection: str, top_k: int, where: str, explain: bool) -> int:
        """Prints the ranked passages."""
        with self._open() as service:
            ask = Ask(_text(query), collection=collection, top_k=top_k, filters=_filter(where))
            exchange = service.grounder.search(ask)
        value = schemas.SearchResponse.of(exchange).model_dump(mode="json")
        if explain:
            value |= {"legs": [asdict(leg) for leg in exchange.legs], "dropped": [asdict(d) for d in exchange.dropped]}
            value["confidence"] = exchange.confidence
        self._output.result(value, lambda: self._show_passages(exchange, explain=explain))
        return OK

    def ask(self, question: str, *, collection: str | None, conversation: str | None, generator: str | None) -> int:
        """Prints the answer as it comes, then its sources."""
        conversation_id = None if conversation in (None, "new") else conversation
        with self._open() as service:
            if collection is None:
                collection = _collection_of(conversation_id, service=service)
            ask = Ask(_text(question), collection=collection, conversation_id=conversation_id, generator=generator)
            exchange = self._stream(ask, service=service)
        value = schemas.ChatResponse.of(exchange).model_dump(mode="json")
        self._output.result(value, lambda: self._show_sources(exchange))
        return OK

    def serve(self, *, host: str | None, port: int | None, workers: int) -> int:
        """Serves until it is told to stop."""
        from api import serve  # the web framework is of no use to any other command

        loaded = effective_settings()
        given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
        server = loaded.server.model_copy(update=given)
        serve.run(loaded.model_copy(update={"server": server}), workers=workers, started=self._show_started)
        return OK

    def ingest(
        self, sources: Sequence[str], *, collection: str, prune: bool, dry_run: bool, workers: int, wait: bool
    ) -> int:
        """Ingests, tells how far it is, and reports."""
        with self._open() as service, self._output.progress("ingest", "documents") as tell:
            report = service.ingest(
                sources,
                collection=collection,
                prune=prune,
                dry_run=dry_run,
                workers=workers,
                wait=wait,
                waiting=lambda busy: self._output.note(f"waiting: {busy}"),
                progress=lambda progress: tell(progress.done, progress.total, pace(progress)),
            )
        self._output.result(report.to_json(), lambda: self._show_report(report))
        if report.status == "interrupted":
            return INTERRUPTED
        return SOME_FAILED if report.documents.failed else OK

    def check(self, collection: str | None, *, repair: bool) -> int:
        """Prints what agrees and what does not; fails if something still does not."""
        with self._open() as service:
            results = service.store.check(collection, repair=repair)
        good = all(result.ok for result in results)
        rows = [
            (r.collection or "-", r.part, "repaired" if r.repaired else "ok" if r.ok else "WRONG", r.detail)
            for r in results
        ]
        self._output.result(
            {"ok": good, "results": [asdict(result) for result in results]},
            lambda: self._output.table(("collection", "part", "state", "detail"), rows),
        )
        if not good and not repair:
            self._output.note("run  grounding check --repair  to rebuild from SQL what is wrong")
        return OK if good else FAILED

    def config(self) -> int:
        """Prints every effective setting with its origin."""
        origins = settings.explain()
        self._output.result(
            {"settings": {item.name: {"value": item.value, "origin": item.origin} for item in origins}},
            lambda: self._output.table(
                ("setting", "value", "from"), [(item.name, item.value, item.origin) for item in origins]
            ),
        )
        return OK

    def list_collections(self) -> int:
        """Prints all collections."""
        with self._open() as service:
            found = [schemas.CollectionJson.model_validate(info) for info in service.store.collections.list()]
        rows = [(c.name, c.documents, c.passages, c.embedder or "-", _moment(c.created_at)) for c in found]
        self._output.result(
            {"collections": [item.model_dump(mode="json") for item in found]},
            lambda: self._output.table(
                ("name", "documents", "passages", "embedder", "created"), rows, right=("documents", "passages")
            ),
        )
        return OK

    def show_collection(self, name: str) -> int:
        """Prints one collection."""
        with self._open() as service:
            info = service.store.collections.get(name)
        self._show_fields(schemas.CollectionJson.model_validate(info).model_dump(mode="json"))
        return OK

    def create_collection(self, name: str) -> int:
        """Creates an empty collection."""
        with self._open() as service:
            info = service.store.collections.create(name)
        self._show_fields(schemas.CollectionJson.model_validate(info).model_dump(mode="json"))
        return OK

    def delete_collection(self, name: str, *, yes: bool) -> int:
        """Deletes a collection; a person at a terminal is asked first."""
        with self._open() as service:
            documents = service.store.collections.get(name).documents
            if not yes and not self._output.as_json and sys.stdin.isatty():
                typer.confirm(f"Delete {name} with its {documents} documents?", abort=True, err=True)
            deleted = service.store.collections.delete(name)
        self._output.result(
            {"name": name, "deleted": True, "documents": deleted},
            lambda: self._output.line(f"deleted {name} with {deleted} documents"),
        )
        return OK

    def list_documents(self, collection: str, *, limit: int, cursor: str | None) -> int:
        """Prints one page of a collection's documents."""
        with self._open() as service:
            page = service.store.documents.list(collection, limit=limit, after=cursor)
        found = [schemas.DocumentInfoJson.model_validate(info) for info in page.items]
        rows = [(d.id, one_line(d.title, limit=50), d.source, d.version, d.passages, d.language) for d in found]
        self._output.result(
            {"documents": [item.model_dump(mode="json") for item in found], "next_cursor": page.next_cursor},
            lambda: self._output.table(
                ("id", "title", "source", "version", "passages", "language"), rows, right=("version", "passages")
            ),
        )
        if page.next_cursor and not self._output.as_json:
            self._output.note(f"there are more: --cursor {page.next_cursor}")
        return OK

    def show_document(self, document_id: str, *, collection: str | None) -> int:
        """Prints a document: what is known of it, then its text."""
        with self._open() as service:
            found = schemas.DocumentJson.of(service.store.documents.get(document_id, collection=collection))
        value = found.model_dump(mode="json")
        self._output.result(value, lambda: self._show_document(value, found.text))
        return OK

    def delete_document(self, document_id: str, *, collection: str | None) -> int:
        """Deletes a document."""
        with self._open() as service:
            found = service.store.documents.get(document_id, collection=collection).document
            service.store.documents.delete(document_id, collection=found.collection)
        self._output.result(
            {"id": document_id, "collection": found.collection, "deleted": True},
            lambda: self._output.line(f"deleted {document_id} from {found.collection}"),
        )
        return OK

    def list_jobs(self, *, limit: int) -> int:
        """Prints jobs, newest first."""
        with self._open() as service:
            found = [schemas.JobJson.of(job, failures=()) for job in service.store.jobs.list(limit=limit)]
        rows = [(j.id, j.kind, j.collection, j.status, _counts(j.counts), _moment(j.created_at)) for j in found]
        self._output.result(
            {"jobs": [item.model_dump(mode="json", exclude={"failures"}) for item in found]},
            lambda: self._output.table(("id", "kind", "collection", "status", "documents", "started"), rows),
        )
        return OK

    def show_job(self, job_id: str) -> int:
        """Prints a job and what failed in it."""
        with self._open() as service:
            failures = service.store.jobs.items(job_id, outcome="failed")
            job = schemas.JobJson.of(service.store.jobs.get(job_id), failures=failures)
        self._output.result(job.model_dump(mode="json"), lambda: self._show_job(job))
        return OK

    def create_key(
        self, scope: str, *, collections: str | None, groups: str, name: str, limits: Mapping[str, str]
    ) -> int:
        """Creates a key and prints its secret, which nobody can read again."""
        own = _limited(Limits(), limits)
        with self._open() as service:
            key, secret = service.store.keys.create(
                scopes=_names(scope),
                collections=None if collections is None else _names(collections),
                groups=_names(groups),
                name=name,
                limits=own,
            )
        self._output.result(_key(key) | {"secret": secret}, lambda: self._output.line(secret))
        if not self._output.as_json:
            self._output.note(f"key {key.id}; its secret, above, is shown once")
        return OK

    def limit_key(self, key_id: str, *, limits: Mapping[str, str]) -> int:
        """Changes the limits that are given, by name, and prints those that the key has then."""
        if not limits:
            raise InvalidRequest(
                "say what to change: --requests-per-minute, --tokens-per-minute or --usd-per-month; `none` lifts it"
            )
        with self._open() as service:
            key = service.store.keys.limit(key_id, lambda now: _limited(now, limits))
        self._output.result(_key(key), lambda: self._output.line(f"{key.id}: {_limits(key) or 'no limits of its own'}"))
        return OK

    def list_keys(self) -> int:
        """Prints all keys."""
        with self._open() as service:
            keys = service.store.keys.list()
        rows = [
            (
                key.id,
                key.name,
                " ".join(sorted(key.scopes)),
                "all" if key.collections is None else " ".join(sorted(key.collections)),
                " ".join(key.groups) or "-",
                _limits(key) or "-",
                _moment(key.created_at),
                _moment(key.last_used_at),
                _moment(key.revoked_at),
            )
            for key in keys
        ]
        self._output.result(
            {"keys": [_key(key) for key in keys]},
            lambda: self._output.table(
                ("id", "name", "scopes", "collections", "groups", "limits", "created", "used", "revoked"), rows
            ),
        )
        return OK

    def revoke_key(self, key_id: str) -> int:
        """Makes a key invalid."""
        with self._open() as service:
            revoked = service.store.keys.revoke(key_id)
        text = f"revoked {key_id}" if revoked else f"{key_id} had been revoked before"
        self._output.result({"id": key_id, "revoked": True}, lambda: self._output.line(text))
        return OK

    def upgrade_database(self) -> int:
        """Brings the schema up to date."""
        loaded = effective_settings()
        before, now = database.upgrade(home=loaded.home, database_url=database_url(loaded))
        text = f"already at {now}" if before == now else f"upgraded from {before or 'nothing'} to {now}"
        self._output.result({"before": before, "current": now}, lambda: self._output.line(text))
        return OK

    def current_database(self) -> int:
        """Prints the schema's revision and the one that is needed."""
        loaded = effective_settings()
        with database.folder_of(loaded.home):
            have, need = database.current(home=loaded.home, database_url=database_url(loaded))
        text = (have or "no schema yet") + ("" if have == need else f"; this version needs {need}")
        value = {"current": have, "needed": need, "up_to_date": have == need}
        self._output.result(value, lambda: self._output.line(text))
        return OK

    def _open(self) -> Service:
        return opened()

    def _stream(self, ask: Ask, *, service: Service) -> Exchange:
        """Asks, and shows a person the answer as it grows."""
        shown = ""
        for event in service.grounder.stream(ask):
            if isinstance(event, Done):
                if not self._output.as_json and not shown.endswith("\n"):
                    self._output.stream("\n")
                return event.exchange
            if isinstance(event, Delta) and not self._output.as_json:
                shown = event.text
                self._output.stream(shown)
        raise AssertionError("a stream ends with Done")

    def _show_started(self, started: Started) -> None:
        value = {"url": started.url, "admin_url": started.admin_url, "admin_key": started.admin_key}
        self._output.result(value, lambda: self._show_urls(started))

    def _show_urls(self, started: Started) -> None:
        out = self._output
        out.line(f"Grounding serves at {started.url}  (API: {started.url}/docs)")
        out.line(f"Admin page: {started.admin_url}")
        if started.admin_key:
            out.line(f"Admin key:  {started.admin_key}")
            out.line("            shown once; kept in admin.key in the home folder, readable by its owner alone")

    def _show_sources(self, exchange: Exchange) -> None:
        out = self._output
        assert exchange.answer is not None
        if exchange.answer.citations:
            out.line("")
            out.line(Text("Sources", style="bold"))
        for citation in exchange.answer.citations:
            place = Text(plain(f"  {citation.source}, characters {citation.start}-{citation.end}"), style="dim")
            out.line(Text(f"[{citation.marker}] ", style="cyan"), citation.title or citation.source, place)
            out.line(f"    “{one_line(citation.quote, limit=_SNIPPET)}”")
        for sentence in exchange.answer.support.unsupported:
            out.note(f"not carried by the sources: {sentence}")
        by = f" by {exchange.generator}" if exchange.generator else ""
        out.note(f"{exchange.outcome}{by}; trace {exchange.trace_id}; conversation {exchange.conversation_id}")

    def _show_passages(self, exchange: Exchange, *, explain: bool) -> None:
        out = self._output
        for item in exchange.evidence:
            passage = item.passage
            out.line(
                Text(f"{item.rank}. ", style="bold"),
                Text(plain(passage.title or passage.source), style="bold"),
                Text(plain(f"  {passage.source}  {item.score:.4f}"), style="dim"),
            )
            out.line(f"   {one_line(passage.text, limit=_SNIPPET)}")
            if explain:
                out.line(Text(f"   {_signals(item)}", style="dim"))
        if not exchange.evidence:
            out.note("nothing found")
        if explain:
            self._explain(exchange)

    def _explain(self, exchange: Exchange) -> None:
        question = exchange.question
        rows = [
            *((FORMS[form.name], form.text.replace("\n", " | ")) for form in question.forms),
            ("language", question.language),
            ("names", ", ".join(f"{entity.text} ({entity.label})" for entity in question.entities) or "-"),
            ("legs", ", ".join(f"{leg.name}{_by(leg.form)} {len(leg.hits)} hits" for leg in exchange.legs)),
            ("confidence", "-" if exchange.confidence is None else f"{exchange.confidence:.2f}"),
            ("ms", ", ".join(f"{name} {ms:.1f}" for name, ms in schemas.timings(exchange.steps).items())),
            ("trace", exchange.trace_id),
        ]
        self._output.line("")
        for name, value in rows:
            self._output.line(Text(f"{name:<12}", style="bold"), value)

    def _show_report(self, report: Report) -> None:
        out = self._output
        value = report.to_json()
        done = {"done": "Ingested", "interrupted": "Interrupted while ingesting"}[report.status]
        what = "Would ingest" if report.dry_run else done
        out.line(f"{what} into {report.collection}: {report.seconds:.1f} s, {value['passages_per_second']} passages/s")
        out.table(("documents", *asdict(report.documents)), [("", *asdict(report.documents).values())])
        out.table(("passages", *asdict(report.passages)), [("", *asdict(report.passages).values())])
        if report.skipped_files:
            out.line(
                f"skipped {report.skipped_files} files of kinds that are not supported, such as {report.skipped[0]}"
            )
        if report.flagged:
            self._output.note(
                f"{report.passages.flagged} passages of {len(report.flagged)} documents speak to the model, first of "
                f"{report.flagged[0].source}: such sentences are left out of prompts"
            )
        for warning in report.warnings:
            out.line(Text("warning: ", style="yellow"), warning)
        if report.failures:
            out.line("")
            rows = [(f.source, f.stage, f.reason, f.detail) for f in report.failures]
            out.table(("failed source", "stage", "reason", "what is wrong"), rows)

    def _show_document(self, value: Mapping[str, object], text: str) -> None:
        for name, field in value.items():
            if name != "text":
                self._output.line(Text(f"{name:<13}", style="bold"), _shown(field))
        self._output.line("")
        self._output.line(text)

    def _show_job(self, job: schemas.JobJson) -> None:
        value = job.model_dump(mode="json", exclude={"failures", "report"})
        for name, field in value.items():
            self._output.line(Text(f"{name:<13}", style="bold"), _shown(field))
        if job.failures:
            self._output.line("")
            rows = [(item.source, item.stage, item.reason, item.detail) for item in job.failures]
            self._output.table(("failed source", "stage", "reason", "what is wrong"), rows)

    def _show_fields(self, value: Mapping[str, object]) -> None:
        def show() -> None:
            for name, field in value.items():
                self._output.line(Text(f"{name:<13}", style="bold"), _shown(field))

        self._output.result(value, show)


def opened() -> Service:
    """The service of the effective settings."""
    return build(effective_settings())


def effective_settings() -> Settings:
    """The settings of this process; from now on it logs as they say."""
    loaded = settings.load()
    configure_logging(loaded)
    return loaded


def _filter(text: str) -> filters.Filter | None:
    if not text:
        return None
    try:
        return filters.parse(json.loads(text))
    except ValueError as error:
        raise InvalidRequest(f"--filter: not valid JSON: {error}") from None


def _text(argument: str) -> str:
    """An argument as text: bytes that are not UTF-8 become replacement characters."""
    return argument.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _collection_of(conversation_id: str | None, *, service: Service) -> str:
    """The collection that a conversation began in, else the default."""
    if conversation_id is not None:
        try:
            return service.store.conversations.get(conversation_id).collection
        except NotFound:
            pass
    return "default"


def _signals(item: Evidence) -> str:
    found = {name: getattr(item.signals, name) for name in LEGS}
    told = {name: signal for name, signal in found.items() if signal or name != "rerank"}
    return ", ".join(f"{name} #{s.rank} {s.score:.3f}{_by(s.form)}" if s else f"{name} -" for name, s in told.items())


def _by(form: FormName) -> str:
    return "" if form == "asked" else f" ({FORMS[form]})"


def pace(progress: Progress) -> str:
    left = "" if progress.remaining is None else f", about {duration(progress.remaining)} left"
    return f"{progress.passages} passages, {progress.rate:.1f}/s{left}"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.items() if number) or "-"


def _names(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _moment(moment: datetime | None) -> str:
    return "-" if moment is None else moment.strftime("%Y-%m-%d %H:%M:%S")


def _shown(value: object) -> str:
    if value is None:
        return "-"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)


def _limited(now: Limits, given: Mapping[str, str]) -> Limits:
    """The limits with those that were given, by name, in their place. Raises InvalidRequest that names the option."""
    values = {name: None if text.strip().lower() == "none" else text for name, text in given.items()}
    try:
        limits = Limits.model_validate({**now.model_dump(), **values})
    except ValidationError as error:
        wrong = str(error.errors()[0]["loc"][0])
    else:
        if math.isfinite(limits.usd_per_month or 0):
            return limits
        wrong = "usd_per_month"
    expected = "a number, 0 or more" if wrong == "usd_per_month" else "a whole number, 1 or more"
    option = wrong.replace("_", "-")
    raise InvalidRequest(f"--{option}: expected {expected}, or none, got {given[wrong][:40]!r}")


def _limits(key: KeyInfo) -> str:
    words = {
        "requests_per_minute": "{} requests/min",
        "tokens_per_minute": "{} tokens/min",
        "usd_per_month": "{:g} USD/month",
    }
    own = key.limits.model_dump()
    return ", ".join(words[name].format(value) for name, value in own.items() if value is not None)


def _key(key: KeyInfo) -> dict[str, object]:
    return {
        "id": key.id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "collections": None if key.collections is None else sorted(key.collections),
        "groups": list(key.groups),
        "limits": key.limits.model_dump(),
        "created_at": key.created_at.isoformat(),
        "last_used_at": key.last_used_at and key.last_used_at.isoformat(),
        "revoked_at": key.revoked_at and key.revoked_at.isoformat(),
    }
