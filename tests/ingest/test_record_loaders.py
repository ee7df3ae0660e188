"""JSON Lines and tables: one bad record costs itself alone."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import pytest

from grounding.errors import LoadError
from ingest.loaders.csv import CsvLoader
from ingest.loaders.files import Loaded
from ingest.loaders.jsonl import JsonLinesLoader, count_records


def jsonl(tmp_path: Path, *lines: str | bytes) -> list[Loaded | LoadError]:
    path = tmp_path / "file.jsonl"
    path.write_bytes(b"\n".join(line if isinstance(line, bytes) else line.encode() for line in lines))
    return list(JsonLinesLoader(1).load(path, source="docs/file.jsonl"))


def table(tmp_path: Path, text: str, *, name: str = "price_list.csv") -> list[Loaded | LoadError]:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return list(CsvLoader(1).load(path, source=f"docs/{name}"))


def only_error(found: list[Loaded | LoadError]) -> LoadError:
    (error,) = [item for item in found if isinstance(item, LoadError)]
    return error


def good(found: list[Loaded | LoadError]) -> list[Loaded]:
    return [item for item in found if isinstance(item, Loaded)]


def line(number: int) -> str:
    return json.dumps({"_id": f"d{number}", "title": f"Title {number}", "text": f"Text {number}."})


def test_a_record_of_each_shape(tmp_path: Path) -> None:
    found = jsonl(
        tmp_path,
        '{"_id": "a", "title": " A \\n title ", "text": "One.", "metadata": {"lang": "en"}, "year": 2024, "x": NaN}',
        "",
        '{"id": 7, "text": "Two."}',
        '{"text": "Three."}',
        '{"_id": null, "id": "d", "title": null, "text": "Four.", "metadata": null}',
    )
    assert found == [
        Loaded("A title", "One.", "text/plain", "a", "a", {"year": 2024, "x": None, "lang": "en"}),
        Loaded("", "Two.", "text/plain", "7", "7", {}),
        Loaded("", "Three.", "text/plain", "L4", None, {}),
        Loaded("", "Four.", "text/plain", "d", "d", {}),
    ]


def test_invalid_json_on_line_7_names_line_and_column(tmp_path: Path) -> None:
    lines = [line(number) for number in range(1, 11)]
    lines[6] = '{"_id": "d7", "text": oops}'
    found = jsonl(tmp_path, *lines)
    error = only_error(found)
    assert (error.source, error.reason) == ("docs/file.jsonl#L7", "json")
    assert "column 23" in error.detail
    assert [document.key for document in good(found)] == [f"d{n}" for n in range(1, 11) if n != 7]


@pytest.mark.parametrize(
    ("bad", "reason", "says"),
    [
        ('{"_id": "x"}', "schema", "text is missing"),
        ('{"_id": "x", "text": 5}', "schema", "text is int"),
        ('{"_id": "x", "text": " "}', "empty", "no text"),
        ('["x"]', "schema", "list"),
        ('{"_id": "", "text": "t"}', "schema", "id"),
        ('{"_id": true, "text": "t"}', "schema", "bool"),
        ('{"_id": 1.5, "text": "t"}', "schema", "float"),
        ('{"_id": "x", "text": "t", "title": []}', "schema", "title"),
        ('{"_id": "x", "text": "t", "metadata": []}', "schema", "metadata"),
        ('{"_id": "d1", "text": "t"}', "duplicate_id", "'d1' is already that of line 1"),
        (b'{"_id": "x", "text": "\xff"}', "encoding", "byte 22"),
        ("[" * 100_000, "json", "nested too deep"),
        ('{"_id": "x", "text": "' + "y" * (1 << 20) + '"}', "too_large", "GROUNDING_INGEST__MAX_LINE_MB"),
    ],
)
def test_a_bad_line_costs_itself_alone(tmp_path: Path, bad: str | bytes, reason: str, says: str) -> None:
    found = jsonl(tmp_path, line(1), bad, line(3))
    error = only_error(found)
    assert (error.source, error.reason) == ("docs/file.jsonl#L2", reason)
    assert says in error.detail
    assert [document.key for document in good(found)] == ["d1", "d3"]


def test_a_line_that_is_too_long_is_never_held(tmp_path: Path) -> None:
    path = tmp_path / "file.jsonl"
    with path.open("wb") as file:
        file.write(line(1).encode() + b"\n")
        file.seek(200 << 20)  # sparse: 200 MB that take no room
        file.write(b"\n" + line(3).encode())
    tracemalloc.start()
    try:
        found = list(JsonLinesLoader(1).load(path, source="docs/file.jsonl"))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert only_error(found).source == "docs/file.jsonl#L2"
    assert only_error(found).reason == "too_large"
    assert [document.key for document in good(found)] == ["d1", "d3"]
    assert peak < 8 << 20


def test_the_number_of_records_is_known_beforehand(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("".join(line(n) + "\n" for n in range(50)))
    assert count_records(path) == 50
    assert count_records(tmp_path / "gone.jsonl") == 1


def test_a_table_of_texts_is_a_document_a_row(tmp_path: Path) -> None:
    found = table(tmp_path, "ID,Title,Text,price,code\na1,First,One text.,1480,007\na2,,Two.,12.5,12\n")
    assert found == [
        Loaded("First", "One text.", "text/plain", "a1", "a1", {"price": 1480, "code": "007"}),
        Loaded("", "Two.", "text/plain", "a2", "a2", {"price": 12.5, "code": "12"}),
    ]


def test_any_other_table_is_one_document_with_a_line_a_row(tmp_path: Path) -> None:
    (document,) = table(tmp_path, 'code,list_price,note\nHX-200,1480,"a, b"\nDL-40,860,\n')
    assert isinstance(document, Loaded)
    assert document.title == ""
    assert document.text == "code: HX-200; list price: 1480; note: a, b\n\ncode: DL-40; list price: 860"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_recognised(tmp_path: Path, delimiter: str) -> None:
    text = 'name,note;x\nA,"one; two, three"\nB,four'.replace(",", "\0").replace("\0", delimiter)
    text = text.replace(";x", "") if delimiter == ";" else text
    (document,) = table(tmp_path, text)
    assert isinstance(document, Loaded)
    assert document.text.startswith("name: A; note")


@pytest.mark.parametrize(
    ("text", "title", "expected"),
    [
        ("Stanley Cups,,\nTeam,City,Cups\nBlues,STL,1\n", "Stanley Cups", "Team: Blues; City: STL; Cups: 1"),
        ("Cups\nTeam,City\nBlues,STL\nFlyers,PHI", "Cups", "Team: Blues; City: STL\n\nTeam: Flyers; City: PHI"),
        ("A,A,B,\n1,2,3,4\n5,6,7,\n", "", "A: 1; A 2: 2; B: 3; column 4: 4\n\nA: 5; A 2: 6; B: 7"),
        ("note\none, two\nthree\nfour; five\n", "", "note: one, two\n\nnote: three\n\nnote: four; five"),
    ],
)
def test_tables_as_people_make_them(tmp_path: Path, text: str, title: str, expected: str) -> None:
    assert table(tmp_path, text) == [Loaded(title, expected, "text/csv")]


def test_rows_of_the_wrong_width_are_reported_by_line(tmp_path: Path) -> None:
    found = table(tmp_path, 'a,b\n1,"two\nlines"\nx\n3,4,5\n6,7,\n')
    errors = [item for item in found if isinstance(item, LoadError)]
    assert [(error.source, error.reason) for error in errors] == [
        ("docs/price_list.csv#L4", "csv"),
        ("docs/price_list.csv#L5", "csv"),
    ]
    assert "1 cells where the header has 2" in errors[0].detail
    assert [document.text for document in good(found)] == ["a: 1; b: two lines\n\na: 6; b: 7"]


def test_a_quote_that_is_never_closed_is_reported(tmp_path: Path) -> None:
    found = table(tmp_path, 'a,b\n1,2\n3,"four\n5,6\n')
    assert only_error(found).source == "docs/price_list.csv#L3"
    assert good(found)[0].text == "a: 1; b: 2"


@pytest.mark.parametrize(("text", "reason"), [("a,b\n", "empty"), ("text,id\nx,\n", "schema"), ('"a\n', "schema")])
def test_a_table_that_cannot_be_one(tmp_path: Path, text: str, reason: str) -> None:
    try:
        error = only_error(table(tmp_path, text))
    except LoadError as raised:
        error = raised
    assert error.reason == reason


def test_a_cell_may_be_longer_than_the_csv_module_likes(tmp_path: Path) -> None:
    (document,) = table(tmp_path, "id,text\n1," + "word " * 60_000 + "\n")
    assert isinstance(document, Loaded)
    assert len(document.text) > 250_000


def test_duplicate_ids_of_rows(tmp_path: Path) -> None:
    error = only_error(table(tmp_path, "id,text\n1,a\n1,b\n"))
    assert (error.source, error.reason) == ("docs/price_list.csv#L3", "duplicate_id")
