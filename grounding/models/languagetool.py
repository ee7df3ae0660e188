"""Grammar and style by a LanguageTool server of one's own, through language-tool-python, which asks it."""

from __future__ import annotations

import importlib.util
import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from grounding.errors import ConfigurationError, MissingDependency
from grounding.permits import resting
from grounding.polish import guarded

if TYPE_CHECKING:
    from language_tool_python import LanguageTool

PACKAGE = "language-tool-python"
MAX_CHARS = 20_000
"""Of a text that is sent; a server of LanguageTool refuses longer ones unless it is told otherwise."""
MAX_CHANGES = 50
REST_SECONDS = 30.0
"""How long a server that failed or was late is left alone, so that it costs one wait, not one for each sentence."""
_SPELLING = "misspelling"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that the server would write instead of `text[start:end]`."""

    start: int
    end: int
    instead: str


class LanguageToolPolisher:
    """Polisher that asks the server at `url`; where it does not answer within `seconds`, a text stays as it is.

    What it would change in quotes, code, numbers, citations, names or placeholders is left, as is spelling. The server
    reads every text whole: give it texts with placeholders in place of private values. Thread-safe; one text at a time
    is asked about, and those that come meanwhile stay as they are.
    """

    def __init__(
        self,
        url: str,
        *,
        seconds: float = 1.0,
        installed: Callable[[str], bool] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises ConfigurationError for what is no address, MissingDependency without the package."""
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise ConfigurationError(f"LanguageTool: expected an address such as http://localhost:8081, got {url!r}")
        if not (installed or _installed)("language_tool_python"):
            command = "pip install 'grounding[languagetool]'"
            raise MissingDependency(PACKAGE, purpose="polishing by LanguageTool", command=command)
        self._url = url
        self._seconds = seconds
        self._clock = clock
        self._tools: dict[str, LanguageTool | None] = {}
        self._free = threading.BoundedSemaphore(1)
        self._rests_until = float("-inf")

    def polish(self, text: str, *, language: str) -> str:
        if not text.strip() or len(text) > MAX_CHARS or self._clock() < self._rests_until:
            return text
        if not self._free.acquire(blocking=False):
            return text
        answer: Future[list[Change]] = Future()
        # A daemon, for a call that nobody waits for any more must not keep the process from ending.
        threading.Thread(target=self._ask, args=(text, language, answer), daemon=True).start()
        try:
            with resting():
                changes = answer.result(self._seconds)
        except Exception as error:  # noqa: BLE001 - the client raises what its own client of HTTP does
            self._rests_until = self._clock() + REST_SECONDS
            log.warning("LanguageTool gave no answer: %s", type(error).__name__)
            return text
        return applied(text, changes)

    def _ask(self, text: str, language: str, answer: Future[list[Change]]) -> None:
        try:
            answer.set_result(self._changes(text, language))
        except BaseException as error:  # noqa: BLE001 - it is raised where the answer is waited for
            answer.set_exception(error)
        finally:
            self._free.release()

    def _changes(self, text: str, language: str) -> list[Change]:
        """What the server would change, empty if it does not know the language."""
        if language not in self._tools:
            self._tools[language] = _connected(self._url, language, seconds=self._seconds)
        tool = self._tools[language]
        if tool is None:
            return []
        return [
            Change(match.offset, match.offset + match.error_length, match.replacements[0])
            for match in tool.check(text)
            if match.replacements and match.rule_issue_type != _SPELLING
        ]


def applied(text: str, changes: Sequence[Change]) -> str:
    """The text with each change that is one of style alone, `guarded` one by one; of two that overlap, the later."""
    free = len(text)
    for change in sorted(changes, key=lambda change: change.start, reverse=True)[:MAX_CHANGES]:
        if not 0 <= change.start < change.end <= free or not text[change.start : change.end].isprintable():
            continue
        if max(text[change.start : change.end]) > "\uffff":  # the server counts these twice, in lengths too
            continue
        text = guarded(text, text[: change.start] + change.instead + text[change.end :])
        free = change.start
    return text


def _installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _connected(url: str, language: str, *, seconds: float) -> LanguageTool | None:
    """The client of a server that runs already (none is downloaded or started), if it knows the language."""
    from language_tool_python import LanguageTool

    client = type("Client", (LanguageTool,), {"_TIMEOUT": seconds})  # for which the library has no option
    try:
        tool: LanguageTool = client(language, remote_server=url)
    except ValueError:
        return None
    return tool
