from __future__ import annotations

import tomllib
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent


def test_what_is_installed_has_every_package() -> None:
    told = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["packages"]
    roots = ("grounding", "store", "ingest", "api")
    there = {
        ".".join(file.parent.relative_to(REPOSITORY).parts)
        for root in roots
        for file in (REPOSITORY / root).rglob("*.py")
    }
    assert there == {name for name in told if name.split(".")[0] in roots}
