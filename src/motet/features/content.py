"""What is known of every item, as tensors: the catalogue's arrays and the language model's vectors.

Shapes: I items (number 0 is none), T width of the language model.
"""

from collections.abc import Callable

import numpy as np
import torch

from motet.data.catalogue import Catalogue
from motet.features.items import ItemContent

Encode = Callable[[list[str]], np.ndarray]


def build_content(catalogue: Catalogue, encode: Encode | None) -> ItemContent:
    """Content of a catalogue.

    Args:
        catalogue: The items.
        encode: Texts to vectors ``(N, T)``, cached by whoever gives it; None when there is no language model.
    """
    id_row_I = np.zeros(len(catalogue), np.int64)
    id_row_I[catalogue.trained_I] = np.arange(1, int(catalogue.trained_I.sum()) + 1)
    return ItemContent(
        code_IJ=torch.from_numpy(catalogue.code_IJ.astype(np.int64)),
        number_IV=torch.from_numpy(catalogue.number_IV),
        text_IT=_text_vectors(catalogue.text_I, encode),
        vectors={name: torch.from_numpy(vector) for name, vector in catalogue.vectors.items()},
        id_row_I=torch.from_numpy(id_row_I),
    )


def _text_vectors(text_I: list[str], encode: Encode | None) -> torch.Tensor | None:
    """One vector an item; zeros where it has no text, None where no item has."""
    if encode is None or not any(text_I):
        return None
    has = np.array([bool(text) for text in text_I])
    found = encode([text for text in text_I if text])
    out = np.zeros((len(text_I), found.shape[1]), np.float32)
    out[has] = found
    return torch.from_numpy(out)
