"""Late interaction of the default embedder: its arithmetic against a plain one, and whether the answer is closer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grounding.models import multilingual_e5_tokens as tokens
from grounding.models.multilingual_e5 import DIMENSION, MultilingualE5
from grounding.ports import TokenEmbedder
from grounding.values import FloatMatrix, FloatVector

QUESTIONS = {
    "How many days of leave may be carried over?": "Staff may take five unused days of leave into the next year.",
    "What does the code ERR-4012 of the pump mean?": "ERR-4012: the inlet of the HX-200 pump is blocked.",
    "食堂は何時に開きますか。": "食堂は正午から午後二時まで営業している。",
    "Wie lange darf man ein Buch ausleihen?": "Bücher dürfen höchstens vier Wochen ausgeliehen werden.",
    "Во сколько закрывается музей?": "Музей закрывается в шесть часов вечера.",
    "พิพิธภัณฑ์ปิดวันไหน": "พิพิธภัณฑ์ปิดทุกวันจันทร์",
}


def drawn(seed: int, rows: int, dim: int = 16) -> FloatMatrix:
    return np.random.default_rng(seed).normal(size=(rows, dim)).astype(np.float32)


def unit(rows: FloatMatrix) -> FloatMatrix:
    found: FloatMatrix = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return found


def plainly(query: FloatMatrix, weight: FloatVector, passage: FloatMatrix, center: FloatVector) -> float:
    """The weighted mean of best cosines with the signs of a passage's tokens, one by one."""
    signs = np.where(passage > center, 1.0, -1.0)
    best = [max(float(token @ sign) / np.sqrt(sign.size) for sign in signs) for token in query]
    return float(np.average(best, weights=weight))


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**31), st.integers(1, 8), st.lists(st.integers(0, 6), max_size=6))
def test_closeness_is_the_mean_of_best_cosines_with_signs(seed: int, pieces: int, sizes: list[int]) -> None:
    center = drawn(seed, 1)[0] / 4
    query = unit(drawn(seed + 1, pieces))
    weight = np.abs(drawn(seed + 2, 1, pieces)[0]) + np.float32(0.05)
    passages = [drawn(seed + 3 + number, size) for number, size in enumerate(sizes)]
    kept = [
        tokens.packed(each, np.full(len(each), -9, np.float32), center=center) if len(each) else b""
        for each in passages
    ]
    assert [len(each) for each in kept] == [size * 16 // 8 for size in sizes]
    expected = [plainly(query, weight, each, center) if len(each) else 0.0 for each in passages]
    np.testing.assert_allclose(tokens.closeness(query, weight, kept), expected, atol=1e-5)


def test_a_token_that_is_its_own_signs_is_as_close_as_can_be() -> None:
    signs = np.where(drawn(1, 3) > 0, 1.0, -1.0).astype(np.float32)
    kept = tokens.packed(signs, np.full(3, -9, np.float32), center=np.zeros(16, np.float32))
    one = np.ones(1, np.float32)
    assert tokens.closeness(unit(signs[1:2]), one, [kept])[0] == pytest.approx(1.0)
    assert tokens.closeness(-unit(signs[1:2]), one, [kept])[0] < 1


def test_without_passages_or_pieces_nothing_is_close() -> None:
    query, one = unit(drawn(1, 1)), np.ones(1, np.float32)
    assert tokens.closeness(query, one, []).shape == (0,)
    assert tokens.closeness(query, one, [b"", b""]).tolist() == [0.0, 0.0]
    assert tokens.closeness(np.empty((0, 16), np.float32), np.empty(0, np.float32), [b"\x00\x01"]).tolist() == [0.0]


def test_the_commonest_pieces_are_not_kept_unless_there_are_no_others() -> None:
    hidden, center = drawn(1, 3), np.zeros(16, np.float32)
    rare, common = -tokens.COMMON - 1, -tokens.COMMON + 1

    def kept(*likelihoods: float) -> bytes:
        return tokens.packed(hidden, np.array(likelihoods, np.float32), center=center)

    assert kept(rare, common, rare) == kept(rare, rare, rare)[:2] + kept(rare, rare, rare)[4:]
    assert kept(common, common, common) == kept(rare, rare, rare)


def test_unlikely_pieces_of_a_question_matter_more_and_none_nothing() -> None:
    found = tokens.weights(np.array([-14.0, -9.0, -4.0, -1.0, 0.0], np.float32))
    np.testing.assert_allclose(found, [10.0, 5.0, 0.05, 0.05, 0.05])
    assert found.dtype == np.float32


@pytest.fixture(scope="module")
def embedder(models_folder: Path) -> MultilingualE5:
    return MultilingualE5(folder=models_folder, threads=2)


def test_the_passage_that_answers_is_closest(embedder: MultilingualE5) -> None:
    assert isinstance(embedder, TokenEmbedder)
    kept = [each.tokens for each in embedder.vectorize(list(QUESTIONS.values()))]
    for number, query in enumerate(embedder.query_tokens(list(QUESTIONS))):
        close = embedder.closeness(query, kept)
        assert int(np.argmax(close)) == number
        assert -0.1 < close.min() < close.max() < 1


def test_the_vector_is_that_of_embed_passages(embedder: MultilingualE5) -> None:
    texts = [*QUESTIONS.values(), "", "days " * 600]
    made = embedder.vectorize(texts)
    np.testing.assert_array_equal(np.stack([each.vector for each in made]), embedder.embed_passages(texts))
    assert embedder.vectorize([]) == []


def test_tokens_do_not_depend_on_what_is_embedded_with_them(embedder: MultilingualE5) -> None:
    texts = list(QUESTIONS.values())
    apart = [embedder.vectorize([text])[0].tokens for text in texts]
    assert [each.tokens for each in embedder.vectorize(texts)] == apart


def test_of_each_token_of_a_passage_a_bit_for_each_dimension_is_kept_and_none_of_the_prefix(
    embedder: MultilingualE5,
) -> None:
    texts = list(QUESTIONS.values())
    for text, made in zip(texts, embedder.vectorize(texts), strict=True):
        pieces, rest = divmod(len(made.tokens), DIMENSION // 8)
        assert rest == 0
        assert 0 < pieces <= embedder.count_tokens([text])[0]


@pytest.mark.parametrize("text", ["", " ", "。", "\ud800"])
def test_texts_with_hardly_a_token_can_be_compared(embedder: MultilingualE5, text: str) -> None:
    made = embedder.vectorize([text, "The canteen opens at noon."])
    (query,) = embedder.query_tokens([text])
    assert len(query.vectors) == len(query.weights)
    assert (query.weights > 0).all()
    assert np.isfinite(embedder.closeness(query, [each.tokens for each in made])).all()


def test_a_query_has_the_same_tokens_whether_it_was_embedded_before_or_not(embedder: MultilingualE5) -> None:
    texts = list(QUESTIONS)
    embedder.embed_queries(texts[:3])
    together = embedder.query_tokens([*texts, texts[0]])
    fresh = [MultilingualE5(folder=embedder.folder().parent, threads=1).query_tokens([text])[0] for text in texts[:4:3]]
    for known, new in zip([together[0], together[3]], fresh, strict=True):
        np.testing.assert_array_equal(known.vectors, new.vectors)
        np.testing.assert_array_equal(known.weights, new.weights)
    np.testing.assert_array_equal(together[-1].vectors, together[0].vectors)
    np.testing.assert_allclose(np.linalg.norm(together[0].vectors, axis=1), 1, atol=1e-5)
