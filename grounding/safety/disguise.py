"""Evasions undone on a copy: invisible and look-alike characters, spaced-out letters, digits for letters. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container

INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
    "\U000e0000-\U000e01ef]"
)
_SPACED = re.compile(r"(?<![\w'])[^\W\d_](?:[ .\-_*][^\W\d_]){2,40}(?![\w'])")
_BETWEEN = re.compile(r"[ .\-_*]")
_MASKED = re.compile(r"(?<![\w@$])(?=[\w@$!]{0,30}[^\W\d_])[\w@$!]{0,30}[013457@$!][\w@$!]{1,30}")
_LEET = str.maketrans("013457@$!", "oieastasi")
_WORD = re.compile(r"[a-zа-яёіјѕԁͱ-ώ]+")
_LATIN = re.compile(r"[a-z]")
_FOREIGN = re.compile(r"[а-яёіјѕԁͱ-ώ]")
_LOOKALIKES = str.maketrans("аеорсухіјѕԁкмтнвοαερυιντκ", "aeopcyxijsdkmthboaepuivtk")


def undisguised(text: str, *, words: Container[str]) -> str:
    """The text folded to lower case and compatible forms; a masked word is unmasked where that gives one of `words`.

    Its length differs from the text's.
    """
    plain = INVISIBLE.sub("", unicodedata.normalize("NFKC", text)).casefold().replace("’", "'").replace("‘", "'")
    if _FOREIGN.search(plain):
        plain = _WORD.sub(_latin, plain)
    plain = _SPACED.sub(lambda match: _BETWEEN.sub("", match[0]), plain)
    return _MASKED.sub(lambda match: word if (word := match[0].translate(_LEET)) in words else match[0], plain)


def _latin(match: re.Match[str]) -> str:
    """Look-alikes in a word of Latin letters; a word of Cyrillic or Greek alone is what it seems."""
    return match[0].translate(_LOOKALIKES) if _LATIN.search(match[0]) else match[0]
