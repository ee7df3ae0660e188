"""What the commands that look after the store do: each opens the service, asks it, and says what came of it."""

from __future__ import annotations

from api.commands import opened
from api.compose import Service
from api.output import Output


class Maintenance:
    """One method for each command. Each returns the exit code."""

    def __init__(self, *, as_json: bool) -> None:
        self._output = Output(as_json=as_json)

    def _open(self) -> Service:
        return opened()
