"""Names: the one scheme of labels, and the normal form by which two spellings are the same name. Pure."""

from __future__ import annotations

import re
import unicodedata

LABELS = (
    "PERSON",
    "ORG",
    "PLACE",
    "DATE",
    "TIME",
    "MONEY",
    "QUANTITY",
    "PRODUCT",
    "EVENT",
    "WORK",
    "LAW",
    "CODE",
    "OTHER",
)
"""Every extractor maps its own labels to these. CODE: ERR-4012, v2.3.1, HX-200, 第12条."""

_ARTICLE = re.compile(r"^(?:the|a|an)\s+", re.IGNORECASE)
_POSSESSIVE = re.compile(r"['’]s$", re.IGNORECASE)
_EDGES = " \t\n\r.,;:!?\"'“”‘’()[]{}<>「」『』（）。、"


def normalise(name: str) -> str:
    """The name in NFKC, case-folded, single-spaced, without article, possessive and edge punctuation; may be ""."""
    text = unicodedata.normalize("NFKC", name).casefold()
    text = " ".join(text.split()).strip(_EDGES)
    text = _POSSESSIVE.sub("", _ARTICLE.sub("", text))
    return text.strip(_EDGES)
