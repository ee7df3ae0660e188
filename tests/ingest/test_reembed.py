"""Re-embedding a collection: what is embedded, what is compared, when it switches, and what an interruption costs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from grounding import plugins
from grounding.errors import CollectionBusy, ConfigurationError, InvalidRequest, ModelError, NotFound
from grounding.ports import Embedder
from grounding.settings import Settings
from grounding.values import Fingerprint, FloatMatrix
from ingest import job, reembed
from ingest.reembed import Comparison, ReembedReport
from ingest.report import Progress
from store.open import Store, open_store
from tests import embedders
from tests.embedders import Twin
from tests.store import library

HANDBOOK = Path(__file__).resolve().parents[2] / "examples" / "handbook" / "people"


@dataclass
class Kit:
    store: Store
    settings: Settings
    old: Embedder
    notes: list[str] = field(default_factory=list)
    told: list[Progress] = field(default_factory=list)

    def ingest(self, *sources: object, collection: str = "default", embedder: Embedder | None = None) -> None:
        report = job.run(
            [str(source) for source in sources],
            collection=collection,
            store=self.store,
            embedder=embedder or self.old,
            extractor=plugins.entity_extractor(settings=self.settings),
            language_of=lambda text: "en",
            settings=self.settings,
        )
        assert not report.failures

    def run(
        self,
        embedder: Embedder,
        *,
        collection: str = "default",
        switch: bool = True,
        min_overlap: float | None = None,
        embedder_of: Callable[[Fingerprint], Embedder] | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> ReembedReport:
        return reembed.run(
            collection,
            store=self.store,
            embedder=embedder,
            embedder_of=embedder_of or (lambda fingerprint: self.old),
            switch=switch,
            min_overlap=min_overlap,
            progress=progress or self.told.append,
            note=self.notes.append,
        )

    @property
    def fingerprint(self) -> Fingerprint | None:
        return self.store.collections.get("default").fingerprint

    def hashes(self, collection: str) -> list[tuple[str, str]]:
        """Text and embedded text of each passage, by the vectors that are in use."""
        info = self.store.collections.get(collection)
        assert info.fingerprint is not None
        with self.store._database.read() as connection:
            rows = connection.exec_driver_sql(
                "SELECT p.text, v.embed_hash FROM vectors v JOIN passages p ON p.id = v.passage_id "
                "JOIN collections c ON c.id = v.collection_id AND c.fingerprint_id = v.fingerprint_id "
                f"WHERE c.name = '{collection}' ORDER BY p.text, v.embed_hash"
            )
            return [(row[0], row[1]) for row in rows]


@pytest.fixture
def kit(make_settings: Callable[..., Settings], tmp_path: Path) -> Iterator[Kit]:
    settings = make_settings()
    store = open_store(home=tmp_path / "home")
    yield Kit(store, settings, plugins.embedder("builtin", settings=settings))
    store.close()


@pytest.fixture
def full(kit: Kit) -> Kit:
    kit.ingest(HANDBOOK)
    return kit


def test_every_passage_gets_a_vector_of_what_an_ingest_would_embed(full: Kit) -> None:
    new = embedders.alike(full.settings)
    report = full.run(new)
    passages = full.store.collections.get("default").passages
    assert (report.status, report.switched, report.reason) == ("done", True, "")
    assert (report.passages.total, report.passages.embedded + report.passages.reused) == (passages, passages)
    assert report.passages.truncated == 0
    assert full.fingerprint == new.fingerprint
    assert all(result.ok for result in full.store.check())
    full.ingest(HANDBOOK, collection="anew", embedder=embedders.alike(full.settings))
    assert full.hashes("default") == full.hashes("anew")


def test_the_report_is_what_the_job_keeps(full: Kit) -> None:
    report = full.run(embedders.alike(full.settings))
    kept = full.store.jobs.get(report.job_id)
    assert (kept.kind, kept.status, kept.collection) == ("reembed", "done", "default")
    assert kept.report is not None
    value = json.loads(kept.report)
    assert value == json.loads(json.dumps(report.to_json()))
    assert (value["from"], value["to"]) == ("builtin", "tests.embedders:alike")
    assert value.keys() >= {"collection", "from", "to", "passages", "comparison", "switched", "seconds"}
    assert value["passages"].keys() == {"total", "embedded", "reused", "truncated"}
    assert value["comparison"].keys() == {"queries", "source", "overlap_at_10", "top1"}


def test_equal_texts_are_embedded_once(kit: Kit, tmp_path: Path) -> None:
    same = tmp_path / "same.jsonl"
    records = [{"id": str(number), "title": "t", "text": "the same", "metadata": {"n": number}} for number in range(3)]
    same.write_text("".join(json.dumps(record) + "\n" for record in records))
    kit.ingest(same)
    new = embedders.alike(kit.settings)
    report = kit.run(new, switch=False)
    assert (report.passages.total, report.passages.embedded, report.passages.reused) == (3, 1, 2)
    same.write_text(json.dumps({"id": "late", "title": "t", "text": "the same", "metadata": {"n": 9}}))
    kit.ingest(same)
    report = kit.run(new)
    assert (report.passages.total, report.passages.embedded, report.passages.reused) == (4, 0, 4)
    assert new.texts == ["t\nthe same"]


def test_passages_beyond_the_new_window_are_counted(full: Kit) -> None:
    report = full.run(embedders.smaller(full.settings))
    assert 0 < report.passages.truncated <= report.passages.total
    assert report.switched


def test_a_run_that_was_interrupted_embeds_only_what_is_missing(kit: Kit) -> None:
    texts = [f"text {number}" for number in range(300)]
    library.put(kit.store, *(library.document(text, text) for text in texts), collection="default")

    def lost(fingerprint: Fingerprint) -> Embedder:
        raise ConfigurationError("there is none that makes the vectors of this test")

    def tired(progress: Progress) -> None:
        if progress.done >= 100:
            raise KeyboardInterrupt

    first, second = embedders.alike(kit.settings), embedders.alike(kit.settings)
    report = kit.run(first, progress=tired, embedder_of=lost)
    assert (report.status, report.switched) == ("interrupted", False)
    assert kit.store.jobs.get(report.job_id).status == "interrupted"
    assert kit.fingerprint == library.FINGERPRINT
    again = kit.run(second, embedder_of=lost)
    assert again.switched
    assert 100 <= len(first.texts) < 200
    assert sorted(first.texts + second.texts) == sorted(texts)
    assert (again.passages.embedded, again.passages.reused) == (len(second.texts), len(first.texts))


def test_a_switch_back_embeds_nothing(full: Kit) -> None:
    full.run(embedders.alike(full.settings))
    report = full.run(full.old, embedder_of=lambda fingerprint: embedders.alike(full.settings))
    assert (report.switched, report.passages.embedded) == (True, 0)
    assert report.passages.reused == report.passages.total
    assert full.fingerprint == full.old.fingerprint


def test_an_embedder_that_is_in_use_already_is_left_alone(full: Kit) -> None:
    before = full.store.collections.get("default")
    report = full.run(full.old)
    assert (report.switched, report.job_id) == (False, "")
    assert "already" in report.reason
    assert full.store.collections.get("default") == before


def test_it_can_be_compared_without_a_switch(full: Kit) -> None:
    before = full.store.collections.get("default")
    report = full.run(embedders.alike(full.settings), switch=False)
    assert (report.switched, report.comparison.source) == (False, "titles")
    assert full.store.collections.get("default") == before
    after = full.run(embedders.alike(full.settings))
    assert (after.switched, after.passages.embedded) == (True, 0)


def test_embedders_that_agree_overlap_wholly(full: Kit) -> None:
    """A twin has the same products as the built-in embedder: it only turns the space."""
    report = full.run(embedders.alike(full.settings))
    titles = full.store.collections.get("default").documents
    assert report.comparison == Comparison(titles, "titles", 1.0, 1.0)


def test_recorded_questions_are_asked_where_there_are_any(full: Kit) -> None:
    asked = ["How many days of leave?", "Who approves travel?", "How many days of leave?"]
    for number, question in enumerate(asked):
        full.store.exchanges.record(library.exchange(f"t{number}", question=question, collection="default"))
    full.store.exchanges.record(library.exchange("other", question="Of another one?", collection="other"))
    report = full.run(embedders.alike(full.settings))
    assert (report.comparison.queries, report.comparison.source) == (2, "questions")


def test_it_does_not_switch_below_the_overlap_that_is_asked_for(full: Kit) -> None:
    report = full.run(embedders.contrary(full.settings), min_overlap=0.9)
    assert not report.switched
    assert report.comparison.overlap_at_10 is not None
    assert report.comparison.overlap_at_10 < 0.5
    assert report.comparison.top1 == 0.0
    assert "below 0.9" in report.reason
    assert full.fingerprint == full.old.fingerprint
    assert full.run(embedders.contrary(full.settings), min_overlap=report.comparison.overlap_at_10).switched
    with pytest.raises(InvalidRequest, match="min_overlap"):
        full.run(full.old, min_overlap=1.5)


def test_an_old_embedder_that_is_not_to_be_had_is_not_compared(full: Kit) -> None:
    def lost(fingerprint: Fingerprint) -> Embedder:
        raise ConfigurationError("it is lost")

    report = full.run(embedders.alike(full.settings), embedder_of=lost, min_overlap=0.1)
    assert (report.switched, report.comparison) == (False, Comparison())
    assert full.notes == ["not compared: it is lost"]
    assert full.run(embedders.alike(full.settings), embedder_of=lost).switched


def test_an_empty_collection_only_switches(kit: Kit) -> None:
    kit.store.collections.create("default", kit.old.fingerprint)
    report = kit.run(embedders.smaller(kit.settings), min_overlap=0.5)
    assert (report.switched, report.passages.total, report.comparison) == (True, 0, Comparison())
    assert kit.fingerprint == embedders.smaller(kit.settings).fingerprint


class Broken(Twin):
    """Cannot embed a passage."""

    def embed_passages(self, texts: Sequence[str]) -> FloatMatrix:
        return super().embed_queries(texts)[:-1]


def test_an_embedder_that_answers_nonsense_ends_it(full: Kit) -> None:
    with pytest.raises(ModelError, match="nonsense"):
        full.run(Broken("broken"))
    (noted,) = [info for info in full.store.jobs.list() if info.kind == "reembed"]
    assert noted.status == "failed"
    assert full.fingerprint == full.old.fingerprint


class Missing(Twin):
    """Cannot be loaded."""

    def embed_queries(self, texts: Sequence[str]) -> FloatMatrix:
        raise ModelError("the weights are not there")


def test_an_embedder_that_cannot_be_loaded_is_found_out_before_anything_is_done(full: Kit) -> None:
    with pytest.raises(ModelError, match="weights"):
        full.run(Missing("missing"))
    with pytest.raises(NotFound, match="nowhere"):
        full.run(full.old, collection="nowhere")
    assert [info.kind for info in full.store.jobs.list()] == ["ingest"]


def test_it_waits_for_who_writes_and_embeds_what_that_brought(full: Kit) -> None:
    new = embedders.alike(full.settings)
    writing = full.store.writer("default", fingerprint=full.old.fingerprint)
    writer = writing.__enter__()
    late = library.document("late", "The umbrella stand is by the door.")
    vector = full.old.embed_passages([late.passages[0].text])[0]
    late = replace(late, passages=(replace(late.passages[0], vector=vector),))

    def meanwhile(note: str) -> None:
        """Called once it waits: everything that was there is embedded by then."""
        full.notes.append(note)
        writer.put([late])
        writing.__exit__(None, None, None)

    report = reembed.run(
        "default", store=full.store, embedder=new, embedder_of=lambda fingerprint: full.old, note=meanwhile
    )
    assert report.switched
    (note,) = full.notes
    assert "is being written by process" in note
    assert new.texts[-1] == "The umbrella stand is by the door."
    (hit,) = full.store.corpus("default").dense(
        new.embed_queries(["umbrella stand"])[0], 1, fingerprint=new.fingerprint
    )
    assert library.texts(full.store, [hit.passage_id], collection="default") == ["The umbrella stand is by the door."]


def test_a_second_one_is_told_who_is_at_work(full: Kit) -> None:
    def second(progress: Progress) -> None:
        with pytest.raises(CollectionBusy, match="embedded by another model by process"):
            full.run(embedders.smaller(full.settings))
        full.notes.append("told")

    assert full.run(embedders.alike(full.settings), progress=second).switched
    assert set(full.notes) == {"told"}


def test_progress_comes_to_its_end(full: Kit) -> None:
    full.run(embedders.alike(full.settings))
    done = [progress.done for progress in full.told]
    assert done == sorted(done)
    last = full.told[-1]
    assert last.done == last.total == full.store.collections.get("default").passages
