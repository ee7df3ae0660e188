"""What callers think of answers."""

from __future__ import annotations

from fastapi import APIRouter

from api.dependencies import KnownChatter, Serving
from api.schemas import FeedbackRequest, FeedbackResponse
from grounding.errors import NotFound

router = APIRouter(prefix="/v1", tags=["feedback"])


@router.post("/feedback")
def give_feedback(body: FeedbackRequest, service: Serving, caller: KnownChatter) -> FeedbackResponse:
    """Keeps what a caller thinks of an answer of theirs, in the place of what they thought before."""
    exchange = service.store.exchanges.get(body.trace_id)
    foreign = exchange.caller != caller.id and not caller.may("admin")
    if foreign or not caller.sees(exchange.collection):
        raise NotFound(f"trace {body.trace_id!r} is not known")
    comment = service.without_private_values(body.comment, collection=exchange.collection, key=caller.name)
    given = service.store.feedback.give(body.trace_id, caller=caller.id, score=body.score, comment=comment)
    return FeedbackResponse(trace_id=body.trace_id, score=given.score, comment=given.comment, given_at=given.given_at)
