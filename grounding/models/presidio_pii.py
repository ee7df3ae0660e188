"""Private values by presidio's recognisers: e-mail, phone, card and bank numbers, IP addresses, wallets.

No language model and no network: the recognisers are those of patterns and check digits, and the one that would fetch a
list of domain endings is replaced. They are given the surroundings of what might be a value and not the whole text:
most of a text holds none, some of their patterns take quadratic time on hostile input, and the recogniser of phone
numbers reads its text once for each region.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from grounding.errors import MissingDependency
from grounding.safety.pii import Finding, shadow

if TYPE_CHECKING:
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.predefined_recognizers import PhoneRecognizer

_PACKAGE = "presidio-analyzer"
_LANGUAGE = "en"  # what presidio calls it; the patterns know no language
_LEAST_SCORE = 0.4
_PHONE_REGIONS = ("US", "GB", "DE", "FR", "IE", "JP")
"""Whose numbers are known without their country's code."""

_EMAIL = (
    r"(?<![\w.!#$%&'*+/=?^`{|}~\-])[\w.!#$%&'*+/=?^`{|}~\-]{1,64}"
    r"@(?:[^\W_](?:[\w\-]{0,61}[^\W_])?\.){1,8}[^\W\d_]{2,24}(?![\w@])"
)
# Presidio's own misses cards of 12, 13 and 19 digits and those that begin with 2; the check digit is tested either way.
_CARD = r"(?<![\w.\-])(?:1800|2131|2[2-7]\d\d|3[0-9]\d\d|[456]\d{3})(?:[ \-]?\d){8,15}(?![\w\-])"
_CANDIDATE = re.compile(
    r"@"
    r"|(?<![A-Za-z0-9])\d(?:[ .\-]?\d){8,80}"
    r"|(?<![A-Za-z0-9])[A-Z]{2}\d\d(?:[ \-]?[A-Z0-9]{4}){2,8}"
    r"|(?<![A-Za-z0-9])(?:bc1|[13])[a-zA-HJ-NP-Z0-9]{25,59}(?![A-Za-z0-9])"
    r"|(?<![A-Za-z0-9:])(?:[0-9A-Fa-f]{0,4}:){2,8}[0-9A-Fa-f]{0,4}"
    r"|(?<!\d)\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}"
)
_BEFORE, _AFTER = 70, 260
_WINDOW = 1000
"""Presidio compares all findings of one text with each other."""

_NUMBER_RUN = re.compile(r"(?<![\w.,\-])[+(]?\d(?:[ .\-/()]{0,3}\d){6,60}(?=[^\w\-]|$|x\d)")
_MOST_DIGITS = 15
_LEAST_DIGITS_OF_A_GROUP = 3
_DIGITS = re.compile(r"\d+")
_DATE = re.compile(r"[12]\d{3}[.\-/]\d\d?[.\-/]\d\d?(?!\d)|\d\d?[.\-/]\d\d?[.\-/][12]\d{3}(?!\d)")
_NAMES_OF_PHONE = r"(?:phone|\btel\b|mobile|\bcell|\bcall|\bfax|contact|電話|携帯|ファックス|連絡先|ＴＥＬ|ＦＡＸ)"
_PHONE_IS_NAMED = re.compile(_NAMES_OF_PHONE, re.IGNORECASE)
_NAMED_WITHIN = 30
# A number that is called one, whatever country's it is.
_NAMED_PHONE = re.compile(
    rf"{_NAMES_OF_PHONE}[^\d\n]{{0,15}}\n?[ (]?(\d(?:[ .\-/()]{{0,2}}\d){{6,13}})(?![\w\-,.]\d)", re.IGNORECASE
)
_VERSION = re.compile(r"(?:\bv|version|ver\.?|release)\s?$", re.IGNORECASE)
_VERSION_WITHIN = 10


class _Recognizers(NamedTuple):
    engine: AnalyzerEngine
    phones: PhoneRecognizer


