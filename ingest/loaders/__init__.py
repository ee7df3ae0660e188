"""One file per family of formats: the bytes of a source become documents."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path

from grounding.errors import LoadError
from grounding.ports import DocumentLoader, RawDocument
from grounding.settings import Ingest
from ingest.loaders.csv import CsvLoader
from ingest.loaders.files import unreadable
from ingest.loaders.html import HtmlLoader
from ingest.loaders.jsonl import JsonLinesLoader
from ingest.loaders.text import MarkdownLoader, TextLoader

_log = logging.getLogger(__name__)


def registry(limits: Ingest) -> dict[str, DocumentLoader]:
    """The loader of each suffix."""
    loaders: tuple[DocumentLoader, ...] = (
        MarkdownLoader(limits.max_file_mb),
        TextLoader(limits.max_file_mb),
        HtmlLoader(limits.max_file_mb),
        CsvLoader(limits.max_file_mb),
        JsonLinesLoader(limits.max_line_mb),
    )
    return {suffix: loader for loader in loaders for suffix in sorted(loader.suffixes)}


def load(loaders: Mapping[str, DocumentLoader], path: Path, *, source: str) -> Iterator[RawDocument | LoadError]:
    """Documents of a file, and a LoadError for each that could not be read. Raises nothing: whatever goes wrong
    inside a loader, however unforeseen, costs that file alone."""
    try:
        loader = loaders.get(path.suffix.lower())
        if loader is None:
            raise unsupported(source, path, loaders)
        for document in loader.load(path, source=source):
            if isinstance(document, Exception) and not isinstance(document, LoadError):
                raise document
            yield document
    except LoadError as error:
        yield error
    except OSError as error:
        yield unreadable(source, error)
    except Exception as error:  # noqa: BLE001 - the one place where a loader's own mistakes are kept from the job
        _log.debug("loading %s failed", source, exc_info=error)
        yield LoadError(
            source,
            reason="internal",
            detail=f"unexpected {type(error).__name__} while reading it; GROUNDING_LOG_LEVEL=debug logs where",
        )


def unsupported(source: str, path: Path, loaders: Mapping[str, DocumentLoader]) -> LoadError:
    """The failure of a file whose ending no loader serves."""
    kind = f"files that end in {path.suffix}" if path.suffix else "files without an ending"
    return LoadError(
        source, reason="unsupported", detail=f"{kind} are not supported; these are: {' '.join(sorted(loaders))}"
    )
