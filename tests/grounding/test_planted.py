"""The generator of planted instructions."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from grounding.evaluation.planted import KINDS, neutralised, planted, wordings
from grounding.values import Finding

CLEAN = ["The pump is blue. It has two valves.", "ポンプは青い。弁は二つある。"] * 16


def test_every_kind_is_planted_into_the_clean_text() -> None:
    cases = planted(CLEAN, 3)
    assert {case.kind for case in cases} == set(KINDS)
    for clean, case in zip(CLEAN, cases, strict=True):
        assert case.text[case.start : case.end].strip()
        left = case.text[: case.start] + case.text[case.end :]
        assert "".join(left.split()) == "".join(clean.split())


def test_the_same_seed_plants_the_same() -> None:
    assert planted(CLEAN, 3) == planted(CLEAN, 3)
    assert planted(CLEAN, 3) != planted(CLEAN, 4)


def test_the_parts_share_no_wording() -> None:
    assert not set(wordings("train")) & set(wordings("dev"))
    assert min(len(wordings("train")), len(wordings("dev"))) > 50


@settings(max_examples=50, deadline=None)
@given(text=st.text(max_size=80), seed=st.integers(0, 99))
def test_any_passage_can_be_planted(text: str, seed: int) -> None:
    (case,) = planted([text], seed)
    assert 0 <= case.start < case.end <= len(case.text)
    assert neutralised(case, [Finding("override", case.start, case.end, 1.0)])
    assert not neutralised(case, [])
