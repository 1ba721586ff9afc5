"""Queries and the items that are right for them: the rows of retrieval tasks that look for items.

Queries stand in files, or are made of the catalogue itself. An item that validates or tests is in no query
that trains; nor is one that the log holds out. Right items are kept once for all queries that ask for the
same. Shapes: N queries, S sets of right items, M items, F right items of all sets.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from motet.config.data import DataConfig
from motet.config.tasks import Retrieval
from motet.data.documents import Documents, read_documents
from motet.data.letters import same_text
from motet.data.pairs import PairRows, refuse_torn
from motet.data.queries import NUMBER, PIECE, TURN, WORDS, made_of
from motet.data.taken import ITEMS, Taken, prompts
from motet.data.text_parts import PART, TEXT, again, parts, refuse_empty
from motet.data.texts import LABEL, labelled
from motet.data.timelines import TEST, TRAIN, UNUSED, VALID
from motet.errors import DataError
from motet.system.randomness import derived_seed

KEY, RIGHT, SET = "@key", "@right", "@set"
Queries = tuple[pl.DataFrame, pl.DataFrame, list[str]]
"""A row a query (``@text``, ``@part``, ``@set``), a row a set of right items (``@set``, ``@right``,
``@part``), and what is to be told."""
HELD = 2  # queries made of an item that validates or tests, at most, however many those have that train


@dataclass(frozen=True, kw_only=True)
class ItemPairs(PairRows):
    """All queries of a task that looks for items; the answers are their texts.

    Args:
        item_M: Ids of the items.
        learns_M: Items that some training query asks for, bool: no other takes part in the training.
    """

    item_M: pl.Series
    learns_M: np.ndarray


def read_item_pairs(
    task: Retrieval, data: DataConfig, folder: Path, seed: int, taken: Taken | None = None
) -> ItemPairs:
    """The rows of a retrieval task that looks for items.

    Args:
        task: Its settings.
        data: For the catalogue's files.
        folder: Where paths begin.
        seed: Of the training: where no split says another, it draws validation and test rows.
        taken: What users took in training; None where there is no log, or nobody learns from it.

    Raises:
        DataError: A column is missing, no label is an item, or a part has no row.
    """
    made = task.texts == "items"
    column = task.split.column if made and task.split and task.split.kind == "column" else None
    documents = read_documents(data, folder, task.items, column).shuffled()
    if len(documents) < 2:
        raise DataError(
            f"tasks.{task.name}: there is one item alone; to find the right one there must be several."
        )
    held_M = _held(documents, taken)
    found = (
        _made(task, documents, held_M, seed, taken) if made else _given(task, data, folder, seed, documents)
    )
    (queries, sets), said = _without_held(*found[:2], held_M), found[2]
    part_N = queries[PART].to_numpy()
    refuse_empty(part_N, task)
    count_S = sets[RIGHT].list.len().to_numpy().astype(np.int64)
    right_F = sets[RIGHT].explode(empty_as_null=False).to_numpy().astype(np.int64)
    learns_M = np.zeros(len(documents), bool)
    learns_M[right_F[np.repeat(sets[PART].to_numpy() == TRAIN, count_S)]] = True
    set_N = queries[SET].to_numpy().astype(np.int64)
    return ItemPairs(
        text_N=queries[TEXT].to_list(),
        label_N=np.zeros(len(queries), np.int64),
        part_N=part_N,
        classes=(),
        statements=[*_told(task, documents, queries, count_S[set_N], held_M), *said],
        answers=documents.text_M,
        right_F=right_F,
        offset_S=np.concatenate([[0], np.cumsum(count_S)]),
        set_N=set_N,
        item_M=documents.item_M,
        learns_M=learns_M,
    )


def _given(task: Retrieval, data: DataConfig, folder: Path, seed: int, documents: Documents) -> Queries:
    """Queries of files, each once with all items that its rows name."""
    table, said = labelled(task, data, folder)
    ids = documents.item_M.cast(pl.String)
    number = pl.DataFrame({LABEL: ids, NUMBER: np.arange(len(ids))})
    whole = table.height
    label = pl.col(LABEL).cast(pl.String)
    if documents.item_M.dtype.is_integer():  # other programs write 12.0 where a cell of the column is empty
        label = label.str.replace(r"\.0+$", "")
    table = table.with_columns(label, same_text(pl.col(TEXT)).alias(KEY))
    asked = table[LABEL].head(1).to_list()
    table = table.join(number, on=LABEL, how="inner", maintain_order="left")
    if table.is_empty():
        raise DataError(
            f"tasks.{task.name}.label: none of the values in {task.label!r}, such as {asked}, is the id of "
            f"an item with a text, such as {ids[0]!r}. Name the column with the ids of the items."
        )
    if table.height < whole:
        said.append(
            f"{task.name}: {whole - table.height:,} of {whole:,} rows name no item of the catalogue that has "
            "a text; they are left out."
        )
    refuse_torn(table, task)
    kept = [name for name in table.columns if name not in (KEY, PART, LABEL, NUMBER)]
    once = table.group_by(KEY, PART, maintain_order=True).agg(
        *(pl.col(name).first() for name in kept), pl.col(NUMBER).unique().sort().alias(RIGHT)
    )
    part_N = parts(once, task, seed)
    said += again(once, part_N, task)
    once = once.select(TEXT, RIGHT, pl.Series(PART, part_N)).with_row_index(SET)
    return once.select(TEXT, PART, SET), once.select(SET, RIGHT, PART), said


def _made(
    task: Retrieval, documents: Documents, held_M: np.ndarray, seed: int, taken: Taken | None
) -> Queries:
    """Queries made of the items: of a part's items for that part, and of what users took for the training.

    A query that fits items of several parts trains with those that train, or validates, and tests nobody. In
    training a category stands there as often as items are asked for by it.
    """
    part_M = _parts_of_items(task, documents, seed)
    part_M[held_M & (part_M == TRAIN)] = UNUSED
    given = task.templates
    words = ["{words}"] if given is None else [each for each in given if WORDS in each]
    rows, having = made_of(documents, task.queries, words, seed)
    rows = rows.with_columns(pl.Series(PART, part_M[rows[NUMBER].to_numpy()]))
    rows = rows.filter((pl.col(PART) == TRAIN) | (pl.col(TURN) < HELD))
    said, sentences = [], None if given is None else [each for each in given if ITEMS in each]
    if taken is not None and sentences != []:
        told = prompts(documents, taken, part_M == TRAIN, sentences, derived_seed(seed, task.name))
        rows = pl.concat([rows, told.with_columns(pl.lit(TRAIN, pl.Int8).alias(PART))], how="diagonal")
        said = [
            f"{task.name}: {len(told):,} of the queries that train name what users took and ask for the next."
        ]
    rows = rows.filter(pl.col(PART) != UNUSED).with_columns(same_text(pl.col(TEXT)).alias(KEY))
    fits = _fits(rows, having, part_M)
    lowest = fits.group_by(KEY).agg(pl.col(PART).min().alias("@lowest"))
    right = fits.join(lowest, on=KEY).filter(pl.col(PART) == pl.col("@lowest"))
    right = right.group_by(KEY, maintain_order=True).agg(
        pl.col(NUMBER).unique().sort().alias(RIGHT), pl.col(PART).first()
    )
    right = right.with_row_index(SET)
    kept = rows.join(right.select(KEY, PART, SET), on=[KEY, PART], how="inner", maintain_order="left")
    kept = kept.filter((pl.col(PART) == TRAIN) | pl.struct(KEY, PART).is_first_distinct())
    torn = rows.select(KEY, PART).unique().height - right.height
    if torn:
        said.append(
            f"{task.name}: {torn:,} queries of items that validate or test fit items of another part too; "
            "they are left out there."
        )
    return kept.select(TEXT, PART, SET), right.select(SET, RIGHT, PART), said


def _parts_of_items(task: Retrieval, documents: Documents, seed: int) -> np.ndarray:
    """Part of each item, by its text, or by the column of a split."""
    table = documents.table.with_columns(pl.lit(None, pl.Int8).alias(PART))
    if task.split and task.split.kind == "column" and task.split.column:
        table = table.with_columns(pl.col("@split").alias(task.split.column))
    return parts(table, task, seed).copy()


def _fits(rows: pl.DataFrame, having: Mapping[str, list[int]], part_M: np.ndarray) -> pl.DataFrame:
    """Items that fit each query, and their parts: those that it was made of, and all of a category."""
    asked = rows.filter(pl.col(PIECE).is_not_null()).select(KEY, PIECE).unique()
    of_pieces = pl.DataFrame(
        {PIECE: list(having), NUMBER: list(having.values())},
        schema={PIECE: pl.String, NUMBER: pl.List(pl.Int64)},
    )
    alike = asked.join(of_pieces, on=PIECE).explode(NUMBER).select(KEY, NUMBER)
    found = pl.concat([rows.select(KEY, NUMBER), alike]).unique()
    return found.with_columns(pl.Series(PART, part_M[found[NUMBER].to_numpy()])).filter(
        pl.col(PART) != UNUSED
    )


def _held(documents: Documents, taken: Taken | None) -> np.ndarray:
    """Items that the log holds out, bool ``(M,)``."""
    if taken is None:
        return np.zeros(len(documents), bool)
    return documents.item_M.cast(pl.String).is_in(taken.held.cast(pl.String).implode()).to_numpy()


def _without_held(
    queries: pl.DataFrame, sets: pl.DataFrame, held_M: np.ndarray
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Training queries without the items that the log holds out; those that have no other do not train.

    Of sets that are left and asked for the numbers are new: their places.
    """
    if held_M.any():
        one = sets.explode(RIGHT)
        held = pl.Series(held_M[one[RIGHT].to_numpy()])
        one = one.filter(~(held & (one[PART] == TRAIN)))
        sets = one.group_by(SET, maintain_order=True).agg(pl.col(RIGHT), pl.col(PART).first())
    sets = sets.join(queries.select(SET).unique(), on=SET, how="semi", maintain_order="left")
    place = sets.select(SET).with_row_index("@place")
    queries = queries.join(place, on=SET, how="inner", maintain_order="left").drop(SET)
    return queries.rename({"@place": SET}), sets


def _told(
    task: Retrieval, documents: Documents, queries: pl.DataFrame, count_N: np.ndarray, held_M: np.ndarray
) -> list[str]:
    several = int((count_N > 1).sum())
    rows = {part: int((queries[PART] == number).sum()) for part, number in
            (("train", TRAIN), ("validate", VALID), ("test", TEST))}  # fmt: skip
    counted = ", ".join(f"{many:,} {part}" for part, many in rows.items())
    said = [
        f"{task.name}: {len(documents):,} items are looked for; of the queries {counted}; {several:,} have "
        "several right items."
    ]
    if documents.left_out:
        said.append(f"{task.name}: {documents.left_out:,} items without a text cannot be found.")
    if held_M.any():
        said.append(
            f"{task.name}: {int(held_M.sum()):,} items that the log holds out are in no query that trains."
        )
    return said
