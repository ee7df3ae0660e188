"""Private values: who can be reached, paid or impersonated with them. Names and places are those of `names`.

Finders look for values, in any language alike; the check joins what they find. The finder here knows what has a form
of its own or is called by its name: e-mail, bank accounts, licences, Japanese numbers; with `phones` phone numbers,
with `credentials` keys and passwords. `models.presidio_pii` knows the rest: cards, IP addresses, wallets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from grounding.safety.credentials import secrets_in
from grounding.safety.phones import phones_in
from grounding.values import Finding, Origin


class PiiFinder(Protocol):
    @property
    def version(self) -> str:
        """Changes whenever a text could be judged differently."""

    def find(self, text: str, *, language: str) -> Sequence[Finding]:
        """Private values in any order; spans may overlap. Takes time linear in the text's length."""


class PiiCheck:
    """SafetyCheck named "pii": one finding for each value."""

    origins: frozenset[Origin] = frozenset({"question", "history", "passage", "answer"})

    def __init__(self, finders: Sequence[PiiFinder], *, name: str = "pii") -> None:
        self.name = name
        self._finders = tuple(finders)

    @property
    def version(self) -> str:
        return "+".join(("3", *(finder.version for finder in self._finders)))

    def find(self, text: str, *, origin: Origin, language: str) -> list[Finding]:
        plain, places = _legible(text)
        found = _outermost([finding for finder in self._finders for finding in finder.find(plain, language=language)])
        if not places:
            return found
        return [replace(each, start=places[each.start], end=places[each.end - 1] + 1) for each in found]


_INVISIBLE = re.compile("[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")
_SPACES = str.maketrans(dict.fromkeys("\u00a0\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f", " "))


def _legible(text: str) -> tuple[str, list[int]]:
    """The text as a reader sees it, without signs that have no width, and where each of its characters stands in the
    text; no places where they are the same."""
    spaced = text.translate(_SPACES)
    if not _INVISIBLE.search(spaced):
        return spaced, []
    places = [at for at, sign in enumerate(spaced) if not _INVISIBLE.match(sign)]
    return "".join(spaced[at] for at in places), places


def _outermost(found: Sequence[Finding]) -> list[Finding]:
    """Findings that lie within no other, in order; of two with one span the surer."""
    kept: list[Finding] = []
    for finding in sorted(found, key=lambda f: (f.start, -f.end, -f.score, f.kind)):
        if not kept or finding.end > kept[-1].end:
            kept.append(finding)
    return kept


_WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: " "} | dict.fromkeys(map(ord, "‐‑‒–—−"), "-")
_UNSPACED = re.compile(r"[\u2e80-\ua4cf\uac00-\ud7ff\uf900-\ufaff\ufe30-\ufe4f\uff5f-\uffef\U00020000-\U0003ffff]")
_LONG_SIGN = re.compile(r"(?<=[0-9０-９])[ーｰ](?=[0-9０-９])")


def narrow(text: str) -> str:
    """The text, as long as before, with wide forms made narrow and all dashes alike."""
    return _LONG_SIGN.sub("-", text).translate(_WIDE)


def shadow(text: str) -> str:
    """The narrow text, as long as before, with a space for each sign of a script without spaces, and for wide colons.

    So a value begins and ends at a word's edge in Japanese and Chinese text too, and nothing around it is taken in.
    """
    return _UNSPACED.sub(" ", narrow(text.replace("：", " ")))


_EMAIL = re.compile(
    r"(?<![\w.!#$%&'*+/=?^`{|}~\-])[\w.!#$%&'*+/=?^`{|}~\-]{1,64}"
    r"@(?:[^\W_](?:[\w\-]{0,61}[^\W_])?\.){1,8}[^\W\d_]{2,24}(?![\w@])"
)
_HEX = r"[0-9A-Fa-f]{2}"
# Where a pattern has parts of open length, each is bounded and begins with signs that are rare: linear time.
_PATTERNS: tuple[tuple[str, float, re.Pattern[str]], ...] = (
    ("MAC_ADDRESS", 0.9, re.compile(rf"(?<![\w:\-]){_HEX}([:\-])(?:{_HEX}\1){{4}}{_HEX}(?![\w:\-])")),
    ("CRYPTO", 0.9, re.compile(r"(?<![\w\-.])0x[0-9A-Fa-f]{40}(?![\w\-])")),
    ("US_SSN", 0.7, re.compile(r"(?<![\w\-.])(?!000|666)\d{3}-(?!00)\d\d-(?!0000)\d{4}(?![\w\-])")),
)  # fmt: skip

