"""ItemEncoder: an item's vector out of its text, its id, its categories, its numbers and ready-made vectors.

Shapes: I items (number 0 is none), J code slots, V numbers, T width of the language model, M neighbours, N
rows of the id table, D width.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from motet.features.columns import ColumnEncoder
from motet.features.live import LiveTexts, Reader, Words
from motet.features.nearest import nearest_texts
from motet.features.whitening import Whitening
from motet.nn.dropout import Dropout
from motet.nn.fusion import Fusion
from motet.nn.neighbours import Edges, both_ways, sums_of_neighbours

Beside = tuple[Tensor, Tensor]
"""Items that the same users had, int64 ``(I, M)``, and their shares, float32."""

PICTURE = "image:"  # how the names of vectors begin that a vision model read
TABLES = ("neighbour_IM", "share_IM", "near_IM", "nearness_IM")  # of an encoder that mixes neighbours in


@dataclass(frozen=True)
class ItemContent:
    """What is known of each item; replaced as a whole when the catalogue changes."""

    code_IJ: Tensor  # int64
    number_IV: Tensor  # float32, NaN is missing
    text_IT: Tensor | None  # frozen vectors of the language model; None without one
    vectors: dict[str, Tensor]  # name -> (I, width), NaN rows are missing
    id_row_I: Tensor  # int64, row of the id table; 0 for an item that training never met
    beside: Beside | None = None
    words: Words | None = None  # tokens of the texts, for a language model that is tuned


class ItemEncoder(nn.Module):
    """Item vector = projected text + id embedding + features + projected ready-made vectors + neighbours.

    The last are the mean of the vectors of items that the same users had in training, mapped linearly: what
    little is known of an item is filled up from what lies beside it (as graph convolutions do, He et al.,
    SIGIR 2020, arXiv:2002.02126). To an item that no user of the training had with another, the mean of the
    whole vectors of those items is added whose texts are nearest.
    In training the ids of some items are hidden, the same for a whole step and so on the input and the
    output side alike (`id_dropout`); an item that was never seen then works from its content alone. Whoever
    has ids beside these hides the same ones: `hidden_N` has the last pass's rows, None where none are hidden.

    Args:
        content: What is known of the items.
        codes: Size of the code range of the items' categories.
        width: Width of an item vector.
        ids: Rows of the id table (row 0 is zero); 0 leaves ids out.
        id_dropout: Share of ids hidden in a training step.
        dropout: On the language model's vector and on ready-made ones.
        whiten: Whiten the language model's vectors, by the items that training met.
        live: Items of a step whose texts are read anew with gradient, where the language model is tuned.
    """

    def __init__(
        self,
        content: ItemContent,
        codes: int,
        width: int,
        ids: int,
        id_dropout: float,
        dropout: float,
        *,
        whiten: bool = False,
        live: int = 0,
    ) -> None:
        super().__init__()
        self.columns = ColumnEncoder(codes, content.number_IV.shape[1], width)
        self.ids = nn.Embedding(ids, width, padding_idx=0) if ids > 1 else None
        self.text = None if content.text_IT is None else nn.Linear(content.text_IT.shape[1], width)
        self.projections = nn.ModuleDict(
            {vector_key(name): nn.Linear(v.shape[1], width) for name, v in content.vectors.items()}
        )
        self.whitening = None
        if whiten and content.text_IT is not None:
            self.whitening = Whitening(content.text_IT[content.id_row_I > 0])
        self.live: LiveTexts | None = None
        if live and content.words is not None and content.text_IT is not None:
            self.live = LiveTexts(content.words, content.text_IT, self.whitening, live)
        self.whitenings = nn.ModuleDict(
            {
                vector_key(name): Whitening(_known(v[content.id_row_I > 0]))
                for name, v in content.vectors.items()
                if name.startswith(PICTURE)
            }
        )
        self.fusion: Fusion | None = None  # put in where the model is built
        self.modality_dropout = 0.0  # likewise
        self.mix = None if content.beside is None else nn.Linear(width, width, bias=False)
        self.dropout = Dropout(dropout)
        self.id_dropout = id_dropout
        self.hidden_N: Tensor | None = None
        self.width = width
        if self.mix is not None:
            nn.init.eye_(self.mix.weight)
        if self.ids is not None:
            nn.init.normal_(self.ids.weight, std=0.05)
            with torch.no_grad():
                self.ids.weight[0] = 0
        self.set_content(content)

    def set_content(self, content: ItemContent) -> None:
        """Put another catalogue in place; weights stay as they are."""
        self.vector_names = sorted(content.vectors)  # always added in one order, for sums round
        self.register_buffer("code_IJ", content.code_IJ, persistent=False)
        self.register_buffer("number_IV", content.number_IV, persistent=False)
        self.register_buffer("text_IT", content.text_IT, persistent=False)
        self.register_buffer("white_IT", self._whitened(content.text_IT), persistent=False)
        self.register_buffer("id_row_I", content.id_row_I, persistent=False)
        for name, table in zip(TABLES, self._neighbours(content), strict=True):
            follows = self.live is not None and name in TABLES[2:]  # what the tuned model read decides on it
            self.register_buffer(name, table, persistent=follows)
        self.edges: dict[str, tuple[Edges, Edges]] = {}
        for name, vector in content.vectors.items():
            self.register_buffer(vector_key(name), vector, persistent=False)
        self.settle_pictures()

    def settle_pictures(self) -> None:
        """Work out anew what follows from the pictures' vectors and their whitening."""
        for key, whitening in self.whitenings.items():
            white_IT = whitening(self.get_buffer(key).nan_to_num(0.0))
            there_I1 = ~self.get_buffer(key).isnan().any(-1, keepdim=True)
            self.register_buffer(f"white_{key}", white_IT.where(there_I1, torch.nan), persistent=False)

    @property
    def texts(self) -> Tensor | None:
        """Whitened vectors of all texts, ``(I, T)``; None without a language model."""
        found: Tensor | None = self.white_IT  # a buffer, or None
        return found

    def read_texts(self, reader: Reader) -> None:
        """Read all texts anew with a tuned language model."""
        if self.live is not None:
            self.text_IT = self.live.read_all(reader)
            self.settle()

    def settle(self) -> None:
        """Work out anew what follows from the texts' vectors and their whitening."""
        text_IT: Tensor = self.get_buffer("text_IT")
        self.white_IT = self._whitened(text_IT)
        if self.mix is not None:
            beside = (self.get_buffer("neighbour_IM"), self.get_buffer("share_IM"))
            near = self._nearest(beside, self.get_buffer("id_row_I"))
            self.near_IM, self.nearness_IM = near
            self.edges = {name: edges for name, edges in self.edges.items() if name == TABLES[0]}

    def _whitened(self, text_IT: Tensor | None) -> Tensor | None:
        return text_IT if self.whitening is None or text_IT is None else self.whitening(text_IT)

    def _neighbours(self, content: ItemContent) -> tuple[Tensor | None, ...]:
        """Neighbours and their shares, then those by text of items that have none, and theirs."""
        if content.beside is None:
            return None, None, None, None
        return (*content.beside, *self._nearest(content.beside, content.id_row_I))

    def _nearest(self, beside: Beside, id_row_I: Tensor) -> tuple[Tensor, Tensor]:
        """Neighbours by text of items that no user had with another, and their shares."""
        neighbour_IM, share_IM = beside
        near_IM, nearness_IM = torch.zeros_like(neighbour_IM), torch.zeros_like(share_IM)
        white_IT = self.texts
        if white_IT is not None:
            row_R = 1 + torch.nonzero(share_IM[1:].sum(1) == 0).squeeze(-1)
            near_IM[row_R], nearness_IM[row_R] = nearest_texts(
                white_IT, row_R, id_row_I > 0, near_IM.shape[1]
            )
        return near_IM, nearness_IM

    def forward(self, item_K: Tensor | None = None) -> Tensor:
        """Vectors of some items ``(K, D)``, or of the whole catalogue ``(I, D)`` when none are named."""
        if self.mix is None:
            return self._own(item_K)
        if item_K is None:
            met_ID = self._met(None)
            edges = self._edges(*TABLES[2:], met_ID.device)
            return met_ID + sums_of_neighbours(met_ID.float(), edges) if len(edges[0].item_E) else met_ID
        return self._met(item_K) + self._bag(item_K, *TABLES[2:], self._met)

    def _met(self, item_K: Tensor | None) -> Tensor:
        """Vectors with what neighbours add that the same users had."""
        assert self.mix is not None
        own_KD = self._own(item_K)
        if item_K is None:
            mean_KD = sums_of_neighbours(own_KD.float(), self._edges(*TABLES[:2], own_KD.device))
        else:
            mean_KD = self._bag(item_K, *TABLES[:2], self._own)
        out: Tensor = own_KD + self.mix(mean_KD)
        return out

    def _bag(
        self, item_K: Tensor, neighbours: str, shares: str, vectors: Callable[[Tensor], Tensor]
    ) -> Tensor:
        """The weighted sum of the vectors of some items' neighbours, ``(K, D)``."""
        near_F, neighbour_F = torch.unique(self._pick(neighbours, item_K), return_inverse=True)
        return F.embedding_bag(
            neighbour_F.view(len(item_K), -1),
            vectors(near_F).float(),
            per_sample_weights=self._pick(shares, item_K),
            mode="sum",
        )

    def _edges(self, neighbours: str, shares: str, device: torch.device) -> tuple[Edges, Edges]:
        """The edges between neighbours, on the device where the vectors are."""
        if neighbours not in self.edges or self.edges[neighbours][0].item_E.device != device:
            self.edges[neighbours] = both_ways(self._pick(neighbours, None), self._pick(shares, None))
        return self.edges[neighbours]

    def _own(self, item_K: Tensor | None) -> Tensor:
        """Vectors of items without their neighbours."""
        out = self.columns(self._pick("code_IJ", item_K), self._pick("number_IV", item_K))
        parts = self._parts(item_K)
        if self.fusion is not None and parts:
            vector_KMD = torch.stack([vector_KD for vector_KD, _ in parts], 1)
            out = out + self.fusion(vector_KMD, torch.cat([there_K1 for _, there_K1 in parts], 1))
        else:
            for vector_KD, there_K1 in parts:
                out = out + vector_KD * there_K1
        if self.ids is not None:
            out = out + self._id_vectors(item_K)
        result: Tensor = out
        return result

    def _parts(self, item_K: Tensor | None) -> list[tuple[Tensor, Tensor]]:
        """Of the text and of each ready-made vector and picture: ``(K, D)``, and bool ``(K, 1)``, if there.

        In training some of them are hidden, the same for a whole step.
        """
        found = []
        if self.text is not None:
            white_KT = self._pick("white_IT", item_K) if self.live is None else self.live.rows(item_K)
            there_K1 = torch.ones_like(white_KT[:, :1], dtype=torch.bool)
            if self.fusion is not None:  # what has no text is zero, and the map of zero is its bias
                there_K1 = (white_KT != 0).any(-1, keepdim=True)
            found.append((self.text(self.dropout(white_KT.float())), there_K1))
        for name in self.vector_names:
            key = vector_key(name)
            vector = self._pick(f"white_{key}" if key in self.whitenings else key, item_K)
            there_K1 = ~vector.isnan().any(-1, keepdim=True)
            found.append((self.projections[key](self.dropout(vector.nan_to_num(0.0))), there_K1))
        if self.training and self.modality_dropout:
            found = [
                (vector_KD, there_K1 & (torch.rand_like(vector_KD[:, :1]) >= self.modality_dropout))
                for vector_KD, there_K1 in found
            ]
        return found

    def _id_vectors(self, item_K: Tensor | None) -> Tensor:
        assert self.ids is not None
        row_K = self._pick("id_row_I", item_K)
        self.hidden_N = None
        if self.training and self.id_dropout > 0:
            self.hidden_N = torch.rand(self.ids.num_embeddings, device=row_K.device) < self.id_dropout
            row_K = row_K.masked_fill(self.hidden_N[row_K], 0)
        vector: Tensor = self.ids(row_K)
        return vector

    def _pick(self, name: str, item_K: Tensor | None) -> Tensor:
        table: Tensor = self.get_buffer(name)
        return table if item_K is None else table[item_K]


def _known(vector_NT: Tensor) -> Tensor:
    return vector_NT[~vector_NT.isnan().any(-1)]


def vector_key(name: str) -> str:
    """What a ready-made vector is called inside a module, where names hold no dot.

    >>> vector_key("image.small")
    'vector_image%2Esmall'
    """
    return "vector_" + name.replace("%", "%25").replace(".", "%2E")
