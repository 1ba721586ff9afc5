"""Documents: the items of a catalogue as texts that are looked for.

Shapes: M items.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from motet.config.data import DataConfig
from motet.data.catalogue import item_texts, shuffled_ids
from motet.data.readers import join_items
from motet.data.readers_files import find_files
from motet.data.readers_raw import open_source
from motet.data.table import ITEM, KIND, PLAIN_KIND, Feature
from motet.data.text_parts import TEXT
from motet.errors import DataError


@dataclass(frozen=True)
class Documents:
    """The items that have a text and are of the kind that is looked for.

    Args:
        table: A row an item: ``@item``, ``@kind``, ``@text``, the columns of its features and, where a split
            reads one, ``@split``.
        features: Which columns are its features.
        left_out: Items of that kind without a text.
    """

    table: pl.DataFrame
    features: tuple[Feature, ...]
    left_out: int = 0

    def __len__(self) -> int:
        return self.table.height

    @property
    def item_M(self) -> pl.Series:
        """Their ids."""
        return self.table[ITEM]

    @property
    def text_M(self) -> list[str]:
        """Their texts."""
        return self.table[TEXT].to_list()

    def shuffled(self) -> "Documents":
        """The same in the order of a seeded hash of the ids, so that the order of a file decides no tie."""
        order = shuffled_ids(self.item_M, 0).to_frame()
        return replace(self, table=order.join(self.table, on=ITEM, how="left", maintain_order="left"))

    def titles(self) -> tuple[list[str], list[str | None]]:
        """What names each item: the first of its text columns that is filled there; and which one that is.

        Files may have text columns of their own. An item of which only lists are filled has its whole text
        for a name, and no column.
        """
        named = [each.name for each in self.features if each.kind == "text"]
        plain = [name for name in named if self.table.schema[name] == pl.String]
        filled = [pl.col(name).str.strip_chars().replace("", None) for name in plain]
        column = [
            pl.when(each.is_not_null()).then(pl.lit(name)) for each, name in zip(filled, plain, strict=True)
        ]
        found = self.table.select(
            pl.coalesce(*filled, pl.col(TEXT)).alias("title"),
            pl.coalesce(*column, pl.lit(None, pl.String)).alias("column"),
        )
        return found["title"].to_list(), found["column"].to_list()


def read_documents(
    data: DataConfig, folder: Path, kind: str | None = None, split: str | None = None
) -> Documents:
    """The items of the files that a configuration names.

    Args:
        data: Its `data` part.
        folder: Where paths begin.
        kind: Of the items; None for all.
        split: A column of the files that says which part an item is of.

    Raises:
        DataError: A file or a column is missing, or no item of the kind has a text.
    """
    raws = [open_source(source, folder, "data.items") for source in data.items]
    if split is not None and not any(split in raw.schema for raw in raws):
        raws[0].need(split, "split.column")
    return documents_of(*join_items(raws, data.items, split), kind)


def state_of(data: DataConfig, folder: Path) -> tuple[object, ...]:
    """What tells states of the files of items apart: when each was written, and how long it is."""
    try:
        files = [file for source in data.items for file in find_files(source.path, folder)]
        return tuple((file, (told := file.stat()).st_mtime_ns, told.st_size) for file in files)
    except (DataError, OSError):
        return ()  # one is gone


def documents_of(items: pl.DataFrame, features: Sequence[Feature], kind: str | None = None) -> Documents:
    """The same of a table that was read already.

    Raises:
        DataError: No item of the kind has a text.
    """
    items = items.with_columns(pl.col(KIND).fill_null(PLAIN_KIND))
    if kind is not None and kind not in (kinds := items[KIND].unique().sort().to_list()):
        raise DataError(f"data.items: no item is of kind {kind!r}. The items are {', '.join(kinds)}.")
    texts = pl.Series(TEXT, item_texts(items, tuple(features)), dtype=pl.String)
    mine = items.with_columns(texts).filter(pl.col(ITEM).is_not_null())
    mine = mine if kind is None else mine.filter(pl.col(KIND) == kind)
    found = mine.filter(pl.col(TEXT).str.len_chars() > 0)
    if found.is_empty():
        raise DataError(
            f"data.items: none of {mine.height:,} items has a text to be found by. Declare  text:  columns."
        )
    return Documents(found, tuple(features), mine.height - found.height)
