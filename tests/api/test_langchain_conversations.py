"""Conversations through LangChain's message history, and the grounder as a Runnable."""

from __future__ import annotations

import asyncio
import sqlite3
import warnings
from collections.abc import AsyncGenerator, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
from anyio.to_thread import run_sync
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.runnables import RunnableLambda
from langchain_core.runnables.history import RunnableWithMessageHistory

from api.compose import Service, build
from api.langchain import GrounderRunnable, GroundingChatMessageHistory, GroundingVectorStore, grounder_runnable
from grounding.errors import InvalidRequest, NotFound
from grounding.pipeline import Ask
from grounding.preprocess import clean
from grounding.settings import Settings
from tests.api.conftest import settings_of
from tests.api.serving import WaitingModel, with_route

HOTEL = "What is the hotel limit in Dublin per night?"
PRIVATE = "Write to ada@example.org, or call +1 415 555 2671."


@pytest.fixture
def history(service: Service) -> GroundingChatMessageHistory:
    return GroundingChatMessageHistory(service, "c1")


def _said(messages: list[BaseMessage]) -> list[tuple[str, object]]:
    return [(message.type, message.content) for message in messages]


def test_a_history_that_nobody_began_is_empty(history: GroundingChatMessageHistory) -> None:
    assert isinstance(history, BaseChatMessageHistory)
    assert history.messages == []
    history.add_messages([])
    assert history.messages == []
    history.clear()
    assert str(history) == ""


def test_messages_come_back_in_order_and_from_every_process(
    settings: Settings, history: GroundingChatMessageHistory
) -> None:
    history.add_messages([HumanMessage("one", id="m1"), AIMessage("two", id="m2")])
    history.add_user_message("three")
    history.add_ai_message("four")
    history.add_message(HumanMessage("five"))
    told = [("human", "one"), ("ai", "two"), ("human", "three"), ("ai", "four"), ("human", "five")]
    assert _said(history.messages) == told
    assert [message.id for message in history.messages[:2]] == ["m1", "m2"]
    assert len({message.id for message in history.messages}) == 5
    assert str(history).startswith("Human: one\nAI: two")
    with build(settings) as elsewhere:
        assert _said(GroundingChatMessageHistory(elsewhere, "c1").messages) == told


async def test_async_is_the_same(history: GroundingChatMessageHistory) -> None:
    await history.aadd_messages([HumanMessage("one"), AIMessage("two")])
    assert _said(await history.aget_messages()) == [("human", "one"), ("ai", "two")]
    await history.aclear()
    assert await history.aget_messages() == []


def test_each_conversation_is_its_own(service: Service, history: GroundingChatMessageHistory) -> None:
    other = GroundingChatMessageHistory(service, "c2")
    history.add_user_message("mine")
    other.add_user_message("theirs")
    history.clear()
    assert (_said(history.messages), _said(other.messages)) == ([], [("human", "theirs")])
    with pytest.raises(NotFound):
        service.store.conversations.get("c1")
    history.add_user_message("again")
    assert _said(history.messages) == [("human", "again")]


