"""Texts: the rows of text tasks, out of files of their own or out of the catalogue's.

Shapes: N texts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from motet.config.data import Column, DataConfig, ItemsSource
from motet.config.tasks import Multiclass, Retrieval, Texts
from motet.data.readers_cells import as_id, as_text, in_words, unify_ids
from motet.data.readers_raw import Raw, open_source
from motet.data.text_parts import PART, TEXT, again, key_of, parts
from motet.data.timelines import PARTS, TRAIN, UNUSED
from motet.errors import DataError

JOINED = ". "  # between the columns of a text, as in the catalogue
LABEL, ID = "@label", "@id"


@dataclass(frozen=True)
class TextRows:
    """All rows of one text task, in the order of the files.

    Args:
        text_N: The texts.
        label_N: Class numbers, int64; the count of the classes stands for a class that no training row has.
        part_N: Train, valid or test, int8; unused: a text without a label.
        classes: Names of the classes, in the order of their numbers.
        statements: What is to be told of them.
    """

    text_N: Sequence[str]
    label_N: np.ndarray
    part_N: np.ndarray
    classes: tuple[str, ...]
    statements: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.text_N)

    def rows(self, part: int) -> np.ndarray:
        """Places of the rows of a part, int64."""
        return np.flatnonzero(self.part_N == part)


def read_texts(
    task: Multiclass, data: DataConfig, folder: Path, seed: int, classes: Sequence[str] | None = None
) -> TextRows:
    """The rows of a text task.

    Args:
        task: With `texts`.
        data: For the catalogue's files, where the texts are those of items.
        folder: Where paths begin.
        seed: Of the training: where no split says another, it draws validation and test rows.
        classes: Of a trained model, which reads no more texts without a label; None learns them from the
            training rows.

    Raises:
        DataError: A column is missing, or a part has no row.
    """
    table, said = labelled(task, data, folder)
    part_N = parts(table, task, seed)
    trained = classes is not None
    if classes is None:
        classes = _classes(table, part_N, task)
    number = {name: place for place, name in enumerate(classes)}
    label_N = np.array([number.get(each, len(classes)) for each in table[LABEL]], np.int64)
    said += again(table, part_N, task)
    more, lines = list[str](), list[str]()
    if not trained:
        more, lines = _unlabelled(task, folder, table.filter(pl.Series(part_N != TRAIN))[TEXT])
    none_N = np.full(len(more), len(classes), np.int64)
    return TextRows(
        table[TEXT].to_list() + more,
        np.concatenate([label_N, none_N]),
        np.concatenate([part_N, np.full(len(more), UNUSED, np.int8)]),
        tuple(classes),
        said + lines,
    )


def _unlabelled(task: Multiclass, folder: Path, held: pl.Series) -> tuple[list[str], list[str]]:
    """Texts without a label, each once, and what is to be told of them.

    Args:
        task: Which names their files.
        folder: Where paths begin.
        held: Texts that validate or test: nobody learns from them.
    """
    if not isinstance(task.texts, Texts) or task.texts.unlabelled is None:
        return [], []
    source = task.texts.model_copy(update={"path": task.texts.unlabelled})
    raw = open_source(source, folder, f"tasks.{task.name}.texts")
    table = raw.frame.select(_joined(raw, [Column(column=name) for name in task.texts.text])).collect()
    found = table[TEXT].filter(table[TEXT].str.len_chars() > 0).unique(maintain_order=True)
    kept = found.filter(~key_of(found).is_in(key_of(held).unique().implode()))
    said = [
        f"{task.name}: {len(kept):,} texts without a label train too, as far as the model is sure of them."
    ]
    if len(kept) < len(found):
        said.append(
            f"{task.name}: {len(found) - len(kept):,} of those without a label are among the texts that "
            "validate or test; they are left out."
        )
    return kept.to_list(), said


def labelled(task: Multiclass | Retrieval, data: DataConfig, folder: Path) -> tuple[pl.DataFrame, list[str]]:
    """Rows that have text and label, and what is to be told of the others.

    The table has columns ``@text``, ``@label`` (a text, or the id of an item), ``@part`` (null: to be split)
    and that of the split.
    """
    table = _table(task, data, folder)
    whole = table.height
    table = table.filter(pl.col(TEXT).str.len_chars() > 0, pl.col(LABEL).is_not_null())
    if table.height == whole:
        return table, []
    return table, [
        f"{task.name}: {whole - table.height:,} of {whole:,} rows without text or label are left out."
    ]


def _table(task: Multiclass | Retrieval, data: DataConfig, folder: Path) -> pl.DataFrame:
    """Columns ``@text``, ``@label``, ``@part`` (null: to be split) and the column of the split."""
    texts = task.texts
    if not isinstance(texts, Texts):
        described = [each for each in data.items if each.text]
        frames = [_of_items(open_source(each, folder, "data.items"), each, task) for each in described]
        return pl.concat(frames, how="diagonal_relaxed").unique(ID, keep="first", maintain_order=True)
    columns = [Column(column=name) for name in texts.text]
    frames = [
        _shaped(open_source(source, folder, f"tasks.{task.name}.texts"), columns, task, part)
        for source, part in sources(texts)
    ]
    if _names_items(task):
        frames = pl.collect_all(unify_ids([frame.lazy() for frame in frames], LABEL))
    return pl.concat(frames, how="diagonal_relaxed")


def _names_items(task: Multiclass | Retrieval) -> bool:
    """Whether labels are ids of items."""
    return isinstance(task, Retrieval) and task.seeks_items


def sources(texts: Texts) -> Iterator[tuple[Texts, int | None]]:
    """The files of texts, and the part of their rows; None: to be drawn."""
    for name, paths in (("train", texts.path), ("valid", texts.valid), ("test", texts.test)):
        if paths is not None:
            yield texts.model_copy(update={"path": paths}), None if name == "train" else PARTS[name]


def _of_items(raw: Raw, source: ItemsSource, task: Multiclass | Retrieval) -> pl.DataFrame:
    """A row an item: a file may name it several times."""
    raw.need(source.id, "id")
    found = _shaped(raw, source.text, task, None, source.id)
    return found.unique(ID, keep="first", maintain_order=True)


def _shaped(
    raw: Raw, text: Sequence[Column], task: Multiclass | Retrieval, part: int | None, item: str | None = None
) -> pl.DataFrame:
    joined = _joined(raw, text)
    raw.need(task.label, "label")
    own = [] if item is None else [pl.col(item).cast(pl.String).alias(ID)]
    label = as_id(raw, task.label) if _names_items(task) else pl.col(task.label).cast(pl.String)
    kept = [*own, joined, label.alias(LABEL)]
    if task.split and task.split.kind == "column" and task.split.column:
        kept.append(pl.col(raw.need(task.split.column, "split.column")).cast(pl.String))
    frame = raw.frame.select(kept).collect(engine="streaming")
    return frame.with_columns(pl.lit(part, pl.Int8).alias(PART))


def _joined(raw: Raw, text: Sequence[Column]) -> pl.Expr:
    """Columns as one text a row, ``@text``."""
    for column in text:
        raw.need(column.column, "text")
    return joined([in_words(column, as_text(raw, column.column)) for column in text]).alias(TEXT)


def joined(cells: Sequence[pl.Expr]) -> pl.Expr:
    """Those of some cells that are filled as one text; empty where none is."""
    if not cells:
        return pl.lit("")
    full = [pl.when(cell.str.len_chars() > 0).then(cell) for cell in cells]
    return pl.concat_str(full, separator=JOINED, ignore_nulls=True).fill_null("").str.strip_chars()


def _classes(table: pl.DataFrame, part_N: np.ndarray, task: Multiclass) -> tuple[str, ...]:
    """Those of the training rows, in the order of their names."""
    found = table.filter(pl.Series(part_N == TRAIN))[LABEL].unique().sort().to_list()
    if len(found) > task.max_classes:
        raise DataError(
            f"tasks.{task.name}.label: {task.label!r} has {len(found):,} different values. If they are "
            f"classes, write  max_classes: {len(found)} ; else name another column."
        )
    return tuple(found)
