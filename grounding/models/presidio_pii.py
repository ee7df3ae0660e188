"""Private values by presidio's recognisers: card numbers, IP addresses, wallets.

No language model and no network: the recognisers are those of patterns and check digits. Its recogniser of e-mail
addresses is not among them, for it asks the network which domain endings there are. They are given the surroundings of
what might be a value and not the whole text: most of a text holds none, and some of their patterns take quadratic time
on hostile input. Presidio's engine is left out: it adds to scores by what its language model makes of the words around,
and costs more than the recognisers.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from grounding.errors import MissingDependency
from grounding.safety.pii import shadow
from grounding.values import Finding

if TYPE_CHECKING:
    from presidio_analyzer import PatternRecognizer

_PACKAGE = "presidio-analyzer"
_LEAST_SCORE = 0.4

# Presidio's own misses cards of 12, 13 and 19 digits and those that begin with 2; the check digit is tested either way.
_CARD = r"(?<![\w.\-])(?:1800|2131|2[2-7]\d\d|3[0-9]\d\d|[456]\d{3})(?:[ \-]?\d){8,15}(?![\w\-])"
# What a value of each kind cannot be without.
_CANDIDATES: Mapping[str, re.Pattern[str]] = {
    "CREDIT_CARD": re.compile(r"(?<![A-Za-z0-9])[1-6]\d{3}(?:[ \-]?\d){8,15}(?![A-Za-z0-9])"),
    "CRYPTO": re.compile(r"(?<![A-Za-z0-9])(?:bc1|[13])[a-zA-HJ-NP-Z0-9]{25,59}(?![A-Za-z0-9])"),
    "IP_ADDRESS": re.compile(
        r"(?<![A-Za-z0-9:])(?:[0-9A-Fa-f]{0,4}:){2,8}[0-9A-Fa-f]{0,4}"
        r"|(?<!\d)(?<!\d\.)\d{1,3}(?:\.\d{1,3}){3}(?!\.?\d)"
    ),
}
_BEFORE, _AFTER = 70, 260
_WINDOW = 1000
"""Presidio compares all findings of one text with each other."""

_VERSION = re.compile(r"(?:\bv|version|ver\.?|release)\s?$", re.IGNORECASE)
_VERSION_WITHIN = 10


class PresidioPii:
    """PiiFinder of presidio's pattern recognisers, the same for every language."""

    version = "presidio-2"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._recognizers: Mapping[str, PatternRecognizer] | None = None

    def find(self, text: str, *, language: str) -> list[Finding]:
        plain = shadow(text)
        found = []
        for kind, candidate in _CANDIDATES.items():
            for start, end in _windows(plain, candidate):
                for result in self._loaded()[kind].analyze(plain[start:end], [kind]):
                    finding = Finding(kind, start + result.start, start + result.end, float(result.score))
                    if finding.score >= _LEAST_SCORE and _is_whole(plain, finding, start, end):
                        found.append(finding)
        return [finding for finding in found if _is_plausible(plain, finding)]

    def _loaded(self) -> Mapping[str, PatternRecognizer]:
        with self._lock:
            if self._recognizers is None:
                self._recognizers = _load()
            return self._recognizers


def _windows(text: str, candidate: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    """Stretches around whatever might be a value; they overlap only where values crowd."""
    begin = until = -1
    for match in candidate.finditer(text):
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


def _load() -> Mapping[str, PatternRecognizer]:
    try:
        from presidio_analyzer import Pattern
        from presidio_analyzer import predefined_recognizers as known
    except ImportError as error:
        raise MissingDependency(_PACKAGE, purpose="finding private values") from error
    # It writes values that it could not validate into its log.
    logging.getLogger("presidio-analyzer").setLevel(logging.CRITICAL)
    return {
        "CREDIT_CARD": known.CreditCardRecognizer(patterns=[Pattern("card", _CARD, 0.3)]),
        "IP_ADDRESS": known.IpRecognizer(),
        "CRYPTO": known.CryptoRecognizer(),
    }
