"""Raw text -> clean Question: characters, format, language, spelling. The first step of a turn."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence

import ftfy

from grounding.errors import InvalidRequest
from grounding.ports import SpellingCorrector
from grounding.values import Question

_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0e"
    "\ufeff\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
"""Characters that show nothing and can hide text or split a word: zero-width, bidi controls, fillers, tags."""
_JOINER_BETWEEN_PLAIN = re.compile(r"(?<![^\x00-\u05ff\u3000-\u9fff\uac00-\ud7af])[\u200c\u200d]+")
"""Joiners belong in Arabic and Indic words and in emoji; between Latin, Greek, Cyrillic or CJK they only hide."""
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SPACES = re.compile(r"[^\S\n]+")
_BLANK_LINES = re.compile(r"\s*\n\s*\n\s*")
_ROUNDS = 8
"""More than any text was seen to need; a limit, so that the time is bounded whatever comes."""


def clean(text: str) -> str:
    """The text with mojibake mended, in NFC, without invisible and control characters, spaces collapsed, trimmed.

    Idempotent. Letters, digits and punctuation a person can see stay as they were typed.
    """
    # What a round took away may have kept mojibake from being seen; each round that changes a text makes it shorter
    # or plainer, and nearly all need one.
    for _ in range(_ROUNDS):
        before, text = text, _cleaned_once(text)
        if text == before:
            break
    return text


def _cleaned_once(text: str) -> str:
    text = ftfy.fix_text(text, uncurl_quotes=False, fix_character_width=False, fix_latin_ligatures=False)
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n\n")
    text = _JOINER_BETWEEN_PLAIN.sub("", _INVISIBLE.sub("", text))
    text = _CONTROL.sub(" ", text)
    text = _BLANK_LINES.sub("\n\n", _SPACES.sub(" ", text))
    text = "\n".join(line.strip() for line in text.split("\n"))
    return unicodedata.normalize("NFC", text.strip())


def question(
    text: str,
    *,
    max_chars: int,
    language_of: Callable[[str], str],
    spelling: SpellingCorrector,
    known: Callable[[str], bool],
    near: Callable[[str], Sequence[tuple[str, float]]],
) -> Question:
    """The Question in its first forms; `standalone` starts as `clean`, entities come later.

    Raises InvalidRequest for a text that is empty or longer than `max_chars`.
    """
    if len(text) > max_chars:
        raise InvalidRequest(f"the question has {len(text):,} characters; at most {max_chars:,} are accepted")
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # JSON can hold half a character
    cleaned = clean(text)
    if not cleaned:
        raise InvalidRequest("the question is empty")
    language = language_of(cleaned)
    corrected = spelling.correct(cleaned, language=language, known=known, near=near)
    return Question(raw=text, clean=cleaned, standalone=cleaned, language=language, corrected=corrected)
