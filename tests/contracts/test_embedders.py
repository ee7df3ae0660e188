"""What grounding.ports.Embedder promises, for every embedder."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from api.langchain import LangChainEmbedder
from grounding.models import sentence_transformers
from grounding.models.batching import QueryCache, SharedEmbedder
from grounding.models.builtin import HashEmbedder
from grounding.models.multilingual_e5 import MultilingualE5
from grounding.ports import Embedder
from grounding.values import FloatMatrix
from tests.api.langchain_models import Recording

TEXTS = [
    "Employees may carry over at most five days of annual leave into the next year.",
    "有給休暇は翌年度に5日まで繰り越すことができます。",
    "The pump HX-200 shows ERR-4012 when its inlet is blocked.",
    "",
    "a",
    "Leave.",
]
STRANGE = [
    "",
    " \n\t",
    "\x00",
    "\ud800 half a pair",
    "👩‍👩‍👧 𠮷野家",
    "e\u0301",
    "\u200b",
    "<s></s><pad>",
    "word " * 3000,
    "長" * 5000,
]

IMPLEMENTATIONS: dict[str, Callable[[Path], Embedder]] = {
    "builtin": lambda folder: HashEmbedder(),
    "multilingual-e5-small": lambda folder: MultilingualE5(folder=folder),
    "all-minilm-l6-v2": lambda folder: sentence_transformers.bundled_minilm(threads=1),
    "shared": lambda folder: SharedEmbedder(HashEmbedder(), cache=QueryCache(0)),
    "shared and remembered": lambda folder: SharedEmbedder(HashEmbedder(), cache=QueryCache(3), lanes=2, batch=2),
    "of LangChain": lambda folder: LangChainEmbedder(Recording(), count_tokens=HashEmbedder().count_tokens),
}


@pytest.fixture(scope="module", params=IMPLEMENTATIONS)
def embedder(request: pytest.FixtureRequest, models_folder: Path) -> Embedder:
    return IMPLEMENTATIONS[request.param](models_folder)


@pytest.fixture(params=["embed_queries", "embed_passages"])
def embed(request: pytest.FixtureRequest, embedder: Embedder) -> Callable[[list[str]], FloatMatrix]:
    method: Callable[[list[str]], FloatMatrix] = getattr(embedder, request.param)
    return method


def _assert_unit_rows(vectors: FloatMatrix, *, count: int, dimension: int) -> None:
    assert vectors.shape == (count, dimension)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)


def test_it_is_an_embedder(embedder: Embedder) -> None:
    assert isinstance(embedder, Embedder)


def test_the_fingerprint_stays_and_names_its_dimension(embedder: Embedder) -> None:
    fingerprint = embedder.fingerprint
    assert fingerprint == embedder.fingerprint
    assert fingerprint.name
    assert fingerprint.revision
    assert fingerprint.normalized
    assert embedder.embed_queries(["leave"]).shape == (1, fingerprint.dimension)


def test_vectors_are_unit_rows_in_float32(embed: Callable[[list[str]], FloatMatrix], embedder: Embedder) -> None:
    _assert_unit_rows(embed(TEXTS), count=len(TEXTS), dimension=embedder.fingerprint.dimension)


def test_no_texts_give_no_rows(embed: Callable[[list[str]], FloatMatrix], embedder: Embedder) -> None:
    assert embed([]).shape == (0, embedder.fingerprint.dimension)


def test_every_string_has_a_vector(embed: Callable[[list[str]], FloatMatrix], embedder: Embedder) -> None:
    _assert_unit_rows(embed(STRANGE), count=len(STRANGE), dimension=embedder.fingerprint.dimension)


def test_rows_keep_the_order_of_the_texts(embed: Callable[[list[str]], FloatMatrix]) -> None:
    together = embed(TEXTS)
    for text, row in zip(TEXTS, together, strict=True):
        np.testing.assert_allclose(embed([text])[0], row, atol=1e-5)
    np.testing.assert_allclose(embed(TEXTS[::-1])[::-1], together, atol=1e-5)


def test_the_same_text_has_the_same_vector(embed: Callable[[list[str]], FloatMatrix]) -> None:
    np.testing.assert_array_equal(embed(TEXTS), embed(TEXTS))


def test_threads_do_not_disturb_each_other(embed: Callable[[list[str]], FloatMatrix]) -> None:
    expected = embed(TEXTS)
    with ThreadPoolExecutor(8) as pool:
        for vectors in pool.map(embed, [TEXTS] * 16):
            np.testing.assert_array_equal(vectors, expected)


def test_likeness_of_words_is_likeness_of_vectors(embedder: Embedder) -> None:
    (query,) = embedder.embed_queries(["How many days of annual leave can employees carry over?"])
    near, _, far, *_ = embedder.embed_passages(TEXTS)
    assert float(query @ near) > float(query @ far) + 0.02


def test_tokens_are_counted_for_each_text(embedder: Embedder) -> None:
    counts = embedder.count_tokens(TEXTS)
    assert [embedder.count_tokens([text])[0] for text in TEXTS] == counts
    assert counts[3] == 0
    assert counts[0] > counts[5] > 0
    assert embedder.count_tokens([]) == []
    assert all(count >= 0 for count in embedder.count_tokens(STRANGE))


def test_more_text_never_has_fewer_tokens(embedder: Embedder) -> None:
    one, two = embedder.count_tokens([TEXTS[0], f"{TEXTS[0]} {TEXTS[1]}"])
    assert two > one


def test_the_window_is_a_number_of_tokens(embedder: Embedder) -> None:
    assert 100 <= embedder.max_tokens < math.inf
