"""Sealing: private values are encrypted before they are stored, so that no file and no backup holds one.

The key is the setting `vault_key`, else `vault.key` in the home folder, which is made when the first value is sealed.
Without it values stay sealed: their placeholders are shown in their place, and nothing fails.
"""

from __future__ import annotations

import base64
import binascii
import json
import logging
import os
import secrets
import stat
import threading
import unicodedata
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from grounding.errors import ConfigurationError, StoreError
from store.generations import fsync

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

FILE_NAME = "vault.key"
_KEY_BYTES = 32
_LARGEST_FILE = 65_536
_MAKE = 'python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"'

logger = logging.getLogger(__name__)


class Sealer:
    """Seals and opens the private values of one home. Thread-safe.

    Of several keys the first seals, and all open. A blob opens only in the place that `bound_to` named when it was
    sealed.
    """

    def __init__(self, *, home: Path, vault_key: str | None = None) -> None:
        """Raises ConfigurationError for a key that is none, or is kept where others can read it."""
        self._file = home / FILE_NAME
        self._keys = () if vault_key is None else _keys(vault_key, origin="vault_key")
        self._fernet: MultiFernet | None = None
        self._lock = threading.Lock()
        self._told = False
        if not self._keys:
            self._keys = _kept(self._file)

    def seal(self, values: Mapping[str, str], *, bound_to: str) -> bytes | None:
        """The values by placeholder, encrypted; None if there are none. Raises ConfigurationError, StoreError where
        there is no key yet and none can be made."""
        if not values:
            return None
        payload = json.dumps({"bound_to": bound_to, "values": dict(values)}, separators=(",", ":"))
        fernet = self._loaded(make=True)
        assert fernet is not None
        return fernet.encrypt(payload.encode())

    def open(self, sealed: bytes | None, *, bound_to: str) -> Mapping[str, str]:
        """The values by placeholder; none for what another key sealed, what was changed, or what belongs elsewhere."""
        if sealed is None:
            return {}
        values = self._opened(sealed, bound_to)
        if values is None:
            self._tell()
            return {}
        return values

    def _opened(self, sealed: bytes, bound_to: str) -> dict[str, str] | None:
        from cryptography.fernet import InvalidToken

        fernet = self._loaded(make=False)
        if fernet is None:
            return None
        try:
            payload = json.loads(fernet.decrypt(sealed))
        except InvalidToken:
            return None
        return payload["values"] if payload["bound_to"] == bound_to else None

    def _loaded(self, *, make: bool) -> MultiFernet | None:
        """What encrypts with our keys; None if there is no key, and none is to be made."""
        with self._lock:
            if self._fernet is None:
                # Another process may have made it since.
                self._keys = self._keys or _kept(self._file) or (_made(self._file) if make else ())
                self._fernet = _fernet(self._keys) if self._keys else None
            return self._fernet

    def _tell(self) -> None:
        with self._lock:
            told, self._told = self._told, True
        if not told:
            logger.warning(
                "some private values do not open with the key of this home: their placeholders are shown instead; see "
                "docs/operations.md"
            )


def unsaid(values: Mapping[str, str], said: str) -> dict[str, str]:
    """Those of the values that are not in a text that `plainly` made, neither themselves nor as their placeholders."""
    return {
        placeholder: value
        for placeholder, value in values.items()
        if plainly([value]) not in said and plainly([placeholder]) not in said
    }


def plainly(texts: Iterable[str]) -> str:
    """The texts in one, without case, width and spacing."""
    return "\n".join(" ".join(unicodedata.normalize("NFKC", text).casefold().split()) for text in texts)


def of_conversation(conversation_id: str) -> str:
    """What the values of its turns are bound to."""
    return f"conversation {conversation_id}"


def of_exchange(trace_id: str) -> str:
    """What the values of an Exchange are bound to."""
    return f"exchange {trace_id}"


def _fernet(keys: Iterable[str]) -> MultiFernet:
    # Takes 40 ms to import, and most commands seal nothing.
    from cryptography.fernet import Fernet, MultiFernet

    return MultiFernet([Fernet(key) for key in keys])


def _keys(text: str, *, origin: str) -> tuple[str, ...]:
    """The keys that a text holds, none if it is blank. Raises ConfigurationError, which does not repeat it."""
    keys = tuple(text.replace(",", " ").split())
    for number, key in enumerate(keys, start=1):
        with suppress(binascii.Error, ValueError):
            if len(base64.b64decode(key, altchars=b"-_", validate=True)) == _KEY_BYTES:
                continue
        which = f"{origin}, key {number}" if len(keys) > 1 else origin
        raise ConfigurationError(f"{which}: not a key; this prints a new one:  {_MAKE}")
    return keys


def _kept(file: Path) -> tuple[str, ...]:
    """The keys in a file, none if it is not there. Raises ConfigurationError for one that others can read or choose,
    StoreError if it cannot be read."""
    try:
        # A link could lead to a file that somebody else knows.
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return ()
    except OSError as error:
        if file.is_symlink():
            raise ConfigurationError(f"{file} is a link: put the file itself in its place") from error
        raise StoreError(f"{file} cannot be read: {error.strerror or error}") from error
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise ConfigurationError(f"{file} is not a file: remove it, or put the key in its place")
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise ConfigurationError(f"{file} can be used by others than its owner: run  chmod 600 {file}")
        keys = _keys(os.read(descriptor, _LARGEST_FILE).decode("ascii", "replace"), origin=str(file))
    finally:
        os.close(descriptor)
    if not keys:
        raise ConfigurationError(f"{file} is empty: put the key back, or remove the file to have another made")
    return keys


def _made(file: Path) -> tuple[str, ...]:
    """The key of a file that is new, or that another process made in the same moment. Raises StoreError."""
    draft = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    key = base64.urlsafe_b64encode(secrets.token_bytes(_KEY_BYTES))
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as opened:
                opened.write(key + b"\n")
                opened.flush()
                os.fsync(descriptor)
            # Unlike a rename, it never replaces the file that another process just made.
            with suppress(FileExistsError):
                os.link(draft, file)
        finally:
            draft.unlink(missing_ok=True)
        # What is sealed with a key must not outlive it in a crash.
        fsync(file.parent)
    except OSError as error:
        raise StoreError(f"{file} cannot be written: {error.strerror or error}") from error
    return _kept(file)
