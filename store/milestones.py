"""Milestones: the moments between two durable steps, each with a name.

The store tells of each as it passes it. Nobody listens in normal use; tests kill the process there, or look at what
is safe on disk at that moment.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

Milestone: TypeAlias = Literal[
    "documents written",  # rows of a batch are in the transaction, which is not committed
    "documents committed",
    "removal written",
    "removal committed",
    "generation filled",  # files are written under a temporary name
    "generation synced",  # and safe on disk
    "generation renamed",  # under their own name, which is safe on disk, too
    "generation recorded",  # the manifest row is committed
    "generations swept",  # older ones are gone from disk
    "job queued",  # what it needs is safe on disk, and its row is committed
    "job started",
    "job noted",
    "job finished",
    "vectors committed",  # of another embedder, beside those in use
    "embedder switched",
    "erasure committed",
    "erasure compacted",
    "restore unpacked",
    "restore committed",
]
Reached: TypeAlias = Callable[[Milestone], None]


def unheard(milestone: Milestone) -> None:
    """Nobody listens."""
