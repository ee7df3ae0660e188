"""Prompts: system texts in versions that never change, and where each is in use since when.

`answer` is the built-in's name: it is in use where nobody chose another, and can be chosen again like any other.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, Connection, Select, func, insert, select

from grounding.errors import InvalidRequest, NotFound
from grounding.prompt import BUILT_IN
from grounding.values import Template
from store.collections import require_collection
from store.database import Database
from store.schema import PromptRow, PromptUseRow

RESERVED = BUILT_IN.version.rpartition("-")[0]
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
_NUMBERED = re.compile(r"(?P<name>.+)-(?P<number>[1-9][0-9]{0,8})\Z")
_LANGUAGES = frozenset(
    "aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el en "
    "eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu ja jv "
    "ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne "
    "ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st "
    "su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu".split()
)
"""Source: ISO 639-1."""
_MISTAKEN = {"jp": "ja", "cn": "zh", "kr": "ko", "gr": "el", "cz": "cs", "dk": "da", "ua": "uk", "se": "sv", "gb": "en"}
"""Codes of countries, where one of a language was meant."""


@dataclass(frozen=True, slots=True)
class PromptVersion:
    """One version of a prompt. The built-in has no date."""

    name: str
    number: int
    text: str
    note: str
    created_at: datetime | None

    @property
    def version(self) -> str:
        """As every Exchange names it: "support-3"."""
        return f"{self.name}-{self.number}"

    @property
    def template(self) -> Template:
        return Template(self.version, self.text)


@dataclass(frozen=True, slots=True)
class PromptUse:
    """Since when a version is used for a collection and a language, "" for all. `prompt` is "" where a use was lifted,
    so that what is more general holds again; `holds` unless another came after it."""

    collection: str
    language: str
    prompt: str
    since: datetime
    holds: bool


class PromptStore:
    """Thread-safe. Nothing is remembered between two calls: what one process chooses, all others use at once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def template(self, *, collection: str, language: str) -> Template:
        """The text in use: that chosen for the collection and the language, else for the collection, else for the
        language, else for all; else the built-in."""
        query = _last_uses(PromptUseRow.collection.in_((collection, "")), PromptUseRow.language.in_((language, "")))
        with self._database.read() as connection:
            chosen = {(row.collection, row.language): row.prompt for row in connection.execute(query)}
            for place in ((collection, language), (collection, ""), ("", language), ("", "")):
                if version := chosen.get(place):
                    # That of an earlier version of this program is in no database: what came in its place is meant.
                    return BUILT_IN if _is_built_in(version) else _find(connection, version).template
        return BUILT_IN

    def list(self) -> tuple[PromptVersion, ...]:
        """Every version, the built-in first, then by name and number."""
        query = _VERSIONS.order_by(PromptRow.name, PromptRow.version)
        with self._database.read() as connection:
            return (_BUILT_IN, *(PromptVersion(*row) for row in connection.execute(query)))

    def get(self, reference: str) -> PromptVersion:
        """The version that is named, or the latest of a name. Raises NotFound, which names the nearest known one."""
        with self._database.read() as connection:
            return _find(connection, reference)

    def add(self, name: str, text: str, *, note: str = "") -> tuple[PromptVersion, bool]:
        """The new version and True; the latest and False where that says the same. Raises InvalidRequest for a name
        that cannot be one, or a text without a word."""
        require_name(name)
        text = text.replace("\r\n", "\n").strip()
        if not text:
            raise InvalidRequest("text: a prompt cannot be empty")
        now = datetime.now(UTC)
        with self._database.write() as connection:
            latest = _latest(connection, name)
            if latest is not None and latest.text == text:
                return latest, False
            number = 1 if latest is None else latest.number + 1
            row = {"name": name, "version": number, "text": text, "note": note, "created_at": now}
            connection.execute(insert(PromptRow), row)
        return PromptVersion(name, number, text, note, now), True

    def use(self, reference: str, *, collection: str = "", language: str = "") -> PromptVersion:
        """The version that is used from now on, the latest one where only a name is given.

        Raises NotFound for an unknown prompt or collection, which names the nearest known one; InvalidRequest for what
        is no language.
        """
        require_language(language)
        with self._database.write() as connection:
            if collection:
                require_collection(connection, collection)
            found = _find(connection, reference)
            _choose(connection, found.version, collection=collection, language=language)
        return found

    def lift(self, *, collection: str = "", language: str = "") -> None:
        """From now on what is more general holds here. Raises NotFound where nothing is in use, which need not be a
        collection that is still there."""
        require_language(language)
        with self._database.write() as connection:
            here = (PromptUseRow.collection == collection, PromptUseRow.language == language)
            last = connection.execute(_last_uses(*here)).one_or_none()
            if last is None or not last.prompt:
                raise NotFound(f"no prompt is in use for {place(collection, language)}; see  grounding prompt list")
            _choose(connection, "", collection=collection, language=language)

    def uses(self) -> tuple[PromptUse, ...]:
        """The history of all uses, newest first."""
        query = select(PromptUseRow.collection, PromptUseRow.language, PromptUseRow.prompt, PromptUseRow.since)
        found: list[PromptUse] = []
        seen: set[tuple[str, str]] = set()
        with self._database.read() as connection:
            for name, language, prompt, since in connection.execute(query.order_by(PromptUseRow.id.desc())):
                holds = (name, language) not in seen and bool(prompt)
                seen.add((name, language))
                found.append(PromptUse(name, language, prompt, since, holds))
        return tuple(found)


