"""What each provider's own client makes of a provider that misbehaves, seen through the generator over it."""

from __future__ import annotations

import gc
import logging
import os
import socket
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Self
from urllib.parse import urlsplit

import pytest

from grounding import prompt as prompts
from grounding.errors import GeneratorFailed
from grounding.models import langchain
from grounding.models.langchain import LangChainGenerator
from grounding.settings import GeneratorSettings
from grounding.values import Chunk, Prompt, Question, Turn, Usage
from tests import fakes as evidence
from tests.providers.server import GOSSIP, FakeProviders, Fault, Script, serving, unreachable

PROVIDERS = ("openai", "anthropic", "google_genai", "ollama")
ENVIRON = {"OPENAI_API_KEY": "key-1", "ANTHROPIC_API_KEY": "key-2", "GOOGLE_API_KEY": "key-3"}
SAID = "Employees may carry over at most five days [1]."
PIECES = ["Employees ", "may "]
QUICK = {"connect_seconds": 0.5, "first_token_seconds": 0.5, "between_tokens_seconds": 0.5, "total_seconds": 1.0}


@pytest.fixture(scope="module")
def fakes() -> Iterator[FakeProviders]:
    with serving() as running:
        yield running


def generator(provider: str, url: str, **options: float) -> LangChainGenerator:
    base_url = f"{url}/v1" if provider == "openai" else url
    settings = GeneratorSettings.model_validate({"model": f"{provider}:m", "base_url": base_url, **options})
    return langchain.from_provider("named", options=settings, render=prompts.render, environ=ENVIRON)


def prompt() -> Prompt:
    text = "How many days may employees carry over?"
    asked = Question(raw=text, clean=text, standalone=text, language="en")
    passage = evidence.passage(1, "Employees may carry over at most five days. They expire in March.")
    history = (Turn("user", "Hello"), Turn("assistant", "Good day"))
    return Prompt("Answer from the passages.", history, evidence.evidence(passage), asked, "1", "c0ffee", tokens=50)


def answered(provider: str, fakes: FakeProviders, script: Script, **options: float) -> list[Chunk]:
    fakes.script("m", script)
    return list(generator(provider, fakes.url, **options).stream(prompt()))


def failed(provider: str, fakes: FakeProviders, script: Script, **options: float) -> tuple[list[str], GeneratorFailed]:
    """The text that came, and how it ended."""
    fakes.script("m", script)
    said: list[str] = []
    stream = generator(provider, fakes.url, **options).stream(prompt())
    with pytest.raises(GeneratorFailed) as caught:
        said.extend(chunk.text for chunk in stream)
    assert GOSSIP not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return [text for text in said if text], caught.value


def last_usage(chunks: list[Chunk]) -> Usage | None:
    return next((chunk.usage for chunk in reversed(chunks) if chunk.usage), None)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_good_answer_and_what_it_used(provider: str, fakes: FakeProviders) -> None:
    chunks = answered(provider, fakes, Script(cached_tokens=5, thinking="Let me think."))
    told = fakes.requests[-1].told
    assert "".join(chunk.text for chunk in chunks) == SAID
    assert told is not None
    assert last_usage(chunks) == Usage(
        told.prompt_tokens, told.completion_tokens, cached_tokens=0 if provider == "ollama" else 5
    )
    before = [chunk for chunk in chunks if not chunk.text][:3]
    assert len(before) == 3, "each piece of a thought is a sign of work"
    assert chunks[0].text == ""


