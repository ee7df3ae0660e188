"""What a text holds that its reader does not see, or cannot read: comments, invisible styles and characters, codes.

Pure. It tells where such a stretch is and what it says, not whether that is harmful.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from grounding.safety.disguise import INVISIBLE


@dataclass(frozen=True, slots=True)
class Stretch:
    """text[start:end] conceals `says`. `never_innocent`: nobody writes it so but to hide it. `encoded`: it is seen, but
    not understood."""

    start: int
    end: int
    says: str
    never_innocent: bool = False
    encoded: bool = False


_LONGEST = 4000
"""Characters of one stretch: what is longer is read up to here."""
_LINE = r"[^\n]{1,1000}?"
_NOTE = re.compile(
    rf"^[ \t]{{0,3}}\[[^\]\n]{{1,40}}\]:[ \t]{{0,9}}(?:#|<>)?[ \t]{{0,9}}(?:\(({_LINE})\)|\"({_LINE})\")[ \t]{{0,9}}$"
    r"|\[[^\[\]\n]{0,200}\]\([^()\s]{1,400}[ \t]{1,4}(?:\"([^\"\n]{8,1000})\"|'([^'\n]{8,1000})')[ \t]{0,4}\)",
    re.MULTILINE,
)
"""What Markdown keeps to itself: definitions used as comments, and the titles of links."""
_UNSEEN = (
    r"display\s{0,3}:\s{0,3}none|visibility\s{0,3}:\s{0,3}hidden|opacity\s{0,3}:\s{0,3}0(?:\.0{1,4})?(?![.\d])"
    r"|font-size\s{0,3}:\s{0,3}(?:0(?![.\d])|[01]px|0?\.\d)|(?<![-\w])color\s{0,3}:\s{0,3}(?:white\b|#fff(?:fff)?\b"
    r"|rgba?\(\s{0,3}255\s{0,3},\s{0,3}255\s{0,3},\s{0,3}255|transparent)|text-indent\s{0,3}:\s{0,3}-\d{3}"
    r"|(?:left|top)\s{0,3}:\s{0,3}-\d{3}|(?:max-)?(?:width|height)\s{0,3}:\s{0,3}0(?![.\d])|clip\s{0,3}:\s{0,3}rect\(0"
    r"|color\s{0,3}=\s{0,3}[\"']?(?:white|#fff(?:fff)?)\b|size\s{0,3}=\s{0,3}[\"']?0\b"
)
_TAG = re.compile(r"<(?P<name>[a-z][a-z0-9]{0,15})\b(?P<inside>[^<>]{1,600})>", re.IGNORECASE)
_INVISIBLE_TAG = re.compile(rf"(?:{_UNSEEN})|\s(?:hidden|aria-hidden)(?:\s|=|$)", re.IGNORECASE)
_LABEL = re.compile(
    r"\b(?:aria-label|aria-description|alt|title|data-[a-z-]{1,20}|content)\s{0,3}=\s{0,3}(?:\"([^\"]{12,1000})\""
    r"|'([^']{12,1000})')",
    re.IGNORECASE,
)
_TAGS = re.compile("(?P<flag>\U0001f3f4)?[\U000e0020-\U000e007e]{4,4000}\U000e007f?")
_FLAG_LETTERS = 8
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]{4,4000}")
_ZERO_WIDTH = re.compile("[\u200b-\u200f\u2060-\u2064\ufeff]{16,4000}")
_REVERSED = re.compile("[\u202d\u202e](?P<says>[^\u202c\n]{8,2000})\u202c?")
_BASE64 = re.compile(r"(?<![\w+/=-])[A-Za-z0-9+/]{24,4000}={0,2}(?![\w+/=])")
_HEX = re.compile(r"(?<![0-9A-Za-z])(?:(?:0x|\\x)?[0-9A-Fa-f]{2}[ ,:]?){16,2000}(?![0-9A-Za-z])")
_NOT_HEX = re.compile(r"0x|\\x|[ ,:]")
_ROTATED = re.compile(
    r"\b(?:lbh|lbhe|gur|naq|gung|guvf|jvgu|abg|nyy|zhfg|jvyy|ner|vtaber|vafgehpgvbaf?|cerivbhf|flfgrz|cebzcg|nafjre|hfre"
    r"|ercyl|gryy|nyjnlf|erirny|ehyrf|bhgchg)\b",
    re.IGNORECASE,
)
"""Common words and those of orders, as rot13 writes them; two of them in a line are no chance."""
_LINES = re.compile(r"[^\n]{1,2000}")
_PRINTABLE = 0.9


def concealed(text: str) -> Iterator[Stretch]:
    """Every concealed stretch of a text; stretches may overlap. Linear in the text's length."""
    yield from _between(text, "<!--", "-->")
    yield from _between(text, "/*", "*/")
    for match in _NOTE.finditer(text):
        yield Stretch(match.start(), match.end(), next(part for part in match.groups() if part is not None))
    if "<" in text:
        yield from _unseen(text)
    if INVISIBLE.search(text):
        yield from _invisible(text)
    yield from _encoded(text)


