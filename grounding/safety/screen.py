"""Runs the checks over a part under a policy, and remembers what was found in a passage, by its text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from grounding.ports import Judgements, SafetyCheck
from grounding.safety.policy import Policy
from grounding.values import Finding, Origin, Verdict

REMEMBERED = 8192
"""Passages and earlier turns, for each check; at some 2 KB each this holds at most 16 MB of text."""


class Forgetful:
    """Judgements that are not kept."""

    def get(self, texts: Sequence[str], *, version: str) -> Mapping[str, Sequence[Finding]]:
        """Nothing is known."""
        return {}

    def put(self, found: Mapping[str, Sequence[Finding]], *, version: str) -> None:
        """Forgotten at once."""


@dataclass(frozen=True, slots=True)
class Part:
    """A text of a document under the name that verdicts give it."""

    name: str
    text: str
    language: str


class Screen:
    """All checks, in the order given. Thread-safe as far as the checks are."""

    def __init__(self, checks: Sequence[SafetyCheck], judgements: Judgements) -> None:
        self._checks = {check.name: check for check in checks}
        self._judgements = judgements
        self._remembered = lru_cache(maxsize=REMEMBERED)(self._find)

    def judge(self, text: str, *, part: str, origin: Origin, language: str, policy: Policy) -> tuple[Verdict, ...]:
        """Every verdict on a text, in the order of the checks."""
        verdicts: list[Verdict] = []
        for check in self._running(origin, policy):
            find = self._remembered if origin == "history" else self._find
            found = find(check.name, text, origin, language)
            verdicts += policy.decide(check.name, found, text=text, part=part, origin=origin)
        return tuple(verdicts)

    def judge_passages(self, parts: Sequence[Part], *, policy: Policy) -> list[Verdict]:
        """The verdicts on texts of documents. Each text is looked at once for each version of a check."""
        verdicts: list[Verdict] = []
        for check in self._running("passage", policy):
            found = self._found(check, parts)
            for part in parts:
                findings = found[part.text]
                verdicts += policy.decide(check.name, findings, text=part.text, part=part.name, origin="passage")
        return verdicts

    def findings(self, parts: Sequence[Part]) -> list[tuple[Finding, ...]]:
        """What all checks find in each text of a document."""
        found = [self._found(check, parts) for check in self._checks.values()] if parts else []
        return [tuple(finding for by_text in found for finding in by_text[part.text]) for part in parts]

    def _running(self, origin: Origin, policy: Policy) -> list[SafetyCheck]:
        return [
            check for check in self._checks.values() if origin in check.origins and policy.looks(check.name, origin)
        ]

    def _found(self, check: SafetyCheck, parts: Sequence[Part]) -> Mapping[str, Sequence[Finding]]:
        version = f"{check.name}@{check.version}"
        found: dict[str, Sequence[Finding]] = dict(self._judgements.get([part.text for part in parts], version=version))
        new = {
            part.text: self._remembered(check.name, part.text, "passage", part.language)
            for part in parts
            if part.text not in found
        }
        if new:
            self._judgements.put(new, version=version)
        return found | new

    def _find(self, name: str, text: str, origin: Origin, language: str) -> tuple[Finding, ...]:
        return tuple(self._checks[name].find(text, origin=origin, language=language))
