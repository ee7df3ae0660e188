"""What `grounding safety` does: the verdicts on a text, and how good the checks are on labelled sets."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from rich.text import Text

from api.commands import OK, effective_settings
from api.compose import Checks, checks
from api.output import Output
from grounding.errors import InvalidRequest
from grounding.evaluation import markdown, safety
from grounding.evaluation.safety import Figure
from grounding.values import Action, Verdict

TestedPart = Literal["question", "passage", "answer"]
_COLOURS: dict[Action, str] = {"allow": "green", "redact": "yellow", "drop": "red", "block": "red"}


@dataclass(frozen=True, slots=True)
class Judged:
    """What a text comes to: the most severe action, and the text as it would go on."""

    action: Action
    text: str
    verdicts: tuple[Verdict, ...]

    def as_json(self) -> dict[str, object]:
        """The shape of one result."""
        return {"action": self.action, "text": self.text, "verdicts": [asdict(verdict) for verdict in self.verdicts]}


class SafetyCommands:
    """One method for each command."""

    def __init__(self, *, as_json: bool) -> None:
        self._output = Output(as_json=as_json)

    def test(self, file: str, *, part: TestedPart, collection: str, key: str) -> int:
        """Prints the verdicts on a text, or on each of a file of records."""
        texts = _records(Path(file)) if file.endswith(".jsonl") else None
        judging = checks(effective_settings(), collection=collection, key=key)
        if texts is None:
            judged = _judge(judging, _text(file), part)
            self._output.result(judged.as_json(), lambda: self._show(judged))
            return OK
        for text in texts:
            sys.stdout.write(json.dumps(_judge(judging, text, part).as_json(), ensure_ascii=False) + "\n")
        return OK

    def evaluate(self, folder: Path, *, write: Path | None) -> int:
        """Measures the checks on every set of a folder."""
        if write:
            markdown.require_marks(write)
        judging = checks(effective_settings(), collection="", key="")
        found: list[Figure] = []
        for figure in safety.figures(folder, judge=judging.judge, supported=judging.supported):
            if not found or found[-1].set != figure.set:
                self._output.note(f"measured {figure.set}")
            found.append(figure)
        if write:
            markdown.replace(write, safety.page(found))
        self._output.result({"figures": [asdict(figure) for figure in found]}, lambda: self._show_figures(found))
        return OK

    def _show(self, judged: Judged) -> None:
        self._output.line(Text(judged.action, style=_COLOURS[judged.action]), f"  {judged.text}")
        for verdict in judged.verdicts:
            where = "" if verdict.start is None else f"  {verdict.start} to {verdict.end}"
            self._output.line(f"  {verdict.check}: {verdict.reason}, {verdict.action}, {verdict.score:.2f}{where}")

    def _show_figures(self, found: Iterable[Figure]) -> None:
        columns = ("set", "measure", "of", "value", "cases")
        rows = [(f.set, f.measure, f.note, f"{f.value:.3f}", f.cases) for f in found]
        self._output.table(columns, rows, right=("value", "cases"))


def _judge(judging: Checks, text: str, part: TestedPart) -> Judged:
    verdicts = tuple(judging.judge(text, part))
    return Judged(judging.worst(verdicts), judging.redacted(text, verdicts), verdicts)


def _text(file: str) -> str:
    try:
        raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return raw.decode("utf-8")
    except OSError as error:
        raise InvalidRequest(f"{file}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InvalidRequest(f"{file}: not UTF-8 text") from None


def _records(file: Path) -> Iterator[str]:
    """The texts of a file of records, read as they are asked for. Raises InvalidRequest that names the line."""
    lines = enumerate(_text(str(file)).split("\n"), start=1)
    return (_record(file, number, line) for number, line in lines if line.strip())


def _record(file: Path, number: int, line: str) -> str:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise InvalidRequest(f"{file}, line {number}: not JSON: {error}") from None
    if not isinstance(row, dict) or not isinstance(row.get("text"), str):
        raise InvalidRequest(f'{file}, line {number}: expected an object with "text"')
    return str(row["text"])
