"""What `grounding prompt` does: system texts in versions, read from the store and written to it."""

from __future__ import annotations

import difflib
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from api.commands import OK, opened
from api.compose import Service
from api.output import Output
from grounding.errors import GroundingError, InvalidRequest, NotFound
from store.prompts import RESERVED, PromptUse, PromptVersion, place, require_name

CITES = re.compile(r"\[ ?(?:\d+|n) ?\]", re.IGNORECASE)
ABSTAINS = re.compile(r"i (?:don['’]?t|do not) know|わかりません|分かりません", re.IGNORECASE)
"""What an answer must say for it to be taken as an abstention, as `prompt.ABSTENTION` has it."""
_SHARE = 3


class PromptCommands:
    """One method for each command. Each returns the exit code."""

    def __init__(self, *, as_json: bool) -> None:
        self._output = Output(as_json=as_json)

    def list(self) -> int:
        """Prints every version with the places where it is in use."""
        with opened() as service:
            versions, uses = service.store.prompts.list(), service.store.prompts.uses()
        holding = [use for use in uses if use.holds]
        found = [(version, _in_use(version, holding)) for version in versions]
        value = [{**_as_json(version), "in_use": [_where(*where) for where in used]} for version, used in found]
        self._output.result({"prompts": value}, lambda: self._show_list(found))
        return OK

    def show(self, prompt: str, *, against: str | None) -> int:
        """Prints a text, or what has changed since another."""
        with opened() as service:
            version = service.store.prompts.get(prompt)
            other = None if against is None else service.store.prompts.get(against)
        if other is None:
            self._output.result({**_as_json(version), "text": version.text}, lambda: self._output.line(version.text))
            return OK
        lines = difflib.unified_diff(
            other.text.splitlines(), version.text.splitlines(), other.version, version.version, lineterm=""
        )
        diff = "\n".join(lines)
        self._output.result(
            {**_as_json(version), "against": other.version, "diff": diff},
            lambda: self._output.line(diff or f"{version.version} says the same as {other.version}"),
        )
        return OK

    def edit(self, name: str, *, file: str | None, note: str, base: str | None) -> int:
        """Makes a new version of the text in a file, or of what comes out of the editor."""
        require_name(name)
        if file is not None and base is not None:
            raise InvalidRequest("--from: the file holds the whole text already; leave one of the two out")
        with opened() as service:
            prompts = service.store.prompts
            before = prompts.get(base) if base else _latest(service, name)
            text = _edited(before.text, file=file)
            if file is None and text == before.text:
                self._tell_made(before, changed=False, warnings=[])
                return OK
            warnings = _warnings(service, text)
            made, changed = prompts.add(name, text, note=note)
        self._tell_made(made, changed=changed, warnings=warnings)
        return OK

    def use(self, prompt: str | None, *, collection: str, language: str, unset: bool) -> int:
        """Puts a version into use, or lifts what is in use."""
        if unset == (prompt is not None):
            raise InvalidRequest("name the version to use, or say --unset: one of the two")
        where = place(collection, language)
        with opened() as service:
            if prompt is None:
                service.store.prompts.lift(collection=collection, language=language)
                chosen, said = "", f"lifted for {where}"
            else:
                chosen = service.store.prompts.use(prompt, collection=collection, language=language).version
                said = f"{chosen} is in use for {where}"
        self._output.result(
            {"prompt": chosen, **_where(collection, language)}, lambda: self._output.line(f"{said}, from now on")
        )
        return OK

    def history(self) -> int:
        """Prints all uses there ever were."""
        with opened() as service:
            uses = service.store.prompts.uses()
        value = [
            {
                "prompt": use.prompt,
                **_where(use.collection, use.language),
                "since": use.since.isoformat(),
                "holds": use.holds,
            }
            for use in uses
        ]
        self._output.result({"uses": value}, lambda: self._show_history(uses))
        return OK

    def _tell_made(self, version: PromptVersion, *, changed: bool, warnings: Sequence[str]) -> None:
        for warning in warnings:
            self._output.note(f"warning: {warning}")
        said = f"{version.version} is made; run  grounding prompt use {version.version}  to have it used"
        if not changed:
            said = f"nothing has changed since {version.version}: no version was made"
        self._output.result(
            {**_as_json(version), "changed": changed, "warnings": warnings}, lambda: self._output.line(said)
        )

    def _show_list(self, found: Sequence[tuple[PromptVersion, Sequence[tuple[str, str]]]]) -> None:
        rows = [
            (
                version.version,
                version.created_at and f"{version.created_at:%Y-%m-%d %H:%M}",
                len(version.text),
                "; ".join(place(*where) for where in used),
                version.note,
            )
            for version, used in found
        ]
        self._output.table(("version", "made", "characters", "in use for", "note"), rows, right=("characters",))

    def _show_history(self, uses: Sequence[PromptUse]) -> None:
        rows = [
            (f"{use.since:%Y-%m-%d %H:%M:%S}", place(use.collection, use.language), use.prompt or "(lifted)", use.holds)
            for use in uses
        ]
        self._output.table(("since", "for", "prompt", "holds"), [(*row[:3], "yes" if row[3] else "") for row in rows])