def _between(text: str, opening: str, closing: str) -> Iterator[Stretch]:
    """Comments; one that is never closed goes on as far as is read."""
    start = text.find(opening)
    while start != -1:
        inside = start + len(opening)
        end = text.find(closing, inside)
        if end == -1:
            yield Stretch(start, min(len(text), inside + _LONGEST), text[inside : inside + _LONGEST])
            return
        yield Stretch(start, end + len(closing), text[inside : min(end, inside + _LONGEST)])
        start = text.find(opening, end + len(closing))


def _unseen(text: str) -> Iterator[Stretch]:
    """Elements that are styled out of sight, and what stands in attributes."""
    folded = "".join(sign.lower() if sign.isascii() else sign for sign in text)
    reach = 0
    for tag in _TAG.finditer(text):
        if tag.start() >= reach and _INVISIBLE_TAG.search(tag["inside"]):
            end = folded.find(f"</{tag['name'].lower()}", tag.end(), tag.end() + _LONGEST)
            close = text.find(">", end, end + 20) + 1 if end != -1 else 0
            reach = close or min(len(text), tag.end() + _LONGEST)
            yield Stretch(tag.start(), reach, text[tag.end() : end if end != -1 else reach])
        for label in _LABEL.finditer(tag["inside"]):
            yield Stretch(tag.start(), tag.end(), label[1] or label[2])


def _invisible(text: str) -> Iterator[Stretch]:
    for match in _TAGS.finditer(text):
        if match["flag"] and match.end() - match.start() <= _FLAG_LETTERS:
            continue  # the flags of England, Scotland and Wales are written so
        says = "".join(chr(ord(sign) - 0xE0000) for sign in match[0] if 0xE0020 <= ord(sign) <= 0xE007E)
        yield Stretch(match.start(), match.end(), says, never_innocent=True)
    for match in _SELECTORS.finditer(text):
        data = bytes(ord(sign) - (0xFE00 if ord(sign) < 0xFE10 else 0xE0100 - 16) for sign in match[0])
        # What carries the selectors is cut with them: an innocent letter or emoji before.
        yield Stretch(max(0, match.start() - 1), match.end(), data.decode("utf-8", "replace"), never_innocent=True)
    for match in _ZERO_WIDTH.finditer(text):
        yield Stretch(match.start(), match.end(), "", never_innocent=True)
    for match in _REVERSED.finditer(text):
        yield Stretch(match.start(), match.end(), match["says"][::-1])


def _encoded(text: str) -> Iterator[Stretch]:
    for match in _BASE64.finditer(text):
        data = match[0].rstrip("=")
        try:
            yield from _readable(match, base64.b64decode(data + "=" * (-len(data) % 4)))
        except binascii.Error:
            continue
    for match in _HEX.finditer(text):
        digits = _NOT_HEX.sub("", match[0])
        if len(digits) % 2 == 0:
            yield from _readable(match, bytes.fromhex(digits))
    if _ROTATED.search(text):
        for match in _LINES.finditer(text):
            if len(_ROTATED.findall(match[0])) > 1:
                yield Stretch(match.start(), match.end(), codecs.encode(match[0], "rot13"), encoded=True)


def _readable(match: re.Match[str], data: bytes) -> Iterator[Stretch]:
    """A stretch if the bytes are text."""
    try:
        says = data.decode("utf-8")
    except UnicodeDecodeError:
        return
    plain = sum(unicodedata.category(sign)[0] in "LNPZ" for sign in says)
    if plain >= _PRINTABLE * len(says) and (" " in says or not says.isascii()):
        yield Stretch(match.start(), match.end(), says, encoded=True)
