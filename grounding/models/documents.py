"""Anthropic's own form of citations: the passages are documents of the request, the citations of the answer markers.

Source: https://docs.claude.com/en/docs/build-with-claude/citations
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from grounding.prompt import Quoted

_MARKED = re.compile(r"\[(\d{1,3}(?:\s?[,;]\s?\d{1,3}){0,20})\]")
_END = " \t\n\r\u3000.!?。！？…\"'”’」』*_"
"""Behind the last word of a block: a marker belongs before it, within the sentence that it stands for."""
_END_CHARS = 64
"""A longer end is none: it is not held back, so that time stays linear."""


def blocks(quoted: Sequence[Quoted], question: str) -> list[str | dict[str, object]]:
    """The content of a message that asks about passages, the n-th of which is the n-th document."""
    documents: list[str | dict[str, object]] = [
        {
            "type": "document",
            "title": each.title or f"Passage {number}",
            "source": {"type": "text", "media_type": "text/plain", "data": each.text},
            "citations": {"enabled": True},
        }
        for number, each in enumerate(quoted, start=1)
    ]
    return [*documents, {"type": "text", "text": question}]


class Markers:
    """Blocks of an answer, piece by piece -> its text, with a marker behind each block for every passage that the block
    cites and does not name itself. One per answer."""

    def __init__(self) -> None:
        self._block: object = None
        self._said = ""
        self._held = ""
        self._cited: list[int] = []

    def read(self, content: str | Sequence[object]) -> str:
        """The text that is certain now: the end of a block is held back until its citations are known."""
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
        return "".join(self._part(part) for part in parts if isinstance(part, Mapping) and part.get("type") == "text")

    def close(self) -> str:
        """The end of the last block, with its markers."""
        marked = {int(number) for found in _MARKED.findall(self._said) for number in re.findall(r"\d+", found)}
        missing = [number for number in dict.fromkeys(self._cited) if number not in marked]
        markers = "".join(f"[{number}]" for number in missing)
        held, self._held, self._said, self._cited = self._held, "", "", []
        return f" {markers}{held}" if markers else held

    def _part(self, part: Mapping[str, object]) -> str:
        before = self.close() if part.get("index") != self._block else ""
        self._block = part.get("index")
        self._cited += _numbers(part.get("citations"))
        text = part.get("text")
        if not isinstance(text, str) or not text:
            return before
        self._said += text
        whole = self._held + text
        certain = whole if len(whole) - len(text) > _END_CHARS else whole.rstrip(_END)
        self._held = whole[len(certain) :]
        return before + certain


def _numbers(citations: object) -> list[int]:
    """The passages that a block cites, from 1."""
    listed = citations if isinstance(citations, list) else []
    found = [each.get("document_index") for each in listed if isinstance(each, Mapping)]
    return [index + 1 for index in found if isinstance(index, int)]