_IS = r"(?:[ ]?(?:is|was|are|are|no\.?|number|#|nr\.?|は|が|:|=|\.|第)){0,3}[ ]{0,3}"
_WORD_BEFORE = r"(?<![A-Za-z])"


def _named(names: str, value: str) -> re.Pattern[str]:
    """What `value` matches, in group 1, if one of the names stands before it."""
    return re.compile(rf"(?:{names}){_IS}({value})(?![A-Za-z0-9]|-\d)", re.IGNORECASE)


_CODE = r"(?=[A-Z\-]{0,8}\d)[A-Z0-9](?:[ \-]?[A-Z0-9]){%s}"
# Numbers without a form of their own: they have to be called by their names.
_NAMED: tuple[tuple[str, float, re.Pattern[str]], ...] = (
    ("US_SSN", 0.8, _named(
        rf"{_WORD_BEFORE}(?:ssn|itin|social(?:[ ]security)?(?:[ ](?:number|no\.?|num))?)",
        r"\d{3}[ \-.]?\d\d[ \-.]?\d{4}")),
    ("DRIVER_LICENSE", 0.7, _named(
        rf"{_WORD_BEFORE}(?:(?:driver|driving)(?:[’']?s)?[’']?[ ](?:licen[cs]e|permit)|licen[cs]e[ ](?:number|no\.?))"
        r"(?:[ ](?:number|no\.?|id))?|(?:運転)?免許証?(?:の)?(?:番号)?", _CODE % "4,19")),
    ("PASSPORT", 0.7, _named(
        rf"{_WORD_BEFORE}passport(?:[ ](?:number|no\.?|id))?|パスポート(?:の)?(?:番号)?|旅券(?:の)?(?:番号)?",
        r"(?=[A-Z]{0,2}\d)[A-Z0-9]{6,9}")),
    ("POSTAL_CODE", 0.7, _named(
        rf"{_WORD_BEFORE}(?:zip(?:[ \-]?code)?|post(?:al)?[ ]?code)",
        r"\d{3,5}(?:[ \-]\d{2,4})?|[A-Z]{1,2}\d[A-Z\d]?[ ]?\d[A-Z]{2}|[A-Z]\d[A-Z][ ]?\d[A-Z]\d")),
    ("POSTAL_CODE", 0.8, re.compile(r"(?:〒|郵便番号(?:は|が|:)?)[ ]{0,2}(\d{3}-?\d{4})(?![A-Za-z0-9\-])")),
    ("BANK_ACCOUNT", 0.7, _named(
        rf"{_WORD_BEFORE}(?:(?:bank[ ]|checking[ ]|savings[ ])?(?:account|acct\.?|a/c)(?:[ ](?:number|no\.?|num|#))"
        r"|(?:bank|checking|savings)[ ]account|account[ ]?#|a/c)", r"\d(?:[ \-]?\d){6,16}")),
    ("BANK_ACCOUNT", 0.7, _named(
        rf"{_WORD_BEFORE}(?:sort[ ]code|routing(?:[ ](?:number|no\.?))?|aba(?:[ ]number)?)",
        r"\d{2}-\d{2}-\d{2}|\d{6}|\d{9}")),
    ("BANK_ACCOUNT", 0.8, re.compile(
        r"(?:普通|当座|貯蓄|総合)(?:預金|口座)?[ 、,]{0,2}(?:口座)?(?:番号)?[ ]?(?:は|が|:|/)?[ ]{0,3}"
        r"(\d{3}[ \-]?\d{4})(?![A-Za-z0-9\-])")),
    ("BANK_ACCOUNT", 0.8, re.compile(
        r"(?:口座(?:の)?番号|振込先|振り込み先)[ ]?(?:は|が|:|/)?[ ]{0,3}(\d{5,8})(?![A-Za-z0-9\-])")),
    ("BANK_ACCOUNT", 0.8, re.compile(
        r"記号[ ]?(?:は|:|/)?[ ]?(1\d{4}(?:-\d)?[ 、,\-]{0,2}(?:番号[ ]?(?:は|:|/)?[ ]?)?\d{2,8})(?!\d)")),
)  # fmt: skip
_HAS_NUMBER = re.compile(r"\d")

