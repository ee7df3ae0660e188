"""Who is calling and what they may: keys, scopes, collections, and the sign-in of the admin page.

- `Authorization: Bearer KEY`. A key has scopes; `admin` implies all of them.
- Bound to loopback, `chat` and `search` need no key unless `auth.required` is true; bound elsewhere they do, always.
  Where they need none, clients of OpenAI may send whatever they please in its place, unless it looks like a key.
- `ingest` and `admin` need a key, always.
- For a key that is limited to some collections the others do not exist.
- For a key without the scope `admin`, documents whose metadata names `groups` exist only if the key has one of them;
  a caller without a key has none. The command line, which is its home's owner's, reads everything.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import os
import re
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal, TypeAlias, cast

from fastapi import Request, Security
from fastapi.security import HTTPBearer

from api.openai_errors import is_for_its_clients
from grounding.errors import InvalidRequest, NotAllowed, NotAuthenticated, NotFound
from grounding.filters import Filter, readable_by
from grounding.settings import Limits
from store.conversations import Conversation
from store.keys import PREFIX, KeyInfo, Keys
from store.open import Store

Scope: TypeAlias = Literal["chat", "search", "ingest", "admin"]
OPEN_ON_LOOPBACK: frozenset[Scope] = frozenset(("chat", "search"))

COOKIE = "grounding_admin"
SESSION_SECONDS = 12 * 3600
_SESSION = re.compile(r"(?P<key>[A-Za-z0-9_-]{1,64})\.(?P<expires>[0-9]{1,12})\.(?P<signature>[0-9a-f]{64})\Z")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: `id`, `name` and `limits` are the key's, "" and none without one. `collections` is None where all are
    theirs to see, `groups` where they may read every document in them."""

    id: str
    scopes: frozenset[str]
    collections: frozenset[str] | None = None
    groups: frozenset[str] | None = frozenset()
    name: str = ""
    limits: Limits = field(default_factory=Limits)

    @property
    def readable(self) -> Filter | None:
        """The documents that they may read."""
        return readable_by(self.groups)

    def may(self, scope: Scope) -> bool:
        return scope in self.scopes or "admin" in self.scopes

    def sees(self, collection: str) -> bool:
        return self.collections is None or collection in self.collections

    def require_collection(self, name: str, *, store: Store) -> None:
        """Raises NotFound for a collection that is not the caller's, in the words used for one that does not exist.

        Says nothing of unknown collections to a caller who sees all: the store names the nearest of all names.
        """
        if self.collections is None:
            return
        theirs = [info.name for info in store.collections.list() if self.sees(info.name)]
        if name not in theirs:
            near = get_close_matches(name, theirs, n=1, cutoff=0.5)
            raise NotFound(f"collection {name[:100]!r} is not known" + (f"; did you mean {near[0]!r}?" if near else ""))

    def require_conversation(self, conversation: Conversation) -> None:
        """Raises NotFound for another's conversation, in the words used for one that does not exist."""
        foreign = conversation.owner != self.id and "admin" not in self.scopes
        if foreign or not self.sees(conversation.collection):
            raise NotFound(f"conversation {conversation.id!r} is not known")

    def only_collection(self, name: str | None) -> str | None:
        """The collection that a listing is narrowed to: the one named, else the only one of a limited key."""
        if self.collections is None or (name is not None and name in self.collections):
            return name
        if name is not None:
            raise NotFound(f"collection {name[:100]!r} is not known")
        if len(self.collections) == 1:
            return next(iter(self.collections))
        raise InvalidRequest(f"this key is limited to {', '.join(sorted(self.collections))}: name one as collection")


