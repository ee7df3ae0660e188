"""Runs the checks over a part, and remembers what was decided of a passage, by its text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from grounding.ports import SafetyCheck
from grounding.values import Origin, Verdict

REMEMBERED = 8192
"""Passages; at some 2 KB each this holds at most 16 MB."""


class Screen:
    """All checks, in the order given. Thread-safe as far as the checks are."""

    def __init__(self, checks: Sequence[SafetyCheck]) -> None:
        self._checks = tuple(checks)
        self._passage = lru_cache(maxsize=REMEMBERED)(self._judge_passage)

    def judge(self, text: str, *, part: str, origin: Origin, language: str) -> tuple[Verdict, ...]:
        """Every verdict on the text, in the order of the checks."""
        if origin == "passage":
            return tuple(replace(verdict, part=part) for verdict in self._passage(text, language))
        return self._judge(text, part=part, origin=origin, language=language)

    def _judge_passage(self, text: str, language: str) -> tuple[Verdict, ...]:
        return self._judge(text, part="", origin="passage", language=language)

    def _judge(self, text: str, *, part: str, origin: Origin, language: str) -> tuple[Verdict, ...]:
        return tuple(
            verdict
            for check in self._checks
            if origin in check.origins
            for verdict in check.check(text, part=part, origin=origin, language=language)
        )
