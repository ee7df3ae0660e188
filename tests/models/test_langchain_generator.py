"""Chat models of langchain-core as generators."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from grounding import prompt as prompts
from grounding.errors import ConfigurationError, GeneratorFailed, MissingDependency
from grounding.models import langchain
from grounding.models.clients import Habits
from grounding.models.langchain import LangChainGenerator
from grounding.ports import Generator
from grounding.settings import GeneratorSettings
from grounding.values import Chunk, Message, Prompt, Question, Turn, Usage

SECRET = "the secret question about salaries"


class Streamed(BaseChatModel):
    """A chat model that streams the chunks it is given, and raises the exceptions among them."""

    chunks: list[Any]
    heard: list[list[BaseMessage]] = []  # noqa: RUF012 - a pydantic field, copied for each model
    closed: list[bool] = []  # noqa: RUF012

    @property
    def _llm_type(self) -> str:
        return "streamed"

    def _generate(self, messages: list[BaseMessage], *args: object, **kwargs: object) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=AIMessage("not streamed"))])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: object,
    ) -> Iterator[ChatGenerationChunk]:
        self.heard.append(messages)
        try:
            for chunk in self.chunks:
                if isinstance(chunk, Exception):
                    raise chunk
                yield ChatGenerationChunk(message=chunk)
        finally:
            self.closed.append(True)


class ProviderError(Exception):
    def __init__(self, status_code: int) -> None:
        self.status_code = status_code
        super().__init__(f"refused {SECRET} with key sk-12345")


def _prompt(question: str = "How many days?") -> Prompt:
    asked = Question(raw=question, clean=question, standalone=question, language="en")
    history = (Turn("user", "Hello"), Turn("assistant", "Good day"))
    return Prompt("Answer from the passages.", history, (), asked, version="1", nonce="n", tokens=10)


def _generator(model: BaseChatModel) -> LangChainGenerator:
    return langchain.from_model(model, name="test:model", render=prompts.render)


def _from_provider(model: str, *, environ: Mapping[str, str], installed: bool = True, **given: Any) -> Generator:
    return langchain.from_provider(
        "quick",
        options=GeneratorSettings(model=model, **given),
        render=prompts.render,
        environ=environ,
        installed=lambda module: installed,
    )


def _usage(given: int, written: int) -> UsageMetadata:
    return UsageMetadata(input_tokens=given, output_tokens=written, total_tokens=given + written)


def test_the_answer_comes_piece_by_piece() -> None:
    model = GenericFakeChatModel(messages=iter([AIMessage("Five days [1].")]))
    chunks = list(_generator(model).stream(_prompt()))
    assert len(chunks) > 1
    assert "".join(chunk.text for chunk in chunks) == "Five days [1]."


def test_each_role_is_a_message_of_its_own() -> None:
    model = Streamed(chunks=[AIMessageChunk(content="Yes.")])
    list(_generator(model).stream(_prompt()))
    assert [(message.type, message.content) for message in model.heard[0]] == [
        ("system", "Answer from the passages."),
        ("human", "Hello"),
        ("ai", "Good day"),
        ("human", "Question: How many days?"),
    ]


def test_usage_comes_with_the_last_chunk() -> None:
    told = AIMessageChunk(content="", usage_metadata=_usage(120, 7))
    chunks = list(_generator(Streamed(chunks=[AIMessageChunk(content="Five."), told])).stream(_prompt()))
    assert chunks == [Chunk("Five."), Chunk("", Usage(prompt_tokens=120, completion_tokens=7))]


def test_usage_told_in_parts_is_added_up() -> None:
    pieces = [
        AIMessageChunk(content="", usage_metadata=_usage(120, 0)),
        AIMessageChunk(content="Five."),
        AIMessageChunk(content="", usage_metadata=_usage(0, 7)),
    ]
    assert list(_generator(Streamed(chunks=pieces)).stream(_prompt()))[-1].usage == Usage(120, 7)


def test_tokens_that_the_provider_had_read_before_are_told() -> None:
    told = _usage(120, 7) | {"input_token_details": {"cache_read": 80, "priority_cache_read": 20, "audio": 3}}
    pieces = [AIMessageChunk(content="Five."), AIMessageChunk(content="", usage_metadata=told)]
    assert list(_generator(Streamed(chunks=pieces)).stream(_prompt()))[-1].usage == Usage(120, 7, cached_tokens=100)


def test_a_usage_that_is_repeated_is_not_counted_twice() -> None:
    pieces = [
        AIMessageChunk(content=word, usage_metadata=_usage(120, n)) for n, word in enumerate("Five days".split(), 1)
    ]
    generator = LangChainGenerator(
        lambda: Streamed(chunks=pieces), name="test", render=prompts.render, habits=Habits(repeats_usage=True)
    )
    assert [chunk.usage for chunk in generator.stream(_prompt())] == [Usage(120, 1), Usage(120, 2)]


@pytest.mark.parametrize(
    "thought",
    [
        AIMessageChunk(content=[{"type": "thinking", "thinking": "hm"}]),
        AIMessageChunk(content=[{"type": "reasoning", "reasoning": "hm"}]),
        AIMessageChunk(content="", additional_kwargs={"reasoning_content": "hm"}),
    ],
)
def test_a_thought_is_a_sign_of_work_and_an_empty_piece_is_nothing(thought: AIMessageChunk) -> None:
    pieces = [AIMessageChunk(content=""), thought, AIMessageChunk(content=[]), AIMessageChunk(content="Five.")]
    assert list(_generator(Streamed(chunks=pieces)).stream(_prompt())) == [Chunk(""), Chunk("Five.")]


def _ending(word: str | None, *, text: str = "Five days [1].", key: str = "finish_reason") -> LangChainGenerator:
    last = AIMessageChunk(content="", response_metadata={key: word} if word else {})
    model = Streamed(chunks=[AIMessageChunk(content=text), last])
    return LangChainGenerator(lambda: model, name="test", render=prompts.render, habits=Habits(tells_end=True))


@pytest.mark.parametrize("key", ["finish_reason", "stop_reason", "done_reason", "status"])
@pytest.mark.parametrize("word", ["stop", "end_turn", "STOP", "length", "max_tokens", "MAX_TOKENS", "completed"])
def test_an_answer_that_says_that_it_is_complete_is_one(word: str, key: str) -> None:
    assert "".join(chunk.text for chunk in _ending(word, key=key).stream(_prompt())) == "Five days [1]."


@pytest.mark.parametrize(
    ("word", "reason", "passing"),
    [
        (None, "cut", True),
        ("in_progress", "cut", True),
        ("content_filter", "refused", False),
        ("refusal", "refused", False),
        ("SAFETY", "refused", False),
        ("MALFORMED_RESPONSE", "interrupted", True),
    ],
)
def test_an_answer_that_does_not_end_well_is_none(word: str | None, reason: str, passing: bool) -> None:
    with pytest.raises(GeneratorFailed) as caught:
        list(_ending(word).stream(_prompt()))
    assert (caught.value.reason, caught.value.passing) == (reason, passing)


@pytest.mark.parametrize(("why", "reason"), [("content_filter", "refused"), ("max_output_tokens", "length")])
def test_an_incomplete_response_says_why(why: str, reason: str) -> None:
    told = {"status": "incomplete", "incomplete_details": {"reason": why}}
    model = Streamed(chunks=[AIMessageChunk(content="", response_metadata=told)])
    generator = LangChainGenerator(lambda: model, name="t", render=prompts.render, habits=Habits(tells_end=True))
    with pytest.raises(GeneratorFailed) as caught:
        list(generator.stream(_prompt()))
    assert caught.value.reason == reason


def test_a_blocked_question_is_refused() -> None:
    blocked = AIMessageChunk(content="", response_metadata={"prompt_feedback": {"block_reason": "SAFETY"}})
    generator = LangChainGenerator(
        lambda: Streamed(chunks=[blocked]), name="test", render=prompts.render, habits=Habits(tells_end=True)
    )
    with pytest.raises(GeneratorFailed, match="withheld"):
        list(generator.stream(_prompt()))


def test_a_length_that_was_thought_away_names_its_setting() -> None:
    with pytest.raises(GeneratorFailed, match="raise max_output_tokens") as caught:
        list(_ending("length", text=" ").stream(_prompt()))
    assert (caught.value.reason, caught.value.passing) == ("length", False)


def test_a_model_that_tells_no_usage_gives_none() -> None:
    chunks = list(_generator(Streamed(chunks=[AIMessageChunk(content="Five.")])).stream(_prompt()))
    assert chunks == [Chunk("Five.")]


def test_text_in_blocks_is_text() -> None:
    blocks = AIMessageChunk(content=[{"type": "text", "text": "Five "}, {"type": "text", "text": "days."}])
    assert [c.text for c in _generator(Streamed(chunks=[blocks])).stream(_prompt())] == ["Five days."]


def test_a_failure_in_the_middle_keeps_what_came_before() -> None:
    stream = _generator(Streamed(chunks=[AIMessageChunk(content="Five "), RuntimeError("connection lost")])).stream(
        _prompt()
    )
    assert next(stream) == Chunk("Five ")
    with pytest.raises(GeneratorFailed, match=r"generator 'test:model' failed \(RuntimeError\)"):
        next(stream)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ProviderError(401), "refused the API key"),
        (ProviderError(404), "does not know this model"),
        (ProviderError(429), "too many requests"),
        (ProviderError(503), "the provider failed (HTTP 503"),
        (ProviderError(422), "refused the request (HTTP 422"),
        (TimeoutError(SECRET), "no answer in time"),
        (ConnectionRefusedError(SECRET), "cannot be reached"),
        (ValueError(SECRET), "cannot be read (ValueError)"),
        (RuntimeError(SECRET), "(RuntimeError)"),
    ],
)
def test_a_failure_is_explained_without_prompt_or_key(error: Exception, said: str) -> None:
    with pytest.raises(GeneratorFailed) as caught:
        list(_generator(Streamed(chunks=[error])).stream(_prompt(SECRET)))
    assert said in str(caught.value)
    assert SECRET not in str(caught.value)
    assert "sk-12345" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_closing_the_answer_stops_the_model() -> None:
    model = Streamed(chunks=[AIMessageChunk(content="Five "), AIMessageChunk(content="days.")])
    stream = _generator(model).stream(_prompt())
    next(stream)
    assert not model.closed
    stream.close()
    assert model.closed == [True]


def test_the_model_is_made_at_the_first_prompt_and_once() -> None:
    made: list[BaseChatModel] = []

    def load() -> BaseChatModel:
        made.append(Streamed(chunks=[AIMessageChunk(content="Yes.")]))
        return made[-1]

    generator = LangChainGenerator(load, name="test:model", render=lambda prompt: (Message("user", "?"),))
    assert made == []
    list(generator.stream(_prompt()))
    list(generator.stream(_prompt()))
    assert len(made) == 1


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("openai:gpt-x", "OPENAI_API_KEY"),
        ("anthropic:claude-x", "ANTHROPIC_API_KEY"),
        ("google:gemini-x", "GOOGLE_API_KEY"),
        ("google_genai:gemini-x", "GOOGLE_API_KEY"),
    ],
)
def test_a_missing_key_is_named(name: str, variable: str) -> None:
    with pytest.raises(ConfigurationError, match=f"generator 'quick': set .*{variable}"):
        _from_provider(name, environ={variable: ""})
    assert _from_provider(name, environ={variable: "k"}).name == "quick"


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("openai:gpt-x", r"pip install 'grounding\[openai\]'"),
        ("anthropic:claude-x", r"pip install 'grounding\[anthropic\]'"),
        ("google:gemini-x", r"pip install 'grounding\[google\]'"),
        ("ollama:llama", r"pip install 'grounding\[ollama\]'"),
        ("mistralai:large", "pip install langchain"),
    ],
)
def test_a_missing_package_comes_with_its_command(name: str, command: str) -> None:
    with pytest.raises(MissingDependency, match=command):
        _from_provider(name, environ={}, installed=False)


def test_a_missing_package_of_another_provider_is_named_at_the_first_prompt() -> None:
    with pytest.raises(MissingDependency, match="pip install langchain-upstage"):
        list(_from_provider("upstage:solar", environ={}).stream(_prompt()))


def test_the_settings_may_name_the_variable_of_the_key() -> None:
    environ = {"OPENAI_API_KEY": "k", "TEAM_KEY": "t"}
    assert _from_provider("openai:gpt-x", environ=environ, api_key_variable="TEAM_KEY").name == "quick"
    with pytest.raises(ConfigurationError, match="TEAMS_KEY"):
        _from_provider("openai:gpt-x", environ=environ, api_key_variable="TEAMS_KEY")


@pytest.mark.parametrize("variable", ["OPENAI_BASE_URL", None])
def test_a_server_that_speaks_openais_api_may_want_no_key(variable: str | None) -> None:
    url = "http://127.0.0.1:9/v1"
    environ = {variable: url} if variable else {}
    assert _from_provider("openai:qwen", environ=environ, base_url=None if variable else url).name == "quick"
    with pytest.raises(ConfigurationError, match="ANTHROPIC_API_KEY"):
        _from_provider("anthropic:claude-x", environ={}, base_url=url)


def test_a_provider_without_a_model_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="openai:MODEL"):
        _from_provider("openai:", environ={"OPENAI_API_KEY": "k"})


def test_what_is_no_chat_model_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="expected a chat model of langchain-core, got str"):
        langchain.from_model("gpt", name="my:model", render=prompts.render)
