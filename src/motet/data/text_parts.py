"""Parts of texts: which train, which validate, which test; each text on one side.

Shapes: N texts.
"""

import numpy as np
import polars as pl

from motet.config.data import Split
from motet.config.tasks import Texts, TextTask
from motet.data.fingerprint import fingerprint
from motet.data.letters import same_text
from motet.data.splits import by_value
from motet.data.timelines import PARTS, TEST, TRAIN, VALID
from motet.errors import DataError
from motet.system.randomness import derived_seed

TEXT, PART = "@text", "@part"


def parts(table: pl.DataFrame, task: TextTask, seed: int) -> np.ndarray:
    """The part of each row, int8 ``(N,)``.

    Args:
        table: With ``@text``, ``@part`` (null: to be drawn), and the column of the split.
        task: Its split, and which parts have files of their own.
        seed: Draws where no split says another.

    Raises:
        DataError: A part has no row.
    """
    part_N = _parts(table, task, task.split or Split(kind="random", seed=seed))
    refuse_empty(part_N, task)
    return part_N


def _parts(table: pl.DataFrame, task: TextTask, split: Split) -> np.ndarray:
    open_N = table[PART].is_null().to_numpy()
    part_N = table[PART].fill_null(TRAIN).to_numpy().copy()
    if isinstance(task.texts, Texts) and task.texts.test is not None:
        if task.texts.valid is None:
            part_N[open_N] = _drawn(table.filter(pl.Series(open_N))[TEXT], 0.1, 0.0, split.seed)
        return part_N
    match split.kind:
        case "column":
            column = table.filter(pl.Series(open_N))[split.column or ""]
            part_N[open_N] = by_value(column, split, f"tasks.{task.name}.split")
        case "kfold":
            part_N[open_N] = _folds(table.filter(pl.Series(open_N))[TEXT], split)
        case _:
            valid, test = float(split.valid), float(split.test)
            valid = 0.0 if isinstance(task.texts, Texts) and task.texts.valid is not None else valid
            part_N[open_N] = _drawn(table.filter(pl.Series(open_N))[TEXT], valid, test, split.seed)
    return part_N


def _drawn(text: pl.Series, valid: float, test: float, seed: int) -> np.ndarray:
    """Parts at random, ``(N,)``: by the text itself, so that it has one part wherever it stands.

    Rows that repeat a text lie on one side, and so do those of several tasks that read the same texts: what
    tests one of them trains none.
    """
    share_N = _places(text, seed) / 2.0**64
    part_N = np.full(len(text), TRAIN, np.int8)
    part_N[share_N < test + valid] = VALID
    part_N[share_N < test] = TEST
    return part_N


def _places(text: pl.Series, seed: int) -> np.ndarray:
    """A number of 64 bits for each text; the same for those that differ in case and blanks alone."""
    return fingerprint(key_of(text), derived_seed(seed, "split of texts"))


def key_of(text: pl.Series) -> pl.Series:
    """What texts have in common that are the same but for case and blanks."""
    return pl.DataFrame({TEXT: text}).select(same_text(pl.col(TEXT)))[TEXT]


def _folds(text: pl.Series, split: Split) -> np.ndarray:
    """The fold is test, the next one valid; a text has one fold wherever it stands."""
    fold_N = (_places(text, split.seed) % np.uint64(split.folds)).astype(np.int64)
    part_N = np.full(len(text), TRAIN, np.int8)
    part_N[fold_N == (split.fold + 1) % split.folds] = VALID
    part_N[fold_N == split.fold] = TEST
    return part_N


def refuse_empty(part_N: np.ndarray, task: TextTask) -> None:
    """Refuse parts of which one has no row."""
    for name, part in PARTS.items():
        if not (part_N == part).any():
            raise DataError(
                f"tasks.{task.name}: of {len(part_N):,} texts none is left for {name}. Give more of them, "
                "change the shares of its  split , or name files of their own under  texts."
            )


def again(table: pl.DataFrame, part_N: np.ndarray, task: TextTask) -> list[str]:
    """A sentence on test texts that training rows repeat, but for case and blanks."""
    plain = key_of(table[TEXT])
    train, test = plain.filter(pl.Series(part_N == TRAIN)), plain.filter(pl.Series(part_N == TEST))
    many = int(test.is_in(train.unique().implode()).sum())
    if not many:
        return []
    return [
        f"{task.name}: {many:,} of {len(test):,} test texts are among the training texts too, but for case "
        "and blanks."
    ]
