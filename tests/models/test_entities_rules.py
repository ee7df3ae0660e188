"""Entities by rules."""

from __future__ import annotations

import pytest

from grounding.models.rules_entities import RuleEntities


def found(text: str) -> list[tuple[str, str]]:
    (entities,) = RuleEntities().extract([text], language="und")
    return [(entity.text, entity.label) for entity in entities]


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("ERR-4012", "CODE"),
        ("v2.3.1", "CODE"),
        ("HX-200", "CODE"),
        ("SEV-4", "CODE"),
        ("CVE-2024-1234", "CODE"),
        ("S100A9", "CODE"),
        ("第12条", "CODE"),
        ("第十二条の2", "CODE"),
        ("1.2.3", "CODE"),
        ("2024-01-31", "DATE"),
        ("12 March 1974", "DATE"),
        ("March 12, 1974", "DATE"),
        ("May 2019", "DATE"),
        ("Q3 2024", "DATE"),
        ("20 days", "DATE"),
        ("2023年4月1日", "DATE"),
        ("令和5年度", "DATE"),
        ("4月1日", "DATE"),
        ("5営業日", "DATE"),
        ("16:20", "TIME"),
        ("午前10時30分", "TIME"),
        ("90 minutes", "TIME"),
        ("$3 billion", "MONEY"),
        ("EUR 250,000", "MONEY"),
        ("40 euros", "MONEY"),
        ("1,200円", "MONEY"),
        ("￥3,000", "MONEY"),
        ("3億5,000万円", "MONEY"),
        ("95%", "QUANTITY"),
        ("6.5 kg", "QUANTITY"),
        ("120人", "QUANTITY"),
    ],
)
def test_marks_in_english_and_in_japanese(text: str, label: str) -> None:
    for sentence in (f"it was {text}, they say", f"それは{text}です"):
        assert (text, label) in found(sentence)


@pytest.mark.parametrize(
    "text",
    [
        "write to JOHN2@EXAMPLE.com",
        "see https://example.com/ABC-123/v1.2",
        "at www.example.com/HX-200",
        "the well-known 3-way x-ray",
        "no. 5 of 12",
    ],
)
def test_addresses_and_plain_numbers_are_no_names(text: str) -> None:
    assert found(text) == []


def test_names_by_their_capitals_not_at_the_start_of_a_sentence() -> None:
    text = "Windows is old. We met Ada Lovelace in Berlin. The Willow Prize went to Dr. Tanaka of Oxford University."
    names = found(text)
    assert ("Ada Lovelace", "OTHER") in names
    assert ("Berlin", "OTHER") in names
    assert ("Willow Prize", "OTHER") in names
    assert ("Tanaka of Oxford University", "PERSON") in names
    assert not any(name in ("Windows", "We", "The") for name, _ in names)


def test_japanese_names() -> None:
    names = found("トヨタ自動車株式会社はアームを買収し、ソフトバンクと提携した。")
    assert names == [("トヨタ自動車株式会社", "ORG"), ("アーム", "OTHER"), ("ソフトバンク", "OTHER")]
