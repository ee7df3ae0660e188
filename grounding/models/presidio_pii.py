"""Private values by presidio's recognisers: e-mail, phone, card and bank numbers, IP addresses, wallets.

No language model and no network: the recognisers are those of patterns and check digits, and the one that would fetch a
list of domain endings is replaced. They are given the surroundings of what might be a value and not the whole text:
most of a text holds none, and some of their patterns take quadratic time on hostile input.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

from grounding.errors import MissingDependency
from grounding.safety.pii import Finding, shadow

if TYPE_CHECKING:
    from presidio_analyzer import AnalyzerEngine

_PACKAGE = "presidio-analyzer"
_LANGUAGE = "en"  # what presidio calls it; the patterns know no language
_LEAST_SCORE = 0.4
_PHONE_REGIONS = ("US", "GB", "DE", "FR", "IE", "JP")
"""Whose numbers are known without their country's code; with it, every country's are."""

_EMAIL = (
    r"(?<![\w.!#$%&'*+/=?^`{|}~\-])[\w.!#$%&'*+/=?^`{|}~\-]{1,64}"
    r"@(?:[^\W_](?:[\w\-]{0,61}[^\W_])?\.){1,8}[^\W\d_]{2,24}(?![\w@])"
)
# Presidio's own misses cards of 12, 13 and 19 digits and those that begin with 2; the check digit is tested either way.
_CARD = r"(?<![\w.\-])(?:1800|2131|2[2-7]\d\d|3[0-9]\d\d|[456]\d{3})(?:[ \-]?\d){8,15}(?![\w\-])"
_CANDIDATE = re.compile(
    r"@"
    r"|(?<![A-Za-z0-9])(?:[+(]?\d(?:[ .\-/()]{0,3}\d){6,80})"
    r"|(?<![A-Za-z0-9])[A-Z]{2}\d\d(?:[ \-]?[A-Z0-9]{4}){2,8}"
    r"|(?<![A-Za-z0-9])(?:bc1|[13])[a-zA-HJ-NP-Z0-9]{25,59}(?![A-Za-z0-9])"
    r"|(?<![A-Za-z0-9:])(?:[0-9A-Fa-f]{0,4}:){2,8}[0-9A-Fa-f]{0,4}"
    r"|(?<!\d)\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}"
)
_BEFORE, _AFTER = 70, 260
_WINDOW = 1000
"""Presidio compares all findings of one text with each other."""
_NAMES_OF_PHONE = r"(?:phone|\btel\b|mobile|\bcell|\bcall|\bfax|contact|電話|携帯|ファックス|連絡先|ＴＥＬ|ＦＡＸ)"
_PHONE_IS_NAMED = re.compile(_NAMES_OF_PHONE, re.IGNORECASE)
_NAMED_WITHIN = 30
# A number that is called one, whatever country's it is.
_NAMED_PHONE = re.compile(
    rf"{_NAMES_OF_PHONE}[^\d\n]{{0,15}}\n?[ (]?(\d(?:[ .\-/()]{{0,2}}\d){{6,13}})(?![\w\-,.]\d)", re.IGNORECASE
)
_LEAST_DIGITS_OF_A_GROUP = 3
_VERSION = re.compile(r"(?:\bv|version|ver\.?|release)\s?$", re.IGNORECASE)
_DIGITS = re.compile(r"\d+")


class PresidioPii:
    """PiiFinder of presidio's pattern recognisers, the same for every language."""

    version = "presidio-1"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._engine: AnalyzerEngine | None = None

    def find(self, text: str) -> list[Finding]:
        plain = shadow(text)
        found = [Finding("PHONE_NUMBER", *match.span(1), 0.6) for match in _NAMED_PHONE.finditer(plain)]
        for start, end in _windows(plain):
            for result in self._loaded().analyze(plain[start:end], _LANGUAGE, score_threshold=_LEAST_SCORE):
                span = _trimmed(plain, start + result.start, start + result.end)
                finding = Finding(result.entity_type, *span, float(result.score))
                if _is_whole(plain, finding, start, end) and _is_plausible(plain, text, finding):
                    found.append(finding)
        return found

    def _loaded(self) -> AnalyzerEngine:
        with self._lock:
            if self._engine is None:
                self._engine = _engine()
            return self._engine


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


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """The span without the spaces, and the brackets before them, that a phone number may begin with."""
    value = text[start:end]
    bracket, space, rest = value.partition(" ")
    if space and not any(map(str.isalnum, bracket)):
        start = end - len(rest.lstrip(" "))
    return start, start + len(text[start:end].rstrip())


def _is_plausible(plain: str, text: str, finding: Finding) -> bool:
    value = plain[finding.start : finding.end]
    if finding.kind == "IP_ADDRESS":
        return _is_address(value, plain[max(0, finding.start - 10) : finding.start])
    if finding.kind != "PHONE_NUMBER" or value.startswith("+"):
        return True
    groups = _DIGITS.findall(value)
    if max(map(len, groups)) < _LEAST_DIGITS_OF_A_GROUP or ("." in value and "-" in value):
        return False  # an enumeration, or a range of decimals
    # A bare number may be an order, an article or an amount; so may one in two groups.
    return len(groups) > 2 or bool(_PHONE_IS_NAMED.search(text, max(0, finding.start - _NAMED_WITHIN), finding.start))


def _is_address(value: str, before: str) -> bool:
    """False for what is more likely a section (8.2.4.1), a version (v10.1.0.3) or a name in a program (ab::cd)."""
    if ":" in value:
        return any(map(str.isdigit, value)) and value.count(":") > 2
    return max(map(len, value.split("."))) > 1 and not _VERSION.search(before)


def _engine() -> AnalyzerEngine:
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
        known.PhoneRecognizer(supported_regions=_PHONE_REGIONS),
        known.CreditCardRecognizer(patterns=[Pattern("card", _CARD, 0.3)]),
        known.IbanRecognizer(),
        known.IpRecognizer(),
        known.UsSsnRecognizer(),
        known.CryptoRecognizer(),
    ]
    registry = RecognizerRegistry(recognizers=recognizers, supported_languages=[_LANGUAGE])
    nlp = NoOpNlpEngine(models=[{"lang_code": _LANGUAGE, "model_name": "none"}])
    return AnalyzerEngine(registry=registry, nlp_engine=nlp, supported_languages=[_LANGUAGE])
