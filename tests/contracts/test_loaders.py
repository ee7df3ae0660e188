"""What every DocumentLoader keeps: the contract of `ports.DocumentLoader`, on files good and bad."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from grounding.errors import LoadError
from grounding.ports import DocumentLoader, RawDocument
from grounding.settings import Ingest
from ingest.loaders import load, registry

LIMITS = Ingest(max_file_mb=1, max_line_mb=1)
LOADERS = registry(LIMITS)
SUFFIXES = sorted(LOADERS)

GOOD = {
    ".md": "# Leave\n\nTwenty days a year. 年に20日。",
    ".txt": "Twenty days of leave a year. 年に20日。",
    ".html": "<h1>Leave</h1><p>Twenty days a year. 年に20日。</p>",
    ".jsonl": '{"_id": "a", "title": "Leave", "text": "Twenty days a year. 年に20日。"}',
    ".csv": "site,days\nGalway,20\n金沢,20日\n",
    ".tsv": "site\tdays\nGalway\t20\n金沢\t20日\n",
}
GOOD[".markdown"] = GOOD[".md"]
GOOD[".htm"] = GOOD[".html"]


@pytest.fixture(params=SUFFIXES)
def suffix(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def outcome(path: Path) -> list[RawDocument | LoadError]:
    return list(load(LOADERS, path, source=f"docs/{path.name}"))


def failure(path: Path) -> LoadError:
    found = outcome(path)
    assert len(found) == 1
    assert isinstance(found[0], LoadError)
    return found[0]


def test_it_is_a_loader_of_the_suffix_it_is_registered_for(suffix: str) -> None:
    loader = LOADERS[suffix]
    assert isinstance(loader, DocumentLoader)
    assert suffix in loader.suffixes
    assert all(ending == ending.lower() and ending.startswith(".") for ending in loader.suffixes)


def test_every_suffix_has_an_example() -> None:
    assert set(GOOD) == set(SUFFIXES)


def test_a_good_file_gives_documents_that_can_be_stored(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"good{suffix}"
    path.write_text(GOOD[suffix], encoding="utf-8")
    documents = outcome(path)
    assert documents
    for document in documents:
        assert isinstance(document, RawDocument)
        assert "20" in document.text
        assert "日" in document.text
        assert document.text.strip()
        assert "\r" not in document.text
        assert document.media_type.startswith("text/")
        json.dumps(document.metadata, allow_nan=False)


def test_the_same_file_gives_the_same_documents(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"good{suffix}"
    path.write_text(GOOD[suffix], encoding="utf-8")
    assert outcome(path) == outcome(path)


def test_keys_are_unique_within_a_file(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"good{suffix}"
    path.write_text(GOOD[suffix], encoding="utf-8")
    keys = [document.key for document in outcome(path) if not isinstance(document, LoadError)]
    assert len(keys) == len(set(keys))


def test_a_byte_order_mark_and_windows_line_ends_change_nothing(suffix: str, tmp_path: Path) -> None:
    plain, marked = tmp_path / "a" / f"same{suffix}", tmp_path / "b" / f"same{suffix}"
    for path in (plain, marked):
        path.parent.mkdir()
    plain.write_bytes(GOOD[suffix].encode())
    marked.write_bytes(b"\xef\xbb\xbf" + GOOD[suffix].replace("\n", "\r\n").encode())
    assert outcome(plain) == outcome(marked)


@pytest.mark.parametrize("content", [b"", b" \n\t\n", b"\xef\xbb\xbf"])
def test_a_file_without_text_is_empty(suffix: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / f"empty{suffix}"
    path.write_bytes(content)
    error = failure(path)
    assert (error.reason, error.stage, error.source) == ("empty", "load", f"docs/empty{suffix}")


@pytest.mark.parametrize("content", [b"%PDF-1.7\n%\xe2\xe3", b"\x89PNG\r\n\x1a\n\0\0", b"text\0text", b"PK\x03\x04abc"])
def test_a_binary_file_is_named_as_such(suffix: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / f"picture{suffix}"
    path.write_bytes(content)
    assert failure(path).reason == "binary"


def test_broken_utf8_names_the_byte(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"broken{suffix}"
    good = GOOD[suffix].encode()
    at = good.index(b"20") if suffix != ".jsonl" else good.index(b"Twenty")
    path.write_bytes(good[:at] + b"\xc3\x28\xff" + good[at:])
    error = failure(path)
    assert error.reason == "encoding"
    assert f"byte {at}" in error.detail


def test_a_file_that_vanished_is_unreadable(suffix: str, tmp_path: Path) -> None:
    error = failure(tmp_path / f"gone{suffix}")
    assert error.reason == "unreadable"
    assert "No such file" in error.detail


def test_a_folder_with_the_name_of_a_file_is_unreadable(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"folder{suffix}"
    path.mkdir()
    assert failure(path).reason == "unreadable"


def test_too_much_names_the_setting(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"large{suffix}"
    with path.open("wb") as file:
        file.write(GOOD[suffix].encode())
        file.truncate(2 << 20)  # sparse
    errors = [found for found in outcome(path) if isinstance(found, LoadError)]
    assert [error.reason for error in errors] == ["too_large"]
    assert "MB" in errors[0].detail
    assert f"GROUNDING_INGEST__MAX_{'LINE' if suffix == '.jsonl' else 'FILE'}_MB" in errors[0].detail


def test_half_a_surrogate_pair_and_nul_never_come_through(tmp_path: Path) -> None:
    path = tmp_path / "odd.jsonl"
    path.write_text('{"id": "a\\ud800", "title": "t\\udfff", "text": "x\\u0000\\ud83d", "k\\ud800": "\\udc00"}')
    (document,) = outcome(path)
    assert isinstance(document, RawDocument)
    for value in (document.id or "", document.title, document.text, json.dumps(document.metadata, ensure_ascii=False)):
        value.encode("utf-8")
        assert "\0" not in value


class _Exploding:
    suffixes = frozenset({".txt"})

    def load(self, path: Path, *, source: str) -> object:
        raise ZeroDivisionError("secret text")


def test_a_loader_s_own_mistake_becomes_a_failure(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("hello")
    exploding: DocumentLoader = _Exploding()  # type: ignore[assignment]
    (error,) = load({".txt": exploding}, path, source="docs/a.txt")
    assert isinstance(error, LoadError)
    assert error.reason == "internal"
    assert "ZeroDivisionError" in error.detail
    assert "secret" not in error.detail


def test_an_unsupported_file_lists_what_is_supported(tmp_path: Path) -> None:
    error = failure(tmp_path / "slides.pptx")
    assert error.reason == "unsupported"
    assert ".pptx" in error.detail
    assert all(suffix in error.detail for suffix in SUFFIXES)
