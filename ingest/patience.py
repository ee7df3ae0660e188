"""Patience: what fails for a reason that may pass is tried again, a few times and ever later; nothing else is."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential, wait_random

from grounding.errors import CollectionBusy, LoadError, StoreUnavailable

_T = TypeVar("_T")

STORE_ATTEMPTS = 8
"""About ten seconds, beside what the database itself waits for a lock: one that is started anew is back by then."""
LOAD_PAUSES = (0.1, 0.4, 1.6)
"""Seconds before each further attempt at reading a file."""
_MAY_PASS = frozenset(
    getattr(errno, name)
    for name in (
        "EAGAIN EBUSY EINTR EIO ESTALE ETIMEDOUT EMFILE ENFILE ENOBUFS ENETDOWN ENETUNREACH ENETRESET ECONNABORTED "
        "ECONNREFUSED ECONNRESET EHOSTDOWN EHOSTUNREACH EREMOTEIO"
    ).split()
    if hasattr(errno, name)
)
"""Errors of a network file system, a tired disk, or a moment without free file handles. That a file is not there, or
may not be read, passes only if somebody acts."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Waits for the store. `sleep` takes seconds."""

    sleep: Callable[[float], None] = time.sleep

    def __call__(self, action: Callable[[], _T]) -> _T:
        """What the action returns, tried again while another process is in its way or the database is away."""
        retrying = Retrying(
            retry=retry_if_exception(is_passing),
            stop=stop_after_attempt(STORE_ATTEMPTS),
            wait=wait_exponential(multiplier=0.1, max=5) + wait_random(0, 0.1),
            sleep=self.sleep,
            reraise=True,
        )
        return retrying(action)


def is_passing(error: BaseException) -> bool:
    """Whether an error of the store may be gone in a moment."""
    return isinstance(error, CollectionBusy | StoreUnavailable)


def may_be_read_later(error: LoadError | OSError) -> bool:
    """Whether a file that could not be read may be readable in a moment."""
    cause = error.__cause__ if isinstance(error, LoadError) else error
    return isinstance(cause, OSError) and cause.errno in _MAY_PASS
