"""The linear model: features, scores and the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grounding.safety.linear import BITS, LinearModel, buckets


def model(**weights: int) -> LinearModel:
    """One head that knows whole words."""
    table = np.zeros((1 << BITS, 1), np.int8)
    for word, weight in weights.items():
        table[buckets(word)] = weight
    return LinearModel(table, np.array([0.5], np.float32), np.array([-1.0], np.float32), "test")


def test_buckets_are_the_same_everywhere() -> None:
    assert buckets("ab").tolist() == sorted(buckets("ab").tolist())
    assert len(buckets("ab")) == 7  # of " ab ": three pairs, two threes, one four; and the word
    assert buckets("a  b").tolist() == buckets("a b").tolist()
    assert set(buckets("ignore it")) > set(buckets("ignore")) - set(buckets("ignore x"))


def test_scores() -> None:
    knows = model(ignore=2)
    found = buckets("ignore")
    assert knows.scores(found) == [pytest.approx(2 * 0.5 * np.sqrt(len(found)) - 1.0)]
    assert knows.scores(buckets("")) == [-1.0]


@settings(max_examples=100, deadline=None)
@given(text=st.text(max_size=300))
def test_any_text_has_buckets(text: str) -> None:
    found = buckets(text)
    assert len(set(found.tolist())) == len(found)
    assert all(0 <= bucket < 1 << BITS for bucket in found.tolist())


def test_a_model_is_written_as_plain_numbers(tmp_path: Path) -> None:
    knows = model(ignore=2)
    np.savez(tmp_path / "m.npz", weights=knows.weights, scale=knows.scale, bias=knows.bias, version=np.array("test"))
    read = LinearModel.load(tmp_path / "m.npz")
    assert read.version == "test"
    assert read.scores(buckets("ignore")) == knows.scores(buckets("ignore"))


def test_a_model_of_another_shape_is_refused(tmp_path: Path) -> None:
    knows = model()
    np.savez(tmp_path / "m.npz", weights=knows.weights[:8], scale=knows.scale, bias=knows.bias, version=np.array("x"))
    with pytest.raises(ValueError, match="shape"):
        LinearModel.load(tmp_path / "m.npz")


def test_pickles_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "m.npz", weights=np.array([{}], object))
    with pytest.raises(ValueError, match="pickle"):
        LinearModel.load(tmp_path / "m.npz")
