"""Plain text and Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import frontmatter
from frontmatter.default_handlers import YAMLHandler
from yaml import YAMLError

from grounding.errors import LoadError
from ingest.headings import headings, plain_title
from ingest.loaders.files import Loaded, decode, empty, json_ready, normal, one_line, read

_FRONT_MATTER = re.compile(r"---[ \t]*\n(?P<block>.{0,65536}?\n)---[ \t]*(?:\n|\Z)", re.DOTALL)
_FIRST_KEY = re.compile(r"\s*(?:#[^\n]*\n\s*)*[\w.-]+[ \t]*:")
_TITLE_END = tuple(".。!！?？;；,、:：")
_MAX_TITLE = 100


@dataclass(frozen=True, slots=True)
class TextLoader:
    """Text files, one document each."""

    max_mb: int

    @property
    def suffixes(self) -> frozenset[str]:
        return frozenset({".txt"})

    def load(self, path: Path, *, source: str) -> Iterator[Loaded | LoadError]:
        text = decode(read(path, source=source, max_mb=self.max_mb), source=source)
        yield Loaded(title=_first_line(text), text=text, media_type="text/plain")


@dataclass(frozen=True, slots=True)
class MarkdownLoader:
    """Markdown files, one document each. Front matter becomes metadata; the text stays Markdown."""

    max_mb: int

    @property
    def suffixes(self) -> frozenset[str]:
        return frozenset({".md", ".markdown"})

    def load(self, path: Path, *, source: str) -> Iterator[Loaded | LoadError]:
        whole = decode(read(path, source=source, max_mb=self.max_mb), source=source)
        metadata, text = _front_matter(whole, source=source)
        if not text.strip():
            raise empty(source, "the file, apart from its front matter,")
        named = metadata.pop("title", None)
        first = next(iter(headings(text, media_type="text/markdown")), None)
        title = str(named) if named else first.title if first else ""
        yield Loaded(title=one_line(title), text=text, media_type="text/markdown", metadata=metadata)


def _first_line(text: str) -> str:
    """The title that a plain text begins with: a short line that stands apart from what follows, or ""."""
    block, _, rest = text.strip().partition("\n\n")
    line, *others = block.split("\n")
    if not rest.strip() or len(others) > 2 or len(line) > _MAX_TITLE or line.rstrip().endswith(_TITLE_END):
        return ""
    return one_line(plain_title(line)) if any(map(str.isalnum, line)) else ""


def _front_matter(text: str, *, source: str) -> tuple[dict[str, object], str]:
    """Metadata and the text below it. A block between rules that holds no `key: value` is text like any other."""
    match = _FRONT_MATTER.match(text)
    if not match or not _FIRST_KEY.match(match["block"]):
        return {}, text
    try:
        found, _ = frontmatter.parse(match[0], handler=YAMLHandler())
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" in line {mark.line + 1}" if mark is not None else ""
        problem = getattr(error, "problem", None) or "it cannot be parsed"
        raise LoadError(
            source, reason="front_matter", detail=f"its front matter is not valid YAML{line}: {problem}"
        ) from error
    return json_ready(found, source=source), normal(text[match.end() :]).strip("\n")
