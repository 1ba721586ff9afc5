"""The catalogue as arrays: every item that the files or the log name, under a dense number.

Number 0 is "no item or an unknown one". Numbers follow a seeded hash of the ids, so that neither the order
of a file nor the size of an id can leak. Shapes: I numbers (0 included), J code slots, V numbers.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from motet.data.table import Feature, Tables
from motet.data.vocabulary import Encoding, fit_encoding


@dataclass(frozen=True)
class Catalogue:
    """All items with what is known of them."""

    ids: pl.Series  # (I - 1,), the id of number i stands at i - 1
    kinds: list[str]
    kind_I: np.ndarray  # int16, place in `kinds`; -1 for number 0
    encoding: Encoding
    code_IJ: np.ndarray  # int32
    number_IV: np.ndarray  # float32, NaN is missing
    text_I: list[str]  # "" where an item has none
    vectors: dict[str, np.ndarray]  # name -> (I, width) float32, NaN rows are missing
    time_I: np.ndarray  # int64 ms when the item came to be; -1 unknown
    trained_I: np.ndarray  # bool, met in a training event
    pictures: dict[str, list[str]] = field(default_factory=dict)  # name -> a path an item, "" where none

    def __len__(self) -> int:
        return len(self.kind_I)

    def numbers(self, ids: pl.Series) -> np.ndarray:
        """Dense numbers ``(N,)`` int32 of ids; 0 for an id that the catalogue lacks."""
        table = pl.DataFrame({"id": self.ids, "number": np.arange(1, len(self), dtype=np.int32)})
        wanted = ids.cast(self.ids.dtype, strict=False).to_frame("id")
        return (
            wanted.join(table, on="id", how="left", maintain_order="left")["number"].fill_null(0).to_numpy()
        )


def shuffled_ids(ids: pl.Series, seed: int) -> pl.Series:
    """Distinct ids in the order of a seeded hash, the same for every order of the input.

    >>> a = shuffled_ids(pl.Series([3, 1, 2, 1]), 0); b = shuffled_ids(pl.Series([1, 2, 3]), 0); a.equals(b)
    True
    """
    distinct = ids.drop_nulls().unique()
    keys = [hashlib.blake2b(f"{seed}:{each}".encode(), digest_size=8).digest() for each in distinct.to_list()]
    return distinct.gather(np.argsort(np.array(keys, dtype="S8"), kind="stable"))


def build_catalogue(tables: Tables, event_items: pl.Series, trained_items: pl.Series, seed: int) -> Catalogue:
    """Number the items and encode their features.

    Args:
        tables: Cleaned tables.
        event_items: Distinct item ids of the log.
        trained_items: Distinct item ids of the training rows; encodings are fitted on the items among them.
        seed: Of the numbering.
    """
    known = tables.items["@item"] if tables.items is not None else event_items.clear()
    if known.dtype != event_items.dtype:
        known, event_items = known.cast(pl.String), event_items.cast(pl.String)
        trained_items = trained_items.cast(pl.String)
    ids = shuffled_ids(pl.concat([known.rename("@item"), event_items.rename("@item")]), seed)
    frame = ids.alias("@item").to_frame()
    if tables.items is not None:
        items = tables.items.with_columns(pl.col("@item").cast(ids.dtype))
        frame = frame.join(items, on="@item", how="left", maintain_order="left")
    trained = ids.is_in(trained_items.implode()).to_numpy()
    encoding = fit_encoding(frame, tables.roles.item, trained if trained.any() else None)
    return _assemble(frame, ids, encoding, tables.roles.item, trained)


def _assemble(
    frame: pl.DataFrame,
    ids: pl.Series,
    encoding: Encoding,
    features: tuple[Feature, ...],
    trained: np.ndarray,
) -> Catalogue:
    code, number = encoding.encode(frame)
    kind = (
        frame["@kind"].fill_null("item") if "@kind" in frame.columns else pl.Series(["item"] * frame.height)
    )
    kinds = sorted(kind.unique().to_list())
    place = {name: index for index, name in enumerate(kinds)}
    time = frame["@time"].fill_null(-1).to_numpy() if "@time" in frame.columns else np.full(frame.height, -1)
    return Catalogue(
        ids=ids,
        kinds=kinds,
        kind_I=np.concatenate([[-1], [place[each] for each in kind.to_list()]]).astype(np.int16),
        encoding=encoding,
        code_IJ=_with_zero_row(code),
        number_IV=_with_zero_row(number, np.nan),
        text_I=["", *item_texts(frame, features)],
        vectors={f.name: _vectors(frame, f.name) for f in features if f.kind == "vector"},
        time_I=np.concatenate([[-1], time]).astype(np.int64),
        trained_I=np.concatenate([[False], trained]),
        pictures={
            f.name: ["", *frame[f.name].fill_null("").to_list()] for f in features if f.kind == "image"
        },
    )


def item_texts(frame: pl.DataFrame, features: tuple[Feature, ...]) -> list[str]:
    """One text an item: its text columns in the declared order, joined by ". "; "" when all are empty."""
    names = [f.name for f in features if f.kind == "text" and f.name in frame.columns]
    if not names:
        return [""] * frame.height
    parts = [_as_text(frame[name]).str.strip_chars() for name in names]
    rows = zip(*(part.to_list() for part in parts), strict=True)
    return [". ".join(cell for cell in row if cell) for row in rows]


def _as_text(column: pl.Series) -> pl.Series:
    if column.dtype == pl.List:
        return column.cast(pl.List(pl.String)).list.join(", ").fill_null("")
    return column.cast(pl.String).fill_null("")


def _vectors(frame: pl.DataFrame, name: str) -> np.ndarray:
    rows: list[Any] = frame[name].to_list()
    width = max((len(row) for row in rows if row is not None), default=1)
    out = np.full((len(rows) + 1, width), np.nan, np.float32)
    for number, row in enumerate(rows, 1):
        if row is not None:
            out[number] = row
    return out


def _with_zero_row(rows: np.ndarray, fill: float = 0) -> np.ndarray:
    return np.concatenate([np.full((1, rows.shape[1]), fill, rows.dtype), rows])
