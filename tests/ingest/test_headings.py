"""Where headings are."""

from __future__ import annotations

import pytest

from ingest.headings import headings


def found(text: str, media_type: str = "text/markdown") -> list[tuple[int, str]]:
    for heading in headings(text, media_type=media_type):
        assert text[heading.start : heading.end].strip()
    return [(heading.level, heading.title) for heading in headings(text, media_type=media_type)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# One\n## Two ##\n####### not\n#not\n   ### Three", [(1, "One"), (2, "Two"), (3, "Three")]),
        ("#\n# \n## C# and F#\n", [(2, "C# and F#")]),
        ("One\n===\n\nTwo\r\n---\r\n", [(1, "One"), (2, "Two")]),
        ("a line\nanother\n---\n\n- item\n---\n\n---\n", []),
        ("~~~\n# no\n```\n~~~\n# yes\n", [(1, "yes")]),
        ("````\n```\n# no\n````\n# yes", [(1, "yes")]),
        ("| a | b |\n|---|---|\n", []),
    ],
)
def test_markdown(text: str, expected: list[tuple[int, str]]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("TITLE HERE\n\nText.\n\n2. PART TWO\n\nText.", [(1, "TITLE HERE"), (2, "2. PART TWO")]),
        ("Text.\n\n第1条（適用）\n\n本文。\n\n附則です。\n", [(2, "第1条（適用）")]),
        ("Step 3: Open the lid\n\nPress.", [(1, "Step 3: Open the lid")]),
        ("Underlined\n==========\nText", [(1, "Underlined")]),
        ("A paragraph that ends like one.\n\nOK\n\n2024 was a good year\n\n- 1. item\n\n", []),
        ("LONG " * 30 + "\n\ntext", []),
    ],
)
def test_plain_text(text: str, expected: list[tuple[int, str]]) -> None:
    assert found(text, "text/plain") == expected


def test_tables_have_none() -> None:
    assert found("# a: b\n\n# c: d", "text/csv") == []
