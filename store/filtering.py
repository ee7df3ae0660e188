"""Filters -> SQL, and metadata -> the rows that they look at.

A document's metadata is flattened: names of nested objects are joined by dots, members of a list are values of the
same name, null is absent. Values match only within their type: text, number, boolean. `$ne` and `$nin` are the
negations of `$eq` and `$in`; `$exists` is true of an object as of a value. `groups` that name nobody are kept as the
empty text, so that they are there and nobody's.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, and_, false, or_, select, true
from sqlalchemy.orm import InstrumentedAttribute

from grounding.filters import GROUPS, All, Clause, Filter, Not, Scalar, Some
from store.schema import TEXT_HEAD, DocumentMetadata, DocumentRow, PassageRow

OWN_FIELDS: Mapping[str, InstrumentedAttribute[str]] = {
    "source": DocumentRow.source,
    "title": DocumentRow.title,
    "document_id": DocumentRow.external_id,
    "media_type": DocumentRow.media_type,
}
"""Names that address the document itself, whatever its metadata holds."""


@dataclass(frozen=True, slots=True)
class MetadataValue:
    """One scalar of a document's metadata; `position` counts the values of one key."""

    key: str
    position: int
    value: Scalar


def values(metadata: Mapping[str, object]) -> list[MetadataValue]:
    """Every scalar in it, in order. A number that is not finite is left out: nothing compares with it."""
    counts: dict[str, int] = {}
    found = []
    for key, value in _scalars(metadata, ""):
        found.append(MetadataValue(key, counts.get(key, 0), value))
        counts[key] = counts.get(key, 0) + 1
    if metadata.get(GROUPS) is not None and not any(f"{item.key}.".startswith(f"{GROUPS}.") for item in found):
        found.append(MetadataValue(GROUPS, 0, ""))
    return found


def _scalars(value: object, key: str) -> Iterator[tuple[str, Scalar]]:
    match value:
        case Mapping():
            for name, inner in value.items():
                yield from _scalars(inner, f"{key}.{name}" if key else str(name))
        case list() | tuple():
            for member in value:
                yield from _scalars(member, key)
        case float() if math.isnan(value):
            return
        case str() | bool() | int() | float():
            yield key, value


def number(value: float) -> float:
    """As the database keeps it: a double, also where an integer is larger than any."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def passages_where(where: Filter, *, collection_id: int, after: int = 0) -> Select[int]:
    """The ids of the collection's passages whose document matches; only of those that came after a change, if given."""
    if after:  # few: from the passage to its document, not from all documents that match
        return (
            select(PassageRow.id)
            .join(DocumentRow, DocumentRow.id == PassageRow.document_id)
            .where(PassageRow.collection_id == collection_id, PassageRow.change > after, matches(where, collection_id))
        )
    documents = select(DocumentRow.id).where(DocumentRow.collection_id == collection_id, matches(where, collection_id))
    return select(PassageRow.id).where(PassageRow.document_id.in_(documents))


def with_field(field: str, *, collection_id: int) -> Select[int]:
    """The key of one document of the collection that has the field, if there is one."""
    return (
        select(DocumentMetadata.document_id)
        .where(DocumentMetadata.collection_id == collection_id, _named(field))
        .limit(1)
    )


def matches(where: Filter, collection_id: int) -> ColumnElement[bool]:
    """Whether a row of the collection's documents matches."""
    match where:
        case All(parts):
            return and_(true(), *(matches(part, collection_id) for part in parts))
        case Some(parts):
            return or_(false(), *(matches(part, collection_id) for part in parts))
        case Not(part):
            return ~matches(part, collection_id)
        case Clause(field, "$ne", operands):
            return ~matches(Clause(field, "$eq", operands), collection_id)
        case Clause(field, "$nin", operands):
            return ~matches(Clause(field, "$in", operands), collection_id)
        case Clause(field, _, _) if field in OWN_FIELDS:
            return _own(OWN_FIELDS[field], where)
        case Clause(_, "$exists", (wanted,)):
            return _held(_named(where.field), collection_id) if wanted else ~_held(_named(where.field), collection_id)
        case Clause():
            return _held(and_(DocumentMetadata.key == where.field, _value(where)), collection_id)


def _own(column: InstrumentedAttribute[str], clause: Clause) -> ColumnElement[bool]:
    if clause.operator == "$exists":
        return true() if clause.values[0] else false()
    texts = [value for value in clause.values if isinstance(value, str)]
    if not texts:
        return false()
    match clause.operator:
        case "$gt":
            return column > texts[0]
        case "$gte":
            return column >= texts[0]
        case "$lt":
            return column < texts[0]
        case "$lte":
            return column <= texts[0]
        case _:
            return column.in_(texts)


def _held(condition: ColumnElement[bool], collection_id: int) -> ColumnElement[bool]:
    rows = select(DocumentMetadata.document_id).where(DocumentMetadata.collection_id == collection_id, condition)
    return DocumentRow.id.in_(rows)


def _named(field: str) -> ColumnElement[bool]:
    # "/" follows "." in the order of code points: from "a." to "a/" are exactly the names within the object a. One
    # range around both, which an index can seek.
    key = DocumentMetadata.key
    return and_(key >= field, key < f"{field}/", or_(key == field, key >= f"{field}."))


def _value(clause: Clause) -> ColumnElement[bool]:
    if clause.operator in ("$eq", "$in"):
        return _one_of(clause.values)
    operand = clause.values[0]
    if isinstance(operand, str):
        return _text_order(clause.operator, operand)
    column, bound = DocumentMetadata.number_value, number(operand)
    match clause.operator:
        case "$gt":
            return column > bound
        case "$gte":
            return column >= bound
        case "$lt":
            return column < bound
        case _:
            return column <= bound


def _one_of(operands: Sequence[Scalar]) -> ColumnElement[bool]:
    truths = [value for value in operands if isinstance(value, bool)]
    numbers = [number(value) for value in operands if isinstance(value, int | float) and not isinstance(value, bool)]
    short = [value for value in operands if isinstance(value, str) and len(value) <= TEXT_HEAD]
    long = [value for value in operands if isinstance(value, str) and len(value) > TEXT_HEAD]
    row = DocumentMetadata
    alternatives: list[ColumnElement[bool]] = [
        and_(row.text_value == value[:TEXT_HEAD], row.text_rest == value[TEXT_HEAD:]) for value in long
    ]
    if short:
        alternatives.append(and_(row.text_value.in_(short), row.text_rest == ""))
    if numbers:
        alternatives.append(row.number_value.in_(numbers))
    if truths:
        alternatives.append(row.boolean_value.in_(truths))
    return or_(false(), *alternatives)


def _text_order(operator: str, operand: str) -> ColumnElement[bool]:
    head, rest = operand[:TEXT_HEAD], operand[TEXT_HEAD:]
    column, tail = DocumentMetadata.text_value, DocumentMetadata.text_rest
    match operator:
        case "$gt":
            return or_(column > head, and_(column == head, tail > rest))
        case "$gte":
            return or_(column > head, and_(column == head, tail >= rest))
        case "$lt":
            return or_(column < head, and_(column == head, tail < rest))
        case _:
            return or_(column < head, and_(column == head, tail <= rest))
