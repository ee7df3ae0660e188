"""Any sequence of changes to a source and of runs over it, whole or cut off, ends with the collection as the source."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from grounding import plugins
from grounding.settings import Settings
from ingest.report import Progress, Report
from store.open import open_store
from store.schema import DocumentRow, DocumentText, PassageRow, VectorRow
from tests.ingest.test_job import Kit, Recording, counts

TEXTS = tuple(f"Text {name}. " + f"The river {name} rises in spring. " * 30 for name in "ABCD")
"""Of several passages each."""
BROKEN = b"\x00\x01\x02\xff"
FILES = ("a.txt", "b.txt", "sub/c.txt", "z.txt")
RECORD_FILES = ("m.jsonl", "sub/r.jsonl")

Content: TypeAlias = "int | Mapping[str, int | None] | None"
"""The number of a text, None for what cannot be read; for a file of records, those by id."""


@dataclass(frozen=True)
class Change:
    """A file gets other content, or goes."""

    name: str
    content: Content
    gone: bool = False


@dataclass(frozen=True)
class Run:
    """An ingest, cut off when it has told of its progress so many times."""

    prune: bool
    cut: int | None


TEXT = st.one_of(st.none(), st.integers(0, len(TEXTS) - 1))
STEPS = st.lists(
    st.one_of(
        st.builds(Change, st.sampled_from(FILES), TEXT),
        st.builds(Change, st.sampled_from(FILES), st.none(), st.just(True)),
        st.builds(Change, st.sampled_from(RECORD_FILES), st.dictionaries(st.sampled_from("123"), TEXT, min_size=1)),
        st.builds(Change, st.sampled_from(RECORD_FILES), st.none(), st.just(True)),
        st.builds(Run, st.booleans(), st.one_of(st.none(), st.integers(1, 6))),
    ),
    max_size=12,
)


@dataclass
class World:
    """A source, and the collection that is made of it."""

    kit: Kit
    tree: dict[str, Content]

    def change(self, change: Change) -> None:
        if change.gone:
            self.tree.pop(change.name, None)
            (self.kit.docs / change.name).unlink(missing_ok=True)
        elif isinstance(change.content, Mapping):
            self.tree[change.name] = change.content
            self.kit.write(change.name, "\n".join(_line(key, text) for key, text in change.content.items()))
        else:
            self.tree[change.name] = change.content
            self.kit.write(change.name, BROKEN if change.content is None else TEXTS[change.content])

    def expected(self) -> dict[str, int | None]:
        """The text of each document of the source, by its source key; None for what cannot be read."""
        found: dict[str, int | None] = {}
        for name, content in self.tree.items():
            if isinstance(content, Mapping):
                found |= {f"docs/{name}#{key}": text for key, text in content.items()}
            else:
                found[f"docs/{name}"] = content
        return found

    def run(self, *, prune: bool, cut: int | None = None) -> Report:
        """Runs; nothing that the collection holds at the beginning and keeps is embedded, nothing twice."""
        told = 0

        def cutting(_: Progress) -> None:
            nonlocal told
            told += 1
            if told == cut:
                raise KeyboardInterrupt

        before = self.held()
        report = self.kit.run(prune=prune, batch_passages=1, progress=cutting)
        embedded = [hashlib.sha256(text.encode()).hexdigest() for text in self.kit.embedder.texts]
        assert len(embedded) == len(set(embedded))
        assert {digest for _, digest in before & self.held()}.isdisjoint(embedded)
        return report

    def stored(self) -> dict[str, str]:
        """The text of each document of the collection, by its source key."""
        with self.kit.store._database.read() as connection:
            query = select(DocumentRow.source, DocumentText.text)
            rows = connection.execute(query.where(DocumentText.document_id == DocumentRow.id))
            return {row.source: row.text for row in rows}

    def held(self) -> set[tuple[str, str]]:
        """The hash of each embedded text of the collection, with the source key of its document."""
        with self.kit.store._database.read() as connection:
            rows = connection.execute(
                select(DocumentRow.source, VectorRow.embed_hash)
                .join(PassageRow, PassageRow.document_id == DocumentRow.id)
                .join(VectorRow, VectorRow.passage_id == PassageRow.id)
            )
            return {(source, digest) for source, digest in rows}

    def is_protected(self, source: str) -> bool:
        """Whether it came from a file of which something cannot be read now: it may still be in there."""
        name = source.removeprefix("docs/").partition("#")[0]
        content = self.tree.get(name, 0)
        return content is None or (isinstance(content, Mapping) and None in content.values())


def _line(key: str, text: int | None) -> str:
    return "not json" if text is None else json.dumps({"_id": key, "text": TEXTS[text]})


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("migrated")
    open_store(home=home).close()
    return home


@pytest.fixture(scope="module")
def world(migrated: Path) -> Callable[[], AbstractContextManager[World]]:
    """Makes new ones."""

    @contextmanager
    def make() -> Iterator[World]:
        with tempfile.TemporaryDirectory() as folder:
            home = shutil.copytree(migrated, Path(folder) / "home")
            docs = Path(folder) / "docs"
            docs.mkdir()
            models = {"embedder": "builtin", "entities": {"en": "builtin", "ja": "builtin"}}
            chosen = Settings.model_validate({"home": home, "models": models, "ingest": {"passage_tokens": 64}})
            with closing(open_store(home=home)) as store:
                embedder = Recording(plugins.embedder("builtin", settings=chosen))
                yield World(Kit(store, chosen, embedder, docs), {})

    return make


@given(steps=STEPS)
@settings(max_examples=15, deadline=None)
def test_every_document_ends_in_one_outcome(
    world: Callable[[], AbstractContextManager[World]], steps: Sequence[Change | Run]
) -> None:
    with world() as made:
        for step in steps:
            if isinstance(step, Change):
                made.change(step)
            else:
                made.run(prune=step.prune, cut=step.cut)
        _ends_as_its_source(made)


def _ends_as_its_source(world: World) -> None:
    expected, before = world.expected(), set(world.stored())
    predicted = world.kit.run(prune=True, dry_run=True)
    report = world.run(prune=True)
    assert counts(report) == counts(predicted)
    assert report.documents.seen == len(expected)
    stored, failed = world.stored(), {failure.source for failure in report.failures}
    for source, text in expected.items():
        if text is not None and source not in failed:
            assert TEXTS[text] in stored.values()
            assert stored.get(source, TEXTS[text]) == TEXTS[text]
    gone = {source for source in before if source not in expected and not world.is_protected(source)}
    assert before - set(stored) == gone
    assert report.documents.deleted == len(gone)
    again = world.run(prune=True)
    assert world.kit.embedder.texts == []
    assert counts(again).keys() <= {"unchanged", "duplicate", "failed"}
    assert all(result.ok for result in world.kit.store.check())
