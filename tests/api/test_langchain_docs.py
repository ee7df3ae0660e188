"""docs/langchain.md is true: what it shows runs, in order."""

from __future__ import annotations

from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from tests.api.test_cli import ENVIRONMENT

PAGE = Path(__file__).resolve().parents[2] / "docs" / "langchain.md"


def test_the_examples_of_the_page_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {**ENVIRONMENT, "GROUNDING_HOME": str(tmp_path / "home")}.items():
        monkeypatch.setenv(name, value)
    blocks = [token.content for token in MarkdownIt().parse(PAGE.read_text("utf-8")) if token.info == "python"]
    names: dict[str, object] = {}
    exec(compile("\n".join(blocks), str(PAGE), "exec"), names)
    assert "180 EUR" in capsys.readouterr().out
    assert names["found"][0].id == "travel"  # type: ignore[index]
    assert names["documents"][0].id == "leave"  # type: ignore[index]
    assert len(names["history"].messages) == 2  # type: ignore[attr-defined]
    assert callable(names["embedder"])
    names["service"].close()  # type: ignore[attr-defined]
