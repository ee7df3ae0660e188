"""Ingests into a real store: what is stored, what is left alone, what fails and what that costs."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast
from uuid import uuid4

import numpy as np
import pytest

from grounding import plugins
from grounding.errors import CollectionBusy, ConfigurationError, NotFound, StoreError, StoreUnavailable
from grounding.ports import Embedder
from grounding.settings import Settings
from grounding.values import Fingerprint, FloatMatrix, Vectorized
from ingest import spool
from ingest.job import run, run_upload
from ingest.patience import STORE_ATTEMPTS
from ingest.report import Progress, Report
from store.documents import KnownDocument, NewDocument, StoredDocument
from store.open import Store, open_store
from store.writer import CollectionWriter

HANDBOOK = Path(__file__).resolve().parents[2] / "examples" / "handbook"
PARAGRAPH = "The site in Galway opens at nine. It closes at five on every working day. "


@dataclass
class Recording:
    """The built-in embedder, which notes what it embeds and cannot embed a text with the word `refuses`."""

    inner: Embedder
    refuses: str = "\0"
    texts: list[str] = field(default_factory=list)

    @property
    def fingerprint(self) -> Fingerprint:
        return self.inner.fingerprint

    @property
    def max_tokens(self) -> int:
        return self.inner.max_tokens

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return self.inner.count_tokens(texts)

    def embed_queries(self, texts: Sequence[str]) -> FloatMatrix:
        return self.inner.embed_queries(texts)

    def embed_passages(self, texts: Sequence[str]) -> FloatMatrix:
        if any(self.refuses in text for text in texts):
            raise RuntimeError("no")
        self.texts += texts
        return self.inner.embed_passages(texts)


def language_of(text: str) -> str:
    return "ja" if any("\u3040" <= char <= "\u30ff" for char in text) else "en"


@dataclass
class Kit:
    """Everything that a run needs, and a folder of documents."""

    store: Store
    settings: Settings
    embedder: Recording
    docs: Path
    collection: str = "default"

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.docs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def run(
        self,
        *sources: Path | str,
        prune: bool = False,
        dry_run: bool = False,
        workers: int = 1,
        store: Store | None = None,
        wait: bool = True,
        waiting: Callable[[str], None] | None = None,
        progress: Callable[[Progress], None] | None = None,
        sleep: Callable[[float], None] = time.sleep,
        batch_passages: int = 256,
    ) -> Report:
        self.embedder.texts.clear()
        report = run(
            [str(source) for source in sources or (self.docs,)],
            collection=self.collection,
            store=store or self.store,
            embedder=self.embedder,
            extractor=plugins.entity_extractor(settings=self.settings),
            language_of=language_of,
            settings=self.settings,
            prune=prune,
            dry_run=dry_run,
            workers=workers,
            wait=wait,
            waiting=waiting,
            progress=progress,
            sleep=sleep,
            batch_passages=batch_passages,
        )
        documents = report.documents
        assert documents.seen == (
            documents.created + documents.updated + documents.unchanged + documents.duplicate + documents.failed
        )
        if not dry_run:
            assert report.passages.total == report.passages.embedded + report.passages.reused
        return report

    def upload(self, *records: object) -> Report:
        job_id, uploads = uuid4().hex, self.settings.home / "uploads"
        kept, _ = spool.keep_records(uploads, job_id, cast(Sequence[Mapping[str, object]], records))
        self.store.jobs.enqueue(job_id, self.collection, sources=[spool.ORIGIN], kind="upload", request={})
        return run_upload(
            kept,
            [spool.ORIGIN],
            job_id=job_id,
            collection=self.collection,
            store=self.store,
            embedder=self.embedder,
            extractor=plugins.entity_extractor(settings=self.settings),
            language_of=language_of,
            settings=self.settings,
        )

    def known(self) -> dict[str, KnownDocument]:
        with self.store.writer(self.collection, fingerprint=self.embedder.fingerprint) as writer:
            return writer.known()

    def flaky(self, trouble: Trouble) -> Store:
        return cast(Store, FlakyStore(self.store, trouble))

    def sources(self) -> list[str]:
        return sorted(self.known())

    def document(self, source: str) -> StoredDocument:
        return self.store.documents.get(self.known()[source].id, collection=self.collection)


@pytest.fixture
def kit(make_settings: Callable[..., Settings], tmp_path: Path) -> Generator[Kit]:
    settings = make_settings(models={"entities": {"en": "builtin", "ja": "builtin"}}, ingest={"max_line_mb": 1})
    settings.home.mkdir(parents=True, exist_ok=True)
    store = open_store(home=settings.home)
    docs = tmp_path / "docs"
    docs.mkdir()
    yield Kit(store, settings, Recording(plugins.embedder("builtin", settings=settings)), docs)
    store.close()


def counts(report: Report) -> dict[str, int]:
    found = report.to_json()["documents"]
    assert isinstance(found, dict)
    return {name: number for name, number in found.items() if number and name != "seen"}


def reasons(report: Report) -> dict[str, str]:
    return {failure.source: failure.reason for failure in report.failures}


def three_files(kit: Kit) -> None:
    kit.write("a.md", "# Hours\n\n" + PARAGRAPH)
    kit.write("b.txt", "RIVER SENSORS\n\nThe HX-200 measures the level of a river.")
    kit.write("sub/c.jsonl", "".join(json.dumps({"_id": f"d{n}", "text": f"Record {n}."}) + "\n" for n in range(4)))


def test_a_second_run_embeds_nothing(kit: Kit) -> None:
    three_files(kit)
    first = kit.run()
    assert counts(first) == {"created": 6}
    assert len(kit.embedder.texts) == first.passages.embedded == 6
    second = kit.run()
    assert counts(second) == {"unchanged": 6}
    assert kit.embedder.texts == []
    assert (second.passages.total, second.passages.embedded, second.passages.reused) == (6, 0, 6)
    assert all(known.version == 1 for known in kit.known().values())


def test_what_is_stored_can_be_found_and_quoted(kit: Kit) -> None:
    three_files(kit)
    kit.run()
    corpus = kit.store.corpus("default")
    (hit, *_) = corpus.lexical("HX-200", 5)
    (passage,) = corpus.passages([hit.passage_id])
    assert passage.source == "docs/b.txt"
    assert passage.title == "RIVER SENSORS"
    text = corpus.document_text(passage.document_id, version=1)
    assert text is not None
    assert text[passage.start : passage.end] == passage.text
    assert corpus.entity("hx-200", 5) != []
    assert kit.store.documents.get("d2").document.source == "docs/sub/c.jsonl#d2"
    assert all(result.ok for result in kit.store.check())


def test_only_the_file_that_changed_is_embedded_again(kit: Kit) -> None:
    sections = [f"## Part {n}\n\n{PARAGRAPH * 8}Number {n}." for n in range(4)]
    kit.write("long.md", "# Long\n\n" + "\n\n".join(sections))
    three_files(kit)
    kit.run()
    before = kit.known()["docs/long.md"]
    sections[2] += " One sentence more."
    kit.write("long.md", "# Long\n\n" + "\n\n".join(sections))
    report = kit.run()
    assert counts(report) == {"updated": 1, "unchanged": 6}
    assert len(kit.embedder.texts) == report.passages.embedded == 1
    after = kit.known()["docs/long.md"]
    assert (after.id, after.version, after.passages) == (before.id, 2, before.passages)
    assert kit.document("docs/long.md").document.text.count("One sentence more.") == 1


def test_equal_content_is_stored_once(kit: Kit) -> None:
    kit.write("a.md", PARAGRAPH)
    kit.write("copy of a.md", PARAGRAPH)
    assert counts(kit.run()) == {"created": 1, "duplicate": 1}
    assert kit.sources() == ["docs/a.md"]
    assert kit.document("docs/a.md").document.title == "a"
    assert counts(kit.run()) == {"unchanged": 1, "duplicate": 1}


def test_a_known_document_that_becomes_equal_to_another_is_not_left_stale(kit: Kit) -> None:
    kit.write("a.md", "# T\n\nOne.")
    kit.write("b.md", "# T\n\nTwo.")
    kit.run()
    kit.write("b.md", "# T\n\nOne.")
    assert counts(kit.run()) == {"unchanged": 1, "updated": 1}
    assert kit.document("docs/b.md").document.text.endswith("One.")


def test_prune_deletes_what_left_its_source_and_nothing_else(kit: Kit, tmp_path: Path) -> None:
    three_files(kit)
    other = tmp_path / "other"
    other.mkdir()
    (other / "x.md").write_text("Elsewhere.")
    kit.run(kit.docs, other)
    (kit.docs / "a.md").unlink()
    kit.write("sub/c.jsonl", '{"_id": "d1", "text": "Record 1."}')
    assert counts(kit.run()) == {"unchanged": 2}
    dry = kit.run(prune=True, dry_run=True)
    assert counts(dry) == {"unchanged": 2, "deleted": 4}
    assert len(kit.sources()) == 7
    assert counts(kit.run(prune=True)) == {"unchanged": 2, "deleted": 4}
    assert kit.sources() == ["docs/b.txt", "docs/sub/c.jsonl#d1", "other/x.md"]
    assert kit.store.corpus("default").lexical("galway", 5) == []


def test_prune_deletes_nothing_of_a_source_that_is_gone(kit: Kit) -> None:
    three_files(kit)
    kit.run()
    shutil.rmtree(kit.docs / "sub")
    moved = kit.docs.rename(kit.docs.with_name("elsewhere"))
    report = kit.run(kit.docs, prune=True)
    assert reasons(report) == {str(kit.docs): "missing"}
    assert counts(report) == {"failed": 1}
    assert len(kit.sources()) == 6
    moved.rename(kit.docs)
    assert counts(kit.run(prune=True)) == {"unchanged": 2, "deleted": 4}


def test_a_renamed_file_survives_prune(kit: Kit) -> None:
    kit.write("z.md", PARAGRAPH)
    kit.run()
    (kit.docs / "z.md").rename(kit.docs / "a.md")
    assert counts(kit.run()) == {"duplicate": 1}
    assert counts(kit.run(prune=True)) == {"created": 1, "deleted": 1}
    assert kit.sources() == ["docs/a.md"]


def test_a_renamed_file_of_records_keeps_its_ids(kit: Kit) -> None:
    three_files(kit)
    kit.run()
    (kit.docs / "sub" / "c.jsonl").rename(kit.docs / "sub" / "b.jsonl")
    kit.write("sub/b.jsonl", (kit.docs / "sub" / "b.jsonl").read_text().replace("Record 3", "Record three"))
    assert counts(kit.run(prune=True)) == {"created": 4, "deleted": 4, "unchanged": 2}
    assert kit.store.documents.get("d3").document.source == "docs/sub/b.jsonl#d3"


def test_a_file_that_cannot_be_read_any_more_keeps_its_old_version(kit: Kit) -> None:
    three_files(kit)
    kit.run()
    kit.write("b.txt", b"broken \xc3\x28\xff")
    kit.write("sub/c.jsonl", '{"_id": "d0", "text": "Record 0."}\nnot json\n')
    report = kit.run(prune=True)
    assert reasons(report) == {"docs/b.txt": "encoding", "docs/sub/c.jsonl#L2": "json"}
    assert counts(report) == {"unchanged": 2, "failed": 2}
    assert len(kit.sources()) == 6
    assert "HX-200" in kit.document("docs/b.txt").document.text


def test_a_dry_run_leaves_no_trace(kit: Kit) -> None:
    three_files(kit)
    report = kit.run(dry_run=True)
    assert counts(report) == {"created": 6}
    assert (report.passages.total, report.passages.embedded) == (6, 0)
    assert kit.embedder.texts == []
    assert kit.store.jobs.list() == ()
    with pytest.raises(NotFound):
        kit.store.collections.get("default")
    kit.run()
    kit.write("a.md", "changed")
    change = kit.store.collections.get("default").change
    assert counts(kit.run(dry_run=True)) == {"updated": 1, "unchanged": 5}
    assert kit.store.collections.get("default").change == change


def test_every_bad_input_is_named_and_costs_nothing_else(kit: Kit) -> None:
    three_files(kit)
    kit.write("empty.md", "")
    kit.write("photo.txt", b"\x89PNG\r\n\x1a\n\x00\x00\x00")
    kit.write("broken.txt", b"Some caf\xc3\x28 text")
    lines = [json.dumps({"_id": f"n{n}", "text": f"Line {n}."}) for n in range(1, 10)]
    lines[6] = '{"_id": "n7", "text": }'
    lines[7] = json.dumps({"_id": "n8", "text": "y" * (2 << 20)})
    kit.write("lines.jsonl", "\n".join(lines))
    kit.write("slides.pptx", "not read")
    report = kit.run(kit.docs, kit.docs / "nowhere", kit.docs / "slides.pptx")
    assert reasons(report) == {
        str(kit.docs / "nowhere"): "missing",
        "docs/empty.md": "empty",
        "docs/photo.txt": "binary",
        "docs/broken.txt": "encoding",
        "docs/lines.jsonl#L7": "json",
        "docs/lines.jsonl#L8": "too_large",
        "docs/slides.pptx": "unsupported",
    }
    assert counts(report) == {"created": 6 + 7, "failed": 7}
    assert report.skipped == ("docs/slides.pptx",)
    assert all(failure.stage == "load" and failure.detail for failure in report.failures)


def test_nothing_there_at_all_is_a_report_and_no_collection(kit: Kit) -> None:
    report = kit.run(kit.docs / "a", "/no/such/*.md")
    assert counts(report) == {"failed": 2}
    with pytest.raises(NotFound):
        kit.store.collections.get("default")
    assert kit.store.jobs.list()[0].status == "done"


def test_two_files_of_one_key(kit: Kit, tmp_path: Path) -> None:
    for parent in ("x", "y"):
        path = tmp_path / parent / "same" / "a.md"
        path.parent.mkdir(parents=True)
        path.write_text(parent)
    report = kit.run(tmp_path / "x" / "same", tmp_path / "y" / "same")
    assert reasons(report) == {"same/a.md": "duplicate_source"}
    assert str(tmp_path / "x") in report.failures[0].detail
    assert str(tmp_path / "y") in report.failures[0].detail


def test_one_id_in_two_files(kit: Kit) -> None:
    kit.write("a.jsonl", '{"_id": "1", "text": "One."}')
    kit.write("b.jsonl", '{"_id": "1", "text": "Two."}')
    report = kit.run()
    assert reasons(report) == {"docs/b.jsonl#1": "duplicate_id"}
    assert "docs/a.jsonl#1" in report.failures[0].detail


def test_a_moved_folder_and_a_file_of_it_are_the_same_documents(kit: Kit, tmp_path: Path) -> None:
    three_files(kit)
    kit.run()
    assert counts(kit.run(kit.docs / "sub" / "c.jsonl")) == {"unchanged": 4}
    assert counts(kit.run(kit.docs / "sub")) == {"unchanged": 4}
    assert counts(kit.run(f"{kit.docs}/*.md")) == {"unchanged": 1}
    (tmp_path / "new").mkdir()
    kit.docs = kit.docs.rename(tmp_path / "new" / "docs")
    assert counts(kit.run()) == {"unchanged": 6}
    assert counts(kit.run(prune=True)) == {"unchanged": 6}


def test_a_document_that_cannot_be_embedded_fails_alone(kit: Kit) -> None:
    three_files(kit)
    kit.embedder.refuses = "river"
    report = kit.run()
    assert counts(report) == {"created": 5, "failed": 1}
    (failure,) = report.failures
    assert (failure.source, failure.stage) == ("docs/b.txt", "embed")
    kit.embedder.refuses = "\0"
    assert counts(kit.run()) == {"created": 1, "unchanged": 5}


def test_interrupted_and_run_again(kit: Kit) -> None:
    for number in range(700):
        kit.write(f"{number:04}.txt", f"Document number {number}.")
    told: list[Progress] = []

    def interrupt(progress: Progress) -> None:
        told.append(progress)
        if progress.done:
            raise KeyboardInterrupt

    report = kit.run(progress=interrupt)
    assert report.status == "interrupted"
    assert 0 < report.documents.created < 700
    assert len(kit.sources()) == report.documents.created
    assert kit.store.jobs.get(report.job_id).status == "interrupted"
    again = kit.run()
    assert again.documents.unchanged == report.documents.created
    assert again.documents.created == 700 - report.documents.created
    assert again.passages.embedded == again.documents.created
    assert told[-1].total == 700


@pytest.mark.parametrize("workers", [1, 3])
def test_the_handbook_loads_whole(kit: Kit, workers: int) -> None:
    report = kit.run(HANDBOOK, workers=workers)
    assert not report.failures
    assert report.documents.created == report.documents.seen == 50
    assert report.passages.truncated == 0
    assert report.passages.total > 100
    corpus = kit.store.corpus("default")
    for question, source in [
        ("ERR-4012", "handbook/support/faq.jsonl#FAQ-001"),
        ("Who is the head chef of The Weir?", "handbook/company/canteen.html"),
        ("保証期間は何か月ですか", "handbook/ja/warranty.txt"),
        ("price of the HC-5", "handbook/products/price-list.csv"),
    ]:
        found = corpus.passages([hit.passage_id for hit in corpus.lexical(question, 5)])
        assert source in {passage.source for passage in found}
        for passage in found:
            text = corpus.document_text(passage.document_id, version=1)
            assert text is not None
            assert text[passage.start : passage.end] == passage.text


def test_the_report_has_the_shape_that_programs_rely_on(kit: Kit) -> None:
    three_files(kit)
    kit.write("bad.txt", "")
    report = kit.run().to_json()
    assert {"job_id", "collection", "seconds", "passages_per_second", "documents", "passages", "failures"} <= set(
        report
    )
    assert set(cast(dict[str, int], report["documents"])) == {
        "seen", "created", "updated", "unchanged", "duplicate", "deleted", "failed",
    }  # fmt: skip
    assert set(cast(dict[str, int], report["passages"])) == {"total", "embedded", "reused", "truncated", "flagged"}
    assert report["failures"] == [
        {"source": "docs/bad.txt", "stage": "load", "reason": "empty", "detail": "the file holds no text"}
    ]
    job = kit.store.jobs.get(str(report["job_id"]))
    assert (job.status, job.collection, job.sources) == ("done", "default", (str(kit.docs),))
    assert json.loads(job.report or "") == report
    assert {item.outcome for item in kit.store.jobs.items(job.id)} == {"created", "failed"}


def test_a_file_of_bad_lines_fits_in_a_report(kit: Kit) -> None:
    kit.write("bad.jsonl", "oops\n" * 1500 + '{"id": 1, "text": "Good."}')
    report = kit.run()
    assert counts(report) == {"created": 1, "failed": 1500}
    assert len(report.failures) == 1000


def test_progress_ends_where_the_run_ends(kit: Kit) -> None:
    three_files(kit)
    told: list[Progress] = []
    kit.run(progress=told.append)
    assert (told[-1].done, told[-1].total, told[-1].passages, told[-1].embedded) == (6, 6, 6, 6)
    assert [progress.done for progress in told] == sorted(progress.done for progress in told)


def test_records_given_as_values(kit: Kit) -> None:
    records = [{"id": "p1", "title": "T", "text": "One."}, {"text": "Two."}, {"id": "p3"}, "x"]
    report = kit.upload(*records)
    assert counts(report) == {"created": 2, "failed": 2}
    assert reasons(report) == {"upload#3": "schema", "upload#4": "schema"}
    assert kit.sources() == ["upload#2", "upload#p1"]
    assert counts(kit.upload(*records[:2])) == {"unchanged": 2}
    assert counts(kit.upload({"id": "p1", "text": "Other."})) == {"updated": 1}
    kit.write("a.md", "x")
    assert counts(kit.run(prune=True)) == {"created": 1}
    assert len(kit.sources()) == 3


def test_another_embedder_is_refused_and_the_job_says_so(kit: Kit) -> None:
    three_files(kit)
    kit.run()
    other = replace(kit.embedder.fingerprint, name="other")

    class Other(Recording):
        @property
        def fingerprint(self) -> Fingerprint:
            return other

    kit.embedder = Other(kit.embedder.inner)
    with pytest.raises(ConfigurationError):
        kit.run()
    (job, *_) = kit.store.jobs.list()
    assert job.status == "failed"
    assert "other" in json.loads(job.report or "")["detail"]


@dataclass
class Trouble:
    """What goes wrong in a store: errors of the next attempts to write documents, and of every one to publish."""

    errors: list[StoreError] = field(default_factory=list)
    publishing: StoreError | None = None
    puts: int = 0


class Flaky:
    """A writer that has trouble."""

    def __init__(self, writer: CollectionWriter, trouble: Trouble) -> None:
        self._writer = writer
        self._trouble = trouble

    def put(self, documents: Sequence[NewDocument]) -> None:
        self._trouble.puts += 1
        if self._trouble.errors:
            raise self._trouble.errors.pop()
        self._writer.put(documents)

    def known(self) -> dict[str, KnownDocument]:
        return self._writer.known()

    def vectors(self, embed_hashes: Sequence[str]) -> dict[str, Vectorized]:
        return self._writer.vectors(embed_hashes)

    def publish(self) -> None:
        if self._trouble.publishing is not None:
            raise self._trouble.publishing
        self._writer.publish()


class FlakyStore:
    def __init__(self, store: Store, trouble: Trouble) -> None:
        self.jobs, self.collections, self.judgements = store.jobs, store.collections, store.judgements
        self._store = store
        self._trouble = trouble

    @contextmanager
    def writer(
        self,
        name: str,
        *,
        fingerprint: Fingerprint,
        wait: bool = True,
        waiting: Callable[[str], None] | None = None,
    ) -> Iterator[CollectionWriter]:
        with self._store.writer(name, fingerprint=fingerprint, wait=wait, waiting=waiting) as writer:
            yield cast(CollectionWriter, Flaky(writer, self._trouble))


def test_a_locked_database_is_tried_again(kit: Kit) -> None:
    three_files(kit)
    slept: list[float] = []
    trouble = Trouble([StoreUnavailable("grounding.db is locked by another process")] * 3)
    report = kit.run(store=kit.flaky(trouble), sleep=slept.append)
    assert counts(report) == {"created": 6}
    assert trouble.puts == 4
    assert [round(seconds, 0) for seconds in slept] == [0, 0, 0]
    assert slept == sorted(slept)


def test_a_database_that_stays_away_ends_the_run_after_some_attempts(kit: Kit) -> None:
    three_files(kit)
    slept: list[float] = []
    trouble = Trouble([StoreUnavailable("the database cannot be reached")] * 100)
    with pytest.raises(StoreUnavailable):
        kit.run(store=kit.flaky(trouble), sleep=slept.append)
    assert trouble.puts == len(slept) + 1 == STORE_ATTEMPTS
    assert 5 < sum(slept) < 60
    assert kit.store.jobs.list()[0].status == "failed"
    assert counts(kit.run()) == {"created": 6}


def test_a_full_disk_ends_the_run_at_once_and_keeps_what_is_there(kit: Kit) -> None:
    kit.write("a.txt", "Before.")
    kit.run()
    for number in range(50):
        kit.write(f"{number}.txt", f"Document number {number}.")
    slept: list[float] = []
    trouble = Trouble([StoreError("grounding.db cannot grow because the disk is full")] * 1000)
    with pytest.raises(StoreError, match="disk is full"):
        kit.run(store=kit.flaky(trouble), sleep=slept.append)
    assert trouble.puts < 10
    assert slept == []
    job = kit.store.jobs.list()[0]
    assert (job.status, json.loads(job.report or "")["detail"]) == ("failed", trouble.errors[0].args[0])
    assert kit.sources() == ["docs/a.txt"]
    assert counts(kit.run()) == {"created": 50, "unchanged": 1}


def test_index_files_that_cannot_be_written_are_a_warning(kit: Kit) -> None:
    three_files(kit)
    report = kit.run(store=kit.flaky(Trouble(publishing=StoreError("indexes cannot be written: no space left"))))
    assert (report.status, counts(report)) == ("done", {"created": 6})
    (warning,) = report.warnings
    assert "no space left" in warning
    assert "every document is stored" in warning
    assert report.to_json()["warnings"] == [warning]
    assert kit.run().warnings == ()


def test_without_waiting_a_busy_collection_is_an_error_and_no_job(kit: Kit) -> None:
    three_files(kit)
    with kit.store.writer("default", fingerprint=kit.embedder.fingerprint), pytest.raises(CollectionBusy):
        kit.run(wait=False)
    assert kit.store.jobs.list() == ()
    assert counts(kit.run(wait=False)) == {"created": 6}


def test_who_waits_is_told_for_whom(kit: Kit) -> None:
    three_files(kit)
    held, told = threading.Event(), threading.Event()
    words: list[str] = []

    def hold() -> None:
        with kit.store.writer("default", fingerprint=kit.embedder.fingerprint):
            held.set()
            assert told.wait(30)

    def waiting(busy: str) -> None:
        words.append(busy)
        told.set()

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(30)
    assert counts(kit.run(waiting=waiting)) == {"created": 6}
    holder.join()
    (busy,) = words
    assert f"process {os.getpid()}" in busy


def test_what_two_batches_share_is_embedded_once(kit: Kit) -> None:
    for number in range(6):
        kit.write(f"{number}.md", f"# Same title\n\n{PARAGRAPH * 40}\n\n## Part\n\nNumber {number}.")
    report = kit.run(batch_passages=1)
    assert counts(report) == {"created": 6}
    assert len(kit.embedder.texts) == len(set(kit.embedder.texts)) == report.passages.embedded
    assert report.passages.reused > 0


def test_a_model_that_fails_on_one_document_does_not_embed_the_others_again(kit: Kit) -> None:
    for number in range(200):
        kit.write(f"{number:03}.txt", f"Document number {number}.")
    kit.write("100.txt", PARAGRAPH + "It has a river.")
    kit.embedder.refuses = "river"
    assert counts(kit.run()) == {"created": 199, "failed": 1}
    assert len(kit.embedder.texts) == len(set(kit.embedder.texts)) == 199
    assert kit.run().passages.embedded == 0


def test_renamed_documents_are_not_embedded_again(kit: Kit) -> None:
    three_files(kit)
    kit.run()
    (kit.docs / "sub" / "c.jsonl").rename(kit.docs / "sub" / "b.jsonl")
    (kit.docs / "b.txt").rename(kit.docs / "z.txt")
    report = kit.run(prune=True)
    assert counts(report) == {"created": 5, "deleted": 5, "unchanged": 1}
    assert (report.passages.embedded, kit.embedder.texts) == (0, [])
    assert kit.sources() == ["docs/a.md", *(f"docs/sub/b.jsonl#d{n}" for n in range(4)), "docs/z.txt"]


def test_a_document_that_lies_elsewhere_now_is_not_looked_for_where_it_was(kit: Kit, tmp_path: Path) -> None:
    old, new = tmp_path / "old" / "docs", tmp_path / "new" / "docs"
    for folder in (old, new):
        folder.mkdir(parents=True)
    (old / "a.txt").write_text("One.")
    (old / "b.txt").write_text("Two.")
    kit.run(old, new)
    (old / "a.txt").rename(new / "a.txt")
    assert counts(kit.run(old, new, dry_run=True)) == {"unchanged": 2}
    assert kit.known()["docs/a.txt"].origin == str(old / "a.txt")
    assert counts(kit.run(old, new)) == {"unchanged": 2}
    assert counts(kit.run(old, prune=True)) == {"unchanged": 1}
    assert kit.sources() == ["docs/a.txt", "docs/b.txt"]
    (new / "a.txt").unlink()
    (new / "c.txt").write_text("Three.")
    assert counts(kit.run(new, prune=True)) == {"created": 1, "deleted": 1}


def test_what_the_store_refuses_costs_that_document_alone(kit: Kit) -> None:
    three_files(kit)
    report = kit.run(store=kit.flaky(Trouble([StoreError("refused"), StoreError("refused")])))
    assert counts(report) == {"created": 5, "failed": 1}
    (failure,) = report.failures
    assert (failure.source, failure.stage, failure.reason) == ("docs/a.md", "store", "store")


def test_vectors_reach_the_store_as_the_embedder_made_them(kit: Kit) -> None:
    kit.write("a.txt", "One short text.")
    kit.run()
    expected = kit.embedder.inner.embed_passages(["a\nOne short text."])[0]
    (hit,) = kit.store.corpus("default").dense(expected, 5, fingerprint=kit.embedder.fingerprint)
    assert np.isclose(hit.score, 1.0, atol=1e-5)
