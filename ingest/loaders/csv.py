"""Tables as text: a document a row where the table holds texts, else one document with a line a row."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeAlias

from grounding.errors import LoadError
from ingest.loaders.files import Loaded, decode, empty, json_ready, normal, one_line, read

Row: TypeAlias = "tuple[int, list[str] | csv.Error]"
"""The number of its first line, and its cells or why it has none."""

_DELIMITERS = (",", ";", "\t", "|")
_NO_DELIMITER = "\x1f"
_SAMPLE_ROWS = 20
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,12})?\Z")


@dataclass(frozen=True, slots=True)
class CsvLoader:
    """`.csv` and `.tsv` files with a header. With a column `text`, each row is a document (`id` or `_id` and `title`
    optional, other columns metadata); without one, the table is one document, every row a line that says for each
    cell what it is."""

    max_mb: int

    @property
    def suffixes(self) -> frozenset[str]:
        return frozenset({".csv", ".tsv"})

    def load(self, path: Path, *, source: str) -> Iterator[Loaded | LoadError]:
        text = decode(read(path, source=source, max_mb=self.max_mb), source=source)
        is_tsv = path.suffix.lower() == ".tsv"
        rows = list(_rows(text, "\t" if is_tsv else _delimiter(text)))
        title = _title_row(rows)
        header = _header(rows[bool(title) :], source)
        good: list[tuple[int, list[str]]] = []
        for number, cells in rows[bool(title) + 1 :]:
            fitted = _fitted(cells, len(header)) if not isinstance(cells, csv.Error) else None
            if fitted is not None:
                good.append((number, fitted))
            else:
                yield _bad_row(f"{source}#L{number}", number, cells, len(header))
        if not good:
            raise empty(source, "the table, apart from its header,")
        names = [name.casefold() for name in header]
        if "text" in names:
            yield from _documents(header, names, good, source=source)
        else:
            lines = "\n\n".join(_lines(header, good))
            yield Loaded(title, lines, "text/tab-separated-values" if is_tsv else "text/csv")


def _delimiter(text: str) -> str:
    """The separator that divides the most of the first rows alike, into two cells or more."""

    def evenness(delimiter: str) -> tuple[int, int]:
        width, rows = _usual_width(_sample(text, delimiter))
        return (rows, width) if width > 1 else (0, 0)

    best = max(_DELIMITERS, key=evenness)
    return best if evenness(best) > (0, 0) else _NO_DELIMITER


def _sample(text: str, delimiter: str) -> list[Row]:
    return list(islice(_rows(text, delimiter), _SAMPLE_ROWS))


def _usual_width(rows: Sequence[Row]) -> tuple[int, int]:
    """The number of cells that most rows have, and how many rows; of equally many, that of the earlier row."""
    widths = Counter(len(cells) for _, cells in rows if not isinstance(cells, csv.Error))
    return widths.most_common(1)[0] if widths else (1, 0)


def _title_row(rows: Sequence[Row]) -> str:
    """The title above a table: a first row with one cell filled, where others have more. "" without one."""
    first = rows[0][1] if len(rows) > 2 else []
    filled = [] if isinstance(first, csv.Error) else [cell for cell in first if cell]
    return one_line(filled[0]) if len(filled) == 1 and _usual_width(rows[:_SAMPLE_ROWS])[0] > 1 else ""


def _rows(text: str, delimiter: str) -> Iterator[Row]:
    """Rows that are not blank with the number of the line on which each begins."""
    csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))  # a file is bounded already
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        number = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield number, error
            continue
        if any(cell.strip() for cell in cells):
            yield number, [" ".join(cell.split(" ")).strip() for cell in cells]


def _header(rows: Sequence[Row], source: str) -> list[str]:
    """The names of the columns, as many as most rows have cells. A name that is missing or comes again is numbered."""
    if not rows:
        raise empty(source)
    cells = rows[0][1]
    if isinstance(cells, csv.Error):
        raise LoadError(source, reason="schema", detail=f"its header cannot be read: {cells}")
    while cells and not cells[-1]:
        cells.pop()
    sample = rows[:_SAMPLE_ROWS]
    width, times = _usual_width(sample)
    names: list[str] = []
    for number in range(max(len(cells), width if times * 2 > len(sample) else 0)):
        name = " ".join(cells[number].split()) if number < len(cells) else ""
        names.append(name if name and name not in names else f"{name or 'column'} {number + 1}")
    return names


def _fitted(cells: list[str], width: int) -> list[str] | None:
    """The row in the width of the header; None if it has cells to spare or too few."""
    if len(cells) < width or any(cells[width:]):
        return None
    return cells[:width]


def _bad_row(where: str, number: int, cells: list[str] | csv.Error, width: int) -> LoadError:
    if isinstance(cells, csv.Error):
        return LoadError(where, reason="csv", detail=f"line {number} cannot be read: {cells}")
    return LoadError(where, reason="csv", detail=f"line {number} has {len(cells)} cells where the header has {width}")


def _documents(
    header: Sequence[str], names: Sequence[str], rows: Sequence[tuple[int, list[str]]], *, source: str
) -> Iterator[Loaded | LoadError]:
    text_at = names.index("text")
    title_at = names.index("title") if "title" in names else None
    id_at = next((names.index(name) for name in ("_id", "id") if name in names), None)
    others = [at for at in range(len(header)) if at not in (text_at, title_at, id_at)]
    numeric = {at for at in others if all(_NUMBER.match(cells[at]) for _, cells in rows if cells[at])}
    seen: dict[str, int] = {}
    for number, cells in rows:
        where = f"{source}#L{number}"
        own_id = normal(cells[id_at]) if id_at is not None else ""
        key = own_id or f"L{number}"
        if not cells[text_at]:
            yield empty(where, "its text")
        elif id_at is not None and not own_id:
            yield LoadError(where, reason="schema", detail=f"the column {header[id_at]!r} is empty")
        elif key in seen:
            yield LoadError(where, reason="duplicate_id", detail=f"the id {key!r} is already that of line {seen[key]}")
        else:
            seen[key] = number
            metadata = {header[at]: _value(cells[at], at in numeric) for at in others if cells[at]}
            yield Loaded(
                title=one_line(cells[title_at]) if title_at is not None else "",
                text=normal(cells[text_at]),
                media_type="text/plain",
                key=key,
                id=own_id or None,
                metadata=json_ready(metadata, source=where),
            )


def _value(cell: str, numeric: bool) -> object:
    """A number only where the whole column holds numbers: "007" and "12" in one column are codes."""
    if not numeric:
        return cell
    return float(cell) if "." in cell else int(cell)


def _lines(header: Sequence[str], rows: Sequence[tuple[int, list[str]]]) -> Iterator[str]:
    names = [name.replace("_", " ") for name in header]
    for _, cells in rows:
        yield "; ".join(f"{name}: {' '.join(cell.split())}" for name, cell in zip(names, cells, strict=True) if cell)
