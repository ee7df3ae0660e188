"""Names: the one scheme of labels, and the normal form by which two spellings are the same name. Pure."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterable

from grounding.values import Entity

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


def without_overlaps(entities: Iterable[Entity]) -> tuple[Entity, ...]:
    """Those that overlap none before them in `entities` (so the preferred come first), in order of their start."""
    kept: list[Entity] = []
    starts: list[int] = []
    for entity in entities:
        at = bisect_left(starts, entity.start)
        free_before = at == 0 or kept[at - 1].end <= entity.start
        free_after = at == len(kept) or entity.end <= kept[at].start
        if free_before and free_after and entity.start < entity.end:
            kept.insert(at, entity)
            starts.insert(at, entity.start)
    return tuple(kept)
