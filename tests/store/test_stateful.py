"""Any sequence of puts, deletions, compactions, changes of the embedder, searches, damage, reopenings and crashes, over
two stores that share a home, against a model: a dict of documents, and brute force over their vectors.

`GROUNDING_STATEFUL_EXAMPLES=500 pytest tests/store/test_stateful.py` runs long.
"""

from __future__ import annotations

import math
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import ClassVar, TypeAlias

import numpy as np
import pytest
from hypothesis import HealthCheck, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from grounding import analysis
from grounding.filters import Filter, both, parse, readable_by
from grounding.linking import OTHER_FORM, Mention, candidates, link, mentions, strength
from grounding.settings import Storage
from grounding.values import Fingerprint, FloatVector, Hit
from store.corpus import SqlCorpus
from store.documents import NewDocument
from store.lexical import TermTail, Text
from store.mentions import SELECTIVE
from store.migrating import NewVector
from store.milestones import Milestone, Reached, unheard
from store.open import Store, open_store
from store.writer import CollectionWriter
from tests.store import library, reference

EXAMPLES = int(os.environ.get("GROUNDING_STATEFUL_EXAMPLES", "5"))
STEPS = int(os.environ.get("GROUNDING_STATEFUL_STEPS", "20"))
COLLECTION = "library"
FINGERPRINTS = tuple(Fingerprint("letters", str(number), library.DIMENSION) for number in range(2))
"""Of one dimension: nothing but the fingerprint tells their vectors apart."""
WORDS = ("pump", "inlet", "leave", "lunch", "days", "soup", "noon", "valve", "休暇", "水曜日", "ERR-4012", "HX-200")
TEXTS = tuple(
    " ".join(WORDS[(start + step * i) % len(WORDS)] for i in range(length))
    for start in range(len(WORDS))
    for step, length in ((1, 1), (1, 3), (5, 2), (7, 4))
)
QUESTIONS = TEXTS[::4]
NAMES = ("Ada Lovelace", "Umbrella Ltd", "HX-200")
FILTERS: tuple[object, ...] = (
    {"lang": "en"},
    {"$not": {"lang": "en"}},
    {"year": {"$gte": 2}, "lang": {"$in": ["en", "ja"]}},
    {"$or": [{"year": {"$exists": False}}, {"title": "pump"}]},
    {"groups": {"$nin": ["eng"]}},
    {"document_id": {"$in": ["a", "c"]}},
    {"lang": "de"},
)
GROUPS: tuple[frozenset[str] | None, ...] = (None, frozenset(), frozenset(("eng",)), frozenset(("eng", "hr")))

metadata = st.fixed_dictionaries(
    {},
    optional={
        "lang": st.sampled_from(["en", "ja"]),
        "year": st.integers(1, 3),
        "groups": st.sampled_from([None, [], "eng", ["hr"], ["eng", "hr"]]),
    },
)
Content: TypeAlias = tuple[list[str], str, dict[str, object], set[str]]
"""Of a document: the texts of its passages, its title, its metadata, the names that it mentions."""
Batch: TypeAlias = Mapping[str, Content]
contents = st.tuples(
    st.lists(st.sampled_from(TEXTS), max_size=4),
    st.sampled_from(["", "pump", "休暇"]),
    metadata,
    st.sets(st.sampled_from(NAMES)),
)
batches = st.dictionaries(st.sampled_from("abcdefgh"), contents, min_size=1, max_size=4)
operations = st.sampled_from(
    ["put", "put", "put", "put many", "delete", "delete one", "erase", "compact", "change embedder", "forget vectors"]
)
numbers = st.integers(0, 47)
DECISIVE: frozenset[Milestone] = frozenset(
    ("documents committed", "removal committed", "erasure committed", "embedder switched")
)
"""Who passes one of these has done what was to be done, whatever comes then."""


@cache
def vector(text: str, embedder: int) -> FloatVector:
    return library.vector(f"{text} at {embedder}")


@dataclass(frozen=True)
class Held:
    """A passage of the model; `serial` counts passages in the order in which they came, as their ids do."""

    serial: int
    document_id: str
    text: str


