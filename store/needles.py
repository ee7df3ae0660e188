"""Needles: stretches of what was erased, and the search for their bytes in files. Nothing here knows of SQL."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

MOST = 20
"""Stretches that are looked for: enough that what is left of a text holds one of them whole."""
_CHARACTERS = 48
_LEAST_BYTES = 16
"""Shorter ones stand in other texts by chance."""
_BLOCK = 4 << 20


@dataclass(frozen=True, slots=True)
class Found:
    """What was found in the files under one name. `hits` are files by needle, `unread` those that cannot be read."""

    name: str
    files: int
    bytes: int
    hits: Mapping[str, tuple[str, ...]]
    unread: tuple[str, ...]


def stretches(texts: Iterable[str], *, most: int = MOST) -> tuple[str, ...]:
    """At most so many stretches of the texts, evenly spread over all that they say."""
    pieces = list(
        dict.fromkeys(
            piece
            for text in texts
            for line in text.splitlines()
            for start in range(0, len(line), _CHARACTERS)
            if len((piece := line[start : start + _CHARACTERS].strip()).encode("utf-8", "replace")) >= _LEAST_BYTES
        )
    )
    return (
        tuple(pieces[len(pieces) * number // most] for number in range(most)) if len(pieces) > most else tuple(pieces)
    )


def strings(value: object) -> Iterator[str]:
    """Every text in a JSON value."""
    match value:
        case str():
            yield value
        case Mapping():
            for inner in value.values():
                yield from strings(inner)
        case Sequence():
            for inner in value:
                yield from strings(inner)


def forms(needle: str) -> tuple[str, ...]:
    """The needle as it is, and as it stands in JSON, with and without escapes for what is not ASCII."""
    escaped = (json.dumps(needle, ensure_ascii=plain)[1:-1] for plain in (True, False))
    return tuple(dict.fromkeys((needle, *escaped)))


def seek(places: Mapping[str, Sequence[Path]], needles: Sequence[str]) -> Iterator[Found]:
    """What the bytes of these files hold of the needles, place by place."""
    wanted = {needle: [form.encode("utf-8", "replace") for form in forms(needle)] for needle in needles}
    for place, files in places.items():
        hits: dict[str, list[str]] = {}
        size, read, unread = 0, 0, []
        for file in files:
            try:
                held, length = _held(file, wanted)
            except FileNotFoundError:  # gone since it was listed
                continue
            except OSError:
                unread.append(str(file))
                continue
            size, read = size + length, read + 1
            for needle in held:
                hits.setdefault(needle, []).append(str(file))
        yield Found(place, read, size, {needle: tuple(files) for needle, files in hits.items()}, tuple(unread))


def _held(file: Path, wanted: Mapping[str, Sequence[bytes]]) -> tuple[set[str], int]:
    """The needles that a file holds, and its bytes."""
    overlap = max((len(form) for each in wanted.values() for form in each), default=1) - 1
    held: set[str] = set()
    size, tail = 0, b""
    with file.open("rb") as stream:
        while block := stream.read(_BLOCK):
            size += len(block)
            window = tail + block
            held.update(needle for needle, each in wanted.items() if any(form in window for form in each))
            tail = window[-overlap:] if overlap else b""
    return held, size
