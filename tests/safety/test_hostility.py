"""Words by what they do, and the forms over their letters."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grounding.safety.hostile_chinese import CHINESE
from grounding.safety.hostile_english import ENGLISH
from grounding.safety.hostile_french import FRENCH
from grounding.safety.hostile_german import GERMAN
from grounding.safety.hostile_japanese import JAPANESE
from grounding.safety.hostile_portuguese import PORTUGUESE
from grounding.safety.hostile_spanish import SPANISH
from grounding.safety.hostility import Lexicon, Words

ALL = {words.language: words for words in (ENGLISH, JAPANESE, GERMAN, SPANISH, FRENCH, PORTUGUESE, CHINESE)}


def folded(text: str, *, accents: bool) -> str:
    """As a sentence is before its words are looked up: what is listed otherwise is never found."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return plain if accents else re.sub("[\u0300-\u036f]", "", unicodedata.normalize("NFD", plain))


def words(*, spaced: bool = True, variants: str = "", **lists: str) -> Words:
    empty = {
        each.name: ""
        for each in fields(Words)
        if each.name not in ("spaced", "variants", "nouns_first", "negates_after")
    }
    return Words(**{**empty, "language": "xx", **lists}, spaced=spaced, variants=variants)  # type: ignore[arg-type]


def test_the_longest_phrase_counts_and_any_word_may_stand_for_a_gap() -> None:
    lexicon = Lexicon(words(groups="gnomes", hates="hate", harmless="hate to", sickens="make me _ angry"))
    assert lexicon.letters("i hate gnomes".split()) == "wEG"
    assert lexicon.letters("i hate to say".split()) == "www"
    assert lexicon.letters("gnomes make me so angry".split()) == "GM"
    assert lexicon.letters("gnomes make me so".split()) == "Gwww"


def test_a_word_in_two_lists_belongs_to_the_one_that_is_named_first() -> None:
    assert Lexicon(words(vermin="rats", vile="rats")).letters(["rats"]) == "v"


def test_a_stem_stands_for_what_begins_so() -> None:
    lexicon = Lexicon(words(scorn="asqueros*"))
    assert lexicon.letters(["asquerosas", "asco"]) == "Dw"
    assert lexicon.concerned(["asquerosas"])
    assert not lexicon.concerned(["asco"])


def test_adjectives_name_people_before_a_noun_for_people_or_an_insult() -> None:
    lexicon = Lexicon(words(kinds="grey", people="folk", vermin="scum", fillers="a"))
    assert lexicon.letters("grey folk".split()) == "G"
    assert lexicon.letters("grey scum".split()) == "Gv"
    assert lexicon.letters("grey paint".split()) == "ww"
    assert lexicon.letters("like a grey".split()) == "waG"


def test_characters_are_words_where_none_are_set_apart() -> None:
    lexicon = Lexicon(words(spaced=False, variants="讓让", groups="女,女人", sickens="让我恶心"))
    assert lexicon.letters("女人讓我恶心") == "GM"


@pytest.mark.parametrize("language", ALL)
def test_every_language_has_what_the_forms_are_made_of(language: str) -> None:
    listed = ALL[language]
    for name in ("groups", "slurs", "insults", "vile", "hates", "sickens", "excludes", "harm", "denies", "says"):
        assert len(getattr(listed, name).split(",")) > 3, name
    for each in fields(listed):
        entries = getattr(listed, each.name)
        if isinstance(entries, str) and each.name != "variants":
            assert entries == folded(entries, accents=language in ("ja", "zh")), each.name


@given(st.lists(st.sampled_from('hate women are scum no _ " the like you'.split()), max_size=30))
def test_letters_are_never_more_than_words(tokens: list[str]) -> None:
    assert len(Lexicon(ENGLISH).letters(tokens)) <= len(tokens)
