from __future__ import annotations

from collections.abc import Mapping
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grounding.errors import InvalidRequest
from grounding.filters import All, Clause, Filter, Not, Operator, Some, both, parse, readable_by, without_field


def test_a_bare_value_means_equality() -> None:
    assert parse({"lang": "en"}) == Clause("lang", "$eq", ("en",))


def test_fields_and_operators_together_must_all_hold() -> None:
    assert parse({"lang": "en", "year": {"$gte": 2020, "$lt": 2025}}) == All(
        (Clause("lang", "$eq", ("en",)), All((Clause("year", "$gte", (2020,)), Clause("year", "$lt", (2025,)))))
    )


def test_junctions_nest() -> None:
    parsed = parse({"$or": [{"a": 1}, {"$not": {"b": {"$in": ["x", "y"]}}}]})
    assert parsed == Some((Clause("a", "$eq", (1,)), Not(Clause("b", "$in", ("x", "y")))))


def test_an_empty_filter_is_none() -> None:
    assert parse({}) is None


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        ({"year": {"$gtr": 2020}}, r"filters\.year: unknown operator '\$gtr'; did you mean \$gt"),
        ({"$xor": []}, r"filters: unknown operator '\$xor'"),
        ({"year": {"$in": "x"}}, r"filters\.year\.\$in: expected a list"),
        ({"year": {"$in": []}}, r"at least one"),
        ({"$and": []}, r"filters\.\$and"),
        ({"a": None}, r"filters\.a\.\$eq: .*null"),
        ({"a": {"$gt": True}}, r"boolean"),
        ({"a": {"$exists": "yes"}}, r"expected true or false"),
        ({"a": {"$eq": float("nan")}}, r"nan"),
        (["a"], r"filters: expected an object"),
        ({"a": {}}, r"expected an operator"),
        ({"$or": [{"a": i} for i in range(201)]}, r"more than 200"),
    ],
)
def test_a_wrong_filter_names_the_culprit(raw: object, says: str) -> None:
    with pytest.raises(InvalidRequest, match=says):
        parse(raw)


def test_depth_is_bounded() -> None:
    raw: object = {"a": 1}
    for _ in range(50):
        raw = {"$not": raw}
    with pytest.raises(InvalidRequest, match="20 deep"):
        parse(raw)


def test_callers_read_what_names_no_group_or_one_of_theirs() -> None:
    open_to_all = Clause("groups", "$exists", (False,))
    assert readable_by(None) is None
    assert readable_by([]) == readable_by([""]) == open_to_all
    assert readable_by({"b", "a", ""}) == Some((open_to_all, Clause("groups", "$in", ("a", "b"))))


def test_two_filters_are_one() -> None:
    one, other = Clause("a", "$eq", (1,)), Clause("b", "$eq", (2,))
    assert both(None, None) is None
    assert both(one, None) == both(None, one) == one
    assert both(one, other) == All((one, other))


COMPARING: tuple[Operator, ...] = ("$eq", "$ne", "$in", "$nin", "$gt", "$gte", "$lt", "$lte")
FIELDS = ("groups", "lang", "groups.deep")
clauses = st.sampled_from(
    [Clause(field, operator, ("x",)) for field in FIELDS for operator in COMPARING]
    + [Clause(field, "$exists", (wanted,)) for field in FIELDS for wanted in (True, False)]
)
trees = st.recursive(
    clauses,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda parts: All(tuple(parts)))
        | st.lists(inner, max_size=3).map(lambda parts: Some(tuple(parts)))
        | inner.map(Not)
    ),
    max_leaves=8,
)


def _holds(where: Filter | None, truths: Mapping[Clause, bool]) -> bool:
    """Whether a document matches that lacks `groups`, and of which the other clauses are as true as `truths` says."""
    match where:
        case None:
            return True
        case All(parts):
            return all(_holds(part, truths) for part in parts)
        case Some(parts):
            return any(_holds(part, truths) for part in parts)
        case Not(part):
            return not _holds(part, truths)
        case Clause("groups", operator, values):
            return operator in ("$ne", "$nin") or (operator == "$exists" and values == (False,))
        case Clause():
            return truths[where]


@given(where=trees, seed=st.randoms())
def test_a_filter_without_a_field_means_the_same_where_no_document_has_it(where: Filter, seed: Random) -> None:
    truths = {clause: seed.random() < 0.5 for clause in _clauses(where)}
    left = without_field(where, "groups")
    assert _holds(left, truths) == _holds(where, truths)
    assert all(clause.field != "groups" for clause in _clauses(left))


def test_what_an_absent_field_matches() -> None:
    matching = [
        *(operator for operator in COMPARING if without_field(Clause("groups", operator, ("x",)), "groups") is None),
        *(
            wanted
            for wanted in (True, False)
            if without_field(Clause("groups", "$exists", (wanted,)), "groups") is None
        ),
    ]
    assert matching == ["$ne", "$nin", False]


def _clauses(where: Filter | None) -> set[Clause]:
    match where:
        case Clause():
            return {where}
        case All(parts) | Some(parts):
            return set().union(*(_clauses(part) for part in parts))
        case Not(part):
            return _clauses(part)
        case None:
            return set()


def test_permissions_let_all_through_where_no_document_names_a_group() -> None:
    lang = Clause("lang", "$eq", ("en",))
    for groups in ([], ["a", "b"]):
        assert without_field(readable_by(groups) or lang, "groups") is None
        assert without_field(both(readable_by(groups), lang) or lang, "groups") == All((lang,))
