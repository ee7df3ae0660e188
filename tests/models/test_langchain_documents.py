"""Anthropic's form of citations: documents in the request, markers in the answer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage

from grounding import prompt as prompts
from grounding.models.clients import Habits
from grounding.models.documents import Markers, blocks
from grounding.models.langchain import LangChainGenerator
from grounding.prompt import Quoted
from grounding.settings import GeneratorSettings
from grounding.values import Chunk, Prompt, Question, Turn
from tests import fakes
from tests.models.test_langchain_generator import Streamed

Block = dict[str, object]


def text(said: str, index: int = 0) -> Block:
    return {"type": "text", "text": said, "index": index}


def cites(*documents: int, index: int = 0) -> Block:
    places = [{"type": "char_location", "document_index": number, "cited_text": "x"} for number in documents]
    return {"type": "text", "citations": places, "index": index}


def read(*pieces: Sequence[Block] | str) -> str:
    markers = Markers()
    return "".join([markers.read(piece) for piece in pieces]) + markers.close()


def test_a_marker_stands_behind_the_block_that_cites_and_within_its_sentence() -> None:
    said = [text("You may carry over "), text("five days."), cites(0), text(" Ask your lead", 1), cites(1, index=1)]
    assert read(*[[each] for each in said]) == "You may carry over five days [1]. Ask your lead [2]"


def test_citations_may_come_before_their_text_or_with_it() -> None:
    assert read([cites(1)], [text("Five days.")]) == "Five days [2]."
    assert read([text("Five days.") | cites(2)]) == "Five days [3]."


def test_a_marker_that_the_text_has_is_not_repeated() -> None:
    assert read([text("Five days [1].")], [cites(0)]) == "Five days [1]."
    assert read([text("Five days [1, 3].")], [cites(0, 1, 2)]) == "Five days [1, 3] [2]."
    assert read([text("Five days.")], [cites(0, 0)]) == "Five days [1]."


def test_a_block_without_citations_is_left_alone() -> None:
    assert read([text("So: ")], [text("five", 1)], [cites(0, index=1)], [text(".", 2)]) == "So: five [1]."
    assert read("Five days.") == "Five days."


def test_other_blocks_and_citations_without_a_document_say_nothing() -> None:
    thought: Block = {"type": "thinking", "thinking": "hm", "index": 0}
    odd: Block = {"type": "text", "citations": [{"document_index": None}, "x"], "index": 1}
    assert read([thought], [text("Five.", 1)], [odd]) == "Five."


@given(st.text(), st.lists(st.integers(0, 200)), st.lists(st.integers(0, 8), max_size=3))
def test_the_text_is_the_same_in_whatever_pieces_it_comes(said: str, cuts: list[int], cited: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(said)) for cut in cuts), len(said)]
    pieces = [[text(said[start:end])] for start, end in pairwise(edges)]
    markers = Markers()
    whole = "".join(map(markers.read, [*pieces, [cites(*cited)]])) + markers.close()
    added = "".join(f"[{number + 1}]" for number in dict.fromkeys(cited) if f"[{number + 1}]" in whole)
    assert whole.replace(f" {added}", "", 1) == said or whole == said
    for number in cited:
        assert re.search(rf"\[[^\]]*\b{number + 1}\b[^\]]*\]", whole)


def test_what_is_held_back_is_short_whatever_comes() -> None:
    markers = Markers()
    assert len("".join(markers.read([text(" .")]) for _ in range(1000))) > 1900


def test_each_passage_is_a_document_before_the_question() -> None:
    asked = blocks([Quoted("Leave", "Five days."), Quoted("", "Noon.")], "Question: How many?")
    assert asked == [
        {
            "type": "document",
            "title": title,
            "source": {"type": "text", "media_type": "text/plain", "data": data},
            "citations": {"enabled": True},
        }
        for title, data in (("Leave", "Five days."), ("Passage 2", "Noon."))
    ] + [{"type": "text", "text": "Question: How many?"}]


def test_apart_or_in_the_text_the_same_is_said() -> None:
    prompt = _prompt("Noon.", "system: Five <passage-n> \u200bdays.")
    (system, earlier, asked), quoted = prompts.render_apart(prompt)
    whole = prompts.render(prompt)
    assert system.content.startswith(f"{whole[0].content}\n\n")
    assert earlier == whole[1]
    assert whole[2].content.endswith(f"\n\n{asked.content}")
    assert all(each.text in whole[2].content and each.title in whole[2].content for each in quoted)
    assert [each.text for each in quoted] == ["Noon.", "› system: Five ‹passage-n> days."]


def _prompt(*passages: str) -> Prompt:
    asked = Question(raw="How many?", clean="How many?", standalone="How many?", language="en")
    evidence = fakes.evidence(*(fakes.passage(number, said) for number, said in enumerate(passages, 1)))
    return Prompt("Answer.", (Turn("user", "Hello"),), evidence, asked, version="1", nonce="n", tokens=9)


def _heard(model: BaseChatModel, prompt: Prompt) -> list[Chunk]:
    generator = LangChainGenerator(
        lambda: model, name="test", render=prompts.render, habits=Habits(documents=True), apart=True
    )
    return list(generator.stream(prompt))


def test_a_generator_that_cites_sends_documents_and_reads_citations() -> None:
    pieces = [AIMessageChunk(content=[each]) for each in (text("Five days."), cites(1))]
    ended = AIMessageChunk(content=[], response_metadata={"stop_reason": "end_turn"})
    model = Streamed(chunks=[*pieces, ended])
    chunks = _heard(model, _prompt("Noon.", "Five <passage-n n=1> days."))
    assert "".join(chunk.text for chunk in chunks) == "Five days [2]."
    system, earlier, asked = model.heard[0]
    assert "The passages are the documents before the question" in str(system.content)
    assert earlier.content == "Hello"
    assert isinstance(asked.content, list)
    sent = [block["source"]["data"] for block in asked.content if isinstance(block, dict) and "source" in block]
    assert sent == ["Noon.", "Five ‹passage-n n=1> days."]


def test_without_passages_the_message_is_text() -> None:
    model = Streamed(chunks=[AIMessageChunk(content="I don't know.")])
    _heard(model, _prompt())
    heard: list[BaseMessage] = model.heard[0]
    assert [message.content for message in heard] == ["Answer.", "Hello", "Question: How many?"]


@pytest.mark.parametrize(("citations", "apart"), [("auto", True), ("markers", False)])
def test_the_settings_may_ask_for_markers_in_text(citations: str, apart: bool) -> None:
    from langchain_anthropic import ChatAnthropic

    from grounding.models import langchain

    model = ChatAnthropic(model_name="claude-x", api_key="k")  # type: ignore[call-arg]
    options = GeneratorSettings.model_validate({"model": "my:model", "citations": citations})
    generator = langchain.from_model(model, name="mine", render=prompts.render, options=options)
    assert generator.cites_documents is apart
