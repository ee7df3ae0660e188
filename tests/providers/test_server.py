"""The fake providers themselves: the providers' own clients read their good answers, and each fault is what it says."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import anthropic
import httpx2
import openai
import pytest
from langchain_anthropic import ChatAnthropic
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage, HumanMessage, SystemMessage
from langchain_google_genai import ChatGoogleGenerativeAI
from langchain_ollama import ChatOllama
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from grounding.values import Usage
from tests.providers.server import GOSSIP, HUGE, UNKNOWN, FakeProviders, Fault, Script, sentences, serving, unreachable

PASSAGE = "# Leave\n\nYou may carry over five days. Ask your lead first. No more than that."
SYSTEM = "Answer from passages."
ASKED = f'<passage-c0ffee n="1" from="Leave">\n{PASSAGE}\n</passage-c0ffee>\n\nQuestion: How many days?'
ANSWER = "You may carry over five days [1]."
WORDS = Usage(len(f"{SYSTEM} {ASKED}".split()), len(ANSWER.split()))
KEY = "a-key"


def _openai(fakes: FakeProviders, model: str) -> BaseChatModel:
    return ChatOpenAI(
        model=model, base_url=fakes.openai_url, api_key=SecretStr(KEY), max_retries=0, timeout=10, stream_usage=True
    )


def _anthropic(fakes: FakeProviders, model: str) -> BaseChatModel:
    return ChatAnthropic(  # type: ignore[call-arg]
        model_name=model, base_url=fakes.url, api_key=SecretStr(KEY), max_retries=0, timeout=10
    )


def _google(fakes: FakeProviders, model: str) -> BaseChatModel:
    return ChatGoogleGenerativeAI(model=model, base_url=fakes.url, api_key=SecretStr(KEY), max_retries=0, timeout=10)


def _ollama(fakes: FakeProviders, model: str) -> BaseChatModel:
    return ChatOllama(model=model, base_url=fakes.url)


CLIENTS: dict[str, Callable[[FakeProviders, str], BaseChatModel]] = {
    "openai": _openai,
    "anthropic": _anthropic,
    "google": _google,
    "ollama": _ollama,
}
Make = Callable[[str], BaseChatModel]


@pytest.fixture
def fakes() -> Iterator[FakeProviders]:
    with serving() as running:
        yield running


@pytest.fixture
def made(fakes: FakeProviders) -> Iterator[Make]:
    """The client of a provider, which asks `some-model`."""
    with ExitStack() as closing:

        def make(provider: str) -> BaseChatModel:
            model = CLIENTS[provider](fakes, "some-model")
            if isinstance(model, ChatOllama):
                closing.callback(model._client.close)  # others close their connections by themselves
            return model

        yield make


def _messages() -> list[BaseMessage]:
    return [SystemMessage(SYSTEM), HumanMessage(ASKED)]


def _usage(message: BaseMessage) -> Usage:
    told = getattr(message, "usage_metadata", None)
    assert told is not None
    cached = told.get("input_token_details", {}).get("cache_read", 0)
    return Usage(told["input_tokens"], told["output_tokens"], cached_tokens=cached)


def _streamed(model: BaseChatModel) -> tuple[list[str], AIMessageChunk]:
    """The pieces of text, and all of the answer."""
    pieces: list[str] = []
    whole: AIMessageChunk | None = None
    for chunk in model.stream(_messages()):
        assert isinstance(chunk, AIMessageChunk)
        pieces += [str(chunk.text)] if chunk.text else []
        whole = chunk if whole is None else whole + chunk
    assert whole is not None
    return pieces, whole


@pytest.mark.parametrize("provider", CLIENTS)
def test_its_client_reads_an_answer(fakes: FakeProviders, made: Make, provider: str) -> None:
    model = made(provider)
    message = model.invoke(_messages())
    pieces, whole = _streamed(model)
    assert str(message.text) == "".join(pieces) == ANSWER
    assert len(pieces) > 3
    assert _usage(message) == _usage(whole) == WORDS
    assert [asked.provider for asked in fakes.requests] == [provider] * 2
    assert [asked.model for asked in fakes.requests] == ["some-model"] * 2
    assert [asked.told for asked in fakes.requests] == [WORDS] * 2
    assert all(asked.complete and asked.text == ANSWER for asked in fakes.requests)
    assert fakes.usage == WORDS + WORDS
    assert KEY not in repr(fakes.requests)


@pytest.mark.parametrize("provider", ["openai", "anthropic", "google"])
def test_tokens_as_they_are_given_and_those_read_before(fakes: FakeProviders, made: Make, provider: str) -> None:
    usage = Usage(700, 30, cached_tokens=512)
    fakes.script("some-model", Script(usage=usage))
    model = made(provider)
    assert _usage(model.invoke(_messages())) == _usage(_streamed(model)[1]) == usage


@pytest.mark.parametrize("provider", CLIENTS)
def test_what_it_thinks_is_no_text(fakes: FakeProviders, made: Make, provider: str) -> None:
    fakes.script("some-model", Script(thinking="Five days, it says.", text="Five days."))
    pieces, whole = _streamed(made(provider))
    assert "".join(pieces) == "Five days."
    assert _usage(whole).completion_tokens == 6


@pytest.mark.parametrize(
    "passage",
    [
        {"type": "document", "title": "Leave", "source": {"type": "text", "media_type": "text/plain", "data": PASSAGE}},
        {
            "type": "document",
            "title": "Leave",
            "source": {"type": "content", "content": [{"type": "text", "text": PASSAGE}]},
        },
        {
            "type": "search_result",
            "title": "Leave",
            "source": "leave.md",
            "content": [{"type": "text", "text": PASSAGE}],
        },
    ],
)
def test_citations_in_the_form_of_anthropic(fakes: FakeProviders, passage: dict[str, object]) -> None:
    fakes.script("some-model", Script(sentences=(0, 1)))
    content = [passage | {"citations": {"enabled": True}}, {"type": "text", "text": "How many days?"}]
    asked = {"model": "some-model", "max_tokens": 100, "messages": [{"role": "user", "content": content}]}
    with anthropic.Anthropic(base_url=fakes.url, api_key=KEY, max_retries=0) as client:
        whole = client.messages.create(**asked)  # type: ignore[call-overload]
        with client.messages.stream(**asked) as stream:  # type: ignore[arg-type]
            streamed = stream.get_final_message()
    for message in (whole, streamed):
        blocks = [block.model_dump() for block in message.content]
        assert "".join(block["text"] for block in blocks) == "You may carry over five days. Ask your lead first."
        cited = [citation for block in blocks for citation in block["citations"]]
        assert [citation["cited_text"] for citation in cited] == [
            "You may carry over five days.",
            "Ask your lead first.",
        ]
        if cited[0]["type"] == "char_location":
            places = [PASSAGE[each["start_char_index"] : each["end_char_index"]] for each in cited]
            assert places == [each["cited_text"] for each in cited]


def test_without_passages_it_does_not_know(fakes: FakeProviders) -> None:
    assert str(_openai(fakes, "some-model").invoke("Hello?").text) == UNKNOWN


def test_sentences_without_headings() -> None:
    assert sentences(PASSAGE) == ["You may carry over five days.", "Ask your lead first.", "No more than that."]
    assert sentences("# 大雪\n\n出社する必要はありません。電話してください。") == [
        "出社する必要はありません。",
        "電話してください。",
    ]
    assert sentences("Version 1.2 costs 3.50 EUR. Ask.") == ["Version 1.2 costs 3.50 EUR.", "Ask."]


def test_scripts_in_turn_and_the_last_one_stays(fakes: FakeProviders) -> None:
    fakes.script("some-model", Script(text="One."), Script(text="Two."))
    model = _openai(fakes, "some-model")
    assert [str(model.invoke("?").text) for _ in range(3)] == ["One.", "Two.", "Two."]


def test_a_script_by_what_is_asked() -> None:
    scripts = {"One?": Script(text="One."), "Two?": Script(text="Two.")}

    def chosen(model: str, text: str) -> Script | None:
        return scripts.get(text) if model == "some-model" else None

    with serving(chosen=chosen) as fakes:
        answers = [_openai(fakes, "some-model").invoke(asked).text for asked in ("Two?", "One?", "Three?")]
    assert answers == ["Two.", "One.", UNKNOWN]


def test_another_key_is_refused(fakes: FakeProviders) -> None:
    fakes.script("some-model", Script(key="another"))
    with pytest.raises(openai.AuthenticationError):
        _openai(fakes, "some-model").invoke("?")
    fakes.script("some-model", Script(key=KEY))
    assert _openai(fakes, "some-model").invoke("?").text == UNKNOWN


def test_a_stream_is_held_until_it_may_go_on(fakes: FakeProviders) -> None:
    fakes.script("some-model", Script(text="One two three.", paused=2))
    pieces = _openai(fakes, "some-model").stream("?")
    first = ""
    while first != "One two ":
        first += str(next(pieces).text)
    (asked,) = fakes.wait_for(1)
    assert not asked.complete
    fakes.go_on()
    assert "".join(str(piece.text) for piece in pieces) == "three."


PATHS = {
    "openai": "/v1/chat/completions",
    "anthropic": "/v1/messages",
    "google": "/v1beta/models/some-model:{}",
    "ollama": "/api/chat",
}


def _request(fakes: FakeProviders, provider: str, *, stream: bool) -> httpx2.Request:
    path = PATHS[provider].format("streamGenerateContent?alt=sse" if stream else "generateContent")
    body: dict[str, object] = {"model": "some-model", "stream": stream, "max_tokens": 100}
    if provider == "google":
        body = {"contents": [{"role": "user", "parts": [{"text": ASKED}]}]}
    else:
        body["messages"] = [{"role": "user", "content": ASKED}]
    return httpx2.Request("POST", f"{fakes.url}{path}", json=body)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("provider", PATHS)
def test_faults_with_a_status(fakes: FakeProviders, provider: str, stream: bool) -> None:
    with httpx2.Client() as client:
        for fault, after in (("429", "7"), ("429", None), ("500", None), ("503", None), ("529", None)):
            fakes.script("some-model", Script(fault=fault, retry_after=after))  # type: ignore[arg-type]
            response = client.send(_request(fakes, provider, stream=stream))
            assert (response.status_code, response.headers.get("retry-after")) == (int(fault), after)
            assert GOSSIP in response.text
        fakes.script("some-model", Script(fault="html"))
        response = client.send(_request(fakes, provider, stream=stream))
        assert (response.status_code, response.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert not any(asked.complete or asked.told for asked in fakes.requests)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("provider", PATHS)
@pytest.mark.parametrize("fault", ["cut", "reset"])
def test_a_connection_that_breaks(fakes: FakeProviders, provider: str, fault: Fault, stream: bool) -> None:
    fakes.script("some-model", Script(fault=fault))
    with httpx2.Client() as client, pytest.raises((httpx2.RemoteProtocolError, httpx2.ReadError)):
        client.send(_request(fakes, provider, stream=stream))
    assert not fakes.requests[0].complete


@pytest.mark.parametrize("provider", PATHS)
def test_a_stream_that_ends_without_its_end(fakes: FakeProviders, provider: str) -> None:
    fakes.script("some-model", Script(fault="quiet_end"))
    with httpx2.Client() as client:
        text = client.send(_request(fakes, provider, stream=True)).text
    assert "may" in text
    assert "carry" not in text
    assert not any(end in text for end in ("[DONE]", "message_stop", "STOP", '"done": true'))


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("provider", PATHS)
def test_json_that_is_none(fakes: FakeProviders, provider: str, stream: bool) -> None:
    fakes.script("some-model", Script(fault="invalid_json"))
    with httpx2.Client() as client:
        last = client.send(_request(fakes, provider, stream=stream)).text.strip().rpartition("\n")[2]
    with pytest.raises(json.JSONDecodeError):
        json.loads(last.removeprefix("data: "))


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("provider", PATHS)
def test_an_answer_of_ten_megabytes(fakes: FakeProviders, provider: str, stream: bool) -> None:
    fakes.script("some-model", Script(fault="huge"))
    with httpx2.Client(timeout=60) as client:
        assert len(client.send(_request(fakes, provider, stream=stream)).content) > HUGE


@pytest.mark.parametrize("provider", PATHS)
def test_an_answer_without_text(fakes: FakeProviders, made: Make, provider: str) -> None:
    fakes.script("some-model", Script(fault="empty"))
    pieces, _ = _streamed(made(provider))
    assert pieces == []
    assert fakes.requests[0].complete


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("provider", PATHS)
@pytest.mark.parametrize("fault", ["hang", "headers", "keep_alives", "stall", "drip"])
def test_what_does_not_end_ends_with_its_client(
    fakes: FakeProviders, provider: str, fault: Fault, stream: bool
) -> None:
    fakes.script("some-model", Script(fault=fault, between_seconds=0.01))
    with httpx2.Client(timeout=httpx2.Timeout(10, read=0.2)) as client:
        if stream and fault in ("keep_alives", "drip"):
            response = client.send(_request(fakes, provider, stream=stream), stream=True)
            lines = response.iter_raw()
            heard = b"".join(next(lines) for _ in range(12))
            response.close()
            if fault == "keep_alives":
                assert b"five" not in heard
        elif fault == "keep_alives":
            response = client.send(_request(fakes, provider, stream=stream), stream=True)
            blanks = response.iter_raw()
            assert b"".join(next(blanks) for _ in range(3)).strip() == b""
            response.close()
        else:
            with pytest.raises(httpx2.ReadTimeout):
                client.send(_request(fakes, provider, stream=stream))
    assert not fakes.requests[0].complete


def test_an_error_inside_a_stream(fakes: FakeProviders) -> None:
    fakes.script("some-model", Script(fault="error_event"))
    with pytest.raises(openai.APIError):
        _streamed(_openai(fakes, "some-model"))
    with pytest.raises(anthropic.APIStatusError):
        _streamed(_anthropic(fakes, "some-model"))


def test_nobody_is_there() -> None:
    with unreachable() as url, httpx2.Client() as client, pytest.raises(httpx2.ConnectError):
        client.get(url)


def test_no_thread_is_left() -> None:
    before = threading.active_count()
    with serving(default=Script(fault="hang")) as fakes, httpx2.Client(timeout=0.1) as client:
        assert threading.active_count() == before + 1
        with pytest.raises(httpx2.ReadTimeout):
            client.send(_request(fakes, "openai", stream=True))
    assert threading.active_count() == before