Found: TypeAlias = tuple[str, str, float]
"""Document, text and score of a hit."""


@dataclass(frozen=True)
class Model:
    """What the store should hold. `versions` are the last that documents had, also of those deleted."""

    documents: Mapping[str, NewDocument] = field(default_factory=dict)
    passages: tuple[Held, ...] = ()
    versions: Mapping[str, int] = field(default_factory=dict)
    serial: int = 0
    embedder: int = 0

    def put(self, batch: Sequence[NewDocument]) -> Model:
        after = self.delete([new.document.id for new in batch])
        passages, serial = list(after.passages), self.serial
        for new in batch:
            for passage in new.passages:
                serial += 1
                passages.append(Held(serial, new.document.id, passage.text))
        ids = {new.document.id: new for new in batch}
        versions = {name: self.versions.get(name, 0) + 1 for name in ids}
        return replace(
            self,
            documents={**self.documents, **ids},
            passages=tuple(passages),
            versions={**self.versions, **versions},
            serial=serial,
        )

    def delete(self, document_ids: Sequence[str]) -> Model:
        documents = {name: new for name, new in self.documents.items() if name not in document_ids}
        left = tuple(held for held in self.passages if held.document_id not in document_ids)
        return replace(self, documents=documents, passages=left)

    def forget(self, document_id: str) -> Model:
        """Erased: not even the number of its last version is left."""
        versions = {name: version for name, version in self.versions.items() if name != document_id}
        return replace(self.delete([document_id]), versions=versions)

    def listed(self) -> dict[str, tuple[int, int]]:
        """Version and number of passages of each document."""
        return {name: (self.versions[name], len(new.passages)) for name, new in self.documents.items()}

    def within(self, where: Filter | None, groups: frozenset[str] | None) -> list[Held]:
        let_through = {
            name
            for name, new in self.documents.items()
            if reference.matches(where, new) and reference.may_read(groups, new.document.metadata)
        }
        return [held for held in self.passages if held.document_id in let_through]

    def dense(self, text: str, within: Sequence[Held]) -> list[Found]:
        query = vector(text, self.embedder)
        return _ordered([(held, float(vector(held.text, self.embedder) @ query)) for held in within])

    def entity(self, text: str, within: Sequence[Held]) -> list[Found]:
        """What names weigh is told by the passages that may be found, as if there were no others."""
        names = {held.serial: self._names_of(held) for held in within}
        known = {name for mentioned in names.values() for name in mentioned}
        scores: Counter[int] = Counter()
        asked = link(candidates(text), known).names
        weights = [math.log1p(len(within) / sum(forms[0].name in of for of in names.values())) for forms in asked]
        for weight, forms in zip(weights, asked, strict=True):
            for serial, mentioned in names.items():
                sure = [
                    strength(alias=held.alias, titled=held.titled) * (OTHER_FORM if form.alias else 1)
                    for form in forms
                    if (held := mentioned.get(form.name))
                ]
                scores[serial] += round(1e6 * max(sure, default=0) * weight / max(sum(weights), SELECTIVE))
        return _ordered([(held, scores[held.serial] / 1e6) for held in within if scores[held.serial]])

    def matching(self, query: str, within: Sequence[Held]) -> set[int]:
        """Serials of passages with a term of the query."""
        wanted = {term for thing in analysis.question(query) for term in thing.terms}
        return {held.serial for held in within if wanted & set(self.text_of(held).terms())}

    def words(self, query: str, within: Sequence[Held]) -> list[Found]:
        """By BM25 over the passages that are alive, and no others."""
        index, serials = TermTail(), [held.serial for held in within]
        index.add(self.text_of(held) for held in self.passages)
        by_serial = {held.serial: held for held in self.passages}
        hits = index.search(query, len(self.passages), within=serials)
        return [(held.document_id, held.text, hit.score) for hit in hits for held in (by_serial[hit.passage_id],)]

    def text_of(self, held: Held) -> Text:
        return Text(held.serial, self.documents[held.document_id].document.title, "", held.text)

    def _names_of(self, held: Held) -> dict[str, Mention]:
        new = self.documents[held.document_id]
        serials = sorted(other.serial for other in self.passages if other.document_id == held.document_id)
        found = mentions(new.document.title, [(passage.text, passage.entities) for passage in new.passages])
        return found[serials.index(held.serial)]


