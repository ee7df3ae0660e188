"""Conversations of the store as LangChain's message histories."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from api.compose import Service
from api.langchain.shared import DEFAULT_COLLECTION
from grounding import filters, preprocess
from grounding.errors import InvalidRequest, NotFound
from grounding.safety.policy import PLACEHOLDER, Vault, policy, redact
from grounding.safety.screen import Screen
from grounding.values import Turn

_THOUGHTS = frozenset({"reasoning", "thinking", "redacted_thinking"})


class GroundingChatMessageHistory(BaseChatMessageHistory):
    """The turns of one conversation, which the grounder, the HTTP service and the command line go on with.

    What is kept are the texts of human and AI messages: content that is a list is kept as its text. System and tool
    messages, pictures and tool calls are refused: they are no part of a conversation. Private values are sealed as the
    policy of the collection says, and come back in the messages. `owner` is the id of a key, if it has one.
    """

    def __init__(
        self,
        service: Service,
        conversation_id: str,
        *,
        collection: str = DEFAULT_COLLECTION,
        owner: str = "",
        groups: Iterable[str] | None = None,
    ) -> None:
        if not conversation_id:
            raise InvalidRequest("conversation_id: expected a text that is not empty")
        self._service = service
        self._id = conversation_id
        self._collection = collection
        self._owner = owner
        self._readable = filters.readable_by(groups)
        self._screen = Screen(service.models.checks, service.store.judgements)

    @property
    def messages(self) -> list[BaseMessage]:  # type: ignore[override] # an attribute there, read from the store here
        """All of its messages, oldest first; none for a conversation that nobody began."""
        try:
            turns = self._service.store.conversations.get(self._id, where=self._readable).turns
        except NotFound:
            return []
        return [_message(turn) for turn in turns]

    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Keeps messages, all of them or none."""
        said = [(_role(message), _text(message), message.id or "") for message in messages]
        vault = Vault(self._service.store.conversations.private_values(self._id))
        turns: list[Turn] = []
        for role, text, name in said:
            hidden = self._hidden(text, vault)
            turns.append(Turn("assistant" if role == "ai" else "user", hidden, name, values=vault.values_in(hidden)))
        self._service.store.conversations.append(self._id, turns, collection=self._collection, owner=self._owner)

    def clear(self) -> None:
        """Erases the conversation, the records of its answers, too."""
        self._service.store.erase_conversation(self._id, thoroughly=False)

    def _hidden(self, text: str, vault: Vault) -> str:
        """The text with placeholders for private values. Where signs that nobody sees keep one from being found, the
        text without those takes its place."""
        found, plain = self._redacted(text, vault), preprocess.clean(text)
        if plain == text:
            return found
        cleaned = self._redacted(plain, vault)
        return cleaned if len(PLACEHOLDER.findall(cleaned)) > len(PLACEHOLDER.findall(found)) else found

    def _redacted(self, text: str, vault: Vault) -> str:
        rules = policy(self._service.settings.safety, collection=self._collection, key="")
        language = self._service.models.language_of(text)
        verdicts = self._screen.judge(text, part="history", origin="history", language=language, policy=rules)
        # What speaks to the model is cut out when it is read for a prompt: here people's words are kept.
        redacted = redact(text, [verdict for verdict in verdicts if verdict.check == "pii"], vault)
        hidden, at = "", 0
        for placeholder in PLACEHOLDER.finditer(redacted):
            hidden += vault.hide(redacted[at : placeholder.start()]) + placeholder[0]
            at = placeholder.end()
        return hidden + vault.hide(redacted[at:])


def _message(turn: Turn) -> BaseMessage:
    kind = AIMessage if turn.role == "assistant" else HumanMessage
    return kind(content=Vault(turn.values).restore(turn.content), id=turn.message_id or None)


def _role(message: BaseMessage) -> str:
    if not isinstance(message, AIMessage | HumanMessage):
        raise InvalidRequest(f"a conversation keeps human and AI messages, and no {type(message).__name__}")
    return message.type


def _text(message: BaseMessage) -> str:
    """What a message says. Raises InvalidRequest for what is not text and cannot be kept."""
    content = message.content if isinstance(message.content, list) else []
    kinds = [str(block.get("type", "text")) for block in content if isinstance(block, dict)]
    odd = [kind for kind in kinds if kind != "text" and kind not in _THOUGHTS]
    if isinstance(message, AIMessage) and message.tool_calls:
        odd.append("tool_calls")
    if odd:
        raise InvalidRequest(f"a conversation keeps texts, and nothing of the kind {odd[0][:60]!r}")
    return str(message.text)
