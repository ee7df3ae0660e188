"""`grounding prompt`: versions, differences, uses, and what is said of a text that a model may misread."""

from __future__ import annotations

import io
import stat
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from api.prompt_commands import ABSTAINS, CITES
from grounding.prompt import BUILT_IN
from tests.api.test_cli import ENVIRONMENT, Shell, documents, shell

__all__ = ["documents", "shell"]

TEXT = "Answer from the passages, like [1], or say: I don't know."


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GROUNDING_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.delenv("EDITOR", raising=False)
    return tmp_path / "home"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "support.txt"
    file.write_text(TEXT, "utf-8")
    return file


def editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """From now on this is the editor; $1 is the file that it is given."""
    program = tmp_path / "editor"
    program.write_text(f"#!/bin/sh\n{script}\n", "utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("EDITOR", str(program))


def versions(shell: Shell) -> dict[str, Any]:
    listed = cast(list[dict[str, Any]], shell.json("prompt", "list")["prompts"])
    return {each["version"]: each for each in listed}


def test_a_file_makes_a_version_that_is_used_once_chosen(shell: Shell, file: Path, documents: Path) -> None:
    shell.json("ingest", documents, "-c", "handbook")
    made = shell.json("prompt", "edit", "support", "--file", file, "--note", "shorter")
    assert (made["version"], made["note"], made["changed"], made["warnings"]) == ("support-1", "shorter", True, [])
    assert versions(shell)["support-1"]["in_use"] == []
    assert shell.json("ask", "When does it open?", "-c", "handbook")["prompt_version"] == BUILT_IN.version
    shell.json("prompt", "use", "support-1", "-c", "handbook", "--language", "en")
    assert versions(shell)["support-1"]["in_use"] == [{"collection": "handbook", "language": "en"}]
    assert shell.json("ask", "When does it open?", "-c", "handbook")["prompt_version"] == "support-1"
    shell.json("prompt", "use", "answer", "-c", "handbook", "--language", "en")
    assert shell.json("ask", "When does it open?", "-c", "handbook")["prompt_version"] == BUILT_IN.version
    assert shell.json("prompt", "use", "--unset", "-c", "handbook", "-l", "en")["prompt"] == ""
    uses = cast(list[dict[str, object]], shell.json("prompt", "history")["uses"])
    assert [use["prompt"] for use in uses] == ["", BUILT_IN.version, "support-1"]
    assert not any(use["holds"] for use in uses)


def test_the_same_text_makes_no_version_and_says_so(shell: Shell, file: Path) -> None:
    shell.json("prompt", "edit", "support", "--file", file)
    assert shell.json("prompt", "edit", "support", "--file", file)["changed"] is False
    assert shell.run("prompt", "edit", "support", "--file", file) == 0
    assert "nothing has changed since support-1" in shell.out


def test_a_text_comes_from_stdin(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(f"{TEXT}\n".encode())))
    shell.json("prompt", "edit", "support", "--file", "-")
    assert shell.json("prompt", "show", "support")["text"] == TEXT


def test_the_editor_begins_with_the_latest_version(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor(tmp_path, monkeypatch, 'echo "- Say please." >> "$1"')
    shell.json("prompt", "edit", "support")
    shell.json("prompt", "edit", "support")
    assert shell.json("prompt", "show", "support-2")["text"] == f"{BUILT_IN.text}\n- Say please.\n- Say please."
    shell.json("prompt", "edit", "support", "--from", "support-1")
    assert shell.json("prompt", "show", "support")["version"] == "support-2"  # support-3 would say the same
    editor(tmp_path, monkeypatch, "true")
    assert shell.json("prompt", "edit", "other")["changed"] is False
    assert "other-1" not in versions(shell)


@pytest.mark.parametrize(("script", "says"), [("exit 3", "ended with 3"), (': > "$1"', "empty")])
def test_an_editor_that_fails_makes_nothing(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, says: str
) -> None:
    editor(tmp_path, monkeypatch, script)
    assert shell.run("prompt", "edit", "support") != 0
    assert says in shell.err
    assert list(versions(shell)) == [BUILT_IN.version]


def test_two_versions_are_compared(shell: Shell, file: Path) -> None:
    shell.json("prompt", "edit", "support", "--file", file)
    file.write_text(f"{TEXT}\nBe brief.", "utf-8")
    shell.json("prompt", "edit", "support", "--file", file)
    found = shell.json("prompt", "show", "support", "--against", "support-1")
    assert found["version"] == "support-2"
    assert str(found["diff"]).splitlines() == [
        "--- support-1",
        "+++ support-2",
        "@@ -1 +1,2 @@",
        f" {TEXT}",
        "+Be brief.",
    ]
    assert shell.run("prompt", "show", "support-1", "--against", "support-1") == 0
    assert "says the same" in shell.out


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Say: I don't know.", ["cite"]),
        ("Cite like [1].", ["I don't know"]),
        (f"{TEXT} " + "Mind the tone of it. " * 400, ["third"]),
        ("Hello.", ["cite", "I don't know"]),
        (BUILT_IN.text, []),
        ("角括弧で [1] と書き、なければ「わかりません」とだけ答えてください。", []),
    ],
)
def test_a_text_that_may_be_misread_is_warned_of(shell: Shell, file: Path, text: str, says: list[str]) -> None:
    file.write_text(text, "utf-8")
    warnings = cast(list[str], shell.json("prompt", "edit", "support", "--file", file)["warnings"])
    assert len(warnings) == len(says)
    assert all(word in warning for word, warning in zip(says, warnings, strict=True))


def test_a_text_that_leaves_no_room_is_refused(shell: Shell, file: Path) -> None:
    file.write_text(f"{TEXT} " + "Mind the tone of it. " * 2000, "utf-8")
    assert shell.run("prompt", "edit", "support", "--file", file) == 2
    assert "prompting.budget_tokens is 4000" in shell.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["edit", "answer", "--file", "x"], "built-in"),
        (["edit", "support"], "set EDITOR"),
        (["edit", "support", "--file", "missing.txt"], "missing.txt"),
        (["edit", "support", "--file", "x", "--from", "answer"], "leave one of the two out"),
        (["use"], "one of the two"),
        (["use", "answer", "--unset"], "one of the two"),
        (["use", "--unset"], "no prompt is in use for all questions"),
        (["use", "answr"], "did you mean 'answer'"),
        (["use", "answer", "--language", "jp"], "did you mean 'ja'"),
        (["use", "answer", "-c", "none"], "collection 'none' is not known"),
        (["show", "answer-9"], "did you mean 'answer"),
    ],
)
def test_errors_name_the_culprit(shell: Shell, arguments: list[str], says: str) -> None:
    assert shell.run("prompt", *arguments) in (1, 2)
    assert says in shell.err


def test_a_person_reads_tables(shell: Shell, file: Path) -> None:
    shell.run("prompt", "edit", "support", "--file", file, "--note", "[bold]as it is")
    shell.run("prompt", "use", "support", "--language", "ja")
    assert shell.run("prompt", "list") == 0
    assert "language 'ja'" in shell.out
    assert "all questions" in shell.out
    assert "[bold]as it is" in shell.out
    assert shell.run("prompt", "history") == 0
    assert "support-1" in shell.out
    assert shell.run("prompt", "show", "support") == 0
    assert shell.out.strip() == TEXT


def test_the_warnings_know_what_the_built_in_says() -> None:
    assert CITES.search(BUILT_IN.text)
    assert ABSTAINS.search(BUILT_IN.text)