def test_content_that_is_a_list_is_kept_as_its_text(history: GroundingChatMessageHistory) -> None:
    history.add_messages(
        [
            HumanMessage([{"type": "text", "text": "What is "}, "this?"]),
            AIMessage([{"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "text", "text": "A cat."}]),
        ]
    )
    assert _said(history.messages) == [("human", "What is this?"), ("ai", "A cat.")]


@pytest.mark.parametrize(
    ("message", "says"),
    [
        (SystemMessage("Be brief."), "no SystemMessage"),
        (ToolMessage("42", tool_call_id="t"), "no ToolMessage"),
        (HumanMessage([{"type": "image_url", "image_url": {"url": "data:,"}}]), "'image_url'"),
        (AIMessage("", tool_calls=[{"name": "f", "args": {}, "id": "t"}]), "'tool_calls'"),
    ],
)
def test_what_is_no_text_of_a_conversation_is_refused_and_nothing_kept(
    history: GroundingChatMessageHistory, message: BaseMessage, says: str
) -> None:
    with pytest.raises(InvalidRequest, match=says):
        history.add_messages([HumanMessage("one"), message])
    assert history.messages == []


def test_an_id_is_needed(service: Service) -> None:
    with pytest.raises(InvalidRequest, match="conversation_id"):
        GroundingChatMessageHistory(service, "")


def test_private_values_are_sealed_and_come_back(service: Service, settings: Settings) -> None:
    history = GroundingChatMessageHistory(service, "c1", collection="handbook", owner="k1")
    history.add_messages([HumanMessage(PRIVATE), AIMessage("I wrote to ada@example.org.")])
    history.add_user_message("Once more to ada\x07@example.org.")
    kept = service.store.conversations.get("c1")
    assert (kept.owner, kept.collection) == ("k1", "handbook")
    for turn in kept.turns:
        assert "example.org" not in turn.content
        assert "555" not in turn.content
    (name,) = {key for turn in kept.turns for key in turn.values if turn.values[key] == "ada@example.org"}
    assert all(name in turn.content for turn in kept.turns)
    with sqlite3.connect(settings.home / "grounding.db") as database:
        rows = str(database.execute("SELECT * FROM turns").fetchall())
    database.close()
    assert "ada@" not in rows
    assert [message.content for message in history.messages] == [
        PRIVATE,
        "I wrote to ada@example.org.",
        "Once more to ada@example.org.",
    ]


def test_the_grounder_goes_on_from_a_history(service: Service, handbook: str) -> None:
    history = GroundingChatMessageHistory(service, "c1", collection=handbook)
    history.add_messages([HumanMessage("Tell me of the weather."), AIMessage("It rains nearly every day.")])
    exchange = service.grounder.answer(Ask(HOTEL, collection=handbook, conversation_id="c1"))
    assert [step.facts["turns"] for step in exchange.steps if step.name == "recall"] == [2]
    assert exchange.answer is not None
    assert [message.type for message in history.messages] == ["human", "ai", "human", "ai"]
    assert history.messages[-1].content == exchange.answer.text
    assert [message.role for message in exchange.messages if "It rains" in message.content] == ["assistant"]


def test_an_erased_history_is_in_no_file(service: Service, settings: Settings) -> None:
    history = GroundingChatMessageHistory(service, "c1")
    history.add_user_message("The zyxwort meeting is at noon in the small room on the second floor.")
    receipt = service.store.erase_conversation("c1")
    assert receipt.removed["turns"] == 1
    assert receipt.unfinished == ()
    found = [file for file in settings.home.rglob("*") if file.is_file() and b"zyxwort" in file.read_bytes()]
    assert found == []


def test_many_may_add_at_once(history: GroundingChatMessageHistory) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: history.add_messages([HumanMessage(f"q{n}"), AIMessage(f"a{n}")]), range(12)))
    said = [str(message.content) for message in history.messages]
    assert sorted(said[::2]) == sorted(f"q{number}" for number in range(12))
    assert [text.replace("q", "a") for text in said[::2]] == said[1::2]


async def test_it_serves_langchains_own_runnable(service: Service) -> None:
    model = FakeListChatModel(responses=["Hello Ada.", "You said hello."])
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        chat = RunnableWithMessageHistory(model, lambda session_id: GroundingChatMessageHistory(service, session_id))
    config = {"configurable": {"session_id": "s1"}}
    chat.invoke([HumanMessage("Hello, I am Ada.")], config)  # type: ignore[arg-type]
    await chat.ainvoke([HumanMessage("What did I say?")], config)  # type: ignore[arg-type]
    assert _said(GroundingChatMessageHistory(service, "s1").messages) == [
        ("human", "Hello, I am Ada."),
        ("ai", "Hello Ada."),
        ("human", "What did I say?"),
        ("ai", "You said hello."),
    ]


_numbers = count()
_fragments = st.sampled_from(
    ["ada@example.org", "<EMAIL_ADDRESS_1>", "EMAIL_ADDRESS_1", "4111 1111 1111 1111", "Ada Lovelace", "\n", "  ", "é"]
)
_contents = st.lists(_fragments | st.text(st.characters(codec="utf-8"), max_size=8), max_size=6).map(" ".join)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with build(settings_of(tmp_path_factory.mktemp("shared") / "home")) as opened:
        yield opened


@hypothesis_settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(_contents, max_size=3), max_size=3))
def test_whatever_was_said_comes_back(shared: Service, batches: list[list[str]]) -> None:
    history = GroundingChatMessageHistory(shared, f"any-{next(_numbers)}")
    for batch in batches:
        history.add_messages([HumanMessage(text) for text in batch])
    said = [text for batch in batches for text in batch]
    for message, text in zip(history.messages, said, strict=True):
        assert message.content in (text, clean(text))
    kept = [turn.content for turn in shared.store.conversations.turns(history._id)] if any(batches) else []
    assert not any("ada@example.org" in content for content in kept)


@pytest.fixture
def grounder(service: Service, handbook: str) -> GrounderRunnable:
    return grounder_runnable(service, collection=handbook)


