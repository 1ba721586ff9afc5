"""What is known of every item, as tensors: the catalogue's arrays and the language model's vectors.

Shapes: I items (number 0 is none), T width of the language model.
"""

from collections.abc import Callable

import numpy as np
import torch

from motet.data.catalogue import Catalogue
from motet.data.timelines import Timelines
from motet.features.items import Beside, ItemContent
from motet.features.live import Words
from motet.features.neighbours import similar_items
from motet.system.log import stage

Encode = Callable[[list[str]], np.ndarray]


def build_content(
    catalogue: Catalogue, encode: Encode | None, beside: Beside | None = None, words: Words | None = None
) -> ItemContent:
    """Content of a catalogue.

    Args:
        catalogue: The items.
        encode: Texts to vectors ``(N, T)``, cached by whoever gives it; None when there is no language model.
        beside: From `items_beside`.
        words: Tokens of the texts, for a language model that is tuned.
    """
    id_row_I = np.zeros(len(catalogue), np.int64)
    id_row_I[catalogue.trained_I] = np.arange(1, int(catalogue.trained_I.sum()) + 1)
    return ItemContent(
        code_IJ=torch.from_numpy(catalogue.code_IJ.astype(np.int64)),
        number_IV=torch.from_numpy(catalogue.number_IV),
        text_IT=_text_vectors(catalogue.text_I, encode),
        vectors={name: torch.from_numpy(vector) for name, vector in catalogue.vectors.items()},
        id_row_I=torch.from_numpy(id_row_I),
        beside=beside,
        words=words,
    )


@stage("neighbours of items")
def items_beside(log: Timelines, num_items: int, neighbours: int) -> Beside | None:
    """Items that the same users had in training, ``(I, M)`` each, and their shares, which sum to 1 or 0.

    Args:
        log: The timelines.
        num_items: Size of the catalogue.
        neighbours: How many items go with an item; 0 for None, as it is where no task ranks items.
    """
    if not neighbours or not log.positive:
        return None
    counts_N = counted_together(log)
    user_N, item_N = log.user_N[counts_N], log.item_N[counts_N].astype(np.int64)
    neighbour_IM, similarity_IM = similar_items(user_N, item_N, num_items, neighbours=neighbours)
    share_IM = similarity_IM / np.maximum(similarity_IM.sum(1, keepdims=True), 1e-9)
    return torch.from_numpy(neighbour_IM), torch.from_numpy(share_IM)


def counted_together(log: Timelines) -> np.ndarray:
    """Events that say which items go together, boolean ``(N,)``: positive ones, of training rows alone."""
    counts_N: np.ndarray = log.train_N & np.logical_or.reduce(list(log.positive.values()))
    return counts_N


def _text_vectors(text_I: list[str], encode: Encode | None) -> torch.Tensor | None:
    """One vector an item; zeros where it has no text, None where no item has."""
    if encode is None or not any(text_I):
        return None
    has = np.array([bool(text) for text in text_I])
    found = encode([text for text in text_I if text])
    out = np.zeros((len(text_I), found.shape[1]), np.float32)
    out[has] = found
    return torch.from_numpy(out)
