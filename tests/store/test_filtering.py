"""Filters in SQL against the same filters in plain Python."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grounding.errors import InvalidRequest
from grounding.filters import All, Clause, Filter, Not, Operator, Some, parse
from store.filtering import values
from store.open import Store, open_store
from tests import postgres
from tests.store import library, reference

keys = st.sampled_from(["lang", "year", "groups", "a", "a.b", "deep.er", "title", "source", "document_id", "missing"])
long_text = st.sampled_from(["x" * 199, "x" * 200, "x" * 201, "x" * 200 + "y", "x" * 400])
hostile = st.sampled_from(["'; DROP TABLE documents; --", "1", "true", "%", "_"])
words = st.sampled_from(["", "a", "b", "B", "é", "日本", "🙂", "a0.txt"]) | hostile | long_text
numbers = st.sampled_from([0, 1, -1, 2.5, 2**53, 10**400, -(10**400)]) | st.integers(-5, 5) | st.floats(-5, 5)
scalars = words | numbers | st.booleans()
metadata = st.dictionaries(
    st.sampled_from(["lang", "year", "groups", "a", "a.b", "deep", "title"]),
    st.recursive(
        scalars | st.none() | st.just(math.nan),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["b", "er"]), inner, max_size=2),
        max_leaves=5,
    ),
    max_size=4,
)


@st.composite
def clauses(draw: st.DrawFn) -> Clause:
    field = draw(keys)
    operator: Operator = draw(st.sampled_from(["$eq", "$ne", "$in", "$nin", "$gt", "$gte", "$lt", "$lte", "$exists"]))
    match operator:
        case "$in" | "$nin":
            return Clause(field, operator, tuple(draw(st.lists(scalars, min_size=1, max_size=4))))
        case "$exists":
            return Clause(field, operator, (draw(st.booleans()),))
        case "$eq" | "$ne":
            return Clause(field, operator, (draw(scalars),))
        case _:
            return Clause(field, operator, (draw(words | numbers),))


filters = st.recursive(
    clauses(),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda parts: All(tuple(parts)))
        | st.lists(inner, max_size=3).map(lambda parts: Some(tuple(parts)))
        | inner.map(Not)
    ),
    max_leaves=6,
)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    url = None
    if request.param == "postgresql":
        cluster: postgres.Cluster = request.getfixturevalue("cluster")
        url = cluster.url(cluster.create())
    opened = open_store(home=tmp_path_factory.mktemp("home"), database_url=url)
    yield opened
    opened.close()


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(all_metadata=st.lists(metadata, min_size=1, max_size=6), wheres=st.lists(filters, min_size=1, max_size=8))
def test_agrees_with_plain_python(store: Store, all_metadata: list[dict[str, object]], wheres: list[Filter]) -> None:
    documents = [
        library.document(
            f"d{i}", f"text {i}", title="b" if i % 2 else "", metadata=each, source=f"{'ab'[i % 2]}{i}.txt"
        )
        for i, each in enumerate(all_metadata)
    ]
    with store.writer("library", fingerprint=library.FINGERPRINT) as writer:
        writer.delete([f"d{i}" for i in range(6)])
        writer.put(documents)
    corpus = store.corpus("library")
    for where in wheres:
        expected = {new.document.id for new in documents if reference.matches(where, new)}
        hits = library.nearest(corpus, "text 0", 100, where=where)
        found = {passage.document_id for passage in corpus.passages([hit.passage_id for hit in hits])}
        assert found == expected, where


def test_true_one_and_one_point_nought_are_kept_apart_where_users_do(store: Store) -> None:
    """To Python the three filters are equal, and a cache by value would give one the other's passages."""
    with store.writer("kinds", fingerprint=library.FINGERPRINT) as writer:
        writer.put(
            [
                library.document("number", "one", metadata={"n": 1}),
                library.document("truth", "two", metadata={"n": True}),
                library.document("text", "three", metadata={"n": "1"}),
            ]
        )
    corpus = store.corpus("kinds")
    for raw, expected in (({"n": 1}, "number"), ({"n": True}, "truth"), ({"n": 1.0}, "number"), ({"n": "1"}, "text")):
        hits = library.nearest(corpus, "one", 10, where=parse(raw))
        assert [each.document_id for each in corpus.passages([hit.passage_id for hit in hits])] == [expected]


def test_many_values_are_no_problem_for_the_database(store: Store) -> None:
    library.put(store, library.document("m", "many", metadata={"n": 19_999}), collection="many")
    where = parse({"n": {"$in": list(range(20_000))}})
    assert len(library.nearest(store.corpus("many"), "many", 5, where=where)) == 1


def test_half_a_surrogate_pair_is_a_bad_request(store: Store) -> None:
    library.put(store, library.document("s", "text"), collection="halves")
    with pytest.raises(InvalidRequest, match="Unicode"):
        library.nearest(store.corpus("halves"), "text", 5, where=parse({"a": "\ud800"}))


def test_metadata_is_flattened_by_dots_and_lists() -> None:
    held = {"a": {"b": [1, [2, "x"]], "c": None}, "t": True, "n": math.nan, "a.b": 3, "o": [{"p": 1}, {"p": 2}]}
    assert [(each.key, each.position, each.value) for each in values(held)] == [
        ("a.b", 0, 1),
        ("a.b", 1, 2),
        ("a.b", 2, "x"),
        ("t", 0, True),
        ("a.b", 3, 3),
        ("o.p", 0, 1),
        ("o.p", 1, 2),
    ]


@pytest.mark.parametrize("folder", ["a'b", "a b"])
def test_a_home_of_any_name(tmp_path: Path, folder: str) -> None:
    store = open_store(home=tmp_path / folder)
    library.put(store, library.document("d", "text"))
    assert store.collections.get("library").documents == 1
    store.close()
