"""Metadata as JSON has it. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping

from grounding.errors import StoreError


def plain(metadata: Mapping[str, object], *, owner: str) -> dict[str, object]:
    """A copy of dicts, lists and scalars; a number that is not finite becomes null.

    Raises StoreError for anything that JSON does not have, naming its owner and the field.
    """
    return {str(key): _value(value, f"{owner}: metadata.{key}") for key, value in metadata.items()}


def _value(value: object, path: str) -> object:
    match value:
        case None | str() | bool() | int():
            return value
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {str(key): _value(inner, f"{path}.{key}") for key, inner in value.items()}
        case list() | tuple():
            return [_value(member, path) for member in value]
        case _:
            raise StoreError(f"{path} is a {type(value).__name__}, which JSON does not have")
