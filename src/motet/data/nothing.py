"""No user, no item, no event: what a model is built from when no log is at hand, or none is read."""

import numpy as np
import polars as pl

from motet.data.catalogue import Catalogue
from motet.data.dataset import Dataset, Encodings
from motet.data.timelines import Timelines
from motet.data.vocabulary import Encoding


def no_log(*, timed: bool = False, once: bool = False) -> Timelines:
    """Timelines without events; whether they would have times, and whether items come once."""
    empty = np.zeros(0, np.int64)
    table = np.zeros((0, 0), np.float32)
    codes = np.zeros((0, 0), np.int32)
    return Timelines(
        pl.Series([], dtype=pl.String), np.zeros(1, np.int64), empty, empty, timed, empty, empty,
        codes, table, codes, table, codes, table, {}, {}, {}, once,
    )  # fmt: skip


def nothing() -> Dataset:
    """A data set of the empty catalogue and the empty log: of runs whose tasks all read texts."""
    none = Encoding([], [])
    catalogue = Catalogue(
        ids=pl.Series([], dtype=pl.String),
        kinds=[],
        kind_I=np.full(1, -1, np.int16),
        encoding=none,
        code_IJ=np.zeros((1, 0), np.int32),
        number_IV=np.zeros((1, 0), np.float32),
        text_I=[""],
        vectors={},
        time_I=np.full(1, -1, np.int64),
        trained_I=np.zeros(1, bool),
    )
    return Dataset(catalogue, no_log(), Encodings(none, none, none, {}, False), [], {})
