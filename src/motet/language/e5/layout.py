"""The tensors of the packed model: their names there and in transformers' BertModel, and their shapes."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """Sizes of the network, in the order of the file's header."""

    hidden: int
    layers: int
    heads: int
    feed_forward: int
    vocabulary: int
    positions: int
    types: int


@dataclass(frozen=True)
class Tensor:
    """One tensor.

    Args:
        packed: Its name in the packed file.
        name: Its name in a BertModel.
        shape: Its shape in both.
        blocks: Whether it is stored as blocks of 4-bit numbers; else as float32.
    """

    packed: str
    name: str
    shape: tuple[int, ...]
    blocks: bool


def tensors(sizes: Sizes) -> Iterator[Tensor]:
    """Every tensor of the packed file."""
    width = (sizes.hidden,)
    yield Tensor("emb.word", "embeddings.word_embeddings.weight", (sizes.vocabulary, sizes.hidden), True)
    yield Tensor("emb.pos", "embeddings.position_embeddings.weight", (sizes.positions, sizes.hidden), False)
    yield Tensor("emb.type", "embeddings.token_type_embeddings.weight", (sizes.types, sizes.hidden), False)
    yield Tensor("emb.ln.w", "embeddings.LayerNorm.weight", width, False)
    yield Tensor("emb.ln.b", "embeddings.LayerNorm.bias", width, False)
    for layer in range(sizes.layers):
        yield from _layer(f"l{layer}", f"encoder.layer.{layer}", sizes)


def _layer(packed: str, name: str, sizes: Sizes) -> Iterator[Tensor]:
    hidden, wide = sizes.hidden, sizes.feed_forward
    products = {
        "q": ("attention.self.query", hidden, hidden),
        "k": ("attention.self.key", hidden, hidden),
        "v": ("attention.self.value", hidden, hidden),
        "ao": ("attention.output.dense", hidden, hidden),
        "fi": ("intermediate.dense", wide, hidden),
        "fo": ("output.dense", hidden, wide),
    }
    for short, (long, rows, columns) in products.items():
        yield Tensor(f"{packed}.{short}.w", f"{name}.{long}.weight", (rows, columns), True)
        yield Tensor(f"{packed}.{short}.b", f"{name}.{long}.bias", (rows,), False)
    for short, long in {"aln": "attention.output.LayerNorm", "oln": "output.LayerNorm"}.items():
        yield Tensor(f"{packed}.{short}.w", f"{name}.{long}.weight", (hidden,), False)
        yield Tensor(f"{packed}.{short}.b", f"{name}.{long}.bias", (hidden,), False)