class Gate:
    """Tells who a request comes from. One for each application."""

    def __init__(self, keys: Keys, *, secret: str, keyless: bool, now: Callable[[], float] = time.time) -> None:
        self._keys = keys
        self._secret = secret.encode()
        self._keyless = keyless
        self._now = now

    @property
    def keyless(self) -> bool:
        """Whether callers without a key are let in."""
        return self._keyless

    def caller(self, request: Request) -> Caller:
        """Raises NotAuthenticated for a key that is not valid; a request without a key gets what loopback gives."""
        header = request.headers.get("authorization")
        if header is not None:
            kind, _, secret = header.strip().partition(" ")
            if kind.lower() != "bearer" or not secret.strip():
                raise NotAuthenticated("Authorization: expected  Bearer KEY")
            if not (self._keyless and _is_placeholder(request, secret.strip())):
                return _caller_of(self._keys.verify(secret.strip()))
        elif (cookie := request.cookies.get(COOKIE)) and (key := self._key_of_session(cookie)):
            return _caller_of(key)
        return Caller("", OPEN_ON_LOOPBACK if self._keyless else frozenset())

    def require(self, scope: Scope, request: Request) -> Caller:
        """The caller, if they have the scope. Raises NotAuthenticated, NotAllowed."""
        caller = self.caller(request)
        if caller.may(scope):
            return caller
        if not caller.id:
            raise NotAuthenticated(f"this needs a key with the scope {scope}: Authorization: Bearer KEY")
        raise NotAllowed(f"the key {caller.id} lacks the scope {scope}")

    def sign_in(self, secret: str) -> str:
        """The session cookie's value for an admin key. Raises NotAuthenticated or NotAllowed."""
        key = self._keys.verify(secret.strip())
        if "admin" not in key.scopes:
            raise NotAllowed("this key lacks the scope admin")
        expires = int(self._now()) + SESSION_SECONDS
        return f"{key.id}.{expires}.{self._sign(key.id, expires)}"

    def _key_of_session(self, cookie: str) -> KeyInfo | None:
        match = _SESSION.match(cookie)
        if match is None or int(match["expires"]) < self._now():
            return None
        key_id = match["key"]
        if not hmac.compare_digest(match["signature"], self._sign(key_id, int(match["expires"]))):
            return None
        return next((key for key in self._keys.list() if key.id == key_id and key.revoked_at is None), None)

    def _sign(self, key_id: str, expires: int) -> str:
        return hmac.new(self._secret, f"{key_id}.{expires}".encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class Require:
    """A dependency: the caller, if they have the scope."""

    scope: Scope

    def __call__(
        self, request: Request, _documented: Annotated[object, Security(HTTPBearer(auto_error=False))]
    ) -> Caller:
        return cast(Gate, request.app.state.gate).require(self.scope, request)


def is_loopback(host: str) -> bool:
    """Whether a server bound to `host` is reached from its own machine alone."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def first_admin_key(keys: Keys, *, home: Path) -> str | None:
    """The secret of a new admin key, kept at home/admin.key, if there is no key yet; else None."""
    if keys.any():
        return None
    _, secret = keys.create(scopes=("admin",), name="first admin key")
    file = home / "admin.key"
    file.unlink(missing_ok=True)  # of a database that is gone
    _write_private(file, secret)
    return secret


def session_secret(home: Path) -> str:
    """What signs the sessions of the admin page: random, made once, kept at home/session.key."""
    file = home / "session.key"
    with suppress(FileExistsError):
        _write_private(file, secrets.token_hex(32))
    return file.read_text("utf-8")


def _write_private(file: Path, text: str) -> None:
    """A new file that its owner alone may read, there at once with its whole text. Raises FileExistsError."""
    draft = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            opened.write(text)
        os.link(draft, file)  # unlike a rename, it never replaces the file that another process just made
    finally:
        draft.unlink(missing_ok=True)


def _is_placeholder(request: Request, secret: str) -> bool:
    """Whether this is what a client of OpenAI sends where no key is needed: it cannot send none."""
    return is_for_its_clients(request.url.path) and not secret.startswith(PREFIX)


def _caller_of(key: KeyInfo) -> Caller:
    groups = None if "admin" in key.scopes else frozenset(key.groups)
    return Caller(key.id, key.scopes, key.collections, groups, key.name, key.limits)
