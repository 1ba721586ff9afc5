"""What a pretrained language model has read: a number for each text, in a file beside the model.

With it a training notices that texts which validate or test it are no news to the model. Shapes: K texts.
"""

from pathlib import Path

import numpy as np
import polars as pl

from motet.data.fingerprint import fingerprint
from motet.data.text_parts import TEXT, key_of
from motet.data.texts import TextRows

FILE = "texts_read.npy"
_SEED = 0  # of the numbers: one for all models


def numbers_of(texts: pl.Series) -> np.ndarray:
    """A number of 64 bits for each text, but for case and blanks, uint64 ``(K,)``, ascending."""
    found: np.ndarray = np.unique(fingerprint(key_of(texts), _SEED))
    return found


def write_read(folder: Path, number_K: np.ndarray) -> None:
    """Write beside a model what it has read."""
    np.save(folder / FILE, number_K, allow_pickle=False)


def read_by(folder: Path) -> np.ndarray:
    """What a model has read, uint64 ``(K,)``, ascending; nothing where its folder does not say."""
    if not (folder / FILE).exists():
        return np.zeros(0, np.uint64)
    found: np.ndarray = np.load(folder / FILE, allow_pickle=False)
    return found


def count_read(rows: TextRows, part: int, number_K: np.ndarray) -> tuple[int, int]:
    """How many texts of a part a model has read, and how many the part has.

    Args:
        rows: Of a task.
        part: The part.
        number_K: What the model has read.
    """
    texts = pl.Series(TEXT, [rows.text_N[at] for at in rows.rows(part).tolist()], pl.String)
    own_N = fingerprint(key_of(texts), _SEED)
    return int(np.isin(own_N, number_K).sum()), len(own_N)
