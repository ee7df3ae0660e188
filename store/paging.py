"""Pages of a list, newest or oldest first, with an opaque cursor to the next one."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from grounding.errors import InvalidRequest

T = TypeVar("T")
MAX_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items in order; `next_cursor` is None on the last page."""

    items: tuple[T, ...]
    next_cursor: str | None = None


def limited(limit: int) -> int:
    """The limit, if it is one that a page may have. Raises InvalidRequest."""
    if not 1 <= limit <= MAX_LIMIT:
        raise InvalidRequest(f"limit: {limit} is not between 1 and {MAX_LIMIT}")
    return limit


def encode(created_at: datetime, key: str) -> str:
    """The cursor that stands behind the item with this time and key."""
    return base64.urlsafe_b64encode(json.dumps([created_at.isoformat(), key]).encode()).decode().rstrip("=")


def decode(cursor: str) -> tuple[datetime, str]:
    """What `encode` was given. Raises InvalidRequest for anything else."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        created_at, key = json.loads(base64.urlsafe_b64decode(padded.encode("ascii")))
        return datetime.fromisoformat(created_at), str(key)
    except (ValueError, TypeError, binascii.Error) as error:
        raise InvalidRequest("cursor: not one that this service gave out; start again without it") from error


def page(items: Sequence[T], limit: int, *, cursor: str | None) -> Page[T]:
    """A page of `limit` items out of up to `limit + 1`; `cursor` is that of the last item kept."""
    return Page(tuple(items[:limit]), cursor if len(items) > limit else None)
