"""Metadata filters: the JSON of a request -> a Filter that any store can apply. Pure.

Operators: $eq $ne $in $nin $gt $gte $lt $lte $exists on a field, $and $or $not around filters.
`{"lang": "en"}` means `{"lang": {"$eq": "en"}}`; several fields together must all hold.

Permissions are a filter, too: `readable_by` is the one place that says who may read a document.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast, get_args

from grounding.errors import InvalidRequest

Scalar: TypeAlias = str | int | float | bool
Operator: TypeAlias = Literal["$eq", "$ne", "$in", "$nin", "$gt", "$gte", "$lt", "$lte", "$exists"]
OPERATORS: tuple[str, ...] = get_args(Operator)
JUNCTIONS = ("$and", "$or", "$not")
GROUPS = "groups"
"""The field of a document's metadata that names the groups which may read it."""
MAX_CLAUSES = 200
"""More than any person writes, few enough for every database's limit on expression depth and parameters."""


@dataclass(frozen=True, slots=True)
class Clause:
    """`field operator values`: one value, except for $in and $nin. A field that a document lacks matches only
    $ne, $nin and `$exists: false`; a list in the metadata matches if one of its members does."""

    field: str
    operator: Operator
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class All:
    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Some:
    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Not:
    part: Filter


Filter: TypeAlias = "Clause | All | Some | Not"
_EVERYTHING: Filter = All(())
_NOTHING: Filter = Some(())


def readable_by(groups: Iterable[str] | None) -> Filter | None:
    """What a caller who belongs to these groups may read; None, which is everything, for None.

    A document without `groups` in its metadata is open to all who see its collection. With `groups` it is open to
    whom one of them belongs; `null` counts as absent. Where they name nobody, as an empty list, an empty text, a
    number or an object do, only callers who may read everything find it.
    """
    if groups is None:
        return None
    unrestricted = Clause(GROUPS, "$exists", (False,))
    held = tuple(sorted({group for group in groups if group}))
    return Some((unrestricted, Clause(GROUPS, "$in", held))) if held else unrestricted


def both(one: Filter | None, other: Filter | None) -> Filter | None:
    """What lets through what both let through; None lets all through."""
    if one is None or other is None:
        return one or other
    return All((one, other))


def without_field(where: Filter, field: str) -> Filter | None:
    """What the filter comes to where no document has the field: None if it then lets all through."""
    found = _without(where, field)
    return None if found == _EVERYTHING else found


def _without(where: Filter, field: str) -> Filter:
    match where:
        case Clause(name, operator, operands) if name == field:
            absent_matches = operator in ("$ne", "$nin") or (operator == "$exists" and operands == (False,))
            return _EVERYTHING if absent_matches else _NOTHING
        case Clause():
            return where
        case Not(inner):
            found = _without(inner, field)
            return _NOTHING if found == _EVERYTHING else _EVERYTHING if found == _NOTHING else Not(found)
        case All(parts):
            left = tuple(p for part in parts if (p := _without(part, field)) != _EVERYTHING)
            return _NOTHING if _NOTHING in left else All(left)
        case Some(parts):
            left = tuple(p for part in parts if (p := _without(part, field)) != _NOTHING)
            return _EVERYTHING if _EVERYTHING in left else Some(left)


def parse(raw: object) -> Filter | None:
    """The filter of a request, None for an empty one. Raises InvalidRequest that names the culprit."""
    parsed = _object(raw, path="filters")
    if _count(parsed) > MAX_CLAUSES:
        raise InvalidRequest(f"filters: more than {MAX_CLAUSES} conditions; use $in for long lists of values")
    return None if parsed == All(()) else parsed


def as_json(where: Filter) -> dict[str, object]:
    """The filter as `parse` reads it."""
    match where:
        case Clause(field, operator, values):
            return {field: {operator: list(values) if operator in ("$in", "$nin") else values[0]}}
        case All(parts):
            return {"$and": [as_json(part) for part in parts]} if parts else {}
        case Some(parts):
            return {"$or": [as_json(part) for part in parts]}
        case Not(part):
            return {"$not": as_json(part)}


def _count(part: Filter) -> int:
    match part:
        case Clause():
            return max(1, len(part.values) // 100)
        case All(parts) | Some(parts):
            return sum(_count(p) for p in parts)
        case Not(inner):
            return _count(inner)


def _object(raw: object, *, path: str, depth: int = 0) -> Filter:
    if depth > 20:
        raise InvalidRequest(f"{path}: nested more than 20 deep")
    if not isinstance(raw, Mapping):
        raise InvalidRequest(f'{path}: expected an object such as {{"lang": "en"}}, got {_kind(raw)}')
    parts = [_entry(str(key), value, path=path, depth=depth) for key, value in raw.items()]
    return parts[0] if len(parts) == 1 else All(tuple(parts))


def _entry(key: str, value: object, *, path: str, depth: int) -> Filter:
    here = f"{path}.{key}"
    if key == "$not":
        return Not(_object(value, path=here, depth=depth + 1))
    if key in JUNCTIONS:
        if not isinstance(value, list) or not value:
            raise InvalidRequest(f"{here}: expected a list of filters with at least one member")
        members = tuple(_object(item, path=f"{here}[{i}]", depth=depth + 1) for i, item in enumerate(value))
        return All(members) if key == "$and" else Some(members)
    if key.startswith("$"):
        raise InvalidRequest(_unknown_operator(key, path=path, known=JUNCTIONS))
    if isinstance(value, Mapping):
        if not value:
            raise InvalidRequest(f"{here}: expected an operator such as $eq, got an empty object")
        clauses = [_clause(key, str(op), operand, path=here) for op, operand in value.items()]
        return clauses[0] if len(clauses) == 1 else All(tuple(clauses))
    return _clause(key, "$eq", value, path=here)


def _clause(field: str, operator: str, operand: object, *, path: str) -> Clause:
    if operator not in OPERATORS:
        raise InvalidRequest(_unknown_operator(operator, path=path, known=OPERATORS))
    if operator in ("$in", "$nin"):
        if not isinstance(operand, list) or not operand:
            raise InvalidRequest(f"{path}.{operator}: expected a list of values with at least one member")
        return Clause(field, cast(Operator, operator), tuple(_scalar(v, path=f"{path}.{operator}") for v in operand))
    if operator == "$exists" and not isinstance(operand, bool):
        raise InvalidRequest(f"{path}.$exists: expected true or false, got {_kind(operand)}")
    value = _scalar(operand, path=f"{path}.{operator}")
    if operator in ("$gt", "$gte", "$lt", "$lte") and isinstance(value, bool):
        raise InvalidRequest(f"{path}.{operator}: expected a number or a string, got a boolean")
    return Clause(field, cast(Operator, operator), (value,))


def _scalar(value: object, *, path: str) -> Scalar:
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        raise InvalidRequest(f"{path}: {value} is not a value that can be compared")
    if isinstance(value, str | int | float | bool):
        return value
    raise InvalidRequest(f"{path}: expected a string, number or boolean, got {_kind(value)}")


def _unknown_operator(operator: str, *, path: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(operator, OPERATORS + JUNCTIONS, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"{path}: unknown operator {operator!r}{hint} Known here: {' '.join(known)}"


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case Mapping():
            return "an object"
        case list():
            return "a list"
        case _:
            return repr(value)[:60]
