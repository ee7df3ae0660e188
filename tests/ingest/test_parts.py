"""The small parts of an ingest: ledger, preparation, encoding, overlapping work."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from grounding.errors import LoadError, MissingDependency, ModelError
from grounding.values import Entity, Fingerprint, FloatMatrix, Vectorized
from ingest import flow
from ingest.encode import Encoder
from ingest.ledger import Keep, Ledger, Wait
from ingest.loaders.files import Loaded
from ingest.prepare import (
    CONTEXT_SHARE,
    Identity,
    Incoming,
    Prepared,
    Preparer,
    below_title,
    content_hash,
    context_of,
    document_id,
    embedding_text,
    shortened,
)
from ingest.report import Pace
from ingest.sources import Scope
from store.documents import KnownDocument, NewDocument


def count_words(texts: Sequence[str]) -> list[int]:
    return [len(text.split()) for text in texts]


def incoming(source: str, text: str = "text", *, id: str | None = None, title: str = "") -> Incoming:  # noqa: A002
    return Incoming(source, f"/x/{source}", Loaded(title, text, "text/plain", id=id))


def known(source: str, text: str = "text", *, id: str | None = None) -> KnownDocument:  # noqa: A002
    digest = content_hash(Loaded("", text, "text/plain"))
    return KnownDocument(id or document_id(source), source, digest, 1, f"/x/{source}", 3)


def ledger(*documents: KnownDocument, scope: bool = False) -> Ledger:
    scopes = [Scope(Path("/x"), "x")] if scope else []
    return Ledger({document.source: document for document in documents}, scopes)


# The ledger


def test_new_unchanged_and_changed() -> None:
    book = ledger(known("a"), known("b", "old"))
    assert book.decide(incoming("a")) == Keep("unchanged", 3)
    changed = book.decide(incoming("b", "new"))
    assert isinstance(changed, Identity)
    assert (changed.id, changed.change) == (document_id("b"), "updated")
    new = book.decide(incoming("c", "other", id="own"))
    assert isinstance(new, Identity)
    assert (new.id, new.change) == ("own", "created")


def test_the_same_content_under_another_source_is_a_duplicate() -> None:
    book = ledger(known("a"))
    assert book.decide(incoming("b")) == Keep("duplicate", 0)
    assert isinstance(book.decide(incoming("c", "new")), Identity)
    assert book.decide(incoming("d", "new")) == Keep("duplicate", 0)


def test_two_documents_that_swap_their_content_are_both_updated() -> None:
    book = ledger(known("a", "one"), known("b", "two"), scope=True)
    assert isinstance(book.decide(incoming("a", "two")), Identity)
    assert isinstance(book.decide(incoming("b", "one")), Identity)


def test_one_id_for_two_sources_names_both() -> None:
    book = ledger(known("a", id="7"))
    with pytest.raises(LoadError) as caught:
        book.decide(incoming("b", "other", id="7"))
    assert caught.value.reason == "duplicate_id"
    assert "'7'" in caught.value.detail
    assert "'a'" in caught.value.detail
    assert caught.value.source == "b"


def test_one_source_twice_in_a_run() -> None:
    book = ledger()
    book.decide(incoming("a"))
    with pytest.raises(LoadError) as caught:
        book.decide(incoming("a", "other"))
    assert caught.value.reason == "duplicate_source"


def test_a_renamed_document_waits_until_it_is_known_whether_the_old_one_goes() -> None:
    book = ledger(known("old"), scope=True)
    assert book.decide(incoming("new")) == Wait()
    missing = book.missing()
    assert [document.source for document in missing] == ["old"]
    book.forget(missing)
    book.settle()
    assert isinstance(book.decide(incoming("new")), Identity)


def test_without_prune_a_renamed_document_is_a_duplicate() -> None:
    book = ledger(known("old"), scope=True)
    assert book.decide(incoming("new")) == Wait()
    book.settle()
    assert book.decide(incoming("new")) == Keep("duplicate", 0)


def test_what_could_not_be_read_is_not_missing() -> None:
    book = ledger(known("f.jsonl#1"), known("f.jsonl#2"), known("sub/a"), known("sub2/a"), scope=True)
    book.failed("f.jsonl", "sub")
    assert [document.source for document in book.missing()] == ["sub2/a"]
    book = ledger(known("f.jsonl#1"), known("g"), scope=True)
    book.failed("/x/f.jsonl#1")
    assert [document.source for document in book.missing()] == ["g"]


# Preparation


def test_the_content_hash_covers_all_that_a_document_is() -> None:
    base = Loaded("t", "x", "text/plain", metadata={"a": 1, "b": [2]})
    assert content_hash(base) == content_hash(Loaded("t", "x", "text/plain", "k", "id", {"b": [2], "a": 1}))
    others = [
        Loaded("u", "x", "text/plain", metadata=base.metadata),
        Loaded("t", "y", "text/plain", metadata=base.metadata),
        Loaded("t", "x", "text/html", metadata=base.metadata),
        Loaded("t", "x", "text/plain", metadata={"a": "1", "b": [2]}),
    ]
    assert len({content_hash(other) for other in [base, *others]}) == 5


def test_the_context_of_a_passage_says_nothing_twice() -> None:
    assert embedding_text("Leave", "Europe > Galway", "Text.") == "Leave > Europe > Galway\nText."
    assert embedding_text("Leave", "", "# Leave\n\nText.") == "# Leave\n\nText."
    assert embedding_text("Leave", "Europe", "## Europe\n\nText.") == "Leave\n## Europe\n\nText."
    assert embedding_text("", "", "Text.") == "Text."
    assert below_title("Leave", "Leave > Europe") == "Europe"
    assert below_title("Leave", "Other > Europe") == "Other > Europe"
    assert context_of("A", "B > C", "x") == "A > B > C"


@given(st.text(max_size=200), st.integers(-1, 30))
@example(" ", -1)
@settings(deadline=None, max_examples=60)
def test_a_shortened_context_fits(context: str, limit: int) -> None:
    short = shortened(context, count_tokens=count_words, limit=limit)
    assert not short or count_words([short])[0] <= limit
    assert context.startswith(short)


@dataclass
class WordEmbedder:
    """Counts words; `refuses` is a word that it cannot embed."""

    max_tokens: int = 40
    refuses: str = ""
    broken: Callable[[FloatMatrix], FloatMatrix] | None = None
    seen: list[str] = field(default_factory=list)
    fingerprint: Fingerprint = field(default_factory=lambda: Fingerprint("words", "1", 4))

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return count_words(texts)

    def embed_queries(self, texts: Sequence[str]) -> FloatMatrix:
        return self.embed_passages(texts)

    def embed_passages(self, texts: Sequence[str]) -> FloatMatrix:
        self.seen += texts
        if self.refuses and any(self.refuses in text for text in texts):
            raise RuntimeError("cannot: " + texts[0])
        matrix = np.full((len(texts), 4), 0.5, dtype=np.float32)
        return self.broken(matrix) if self.broken else matrix


@dataclass
class Names:
    refuses: str = ""
    missing: bool = False
    asked: list[tuple[str, int]] = field(default_factory=list)

    def extract(self, texts: Sequence[str], *, language: str) -> list[tuple[Entity, ...]]:
        self.asked.append((language, len(texts)))
        if self.missing:
            raise MissingDependency("ja-ginza", purpose="Japanese names")
        if self.refuses and any(self.refuses in text for text in texts):
            raise ValueError(texts[0])
        return [(Entity(text[:1], "OTHER", 0, 1),) for text in texts]


def language_of(text: str) -> str:
    return "ja" if any("\u3040" <= char <= "\u30ff" for char in text) else "en"


def prepared(source: str, text: str, *, embedder: WordEmbedder | None = None, title: str = "") -> Prepared:
    preparer = Preparer(embedder or WordEmbedder(), language_of, 20)
    item = incoming(source, text, title=title)
    return preparer.prepare(item, Identity(document_id(source), "hash", "created"), collection="c")


def test_what_is_embedded_fits_the_window_whatever_the_title() -> None:
    embedder = WordEmbedder(max_tokens=24)
    document = prepared("a", "Some words are here. " * 40, embedder=embedder, title="word " * 200)
    assert len(document.drafts) > 3
    for draft in document.drafts:
        assert count_words([draft.embedded])[0] <= 24
        assert draft.embedded.endswith(draft.text)
        assert draft.embedded.startswith("word")
        assert count_words([draft.embedded.removesuffix(draft.text)])[0] <= 24 // CONTEXT_SHARE
        assert not draft.truncated


def test_a_passage_in_another_writing_has_its_own_language() -> None:
    text = "A paragraph in English stands here. " * 6 + "\n\n" + "これは日本語の文です。 " * 20
    document = prepared("a", text)
    assert document.language == "ja"
    assert {draft.language for draft in document.drafts} == {"en", "ja"}


# Encoding


@pytest.fixture
def encoder_of() -> Generator[Callable[..., Encoder]]:
    made: list[Encoder] = []

    def make(embedder: WordEmbedder, extractor: Names | None = None) -> Encoder:
        made.append(Encoder(embedder, extractor or Names()))
        return made[-1]

    yield make
    for encoder in made:
        encoder.close()


def encode(encoder: Encoder, *documents: Prepared) -> list[NewDocument | LoadError]:
    return encoder.finish(encoder.start(documents, {}))


def test_equal_texts_are_embedded_once_and_stored_vectors_are_used(encoder_of: Callable[..., Encoder]) -> None:
    embedder = WordEmbedder()
    encoder = encoder_of(embedder)
    one, two = prepared("a", "Same.", title="T"), prepared("b", "Same.", title="T")
    first, second = encode(encoder, one, two)
    assert isinstance(first, NewDocument)
    assert isinstance(second, NewDocument)
    assert embedder.seen == ["T\nSame."]
    stored = {one.drafts[0].embed_hash: Vectorized(first.passages[0].vector)}
    assert isinstance(encoder.finish(encoder.start([two], stored))[0], NewDocument)
    assert encoder.embedded == 1


def test_entities_are_asked_for_by_language_and_come_back_in_place(encoder_of: Callable[..., Encoder]) -> None:
    names = Names()
    documents = [prepared(str(n), f"{n} これは。" if n % 2 else f"{n} English") for n in range(6)]
    found = encode(encoder_of(WordEmbedder(), names), *documents)
    assert names.asked == [("en", 3), ("ja", 3)]
    for number, document in enumerate(found):
        assert isinstance(document, NewDocument)
        assert document.passages[0].entities[0].text == str(number)


def test_only_the_culprit_fails(encoder_of: Callable[..., Encoder]) -> None:
    embedder = WordEmbedder(refuses="poison")
    documents = [prepared("a", "One."), prepared("b", "Some poison."), prepared("c", "Three.")]
    first, bad, last = encode(encoder_of(embedder), *documents)
    assert isinstance(first, NewDocument)
    assert isinstance(last, NewDocument)
    assert isinstance(bad, LoadError)
    assert (bad.source, bad.stage, bad.reason) == ("b", "embed", "internal")
    assert "poison" not in bad.detail


def test_a_failing_extractor_costs_its_document(encoder_of: Callable[..., Encoder]) -> None:
    documents = [prepared("a", "One."), prepared("b", "Some poison.")]
    first, bad = encode(encoder_of(WordEmbedder(), Names(refuses="poison")), *documents)
    assert isinstance(first, NewDocument)
    assert isinstance(bad, LoadError)
    assert bad.stage == "entities"


def test_a_missing_package_ends_the_run(encoder_of: Callable[..., Encoder]) -> None:
    encoder = encoder_of(WordEmbedder(), Names(missing=True))
    with pytest.raises(MissingDependency):
        encode(encoder, prepared("a", "One."))


@pytest.mark.parametrize(
    "broken", [lambda matrix: matrix[:-1], lambda matrix: matrix[:, :2], lambda matrix: matrix * np.nan]
)
def test_nonsense_from_the_embedder_is_refused(
    encoder_of: Callable[..., Encoder], broken: Callable[[FloatMatrix], FloatMatrix]
) -> None:
    (bad,) = encode(encoder_of(WordEmbedder(broken=broken)), prepared("a", "One."))
    assert isinstance(bad, LoadError)
    assert (bad.stage, bad.reason) == ("embed", ModelError.code)


def test_an_embedder_that_never_works_is_not_asked_for_ever(encoder_of: Callable[..., Encoder]) -> None:
    embedder = WordEmbedder(refuses="Text")
    found = encode(encoder_of(embedder), *(prepared(str(n), f"Text {n}.") for n in range(50)))
    assert all(isinstance(item, LoadError) and item.stage == "embed" for item in found)
    assert len(embedder.seen) < 60


# Overlapping work


def test_ahead_gives_the_same_items_and_runs_at_most_so_far_ahead() -> None:
    made: list[int] = []

    def items() -> Generator[int]:
        for number in range(20):
            made.append(number)
            yield number

    got = []
    for item in flow.ahead(items(), size=2):
        if item is not None:
            got.append(item)
            assert len(made) <= len(got) + 4
    assert got == list(range(20))


def test_ahead_carries_errors_over() -> None:
    def items() -> Generator[int]:
        yield 1
        raise ValueError("broken")

    running = flow.ahead(items(), size=2)
    with pytest.raises(ValueError, match="broken"):
        list(running)


def test_closing_ahead_ends_its_thread_and_closes_the_items() -> None:
    closed = threading.Event()

    def items() -> Generator[int]:
        try:
            while True:
                yield 1
        finally:
            closed.set()

    running = flow.ahead(items(), size=2)
    next(running)
    running.close()
    assert closed.is_set()
    assert "load" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize("workers", [1, 4])
def test_tasks_are_done_in_order(workers: int) -> None:
    tasks = [lambda n=n: n * n for n in range(50)]
    assert list(flow.in_order(iter(tasks), workers=workers)) == [n * n for n in range(50)]


def test_progress_estimates_what_remains() -> None:
    pace = Pace(10)
    assert pace.progress(done=0, passages=0, embedded=0).remaining is None
    half = pace.progress(done=5, passages=9, embedded=9)
    assert half.remaining is not None
    assert half.total == 10
    assert pace.progress(done=12, passages=9, embedded=9).total == 12
    assert Pace(None).progress(done=3, passages=1, embedded=1).remaining is None
