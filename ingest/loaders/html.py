"""Web pages: what a reader sees of them, as text with Markdown's headings, lists and rows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lxml import etree
from lxml import html as lxml_html

from grounding.errors import LoadError
from ingest.loaders.files import Loaded, decode, empty, normal, one_line, read

_DECLARED = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE)
_XML_DECLARED = re.compile(rb"""\s*<\?xml[^>]{0,100}?encoding\s*=\s*["']([\w.:-]+)""", re.IGNORECASE)

_NEVER_READ = frozenset(
    "head script style template noscript nav svg iframe object embed canvas audio video map select button input "
    "textarea datalist progress meter dialog rp rt".split()
)
_FURNITURE = frozenset({"header", "footer", "aside"})
"""Not part of the text unless they stand inside it: the header of an article holds its heading."""
_ROLES_NEVER_READ = frozenset({"navigation", "banner", "contentinfo", "search", "complementary", "menu"})
_HIDDEN_STYLE = re.compile(
    r"(?:display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?![.\d]*[1-9])|opacity\s*:\s*0(?![.\d]*[1-9]))",
    re.IGNORECASE,
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_BLOCKS = frozenset(
    "address article aside blockquote body caption center dd details div dl dt fieldset figcaption figure footer form "
    "header hgroup html legend li main ol p pre section summary table tbody td tfoot th thead tr ul".split()
)
_MAIN_SHARE = 0.25
_MAX_CELL = 500
"""Characters; a cell that holds more is a part of the page."""


@dataclass(frozen=True, slots=True)
class HtmlLoader:
    """HTML files, one document each."""

    max_mb: int

    @property
    def suffixes(self) -> frozenset[str]:
        return frozenset({".html", ".htm"})

    def load(self, path: Path, *, source: str) -> Iterator[Loaded | LoadError]:
        data = read(path, source=source, max_mb=self.max_mb)
        page = decode(data, source=source, declared=_declared_charset(data))
        title, text = readable(page, source=source)
        yield Loaded(title=title, text=text, media_type="text/html")


def readable(page: str, *, source: str) -> tuple[str, str]:
    """Title ("" if it has none) and readable text of a page. Raises LoadError: empty, nesting."""
    root = _parse(page, source)
    named = one_line(root.findtext(".//title") or "")
    _drop_unread(root)
    text = normal("\n\n".join(_Reader().read(_main(root))))
    if not text.strip():
        raise empty(source, "the page")
    first = [one_line(_inline(heading)) for heading in root.iter("h1")]
    return (first[0] if len(first) == 1 and first[0] else named or "".join(first[:1])), text


def _declared_charset(data: bytes) -> str | None:
    match = _XML_DECLARED.match(data[:1024]) or _DECLARED.search(data[:4096])
    return match[1].decode("ascii").lower() if match else None


def _parse(page: str, source: str) -> lxml_html.HtmlElement:
    parser = lxml_html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=True)
    try:
        root = lxml_html.document_fromstring(page.encode("utf-8"), parser=parser)
    except etree.ParserError as error:
        raise empty(source, "the page") from error
    if any("depth" in entry.message for entry in parser.error_log if entry.level_name == "FATAL"):
        raise LoadError(source, reason="nesting", detail="its elements are nested too deep to be a page for readers")
    return root


def _drop_unread(root: lxml_html.HtmlElement) -> None:
    """Removes what a reader does not see, and the furniture around the text."""
    doomed = []
    inside = 0
    for event, element in etree.iterwalk(root, events=("start", "end")):
        if not isinstance(element.tag, str):
            continue
        is_text = element.tag in ("main", "article") or element.get("role") in ("main", "article")
        if event == "end":
            inside -= is_text
            continue
        inside += is_text
        if _is_unread(element) or (element.tag in _FURNITURE and not inside):
            doomed.append(element)
    for element in doomed:
        if element.getparent() is not None:
            element.drop_tree()


