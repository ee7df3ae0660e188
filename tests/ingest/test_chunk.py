"""Passages: nothing lost, nothing twice, nothing too long, and cut where a reader would."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingest.chunk import CHARS_PER_TOKEN, SMALL, Piece, chunk

MEDIA_TYPES = ["text/markdown", "text/plain", "text/html", "text/csv"]


def count_words(texts: Sequence[str]) -> list[int]:
    """Words by white space, East Asian signs one by one."""
    return [len(re.findall(r"[\u3040-\u9fff]|[^\s\u3040-\u9fff]+", text)) for text in texts]


def count_oddly(texts: Sequence[str]) -> list[int]:
    """Tokens that do not add up: bytes over three, a beginning and an end, and more where lines meet."""
    return [2 + len(text.encode()) // 3 + 2 * text.count("\n") for text in texts]


def pieces(
    text: str, *, max_tokens: int = 50, media_type: str = "text/markdown", language: str = "en", odd: bool = False
) -> list[Piece]:
    count = count_oddly if odd else count_words
    return chunk(text, count_tokens=count, max_tokens=max_tokens, language=language, media_type=media_type)


def texts(text: str, found: Sequence[Piece]) -> list[str]:
    return [text[piece.start : piece.end] for piece in found]


def prose(sentences: int, *, words: int = 8, start: int = 0) -> str:
    return " ".join(f"Sentence {start + n} has {'many ' * (words - 4)}words." for n in range(sentences))


SNIPPETS = st.sampled_from(
    "# ~## ~### ~\n~\r\n~\n\n~- ~1. ~```\n~===\n~---\n~. ~。~、~! ~ ~\t~\u3000~Hello~world. ~日本語です。~"
    "👩‍👩‍👧‍👦~e\u0301\u0302~が\u3099~\u200b~\u00a0~\x85~\u2028~\x0b~x".split("~")
)
WILD = st.one_of(
    st.lists(st.one_of(SNIPPETS, st.text(max_size=12)), max_size=60).map("".join),
    st.builds(lambda part, times: part * times, st.text(min_size=1, max_size=5), st.integers(1, 400)),
)


@settings(deadline=None, max_examples=300)
@given(WILD, st.sampled_from(MEDIA_TYPES), st.integers(4, 60), st.booleans(), st.sampled_from(["en", "ja", "und"]))
@example("a" * 5000, "text/plain", 4, True, "en")
@example("e\u0301" * 300, "text/plain", 4, True, "en")
@example("👩‍👩‍👧‍👦" * 50, "text/markdown", 8, True, "ja")
@example("# A\n\n# B\n\nx", "text/markdown", 4, True, "en")
@example("x" + " " * 4000 + "y", "text/plain", 10, False, "en")
def test_every_visible_character_lies_in_exactly_one_passage(
    text: str, media_type: str, max_tokens: int, odd: bool, language: str
) -> None:
    found = pieces(text, max_tokens=max_tokens, media_type=media_type, odd=odd, language=language)
    for piece in found:
        part = text[piece.start : piece.end]
        assert part
        assert part.strip() == part
        assert piece.tokens == (count_oddly if odd else count_words)([part])[0]
        assert piece.tokens <= max_tokens or len(part) == 1
    for left, right in pairwise(found):
        assert left.end <= right.start
    covered = "".join(texts(text, found))
    assert "".join(covered.split()) == "".join(text.split())
    assert found == pieces(text, max_tokens=max_tokens, media_type=media_type, odd=odd, language=language)


def test_nothing_gives_no_passages() -> None:
    assert pieces("") == []
    assert pieces(" \n\t ") == []


def test_a_text_that_fits_is_one_passage() -> None:
    text = "\n  One sentence. Another one.\n\nA paragraph.  \n"
    (piece,) = pieces(text)
    assert text[piece.start : piece.end] == text.strip()


def test_passages_end_where_sentences_end_and_are_of_like_length() -> None:
    text = prose(40)
    found = pieces(text, max_tokens=100)
    assert all(part.endswith("words.") and part.startswith("Sentence") for part in texts(text, found))
    lengths = [piece.tokens for piece in found]
    assert len(lengths) == 4
    assert max(lengths) - min(lengths) <= 8


def test_a_section_of_substance_is_a_passage_of_its_own() -> None:
    text = f"# Leave\n\n{prose(3)}\n\n## Europe\n\n{prose(3)}\n\n## Japan\n\n{prose(3)}"
    found = pieces(text, max_tokens=120)
    assert [piece.heading for piece in found] == ["Leave", "Leave > Europe", "Leave > Japan"]
    assert texts(text, found)[1].startswith("## Europe\n\nSentence 0")


def test_small_sections_are_joined_under_one_top_heading_only() -> None:
    text = "# A\n\n## One\n\nshort.\n\n## Two\n\n" + prose(4) + "\n\n## Three\n\ntiny.\n\n# B\n\n" + prose(4)
    found = pieces(text, max_tokens=100)
    assert [piece.heading for piece in found] == ["A", "B"]
    assert "## Two" in texts(text, found)[0]
    assert texts(text, found)[0].endswith("tiny.")
    assert texts(text, found)[1].startswith("# B")


def test_no_passage_is_small_if_it_can_be_helped() -> None:
    sections = [f"## Section {n}\n\n{prose(1 + n % 5)}" for n in range(40)]
    text = "# Top\n\n" + "\n\n".join(sections)
    found = pieces(text, max_tokens=200)
    assert all(piece.tokens >= SMALL * 200 for piece in found)


def test_a_sentence_longer_than_a_passage_is_cut_between_clauses_then_words() -> None:
    clauses = "and so it goes on and on, " * 30
    assert all(part.endswith(",") for part in texts(clauses, pieces(clauses))[:-1])
    words = "word " * 300
    assert all(set(part.split()) == {"word"} for part in texts(words, pieces(words)))
    japanese = "これは長い文であり、" * 40
    assert all(part.endswith("、") for part in texts(japanese, pieces(japanese, language="ja")))


def test_letters_keep_their_marks_where_words_are_cut() -> None:
    text = "e\u0301" * 500
    assert all(part[0] == "e" for part in texts(text, pieces(text, odd=True)))


def test_a_blob_counts_by_its_characters() -> None:
    blob = "x" * 100_000
    found = pieces(blob)
    assert max(piece.end - piece.start for piece in found) <= 50 * CHARS_PER_TOKEN


def test_headings_inside_code_are_code() -> None:
    text = f"# Top\n\n{prose(3)}\n\n```\n# a comment\n{prose(3)}\n```\n\n{prose(3)}"
    assert {piece.heading for piece in pieces(text, max_tokens=60)} == {"Top"}


def test_sections_of_plain_text() -> None:
    text = f"THE TITLE\n\n{prose(3)}\n\n1. FIRST PART\n\n{prose(3)}\n\n第2条（保証期間）\n\n{prose(3)}"
    found = pieces(text, max_tokens=120, media_type="text/plain")
    assert [piece.heading for piece in found] == [
        "THE TITLE",
        "THE TITLE > 1. FIRST PART",
        "THE TITLE > 第2条（保証期間）",
    ]


def test_rows_of_a_table_stay_whole_and_few_share_a_passage() -> None:
    rows = [f"code: A{n}; name: Thing number {n}; price: {n}" for n in range(50)]
    text = "\n\n".join(rows)
    found = pieces(text, max_tokens=100, media_type="text/csv")
    assert "\n\n".join(texts(text, found)) == text
    assert all(SMALL * 100 <= piece.tokens < 2 * SMALL * 100 + 8 for piece in found)


@pytest.mark.parametrize(
    "text",
    [
        "x" * 400_000,
        "これはテストです。" * 40_000,
        "a\n" * 150_000,
        "# h\ntext\n\n" * 30_000,
        "#" * 300_000,
        " " * 2_000_000 + "x",
        "a, " * 100_000,
    ],
    ids=["word", "japanese", "lines", "headings", "hashes", "spaces", "clauses"],
)
def test_time_is_linear_in_the_text(text: str) -> None:
    began = time.process_time()
    pieces(text, max_tokens=400)
    assert time.process_time() - began < 10
