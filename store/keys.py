"""API keys: the secret is shown once and kept as its SHA-256."""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import RowMapping, insert, select, update

from grounding.errors import InvalidRequest, NotAuthenticated, NotFound, StoreError
from grounding.settings import Limits
from store.database import Database
from store.schema import KeyRow

SCOPES = ("chat", "search", "ingest", "admin")
PREFIX = "gk_"
NOTE_SECONDS = 60

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """A key without its secret. `collections` None allows all of them. `limits` are its own."""

    id: str
    name: str
    scopes: frozenset[str]
    collections: frozenset[str] | None
    groups: tuple[str, ...]
    created_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None
    limits: Limits


class Keys:
    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self,
        *,
        scopes: Iterable[str],
        collections: Iterable[str] | None = None,
        groups: Iterable[str] = (),
        name: str = "",
        limits: Limits | None = None,
    ) -> tuple[KeyInfo, str]:
        """The key and its secret `gk_...`, which cannot be read again. Raises InvalidRequest for an unknown scope."""
        granted = sorted(set(scopes))
        unknown = [scope for scope in granted if scope not in SCOPES]
        if unknown or not granted:
            culprit = f"unknown scope {unknown[0]!r}" if unknown else "a key needs at least one scope"
            raise InvalidRequest(f"scope: {culprit}; there are {', '.join(SCOPES)}")
        secret = PREFIX + secrets.token_urlsafe(32)
        row = {
            "id": secrets.token_hex(8),
            "name": name,
            "secret_hash": _hash(secret),
            "scopes": granted,
            "collections": None if collections is None else sorted(set(collections)),
            "groups": list(dict.fromkeys(groups)),
            "created_at": datetime.now(UTC),
            **(limits or Limits()).model_dump(),
        }
        with self._database.write() as connection:
            connection.execute(insert(KeyRow), row)
            stored = connection.execute(_KEYS.where(KeyRow.id == row["id"])).mappings().one()
        return _key(stored), secret

    def verify(self, secret: str) -> KeyInfo:
        """The key of this secret. Raises NotAuthenticated for one that is unknown or revoked."""
        digest = _hash(secret)
        with self._database.read() as connection:
            row = connection.execute(_KEYS.where(KeyRow.secret_hash == digest)).mappings().one_or_none()
        if row is None or not hmac.compare_digest(row["secret_hash"], digest) or row["revoked_at"] is not None:
            raise NotAuthenticated("the key is not known, or was revoked")
        self._note_use(row["id"], last=row["last_used_at"])
        return _key(row)

    def list(self) -> tuple[KeyInfo, ...]:
        """All keys, revoked ones too, oldest first."""
        with self._database.read() as connection:
            rows = connection.execute(_KEYS.order_by(KeyRow.created_at, KeyRow.id)).mappings()
            return tuple(_key(row) for row in rows)

    def revoke(self, key_id: str) -> bool:
        """Whether it was valid until now. Raises NotFound for an unknown id."""
        with self._database.write() as connection:
            known = connection.execute(select(KeyRow.revoked_at).where(KeyRow.id == key_id)).one_or_none()
            if known is None:
                raise NotFound(f"key {key_id[:200]!r} is not known")
            now = datetime.now(UTC)
            revoke = update(KeyRow).where(KeyRow.id == key_id, KeyRow.revoked_at.is_(None)).values(revoked_at=now)
            return connection.execute(revoke).rowcount > 0

    def limit(self, key_id: str, change: Callable[[Limits], Limits]) -> KeyInfo:
        """The key with other limits of its own. Raises NotFound for an unknown id."""
        with self._database.write() as connection:
            key = connection.execute(_KEYS.where(KeyRow.id == key_id)).mappings().one_or_none()
            if key is None:
                raise NotFound(f"key {key_id[:200]!r} is not known")
            limits = change(_limits(key))
            connection.execute(update(KeyRow).where(KeyRow.id == key_id).values(**limits.model_dump()))
            return _key(connection.execute(_KEYS.where(KeyRow.id == key_id)).mappings().one())

    def any(self) -> bool:
        """Whether a valid key exists."""
        with self._database.read() as connection:
            query = select(KeyRow.id).where(KeyRow.revoked_at.is_(None)).limit(1)
            return connection.execute(query).one_or_none() is not None

    def _note_use(self, key_id: str, *, last: datetime | None) -> None:
        """Writes down that it was used, at most once a minute: a request must not wait for a writer."""
        now = datetime.now(UTC)
        if last is not None and abs((now - last).total_seconds()) < NOTE_SECONDS:
            return
        try:
            with self._database.write() as connection:
                connection.execute(update(KeyRow).where(KeyRow.id == key_id).values(last_used_at=now))
        except StoreError as error:
            logger.warning("the use of key %s was not noted: %s", key_id, error)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _key(row: RowMapping) -> KeyInfo:
    return KeyInfo(
        id=row["id"],
        name=row["name"],
        scopes=frozenset(row["scopes"]),
        collections=None if row["collections"] is None else frozenset(row["collections"]),
        groups=tuple(row["groups"]),
        created_at=row["created_at"],
        revoked_at=row["revoked_at"],
        last_used_at=row["last_used_at"],
        limits=_limits(row),
    )


def _limits(row: RowMapping) -> Limits:
    return Limits(**{name: row[name] for name in Limits.model_fields})


_KEYS = select(
    KeyRow.id,
    KeyRow.name,
    KeyRow.secret_hash,
    KeyRow.scopes,
    KeyRow.collections,
    KeyRow.groups,
    KeyRow.created_at,
    KeyRow.revoked_at,
    KeyRow.last_used_at,
    KeyRow.requests_per_minute,
    KeyRow.tokens_per_minute,
    KeyRow.usd_per_month,
)
