"""Texts: the rows of text tasks, out of files of their own or out of the catalogue's.

Shapes: N texts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from motet.config.data import DataConfig, ItemsSource, Split
from motet.config.tasks import Multiclass, Texts
from motet.data.readers_raw import Raw, open_source
from motet.data.splits import by_value, folds_of
from motet.data.timelines import PARTS, TEST, TRAIN, VALID
from motet.errors import DataError
from motet.system.randomness import generator

JOINED = " "  # between the columns of a text
TEXT, LABEL, PART = "@text", "@label", "@part"


@dataclass(frozen=True)
class TextRows:
    """All rows of one text task, in the order of the files.

    Args:
        text_N: The texts.
        label_N: Class numbers, int64; the count of the classes stands for a class that no training row has.
        part_N: Train, valid or test, int8.
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
        classes: Of a trained model; None learns them from the training rows.

    Raises:
        DataError: A column is missing, or a part has no row.
    """
    table = _table(task, data, folder)
    whole = table.height
    table = table.filter(pl.col(TEXT).str.len_chars() > 0, pl.col(LABEL).is_not_null())
    said = []
    if table.height < whole:
        said.append(
            f"{task.name}: {whole - table.height:,} of {whole:,} rows without text or label are left out."
        )
    part_N = _parts(table, task, seed)
    if classes is None:
        classes = _classes(table, part_N, task)
    number = {name: place for place, name in enumerate(classes)}
    label_N = np.array([number.get(each, len(classes)) for each in table[LABEL]], np.int64)
    _refuse_empty(part_N, task)
    return TextRows(
        table[TEXT].to_list(), label_N, part_N, tuple(classes), [*said, *_again(table, part_N, task)]
    )


def _table(task: Multiclass, data: DataConfig, folder: Path) -> pl.DataFrame:
    """Columns ``@text``, ``@label``, ``@part`` (null: to be split) and the column of the split."""
    texts = task.texts
    if not isinstance(texts, Texts):
        opened = [(open_source(each, folder, "data.items"), _text_columns(each)) for each in data.items]
        frames = [_shaped(raw, columns, task, None) for raw, columns in opened]
        return pl.concat(frames, how="diagonal_relaxed")
    frames = []
    for name, paths in (("train", texts.path), ("valid", texts.valid), ("test", texts.test)):
        if paths is not None:
            raw = open_source(texts.model_copy(update={"path": paths}), folder, f"tasks.{task.name}.texts")
            frames.append(_shaped(raw, texts.text, task, None if name == "train" else PARTS[name]))
    return pl.concat(frames, how="diagonal_relaxed")


def _text_columns(source: ItemsSource) -> list[str]:
    return [each.column for each in source.text]


def _shaped(raw: Raw, text: Sequence[str], task: Multiclass, part: int | None) -> pl.DataFrame:
    for name in text:
        raw.need(name, "text")
    raw.need(task.label, "label")
    joined = pl.concat_str(
        [pl.col(name).cast(pl.String).str.strip_chars() for name in text], separator=JOINED, ignore_nulls=True
    )
    kept = [
        joined.fill_null("").str.strip_chars().alias(TEXT),
        pl.col(task.label).cast(pl.String).alias(LABEL),
    ]
    if task.split and task.split.kind == "column" and task.split.column:
        kept.append(pl.col(raw.need(task.split.column, "split.column")).cast(pl.String))
    frame = raw.frame.select(kept).collect(engine="streaming")
    return frame.with_columns(pl.lit(part, pl.Int8).alias(PART))


def _parts(table: pl.DataFrame, task: Multiclass, seed: int) -> np.ndarray:
    split = task.split or Split(kind="random", seed=seed)
    open_N = table[PART].is_null().to_numpy()
    part_N = table[PART].fill_null(TRAIN).to_numpy().copy()
    if isinstance(task.texts, Texts) and task.texts.test is not None:
        if task.texts.valid is None:
            part_N[open_N] = _drawn(table.filter(pl.Series(open_N))[LABEL], 0.1, 0.0, split.seed)
        return part_N
    match split.kind:
        case "column":
            column = table.filter(pl.Series(open_N))[split.column or ""]
            part_N[open_N] = by_value(column, split, f"tasks.{task.name}.split")
        case "kfold":
            part_N[open_N] = folds_of(int(open_N.sum()), split)
        case _:
            valid, test = float(split.valid), float(split.test)
            valid = 0.0 if isinstance(task.texts, Texts) and task.texts.valid is not None else valid
            part_N[open_N] = _drawn(table.filter(pl.Series(open_N))[LABEL], valid, test, split.seed)
    return part_N


def _drawn(label: pl.Series, valid: float, test: float, seed: int) -> np.ndarray:
    """Parts at random, of every class its share, ``(N,)``."""
    order = generator(seed, "split of texts").permutation(len(label))
    table = pl.DataFrame({"place": order, "label": label.gather(order)})
    ranked = table.with_columns(
        ((pl.int_range(pl.len()) + 0.5) / pl.len()).over("label").alias("share")
    ).sort("place")
    share_N = ranked["share"].to_numpy()
    part_N = np.full(len(label), TRAIN, np.int8)
    part_N[share_N < test + valid] = VALID
    part_N[share_N < test] = TEST
    return part_N


def _classes(table: pl.DataFrame, part_N: np.ndarray, task: Multiclass) -> tuple[str, ...]:
    """Those of the training rows, in the order of their names."""
    found = table.filter(pl.Series(part_N == TRAIN))[LABEL].unique().sort().to_list()
    if len(found) > task.max_classes:
        raise DataError(
            f"tasks.{task.name}.label: {task.label!r} has {len(found):,} different values. If they are "
            f"classes, write  max_classes: {len(found)} ; else name another column."
        )
    return tuple(found)


def _refuse_empty(part_N: np.ndarray, task: Multiclass) -> None:
    for name, part in PARTS.items():
        if not (part_N == part).any():
            raise DataError(
                f"tasks.{task.name}: of {len(part_N):,} texts none is left for {name}. Give more of them, "
                "change the shares of its  split , or name files of their own under  texts."
            )


def _again(table: pl.DataFrame, part_N: np.ndarray, task: Multiclass) -> list[str]:
    """A sentence on test texts that training rows repeat, but for case."""
    plain = table[TEXT].str.to_lowercase()
    train, test = plain.filter(pl.Series(part_N == TRAIN)), plain.filter(pl.Series(part_N == TEST))
    again = int(test.is_in(train.unique().implode()).sum())
    if not again:
        return []
    return [
        f"{task.name}: {again:,} of {len(test):,} test texts are among the training texts too, but for case."
    ]
