"""Fingerprints of embedders, each kept once."""

from __future__ import annotations

from dataclasses import asdict

from sqlalchemy import Connection, insert, select

from grounding.values import Fingerprint
from store.schema import FingerprintRow

_COLUMNS = (
    FingerprintRow.name,
    FingerprintRow.revision,
    FingerprintRow.dimension,
    FingerprintRow.normalized,
    FingerprintRow.query_prefix,
    FingerprintRow.passage_prefix,
)


def read(connection: Connection, fingerprint_id: int) -> Fingerprint:
    return Fingerprint(*connection.execute(select(*_COLUMNS).where(FingerprintRow.id == fingerprint_id)).one())


def find(connection: Connection, fingerprint: Fingerprint) -> int | None:
    """Its key, if it has one."""
    same = [column == value for column, value in zip(_COLUMNS, asdict(fingerprint).values(), strict=True)]
    return connection.execute(select(FingerprintRow.id).where(*same)).scalar_one_or_none()


def key_of(connection: Connection, fingerprint: Fingerprint) -> int:
    """Its key, which it gets if it has none."""
    if (known := find(connection, fingerprint)) is not None:
        return known
    new = insert(FingerprintRow).values(asdict(fingerprint)).returning(FingerprintRow.id)
    return connection.execute(new).scalar_one()
