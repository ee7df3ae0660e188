"""What ports.Corpus promises, in every state that a collection's indexes can be in."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from grounding.errors import InvalidRequest, NotFound
from grounding.filters import parse
from grounding.ports import Corpus
from store.documents import NewDocument
from store.open import Store, open_store
from tests import postgres
from tests.store import library

OTHER = replace(library.FINGERPRINT, revision="2")
"""An embedder that the collection holds nothing of."""
DOCUMENTS = [
    library.document(
        "leave",
        "Employees may carry over five days of leave.",
        "Leave is asked for in the portal.",
        title="Leave",
        metadata={"lang": "en", "year": 2024},
        names=["Ada Lovelace"],
    ),
    library.document(
        "pump",
        "The pump HX-200 shows ERR-4012 when its inlet is blocked.",
        title="Pump",
        metadata={"lang": "en", "year": 2025},
        names=["HX-200", "the Ada Lovelace"],
    ),
    library.document(
        "休暇", "有給休暇は翌年度に5日まで繰り越すことができます。", title="休暇", metadata={"lang": "ja", "year": 2024}
    ),
    library.document("lunch", "The canteen serves lunch from noon.", metadata={"lang": "en", "tags": ["food"]}),
]


def _in_memory(store: Store) -> None:
    library.put(store, *DOCUMENTS)


def _in_indexes(store: Store) -> None:
    library.put(store, *DOCUMENTS, publish=True)


def _in_both(store: Store) -> None:
    library.put(store, *DOCUMENTS[:2], publish=True)
    library.put(store, *DOCUMENTS[2:])


def _changed_since(store: Store) -> None:
    older = [replace(each, document=replace(each.document, text="old")) for each in DOCUMENTS[:2]]
    library.put(store, *older, library.document("gone", "lunch leave pump", names=["HX-200"]), publish=True)
    library.put(store, *DOCUMENTS)
    store.documents.delete("gone")


def _damaged(store: Store) -> None:
    _in_both(store)
    for file in (store.home / "indexes").glob("*/*/*"):
        file.write_bytes(file.read_bytes()[:-7] + b"damaged")


STATES: dict[str, Callable[[Store], None]] = {
    "in memory": _in_memory,
    "in indexes": _in_indexes,
    "in both": _in_both,
    "changed since": _changed_since,
    "damaged": _damaged,
}


@pytest.fixture(scope="module", params=[*STATES, "in memory, PostgreSQL", "changed since, PostgreSQL"])
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A home, and the name of its database in PostgreSQL, "" if it is inside home."""
    home, (state, _, other) = tmp_path_factory.mktemp("built"), request.param.partition(", ")
    name, url = "", None
    if other:
        cluster: postgres.Cluster = request.getfixturevalue("cluster")
        name = cluster.create()
        url = cluster.url(name)
    with closing(open_store(home=home, database_url=url)) as opened:
        STATES[state](opened)
    return home, name


@pytest.fixture
def store(built: tuple[Path, str], tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Store]:
    """A copy of what was built."""
    home, name = built
    shutil.copytree(home, tmp_path / "home")
    if not name:
        with closing(open_store(home=tmp_path / "home")) as opened:
            yield opened
        return
    cluster: postgres.Cluster = request.getfixturevalue("cluster")
    copy = cluster.create(like=name)
    with closing(open_store(home=tmp_path / "home", database_url=cluster.url(copy))) as opened:
        yield opened
    cluster.drop(copy)


@pytest.fixture
def corpus(store: Store) -> Corpus:
    return store.corpus("library")


def _documents(corpus: Corpus, hits: object) -> list[str]:
    assert isinstance(hits, list)
    assert hits == sorted(hits, key=lambda hit: (-hit.score, hit.passage_id))
    return [passage.document_id for passage in corpus.passages([hit.passage_id for hit in hits])]


