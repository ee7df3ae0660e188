"""Any chat model of langchain-core as a generator, and those of providers by `provider:model`."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from grounding.errors import ConfigurationError, GeneratorFailed, MissingDependency
from grounding.values import Chunk, Message, Prompt, Usage

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage
    from langchain_core.messages.ai import UsageMetadata

Render = Callable[[Prompt], tuple[Message, ...]]

TIMEOUT_SECONDS = 120
RETRIES = 2
"""Of a provider's own client, for answers such as 429 and 503 before the first piece of text."""


@dataclass(frozen=True, slots=True)
class _Provider:
    """A provider with an extra of its own. One of the variables `keys` must be set."""

    name: str
    module: str
    extra: str
    keys: tuple[str, ...]


_PROVIDERS = {
    "openai": _Provider("openai", "langchain_openai", "openai", ("OPENAI_API_KEY",)),
    "anthropic": _Provider("anthropic", "langchain_anthropic", "anthropic", ("ANTHROPIC_API_KEY",)),
    "google": _Provider("google_genai", "langchain_google_genai", "google", ("GOOGLE_API_KEY", "GEMINI_API_KEY")),
    "google_genai": _Provider("google_genai", "langchain_google_genai", "google", ("GOOGLE_API_KEY", "GEMINI_API_KEY")),
}
OTHER_PROVIDERS = frozenset(
    (
        "anthropic_bedrock azure_ai azure_openai bedrock bedrock_converse cohere deepseek fireworks google_vertexai "
        "groq huggingface ibm litellm mistralai nvidia ollama openrouter perplexity together upstage xai"
    ).split()
)
"""Served if their langchain package is installed beside the extra of any provider above."""
PROVIDERS = frozenset(_PROVIDERS) | OTHER_PROVIDERS


def is_chat_model(value: object) -> bool:
    """Whether the value is a chat model of langchain-core."""
    from langchain_core.language_models import BaseChatModel

    return isinstance(value, BaseChatModel)


def from_model(model: object, *, name: str, render: Render) -> LangChainGenerator:
    """A generator over a chat model that is there already."""
    from langchain_core.language_models import BaseChatModel

    if not isinstance(model, BaseChatModel):
        raise ConfigurationError(
            f"generator {name!r}: expected a chat model of langchain-core, got {type(model).__name__}"
        )
    return LangChainGenerator(lambda: model, name=name, render=render)


def from_provider(
    name: str,
    *,
    render: Render,
    environ: Mapping[str, str],
    installed: Callable[[str], bool] | None = None,
) -> LangChainGenerator:
    """The generator `provider:model`. Raises MissingDependency if a package, ConfigurationError if a key is missing."""
    present = installed or _installed
    prefix, _, model = name.partition(":")
    provider = _PROVIDERS.get(prefix)
    if not model:
        raise ConfigurationError(f"generator {name!r}: the model is missing; write it as {prefix}:MODEL")
    if provider is not None:
        if not (present("langchain") and present(provider.module)):
            command = f"pip install 'grounding[{provider.extra}]'"
            package = provider.module.replace("_", "-")
            raise MissingDependency(package, purpose=f"the generator {name!r}", command=command)
        if not any(environ.get(key) for key in provider.keys):
            raise ConfigurationError(
                f"generator {name!r}: set the environment variable {provider.keys[0]} to your API key"
            )
    elif not present("langchain"):
        raise MissingDependency("langchain", purpose=f"the generator {name!r}")
    return LangChainGenerator(
        lambda: _connect(name, provider.name if provider else prefix, model), name=name, render=render
    )


class LangChainGenerator:
    """Generator over a chat model, which `load` gives at the first prompt. Thread-safe as far as that model is."""

    def __init__(self, load: Callable[[], BaseChatModel], *, name: str, render: Render) -> None:
        self._load = load
        self._name = name
        self._render = render
        self._lock = threading.Lock()
        self._model: BaseChatModel | None = None

    @property
    def name(self) -> str:
        return self._name

    def stream(self, prompt: Prompt) -> Generator[Chunk, None, None]:
        """The model's text as it comes, and its usage in the last chunk if it tells. Raises GeneratorFailed."""
        model = self._loaded()
        messages = [_message(message) for message in self._render(prompt)]
        usage: Usage | None = None
        try:
            # Declared as an iterator, and always a generator, which stops the model when it is closed.
            with closing(model.stream(messages)) as pieces:  # type: ignore[type-var]
                for piece in pieces:
                    usage = _added(usage, getattr(piece, "usage_metadata", None))
                    if text := str(piece.text):
                        yield Chunk(text)
        except Exception as error:  # noqa: BLE001 - every provider raises exceptions of its own
            raise GeneratorFailed(_explained(self._name, error)) from None
        if usage is not None:
            yield Chunk("", usage)

    def _loaded(self) -> BaseChatModel:
        with self._lock:
            if self._model is None:
                self._model = self._load()
            return self._model


def _installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _connect(name: str, provider: str, model: str) -> BaseChatModel:
    from langchain.chat_models import init_chat_model

    made: BaseChatModel
    try:
        if provider in OTHER_PROVIDERS:  # whose classes may not know these options
            made = init_chat_model(model, model_provider=provider)
        else:
            made = init_chat_model(model, model_provider=provider, timeout=TIMEOUT_SECONDS, max_retries=RETRIES)
    except ImportError as error:
        package = f"langchain-{provider.replace('_', '-')}"
        raise MissingDependency(
            error.name or package, purpose=f"the generator {name!r}", command=f"pip install {package}"
        ) from None
    except Exception as error:  # noqa: BLE001 - what a provider's constructor raises may show the key it was given
        raise ConfigurationError(
            f"generator {name!r}: the client of {provider} cannot be set up ({type(error).__name__}); "
            f"check the provider's name and its environment variables"
        ) from None
    return made


def _message(message: Message) -> BaseMessage:
    from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

    match message.role:
        case "system":
            return SystemMessage(message.content)
        case "user":
            return HumanMessage(message.content)
        case "assistant":
            return AIMessage(message.content)


def _added(usage: Usage | None, told: UsageMetadata | None) -> Usage | None:
    """Usage so far: providers tell it once at the end, or input first and output last."""
    if not told:
        return usage
    before = usage or Usage()
    return Usage(
        prompt_tokens=before.prompt_tokens + told.get("input_tokens", 0),
        completion_tokens=before.completion_tokens + told.get("output_tokens", 0),
    )


_HINTS = {
    400: "the provider refused the request; the prompt may be longer than the model's window",
    401: "the provider refused the API key",
    403: "the API key may not use this model",
    404: "the provider does not know this model",
    408: "the provider did not answer in time",
    413: "the prompt is longer than the provider accepts",
    429: "too many requests, or no credit left, at the provider",
}


def _explained(name: str, error: Exception) -> str:
    """What failed, from the exception's type and status alone: its message may repeat the prompt or the key."""
    status = getattr(error, "status_code", None) or getattr(error, "code", None)
    kind = type(error).__name__
    if isinstance(status, int):
        hint = _HINTS.get(status, "the provider failed" if status >= 500 else "the provider refused the request")
        return f"generator {name!r} failed: {hint} (HTTP {status}, {kind})"
    if isinstance(error, TimeoutError) or "Timeout" in kind:
        return f"generator {name!r} failed: no answer in time ({kind})"
    if isinstance(error, ConnectionError) or "Connect" in kind:
        return f"generator {name!r} failed: the provider cannot be reached ({kind})"
    return f"generator {name!r} failed ({kind})"
