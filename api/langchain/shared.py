"""What several of the interfaces take."""

from __future__ import annotations

from collections.abc import Mapping

DEFAULT_COLLECTION = "default"


def refuse(unknown: Mapping[str, object]) -> None:
    """Raises TypeError for arguments that nobody knows: a filter that is spelt wrong must not be left out."""
    if unknown:
        raise TypeError(f"unknown argument {next(iter(unknown))!r}")