class PresidioPii:
    """PiiFinder of presidio's pattern recognisers, the same for every language."""

    version = "presidio-1"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._recognizers: _Recognizers | None = None

    def find(self, text: str) -> list[Finding]:
        plain = shadow(text)
        found = [Finding("PHONE_NUMBER", *match.span(1), 0.6) for match in _NAMED_PHONE.finditer(plain)]
        for start, end in _windows(plain):
            for result in self._loaded().engine.analyze(plain[start:end], _LANGUAGE, score_threshold=_LEAST_SCORE):
                finding = Finding(result.entity_type, start + result.start, start + result.end, float(result.score))
                if _is_whole(plain, finding, start, end) and _is_plausible(plain, finding):
                    found.append(finding)
        for start, end in _number_runs(plain, text):
            for result in self._loaded().phones.analyze(plain[start:end], ["PHONE_NUMBER"]):
                finding = Finding("PHONE_NUMBER", start + result.start, start + result.end, float(result.score))
                if _may_be_phone(text, finding.start, finding.end):
                    found.append(finding)
        return found

    def _loaded(self) -> _Recognizers:
        with self._lock:
            if self._recognizers is None:
                self._recognizers = _load()
            return self._recognizers


def _windows(text: str) -> Iterator[tuple[int, int]]:
    """Stretches around whatever might be a value; they overlap only where values crowd."""
    begin = until = -1
    for match in _CANDIDATE.finditer(text):
        start, end = max(0, match.start() - _BEFORE), min(len(text), match.end() + _AFTER)
        if begin >= 0 and (start > until or until - begin > _WINDOW):
            yield begin, until
            begin = -1
        begin = start if begin < 0 else begin
        until = end
    if begin >= 0:
        yield begin, until


def _is_whole(text: str, finding: Finding, start: int, end: int) -> bool:
    """False for what a window's edge has cut off."""
    cut_before = finding.start == start > 0 and text[start - 1].isalnum()
    cut_after = finding.end == end < len(text) and text[end].isalnum()
    return not (cut_before or cut_after)


def _is_plausible(text: str, finding: Finding) -> bool:
    """False for what is more likely a section (8.2.4.1), a version (v10.1.0.3) or a name in a program (ab::cd)."""
    if finding.kind != "IP_ADDRESS":
        return True
    value = text[finding.start : finding.end]
    if ":" in value:
        return any(map(str.isdigit, value)) and value.count(":") > 2
    before = text[max(0, finding.start - _VERSION_WITHIN) : finding.start]
    return max(map(len, value.split("."))) > 1 and not _VERSION.search(before)


def _number_runs(plain: str, text: str) -> Iterator[tuple[int, int]]:
    """Stretches that may be a phone number without its country's code (PiiRules find those with it)."""
    for match in _NUMBER_RUN.finditer(plain):
        digits = sum(map(str.isdigit, match[0]))
        if digits <= _MOST_DIGITS and match[0][0] != "+" and _may_be_phone(text, *match.span()):
            yield match.span()


def _may_be_phone(text: str, start: int, end: int) -> bool:
    """False for a date, a range of decimals, an enumeration; and, unless it is called a phone number, for a number in
    one group or two, which may be an order, an article or an amount."""
    value = text[start:end]
    groups = _DIGITS.findall(value)
    if max(map(len, groups)) < _LEAST_DIGITS_OF_A_GROUP or any(map(str.isalpha, value)):
        return False
    if ("." in value and "-" in value) or _DATE.search(value):
        return False
    return len(groups) > 2 or bool(_PHONE_IS_NAMED.search(text, max(0, start - _NAMED_WITHIN), start))


def _load() -> _Recognizers:
    try:
        from presidio_analyzer import AnalyzerEngine, Pattern, PatternRecognizer, RecognizerRegistry
        from presidio_analyzer import predefined_recognizers as known
        from presidio_analyzer.nlp_engine import NoOpNlpEngine
    except ImportError as error:
        raise MissingDependency(_PACKAGE, purpose="finding private values") from error
    # It writes values that it could not validate into its log.
    logging.getLogger("presidio-analyzer").setLevel(logging.CRITICAL)
    recognizers = [
        # Not known.EmailRecognizer: that one asks the network which domain endings there are.
        PatternRecognizer("EMAIL_ADDRESS", name="email", patterns=[Pattern("email", _EMAIL, 1.0)]),
        known.CreditCardRecognizer(patterns=[Pattern("card", _CARD, 0.3)]),
        known.IbanRecognizer(),
        known.IpRecognizer(),
        known.UsSsnRecognizer(),
        known.CryptoRecognizer(),
    ]
    registry = RecognizerRegistry(recognizers=recognizers, supported_languages=[_LANGUAGE])
    nlp = NoOpNlpEngine(models=[{"lang_code": _LANGUAGE, "model_name": "none"}])
    engine = AnalyzerEngine(registry=registry, nlp_engine=nlp, supported_languages=[_LANGUAGE])
    return _Recognizers(engine, known.PhoneRecognizer(supported_regions=_PHONE_REGIONS))
