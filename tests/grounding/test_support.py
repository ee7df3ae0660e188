from __future__ import annotations

import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grounding import support
from grounding.support import ALIGNED, SUPPORTED, Judge, Judged, Readings, Source, judge, response
from tests.grounding.claims import ENGLISH, JAPANESE, Case

BEYOND_WORDS = {"In the museum, flash is allowed."}
"""Claims that get through: what is said of one thing and of another in one sentence is not told apart by words."""

CASES = [*((case, "en") for case in ENGLISH), *((case, "ja") for case in JAPANESE)]


def judged(claim: str, *sources: str, language: str = "en", around: str = "") -> Judged:
    return judge(claim, [Source(source, around) for source in sources], language=language)


@pytest.mark.parametrize(("case", "language"), CASES)
def test_what_a_source_says_is_carried_word_for_word_and_in_another_order(case: Case, language: str) -> None:
    assert judged(case.source, case.source, language=language).holds(at_least=ALIGNED)
    found = judged(case.carried, case.source, language=language)
    assert found.holds(), found


@pytest.mark.parametrize(
    ("source", "what", "claim", "language"),
    [(case.source, what, claim, language) for case, language in CASES for what, claim in case.against],
)
def test_a_claim_with_one_thing_changed_is_not_carried(source: str, what: str, claim: str, language: str) -> None:
    found = judged(claim, source, language=language)
    assert found.holds() == (claim in BEYOND_WORDS), (what, found)


@pytest.mark.parametrize(
    ("claim", "source"),
    [
        ("The tunnel was built in 1932 across the strait.", "The bridge was built in 1932 across the strait."),
        ("Water boils at 100 °C at 2,000 m.", "Water boils at 100 °C at sea level, and at about 93 °C at 2,000 m."),
        ("The budget was approved in the end.", "The budget was denied the votes and was approved in the end."),
    ],
)
def test_limits_of_comparing_words(claim: str, source: str) -> None:
    """One noun for another may be a synonym; which figure goes with which of two things is grammar."""
    assert judged(claim, source).holds(at_least=0.7)


def test_there_are_enough_contradictions() -> None:
    assert sum(len(case.against) for case in ENGLISH) >= 60
    assert sum(len(case.against) for case in JAPANESE) >= 40


@pytest.mark.parametrize(
    ("problem", "claim"),
    [
        ("number", "Employees may carry over 6 days by 31 March 2024."),
        ("date", "Employees may carry over 5 days by 30 March 2024."),
        ("negation", "Employees may not carry over 5 days by 31 March 2024."),
        ("bound", "Employees may carry over at least 5 days by 31 March 2024."),
        ("name", "Employees of Northwind may carry over up to 5 days by 31 March 2024."),
        ("quantity", "Only employees may carry over up to 5 days by 31 March 2024."),
        ("order", "By 31 March 2024, Grete Hansen succeeded Per Olsen."),
        ("quote", 'Employees may carry over "all of their unused days" by 31 March 2024.'),
    ],
)
def test_what_speaks_against_a_claim_is_named(problem: str, claim: str) -> None:
    source = "Employees may carry over up to 5 days by 31 March 2024, when Per Olsen succeeded Grete Hansen."
    assert problem in judged(claim, source).problems


def test_the_span_is_of_the_sentence_that_says_it() -> None:
    source = "The canteen is open. Unused days expire on 31 March. Lunch is free."
    found = judged("On 31 March, unused days expire.", "Something else is said here.", source)
    assert found.source == 1
    assert found.span is not None
    assert source[slice(*found.span)] == "Unused days expire on 31 March."


def test_a_claim_made_of_two_neighbouring_sentences_has_both() -> None:
    source = "Grete Hansen joined in Oslo. She leads the harbour project. Lunch is free."
    found = judged("Grete Hansen leads the harbour project.", source)
    assert found.span == (0, source.index(" Lunch"))


def test_what_is_said_of_one_does_not_become_true_of_another_by_its_neighbour() -> None:
    source = "Employees in Canada may carry over three days. Employees in Norway may carry over five days."
    assert judged("Employees in Norway may carry over five days.", source).holds()
    assert "number" in judged("In Canada, employees may carry over five days.", source).problems


def test_the_better_of_two_sources_is_taken() -> None:
    found = judged(
        "The fee is 20 euros for members.", "The fee is 30 euros for guests.", "Members pay a fee of 20 euros."
    )
    assert found.source == 1
    assert found.holds()


def test_a_title_may_say_the_name_and_the_year() -> None:
    claim = "In 2023, Northwind sold 40 boats."
    assert judged(claim, "40 boats were sold.", around="Northwind, annual report 2023").problems == ()
    assert judged(claim, "40 boats were sold.", around="Annual report").problems != ()


def test_initials_stand_for_what_they_abbreviate() -> None:
    long = "The European Union adopted the rule in May."
    assert "name" not in judged("The rule was adopted by the EU in May.", long).problems
    assert (
        "name" not in judged("In May the European Union adopted the rule.", "The EU adopted the rule in May.").problems
    )
    assert "name" in judged("The rule was adopted by the WHO in May.", long).problems