def test_a_question_is_answered_as_over_http(service: Service, grounder: GrounderRunnable, handbook: str) -> None:
    found = grounder.invoke(HOTEL)
    assert found["outcome"] == "answered"
    (citation,) = found["citations"]
    text = service.store.documents.get(citation["document_id"], collection=handbook).document.text
    assert text[citation["start"] : citation["end"]] == citation["quote"]
    again = {"message": "Who approves travel to Kanazawa?", "conversation_id": found["conversation_id"], "user": "ada"}
    assert "Maria Keane" in grounder.invoke(again)["answer"]
    assert len(service.store.conversations.get(found["conversation_id"]).turns) == 4
    elsewhere = grounder_runnable(service)  # a conversation goes on in its own collection
    assert elsewhere.invoke({**again, "message": HOTEL})["outcome"] == "answered"


def _as_message(question: str) -> dict[str, object]:
    return {"message": question}


def _answer(response: dict[str, object]) -> str:
    return str(response["answer"])


async def test_it_takes_part_in_chains(grounder: GrounderRunnable) -> None:
    given = RunnableLambda(_as_message)
    chain = given | grounder | RunnableLambda(_answer)
    assert "180 EUR" in chain.invoke(HOTEL)
    assert "180 EUR" in await chain.ainvoke(HOTEL)
    assert [each["outcome"] for each in await grounder.abatch([HOTEL, HOTEL])] == ["answered", "answered"]


async def test_a_stream_is_the_text_of_the_answer(grounder: GrounderRunnable) -> None:
    answer = grounder.invoke(HOTEL)["answer"]
    assert "".join(grounder.stream(HOTEL)).strip() == answer
    assert "".join([piece async for piece in grounder.astream({"message": HOTEL})]).strip() == answer


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"question": "x"}, "message: Field required"),
        ({"message": "x", "colection": "y"}, "colection"),
        ({"message": "x", "top_k": 0}, "top_k"),
        ({"message": "x", "filters": {"a": {"$is": 1}}}, r"\$is"),
    ],
)
async def test_what_cannot_be_meant_is_refused(grounder: GrounderRunnable, given: dict[str, object], says: str) -> None:
    for call in (grounder.invoke, lambda it: list(grounder.stream(it))):
        with pytest.raises(InvalidRequest, match=says):
            call(given)
    with pytest.raises(InvalidRequest, match=says):
        await grounder.ainvoke(given)
    with pytest.raises(InvalidRequest, match=says):
        [piece async for piece in grounder.astream(given)]


def test_documents_of_groups_are_there_for_their_members_alone(service: Service) -> None:
    store = GroundingVectorStore(service, "canteen")
    store.add_texts(["The canteen of the zyxwort project opens at midnight."], [{"groups": "eng"}], ids=["secret"])
    store.add_texts(["The canteen opens at eleven and serves soup."], ids=["menu"])
    for groups, reads in (((), False), (("eng",), True), (None, True)):
        runnable = grounder_runnable(service, collection="canteen", groups=groups)
        found = runnable.invoke("What opens at midnight?")
        assert ("secret" in [citation["document_id"] for citation in found["citations"]]) is reads


def _partial(service: Service) -> bool:
    """Whether an answer was recorded as left. Its thread has only to write that: a look takes as long."""
    return any(service.store.exchanges.list(outcome="partial").items for _ in range(5000))


async def test_a_stream_that_is_left_stops_the_model(service: Service, handbook: str) -> None:
    model = WaitingModel()
    grounder = grounder_runnable(with_route(service, model), collection=handbook)
    pieces = grounder.astream(HOTEL)
    assert "180 EUR" in await anext(pieces)
    waiting = asyncio.ensure_future(anext(pieces))
    await run_sync(model.until, lambda it: it.silent == 1)
    assert "180 EUR" in (await grounder_runnable(service, collection=handbook).ainvoke(HOTEL))["answer"]
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert isinstance(pieces, AsyncGenerator)
    await pieces.aclose()
    assert model.closed == 1
    assert _partial(service)


async def test_an_invocation_that_is_cancelled_stops_the_model(service: Service, handbook: str) -> None:
    model = WaitingModel()
    answering = asyncio.ensure_future(grounder_runnable(with_route(service, model), collection=handbook).ainvoke(HOTEL))
    await run_sync(model.until, lambda it: it.silent == 1)
    answering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await answering
    await run_sync(model.until, lambda it: it.closed == 1)
    assert _partial(service)


def test_a_stream_that_is_closed_stops_the_model(service: Service, handbook: str) -> None:
    model = WaitingModel()
    pieces = grounder_runnable(with_route(service, model), collection=handbook).stream(HOTEL)
    assert "180 EUR" in next(pieces)
    del pieces
    assert model.closed == 1
    assert _partial(service)