def test_the_dense_leg_finds_the_nearest_of_all(corpus: Corpus) -> None:
    for new in DOCUMENTS:
        for passage in new.passages:
            best = corpus.dense(passage.vector, 1, fingerprint=library.FINGERPRINT)[0]
            assert corpus.passages([best.passage_id])[0].text == passage.text
            assert best.score == pytest.approx(1.0, abs=1e-5)
    assert len(library.nearest(corpus, "any", 100)) == 5


def test_the_lexical_leg_finds_words(corpus: Corpus) -> None:
    assert _documents(corpus, corpus.lexical("ERR-4012", 5)) == ["pump"]
    assert _documents(corpus, corpus.lexical("休暇の繰り越し", 5)) == ["休暇"]
    assert _documents(corpus, corpus.lexical("lunch", 5)) == ["lunch"]
    assert corpus.lexical("", 5) == corpus.lexical("zzz", 5) == []


@pytest.mark.parametrize("language", ["en", "ja", "und"])
def test_the_lexical_leg_tells_how_much_of_a_question_a_passage_could_answer(corpus: Corpus, language: str) -> None:
    for question in ("ERR-4012", "carry over leave", "休暇の繰り越し"):
        best = corpus.lexical(question, 1, language=language)[0]
        assert 0 < best.score < corpus.ceiling(question, language=language)
    asked, beyond = (corpus.ceiling(text, language=language) for text in ("inlet", "inlet zeppelin"))
    assert asked < beyond
    assert corpus.ceiling("", language=language) == 0


def test_the_entity_leg_finds_names_and_rare_ones_weigh_more(corpus: Corpus) -> None:
    assert _documents(corpus, corpus.entity("hx-200, ada lovelace", 5)) == ["pump", "leave", "leave"]
    assert _documents(corpus, corpus.entity("ada lovelace", 2)) == ["leave", "leave"]
    assert corpus.entity("", 5) == corpus.entity("nobody", 5) == []


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"lang": "ja"}, {"休暇"}),
        ({"year": {"$gte": 2025}}, {"pump"}),
        ({"title": "Leave"}, {"leave"}),
        ({"document_id": {"$in": ["lunch", "pump"]}}, {"lunch", "pump"}),
        ({"year": {"$exists": False}}, {"lunch"}),
        ({"lang": "de"}, set()),
    ],
)
def test_a_filter_holds_in_each_leg(corpus: Corpus, raw: object, expected: set[str]) -> None:
    where = parse(raw)
    assert set(_documents(corpus, library.nearest(corpus, "any", 100, where=where))) == expected
    words = "leave portal pump canteen 休暇"
    assert set(_documents(corpus, corpus.lexical(words, 100, where=where))) == expected
    named = {"leave", "pump"} & expected
    assert set(_documents(corpus, corpus.entity("ada lovelace", 100, where=where))) == named


def test_what_is_deleted_is_gone_from_each_leg(store: Store, corpus: Corpus) -> None:
    pump = DOCUMENTS[1].passages[0]
    (passage_id,) = (hit.passage_id for hit in corpus.lexical("ERR-4012", 5))
    before = corpus.change
    assert store.documents.delete("pump")
    assert corpus.change == before + 1
    assert passage_id not in {hit.passage_id for hit in corpus.dense(pump.vector, 100, fingerprint=library.FINGERPRINT)}
    assert corpus.lexical("ERR-4012", 5) == corpus.entity("hx-200", 5) == []
    assert corpus.passages([passage_id]) == []
    assert corpus.document_text("pump", version=1) is None


def test_what_is_committed_is_found_at_once(store: Store, corpus: Corpus) -> None:
    assert corpus.lexical("umbrella", 5) == []
    new = library.document("weather", "Bring an umbrella.", names=["Umbrella Ltd"])
    library.put(store, new)
    assert _documents(corpus, corpus.lexical("umbrella", 5)) == ["weather"]
    assert _documents(corpus, corpus.dense(new.passages[0].vector, 1, fingerprint=library.FINGERPRINT)) == ["weather"]
    assert _documents(corpus, corpus.entity("umbrella ltd", 1)) == ["weather"]


