from __future__ import annotations

import datetime
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grounding.figures import Date, Number, disagreements, figures, split


@pytest.mark.parametrize(
    "same",
    [
        ("1,000 units", "1000 units", "one thousand units", "1\u202f000 units", "１０００ units"),
        ("5 %", "5%", "five percent", "5 per cent", "5パーセント", "五パーセント", "５％"),
        ("50 percent", "5割", "五割"),
        ("24 hours", "a wait of 24 h", "one day", "1 day", "24時間"),
        ("250 mg", "0.25 g", "250 milligrams", "250ミリグラム"),
        ("$3.5 million", "3,500,000 dollars", "350万ドル", "$3.5m", "three million five hundred thousand dollars"),
        ("two hundred and five days", "205 days", "205日間", "二百五日間"),
        ("12 people", "twelve persons", "十二人", "12名"),
        ("12,000 yen", "1万2千円", "一万二千円", "¥12,000"),
        ("2 years", "24 months", "24か月"),
        ("a dozen eggs", "12 eggs"),
        ("12 March 2024", "March 12, 2024", "12th of March 2024", "2024-03-12", "12-Mar-2024"),
        ("12 March 2024", "2024/3/12", "2024年3月12日", "令和6年三月十二日"),
        ("3月12日", "12 March", "March 12th"),
        ("9:30 a.m.", "9:30", "09:30", "午前9時30分", "午前九時半"),
        ("5 p.m.", "17:00", "午後5時", "17時"),
        ("up to 5 days", "at most 5 days", "no more than five days", "5 days or less", "最大5日", "5日以内"),
        ("at least 12 characters", "12 characters or more", "a minimum of twelve characters"),
        ("ERR-4012", "err4012".upper(), "ERR_4012"),
    ],
)
def test_what_means_the_same_is_read_the_same(same: tuple[str, ...]) -> None:
    first = figures(same[0])
    assert first
    for other in same[1:]:
        assert not disagreements(first, figures(other)), other
        assert not disagreements(figures(other), first), other


@pytest.mark.parametrize(
    ("problem", "claim", "source"),
    [
        ("number", "5 days", "6 days"),
        ("number", "1,000 units", "1,100 units"),
        ("unit", "5 euros", "5 dollars"),
        ("unit", "5 percent", "5 percentage points"),
        ("number", "5 mg", "5 g"),
        ("bound", "at least 5 days", "up to 5 days"),
        ("date", "12 March 2024", "21 March 2024"),
        ("date", "12 March 2024", "12 March 2023"),
        ("date", "in May 2024", "in March 2024"),
        ("time", "9:30 a.m.", "9:30 p.m."),
        ("code", "ERR-4012", "ERR-4021"),
        ("code", "version 2.3.1", "version 2.3.10"),
        ("number", "-5 °C", "5 °C"),
        ("number", "十二人", "二十人"),
    ],
)
def test_what_differs_disagrees(problem: str, claim: str, source: str) -> None:
    assert problem in disagreements(figures(claim), figures(source))


@pytest.mark.parametrize(
    "text", ["", "one of them", "no one may go", "十分な時間がある", "一部の人", "She may march on", "第一に"]
)
def test_words_that_only_look_like_numbers_are_none(text: str) -> None:
    assert not figures(text)


def test_less_may_be_said_than_the_source_says() -> None:
    source = figures("On 12 March 2024 up to 5 days")
    assert not disagreements(figures("in March, 5 days"), source)
    assert not disagreements(figures("in 2024"), source)
    assert disagreements(figures("12 March 2024"), figures("in March 2024")) == ("date",)


def test_a_year_may_stand_in_the_heading() -> None:
    assert disagreements(figures("12 March 2024"), figures("12 March")) == ("date",)
    assert not disagreements(figures("12 March 2024"), figures("12 March"), figures("Annual report 2024"))


def test_the_rest_is_the_text_without_its_figures() -> None:
    found, rest = split("The 250 mg dose of 12 March 2024 at 9:30")
    assert found.numbers == {Number(0.25, "gram")}
    assert found.dates == {Date(2024, 3, 12)}
    assert not any(character.isdigit() for character in rest)
    assert rest.startswith("The")


@given(st.integers(0, 10**15))
def test_whole_numbers_are_read_with_and_without_their_commas(number: int) -> None:
    assert figures(f"about {number:,} of {number} units").numbers == {Number(float(number))}


@given(st.dates(min_value=datetime.date(1000, 1, 1), max_value=datetime.date(2999, 12, 31)))
def test_every_date_is_read_in_every_form(date: datetime.date) -> None:
    expected = {Date(date.year, date.month, date.day)}
    for form in ("%Y-%m-%d", "%d %B %Y", "%B %d, %Y", "%Y年%m月%d日"):
        assert figures(date.strftime(form)).dates == expected


@given(st.text(max_size=200))
def test_any_text_is_read(text: str) -> None:
    found = figures(text)
    assert not disagreements(found, found)


@pytest.mark.parametrize(
    "text",
    [
        "1" * 20_000,
        "1," * 10_000,
        "一" * 20_000,
        "1万" * 10_000,
        "one " * 6000,
        "May " * 6000,
        "1-" * 9000,
        "A1" * 9000,
    ],
)
def test_hostile_texts_take_linear_time(text: str) -> None:
    began = time.process_time()
    figures(text)
    assert time.process_time() - began < 3
