"""Files that cannot be read in this moment are tried again; those that never will be are not."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from grounding.errors import LoadError
from ingest.loaders import load
from ingest.loaders.files import Loaded, unreadable
from ingest.patience import LOAD_PAUSES

PATH = Path("/x/a.txt")


@dataclass
class Tired:
    """A loader of three documents, which fails with these errors, one an attempt, behind the first document."""

    errors: list[Exception]
    attempts: int = 0
    suffixes: frozenset[str] = field(default=frozenset({".txt"}))

    def load(self, path: Path, *, source: str) -> Iterator[Loaded | LoadError]:
        self.attempts += 1
        yield Loaded("", "One.", "text/plain", "1")
        yield LoadError(f"{source}#2", reason="json", detail="no")
        if self.errors:
            raise self.errors.pop(0)
        yield Loaded("", "Three.", "text/plain", "3")


def loaded(loader: Tired) -> tuple[list[str], list[float]]:
    """What it brings (a document by its key, a failure by its reason), and the pauses."""
    slept: list[float] = []
    found = list(load({".txt": loader}, PATH, source="a.txt", sleep=slept.append))
    return [item.reason if isinstance(item, LoadError) else item.key for item in found], slept


def failing(number: int) -> OSError:
    return OSError(number, os.strerror(number))


def wrapped(number: int) -> LoadError:
    """As the shared reader of files raises it."""
    cause = failing(number)
    error = unreadable("a.txt", cause)
    error.__cause__ = cause
    return error


@pytest.mark.parametrize("make", [failing, wrapped])
@pytest.mark.parametrize("number", [errno.EAGAIN, errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EINTR])
def test_what_may_pass_is_tried_again_behind_what_was_brought(number: int, make: type[Exception]) -> None:
    loader = Tired([make(number), make(number)])
    assert loaded(loader) == (["1", "json", "3"], list(LOAD_PAUSES[:2]))
    assert loader.attempts == 3


@pytest.mark.parametrize(
    "errors",
    [
        [failing(errno.ENOENT)],
        [failing(errno.EACCES)],
        [wrapped(errno.EISDIR)],
        [LoadError("a.txt", reason="unreadable", detail="no")],
    ],
)
def test_what_will_not_pass_is_not_tried_again(errors: Sequence[Exception]) -> None:
    loader = Tired(list(errors))
    assert loaded(loader) == (["1", "json", "unreadable"], [])
    assert loader.attempts == 1


def test_an_unforeseen_error_is_not_tried_again() -> None:
    loader = Tired([ValueError("odd")])
    assert loaded(loader) == (["1", "json", "internal"], [])


def test_patience_ends() -> None:
    loader = Tired([failing(errno.EIO)] * 100)
    assert loaded(loader) == (["1", "json", "unreadable"], list(LOAD_PAUSES))
    assert loader.attempts == len(LOAD_PAUSES) + 1
