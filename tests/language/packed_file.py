"""Writes a tiny packed model byte by byte, as the format says, and knows every number in it."""

import struct
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

HIDDEN, LAYERS, HEADS, WIDE, VOCABULARY, POSITIONS, TYPES = SIZES = (32, 1, 2, 64, 24, 16, 2)
PIECES = {
    "<s>": 0.0,
    "<pad>": 0.0,
    "</s>": 0.0,
    "<unk>": 0.0,
    "▁": -3.0,
    "▁red": -2.0,
    "▁shoe": -2.0,
    "s": -2.5,
    "▁sh": -4.0,
    "oe": -4.0,
    "鞋": -5.0,
    "红": -5.0,
    "红鞋": -6.0,
    "½": -7.0,
    "passage": -3.0,
    ":": -3.0,
    "<mask>": 0.0,
}
RULES = {"R": "r", "\t": " ", "\u3000": " ", "\u200b": "", "Ⓢ": "s", "①": "1 2"}


@dataclass(frozen=True)
class Tiny:
    """What goes into the file; a test changes a part of it."""

    magic: bytes = b"E5S1"
    version: int = 1
    sizes: tuple[int, ...] = SIZES
    block: int = 32
    pieces: tuple[tuple[bytes, float], ...] = tuple((text.encode(), score) for text, score in PIECES.items())
    special: tuple[int, int, int, int] = (0, 2, 1, 3)  # begin, end, padding, unknown
    rules: tuple[tuple[int, tuple[int, ...]], ...] = tuple(
        (ord(sign), tuple(map(ord, text))) for sign, text in RULES.items()
    )
    left_out: str = ""
    scales: dict[str, float] = field(default_factory=dict)
    seed: int = 0

    def write(self, path: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.bytes())
        return path

    def bytes(self) -> bytes:
        head = self.magic + struct.pack("<I7ifi", self.version, *self.sizes, 1e-12, self.block)
        texts = [text for text, _ in self.pieces]
        ends = np.cumsum([0, *map(len, texts)])
        head += struct.pack("<5iQ", len(texts), *self.special, ends[-1])
        head += ends.astype("<u4").tobytes()
        head += np.array([score for _, score in self.pieces], "<f4").tobytes() + b"".join(texts)
        rules = b"".join(struct.pack(f"<IB{len(to)}I", sign, len(to), *to) for sign, to in sorted(self.rules))
        head += struct.pack("<iI", len(self.rules), len(rules)) + rules
        return self._tensors(head)

    def _tensors(self, head: bytes) -> bytes:
        stored = {name: self.stored(name) for name in shapes() if name != self.left_out}
        start = len(head) + 4 + sum(2 + len(name) + 21 for name in stored)
        head += struct.pack("<i", len(stored))
        for name, data in stored.items():
            count = int(np.prod(shapes()[name]))
            head += struct.pack("<H", len(name)) + name.encode()
            head += struct.pack("<BIQQ", len(data) != 4 * count, count, start, len(data))
            start += len(data)
        return head + b"".join(stored.values())

    def stored(self, name: str) -> bytes:
        """Bytes of a tensor."""
        if len(shapes()[name]) == 1 or name in ("emb.pos", "emb.type"):
            return self.numbers(name).astype("<f4").tobytes()
        codes, scales = self.codes(name)
        half = codes[:, :16] | codes[:, 16:] << 4
        pairs = zip(scales, half, strict=True)
        return b"".join(np.float16(scale).tobytes() + row.tobytes() for scale, row in pairs)

    def numbers(self, name: str) -> np.ndarray:
        """The numbers that a reader has to find."""
        shape = shapes()[name]
        if len(shape) == 1 or name in ("emb.pos", "emb.type"):
            return self._random(name).normal(size=shape).astype(np.float32)
        codes, scales = self.codes(name)
        return ((codes.astype(np.float64) - 8) * scales[:, None]).reshape(shape).astype(np.float32)

    def codes(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Codes of 0 to 15, ``(N, 32)``, and scales, ``(N,)``, of the blocks."""
        blocks, random = int(np.prod(shapes()[name])) // 32, self._random(name)
        scales = random.integers(1, 9, blocks) / 64
        scales[0] = self.scales.get(name, scales[0])
        return random.integers(0, 16, (blocks, 32)).astype(np.uint8), scales

    def _random(self, name: str) -> np.random.Generator:
        return np.random.default_rng([self.seed, *name.encode()])

    def but(self, **changes: object) -> "Tiny":
        return replace(self, **changes)


def shapes() -> dict[str, tuple[int, ...]]:
    """Shapes of all tensors."""
    found: dict[str, tuple[int, ...]] = {
        "emb.word": (VOCABULARY, HIDDEN),
        "emb.pos": (POSITIONS, HIDDEN),
        "emb.type": (TYPES, HIDDEN),
        "emb.ln.w": (HIDDEN,),
        "emb.ln.b": (HIDDEN,),
    }
    for short in ("q", "k", "v", "ao"):
        found |= {f"l0.{short}.w": (HIDDEN, HIDDEN), f"l0.{short}.b": (HIDDEN,)}
    found |= {"l0.fi.w": (WIDE, HIDDEN), "l0.fi.b": (WIDE,), "l0.fo.w": (HIDDEN, WIDE), "l0.fo.b": (HIDDEN,)}
    return found | {f"l0.{short}.{part}": (HIDDEN,) for short in ("aln", "oln") for part in "wb"}
