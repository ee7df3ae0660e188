"""Filters and permissions in plain Python, written apart from the store's: what its answers are held to."""

from __future__ import annotations

import math
from collections.abc import Mapping

from grounding.filters import All, Clause, Filter, Not, Some
from store.documents import NewDocument


def matches(where: Filter | None, new: NewDocument) -> bool:
    """Whether the filter lets the document through."""
    document = new.document
    own = {
        "title": document.title,
        "source": document.source,
        "document_id": document.id,
        "media_type": document.media_type,
    }
    held = _flat(document.metadata, "")
    if document.metadata.get("groups") is not None and not any(key.split(".")[0] == "groups" for key, _ in held):
        held.append(("groups", ""))
    pairs = [(key, value) for key, value in held if key not in own]
    return where is None or _matches(where, pairs + list(own.items()), own=frozenset(own))


def may_read(groups: frozenset[str] | None, metadata: Mapping[str, object]) -> bool:
    """Whether a caller of these groups may read a document."""
    named = metadata.get("groups")
    if groups is None or named is None:
        return True
    texts = [named] if isinstance(named, str) else _texts(named) if isinstance(named, list) else []
    return any(text in groups for text in texts if text)


def _texts(members: list[object]) -> list[str]:
    found: list[str] = []
    for member in members:
        found += [member] if isinstance(member, str) else _texts(member) if isinstance(member, list) else []
    return found


def _flat(value: object, key: str) -> list[tuple[str, object]]:
    if isinstance(value, Mapping):
        return [pair for name, inner in value.items() for pair in _flat(inner, f"{key}.{name}" if key else name)]
    if isinstance(value, list):
        return [pair for inner in value for pair in _flat(inner, key)]
    return [] if value is None or value != value else [(key, value)]


def _matches(where: Filter, pairs: list[tuple[str, object]], *, own: frozenset[str]) -> bool:
    match where:
        case All(parts):
            return all(_matches(part, pairs, own=own) for part in parts)
        case Some(parts):
            return any(_matches(part, pairs, own=own) for part in parts)
        case Not(part):
            return not _matches(part, pairs, own=own)
        case Clause(field, "$ne", operands):
            return not _matches(Clause(field, "$eq", operands), pairs, own=own)
        case Clause(field, "$nin", operands):
            return not _matches(Clause(field, "$in", operands), pairs, own=own)
        case Clause(field, "$exists", (wanted,)):
            there = any(key == field or (field not in own and key.startswith(f"{field}.")) for key, _ in pairs)
            return there == wanted
        case Clause(field, operator, operands):
            held = [value for key, value in pairs if key == field]
            return any(_compares(operator, value, operand) for value in held for operand in operands)


def _compares(operator: str, value: object, operand: object) -> bool:
    if _kind(value) != _kind(operand):
        return False
    left, right = _double(value), _double(operand)
    assert isinstance(left, float | str | bool)
    assert isinstance(right, float | str | bool)
    if operator in ("$eq", "$in"):
        return left == right
    # Of one kind, as was seen above.
    less: bool = left < right  # type: ignore[operator]
    return {"$gt": not less and left != right, "$gte": not less, "$lt": less, "$lte": less or left == right}[operator]


def _kind(value: object) -> str:
    return "truth" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"


def _double(value: object) -> object:
    if _kind(value) != "number":
        return value
    assert isinstance(value, int | float)
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
