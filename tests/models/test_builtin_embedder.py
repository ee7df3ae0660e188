"""The embedder without a model."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from grounding.models.builtin import DIMENSION, HashEmbedder


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text(max_size=60), max_size=5))
def test_any_texts_give_unit_rows(texts: list[str]) -> None:
    vectors = HashEmbedder().embed_passages(texts)
    assert vectors.shape == (len(texts), DIMENSION)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)


def test_vectors_are_the_same_in_every_process() -> None:
    (vector,) = HashEmbedder().embed_queries(["leave"])
    assert {int(i): round(float(vector[i]), 3) for i in np.flatnonzero(vector)} == {
        54: -0.257,
        122: 0.257,
        131: 0.857,
        154: -0.257,
        222: -0.257,
    }


def test_misspelt_words_stay_near() -> None:
    embedder = HashEmbedder()
    (query,) = embedder.embed_queries(["anual leave polcy"])
    near, far = embedder.embed_passages(["annual leave policy", "pump maintenance schedule"])
    assert float(query @ near) > float(query @ far) + 0.3
