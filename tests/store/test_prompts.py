"""Prompts in versions: what was made is never changed, and the most specific use holds in every process at once."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grounding.errors import InvalidRequest, NotFound
from grounding.prompt import ABSTENTION, BUILT_IN
from grounding.values import Template
from store.open import Store, open_store
from store.restoring import restore

TEXT = "Answer from the passages, like [1], or say: I don't know."
PLACES = [("library", "en"), ("library", ""), ("", "en"), ("", "")]
"""From the most specific to the most general."""


def version_in_use(store: Store, collection: str = "library", language: str = "en") -> str:
    return store.prompts.template(collection=collection, language=language).version


def test_the_built_in_is_in_use_where_nobody_chose(store: Store) -> None:
    assert store.prompts.template(collection="library", language="en") == BUILT_IN
    (known,) = store.prompts.list()
    assert (known.template, known.created_at) == (BUILT_IN, None)


def test_versions_count_from_one_for_each_name(store: Store) -> None:
    made = [store.prompts.add(name, f"{TEXT} {number}")[0].version for number, name in enumerate("aabab")]
    assert made == ["a-1", "a-2", "b-1", "a-3", "b-2"]
    assert [each.version for each in store.prompts.list()] == [BUILT_IN.version, "a-1", "a-2", "a-3", "b-1", "b-2"]
    assert store.prompts.get("a").version == "a-3"
    assert store.prompts.get("a-1").text == f"{TEXT} 0"


def test_the_same_text_makes_no_version(store: Store) -> None:
    first, made = store.prompts.add("support", TEXT, note="first")
    assert made
    assert store.prompts.add("support", f"{TEXT}\r\n", note="second") == (first, False)
    other, made = store.prompts.add("support", "Another.")
    assert (other.version, made) == ("support-2", True)
    back, made = store.prompts.add("support", TEXT)
    assert (back.version, made) == ("support-3", True)


@pytest.mark.parametrize("name", ["answer", "", "a b", "support-2", "-x", "ä", "x" * 65, "../x"])
def test_a_name_that_cannot_be_one_is_refused(store: Store, name: str) -> None:
    with pytest.raises(InvalidRequest, match="name"):
        store.prompts.add(name, TEXT)


def test_an_empty_text_is_refused(store: Store) -> None:
    with pytest.raises(InvalidRequest, match="empty"):
        store.prompts.add("support", " \n ")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(PLACES), st.sampled_from(["support-1", "support-2", BUILT_IN.version, ""]))))
def test_the_most_specific_use_holds(store: Store, chosen: list[tuple[tuple[str, str], str]]) -> None:
    if len(store.prompts.list()) == 1:
        store.collections.create("library")
        store.prompts.add("support", TEXT)
        store.prompts.add("support", "Another.")
    model: dict[tuple[str, str], str] = {}
    for collection, language in PLACES:  # what an example before left behind
        if any(use.holds for use in store.prompts.uses() if (use.collection, use.language) == (collection, language)):
            store.prompts.lift(collection=collection, language=language)
    for (collection, language), version in chosen:
        if version:
            assert store.prompts.use(version, collection=collection, language=language).version == version
            model[collection, language] = version
        elif model.pop((collection, language), None) is None:
            with pytest.raises(NotFound):
                store.prompts.lift(collection=collection, language=language)
        else:
            store.prompts.lift(collection=collection, language=language)
    assert {(use.collection, use.language): use.prompt for use in store.prompts.uses() if use.holds} == model
    for collection in ("library", "other"):
        for language in ("en", "ja", "und"):
            order = [(collection, language), (collection, ""), ("", language), ("", "")]
            expected = next((model[place] for place in order if place in model), BUILT_IN.version)
            found = store.prompts.template(collection=collection, language=language)
            assert found == store.prompts.get(expected).template


def test_another_process_uses_it_at_the_next_question(store: Store, home: Path, database_url: str | None) -> None:
    store.prompts.add("support", TEXT)
    with closing(open_store(home=home, database_url=database_url)) as other:
        assert version_in_use(other) == BUILT_IN.version
        store.prompts.use("support-1")
        assert other.prompts.template(collection="library", language="en") == Template("support-1", TEXT)
        other.prompts.use("answer")
        assert version_in_use(store) == BUILT_IN.version


def test_a_built_in_of_an_earlier_program_stands_for_that_of_now(store: Store) -> None:
    store.prompts.use(BUILT_IN.version)
    with store._database.write() as connection:
        connection.exec_driver_sql("UPDATE prompt_uses SET prompt = 'answer-1'")
    assert store.prompts.template(collection="library", language="en") == BUILT_IN


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("suport", "did you mean 'support'"),
        ("support-2", "did you mean 'support-1'"),
        ("answer-999", "did you mean 'answer"),
        ("x", "grounding prompt list"),
    ],
)
def test_an_unknown_prompt_names_the_nearest(store: Store, reference: str, says: str) -> None:
    store.prompts.add("support", TEXT)
    for refused in (store.prompts.get, store.prompts.use):
        with pytest.raises(NotFound, match=says):
            refused(reference)


def test_an_unknown_collection_names_the_nearest(store: Store) -> None:
    store.collections.create("library")
    with pytest.raises(NotFound, match="did you mean 'library'"):
        store.prompts.use("answer", collection="libary")
    assert store.prompts.uses() == ()


@pytest.mark.parametrize(
    ("language", "says"), [("jp", "did you mean 'ja'"), ("EN", "did you mean 'en'"), ("eng", "'en'"), ("xx", "such as")]
)
def test_what_is_no_language_is_refused(store: Store, language: str, says: str) -> None:
    for refused in (
        lambda: store.prompts.use("answer", language=language),
        lambda: store.prompts.lift(language=language),
    ):
        with pytest.raises(InvalidRequest, match=says):
            refused()


def test_a_use_outlives_its_collection_and_does_no_harm(store: Store) -> None:
    store.collections.create("library")
    store.prompts.add("support", TEXT)
    store.prompts.use("support", collection="library")
    store.collections.delete("library")
    assert version_in_use(store, "other") == BUILT_IN.version
    assert version_in_use(store) == "support-1"  # one of this name may come again
    store.prompts.lift(collection="library")
    assert version_in_use(store) == BUILT_IN.version


def test_history_is_kept_newest_first(store: Store) -> None:
    store.prompts.add("support", TEXT)
    store.prompts.use("support")
    store.prompts.use("answer", language="ja")
    store.prompts.lift()
    found = [(use.collection, use.language, use.prompt, use.holds) for use in store.prompts.uses()]
    assert found == [
        ("", "", "", False),
        ("", "ja", BUILT_IN.version, True),
        ("", "", "support-1", False),
    ]


def test_a_backup_holds_prompts_and_uses(store: Store, home: Path, tmp_path: Path) -> None:
    store.prompts.add("support", TEXT, note="why")
    store.prompts.use("support", language="ja")
    known, uses = store.prompts.list(), store.prompts.uses()
    store.backup(tmp_path / "kept.tar")
    restore(tmp_path / "kept.tar", home=tmp_path / "again")
    with closing(open_store(home=tmp_path / "again")) as other:
        assert (other.prompts.list(), other.prompts.uses()) == (known, uses)
        other.prompts.use("support")
        assert version_in_use(other) == "support-1"


def test_the_built_in_says_what_the_rest_relies_on() -> None:
    assert ABSTENTION.match("I don't know.")
    assert "I don't know" in BUILT_IN.text
