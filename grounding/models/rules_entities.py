"""Entities by rules alone: no download, the same answer everywhere. The built-in EntityExtractor.

Codes, dates, times, amounts and quantities are recognised for what they are; names of Latin, Greek and Cyrillic script
by their capitals where a capital says something (not at the start of a sentence), Japanese ones by Katakana and by what
companies, offices and places end in. E-mail addresses and URLs are no names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from grounding.entities import without_overlaps
from grounding.values import Entity

_UPPER = "A-ZÀ-ÖØ-ÞĀĂĄĆČĎĐĒĖĘĚĞĢĪĮİĶĹĻĽŁŃŅŇŌŐŒŔŘŚŞŠŢŤŪŮŰŲŸŹŻŽΑ-ΩА-ЯЁ"
_LATIN = "A-Za-z0-9_À-ɏ"
_NUMBER = r"\d+(?:,\d{3})*(?:\.\d+)?"
_DIGITS = r"[0-9０-９]+"
_JA_NUMBER = r"[0-9０-９][0-9０-９,，.．]*"
_MONTH = (
    r"(?:Jan(?:uary|\.)?|Feb(?:ruary|\.)?|Mar(?:ch|\.)?|Apr(?:il|\.)?|May|June?|July?|Aug(?:ust|\.)?"
    r"|Sept?(?:ember|\.)?|Oct(?:ober|\.)?|Nov(?:ember|\.)?|Dec(?:ember|\.)?)"
)
_CURRENCY = r"(?:EUR|USD|GBP|JPY|CHF|CNY|AUD|CAD|SEK|NOK|DKK|PLN|INR|KRW)"
_SCALE = r"(?:thousand|million|billion|trillion|[kKmM]|bn)"

# What would otherwise be cut into pieces that look like codes. Lengths are bounded: without a bound a run of such
# characters is tried from each of its positions to its end.
_SKIPPED = (
    r"(?P<skipped>(?<![\w.+-])[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,255}"
    r"|(?<![A-Za-z])(?:https?|ftp|file)://[^\s<>\"'「」（）、。]{1,2000}|(?<![\w.])www\.[^\s<>\"'「」（）、。]{1,2000})"
)
_DATES = rf"""(?P<DATE>
    (?<![\w.-])\d{{4}}-[01]\d-[0-3]\d(?![\w-])
  | (?<![\w.,])[0-3]?\d(?:st|nd|rd|th)?(?:\ of)?\ {_MONTH}(?![a-z])(?:,?\ \d{{4}}(?!\w))?
  | (?<!\w){_MONTH}\ [0-3]?\d(?:st|nd|rd|th)?(?:,?\ \d{{4}})?(?!\w)
  | (?<!\w){_MONTH}\ \d{{4}}(?!\w)
  | (?<!\w)(?:Q[1-4]|H[12])(?:\ |/)?\d{{4}}(?!\w) | (?<!\w)FY\ ?\d{{2,4}}(?!\w)
  | (?<![\w/.])[0-3]?\d/[0-3]?\d/(?:\d{{4}}|\d{{2}})(?![\w/]) | (?<![\w.])[0-3]?\d\.[01]?\d\.\d{{4}}(?![\w.])
  | (?<=\bin\ )(?:1[89]|20)\d\d(?![\w.,]\d|\w) | (?<=\bsince\ )(?:1[89]|20)\d\d(?!\w)
  | (?:(?:令和|平成|昭和|大正|明治)(?:{_DIGITS}|元)|(?<![0-9０-９]){_DIGITS})
    年(?!間|以[上内]|未満|前|後)(?:度|[0-9０-９]{{1,2}}月(?:[0-9０-９]{{1,2}}日)?)?
  | (?<![0-9０-９])[0-9０-９]{{1,2}}月(?:[0-9０-９]{{1,2}}日)?(?!間)
  | (?<![\w.-]){_NUMBER}[ -](?:days?|weeks?|months?|years?|business\ days|working\ days)(?!\w)
  | (?<![0-9０-９]){_JA_NUMBER}(?:営業日|日間?|週間?|[かヶカケ]月間?|年間)
)"""
_TIMES = rf"""(?P<TIME>
    (?<![\w:.])[0-2]?\d:[0-5]\d(?::[0-5]\d)?(?:\ ?[ap]\.?m\b\.?)?(?![\w:])
  | (?<![\w.])[01]?\d\ ?[ap]\.?m\b\.?
  | (?<![\w.-]){_NUMBER}[ -](?:seconds?|minutes?|hours?)(?!\w)
  | (?:午前|午後)?(?<![0-9０-９]){_JA_NUMBER}(?:時間|秒間?|分間|分(?![のか])|時(?:[0-9０-９]{{1,2}}分|半)?)
)"""
_MONEYS = rf"""(?P<MONEY>
    (?<!\w)(?:US|A|C|HK|NZ|S)?[$€£¥￥]\ ?{_NUMBER}(?:\ ?{_SCALE}(?!\w))?
  | (?<!\w){_CURRENCY}\ ?{_NUMBER}(?:\ ?{_SCALE}(?!\w))?(?!\w)
  | (?<![\w.]){_NUMBER}(?:\ {_SCALE})?\ ?(?:euros?|dollars?|pounds?\ sterling|yen|{_CURRENCY}|[€£])(?!\w)
  | (?<![0-9０-９]){_JA_NUMBER}(?:[千百]?[万億兆](?:{_JA_NUMBER})?){{0,3}}[千百]?(?:円|ドル|ユーロ|ポンド)
)"""
_UNIT = (
    r"(?:kg|mg|µg|km|cm|mm|nm|µm|kB|KB|MB|GB|TB|ms|kW|kWh|MHz|GHz|Hz|mAh|Nm|kN|ml|dB|[gmlVAWN]"
    r"|grams?|kilograms?|tonnes?|(?:kilo|centi|milli)?met(?:er|re)s?|miles?|inches|lit(?:er|re)s?|degrees|bytes)"
)
_JA_UNIT = (
    "(?:％|パーセント|キロ(?:グラム|メートル)?|グラム|メートル|センチ(?:メートル)?|ミリ(?:メートル)?|リットル|トン"
    "|人|名|台|個|件|冊|枚|本|社|回|点|歳|度)"
)
_QUANTITIES = rf"""(?P<QUANTITY>
    (?<![\w.]){_NUMBER}\ ?(?:%|percent\b|°[CF]\b|{_UNIT}(?!\w))
  | (?<![0-9０-９]){_JA_NUMBER}\ ?{_JA_UNIT}
)"""
_CODES = rf"""(?P<CODE>
    第\ ?(?:{_DIGITS}|[一二三四五六七八九十百]{{1,5}})(?:条|章|項|号|款|節)(?:の(?:{_DIGITS}|[一二三四五六七八九十]))?
  | (?<![\w.@/\-])[vV]\d+(?:\.\d+){{0,4}}(?![\w@])
  | (?<![\w.@/\-])\d{{1,4}}(?:\.\d{{1,6}}){{2,4}}(?![\w@.])
  | (?<![A-Za-z0-9_@.\-])(?=[A-Za-z._/\-]{{0,24}}\d)(?=[a-z0-9._/\-]{{0,24}}[A-Z])
    [A-Za-z][A-Za-z0-9]{{0,23}}(?:[\-_./][A-Za-z0-9]{{1,24}}){{0,5}}(?![A-Za-z0-9_@])
)"""
_ANY = f"{_SKIPPED}|{_DATES}|{_TIMES}|{_MONEYS}|{_QUANTITIES}|{_CODES}"
# No mark begins within a word: said first, it spares trying all of them at four positions of five. ASCII, for a mark
# may stand between Japanese signs, which are letters too.
_MARKS = re.compile(rf"(?<![a-z])(?=[^\s\-.,;:()])(?:{_ANY})", re.VERBOSE | re.ASCII)

_LETTERS = r"(?:(?![ぁ-ヿ㐀-鿿가-힣])[^\W_])"
_WORD = rf"[{_UPPER}]{_LETTERS}*(?:['’&\-]{_LETTERS}+)*"
_NAMES = re.compile(
    rf"(?<![{_LATIN}@./\-])(?P<title>(?:Mr|Mrs|Ms|Dr|Prof)\.?\ )?"
    rf"(?P<name>{_WORD}(?:\ (?:(?:of|de|da|del|van|von|der|la|le|&)\ ){{0,2}}{_WORD}){{0,6}})(?![{_LATIN}@]|\.[A-Za-z])"
)
_ORGANISATION = re.compile(
    r"(?:\b(?:Inc|Ltd|LLC|GmbH|AG|Corp|Corporation|Company|Co|Group|Holdings|Instruments|University|Institute|Ministry"
    r"|Department|Agency|Bank|Union|Association|Foundation|Laboratory|Laboratories|Hospital|Council|Committee))$"
)
_OPENS_SENTENCE = re.compile(r"(?:^|[.!?:;。！？…|>\n•*#])[\s\"'“‘«»(\[*_\-]*$")
_OPENERS = frozenset(
    (
        "a about after all also although an and any are as at be because been before both but by can could "
        "did do does during each either every finally first for from had has have he hence her here his how "
        "however i if in into is it its let many may might more moreover most must my no not of on once one "
        "or other our over please second several shall she should since so some such tell thanks that the "
        "their then there therefore these they this those three through thus to two under until us was we "
        "were what when where whether which while who whom whose why will with would yes you your"
    ).split()
)
_JA_NAMES = re.compile(
    r"(?P<ORG>(?:株式会社|有限会社|合同会社)[々〇一-鿿ァ-ヶー・A-Za-z]{2,20}"
    r"|[々〇一-鿿ァ-ヶー・A-Za-z]{2,20}(?:株式会社|有限会社|合同会社|大学|銀行|研究所))"
    r"|(?P<OTHER>(?<![ァ-ヶー・])[ァ-ヶ][ァ-ヶー・]{2,29}(?<![・])(?![ァ-ヶー・]))"
)
_HAS_JAPANESE = re.compile(r"[ぁ-ヶ一-鿿]")


class RuleEntities:
    """EntityExtractor of regular expressions; serves any language as far as its script shows names."""

    def extract(self, texts: Sequence[str], *, language: str) -> list[tuple[Entity, ...]]:
        return [without_overlaps((*_marks(text), *_names(text))) for text in texts]


def _marks(text: str) -> Iterator[Entity]:
    for match in _MARKS.finditer(text):
        label = match.lastgroup
        if label is not None and label != "skipped":
            yield Entity(match.group(), label, match.start(), match.end())


def _names(text: str) -> Iterator[Entity]:
    for match in _NAMES.finditer(text):
        yield from _latin_name(text, match)
    if _HAS_JAPANESE.search(text):
        for match in _JA_NAMES.finditer(text):
            yield Entity(match.group(), match.lastgroup or "OTHER", match.start(), match.end())


def _latin_name(text: str, match: re.Match[str]) -> Iterator[Entity]:
    start, end = match.span("name")
    # A function word is capitalised for its place alone: "The Ada Lovelace Prize", "In Berlin".
    words = text[start:end].split(" ")
    while words and words[0].casefold() in _OPENERS:
        start += len(words.pop(0)) + 1
    if not words:
        return
    name = text[start:end]
    if len(words) == 1 and not match["title"] and not _says_something(name, text, start):
        return
    label = "PERSON" if match["title"] else "ORG" if _ORGANISATION.search(name) else "OTHER"
    yield Entity(name, label, start, end)


def _says_something(word: str, text: str, start: int) -> bool:
    """False for a single word that is capitalised because a sentence, a line or a table cell begins with it."""
    if len(word) < 2:
        return False
    return (word.isupper() and len(word) > 1) or not _OPENS_SENTENCE.search(text[max(0, start - 12) : start])
