"""Plain text and Markdown: titles, front matter, charsets."""

from __future__ import annotations

from pathlib import Path

import pytest

from grounding.errors import LoadError
from ingest.loaders.files import Loaded, decode
from ingest.loaders.text import MarkdownLoader, TextLoader


def markdown(tmp_path: Path, text: str, *, name: str = "some_page.md") -> Loaded:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    (loaded,) = MarkdownLoader(1).load(path, source=name)
    assert isinstance(loaded, Loaded)
    return loaded


def text_title(tmp_path: Path, text: str) -> str:
    path = tmp_path / "dl-40_sheet.txt"
    path.write_text(text, encoding="utf-8")
    (loaded,) = TextLoader(1).load(path, source="x")
    assert isinstance(loaded, Loaded)
    assert loaded.text == text
    return loaded.title


def test_front_matter_becomes_metadata_and_leaves_the_text(tmp_path: Path) -> None:
    page = markdown(
        tmp_path,
        "---\ntitle: Leave - the rules\nupdated: 2024-11-05\nat: 2024-11-05 10:30:00\ntags: [a, b]\ndays: 5\nnone: ~\n"
        "nested: {x: .nan}\n1: one\n---\n\n# Heading\n\nText.\n",
    )
    assert page.title == "Leave - the rules"
    assert page.text == "# Heading\n\nText."
    assert page.metadata == {
        "updated": "2024-11-05",
        "at": "2024-11-05T10:30:00",
        "tags": ["a", "b"],
        "days": 5,
        "none": None,
        "nested": {"x": None},
        "1": "one",
    }


def test_broken_front_matter_names_the_line(tmp_path: Path) -> None:
    with pytest.raises(LoadError) as caught:
        markdown(tmp_path, "---\nowner: me\ntitle: Leave: the rules\n---\ntext")
    assert caught.value.reason == "front_matter"
    assert "line 3" in caught.value.detail


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.system [echo]", "!!python/name:os.system"])
def test_front_matter_builds_no_objects(tmp_path: Path, tag: str) -> None:
    with pytest.raises(LoadError) as caught:
        markdown(tmp_path, f"---\nx: {tag}\n---\ntext")
    assert caught.value.reason == "front_matter"


def test_front_matter_cannot_explode(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    with pytest.raises(LoadError) as caught:
        markdown(tmp_path, "---\n" + "\n".join(lines) + "\n---\ntext")
    assert caught.value.reason == "metadata"


def test_a_rule_is_not_front_matter(tmp_path: Path) -> None:
    text = "---\n\nJust a paragraph.\n\n---\n\nAnother."
    page = markdown(tmp_path, text)
    assert page.text == text
    assert page.metadata == {}


def test_only_front_matter_is_an_empty_document(tmp_path: Path) -> None:
    with pytest.raises(LoadError) as caught:
        markdown(tmp_path, "---\ntitle: x\n---\n\n")
    assert caught.value.reason == "empty"


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("# The *real* `title` of [this](http://x) #\n\ntext", "The real title of this"),
        ("Intro.\n\nUnderlined\n==========\n\ntext", "Underlined"),
        ("```\n# not this\n```\n\n## But this\n", "But this"),
        ("No heading at all.", ""),
        ("snake_case stays\n=====\n", "snake_case stays"),
    ],
)
def test_title_of_markdown(tmp_path: Path, text: str, title: str) -> None:
    assert markdown(tmp_path, text).title == title


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("AWARDS AND RECOGNITION\n\nSome text.", "AWARDS AND RECOGNITION"),
        ("保証規定（日本国内）\n\n本文です。", "保証規定（日本国内）"),
        ("DL-40 - QUICK START\nRevision D\n======\n\nText.", "DL-40 - QUICK START"),
        ("This is a sentence.\n\nAnother one.", ""),
        ("One line only", ""),
        ("=====\n\nText", ""),
    ],
)
def test_title_of_plain_text(tmp_path: Path, text: str, title: str) -> None:
    assert text_title(tmp_path, text) == title


@pytest.mark.parametrize(
    ("charset", "text"),
    [
        ("shift_jis", "休暇は年に20日あります。"),
        ("cp932", "①製品の名前と「価格」～のお知らせ"),
        ("euc_jp", "カタカナと漢字のテストです。"),
        ("iso2022_jp", "日本語のテキスト"),
        ("cp1252", "The café serves crème brûlée – “tasty” at 5 €."),
        ("cp1252", "Müller isst Käse. ÄRGER in der Straße, größer als früher."),
        ("cp1252", "¿Dónde está el niño? ¡Aquí!"),
        ("latin-1", "déjà vu à la carte"),
        ("cp1251", "Привет, как дела? Это обычный русский текст для проверки."),
        ("koi8_r", "Привет, как дела? Это обычный русский текст для проверки."),
        ("gb18030", "这是一个普通的中文文本，用来测试编码检测。"),
        ("big5", "這是一個普通的中文文本，用來測試編碼檢測。"),
        ("euc_kr", "이것은 인코딩 감지를 시험하기 위한 평범한 한국어 텍스트입니다."),
        ("cp1250", "Zażółć gęślą jaźń. To jest zwykły polski tekst, który ma sprawdzić kodowanie znaków w pliku."),
        ("utf-16", "Hello\nworld"),
        ("utf-16", "日本語のテキスト、です。"),
        ("utf-16-be", "\ufeffHello\nworld"),
        ("utf-16-be", "Hello\nworld, without a mark."),
        ("utf-16-le", "Hello\nworld, without a mark."),
        ("utf-32", "Hello\nworld"),
        ("utf-8-sig", "Hello, 世界"),
    ],
)
def test_old_charsets_are_understood(charset: str, text: str) -> None:
    assert decode(text.encode(charset), source="x") == text.removeprefix("\ufeff")


@pytest.mark.parametrize(
    ("data", "offset"),
    [
        (b"Hello \xff\xfe world", 6),
        (b"caf\xc3\x28 abc", 3),
        (b"abc \x80\x81 def", 4),
        ("日本語のテキスト".encode()[:-1], 21),
        ("café ".encode() * 20 + b"\xc3\x28 hello", 120),
        (bytes(range(128, 256)), 0),
        (b"\xff\xfe broken text", 0),
        (b"Valid start. \xed\xa0\x80 end", 13),
        (b"\xc3\x28\xa0\xa1\xe2\x28\xa1", 0),
    ],
)
def test_what_no_charset_explains_is_refused(data: bytes, offset: int) -> None:
    with pytest.raises(LoadError) as caught:
        decode(data, source="docs/a.txt")
    assert caught.value.reason == "encoding"
    assert f"byte {offset} " in caught.value.detail


def test_decomposed_letters_are_composed_and_compatibility_forms_stay() -> None:
    assert decode("か\u3099 e\u0301 \u1112\u1161\u11ab 神".encode(), source="x") == "が é 한 神"
