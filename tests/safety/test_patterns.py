"""Every regular expression of the checks and of what is done to answers takes time that stays within bounds, whatever
it reads: found out by a tool that reads the expressions, and by texts made of their own letters."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
import re
import time
import warnings
from collections.abc import Iterator
from types import ModuleType

import pytest

import grounding.safety
from grounding import figures, folding, polarity, polish, postprocess, preprocess, prompt, segment, support
from grounding.models import presidio_pii

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # it imports re's parser by its old name
    from regexploit.ast.sre import SreOpParser
    from regexploit.redos import find

WORST_STARS = 2
"""Of what may repeat side by side: 2 is quadratic, which texts of bounded length bear and the test of time judges; 11
and more is exponential."""
LONG = 3_000
SECONDS = 0.5
"""Of one expression over one text, at most: quadratic time takes some 0.05 on a text so long, cubic minutes."""


def modules() -> list[ModuleType]:
    inside = pkgutil.iter_modules(grounding.safety.__path__)
    found = [importlib.import_module(f"grounding.safety.{info.name}") for info in inside]
    others = (figures, folding, polarity, polish, postprocess, preprocess, prompt, segment, support, presidio_pii)
    return [*found, *others]


def patterns_in(value: object, depth: int = 0) -> Iterator[re.Pattern[str]]:
    if isinstance(value, re.Pattern):
        if isinstance(value.pattern, str):
            yield value
    elif depth < 5 and isinstance(value, tuple | list | frozenset | set):
        for each in value:
            yield from patterns_in(each, depth + 1)
    elif depth < 5 and isinstance(value, dict):
        yield from patterns_in(list(value.values()), depth + 1)
    elif depth < 5 and dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield from patterns_in(getattr(value, field.name), depth + 1)


def all_patterns() -> dict[str, re.Pattern[str]]:
    found: dict[str, re.Pattern[str]] = {}
    for module in modules():
        for name, value in vars(module).items():
            for number, pattern in enumerate(patterns_in(value)):
                found.setdefault(f"{module.__name__}.{name}[{number}]", pattern)
    return found


PATTERNS = all_patterns()


def stars(pattern: str, flags: int = 0) -> int:
    """How many unbounded repetitions of one character can stand side by side, at most."""
    # The tool is older than repetitions that give nothing back: as others they can only look worse.
    parsed = SreOpParser().parse_sre(re.sub(r"(?<=[\w\])}][*+?}])\+|(?<=[*+?}])\+(?=[^\]*+?])", "", pattern), flags)
    return max((redos.starriness for redos in find(parsed, flags)), default=0)


def hostile(pattern: re.Pattern[str]) -> list[str]:
    """Long texts of the pattern's own words, and of what stands between words."""
    words = sorted(set(re.findall(r"[^\W\d_]{2,}", pattern.pattern)), key=len, reverse=True)[:5]
    pieces = [
        *words,
        " ".join(words) + " ",
        *(f"{word} " for word in words[:2]),
        " ",
        "a",
        "a ",
        "1",
        "1 ",
        "\n",
        "<",
        "*",
        "。",
    ]
    return [(piece * (LONG // len(piece) + 1))[:LONG] + "\0" for piece in pieces if piece.strip(" ") or piece == " "]


def test_the_tools_find_what_they_are_for() -> None:
    assert stars(r"(a+)+$") > 10
    assert stars(r"\s*,?\s*,?\s*x") > WORST_STARS
    assert len(PATTERNS) > 40


@pytest.mark.parametrize("name", sorted(PATTERNS))
def test_no_expression_repeats_what_repeats(name: str) -> None:
    pattern = PATTERNS[name]
    assert stars(pattern.pattern, pattern.flags) <= WORST_STARS


@pytest.mark.parametrize("name", sorted(PATTERNS))
def test_no_text_keeps_an_expression_busy(name: str) -> None:
    pattern = PATTERNS[name]
    for text in hostile(pattern):
        began = time.process_time()
        for _ in zip(range(50), pattern.finditer(text), strict=False):
            pass
        assert time.process_time() - began < SECONDS, text[:40]