@pytest.mark.parametrize(
    ("provider", "variable"),
    [
        ("openai", "OPENAI_BASE_URL"),
        ("anthropic", "ANTHROPIC_BASE_URL"),
        ("google", "GOOGLE_GEMINI_BASE_URL"),
        ("ollama", "OLLAMA_HOST"),
    ],
)
def test_the_environment_may_name_another_address(
    provider: str, variable: str, fakes: FakeProviders, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, key in ENVIRON.items():
        monkeypatch.setenv(name, key)
    monkeypatch.setenv(variable, fakes.openai_url if provider == "openai" else fakes.url)
    fakes.script("m", Script())
    asked = langchain.from_provider(
        "named", options=GeneratorSettings(model=f"{provider}:m"), render=prompts.render, environ=os.environ
    )
    assert "".join(chunk.text for chunk in asked.stream(prompt())) == SAID


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("status", ["429", "500", "503", "529"])
def test_a_status_is_asked_for_once_and_tells_when_to_come_back(
    status: Fault, provider: str, fakes: FakeProviders
) -> None:
    before = len(fakes.requests)
    said, error = failed(provider, fakes, Script(fault=status, retry_after="7"))
    assert said == []
    assert (error.reason, error.passing, error.retry_after) == (f"http_{status}", True, 7.0)
    assert len(fakes.requests) == before + 1


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_status_that_does_not_say_when_to_come_back(provider: str, fakes: FakeProviders) -> None:
    assert failed(provider, fakes, Script(fault="429"))[1].retry_after is None


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_key_that_is_refused_is_no_passing_thing(provider: str, fakes: FakeProviders) -> None:
    error = failed(provider, fakes, Script(key="another"))[1]
    assert (error.reason, error.passing) == ("http_401", False)
    assert "refused the API key" in str(error)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("fault", ["cut", "reset", "quiet_end"])
def test_an_answer_that_breaks_off_is_none(fault: Fault, provider: str, fakes: FakeProviders) -> None:
    said, error = failed(provider, fakes, Script(fault=fault))
    assert "".join(said).split() == "".join(PIECES).split()
    assert (error.reason, error.passing) == ("cut", True)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("fault", ["quiet_end", "cut"])
def test_an_answer_that_ends_before_its_first_word_is_none(fault: Fault, provider: str, fakes: FakeProviders) -> None:
    said, error = failed(provider, fakes, Script(fault=fault, after=0))
    assert said == []
    assert error.reason in ("cut", "invalid")
    assert error.passing


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("fault", ["invalid_json", "html"])
def test_an_answer_that_cannot_be_read(fault: Fault, provider: str, fakes: FakeProviders) -> None:
    error = failed(provider, fakes, Script(fault=fault))[1]
    assert (error.reason, error.passing) == ("invalid", True)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("fault", ["hang", "headers", "keep_alives", "stall"])
def test_a_call_that_nobody_waits_for_ends_by_itself(fault: Fault, provider: str, fakes: FakeProviders) -> None:
    error = failed(provider, fakes, Script(fault=fault), **QUICK)[1]
    assert (error.reason, error.passing) == ("timeout", True)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_keep_alives_are_no_pieces(provider: str, fakes: FakeProviders) -> None:
    fakes.script("m", Script(fault="keep_alives"))
    pieces: list[Chunk] = []
    stream = generator(provider, fakes.url, **QUICK).stream(prompt())
    with pytest.raises(GeneratorFailed):
        pieces.extend(stream)  # which keeps what came before
    assert pieces == []


REPORTED = {"openai": "http_500", "anthropic": "http_529", "google_genai": "http_500", "ollama": "interrupted"}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_error_that_is_told_inside_the_stream(provider: str, fakes: FakeProviders) -> None:
    said, error = failed(provider, fakes, Script(fault="error_event"))
    assert "".join(said).split() == "".join(PIECES).split()
    assert (error.reason, error.passing) == (REPORTED[provider], True)


@pytest.mark.parametrize("provider", ["openai", "anthropic", "google_genai"])
def test_an_answer_that_is_withheld_is_a_failure_of_its_own(provider: str, fakes: FakeProviders) -> None:
    error = failed(provider, fakes, Script(finish="filter"))[1]
    assert (error.reason, error.passing) == ("refused", False)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_answer_as_long_as_it_may_be_is_one(provider: str, fakes: FakeProviders) -> None:
    assert "".join(chunk.text for chunk in answered(provider, fakes, Script(finish="length"))) == SAID
    assert failed(provider, fakes, Script(finish="length", fault="empty"))[1].reason == "length"


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_answer_without_words_abstains(provider: str, fakes: FakeProviders) -> None:
    chunks = answered(provider, fakes, Script(fault="empty"))
    assert "".join(chunk.text for chunk in chunks) == ""
    assert last_usage(chunks) is not None


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_provider_that_cannot_be_reached(provider: str) -> None:
    with unreachable() as url, pytest.raises(GeneratorFailed, match="cannot be reached") as caught:
        list(generator(provider, url).stream(prompt()))
    assert (caught.value.reason, caught.value.passing) == ("connection", True)


@contextmanager
def deaf() -> Iterator[str]:
    """An address whose connections are never taken up: its queue of them is full."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        waiting = [socket.socket() for _ in range(3)]
        try:
            for each in waiting:
                each.setblocking(False)
                with suppress(BlockingIOError):
                    each.connect(listening.getsockname())
            yield "http://{}:{}".format(*listening.getsockname())
        finally:
            for each in waiting:
                each.close()


@pytest.mark.parametrize("provider", PROVIDERS)
def test_reaching_a_provider_has_a_deadline_of_its_own(provider: str) -> None:
    with deaf() as url, pytest.raises(GeneratorFailed) as caught:
        list(generator(provider, url, connect_seconds=0.2, first_token_seconds=600).stream(prompt()))
    assert caught.value.reason == "connection"


class Relay:
    """Passes one connection on to a provider, and says when the client hangs up."""

    def __init__(self, url: str) -> None:
        self._to = urlsplit(url)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._taken: list[socket.socket] = []
        self.hung_up = threading.Event()
        self.url = "http://{}:{}".format(*self._listening.getsockname())
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for each in (self._listening, *self._taken):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(30)

    def _run(self) -> None:
        try:
            client, _ = self._listening.accept()
        except OSError:
            return
        self._taken.append(client)
        with client, socket.create_connection((self._to.hostname, self._to.port)) as provider:
            back = threading.Thread(target=self._pass, args=(provider, client))
            back.start()
            self._pass(client, provider)
            self.hung_up.set()
            provider.shutdown(socket.SHUT_RDWR)
            back.join()

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_closing_the_answer_hangs_up(provider: str, fakes: FakeProviders) -> None:
    fakes.script("m", Script(fault="drip", between_seconds=0.001))
    with Relay(fakes.url) as relay:
        stream = generator(provider, relay.url).stream(prompt())
        assert next(chunk.text for chunk in stream if chunk.text)
        assert not relay.hung_up.is_set()
        stream.close()
        assert relay.hung_up.wait(30)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_connection_is_used_again(provider: str, fakes: FakeProviders) -> None:
    fakes.script("m", Script())
    with Relay(fakes.url) as relay:  # which takes up one connection, and no other
        asked = generator(provider, relay.url, first_token_seconds=20, between_tokens_seconds=20)
        for _ in range(3):
            assert "".join(chunk.text for chunk in asked.stream(prompt())) == SAID
        assert not relay.hung_up.is_set()


@pytest.mark.parametrize("provider", PROVIDERS)
def test_nothing_that_a_provider_says_is_logged(
    provider: str, fakes: FakeProviders, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    for fault in ("429", "500", "html", "error_event", "invalid_json"):
        failed(provider, fakes, Script(fault=fault))
    assert GOSSIP not in caplog.text
    assert "five days" not in caplog.text


def test_a_server_that_thinks_beside_its_text_is_heard(fakes: FakeProviders) -> None:
    chunks = answered("openai", fakes, Script(thinking="one two three"))
    assert [chunk.text for chunk in chunks[:4]] == ["", "", "", "Employees "]
    assert all(chunk.usage is None for chunk in chunks[:3])


def open_bodies() -> int:
    """Bodies of answers that are read from a connection, in all clients."""
    bodies = [each for each in gc.get_objects() if type(each).__name__ == "PoolByteStream"]
    return sum(not body._closed for body in bodies)


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("fault", ["503", "cut", "invalid_json", "error_event"])
def test_a_failure_leaves_no_answer_open(provider: str, fault: Fault, fakes: FakeProviders) -> None:
    """What the garbage collector has to close, it may close while the pool of connections is locked: for ever."""
    fakes.script("m", Script(fault=fault))
    asked = generator(provider, fakes.url, **QUICK)
    with without_garbage_collection():
        with suppress(GeneratorFailed):
            deque(asked.stream(prompt()), maxlen=0)
        assert open_bodies() == 0


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_answer_that_is_left_is_closed_at_once(provider: str, fakes: FakeProviders) -> None:
    fakes.script("m", Script(fault="stall"))
    asked = generator(provider, fakes.url, **QUICK)
    with without_garbage_collection():
        stream = asked.stream(prompt())
        next(stream)
        assert open_bodies() == 1
        stream.close()
        assert open_bodies() == 0
