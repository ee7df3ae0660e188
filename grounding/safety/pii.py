"""Private values: who can be reached, paid or impersonated with them. Names, places and dates are no matter here.

Finders look for values, in any language alike; the check makes verdicts of what they find. The finder here knows what
has a form of its own: keys and tokens, international and Japanese numbers. `models.presidio_pii` knows the rest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from grounding.values import Origin, Verdict


@dataclass(frozen=True, slots=True)
class Finding:
    """A private value of a text: its kind, span and a score from 0 to 1."""

    kind: str
    start: int
    end: int
    score: float


class PiiFinder(Protocol):
    @property
    def version(self) -> str:
        """Changes whenever a text could be judged differently."""

    def find(self, text: str) -> Sequence[Finding]:
        """Private values in any order; spans may overlap. Takes time linear in the text's length."""


class PiiCheck:
    """SafetyCheck named "pii": one verdict for each value, its kind as the reason."""

    name = "pii"
    origins: frozenset[Origin] = frozenset({"question", "history", "passage", "answer"})

    def __init__(self, finders: Sequence[PiiFinder], *, action: Literal["redact", "block"] = "redact") -> None:
        self._finders = tuple(finders)
        self._action = action

    @property
    def version(self) -> str:
        return "+".join((f"1-{self._action}", *(finder.version for finder in self._finders)))

    def check(self, text: str, *, part: str, origin: Origin, language: str) -> list[Verdict]:
        found = [finding for finder in self._finders for finding in finder.find(text)]
        return [
            Verdict(self.name, part, self._action, finding.kind, finding.score, finding.start, finding.end)
            for finding in _outermost(found)
        ]


def _outermost(found: Sequence[Finding]) -> list[Finding]:
    """Findings that lie within no other, in order; of two with one span the surer."""
    kept: list[Finding] = []
    for finding in sorted(found, key=lambda f: (f.start, -f.end, -f.score, f.kind)):
        if not kept or finding.end > kept[-1].end:
            kept.append(finding)
    return kept


_WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F) if code != ord("：")} | dict.fromkeys(
    map(ord, "‐‑‒–—−"), "-"
)
_UNSPACED = re.compile(
    r"[\u2e80-\ua4cf\uac00-\ud7ff\uf900-\ufaff\ufe30-\ufe4f\uff1a\uff5f-\uffef\U00020000-\U0003ffff]"
)


def shadow(text: str) -> str:
    """The text, as long as before, with wide forms made narrow and a space for each sign of a script without spaces.

    So a value begins and ends at a word's edge in Japanese and Chinese text too, and nothing around it is taken in.
    """
    return _UNSPACED.sub(" ", re.sub(r"(?<=[0-9０-９])ー(?=[0-9０-９])", "-", text).translate(_WIDE))


