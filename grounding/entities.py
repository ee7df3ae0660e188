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

NAMED = frozenset({"PERSON", "ORG", "PLACE", "PRODUCT", "EVENT", "WORK", "LAW", "OTHER"})
"""Labels of what has a name of words, which may have other forms."""

UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
"""Ranges of characters that are written without spaces between words."""

_EDGES = " \t\n\r.,;:!?\"'“”‘’()[]{}<>«»「」『』（）【】。、・¿¡"
_SIGNS = str.maketrans("’‘ʼ‐‑–―−ёЁ", "'''-----еЕ")
_MARKED = re.compile("[\u00c0-\u024f\u0370-\u03ff\u1e00-\u1fff]")
_ACCENTS = re.compile("[\u0300-\u036f]")
_DOTTED = re.compile(r"(?<=[^\W\d_])\.(?![^\W_]{2})")
_DOTS = re.compile(rf"(?<=[{UNSPACED}])[ ]?[・･=゠＝·‧•][ ]?(?=[{UNSPACED}])")
_GAPS = re.compile(rf"(?<=[{UNSPACED}]) (?=[{UNSPACED}])")
_LEGAL = (
    r"inc|incorporated|ltd|limited|llc|llp|plc|gmbh(?: & co)?(?: kg)?|ag|kg|kgaa|ug|ev|e v|corp|corporation|co"
    r"|company|& co|pty|pvt|sa|sas|sarl|srl|spa|bv|nv|ab|oy|oyj|asa|aps|a/s|sro|ооо|оао|зао|пао"
)
_PREFIX = re.compile(
    r"^(?:the |an? |mrs? |ms |dr |prof |professor |sir |herr |frau |monsieur |madame |mme |m |señora? |senora? "
    r"|sra? |ооо |оао |зао |пао |г-жа |г-н |株式会社|有限会社|合同会社|\(株\)|\(有\)|주식회사 ?|\(주\))(?=..)"
)
_SUFFIX = re.compile(
    rf"(?<=..)(?:'s?|,? (?:{_LEGAL})|株式会社|有限会社|合同会社|\(株\)|\(有\)|股份有限公司|有限责任公司|有限公司"
    r"|주식회사|\(주\)|さん|さま|様|氏|くん|ちゃん|先生|教授|女士| ?씨| ?님)$"
)


def folded(text: str) -> str:
    """The text in one spelling of its characters, with its capitals: NFKC, single spaces, plain dashes and
    apostrophes, Latin and Greek letters without accents, U.S. as US, マリー・キュリー as マリーキュリー."""
    text = " ".join(unicodedata.normalize("NFKC", text).translate(_SIGNS).split())
    if not text.isascii():
        if _MARKED.search(text):
            text = _MARKED.sub(lambda found: _ACCENTS.sub("", unicodedata.normalize("NFD", found.group())), text)
        text = _GAPS.sub("", _DOTS.sub("", text))
    return _DOTTED.sub("", text)


def normalise(name: str) -> str:
    """The name folded and in one case, without article, possessive, title of honour, legal form and edge
    punctuation; may be "". What would leave nothing of it stays."""
    text = folded(folded(name).casefold()).strip(_EDGES)
    while True:
        less = _SUFFIX.sub("", _PREFIX.sub("", text, count=1), count=1).strip(_EDGES)
        if less == text or not less:
            return text
        text = less


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