def test_a_negation_torn_off_is_noticed_though_the_words_are_verbatim() -> None:
    assert (
        "negation"
        in judged("employees may carry over days", "It is not true that employees may carry over days.").problems
    )
    assert judged("Employees", "Employees may not carry over days.").holds()


def test_a_quotation_must_be_there_word_for_word() -> None:
    source = "The notice says that “all doors are locked at ten”."
    assert judged('The notice says that "all doors are locked at ten".', source).holds()
    assert "quote" in judged('The notice says that "all doors are always locked".', source).problems
    assert (
        "quote"
        in judged(
            "通知には「扉はすべて夜に閉まる」とある。", "通知には「扉はすべて十時に閉まる」とある。", language="ja"
        ).problems
    )


def test_scores_fall_with_what_the_evidence_lacks() -> None:
    source = "Unused days expire on 31 March."
    claims = (
        "Unused days expire on 31 March.",
        "Unused vacation days expire on 31 March.",
        "Unused vacation days expire suddenly on 31 March.",
        "I believe unused vacation days expire suddenly on 31 March.",
        "Pigs fly.",
    )
    scores = [judged(claim, source).score for claim in claims]
    assert all(first > second for first, second in itertools.pairwise(scores[:4]))
    assert scores[-1] < 0.2


def test_every_sentence_of_a_response_counts() -> None:
    source = [Source("Unused days expire on 31 March. Employees may carry over five days.")]
    good, bad = "Unused days expire on 31 March.", "Pigs can fly to the moon."
    assert response(good, source, language="en") == 1.0
    assert response(f"{good} {bad}", source, language="en") < response(good, source, language="en") / 5
    assert response("Yes.", source, language="en") == support.UNDECIDED
    assert response("", source, language="en") == support.UNDECIDED


def test_only_the_sources_asked_for_are_looked_at() -> None:
    found = Judge([Source("Pigs fly."), Source("Unused days expire.")], language="en")
    assert not found.judge("Unused days expire.", within=[0]).holds()
    assert found.judge("Unused days expire.", within=[1]).source == 1
    assert found.judge("Unused days expire.").source == 1


@pytest.mark.parametrize("claim", ["", "  ", "!?", "\u200b"])
def test_nothing_carries_nothing(claim: str) -> None:
    assert judged(claim, "Unused days expire!?") == support.NOTHING


@given(st.text(max_size=120), st.lists(st.text(max_size=200), max_size=3), st.sampled_from(["en", "ja", "de"]))
def test_a_span_lies_within_its_source(claim: str, sources: list[str], language: str) -> None:
    found = judge(claim, [Source(source) for source in sources], language=language)
    assert 0 <= found.score <= 1
    assert 0 <= found.share <= 1
    assert (found.span is None) == (found.source is None)
    if found.source is not None and found.span is not None:
        assert 0 <= found.span[0] < found.span[1] <= len(sources[found.source])
    assert not found.holds() or found.share >= SUPPORTED


@given(
    st.lists(
        st.sampled_from(
            [
                "The fee is 20 euros.",
                "Pigs fly.",
                "申請は不要です。",
                "No more than 5 mg.",
                "It opens at 9:00.",
                "**Note** it",
            ]
        ),
        min_size=1,
        max_size=6,
    ),
    st.data(),
)
def test_whatever_is_copied_whole_is_carried(parts: list[str], data: st.DataObject) -> None:
    source = " ".join(parts)
    found = judged(data.draw(st.sampled_from(parts)), "Something else.", source)
    assert found.holds(at_least=ALIGNED)
    assert found.score == 1.0


@pytest.mark.parametrize(
    "text",
    [
        "not " * 5000,
        "not a " * 3000 + "than",
        "1,000" * 4000,
        "A" * 20_000,
        "A of " * 5000,
        "「" * 20_000,
        '"a ' * 8000,
        "十百千万" * 5000,
        "なければ" * 5000,
        "超え" * 8000,
        "Mr. " * 5000,
        "than " * 5000,
        "1 " * 8000,
        "a\u0301\u0323" * 6000,
        "（１）" * 5000,
        "no longer than " * 1500,
        "12 March " * 2500,
    ],
)
def test_hostile_texts_take_linear_time(text: str) -> None:
    def seconds(size: int) -> float:
        began = time.process_time()
        judge(text[:size] + " expire", [Source(text[:size])], language="ja")
        return time.process_time() - began

    seconds(200)
    small, large = seconds(len(text) // 4), seconds(len(text))
    # Quadratic time would be 16 times as much, on texts that take a second or more; garbage is collected in between.
    assert large < 1.5 + 8 * small
    assert large < 8


def test_what_was_read_once_is_not_read_again_and_judges_alike() -> None:
    readings, sources = Readings(), [Source("Unused days expire in March."), Source("Pigs fly.")]
    first = Judge(sources, language="en", readings=readings).judge("Unused days expire in March.")
    again = Judge(sources[::-1], language="en", readings=readings).judge("Unused days expire in March.")
    assert (first.source, again.source, first.score) == (0, 1, again.score)
    assert (readings.of.cache_info().misses, readings.of.cache_info().hits) == (2, 2)
    Judge(sources, language="ja", readings=readings)
    assert readings.of.cache_info().misses == 4
