"""Conversations: history, and its erasure."""

from __future__ import annotations

from fastapi import APIRouter

from api.dependencies import Chatter, Serving
from api.schemas import ConversationJson, Deleted

router = APIRouter(prefix="/v1/conversations", tags=["conversations"])


@router.get("/{conversation_id}")
def show(conversation_id: str, service: Serving, caller: Chatter) -> ConversationJson:
    """A conversation with its turns, oldest first."""
    conversation = service.store.conversations.get(conversation_id)
    caller.require_conversation(conversation)
    return ConversationJson.model_validate(conversation)


@router.delete("/{conversation_id}")
def delete(conversation_id: str, service: Serving, caller: Chatter) -> Deleted:
    """Erases a conversation: its turns and the records of its answers."""
    caller.require_conversation(service.store.conversations.get(conversation_id))
    service.store.conversations.delete(conversation_id)
    return Deleted(id=conversation_id, object="conversation")
