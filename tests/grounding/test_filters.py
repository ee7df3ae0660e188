from __future__ import annotations

import pytest

from grounding.errors import InvalidRequest
from grounding.filters import All, Clause, Not, Some, parse


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
