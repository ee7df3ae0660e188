"""Judgements: what the checks found in passages, remembered by the SHA-256 of the text and the version of a check.

They can be made again at any time: what is in doubt is forgotten. A version is written NAME@VERSION.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select

from grounding.errors import StoreError, StoreUnavailable
from grounding.values import Finding
from store.database import Database
from store.passages import batches
from store.schema import JudgementRow, PassageRow, table_of

_ROWS = 1000

logger = logging.getLogger(__name__)


class JudgementStore:
    """Keeps findings for as long as there is a passage with the text. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, texts: Sequence[str], *, version: str) -> dict[str, tuple[Finding, ...]]:
        """What was found in these texts, as far as it is known: nothing of it while the database is busy."""
        wanted = {digest(text): text for text in texts}
        found: dict[str, tuple[Finding, ...]] = {}
        try:
            with self._database.read() as connection:
                for some in batches(list(wanted)):
                    query = select(JudgementRow.digest, JudgementRow.findings).where(
                        JudgementRow.digest.in_(some), JudgementRow.version == version
                    )
                    found.update((wanted[key], _findings(kept)) for key, kept in connection.execute(query))
        except StoreUnavailable as error:
            logger.debug("findings are not remembered now: %s", error)
        return found

    def put(self, found: Mapping[str, Sequence[Finding]], *, version: str) -> None:
        """Keeps what was found in each text, unless the database is busy or cannot be written: then it does not. What
        is kept already stays. Not to be called in a transaction."""
        now = datetime.now(UTC)
        rows = {
            digest(text): {"version": version, "findings": _as_json(findings), "judged_at": now}
            for text, findings in found.items()
        }
        try:
            with self._database.write_in_passing() as connection:
                for some in batches(list(rows)):
                    query = select(JudgementRow.digest).where(
                        JudgementRow.digest.in_(some), JudgementRow.version == version
                    )
                    known = set(connection.execute(query).scalars())
                    if new := [{"digest": key, **rows[key]} for key in some if key not in known]:
                        connection.execute(insert(table_of(JudgementRow)), new)
        except StoreError as error:
            logger.debug("%d findings were not kept: %s", len(rows), error)

    def sweep(self) -> None:
        """Forgets texts that are no passage's, and every version of a check but the one that judged last. Reads the
        text of every passage. Raises StoreError."""
        with self._database.read() as connection:
            old = _outdated(connection)
            left = set(connection.execute(select(JudgementRow.digest)).scalars())
            if not left:
                return
            for text in connection.execute(select(PassageRow.text).execution_options(yield_per=_ROWS)).scalars():
                left.discard(digest(text))
        with self._database.write() as connection:
            connection.execute(delete(JudgementRow).where(JudgementRow.version.in_(old)))
            _delete(connection, left)


def forget(connection: Connection, those: ColumnElement[bool]) -> None:
    """Forgets what was found in those passages, which are about to go. That another has the same text is no matter: it
    is judged again."""
    if connection.execute(select(JudgementRow.version).limit(1)).first() is None:
        return
    texts = connection.execute(select(PassageRow.text).where(those).execution_options(yield_per=_ROWS)).scalars()
    _delete(connection, {digest(text) for text in texts})


def digest(text: str) -> bytes:
    """SHA-256 of a text; 32 bytes."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _delete(connection: Connection, digests: Iterable[bytes]) -> None:
    for some in batches(sorted(digests)):
        connection.execute(delete(JudgementRow).where(JudgementRow.digest.in_(some)))


def _outdated(connection: Connection) -> list[str]:
    """The versions of checks that another version of the same check came after."""
    by_age = connection.execute(
        select(JudgementRow.version)
        .group_by(JudgementRow.version)
        .order_by(func.max(JudgementRow.judged_at), JudgementRow.version)
    )
    versions = list(by_age.scalars())
    last = {version.partition("@")[0]: version for version in versions}
    return [version for version in versions if version not in last.values()]


def _as_json(findings: Sequence[Finding]) -> str:
    listed = [[each.kind, each.start, each.end, float(each.score)] for each in findings]
    return json.dumps(listed, ensure_ascii=False, separators=(",", ":"))


def _findings(kept: str) -> tuple[Finding, ...]:
    return tuple(Finding(*each) for each in json.loads(kept))
