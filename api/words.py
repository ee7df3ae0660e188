"""Legs and forms of a question as people read them: on the pages, and in what commands print."""

from __future__ import annotations

from collections.abc import Mapping

from grounding.values import FormName, LegName

LEGS: tuple[LegName, ...] = ("dense", "lexical", "entity", "rerank")
"""In the order in which they are shown."""
FORMS: Mapping[FormName, str] = {
    "asked": "as asked",
    "corrected": "corrected",
    "standalone": "stand-alone",
    "rewritten": "rewritten",
}
