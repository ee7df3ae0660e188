"""How answers are compared with those of a set, and what figures follow."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grounding.errors import GeneratorFailed, InvalidRequest
from grounding.evaluation import answers, markdown
from grounding.evaluation.answers import Answers, Given
from grounding.evaluation.dataset import Dataset, Documents, Query
from grounding.evaluation.record import Environment
from grounding.pipeline import Ask
from grounding.values import Answer, Citation, Exchange, Outcome, Question, Support, Usage


@pytest.mark.parametrize(
    ("answer", "reference"),
    [
        ("It was founded on 12 March 1974 in Galway [1].", "12 March 1974"),
        ("It was founded on March 12, 1974.", "12 March 1974"),
        ("Niamh Tolland has been it since 2019 [1].", "Niamh Tolland"),
        ("Three days per week.", "up to 3 days per week"),
        ("The default Modbus address is 35 [1].", "35"),
        ("The accuracy is 0.3 m to 20 m.", "0.3 m to 20 m"),
        ("EUR 15,000 at the most.", "EUR 15000"),
        ("Version v2.3.0 introduced the register.", "v2.3.0"),
        ("The sensor HX-200 gets no radar echo from the surface of the water.", "The HX-200 receives no radar echo."),
        ("Brindlewick has never been an approved supplier.", "No, it has never been an approved supplier."),
        ("No, the limit is half an hour, that is 30 minutes.", "No, the limit there is 30 minutes."),
        ("宿泊費の上限は、東京都内では1泊15,000円とする[1]。", "1泊15,000円"),
        ("Readings are kept for 3 years [1].", "3年間"),
        ("支店では、60人が3日間過ごせる量の水と食料を備蓄しています。", "60人が3日間"),
    ],
)
def test_right_answers(answer: str, reference: str) -> None:
    assert answers.is_correct(answer, ["something else altogether", reference])


@pytest.mark.parametrize(
    ("answer", "reference"),
    [
        ("", "5 days"),
        ("[5]", "5"),
        ("It was founded in 1974.", "12 March 1974"),
        ("15 days.", "5 days"),
        ("5 weeks.", "5 days"),
        ("The default address is 135.", "35"),
        ("The limit is 115,000円。", "15,000円"),
        ("Yes, the limit is 30 minutes.", "No, the limit there is 30 minutes."),
        ("No, up to 3 days.", "Yes, up to 3 days."),
        ("Brindlewick is an approved supplier.", "It is not an approved supplier."),
        ("The sensor is broken.", "The HX-200 receives no radar echo from the water surface."),
        ("Hendrik Oosterlaan.", "Niamh Tolland"),
        ("Everyone works from home.", "全員が在宅勤務です。"),
    ],
)
def test_wrong_answers(answer: str, reference: str) -> None:
    assert not answers.is_correct(answer, [reference])


@given(st.integers(2, 5000), st.integers(2, 5000), st.sampled_from(["days", "EUR", "watts", "pages"]))
def test_a_figure_is_right_if_it_is_the_same(said: int, wanted: int, unit: str) -> None:
    assert answers.is_correct(f"The limit is {said:,} {unit} [1].", [f"{wanted} {unit}"]) == (said == wanted)


def _query(number: int, *, answerable: bool = True) -> Query:
    references = (f"{number} days",) if answerable else ()
    return Query(f"q{number}", f"How many, {number}?", (), None if answerable else "unanswerable", False, references)


def _dataset(*queries: Query) -> Dataset:
    qrels = {query.id: {"right": 1, "wrong": 0} for query in queries if query.references}
    return Dataset("tiny", Path("tiny"), queries, qrels, Documents(2, {}, "0"))


def _exchange(text: str, *, outcome: Outcome = "answered", cites: str = "right", unsupported: int = 0) -> Exchange:
    cited = (Citation(1, cites, "s", "t", 1, 1, 0, 1, "x"),) if outcome == "answered" else ()
    support = Support(0.5, ("?",) * unsupported)
    asked = Question("?", "?", "?", "en")
    answer = Answer(text, outcome, cited, support)
    now = datetime.now(UTC)
    return Exchange(
        "t", "chat", now, "c", asked, outcome, confidence=0.7, answer=answer, usage=Usage(10, 3), generator="g"
    )


def _run(*queries: Query, replies: list[Exchange | Exception], generator: str = "g") -> Answers:
    asked: list[Ask] = []

    def ask(question: Ask) -> Exchange:
        asked.append(question)
        reply = replies[len(asked) - 1]
        if isinstance(reply, Exception):
            raise reply
        return reply

    found = answers.run(_dataset(*queries), generator=generator, ask=ask, collection="c", embedder="e")
    assert [each.generator for each in asked] == [generator] * len(asked)
    return found


def _means(found: Answers) -> dict[str, tuple[int, float | None]]:
    figures = answers.summarise(found).figures
    return {name: (f.cases, f.interval.mean if f.interval else None) for name, f in figures.items()}


def test_figures() -> None:
    found = _run(
        *(_query(number) for number in range(1, 5)),
        _query(5, answerable=False),
        _query(6, answerable=False),
        replies=[
            _exchange("1 days [1]."),
            _exchange("9 days [1].", cites="wrong", unsupported=1),
            _exchange("I could not find it.", outcome="abstained"),
            GeneratorFailed("too long", reason="too_long"),
            _exchange("It is 5 days [1]."),
            _exchange("I could not find it.", outcome="abstained"),
        ],
    )
    assert _means(found) == {
        "answered": (4, 0.5),
        "correct": (4, 0.25),
        "correct if answered": (2, 0.5),
        "cited rightly": (2, 0.5),
        "support": (2, 0.5),
        "wholly supported": (2, 0.5),
        "abstained": (2, 0.5),
    }
    assert answers.summarise(found).failed == 1
    assert [each.failed for each in found.given] == ["", "", "", "too_long", "", ""]
    assert (found.given[0].prompt_tokens, found.given[0].completion_tokens) == (10, 3)
    assert [each.id for each in answers.wrong(found)] == ["q5", "q2", "q3", "q4"]


def test_nobody_answered() -> None:
    found = _run(_query(1), replies=[_exchange("Nothing.", outcome="abstained")])
    assert _means(found)["correct if answered"] == (0, None)
    assert _means(found)["abstained"] == (0, None)
    assert "| 0.000 (0.000 to 0.000) |" in answers.page([found])


def test_a_set_without_answers() -> None:
    with pytest.raises(InvalidRequest, match="no query has an `answer`"):
        answers.measured(_dataset(_query(1, answerable=False)))


def test_a_generator_is_compared_with_the_first() -> None:
    queries = [_query(number) for number in range(1, 9)]
    first = _run(*queries, replies=[_exchange("no idea [1].")] * 8)
    right = _run(*queries, replies=[_exchange(f"{n} days [1].") for n in range(1, 9)], generator="h")
    assert answers.summarise(first, first=first).against is None
    against = answers.summarise(right, first=first).against
    assert against is not None
    assert (against.queries, against.difference, against.verdict) == (8, 1.0, "better")
    page = answers.page([first, right])
    assert "| tiny: 8 with an answer, 0 without | h |" in page
    assert markdown.difference(against) in page


def test_answers_are_kept_and_read_back(tmp_path: Path) -> None:
    found = _run(_query(1), replies=[_exchange("1 days [1].")])
    answers.write([found], tmp_path / "answers.json")
    assert answers.read(tmp_path / "answers.json") == (found,)
    assert isinstance(found.given[0], Given)
    assert isinstance(found.environment, Environment)