def _ordered(scored: Sequence[tuple[Held, float]]) -> list[Found]:
    best = sorted(scored, key=lambda pair: (-pair[1], pair[0].serial))
    return [(held.document_id, held.text, score) for held, score in best]


def _same(found: Sequence[Found], expected: Sequence[Found]) -> None:
    assert [each[:2] for each in found] == [each[:2] for each in expected]
    assert [each[2] for each in found] == pytest.approx([each[2] for each in expected], abs=2e-6)


def _nearly(found: Sequence[Found], nearest: Sequence[Found], *, k: int) -> None:
    """As many as there are, each with its own score, in order, and hardly one of the k nearest is missing."""
    assert len(found) == min(k, len(nearest))
    scores = {each[:2]: each[2] for each in nearest}
    assert [each[2] for each in found] == pytest.approx([scores[each[:2]] for each in found], abs=2e-6)
    assert [each[2] for each in found] == sorted((each[2] for each in found), reverse=True)
    missed = sum(each[2] < nearest[len(found) - 1][2] - 2e-6 for each in found)
    assert missed <= max(1, k // 10)


def _migrate(store: Store, embedder: int, *, share: float) -> None:
    """Adds this share of the vectors that are lacking; the embedder changes if that is all of them."""
    with store.migration(COLLECTION, fingerprint=FINGERPRINTS[embedder]) as migration:
        texts = migration.texts(migration.lacking().tolist())
        some = texts[: round(share * len(texts))]
        migration.add([NewVector(text.passage_id, text.text, vector(text.text, embedder)) for text in some])
        if share == 1:
            with migration.alone():
                migration.prepare()
                migration.switch()


Planned: TypeAlias = tuple[Model, Callable[[Store], None]]


class Crash(BaseException):
    """The process ends here."""


class Agreement(RuleBasedStateMachine):
    """Two stores on one home, as two processes have them, and the model."""

    homes: ClassVar[Path]
    template: ClassVar[Path]
    storage: ClassVar[Storage]

    def __init__(self) -> None:
        super().__init__()
        self.home = Path(tempfile.mkdtemp(dir=self.homes)) / "home"
        shutil.copytree(self.template, self.home)
        self.stores = [self._open(), self._open()]
        self.model = Model()
        self.is_whole = True  # no file has been damaged, and no process killed, since the last repair
        self.is_compact = False  # nothing has changed since the last compaction
        with self._writer(self.stores[0]):
            pass

    def _open(self, reached: Reached = unheard) -> Store:
        return open_store(home=self.home, storage=self.storage, reached=reached)

    @rule(which=st.integers(0, 1), operation=operations, batch=batches, number=numbers)
    def change(self, which: int, operation: str, batch: Batch, number: int) -> None:
        after, act = self._planned(operation, batch, number)
        act(self.stores[which])
        self.model, self.is_compact = after, operation == "compact"

    @rule(moment=st.integers(1, 9), operation=operations, batch=batches, number=numbers)
    def crash(self, moment: int, operation: str, batch: Batch, number: int) -> None:
        """Another process is killed at a milestone: what is in its home at that moment is all that is left."""
        left = self.home.with_name(f"home after {len(list(self.home.parent.iterdir()))}")
        passed: list[Milestone] = []

        def reached(milestone: Milestone) -> None:
            passed.append(milestone)
            if len(passed) == moment:
                shutil.copytree(self.home, left)
                raise Crash

        after, act = self._planned(operation, batch, number)
        doomed = self._open(reached)
        try:
            act(doomed)
        except Crash:
            note(f"killed after {passed}")
            if not DECISIVE.intersection(passed):
                after = self.model
            for store in self.stores:
                store.close()
            self.home = left
            self.stores = [self._open(), self._open()]
            self.is_whole = False
        finally:
            doomed.close()
        self.model, self.is_compact = after, False

    @rule(which=st.integers(0, 1))
    def reopen(self, which: int) -> None:
        self.stores[which].close()
        self.stores[which] = self._open()

    @rule(number=numbers, how=st.sampled_from(["flip", "cut", "remove"]))
    def damage(self, number: int, how: str) -> None:
        """Files that are open are not touched: what is mapped into memory changes with them, as with any program."""
        for store in self.stores:
            store.close()
        files = sorted((self.home / "indexes").glob("*/*/*"), key=lambda file: (file.suffix, file.stat().st_size))
        if files:
            file = files[number % len(files)]
            whole = file.read_bytes() or b"x"
            middle = len(whole) // 2
            if how == "remove":
                file.unlink()
            else:
                file.write_bytes(
                    whole[:middle] + (bytes([whole[middle] ^ 1]) + whole[middle + 1 :] if how == "flip" else b"")
                )
            self.is_whole = self.is_compact = False
        self.stores = [self._open(), self._open()]

    @rule(which=st.integers(0, 1))
    def check(self, which: int) -> None:
        store = self.stores[which]
        if not self.is_whole:
            store.check(COLLECTION, repair=True)
            self.is_whole = True
        found = store.check(COLLECTION)
        assert all(result.ok for result in found), found

    def _planned(self, operation: str, batch: Batch, number: int) -> Planned:
        """The model after an operation, and the operation."""
        planned: Planned = getattr(self, f"_{operation.replace(' ', '_')}")(batch, number)
        return planned

    def _put(self, batch: Batch, _: int) -> Planned:
        documents = [self._document(name, content) for name, content in batch.items()]

        def act(store: Store) -> None:
            with self._writer(store) as writer:
                writer.put(documents)
                writer.publish()

        return self.model.put(documents), act

    def _put_many(self, _: Batch, number: int) -> Planned:
        """So many passages that new index files are due."""
        texts = [TEXTS[(number + i) % len(TEXTS)] for i in range(210 if number % 8 else 1100)]
        return self._put({"many": (texts, "", {}, set())}, number)

    def _delete(self, batch: Batch, number: int) -> Planned:
        gone = sorted(batch) + ["many"] * (number % 2)

        def act(store: Store) -> None:
            with self._writer(store) as writer:
                assert writer.delete(gone) == len(set(gone) & set(self.model.documents))

        return self.model.delete(gone), act

    def _delete_one(self, batch: Batch, _: int) -> Planned:
        (name, *_rest) = batch

        def act(store: Store) -> None:
            assert store.documents.delete(name, collection=COLLECTION) is (name in self.model.documents)

        return self.model.delete([name]), act

    def _erase(self, batch: Batch, _: int) -> Planned:
        (name, *_rest) = batch

        def act(store: Store) -> None:
            receipt = store.erase_document(name, collection=COLLECTION)
            assert receipt.clean, receipt

        return self.model.forget(name), act

    def _compact(self, _: Batch, _number: int) -> Planned:
        def act(store: Store) -> None:
            store.compact(COLLECTION)

        return self.model, act

    def _forget_vectors(self, _: Batch, _number: int) -> Planned:
        def act(store: Store) -> None:
            store.forget_vectors(COLLECTION)

        return self.model, act

    def _change_embedder(self, _: Batch, number: int) -> Planned:
        """Sometimes after a migration that comes half the way."""
        other = 1 - self.model.embedder

        def act(store: Store) -> None:
            for share in (0.5, 1.0) if number % 2 else (1.0,):
                _migrate(store, other, share=share)

        return replace(self.model, embedder=other), act

    def _writer(self, store: Store) -> AbstractContextManager[CollectionWriter]:
        return store.writer(COLLECTION, fingerprint=FINGERPRINTS[self.model.embedder])

    def _document(self, name: str, content: Content) -> NewDocument:
        texts, title, held, mentioned = content
        new = library.document(name, *texts, title=title, metadata=held, names=sorted(mentioned))
        passages = tuple(
            replace(passage, vector=vector(passage.text, self.model.embedder), embed_hash=passage.text)
            for passage in new.passages
        )
        return replace(new, passages=passages)

    @rule(
        which=st.integers(0, 1),
        text=st.sampled_from(QUESTIONS),
        raw=st.none() | st.sampled_from(FILTERS),
        groups=st.sampled_from(GROUPS),
        k=st.integers(1, 12) | st.just(2000),
    )
    def ask(self, which: int, text: str, raw: object, groups: frozenset[str] | None, k: int) -> None:
        self._agrees(self.stores[which].corpus(COLLECTION), text, raw=raw, groups=groups, k=k)

    @invariant()
    def agrees(self) -> None:
        for which, store in enumerate(self.stores):
            assert self._listed(which) == self.model.listed()
            question = QUESTIONS[len(self.model.passages) % len(QUESTIONS)]
            # The second always within one filter, whose passages it follows from change to change.
            raw, groups = (None, None) if which == 0 else (FILTERS[1], GROUPS[2])
            self._agrees(store.corpus(COLLECTION), question, raw=raw, groups=groups)

    def _listed(self, which: int) -> dict[str, tuple[int, int]]:
        found = self.stores[which].documents.list(COLLECTION, limit=1000).items
        return {info.id: (info.version, info.passages) for info in found}

    def _agrees(
        self, corpus: SqlCorpus, text: str, *, raw: object = None, groups: frozenset[str] | None = None, k: int = 7
    ) -> None:
        where = None if raw is None else parse(raw)
        searched = both(readable_by(groups), where)
        within = self.model.within(where, groups)
        query, fingerprint = vector(text, self.model.embedder), FINGERPRINTS[self.model.embedder]
        hits = corpus.dense(query, k, fingerprint=fingerprint, where=searched)
        found, nearest = self._found(corpus, hits), self.model.dense(text, within)
        if self.storage.exact_passages > len(TEXTS):
            _same(found, nearest[:k])
        else:
            _nearly(found, nearest, k=k)
        wanted = ", ".join(NAMES[: 1 + len(text) % 3])
        _same(self._found(corpus, corpus.entity(wanted, k, where=searched)), self.model.entity(wanted, within)[:k])
        self._agrees_on_words(corpus, text, k=k, where=searched, within=within)

    def _agrees_on_words(
        self, corpus: SqlCorpus, text: str, *, k: int, where: Filter | None, within: Sequence[Held]
    ) -> None:
        every = corpus.lexical(text, 10_000, where=where)
        by_serial = {held.serial: held for held in self.model.passages}
        expected = sorted(
            (h.document_id, h.text) for h in map(by_serial.__getitem__, self.model.matching(text, within))
        )
        assert sorted(found[:2] for found in self._found(corpus, every)) == expected
        assert every == sorted(every, key=lambda hit: (-hit.score, hit.passage_id))
        assert corpus.lexical(text, k, where=where) == every[:k]
        if self.is_compact:
            fresh = self.model.words(text, within)
            assert [hit.score for hit in every] == pytest.approx([found[2] for found in fresh], abs=2e-3)

    def _found(self, corpus: SqlCorpus, hits: Sequence[Hit]) -> list[Found]:
        found = corpus.passages([hit.passage_id for hit in hits])
        assert len(found) == len({passage.id for passage in found}) == len(hits)
        return [(passage.document_id, passage.text, hit.score) for passage, hit in zip(found, hits, strict=True)]

    def teardown(self) -> None:
        for store in self.stores:
            store.close()
        shutil.rmtree(self.home.parent)


@pytest.mark.parametrize("exact_passages", [50_000, 4])
def test_any_sequence_agrees_with_the_model(tmp_path: Path, home: Path, exact_passages: int) -> None:
    machine = type(
        "Here",
        (Agreement,),
        {"homes": tmp_path, "template": home, "storage": Storage(exact_passages=exact_passages)},
    )
    few = settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    run_state_machine_as_test(machine, settings=few)


def test_no_two_texts_are_as_near_to_a_question_by_accident() -> None:
    """Else the model and the store could order them differently, and both be right."""
    for embedder in range(len(FINGERPRINTS)):
        questions, texts = (np.stack([vector(text, embedder) for text in some]) for some in (QUESTIONS, TEXTS))
        scores = questions.astype(np.float64) @ texts.T
        assert np.diff(np.sort(scores, axis=1), axis=1).min() > 1e-5
