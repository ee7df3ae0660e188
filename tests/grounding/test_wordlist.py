"""Lists of words, and what is near a word in them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grounding.wordlist import WordList, fold, is_word, words

LIKE = st.text(alphabet="abcß\u0101жя", min_size=1, max_size=9).map(fold)
COUNTS = st.dictionaries(LIKE.filter(is_word), st.integers(1, 9), max_size=30)


def edits(one: str, other: str) -> int:
    """Optimal string alignment, letter by letter."""
    table = {(i, 0): i for i in range(len(one) + 1)} | {(0, j): j for j in range(len(other) + 1)}
    for i in range(1, len(one) + 1):
        for j in range(1, len(other) + 1):
            ways = [table[i - 1, j] + 1, table[i, j - 1] + 1, table[i - 1, j - 1] + (one[i - 1] != other[j - 1])]
            if i > 1 and j > 1 and one[i - 2 : i] == other[j - 1] + other[j - 2]:
                ways.append(table[i - 2, j - 2] + 1)
            table[i, j] = min(ways)
    return table[len(one), len(other)]


@settings(max_examples=200, deadline=None)
@given(counts=COUNTS, word=LIKE)
def test_near_are_all_words_within_the_edits_and_no_other(counts: dict[str, int], word: str) -> None:
    found = {item.word: (item.count, item.edits) for item in WordList.of(counts).near(word)}
    most = 0 if not is_word(word) else 1 if len(word) < 6 else 2
    expected = {other: (count, edits(word, other)) for other, count in counts.items() if 0 < edits(word, other) <= most}
    assert found == expected


@settings(max_examples=100, deadline=None)
@given(counts=COUNTS, word=LIKE)
def test_what_was_dumped_is_parsed_to_the_same(counts: dict[str, int], word: str) -> None:
    parsed = WordList.parse(WordList.of(counts).dump())
    assert dict(parsed.items()) == counts
    assert len(parsed) == len(counts)
    assert parsed.count(word) == counts.get(word, 0)


@pytest.mark.parametrize(
    "text", ["word", "word\n", "word words\n1 2\n", "word\nx\n", "word\n1 2\n", "\n1\n", "😀😀😀😀\n1\n"]
)
def test_what_is_no_list_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"zip|literal|not a list"):
        WordList.parse(text)


def test_words_are_letters_alone_and_folded() -> None:
    text = "Die Straße ﬁndet HX-200, err4012 v2.3.1 user_name naïve; подъезд الشركة नमस्ते"
    assert words(text) == {"strasse", "findet", "naïve", "подъезд", "الشركة", "नमस्ते"}


def test_scripts_without_spaces_have_no_words() -> None:
    assert words("コンピュータの有給休暇 ภาษาไทย 데이터베이스 コンピュータ abcdコンピュータ") == set()
