"""Text -> terms of the lexical index: the same on both sides, for documents and for questions. Pure.

- Latin and other alphabetic words: NFKC, case-folded, stemmed (Snowball English; part of the index's version).
- Han, Hiragana, Katakana, Hangul, Thai and their like, which are written without spaces: overlapping character
  bigrams; a run of one character is that character.
- Codes such as ERR-4012, v2.3.1, HX-200: the whole code, and its parts.
"""

from __future__ import annotations

import re
import threading
import unicodedata

import Stemmer

VERSION = "1"
"""Part of a lexical index: an index of another version is rebuilt."""

_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Myanmar, Khmer
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # kana, Han
    "\uac00-\ud7af"  # Hangul
    "\U00020000-\U0003ffff"
)
_TOKEN = re.compile(rf"(?P<unspaced>[{_UNSPACED}]+)|(?P<word>[^\W_{_UNSPACED}]+(?:[.\-_/'’:+#][^\W_{_UNSPACED}]+)*)")
_PART = re.compile(r"[^\W_]+")
_KANA_ONLY = re.compile(r"[\u3040-\u309f]+\Z")

_stemmers = threading.local()


def terms(text: str) -> list[str]:
    """Index terms in the order of the text, repeated as often as they occur."""
    found: list[str] = []
    for match in _TOKEN.finditer(unicodedata.normalize("NFKC", text).casefold()):
        run = match["unspaced"]
        if run is not None:
            found += [run[i : i + 2] for i in range(len(run) - 1)] or [run]
        else:
            found += _word_terms(match["word"])
    return found


def _word_terms(word: str) -> list[str]:
    parts = _PART.findall(word)
    if len(parts) == 1:
        return [_stem(parts[0])]
    if parts[1:] in (["s"], ["t"], ["re"], ["ve"], ["ll"], ["d"], ["m"]):
        return [_stem(parts[0])]
    whole = [word] if any(c.isdigit() for c in word) else []
    return whole + [_stem(part) for part in parts]


def _stem(word: str) -> str:
    stemmer: Stemmer.Stemmer | None = getattr(_stemmers, "english", None)
    if stemmer is None:
        stemmer = _stemmers.english = Stemmer.Stemmer("english")
    return str(stemmer.stemWord(word))