_TRUNK = r"(?:\(\d{1,4}\) ?)?"
_JAPANESE_AREA = r"(?:\d-\d{4}|\d\d-\d{3,4}|\d{3}-\d{2,3}|\d{4}-\d{1,2})"
# Where a pattern has parts of open length, each is bounded and begins with letters that are rare: linear time.
_PATTERNS: tuple[tuple[str, float, re.Pattern[str]], ...] = (
    ("API_KEY", 1.0, re.compile(r"(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])")),
    ("API_KEY", 1.0, re.compile(r"(?<![A-Za-z0-9])gh[pousr]_[A-Za-z0-9]{30,255}(?![A-Za-z0-9])")),
    ("API_KEY", 1.0, re.compile(r"(?<![A-Za-z0-9])github_pat_[A-Za-z0-9_]{20,255}")),
    ("API_KEY", 1.0, re.compile(r"(?<![A-Za-z0-9])glpat-[A-Za-z0-9_\-]{20,64}")),
    ("API_KEY", 0.9, re.compile(r"(?<![A-Za-z0-9])[sprg]k[-_](?=[A-Za-z_\-]{0,255}\d)[A-Za-z0-9_\-]{20,255}")),
    ("API_KEY", 1.0, re.compile(r"(?<![A-Za-z0-9])xox[abeoprs]-[A-Za-z0-9\-]{10,255}")),
    ("API_KEY", 1.0, re.compile(r"(?<![A-Za-z0-9])AIza[A-Za-z0-9_\-]{35}(?![A-Za-z0-9_\-])")),
    ("API_KEY", 1.0, re.compile(r"(?<![A-Za-z0-9])hf_[A-Za-z0-9]{30,64}(?![A-Za-z0-9])")),
    ("API_KEY", 0.9, re.compile(r"(?<![A-Za-z0-9_\-])eyJ[\w\-]{10,4000}\.eyJ[\w\-]{10,4000}\.[\w\-]{10,1000}", re.A)),
    ("API_KEY", 0.8, re.compile(r"(?<=[Bb]earer )(?=[A-Za-z._~+/\-]{0,255}\d)[A-Za-z0-9._~+/\-]{20,1000}={0,2}")),
    ("PHONE_NUMBER", 0.9, re.compile(rf"(?<![\w+])\+[1-9]\d{{0,2}}[ \-./]?{_TRUNK}\d(?:[ \-./]?\d){{5,11}}(?![\w\-])")),
    ("PHONE_NUMBER", 0.7, re.compile(r"(?<![\w.,+\-])(?:\(\d{3}\) ?|\d{3}[.\-])\d{3}[.\-]\d{4}(?=[^\w\-]|$|x\d)")),
    ("PHONE_NUMBER", 0.8, re.compile(rf"(?<![\w+\-.])0{_JAPANESE_AREA}-\d{{3,4}}(?![\w\-])")),
    ("PHONE_NUMBER", 0.8, re.compile(r"(?<![\w+\-.])\(?0\d{1,4}\)[ ]?\d{1,4}-\d{4}(?![\w\-])")),
    ("PHONE_NUMBER", 0.7, re.compile(r"(?<![\w+\-.])0[5789]0\d{8}(?![\w\-])")),
    ("MY_NUMBER", 0.9, re.compile(r"(?<![\w\-.])\d{4}([ \-]?)\d{4}\1\d{4}(?![\w\-])")),
    ("POSTAL_CODE", 0.8, re.compile(r"〒[ ]?\d{3}-?\d{4}(?!\d)")),
)  # fmt: skip
_POSTMARK = "〒"
_MY_NUMBER_IS_NAMED = re.compile(r"マイナンバー|個人番号|my ?number", re.IGNORECASE)
_NAMED_WITHIN = 40
_BEGIN_KEY = re.compile(r"-----BEGIN (?:[A-Z]{2,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----")
_END_KEY = re.compile(r"-----END (?:[A-Z]{2,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----")
_KEY_BODY = re.compile(r"[A-Za-z0-9+/=\s:,\-]*")


class PiiRules:
    """PiiFinder of API keys, tokens and private keys, of international and Japanese phone numbers, and of
    Japanese postal codes and My Numbers."""

    version = "rules-1"

    def find(self, text: str) -> list[Finding]:
        plain = shadow(text)
        # The postmark goes with the signs around it, and is half of what tells a postal code.
        plain = "".join(_POSTMARK if sign == _POSTMARK else narrow for sign, narrow in zip(text, plain, strict=True))
        found = list(_private_keys(plain))
        for kind, score, pattern in _PATTERNS:
            for match in pattern.finditer(plain):
                if kind != "MY_NUMBER" or _is_my_number(
                    match.group(), text[max(0, match.start() - _NAMED_WITHIN) : match.start()]
                ):
                    found.append(Finding(kind, match.start(), match.end(), score))
        return found


def _private_keys(text: str) -> Iterator[Finding]:
    at = 0
    while begin := _BEGIN_KEY.search(text, at):
        body = _KEY_BODY.match(text, begin.end())
        end = _END_KEY.search(text, begin.end())
        following = _BEGIN_KEY.search(text, begin.end())
        # A key that was cut off has no end of its own.
        whole = end and (following is None or end.start() < following.start())
        at = end.end() if end and whole else body.end() if body else begin.end()
        yield Finding("PRIVATE_KEY", begin.start(), at, 1.0)


def _is_my_number(digits: str, before: str) -> bool:
    """By its check digit, which one number of eleven has by chance; a bare number has to be called by its name too.

    Source: Ordinance of the Ministry of Internal Affairs and Communications No. 85 of 2014, Article 5.
    """
    numbers = [int(digit) for digit in digits if digit.isdigit()]
    weights = (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)
    rest = sum(number * weight for number, weight in zip(numbers, weights, strict=False)) % 11
    return numbers[-1] == (0 if rest <= 1 else 11 - rest) and bool(_MY_NUMBER_IS_NAMED.search(before))
