"""What SOURCES name, and what they speak for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ingest.sources import Plan, Scope, known_file_keys, plan
from store.documents import KnownDocument

SUFFIXES = {".md", ".txt", ".jsonl"}


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    for name in ("b.md", "a.txt", "sub/c.md", "sub/deep/d.MD", ".hidden/e.md", ".f.md", "picture.png", "z/g.jsonl"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("text")
    return folder


def keys(found: Plan) -> list[str]:
    return [file.key for file in found.files]


def known(source: str, origin: str = "") -> KnownDocument:
    return KnownDocument(id=source, source=source, content_hash=source, version=1, origin=origin, passages=1)


def test_a_folder_gives_its_files_in_order(docs: Path) -> None:
    found = plan([str(docs)], suffixes=SUFFIXES)
    assert keys(found) == ["docs/a.txt", "docs/b.md", "docs/sub/c.md", "docs/sub/deep/d.MD", "docs/z/g.jsonl"]
    assert found.skipped == ["docs/picture.png"]
    assert not found.failures


def test_keys_do_not_depend_on_where_the_folder_is_or_how_it_is_named(
    docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = keys(plan([str(docs)], suffixes=SUFFIXES))
    monkeypatch.chdir(docs / "sub")
    assert keys(plan([".."], suffixes=SUFFIXES)) == expected
    assert keys(plan([f"{docs}/sub/.././"], suffixes=SUFFIXES)) == expected
    assert keys(plan(["."], suffixes=SUFFIXES)) == ["sub/c.md", "sub/deep/d.MD"]


def test_a_file_is_known_by_its_folder_and_name(docs: Path) -> None:
    assert keys(plan([str(docs / "sub" / "c.md")], suffixes=SUFFIXES)) == ["sub/c.md"]


def test_an_unsupported_file_that_is_named_is_not_skipped(docs: Path) -> None:
    assert keys(plan([str(docs / "picture.png")], suffixes=SUFFIXES)) == ["docs/picture.png"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.md", ["docs/b.md"]),
        ("**/*.md", ["docs/b.md", "docs/sub/c.md"]),
        ("**/*.[mM][dD]", ["docs/b.md", "docs/sub/c.md", "docs/sub/deep/d.MD"]),
        ("?.txt", ["docs/a.txt"]),
        ("**", ["docs/a.txt", "docs/b.md", "docs/sub/c.md", "docs/sub/deep/d.MD", "docs/z/g.jsonl"]),
        ("s*/[!x].md", ["docs/sub/c.md"]),
    ],
)
def test_globs(docs: Path, pattern: str, expected: list[str]) -> None:
    assert keys(plan([f"{docs}/{pattern}"], suffixes=SUFFIXES)) == expected


def test_a_file_whose_name_looks_like_a_glob(docs: Path) -> None:
    (docs / "x[1].md").write_text("x")
    assert keys(plan([f"{docs}/x[1].md"], suffixes=SUFFIXES)) == ["docs/x[1].md"]


def test_what_is_missing_is_a_failure_and_the_rest_goes_on(docs: Path) -> None:
    found = plan([f"{docs}/nowhere", f"{docs}/*.pdf", "/no/such/*.md", str(docs / "b.md")], suffixes=SUFFIXES)
    assert [(error.source, error.reason) for error in found.failures] == [
        (f"{docs}/nowhere", "missing"),
        (f"{docs}/*.pdf", "missing"),
        ("/no/such/*.md", "missing"),
    ]
    assert keys(found) == ["docs/b.md"]
    assert len(found.scopes) == 1


def test_a_file_named_twice_is_read_once(docs: Path) -> None:
    found = plan([str(docs), str(docs / "b.md"), f"{docs}/*.md"], suffixes=SUFFIXES)
    assert sorted(keys(found)) == sorted(keys(plan([str(docs)], suffixes=SUFFIXES)))


def test_links_lead_neither_out_nor_round(docs: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.md"
    secret.write_text("secret")
    (docs / "out.md").symlink_to(secret)
    (docs / "up").symlink_to(tmp_path)
    (docs / "round").symlink_to(docs)
    (docs / "inside.md").symlink_to(docs / ".hidden" / "e.md")
    (docs / "broken.md").symlink_to(docs / "gone.md")
    found = plan([str(docs)], suffixes=SUFFIXES)
    names = [file.path.name for file in found.files]
    assert names == ["a.txt", "b.md", "broken.md", "inside.md", "c.md", "d.MD", "g.jsonl"]
    assert "docs/out.md" in found.skipped


def test_a_link_that_the_user_names_is_followed(docs: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(docs)
    assert keys(plan([str(tmp_path / "link")], suffixes=SUFFIXES))[0] == "link/a.txt"


def test_a_name_that_is_no_text_can_still_be_a_key(docs: Path) -> None:
    odd = os.fsencode(docs) + b"/odd-\xff.md"
    with open(odd, "wb") as file:  # noqa: PTH123 - a path of bytes
        file.write(b"x")
    for key in keys(plan([str(docs)], suffixes=SUFFIXES)):
        key.encode("utf-8")


def test_a_folder_speaks_for_what_came_from_it(docs: Path) -> None:
    (scope,) = plan([str(docs)], suffixes=SUFFIXES).scopes
    assert scope.covers(known("docs/gone.md", f"{docs}/gone.md"))
    assert scope.covers(known("docs/z/g.jsonl#7", f"{docs}/z/g.jsonl"))
    assert scope.covers(known("docs/moved.md", "/where/it/was/docs/moved.md"))
    assert scope.covers(known("elsewhere/kept-its-key.md", f"{docs}/gone.md"))
    assert not scope.covers(known("docs2/a.md", f"{docs}2/a.md"))
    assert not scope.covers(known("upload#7", "upload"))


def test_a_folder_of_the_same_name_that_still_exists_is_another_folder(docs: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "docs" / "own.md"
    other.parent.mkdir(parents=True)
    other.write_text("x")
    (scope,) = plan([str(docs)], suffixes=SUFFIXES).scopes
    assert not scope.covers(known("docs/own.md", str(other)))


def test_a_glob_speaks_for_what_it_matches(docs: Path) -> None:
    (scope,) = plan([f"{docs}/**/*.md"], suffixes=SUFFIXES).scopes
    assert scope.covers(known("docs/sub/gone.md", f"{docs}/sub/gone.md"))
    assert not scope.covers(known("docs/sub/gone.txt", f"{docs}/sub/gone.txt"))


def test_a_file_speaks_for_its_records() -> None:
    scope = Scope(Path("/x/z/g.jsonl"), "z/g.jsonl", is_file=True)
    assert scope.covers(known("docs/z/g.jsonl#3", "/x/z/g.jsonl"))
    assert scope.covers(known("z/g.jsonl#3", "/gone/z/g.jsonl"))
    assert not scope.covers(known("z/g.jsonl2#3", "/gone/z/g.jsonl2"))


def test_a_file_keeps_the_key_that_it_had() -> None:
    documents = [
        known("docs/z/g.jsonl#a#b", "/x/docs/z/g.jsonl"),
        known("docs/c#.md", "/x/docs/c#.md"),
        known("upload#1", "upload"),
    ]
    found = known_file_keys({document.source: document for document in documents})
    assert found["/x/docs/z/g.jsonl"] == "docs/z/g.jsonl"
    assert found["/x/docs/c#.md"] == "docs/c#.md"