def place(collection: str, language: str) -> str:
    """Where a prompt is in use, in words."""
    return ", ".join(
        filter(None, (collection and f"collection {collection!r}", language and f"language {language!r}"))
    ) or ("all questions")


def require_language(language: str) -> None:
    """Raises InvalidRequest for what is neither "" nor a code of ISO 639-1."""
    if not language or language in _LANGUAGES:
        return
    lower = language.casefold()
    near = lower if lower in _LANGUAGES else _MISTAKEN.get(lower)
    near = near or (lower[:2] if lower[:2] in _LANGUAGES and len(lower) > 2 else None)
    hint = f"; did you mean {near!r}?" if near else ", such as en or ja"
    raise InvalidRequest(f"language: {language[:40]!r} is not a code of two letters of ISO 639-1{hint}")


def require_name(name: str) -> None:
    """Raises InvalidRequest for what cannot be the name of a prompt of one's own."""
    if name == RESERVED:
        raise InvalidRequest(f"name: {RESERVED!r} is the built-in, which cannot be edited: choose another name")
    if not _NAME.match(name) or _NUMBERED.match(name):
        raise InvalidRequest(
            f"name: {name[:80]!r} cannot be a prompt's name: use letters, digits, . _ - and at the end no - with a "
            "number, as its versions have"
        )


def _choose(connection: Connection, version: str, *, collection: str, language: str) -> None:
    row = {"collection": collection, "language": language, "prompt": version, "since": datetime.now(UTC)}
    connection.execute(insert(PromptUseRow), row)


def _find(connection: Connection, reference: str) -> PromptVersion:
    """A version by its name and number, or the latest of a name. Raises NotFound."""
    if reference in (RESERVED, BUILT_IN.version):
        return _BUILT_IN
    numbered = _NUMBERED.match(reference)
    found = (
        _latest(connection, reference)
        if numbered is None
        else _read(connection, PromptRow.name == numbered["name"], PromptRow.version == int(numbered["number"]))
    )
    if found is None:
        raise _unknown(connection, reference)
    return found


def _is_built_in(version: str) -> bool:
    return version.rpartition("-")[0] == RESERVED


def _latest(connection: Connection, name: str) -> PromptVersion | None:
    return _read(connection, PromptRow.name == name)


def _read(connection: Connection, *where: ColumnElement[bool]) -> PromptVersion | None:
    """The latest of these versions."""
    row = connection.execute(_VERSIONS.where(*where).order_by(PromptRow.version.desc()).limit(1)).one_or_none()
    return None if row is None else PromptVersion(*row)


def _last_uses(*where: ColumnElement[bool]) -> Select[str, str, str]:
    """The last use of each pair of a collection and a language."""
    last = select(func.max(PromptUseRow.id)).where(*where).group_by(PromptUseRow.collection, PromptUseRow.language)
    return select(PromptUseRow.collection, PromptUseRow.language, PromptUseRow.prompt).where(PromptUseRow.id.in_(last))


def _unknown(connection: Connection, reference: str) -> NotFound:
    rows = connection.execute(select(PromptRow.name, PromptRow.version)).all()
    known = {BUILT_IN.version, RESERVED, *(row.name for row in rows), *(f"{row.name}-{row.version}" for row in rows)}
    near = difflib.get_close_matches(reference, sorted(known), n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else "; see  grounding prompt list"
    return NotFound(f"prompt {reference[:100]!r} is not known{hint}")


_VERSIONS = select(PromptRow.name, PromptRow.version, PromptRow.text, PromptRow.note, PromptRow.created_at)
_BUILT_IN = PromptVersion(
    RESERVED, int(BUILT_IN.version.rpartition("-")[2]), BUILT_IN.text, "comes with this program", created_at=None
)
