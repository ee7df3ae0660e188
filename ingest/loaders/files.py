"""What every loader of a file shares: bounded reading, decoding, and the normal form of stored text.

The stored text stays close to the file, since spans refer to it: line breaks become "\\n", a byte order mark goes,
letters written as base and combining mark are composed, and what no database can hold (NUL, half a surrogate pair)
is replaced. Nothing else changes.
"""

from __future__ import annotations

import codecs
import math
import re
import stat
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from pathlib import Path

from grounding.errors import LoadError
from grounding.values import Metadata
from ingest.loaders.charsets import legacy_text

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"%PDF-", "a PDF file"),
    (b"PK\x03\x04", "a zip archive or an office document"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"\x7fELF", "a program"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"\xd0\xcf\x11\xe0", "an old office document"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"\xca\xfe\xba\xbe", "a program"),
    (b"OggS", "an Ogg recording"),
    (b"fLaC", "a FLAC recording"),
    (b"ID3\x02", "an MP3 recording"),
    (b"ID3\x03", "an MP3 recording"),
    (b"ID3\x04", "an MP3 recording"),
)
_CONTROL = re.compile(rb"[\x01-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_MAX_CONTROL_SHARE = 0.02
_DECOMPOSED = re.compile(
    "[^\u0300-\u036f\u3099\u309a\u1160-\u11ff][\u0300-\u036f\u3099\u309a]+"  # accents, kana voicing marks
    "|[\u1100-\u115f][\u1160-\u11a7][\u11a8-\u11ff]?"  # Korean letters to syllables
)
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_MAX_METADATA_VALUES = 10_000
"""More than a person writes; a few lines of YAML aliases can stand for a billion values."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """One document of a source, before it has an identity in a collection: a `ports.RawDocument`.

    `title` is "" where the text itself names none: the name of its file is no part of a document's content.
    """

    title: str
    text: str
    media_type: str
    key: str = ""
    id: str | None = None
    metadata: Metadata = field(default_factory=dict)


def read(path: Path, *, source: str, max_mb: int) -> bytes:
    """All bytes of a regular file. Raises LoadError: unreadable, too_large, empty."""
    limit = max_mb << 20
    try:
        size = require_regular(path, source=source)
        with path.open("rb") as file:
            data = file.read(limit + 1) if size <= limit else b""
    except OSError as error:
        raise unreadable(source, error) from error
    size = max(size, len(data))
    if size > limit:
        raise LoadError(
            source,
            reason="too_large",
            detail=f"{size / (1 << 20):.1f} MB, more than the limit of {max_mb} MB; "
            "split it, or raise GROUNDING_INGEST__MAX_FILE_MB",
        )
    if not data.strip():
        raise empty(source)
    return data


def require_regular(path: Path, *, source: str) -> int:
    """The size of a file in bytes. Raises LoadError for what would block or never end: a pipe, a device."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise LoadError(source, reason="unreadable", detail="not a regular file")
    return status.st_size


def unreadable(source: str, error: OSError) -> LoadError:
    """The failure of a file that the system does not let us read."""
    return LoadError(source, reason="unreadable", detail=f"cannot be read: {error.strerror or type(error).__name__}")


def empty(source: str, what: str = "the file") -> LoadError:
    return LoadError(source, reason="empty", detail=f"{what} holds no text")


def decode(data: bytes, *, source: str, declared: str | None = None) -> str:
    """Text of a file: a byte order mark decides, then UTF-8, then the charset that it declares (HTML),
    then the one that explains the bytes. Raises LoadError: binary, or encoding with the byte offset."""
    text = _marked(data, source) or _unmarked_utf16(data)
    if text is None:
        refuse_binary(data, source=source)
        text = _escaped_japanese(data)
    if text is None:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            text = _declared(data, declared) or legacy_text(data)
            if text is None:
                raise encoding_error(source, error.start) from error
    if not text.strip():
        raise empty(source)
    return normal(text)


def encoding_error(source: str, offset: int) -> LoadError:
    return LoadError(
        source,
        reason="encoding",
        detail=f"byte {offset} is not valid UTF-8 and no other charset explains the text; save it as UTF-8",
    )


def refuse_binary(data: bytes, *, source: str) -> None:
    """Raises LoadError with reason binary unless the bytes can be text. Looks at the beginning of the file."""
    for magic, what in _MAGIC:
        if data.startswith(magic):
            raise LoadError(source, reason="binary", detail=f"it is {what}, not text")
    head = data[: 1 << 20]
    nul = head.find(b"\0")
    if nul != -1:
        raise LoadError(source, reason="binary", detail=f"byte {nul} is NUL: it is not a text file")
    if len(_CONTROL.findall(head)) > _MAX_CONTROL_SHARE * len(head):
        raise LoadError(source, reason="binary", detail="it is full of control characters: it is not a text file")


def normal(text: str) -> str:
    """The text in the form in which it is stored."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    text = _DECOMPOSED.sub(lambda match: unicodedata.normalize("NFC", match[0]), text)
    return _UNSTORABLE.sub("\ufffd", text)


def one_line(text: str, *, limit: int = 300) -> str:
    """A title: normal form, white space collapsed, at most `limit` characters."""
    return " ".join(normal(text).split())[:limit].strip()


def json_ready(metadata: Mapping[str, object], *, source: str) -> dict[str, object]:
    """Metadata as JSON values: dates as ISO strings, keys as strings, NaN as null. Raises LoadError: metadata."""
    converter = _Converter(source)
    return {normal(str(key)): converter.convert(value, depth=0) for key, value in metadata.items()}


class _Converter:
    def __init__(self, source: str) -> None:
        self._source = source
        self._left = _MAX_METADATA_VALUES

    def convert(self, value: object, *, depth: int) -> object:
        self._left -= 1
        if self._left < 0 or depth > 20:
            raise LoadError(self._source, reason="metadata", detail="its metadata is too large or nested too deep")
        match value:
            case None | bool() | int():
                return value
            case str():
                return normal(value)
            case float():
                return value if math.isfinite(value) else None
            case date() | datetime() | time():
                return value.isoformat()
            case Mapping():
                return {normal(str(key)): self.convert(inner, depth=depth + 1) for key, inner in value.items()}
            case list() | tuple() | set() | frozenset():
                return [self.convert(inner, depth=depth + 1) for inner in value]
            case _:
                return normal(str(value))


def _marked(data: bytes, source: str) -> str | None:
    """Text of a file that begins with the byte order mark of UTF-16 or UTF-32, else None."""
    for marks, charset in (
        ((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE), "utf-32"),
        ((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE), "utf-16"),
    ):
        if data.startswith(marks):
            try:
                text = data.decode(charset)
            except UnicodeDecodeError as error:
                raise encoding_error(source, error.start) from error
            if not _believable(text):
                raise encoding_error(source, 0)
            return text
    return None


def _unmarked_utf16(data: bytes) -> str | None:
    """Text of UTF-16 without its mark, where every other byte is the zero of a Latin letter; else None."""
    head = data[: 1 << 16]
    for charset, high, low in (("utf-16-be", head[::2], head[1::2]), ("utf-16-le", head[1::2], head[::2])):
        if high.count(0) * 2 > len(high) and not low.count(0) and len(data) % 2 == 0:
            try:
                text = data.decode(charset)
            except UnicodeDecodeError:
                return None
            return text if _believable(text) else None
    return None


def _believable(text: str) -> bool:
    """Whether the text has the spaces, line breaks, digits or punctuation that any writing has, and no NUL:
    bytes of another charset that happen to begin with a mark do not."""
    common = sum(char in " \n\u3000、。，．" or char.isdigit() or char.isascii() for char in text[:10_000])
    kana = sum("\u3040" <= char <= "\u30ff" for char in text[:10_000])
    return "\0" not in text and (common + kana) * 10 >= min(len(text), 10_000)


def _escaped_japanese(data: bytes) -> str | None:
    """ISO-2022-JP is made of ASCII bytes alone, so that UTF-8 would take it; its escape sequences give it away."""
    if b"\x1b$" not in data:
        return None
    try:
        return data.decode("iso2022_jp_2")
    except UnicodeDecodeError:
        return None


def _declared(data: bytes, charset: str | None) -> str | None:
    if charset is None:
        return None
    try:
        return data.decode(charset)
    except (LookupError, UnicodeDecodeError):
        return None
