"""`provider:model` -> a chat model of langchain, over the provider's own client library.

Clients try once: what is tried again, and where, is decided by the route. Each call has the deadlines of its generator.
"""

from __future__ import annotations

import importlib.util
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from grounding.errors import ConfigurationError, MissingDependency
from grounding.settings import GeneratorSettings

if TYPE_CHECKING:
    from anthropic.types import RawMessageStreamEvent
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessageChunk, BaseMessage
    from langchain_core.outputs import ChatGenerationChunk

NO_KEY = "none"
"""Sent as the key to servers that speak OpenAI's API and want none; the client insists on one."""


@dataclass(frozen=True, slots=True)
class Habits:
    """How a chat model streams. `tells_end`: it names the reason why a complete answer ends. `repeats_usage`: a usage
    that it tells is that of the whole call so far, not what was added. `documents`: it takes documents apart from the
    text, and cites them."""

    tells_end: bool = False
    repeats_usage: bool = False
    documents: bool = False


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider with an extra of its own. One of the variables `keys` must be set, if there are any; one of `urls` may
    hold another address than the provider's."""

    name: str
    module: str
    extra: str
    keys: tuple[str, ...]
    urls: tuple[str, ...]
    habits: Habits


_GOOGLE = Provider(
    "google_genai",
    "langchain_google_genai",
    "google",
    ("GOOGLE_API_KEY", "GEMINI_API_KEY"),
    ("GOOGLE_GEMINI_BASE_URL",),
    Habits(tells_end=True),
)
KNOWN: Mapping[str, Provider] = {
    "openai": Provider(
        "openai",
        "langchain_openai",
        "openai",
        ("OPENAI_API_KEY",),
        ("OPENAI_BASE_URL", "OPENAI_API_BASE"),
        Habits(tells_end=True, repeats_usage=True),
    ),
    "anthropic": Provider(
        "anthropic",
        "langchain_anthropic",
        "anthropic",
        ("ANTHROPIC_API_KEY",),
        ("ANTHROPIC_BASE_URL", "ANTHROPIC_API_URL"),
        Habits(tells_end=True, repeats_usage=True, documents=True),
    ),
    "google": _GOOGLE,
    "google_genai": _GOOGLE,
    "ollama": Provider("ollama", "langchain_ollama", "ollama", (), (), Habits(tells_end=True)),
}
OTHERS = frozenset(
    (
        "anthropic_bedrock azure_ai azure_openai bedrock bedrock_converse cohere deepseek fireworks google_vertexai "
        "groq huggingface ibm litellm mistralai nvidia openrouter perplexity together upstage xai"
    ).split()
)
"""Served if their langchain package is installed beside the extra of any provider above; with retries of their own."""
PROVIDERS = frozenset(KNOWN) | OTHERS


def habits_of(model: BaseChatModel) -> Habits:
    """Those of a chat model that somebody else made, by the package of its class."""
    packages = {each.__module__.partition(".")[0] for each in type(model).__mro__}
    return next((provider.habits for provider in KNOWN.values() if provider.module in packages), Habits())


@dataclass(frozen=True, slots=True)
class Connection:
    """A chat model that can be made: packages and keys are there. `called` is what an error names it by."""

    called: str
    provider: str
    model: str
    key: str | None
    base_url: str | None
    options: GeneratorSettings

    @property
    def habits(self) -> Habits:
        known = KNOWN.get(self.provider)
        return known.habits if known else Habits()

    def open(self) -> BaseChatModel:
        """The chat model; nothing is sent. Raises ConfigurationError, MissingDependency."""
        try:
            return _MAKERS.get(self.provider, _other)(self)
        except ImportError as error:
            package = f"langchain-{self.provider.replace('_', '-')}"
            raise MissingDependency(
                error.name or package, purpose=f"the {self.called}", command=f"pip install {package}"
            ) from None
        except Exception as error:  # noqa: BLE001 - what a provider's constructor raises may show the key it was given
            raise ConfigurationError(
                f"{self.called}: the client of {self.provider} cannot be set up ({type(error).__name__}); "
                f"check the provider's name and its environment variables"
            ) from None