def _is_unread(element: lxml_html.HtmlElement) -> bool:
    return (
        element.tag in _NEVER_READ
        or element.get("hidden") is not None
        or element.get("aria-hidden") == "true"
        or element.get("role") in _ROLES_NEVER_READ
        or bool(_HIDDEN_STYLE.search(element.get("style", "")))
    )


def _main(root: lxml_html.HtmlElement) -> lxml_html.HtmlElement:
    """The <main> of the page, if that is where its text is, else the whole of it."""
    mains = list(root.iter("main"))
    if len(mains) == 1 and len(_inline(mains[0])) >= _MAIN_SHARE * len(_inline(root)):
        return mains[0]
    return root


def _inline(element: lxml_html.HtmlElement) -> str:
    """The text of an element in one line."""
    words: list[str] = []
    for event, part in etree.iterwalk(element, events=("start", "end")):
        if event == "start":
            words.append((" " if part.tag in _BLOCKS or part.tag == "br" else "") + (part.text or ""))
        elif part is not element:
            words.append((" " if part.tag in _BLOCKS else "") + (part.tail or ""))
    return " ".join("".join(words).split())


@dataclass(slots=True)
class _Reader:
    """Walks a page and writes its blocks. Lines of one list or table stay together, other blocks stand apart."""

    blocks: list[list[str]] = field(default_factory=list)
    line: list[str] = field(default_factory=list)
    lists: list[int | None] = field(default_factory=list)
    marker: str = ""
    quotes: int = 0
    tight: bool = False
    preformatted: int = 0

    def read(self, root: lxml_html.HtmlElement) -> list[str]:
        """The blocks of an element in order."""
        walker = etree.iterwalk(root, events=("start", "end"))
        for event, element in walker:
            if event == "start":
                if element.tag == "table" and (rows := _rows(element)):
                    self._table(rows)
                    walker.skip_subtree()
                else:
                    self._open(element)
            else:
                self._close(element)
                if element is not root:
                    self._text(element.tail)
        self._flush()
        return ["\n".join(lines) for lines in self.blocks]

    def _open(self, element: lxml_html.HtmlElement) -> None:
        tag = element.tag
        if tag == "br":
            self.line.append("\n")
        elif tag in _BLOCKS or tag in _HEADINGS or tag == "hr":
            self._flush()
        if tag in ("ul", "ol"):
            self.lists.append(_first_number(element) if tag == "ol" else None)
        elif tag == "li":
            self.marker = self._next_marker()
        elif tag == "blockquote":
            self.quotes += 1
        elif tag == "pre":
            self.preformatted += 1
        elif tag == "dd":
            self.marker = "  "
        self._text(element.text)

    def _close(self, element: lxml_html.HtmlElement) -> None:
        tag = element.tag
        if tag in _HEADINGS:
            self._heading(_HEADINGS[tag])
        elif tag in _BLOCKS:
            self._flush()
        if tag in ("ul", "ol") and self.lists:
            self.lists.pop()
            self.tight = bool(self.lists)
        elif tag in ("li", "dd"):
            self.marker = ""
        elif tag == "dt":
            self.tight = True
        elif tag == "blockquote":
            self.quotes -= 1
        elif tag == "pre":
            self.preformatted -= 1

    def _text(self, text: str | None) -> None:
        if text:
            self.line.append(text if self.preformatted else re.sub(r"\s+", " ", text.replace("\xad", "")))

    def _heading(self, level: int) -> None:
        title = " ".join("".join(self.line).split())
        self.line.clear()
        if title:
            self._write(f"{'#' * level} {title}", tight=False)

    def _flush(self) -> None:
        """Ends the block that is being written."""
        text = "".join(self.line)
        self.line.clear()
        if self.preformatted:
            if text.strip():
                fence = "````" if "```" in text else "```"
                self._write(f"{fence}\n{text.strip(chr(10)).rstrip()}\n{fence}", tight=False)
            return
        lines = [" ".join(part.split()) for part in text.split("\n")]
        indent = "  " * len(self.lists)
        text = f"\n{indent}".join(part for part in lines if part)
        if not text:
            return
        if self.lists and self.marker.strip():
            self._write(f"{indent[2:]}{self.marker}{text}", tight=True)
            self.marker = ""
        else:
            self._write(indent + self.marker + text, tight=bool(self.lists) or self.marker == "  ")

    def _table(self, rows: list[str]) -> None:
        self._flush()
        self.tight = False
        for row in rows:
            self._write(row, tight=True)
        self.tight = False

    def _write(self, block: str, *, tight: bool) -> None:
        if self.quotes:
            block = "\n".join(f"> {line}" for line in block.split("\n"))
        if tight and self.tight and self.blocks:
            self.blocks[-1].append(block)
        else:
            self.blocks.append([block])
        self.tight = tight

    def _next_marker(self) -> str:
        number = self.lists[-1] if self.lists else None
        if number is None:
            return "- "
        self.lists[-1] = number + 1
        return f"{number}. "


