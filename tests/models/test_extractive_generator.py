from __future__ import annotations

from pathlib import Path

import pytest

from grounding import prompt
from grounding.models.extractive import ExtractiveGenerator
from grounding.models.multilingual_e5 import MultilingualE5
from grounding.values import Evidence, Question
from tests.fakes import evidence, passage

LEAVE = evidence(
    passage(
        1,
        "### Japan\n\nEmployees in Japan may carry over up to 10 days. Ten of these days are fixed by agreement.",
        heading="Annual leave > Japan",
    ),
    passage(
        2, "### EU\n\nEmployees in the EU may carry over up to 5 days. Is that all? It is.", heading="Annual leave > EU"
    ),
    passage(
        3, "The canteen is open from 11:45 to 14:15. Niamh Tolland has been chief executive since 2019.", title="Site"
    ),
    passage(4, "- HX-200: list price EUR 1,450\n- HX-350: list price EUR 2,150", title="Prices"),
    passage(
        5, "金沢支店の社員は、年次有給休暇を最大10日まで翌年度に繰り越せます。申請は不要です。", title="年次有給休暇"
    ),
)


@pytest.fixture(scope="module")
def generator(models_folder: Path) -> ExtractiveGenerator:
    return ExtractiveGenerator(MultilingualE5(folder=models_folder))


def answer(generator: ExtractiveGenerator, text: str, *, language: str = "en", standalone: str | None = None) -> str:
    question = Question(text, text, standalone or text, language)
    made, _ = prompt.compose(
        question,
        evidence=LEAVE,
        history=(),
        budget=3000,
        nonce="n",
        count_tokens=lambda texts: [len(text) // 4 for text in texts],
    )
    return "".join(chunk.text for chunk in generator.stream(made))


@pytest.mark.parametrize(
    ("question", "says"),
    [
        ("How many days may employees in the EU carry over?", "Employees in the EU may carry over up to 5 days. [2]"),
        ("How many days may employees in Japan carry over?", "Employees in Japan may carry over up to 10 days. [1]"),
        ("Who has been chief executive since 2019?", "Niamh Tolland has been chief executive since 2019. [3]"),
        ("What is the list price of the HX-350?", "HX-350: list price EUR 2,150 [4]"),
    ],
)
def test_the_sentence_that_answers_is_quoted_with_its_marker(
    generator: ExtractiveGenerator, question: str, says: str
) -> None:
    assert answer(generator, question).splitlines()[0] == says


def test_a_follow_up_is_answered_by_what_is_new_in_it(generator: ExtractiveGenerator) -> None:
    before = "How many days may employees in the EU carry over?"
    found = answer(generator, "And in Japan?", standalone=f"{before}\nAnd in Japan?")
    assert found.startswith("Employees in Japan may carry over up to 10 days.")


def test_a_japanese_question_is_answered_in_japanese(generator: ExtractiveGenerator) -> None:
    found = answer(generator, "金沢支店では有給休暇を何日まで繰り越せますか。", language="ja")
    assert found.startswith("金沢支店の社員は、年次有給休暇を最大10日まで翌年度に繰り越せます。 [5]")


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("What is the home address of Niamh Tolland?", "en"),
        ("What is the list price of the HX-900?", "en"),
        ("How do I reset my password?", "en"),
        ("社員寮の家賃は月額いくらですか。", "ja"),
    ],
)
def test_it_abstains_where_nothing_answers(generator: ExtractiveGenerator, question: str, language: str) -> None:
    assert answer(generator, question, language=language) == ""


def test_what_a_document_says_goes_before_what_it_quotes(generator: ExtractiveGenerator) -> None:
    text = "They wrote:\n\n> Well. Acme Bolts is an approved supplier.\n\nAcme Bolts was never an approved supplier."
    question = "Is Acme Bolts an approved supplier?"
    best = generator.scored(Question(question, question, question, "en"), evidence(passage(1, text)))[0][1]
    assert best.text == "Acme Bolts was never an approved supplier."


def test_questions_and_headings_are_no_answers(generator: ExtractiveGenerator) -> None:
    question = Question("Is that all?", "Is that all?", "Is that all?", "en")
    shown = [candidate.text for _, candidate in generator.scored(question, LEAVE)]
    assert "Is that all?" not in shown
    assert not [text for text in shown if text.startswith("#")]


def test_without_evidence_there_is_no_answer(generator: ExtractiveGenerator) -> None:
    none: tuple[Evidence, ...] = ()
    assert generator.scored(Question("Why?", "Why?", "Why?", "en"), none) == []


def chosen(generator: ExtractiveGenerator, text: str, said: str) -> list[str]:
    question = Question(text, text, text, "en")
    return [candidate.text for candidate in generator.choose(question, evidence(passage(1, said)))]


def test_a_placeholder_is_not_the_words_that_it_is_made_of(generator: ExtractiveGenerator) -> None:
    assert (
        chosen(generator, "What is the telephone number of the harbour master?", "desk: <PHONE_NUMBER_1> is free") == []
    )
    asked = "Which desk has the extension <PHONE_NUMBER_1>?"
    assert chosen(generator, asked, "Desk nine has the extension <PHONE_NUMBER_1>.")


def test_the_mark_of_what_was_cut_out_is_not_quoted(generator: ExtractiveGenerator) -> None:
    said = "[…] […] Employees in Japan may carry over ten days."
    assert chosen(generator, "How many days may employees in Japan carry over?", said) == [
        "Employees in Japan may carry over ten days."
    ]