def test_a_changed_document_has_a_new_version_and_only_its_new_passages(store: Store, corpus: Corpus) -> None:
    version = corpus.passages([corpus.lexical("canteen", 1)[0].passage_id])[0].version
    library.put(store, library.document("lunch", "The canteen is closed.", metadata={"lang": "en"}))
    (found,) = corpus.passages([hit.passage_id for hit in corpus.lexical("canteen noon", 5)])
    assert (found.text, found.version) == ("The canteen is closed.", version + 1)
    assert corpus.document_text("lunch", version=version) is None
    assert corpus.document_text("lunch", version=version + 1) == "The canteen is closed."


def _ids(corpus: Corpus) -> dict[str, int]:
    """The passages' ids by their texts."""
    held = corpus.passages([hit.passage_id for hit in library.nearest(corpus, "any", 100)])
    return {passage.text: passage.id for passage in held}


def test_the_similarity_of_any_passage_is_that_of_the_dense_leg(corpus: Corpus) -> None:
    query = library.vector("any")
    hits = {hit.passage_id: hit.score for hit in library.nearest(corpus, "any", 100)}
    assert corpus.similarity(query, [*hits, 10**9], fingerprint=library.FINGERPRINT) == pytest.approx(hits, abs=1e-5)
    some = sorted(hits)[:2]
    assert set(corpus.similarity(query, some, fingerprint=library.FINGERPRINT)) == set(some)
    assert corpus.similarity(query, [], fingerprint=library.FINGERPRINT) == {}
    assert corpus.similarity(query, some, fingerprint=OTHER) == {}


def test_the_background_is_what_all_passages_have_in_common(store: Store, corpus: Corpus) -> None:
    query = library.vector("any")
    for texts in ([], ["Bring an umbrella."]):
        library.put(store, *(library.document(text, text) for text in texts))
        scores = [hit.score for hit in library.nearest(corpus, "any", 100)]
        found = corpus.background(query, fingerprint=library.FINGERPRINT)
        assert found is not None
        assert (found.mean, found.deviation) == pytest.approx((np.mean(scores), np.std(scores)), abs=1e-5)
        assert found.passages == len(scores) == 5 + len(texts)
    assert corpus.background(query, fingerprint=OTHER) is None


def test_each_passage_has_its_language_and_none_where_it_is_not_known(store: Store, corpus: Corpus) -> None:
    new = library.document("both", "Bring an umbrella.", "傘を持参してください。", "...")
    spoken = tuple(replace(each, language=its) for each, its in zip(new.passages, ["en", "ja", ""], strict=True))
    library.put(store, replace(new, passages=spoken))
    ids = _ids(corpus)
    asked = [ids[each.text] for each in new.passages]
    assert corpus.languages([*asked, 10**9]) == dict(zip(asked, ["en", "ja", ""], strict=True))
    assert [passage.language for passage in corpus.passages(asked)] == ["en", "ja", ""]
    assert corpus.languages([]) == {}


def _with_tokens() -> NewDocument:
    """Three passages; of two of them tokens were kept."""
    new = library.document("tokens", "One token.", "Two tokens.", "No token.")
    kept = zip(new.passages, [b"\x00one", b"\xfftwo", b""], strict=True)
    return replace(new, passages=tuple(replace(each, tokens=tokens) for each, tokens in kept))


def test_tokens_come_back_as_they_were_kept(store: Store, corpus: Corpus) -> None:
    library.put(store, _with_tokens())
    ids = _ids(corpus)
    one, two, none = (ids[text] for text in ("One token.", "Two tokens.", "No token."))
    assert corpus.tokens([two, none, one, 10**9], fingerprint=library.FINGERPRINT) == {one: b"\x00one", two: b"\xfftwo"}
    assert corpus.tokens([one, two], fingerprint=OTHER) == corpus.tokens([], fingerprint=library.FINGERPRINT) == {}
    # Nothing is embedded again where the same text comes once more.
    with store.writer("library", fingerprint=library.FINGERPRINT) as writer:
        known = writer.vectors(["hash of One token.", "hash of No token."])
    assert {name: found.tokens for name, found in known.items()} == {
        "hash of One token.": b"\x00one",
        "hash of No token.": b"",
    }


