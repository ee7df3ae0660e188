"""One file per family of formats: the bytes of a source become documents."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path

from grounding.errors import LoadError
from grounding.ports import DocumentLoader, RawDocument
from grounding.settings import Ingest
from ingest.loaders.csv import CsvLoader
from ingest.loaders.files import unreadable
from ingest.loaders.html import HtmlLoader
from ingest.loaders.jsonl import JsonLinesLoader
from ingest.loaders.text import MarkdownLoader, TextLoader
from ingest.patience import LOAD_PAUSES, may_be_read_later

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


def load(
    loaders: Mapping[str, DocumentLoader], path: Path, *, source: str, sleep: Callable[[float], None] = time.sleep
) -> Iterator[RawDocument | LoadError]:
    """Documents of a file, and a LoadError for each that could not be read. Raises nothing: whatever goes wrong
    inside a loader, however unforeseen, costs that file alone. Where the file may be readable in a moment it is tried
    again, and goes on behind what it had brought."""
    loader = loaders.get(path.suffix.lower())
    if loader is None:
        yield unsupported(source, path, loaders)
        return
    brought = 0
    pauses = iter(LOAD_PAUSES)
    while True:
        try:
            for document in islice(loader.load(path, source=source), brought, None):
                if isinstance(document, Exception) and not isinstance(document, LoadError):
                    raise document
                yield document
                brought += 1
            return
        except (LoadError, OSError) as error:
            failed = error
        except Exception as error:  # noqa: BLE001 - the one place where a loader's mistakes are kept from the job
            _log.debug("loading %s failed", source, exc_info=error)
            failed = _unforeseen(source, error)
        pause = next(pauses, None)
        if pause is None or not may_be_read_later(failed):
            yield failed if isinstance(failed, LoadError) else unreadable(source, failed)
            return
        sleep(pause)


def _unforeseen(source: str, error: Exception) -> LoadError:
    return LoadError(
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
