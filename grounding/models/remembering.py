"""Names of texts that were looked at a moment ago: a question is asked for its names by the checks and by retrieval."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from grounding.ports import EntityExtractor
from grounding.values import Entity

REMEMBERED = 512
LONGEST = 4000
"""Characters of a text that is remembered."""


class RememberingExtractor:
    """EntityExtractor that asks another once for each single text. As thread-safe as the other."""

    def __init__(self, extractor: EntityExtractor) -> None:
        self._extractor = extractor
        self._one = lru_cache(maxsize=REMEMBERED)(self._extract)

    def extract(self, texts: Sequence[str], *, language: str) -> list[tuple[Entity, ...]]:
        """As the other."""
        if len(texts) == 1 and len(texts[0]) <= LONGEST:
            return [self._one(texts[0], language)]
        return self._extractor.extract(texts, language=language)

    def _extract(self, text: str, language: str) -> tuple[Entity, ...]:
        return self._extractor.extract([text], language=language)[0]
