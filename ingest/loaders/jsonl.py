"""JSON Lines: one record a line, read as a stream, so that its size does not matter."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from grounding.errors import LoadError
from ingest.loaders.files import (
    Loaded,
    empty,
    encoding_error,
    json_ready,
    normal,
    one_line,
    refuse_binary,
    require_regular,
)

_BOM = b"\xef\xbb\xbf"
_MAX_ID = 500
_KNOWN = frozenset({"_id", "id", "title", "text", "metadata"})


@dataclass(frozen=True, slots=True)
class JsonLinesLoader:
    """`.jsonl` files: `{"_id" or "id", "title", "text", "metadata"}` a line; other keys join the metadata.

    A line that cannot be read costs that record alone.
    """

    max_line_mb: int

    @property
    def suffixes(self) -> frozenset[str]:
        return frozenset({".jsonl"})

    def load(self, path: Path, *, source: str) -> Iterator[Loaded | LoadError]:
        seen: dict[str, int] = {}
        any_record = False
        require_regular(path, source=source)
        with path.open("rb") as file:
            head = file.read(65536)
            if not head.removeprefix(_BOM).lstrip().startswith(b"{"):  # else each line is judged for itself
                refuse_binary(head, source=source)
            file.seek(0)
            for number, line in enumerate(_bounded_lines(file, self.max_line_mb << 20), start=1):
                if line is None or line.strip():
                    any_record = True
                    yield _line_document(line, number, source=source, seen=seen, max_line_mb=self.max_line_mb)
        if not any_record:
            raise empty(source)


def count_records(path: Path) -> int:
    """About how many records the file holds: exact for a small file, a guess from its beginning for a large one."""
    sample = 64 << 20
    try:
        with path.open("rb") as file:
            lines, size = 0, 0
            while size < sample and (block := file.read(1 << 20)):
                lines += block.count(b"\n")
                size += len(block)
        total = path.stat().st_size
    except OSError:
        return 1
    return max(1, lines * total // size if size else 1)


def record(value: object, *, source: str) -> Loaded:
    """A record as a document; its key is its id, "" without one. Raises LoadError: schema, empty, metadata."""
    if not isinstance(value, Mapping):
        raise _schema(source, f"expected an object with a text, got {type(value).__name__}")
    text = value.get("text")
    if not isinstance(text, str):
        raise _schema(source, "text is missing" if text is None else f"text is {type(text).__name__}, not a string")
    if not text.strip():
        raise empty(source, "its text")
    title = _given(value, "title", "")
    if not isinstance(title, str):
        raise _schema(source, f"title is {type(title).__name__}, not a string")
    metadata = _given(value, "metadata", {})
    if not isinstance(metadata, Mapping):
        raise _schema(source, f"metadata is {type(metadata).__name__}, not an object")
    own_id = _id(value, source)
    extra = {key: inner for key, inner in value.items() if key not in _KNOWN}
    return Loaded(
        title=one_line(title),
        text=normal(text),
        media_type="text/plain",
        key=own_id or "",
        id=own_id,
        metadata=json_ready({**extra, **metadata}, source=source),
    )


def _line_document(
    line: bytes | None, number: int, *, source: str, seen: dict[str, int], max_line_mb: int
) -> Loaded | LoadError:
    """The document of one line. A record without an id is known by its line."""
    where = f"{source}#L{number}"
    try:
        if line is None:
            raise LoadError(
                where,
                reason="too_large",
                detail=f"line {number} is longer than {max_line_mb} MB; split it, "
                "or raise GROUNDING_INGEST__MAX_LINE_MB",
            )
        document = record(_parsed(line, where), source=where)
        key = document.key or f"L{number}"
        if key in seen:
            raise LoadError(where, reason="duplicate_id", detail=f"the id {key!r} is already that of line {seen[key]}")
    except LoadError as error:
        return error
    seen[key] = number
    return Loaded(document.title, document.text, document.media_type, key, document.id, document.metadata)


def _parsed(line: bytes, where: str) -> object:
    try:
        return json.loads(line.decode("utf-8"), parse_constant=lambda _: None)
    except UnicodeDecodeError as error:
        raise encoding_error(where, error.start) from error
    except json.JSONDecodeError as error:
        raise LoadError(where, reason="json", detail=f"not valid JSON at column {error.colno}: {error.msg}") from error
    except (RecursionError, ValueError) as error:
        raise LoadError(where, reason="json", detail="nested too deep, or a number with too many digits") from error


def _id(value: Mapping[str, object], source: str) -> str | None:
    """The record's own id, `_id` first, as text."""
    found = value.get("_id")
    if found is None:
        found = value.get("id")
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, str | int):
        raise _schema(source, f"its id is {type(found).__name__}, not a string or an integer")
    own_id = normal(str(found)).strip()
    if not own_id or len(own_id) > _MAX_ID:
        raise _schema(source, f"its id must have 1 to {_MAX_ID} characters")
    return own_id


def _given(value: Mapping[str, object], key: str, default: object) -> object:
    """What the record says; null is as good as nothing."""
    found = value.get(key)
    return default if found is None else found


def _schema(source: str, detail: str) -> LoadError:
    return LoadError(source, reason="schema", detail=detail)


def _bounded_lines(file: BinaryIO, limit: int) -> Iterator[bytes | None]:
    """Lines without their ends; None in the place of a line longer than `limit` bytes, which is never held."""
    first = True
    while line := file.readline(limit + 1):
        if first:
            line, first = line.removeprefix(_BOM), False
        if len(line) > limit and not line.endswith(b"\n"):
            while (rest := file.readline(1 << 20)) and not rest.endswith(b"\n"):
                pass
            yield None
        else:
            yield line
