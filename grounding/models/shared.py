"""What several embedders need: texts that can be encoded, rows of unit length."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from grounding.values import FloatMatrix


def well_formed(text: str) -> str:
    """The text with `?` for halves of surrogate pairs, which tokenizers refuse."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode("utf-8")
    return text


def unit_rows(matrix: npt.NDArray[np.floating]) -> FloatMatrix:
    """The matrix (n, dim) as float32 with rows of unit length; a row without a direction becomes the first axis."""
    rows = np.array(matrix, dtype=np.float32)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    nowhere = ~(np.isfinite(lengths) & (lengths > 1e-12))[:, 0]
    if nowhere.any():
        rows[nowhere] = 0.0
        rows[nowhere, 0] = 1.0
        lengths[nowhere] = 1.0
    return np.ascontiguousarray(rows / lengths)
