"""Chat models of langchain-core as rewriters of follow-ups."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace

import pytest
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatResult

from grounding.errors import ConfigurationError, MissingDependency
from grounding.models import langchain
from grounding.ports import QuestionRewriter
from grounding.settings import GeneratorSettings
from grounding.values import Rewritten, Turn, Usage

TURNS = (Turn("user", "Who built the lighthouse?"), Turn("assistant", "Edith Marlow."))


class Told(BaseChatModel):
    """A chat model that says what it is told, once it may."""

    says: str | Exception
    heard: list[list[BaseMessage]] = []  # noqa: RUF012 - a pydantic field, copied for each model
    may_answer: threading.Event | None = None
    usage: UsageMetadata | None = None
    finish: str = "stop"

    @property
    def _llm_type(self) -> str:
        return "told"

    def _generate(self, messages: list[BaseMessage], *args: object, **kwargs: object) -> ChatResult:
        self.heard.append(messages)
        if self.may_answer is not None:
            self.may_answer.wait(30)
        if isinstance(self.says, Exception):
            raise self.says
        ended = {"finish_reason": self.finish}
        message = AIMessage(self.says, usage_metadata=self.usage, response_metadata=ended)
        return ChatResult(generations=[ChatGeneration(message=message)])


def rewritten(model: BaseChatModel, *, question: str = "Where was she born?", seconds: float = 20) -> str | None:
    return langchain.rewriter_from_model(model, name="test:model", seconds=seconds).rewrite(question, TURNS).text


def test_the_question_comes_in_one_line() -> None:
    assert rewritten(Told(says=" Where was\nEdith Marlow born? ")) == "Where was Edith Marlow born?"


def test_the_model_is_shown_the_conversation_as_data() -> None:
    model = Told(says="Where was Edith Marlow born?")
    rewritten(model)
    system, user = model.heard[0]
    assert (system.type, system.content) == ("system", langchain.REWRITE)
    assert user.content == (
        "<conversation>\nuser: Who built the lighthouse?\nassistant: Edith Marlow.\n</conversation>\n\n"
        "Question: Where was she born?"
    )


@pytest.mark.parametrize("says", ["Where was she born?", "", "She was born in Fenwick. " * 40])
def test_the_same_question_or_something_else_than_a_question_is_no_form(says: str) -> None:
    assert rewritten(Told(says=says)) is None


def test_a_model_that_fails_gives_no_form_and_a_call_that_says_so() -> None:
    rewriter = langchain.rewriter_from_model(Told(says=RuntimeError("Edith Marlow")), name="test:model", seconds=20)
    found = rewriter.rewrite("Where was she born?", TURNS)
    assert found.text is None
    assert found.call is not None
    assert (found.call.purpose, found.call.outcome, found.call.reported) == ("rewrite", "failed", False)
    assert "Edith" not in repr(found)


def _outcome(found: Rewritten) -> str:
    assert found.call is not None
    return found.call.outcome


def test_a_slow_model_is_given_up_at_the_deadline() -> None:
    may_answer = threading.Event()
    rewriter = langchain.rewriter_from_model(
        Told(says="Too late", may_answer=may_answer), name="test:model", seconds=0.01
    )
    try:
        assert _outcome(rewriter.rewrite("Where was she born?", TURNS)) == "timeout"
    finally:
        may_answer.set()


def test_models_that_hang_are_not_asked_more_and_more() -> None:
    may_answer = threading.Event()
    model = Told(says="Too late", may_answer=may_answer)
    rewriter = langchain.rewriter_from_model(model, name="test:model", seconds=0.001)
    try:
        for _ in range(langchain.WAITING_REWRITES):
            assert _outcome(rewriter.rewrite("Where was she born?", TURNS)) == "timeout"
        assert _outcome(rewriter.rewrite("Where was she born?", TURNS)) == "busy"
    finally:
        may_answer.set()


def _from_provider(environ: Mapping[str, str], *, installed: bool) -> QuestionRewriter:
    return langchain.rewriter_from_provider(
        "openai:gpt-x",
        options=GeneratorSettings(model="openai:gpt-x"),
        seconds=4,
        environ=environ,
        installed=lambda module: installed,
    )


def test_a_provider_needs_its_key_and_its_package() -> None:
    with pytest.raises(ConfigurationError, match=r"rewriter 'openai:gpt-x': set .*OPENAI_API_KEY"):
        _from_provider({}, installed=True)
    with pytest.raises(MissingDependency, match=r"rewriter 'openai:gpt-x'"):
        _from_provider({}, installed=False)
    assert _from_provider({"OPENAI_API_KEY": "k"}, installed=True).name == "openai:gpt-x"


def test_the_call_has_the_usage_and_its_price() -> None:
    usage = UsageMetadata(input_tokens=2000, output_tokens=10, total_tokens=2010)
    options = GeneratorSettings(model="openai:gpt-x", input_price=1.0, output_price=5.0)
    rewriter = langchain.rewriter_from_model(
        Told(says="Again?", usage=usage), name="quick", seconds=20, options=options
    )
    call = rewriter.rewrite("Where was she born?", TURNS).call
    assert call is not None
    assert (call.generator, call.model, call.purpose, call.outcome) == ("quick", "openai:gpt-x", "rewrite", "ok")
    assert call.reported
    assert replace(call.usage, cost_usd=None) == Usage(2000, 10)
    assert call.usage.cost_usd == pytest.approx(0.00205)


def test_an_answer_that_was_withheld_is_no_form() -> None:
    rewriter = langchain.rewriter_from_model(Told(says="I", finish="content_filter"), name="test:model", seconds=20)
    found = rewriter.rewrite("Where was she born?", TURNS)
    assert found.text is None
    assert _outcome(found) == "refused"
