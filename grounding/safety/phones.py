"""Phone numbers of all countries, by how they are written and by what calls them one. Pure.

With a country's code (+49 …, 0049 …) a number tells itself. Without it, national numbers of most countries look like
amounts and article numbers, so they count where a trunk zero or an area code in the American way shows, or where the
text calls them a phone number: "call", "Fax:", "電話番号は", a label
after it. No list of valid ranges is asked: those of
one country are amounts in the next, and made-up numbers and slips are private, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from grounding.values import Finding

_START = r"(?<![\w\-.+@/=])(?<!\d,)"
_EXTENSION = r"(?:[ ,]{0,2}(?:x|ext\.?|extension|ex\.)[ .:]{0,2}\d{1,6}(?!\d))?"
_LABEL = r"(?:office|fax|mobile|cell|home|work|direct|desk|phone|tel|main|private)"
_END = rf"{_EXTENSION}(?![\w@])(?!-(?!{_LABEL}\b))"
_SEPARATOR = r"[ .\-/()]"

_FORMS: tuple[tuple[float, re.Pattern[str]], ...] = tuple(
    (score, re.compile(form, re.IGNORECASE))
    for score, form in (
        (0.7, r"(?<![\w+\-.])0[5789]0\d{8}(?![\w\-])"),  # Japanese mobile
        (0.9, rf"(?<![\w+])\(?\+[1-9](?:{_SEPARATOR}{{0,3}}\d){{6,14}}{_END}"),
        (0.8, rf"{_START}(?:00|011)[ \-][1-9]\d{{0,2}}(?:{_SEPARATOR}{{1,2}}\d{{1,8}}){{1,5}}{_END}"),
        (0.8, rf"{_START}00[1-9]\d{{0,2}}(?:{_SEPARATOR}{{1,2}}\d{{1,8}}){{2,5}}{_END}"),
        (0.7, rf"{_START}(?:1[ .\-])?(?:\(\d{{3}}\)[ \-]?|[2-9]\d\d([.\-])(?=\d{{3}}\1))\d{{3}}[.\- ]\d{{4}}{_END}"),
        (0.5, rf"{_START}[2-9]\d\d [2-9]\d\d \d{{4}}{_END}"),
        (0.6, rf"{_START}\(?0[1-9]\d{{0,4}}\)?(?:{_SEPARATOR}{{1,2}}\d{{2,8}}){{1,5}}{_END}"),
    )
)  # fmt: skip
_RUN = re.compile(rf"{_START}\(?\d(?:{_SEPARATOR}{{0,3}}\d){{5,14}}{_END}", re.IGNORECASE)

_NAMES = (
    r"(?:phone|mobile|\bcell|\btel\b|\bcall(?:ed|ing)?\b|\bring\b|\bdial|\bfax\b|\bsms\b|whatsapp|hotline|helpline"
    r"|\bcontact\b|\bdesk:|\boffice:|\bhome:|\bwork:|\banswer(?:ing)? (?:at|on)\b"
    r"|\b(?:messages?|texts?) (?:to|at|from)\b"
    r"|\btext (?:me|us|him|her|them) (?:at|on)\b|\breach(?:ed)? (?:me |us |him |her |them )?(?:at|on)\b|\bregistered"
    r"|電話|携帯|ファックス|ファクス|連絡先|お問い合わせ先|(?<![A-Za-z])(?:TEL|FAX)(?![A-Za-z]))"
)
_NAMED_BEFORE = re.compile(rf"{_NAMES}(?P<gap>[^\d\n]{{0,18}}\n?[ ]{{0,4}})\Z", re.IGNORECASE)
_NAMED_WITHIN = 50
# What stands between "call" and a number: these words alone, or whatever ends in a word of place: "John at".
_BETWEEN = re.compile(
    r"(?:[^A-Za-z口注]{1,3}+|(?<![A-Za-z])(?:me|us|him|her|them|you|numbers?|no|nr|is|was|at|on|to|the|a|an|my|our|his|her"
    r"|their|your|this|that|line|home|work|office|cell|mobile|phone|back|please|number|dial|toll|free|now|or|and|fax|tel"
    r"|e|us|uk|new|old|current|registered|contact|call)(?![A-Za-z])){0,12}\Z"
    r"|.{0,20}(?<![A-Za-z])(?:at|on|under|via|is)[ :]{1,3}\Z",
    re.IGNORECASE | re.DOTALL,
)
_COUNTED = re.compile(
    r"[ ](?:times|people|users|rows|records|items|bytes|requests|tokens|customers|units|calls|messages|lines|years"
    r"|seconds|minutes|hours|days|[nmµ]?s|k?b|mb|gb|usd|eur|gbp|yen|dollars|euros)\b",
    re.IGNORECASE,
)
_NAMED_AFTER = re.compile(
    rf"[ \-]{{0,2}}\(?{_LABEL}\)?[ ]{{0,2}}(?:\Z|[\n,;|\\])"
    r"|[ ]is (?:my|his|her|our|their|the) (?:\w{2,10} )?(?:phone|mobile|cell|fax|tel)",
    re.IGNORECASE,
)
_JOINED = re.compile(r"[ ]?(?:,|/|or|and|または|もしくは|、|・)[ ]?\Z")
_GROUPS = re.compile(r"\d+")
_DATE = re.compile(
    r"[12]\d{3}[.\-/]\d\d?[.\-/]\d\d?(?!\d)|(?<!\d)\d\d?[.\-/]\d\d?[.\-/][12]\d{3}(?!\d)|(?:19|20)\d\d-(?:19|20)?\d\d(?!\d)"
)
_MOST_DIGITS = 15


def phones_in(narrow: str, text: str) -> Iterator[Finding]:
    """Phone numbers in any order; spans may overlap. `narrow` and `text` as in `pii.shadow`."""
    for score, form in _FORMS:
        for match in form.finditer(text):
            if match[0].lstrip("(")[0] == "+" or _is_like_a_phone(match[0]):
                yield _finding(match, score)
    until = -1  # where the last number that was called one ends
    for match in _RUN.finditer(text):
        start, end = match.span()
        if _DATE.search(match[0]) or len(_GROUPS.findall(match[0])) > 6:
            continue
        joined = 0 <= until <= start <= until + 8 and _JOINED.match(narrow[until:start])
        if joined or _is_named(narrow, start, end):
            until = end
            yield _finding(match, 0.6)


def _finding(match: re.Match[str], score: float) -> Finding:
    # "(call +49 30 1234567)": the bracket is not the number's.
    alone = match[0][0] == "(" and ")" not in match[0]
    return Finding("PHONE_NUMBER", match.start() + alone, match.end(), score)


def _is_like_a_phone(value: str) -> bool:
    """False for dates, enumerations, ranges of decimals, and for what has too many or too few digits."""
    groups = _GROUPS.findall(value.casefold().partition("x")[0])
    digits = sum(map(len, groups))
    if not 9 <= digits <= _MOST_DIGITS or _DATE.search(value) or ("." in value and "-" in value and "x" not in value):
        return False
    steps = {int(after) - int(before) for before, after in pairwise(groups)}
    return len(groups) < 3 or steps != {1}


def _is_named(narrow: str, start: int, end: int) -> bool:
    before = _NAMED_BEFORE.search(narrow, max(0, start - _NAMED_WITHIN), start)
    if before:
        return bool(_BETWEEN.match(before["gap"])) and not _COUNTED.match(narrow, end)
    opens = not narrow[max(0, start - 8) : start].rstrip(" >?")[-1:].strip("\n,;|\\")
    return opens and bool(_NAMED_AFTER.match(narrow, end))
