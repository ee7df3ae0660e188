"""Feedback: what callers think of answers, one opinion of each, gone with the record it is of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError

from grounding.errors import NotFound
from store.database import Database
from store.schema import FeedbackRow


@dataclass(frozen=True, slots=True)
class Feedback:
    """`score` is from -1 to 1; `caller` the id of a key, "" without one."""

    caller: str
    score: float
    comment: str
    given_at: datetime


class FeedbackStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def give(self, trace_id: str, *, caller: str, score: float, comment: str) -> Feedback:
        """Keeps an opinion, in the place of an earlier one of the same caller. Raises NotFound for an unknown trace."""
        given = Feedback(caller, score, comment, datetime.now(UTC))
        row = {"trace_id": trace_id, "caller": caller, "score": score, "comment": comment, "given_at": given.given_at}
        with self._database.write() as connection:
            connection.execute(
                delete(FeedbackRow).where(FeedbackRow.trace_id == trace_id, FeedbackRow.caller == caller)
            )
            try:
                connection.execute(insert(FeedbackRow), row)
            except IntegrityError as error:
                raise NotFound(f"trace {trace_id[:200]!r} is not known") from error
        return given

    def of(self, trace_id: str) -> tuple[Feedback, ...]:
        """The opinions of an answer, oldest first."""
        query = (
            select(FeedbackRow.caller, FeedbackRow.score, FeedbackRow.comment, FeedbackRow.given_at)
            .where(FeedbackRow.trace_id == trace_id)
            .order_by(FeedbackRow.given_at, FeedbackRow.caller)
        )
        with self._database.read() as connection:
            return tuple(Feedback(*row) for row in connection.execute(query))
