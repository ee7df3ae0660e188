"""What grounding.ports.Generator promises, for every generator."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage

from grounding import prompt as prompts
from grounding.models import langchain
from grounding.models.extractive import ExtractiveGenerator
from grounding.models.multilingual_e5 import MultilingualE5
from grounding.ports import Generator
from grounding.values import Evidence, Prompt, Question
from tests import fakes

ANSWERING = "Employees may carry over at most five days of annual leave into the next year."


def _extractive(models_folder: Path) -> Generator:
    return ExtractiveGenerator(MultilingualE5(folder=models_folder))


def _chat_model(models_folder: Path) -> Generator:
    answers = iter([AIMessage("At most five days [1].")] * 4)
    return langchain.from_model(GenericFakeChatModel(messages=answers), name="fake:model", render=prompts.render)


IMPLEMENTATIONS: dict[str, Callable[[Path], Generator]] = {
    "extractive": _extractive,
    "langchain": _chat_model,
}


@pytest.fixture(params=IMPLEMENTATIONS)
def generator(request: pytest.FixtureRequest, models_folder: Path) -> Generator:
    return IMPLEMENTATIONS[request.param](models_folder)


def _prompt(*evidence: Evidence) -> Prompt:
    text = "How many days of annual leave may employees carry over?"
    asked = Question(raw=text, clean=text, standalone=text, language="en")
    return Prompt("Answer from the passages.", (), evidence, asked, version="1", nonce="n", tokens=50)


def _full_prompt() -> Prompt:
    return _prompt(*fakes.evidence(fakes.passage(1, ANSWERING), fakes.passage(2, "The canteen opens at noon.")))


def test_it_is_a_generator(generator: Generator) -> None:
    assert isinstance(generator, Generator)
    assert generator.name


def test_an_answer_is_text_with_a_marker_of_its_evidence(generator: Generator) -> None:
    answer = "".join(chunk.text for chunk in generator.stream(_full_prompt()))
    assert "five days" in answer
    assert "[1]" in answer


def test_usage_comes_last_or_not_at_all(generator: Generator) -> None:
    *before, last = list(generator.stream(_full_prompt()))
    assert all(chunk.usage is None for chunk in before)
    if last.usage is not None:
        assert last.usage.prompt_tokens >= 0
        assert last.usage.completion_tokens >= 0


def test_no_evidence_is_no_error(generator: Generator) -> None:
    assert all(isinstance(chunk.text, str) for chunk in generator.stream(_prompt()))


def test_the_answer_can_be_broken_off(generator: Generator) -> None:
    stream = generator.stream(_full_prompt())
    next(stream)
    close = getattr(stream, "close", None)
    assert close is not None
    close()
    assert list(stream) == []


def test_one_generator_answers_many_prompts(generator: Generator) -> None:
    first, second = ("".join(chunk.text for chunk in generator.stream(_full_prompt())) for _ in range(2))
    assert first == second