def connection(
    called: str,
    *,
    options: GeneratorSettings,
    environ: Mapping[str, str],
    installed: Callable[[str], bool] | None = None,
) -> Connection:
    """How to connect to the chat model `options.model`. Raises MissingDependency if a package, ConfigurationError if a
    key is missing."""
    present = installed or _installed
    prefix, _, model = options.model.partition(":")
    provider = KNOWN.get(prefix)
    if not model:
        raise ConfigurationError(f"{called}: the model is missing; write it as {prefix}:MODEL")
    if provider is None:
        if not present("langchain"):
            raise MissingDependency("langchain", purpose=f"the {called}")
        return Connection(called, prefix, model, _named_key(called, options, environ), options.base_url, options)
    if not (present("langchain") and present(provider.module)):
        command = f"pip install 'grounding[{provider.extra}]'"
        raise MissingDependency(provider.module.replace("_", "-"), purpose=f"the {called}", command=command)
    base_url = options.base_url or next((environ[name] for name in provider.urls if environ.get(name)), None)
    key = _named_key(called, options, environ) or next(
        (environ[name] for name in provider.keys if environ.get(name)), None
    )
    if key is None and provider.keys:
        if provider.name != "openai" or base_url is None:
            raise ConfigurationError(f"{called}: set the environment variable {provider.keys[0]} to your API key")
        key = NO_KEY
    return Connection(called, provider.name, model, key, base_url, options)


def _named_key(called: str, options: GeneratorSettings, environ: Mapping[str, str]) -> str | None:
    """The key in the variable that the settings name, if they do."""
    if options.api_key_variable is None:
        return None
    if key := environ.get(options.api_key_variable):
        return key
    raise ConfigurationError(f"{called}: set the environment variable {options.api_key_variable} to your API key")


def _installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


class _Request(Protocol):
    extensions: dict[str, object]


class _Response(Protocol):
    request: _Request
    stream: Any


_noting = threading.local()


