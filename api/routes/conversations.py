"""Conversations: history, and its erasure."""

from __future__ import annotations

from fastapi import APIRouter

from api.dependencies import KnownChatter, Serving
from api.schemas import ConversationJson, Erased

router = APIRouter(prefix="/v1/conversations", tags=["conversations"])


@router.get("/{conversation_id}")
def show(conversation_id: str, service: Serving, caller: KnownChatter) -> ConversationJson:
    """A conversation with its turns, oldest first; answers that may tell of documents which the caller may no longer
    read are left out."""
    conversation = service.store.conversations.get(conversation_id, where=caller.readable)
    caller.require_conversation(conversation)
    return ConversationJson.of(conversation)


@router.delete("/{conversation_id}")
def delete(conversation_id: str, service: Serving, caller: KnownChatter) -> Erased:
    """Erases a conversation: its turns and the records of its answers."""
    caller.require_conversation(service.store.conversations.get(conversation_id))
    receipt = service.store.erase_conversation(conversation_id, thoroughly=False)
    return Erased(
        id=conversation_id,
        object="conversation",
        removed=dict(receipt.removed),
        unfinished=list(receipt.unfinished),
        notes=list(receipt.notes),
    )