def _latest(service: Service, name: str) -> PromptVersion:
    """The version that an edit begins with."""
    try:
        return service.store.prompts.get(name)
    except NotFound:
        return service.store.prompts.get(RESERVED)


def _warnings(service: Service, text: str) -> list[str]:
    """What a model may do badly with this text. Raises InvalidRequest for one that leaves no room for a question."""
    budget = service.settings.prompting.budget_tokens
    (tokens,) = service.models.embedder().count_tokens([text])
    if tokens >= budget:
        raise InvalidRequest(f"text: {tokens} tokens leave no room for a question: prompting.budget_tokens is {budget}")
    found = []
    if not CITES.search(text):
        found.append("it does not say how to cite, as in [1]: answers without citations are taken as abstentions")
    if not ABSTAINS.search(text):
        found.append("it does not say what to reply where the passages do not answer: I don't know")
    if tokens * _SHARE > budget:
        found.append(f"its {tokens} tokens are more than a third of prompting.budget_tokens, {budget}")
    return found


def _edited(before: str, *, file: str | None) -> str:
    """The text of a file, of stdin, or as the editor leaves it. Raises InvalidRequest."""
    try:
        if file is None:
            return _from_editor(before)
        raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return raw.decode("utf-8").strip()
    except OSError as error:
        raise InvalidRequest(f"{error.filename or file}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InvalidRequest(f"{file or 'the editor'}: not UTF-8 text") from None


def _from_editor(before: str) -> str:
    command = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "")
    if not command:
        raise InvalidRequest("no editor is known: set EDITOR, or give the text with --file FILE or --file -")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "prompt.txt"
        file.write_text(f"{before}\n", "utf-8")
        try:
            done = subprocess.run([*command, str(file)], check=False)  # noqa: S603 - the user's own editor
        except OSError as error:
            raise InvalidRequest(f"EDITOR: {command[0]} cannot be run: {error.strerror}") from None
        if done.returncode != 0:
            raise GroundingError(f"{command[0]} ended with {done.returncode}: no version was made")
        return file.read_text("utf-8").strip()


def _in_use(version: PromptVersion, holding: Sequence[PromptUse]) -> list[tuple[str, str]]:
    """The places where a version is in use: the built-in for all questions, where nothing else is."""
    found = [(use.collection, use.language) for use in holding if use.prompt == version.version]
    if version.name == RESERVED and not any(use.collection == use.language == "" for use in holding):
        found.append(("", ""))
    return found


def _where(collection: str, language: str) -> dict[str, str | None]:
    return {"collection": collection or None, "language": language or None}


def _as_json(version: PromptVersion) -> dict[str, object]:
    """A version without its text."""
    return {
        "version": version.version,
        "name": version.name,
        "number": version.number,
        "note": version.note,
        "characters": len(version.text),
        "created_at": version.created_at and version.created_at.isoformat(),
    }