class Bodies:
    """The bodies of answers that a client has begun to read for one call.

    An error, or a stream that is left, keeps them in a cycle of references, until the garbage collector closes them in
    the middle of anything: also while their pool of connections holds the very lock that closing takes, and that would
    be the end of the client.
    """

    def __init__(self) -> None:
        self._begun: list[_Body] = []

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Within the block, those that this thread begins to read are noted here."""
        before = getattr(_noting, "begun", None)
        _noting.begun = self._begun
        try:
            yield
        finally:
            _noting.begun = before

    def close(self) -> None:
        """Closes what is still open."""
        for body in self._begun:
            with suppress(Exception):
                body.close()
        self._begun.clear()


class _Body(Protocol):
    def close(self) -> None: ...


class _Deadlines:
    """Hooks of an httpx client, whichever httpx it is of: they give every call its deadlines. A call that nobody waits
    for any more ends by them, also if the provider keeps it alive for ever."""

    def __init__(self, options: GeneratorSettings) -> None:
        reading = max(options.first_token_seconds, options.between_tokens_seconds)
        self._seconds = {
            "connect": options.connect_seconds,
            "pool": options.connect_seconds,
            "read": reading,
            "write": reading,
        }
        self._total = options.total_seconds

    @property
    def hooks(self) -> dict[str, list[Callable[..., None]]]:
        return {"request": [self._begin], "response": [self._bound]}

    def _begin(self, request: _Request) -> None:
        request.extensions["timeout"] = dict(self._seconds)
        request.extensions["grounding_until"] = time.monotonic() + self._total

    def _bound(self, response: _Response) -> None:
        until = response.request.extensions["grounding_until"]
        assert isinstance(until, float)
        response.stream = body = _bounded(response.stream, until)
        if (begun := getattr(_noting, "begun", None)) is not None:
            begun.append(body)


def _bounded(stream: Iterable[bytes], until: float) -> _Body:
    """The stream of bytes, which raises TimeoutError for what comes after `until`."""
    base = next(each for each in type(stream).__mro__ if each.__name__ == "SyncByteStream")

    class Bounded(base):  # type: ignore[misc,valid-type] # each httpx asks for one of its own class
        def __init__(self) -> None:
            self._rest = iter(stream)
            self._last = b""

        def __iter__(self) -> Iterator[bytes]:
            for piece in self._rest:
                if time.monotonic() > until:
                    raise TimeoutError("the whole answer took too long")
                self._last = piece
                yield piece

        def close(self) -> None:
            # OpenAI's client stops at this word, before the end of the body: the connection could not be used again.
            if b"[DONE]" in self._last:
                with suppress(Exception):
                    deque(self, maxlen=0)
            stream.close()  # type: ignore[attr-defined]

    made: _Body = Bounded()
    return made


def _openai(to: Connection) -> BaseChatModel:
    from langchain_openai import ChatOpenAI
    from openai import DefaultHttpxClient

    class ChatModel(ChatOpenAI):
        """That keeps the thinking which servers of open models tell beside the text, as langchain's packages for
        DeepSeek and xAI do. Without it, a long thought looks like silence."""

        def _convert_chunk_to_generation_chunk(
            self, chunk: dict[str, object], default_chunk_class: type, base_generation_info: dict[str, object] | None
        ) -> ChatGenerationChunk | None:
            made = super()._convert_chunk_to_generation_chunk(chunk, default_chunk_class, base_generation_info)
            if made is not None and _thought(chunk):
                made.message.additional_kwargs["reasoning_content"] = _thought(chunk)
            return made

    options = to.options
    http = DefaultHttpxClient(event_hooks=_Deadlines(options).hooks)
    made = ChatModel(
        model=to.model,
        api_key=to.key,
        base_url=to.base_url,
        temperature=options.temperature,
        max_tokens=options.max_output_tokens,
        max_retries=0,
        stream_usage=True,
        # Models that have no other API are known by their names; a server of one's own has the common one.
        use_responses_api=False if to.base_url else None,
        http_client=http,
    )
    weakref.finalize(made, http.close)
    return made


def _thought(chunk: Mapping[str, object]) -> str:
    choices = chunk.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    delta = first.get("delta") if isinstance(first, Mapping) else None
    found = (delta.get("reasoning_content") or delta.get("reasoning")) if isinstance(delta, Mapping) else None
    return found if isinstance(found, str) else ""


def _anthropic(to: Connection) -> BaseChatModel:
    from anthropic import Anthropic, DefaultHttpxClient
    from langchain_anthropic import ChatAnthropic

    http = DefaultHttpxClient(event_hooks=_Deadlines(to.options).hooks)

    class ChatModel(ChatAnthropic):
        """With deadlines of its own, which langchain takes for one number, and with the tokens of the prompt where the
        provider tells them at the beginning alone."""

        @cached_property
        def _client(self) -> Anthropic:
            return Anthropic(**self._client_params, http_client=http)

        def _make_message_chunk_from_anthropic_event(
            self,
            event: RawMessageStreamEvent,
            *,
            stream_usage: bool = True,
            coerce_content_to_string: bool,
            block_start_event: RawMessageStreamEvent | None = None,
        ) -> tuple[AIMessageChunk | None, RawMessageStreamEvent | None]:
            made, block = super()._make_message_chunk_from_anthropic_event(
                event,
                stream_usage=stream_usage,
                coerce_content_to_string=coerce_content_to_string,
                block_start_event=block_start_event,
            )
            if made is not None and event.type == "message_start":
                made.response_metadata["usage"] = event.message.usage.model_dump()
            return made, block

    made = ChatModel(
        model=to.model,
        api_key=to.key,
        base_url=to.base_url,
        temperature=to.options.temperature,
        max_tokens=to.options.max_output_tokens,
        max_retries=0,
    )
    weakref.finalize(made, http.close)
    return made


def _google(to: Connection) -> BaseChatModel:
    from httpx import Limits
    from langchain_google_genai import ChatGoogleGenerativeAI

    made = ChatGoogleGenerativeAI(
        model=to.model,
        api_key=to.key,
        base_url=to.base_url,
        temperature=to.options.temperature,
        max_output_tokens=to.options.max_output_tokens,
        max_retries=1,  # one attempt; none means as many as its makers think right
        client_args={
            "event_hooks": _Deadlines(to.options).hooks,
            "limits": Limits(max_connections=to.options.max_calls, max_keepalive_connections=20),
        },
    )
    if made.client is not None:
        weakref.finalize(made, made.client.close)
    return made


def _ollama(to: Connection) -> BaseChatModel:
    from httpx import Limits
    from langchain_ollama import ChatOllama
    from ollama import Client

    class ChatModel(ChatOllama):
        """That keeps the thinking of a model, and leaves it to the model whether it thinks."""

        def _chat_params(
            self, messages: list[BaseMessage], stop: list[str] | None = None, **kwargs: Any
        ) -> dict[str, Any]:
            return {**super()._chat_params(messages, stop, **kwargs), "think": None}

        @property
        def client(self) -> Client:
            return self._client

    made = ChatModel(
        model=to.model,
        base_url=to.base_url,
        temperature=to.options.temperature,
        num_predict=to.options.max_output_tokens,
        reasoning=True,
        sync_client_kwargs={
            "event_hooks": _Deadlines(to.options).hooks,
            "limits": Limits(max_connections=to.options.max_calls, max_keepalive_connections=20),
            "headers": {"Authorization": f"Bearer {to.key}"} if to.key else {},
        },
    )
    weakref.finalize(made, made.client.close)
    return made


def _other(to: Connection) -> BaseChatModel:
    """Of a class that may not know all options: it is given those that were set."""
    from langchain.chat_models import init_chat_model

    options = to.options
    given: dict[str, Any] = {
        "temperature": options.temperature,
        "max_tokens": options.max_output_tokens,
        "base_url": to.base_url,
        "api_key": to.key,
    }
    given = {name: value for name, value in given.items() if value is not None}
    made: BaseChatModel = init_chat_model(to.model, model_provider=to.provider, **given)
    return made


_MAKERS: Mapping[str, Callable[[Connection], BaseChatModel]] = {
    "openai": _openai,
    "anthropic": _anthropic,
    "google_genai": _google,
    "ollama": _ollama,
}