def _first_number(element: lxml_html.HtmlElement) -> int:
    start = element.get("start", "1").strip()
    return int(start) if start.isascii() and start.isdigit() and len(start) < 10 else 1


def _rows(table: lxml_html.HtmlElement) -> list[str]:
    """A table of data, a line a row: "- Header: cell; Header: cell" where it has headers, so that a row can be
    understood alone, else "| cell | cell |". Empty for a table that only arranges a page."""
    if table.find(".//table") is not None or table.get("role") in ("presentation", "none"):
        return []
    grid = [[cell for cell in row if cell.tag in ("td", "th")] for row in table.iter("tr")]
    if _only_arranges(table, grid):
        return []
    caption = table.find("caption")
    lines = [] if caption is None else [_inline(caption)]
    if not _has_header(grid):
        return lines + [f"| {' | '.join(texts)} |" for row in grid if any(texts := [_inline(cell) for cell in row])]
    spanned: dict[int, tuple[int, str]] = {}
    header, *rows = [_cells(row, spanned) for row in grid]
    return lines + [_row(cells, header) for cells in rows if any(cells)]


def _only_arranges(table: lxml_html.HtmlElement, grid: list[list[lxml_html.HtmlElement]]) -> bool:
    return (
        len(grid) < 2
        or max(map(len, grid)) < 2
        or any(table.find(f".//{tag}") is not None for tag in _HEADINGS)
        or any(len(_inline(cell)) > _MAX_CELL for row in grid for cell in row)
    )


def _has_header(grid: list[list[lxml_html.HtmlElement]]) -> bool:
    """Whether the first row holds the names of the columns."""
    first = grid[0]
    return bool(first) and (first[0].getparent().getparent().tag == "thead" or all(cell.tag == "th" for cell in first))


def _cells(row: list[lxml_html.HtmlElement], spanned: dict[int, tuple[int, str]]) -> list[str]:
    """Texts of a row by column; a cell that spans columns or rows stands in each of them."""
    cells: list[str] = []

    def take_spanned() -> None:
        while len(cells) in spanned:
            column = len(cells)
            left, text = spanned.pop(column)
            if left > 1:
                spanned[column] = (left - 1, text)
            cells.append(text)

    for cell in row:
        take_spanned()
        text = _inline(cell)
        for _ in range(_span(cell, "colspan")):
            if _span(cell, "rowspan") > 1:
                spanned[len(cells)] = (_span(cell, "rowspan") - 1, text)
            cells.append(text)
    take_spanned()
    return cells


def _span(cell: lxml_html.HtmlElement, name: str) -> int:
    value = cell.get(name, "1").strip()
    return max(1, min(int(value), 100)) if value.isascii() and value.isdigit() and len(value) < 6 else 1


def _row(cells: list[str], header: list[str]) -> str:
    named = [
        f"{header[column]}: {cell}" if column < len(header) and header[column] else cell
        for column, cell in enumerate(cells)
        if cell
    ]
    return "- " + "; ".join(named)