_MY_NUMBER = re.compile(r"(?<![\w\-.])\d{4}([ \-]?)\d{4}\1\d{4}(?![\w\-])")
_MY_NUMBER_IS_NAMED = re.compile(r"マイナンバー|個人番号|my ?number", re.IGNORECASE)
_NAMED_WITHIN = 40

_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d\d(?:[ \-]?[A-Za-z0-9]){11,32}")
# Source: the IBAN registry of SWIFT, ISO 13616.
_IBAN_LENGTHS: Mapping[str, int] = {
    country: length
    for length, countries in {
        15: "NO", 16: "BE", 18: "DK FI FK FO GL NL SD", 19: "MK SI", 20: "AT BA EE KZ LT LU MN XK",
        21: "CH HR LI LV", 22: "BG BH CR DE GB GE IE ME RS VA", 23: "AE GI IL IQ OM SO TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG", 25: "LY PT ST", 26: "IS TR", 27: "BI DJ FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HN HU LB NI PL SV", 29: "BR EG PS QA UA", 30: "JO KW MU YE", 31: "MT SC", 32: "LC",
        33: "RU",
    }.items()
    for country in countries.split()
}  # fmt: skip


class PiiRules:
    """PiiFinder of what has a form of its own or is called by its name: secrets, e-mail, IBANs and bank accounts,
    licences and passports, social security numbers, MAC addresses, phone numbers, and the numbers of Japan."""

    version = "rules-2"

    def find(self, text: str, *, language: str) -> list[Finding]:
        close, plain = narrow(text), shadow(text)
        found = list(secrets_in(plain, close))
        if "@" in plain:
            found += (Finding("EMAIL_ADDRESS", *match.span(), 1.0) for match in _EMAIL.finditer(plain))
        if not _HAS_NUMBER.search(plain):
            return found
        found += (
            Finding(kind, *m.span(), score) for kind, score, pattern in _PATTERNS for m in pattern.finditer(plain)
        )
        found += (Finding(kind, *m.span(1), score) for kind, score, pattern in _NAMED for m in pattern.finditer(close))
        found += phones_in(close, plain)
        found += (Finding("IBAN_CODE", *span, 1.0) for span in _ibans(plain))
        for match in _MY_NUMBER.finditer(plain):
            if _is_my_number(match.group(), close[max(0, match.start() - _NAMED_WITHIN) : match.start()]):
                found.append(Finding("MY_NUMBER", *match.span(), 0.9))
        return found


def _ibans(text: str) -> Iterator[tuple[int, int]]:
    """Spans of what has an IBAN's length for its country, and its check digits."""
    for match in _IBAN.finditer(text):
        length = _IBAN_LENGTHS.get(match[0][:2].upper())
        signs = [at for at in range(*match.span()) if text[at].isalnum()]
        if length is None or len(signs) < length:
            continue
        end = signs[length - 1] + 1
        code = "".join(text[at] for at in signs[:length]).upper()
        whole = end == len(text) or not text[end].isalnum()
        if whole and code.isascii() and int("".join(str(int(sign, 36)) for sign in code[4:] + code[:4])) % 97 == 1:
            yield match.start(), end


def _is_my_number(digits: str, before: str) -> bool:
    """By its check digit, which one number of eleven has by chance; a bare number has to be called by its name too.

    Source: Ordinance of the Ministry of Internal Affairs and Communications No. 85 of 2014, Article 5.
    """
    numbers = [int(digit) for digit in digits if digit.isdigit()]
    weights = (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)
    rest = sum(number * weight for number, weight in zip(numbers, weights, strict=False)) % 11
    return numbers[-1] == (0 if rest <= 1 else 11 - rest) and bool(_MY_NUMBER_IS_NAMED.search(before))
