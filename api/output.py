"""How commands speak: results on stdout for a person or as one JSON object, progress and notes on stderr."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Literal, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn
from rich.table import Table
from rich.text import Text

_EVERY_SECONDS = 5.0
"""Between two lines of progress where there is no terminal."""
_UNWRAPPED = 100_000
"""Columns of what is not a terminal: a program that reads lines wants them whole."""
_CONTROLS = {code: None for code in (*range(32), *range(0x7F, 0xA0)) if chr(code) not in "\n\t"}


class Report(Protocol):
    """Tells how far something is: done, of how many if that is known, and a few words more."""

    def __call__(self, done: int, total: int | None, detail: str = "") -> None: ...


class Output:
    """Where one command writes to."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.out = Console(file=sys.stdout, highlight=False)
        if not self.out.is_terminal:
            self.out.width = _UNWRAPPED
        self.err = Console(file=sys.stderr, highlight=False, soft_wrap=True)

    def result(self, value: Mapping[str, object], show: Callable[[], None]) -> None:
        """The result: `value` as JSON, or what `show` prints."""
        if self.as_json:
            sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
            sys.stdout.flush()
        else:
            show()

    def line(self, *parts: str | Text, end: str = "\n") -> None:
        """A line on stdout; text of documents and users is shown as it is, never as markup or control sequences."""
        self.out.print(Text.assemble(*(part if isinstance(part, Text) else plain(part) for part in parts)), end=end)

    def note(self, text: str) -> None:
        """A line on stderr."""
        self.err.print(plain(text))

    def stream(self, text: str) -> None:
        """A piece of text on stdout, at once."""
        sys.stdout.write(plain(text))
        sys.stdout.flush()

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[str] = ()) -> None:
        """A table on stdout; numbers of the columns named in `right` stand flush right."""
        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
        for number, column in enumerate(columns):
            justify: Literal["left", "right"] = "right" if column in right else "left"
            table.add_column(column, justify=justify, overflow="fold", no_wrap=number == 0)
        for row in rows:
            table.add_row(*(Text(plain("" if cell is None else str(cell))) for cell in row))
        self.out.print(table)

    @contextmanager
    def progress(self, what: str, unit: str) -> Iterator[Report]:
        """A bar on a terminal, a plain line every few seconds elsewhere; both on stderr."""
        if not self.err.is_terminal:
            yield _lines(self.note, what, unit)
            return
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}  {task.fields[detail]}"),
        )
        with Progress(*columns, console=self.err, transient=True) as bar:
            task = bar.add_task(what, total=None, unit=unit, detail="")
            yield _bar(bar, task)


def plain(text: str) -> str:
    """The text without control characters: a document cannot move the cursor or colour the terminal."""
    return text.translate(_CONTROLS)


def one_line(text: str, *, limit: int) -> str:
    """The beginning of a text on one line, at most `limit` characters."""
    flat = " ".join(text.split())
    return flat if len(flat) <= limit else flat[: limit - 1].rstrip() + "…"


def duration(seconds: float) -> str:
    """ "42 s", "3 min 20 s", "2 h 5 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _bar(bar: Progress, task: TaskID) -> Report:
    def report(done: int, total: int | None, detail: str = "") -> None:
        bar.update(task, completed=done, total=total, detail=detail)

    return report


def _lines(write: Callable[[str], None], what: str, unit: str) -> Report:
    began = last = time.monotonic()

    def report(done: int, total: int | None, detail: str = "") -> None:
        nonlocal last
        if (now := time.monotonic()) - last < _EVERY_SECONDS:
            return
        last = now
        of = f" of {total}" if total is not None else ""
        write(f"{what}: {done}{of} {unit} after {duration(now - began)}" + (f", {detail}" if detail else ""))

    return report