def test_what_is_deleted_has_no_similarity_language_or_tokens(store: Store, corpus: Corpus) -> None:
    library.put(store, _with_tokens())
    gone = [number for text, number in _ids(corpus).items() if "token" in text]
    assert len(gone) == 3
    store.documents.delete("tokens")
    assert corpus.similarity(library.vector("any"), gone, fingerprint=library.FINGERPRINT) == {}
    assert corpus.languages(gone) == {}
    assert corpus.tokens(gone, fingerprint=library.FINGERPRINT) == {}
    found = corpus.background(library.vector("any"), fingerprint=library.FINGERPRINT)
    assert found is not None
    assert found.passages == 5


def test_a_passage_carries_all_that_a_citation_needs(corpus: Corpus) -> None:
    (found,) = corpus.passages([corpus.lexical("portal", 1)[0].passage_id])
    assert (found.document_id, found.source, found.title) == ("leave", "leave.txt", "Leave")
    assert found.metadata == {"lang": "en", "year": 2024}
    whole = corpus.document_text("leave", version=found.version)
    assert whole is not None
    assert whole[found.start : found.end] in (found.text, "")  # one state stores an older text


def test_passages_come_in_the_order_asked_for_without_those_that_are_not_there(corpus: Corpus) -> None:
    ids = [hit.passage_id for hit in library.nearest(corpus, "any", 100)]
    assert [each.id for each in corpus.passages([*reversed(ids), 10**9, ids[0]])] == [*reversed(ids), ids[0]]
    assert corpus.passages([]) == []


def test_nothing_is_asked_for(corpus: Corpus) -> None:
    assert library.nearest(corpus, "any", 0) == corpus.lexical("leave", 0) == corpus.entity("hx-200", 0) == []


@pytest.mark.parametrize("query", [np.ones(3, np.float32), np.full(library.DIMENSION, np.nan, np.float32)])
def test_a_query_vector_that_cannot_be_compared_is_refused(corpus: Corpus, query: np.ndarray) -> None:
    with pytest.raises(InvalidRequest, match="vector"):
        corpus.dense(query, 5, fingerprint=library.FINGERPRINT)


def test_a_collection_that_was_deleted_is_not_found(store: Store, corpus: Corpus) -> None:
    assert corpus.name == "library"
    assert corpus.fingerprint == library.FINGERPRINT
    store.collections.delete("library")
    for call in (lambda: corpus.lexical("leave", 1), lambda: corpus.change, lambda: store.corpus("library")):
        with pytest.raises(NotFound):
            call()
    library.put(store, DOCUMENTS[3])
    assert len(store.corpus("library").lexical("lunch leave", 5)) == 1


def test_it_knows_the_words_of_its_passages(store: Store) -> None:
    library.put(store, library.document("a", "Anergic cells of the HX-200"), collection="words")
    corpus = store.corpus("words")
    assert corpus.knows("anergic")
    assert corpus.knows("hx-200")
    assert not corpus.knows("allergic")


def test_an_empty_collection_answers_with_nothing(store: Store) -> None:
    store.collections.create("empty")
    empty = store.corpus("empty")
    assert empty.fingerprint is None
    assert empty.change == 0
    assert empty.background(library.vector("any"), fingerprint=library.FINGERPRINT) is None
    assert library.nearest(empty, "any", 5) == empty.lexical("leave", 5) == empty.entity("hx-200", 5) == []


def test_passages_of_another_collection_are_as_if_they_were_not_there(store: Store, corpus: Corpus) -> None:
    library.put(store, _with_tokens())
    ids = list(_ids(corpus).values())
    store.collections.create("empty")
    empty = store.corpus("empty")
    assert empty.similarity(library.vector("any"), ids, fingerprint=library.FINGERPRINT) == {}
    assert empty.languages(ids) == {}
    assert empty.tokens(ids, fingerprint=library.FINGERPRINT) == {}
    assert empty.passages(ids) == []
