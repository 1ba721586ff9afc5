"""The corpus of pretraining: texts of items, of files and of text tasks, each once.

What validates or tests a text task is never among them, whichever source has it too. Some are held out: they
measure, and neither they nor a pair with one of them trains. Shapes: N texts, P pairs.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from motet.config import Config
from motet.config.data import Column
from motet.config.tasks import Tagging
from motet.data.already_read import numbers_of
from motet.data.fingerprint import fingerprint
from motet.data.pairs import PairRows
from motet.data.readers_cells import as_text, in_words
from motet.data.readers_raw import Raw, open_source
from motet.data.taken import Taken, follows_from
from motet.data.text_parts import TEXT, key_of
from motet.data.text_rows import read_rows
from motet.data.texts import TextRows, joined
from motet.data.timelines import TEST, TRAIN, UNUSED, VALID, Timelines
from motet.errors import DataError
from motet.system.randomness import derived_seed

FIRST, REST, ID, SOURCE = "@first", "@rest", "@id", "@source"
KEY, PARTS, ROW = "@key", "@parts", "@row"
LEAST, MOST_HELD = 10, 2000


@dataclass(frozen=True)
class Corpus:
    """All texts, and which of them measure.

    Args:
        text_N: Whole texts.
        first_N: Their first column.
        rest_N: Their other columns; empty where there is none.
        held_N: Which are held out, boolean.
        number: Id of an item, as text -> place of its text.
        counts: Texts of each source, those that were left out and why, those that are held out.
        read_K: A number for each text that was read, whole or as a column, see `already_read`.
    """

    text_N: list[str]
    first_N: list[str]
    rest_N: list[str]
    held_N: np.ndarray
    number: Mapping[str, int]
    counts: dict[str, int]
    read_K: np.ndarray

    def __len__(self) -> int:
        return len(self.text_N)

    def twice(self) -> "Pairs":
        """Every text and itself."""
        place_N = np.arange(len(self))
        return self._divided(np.stack([place_N, place_N], axis=1), self.text_N, self.text_N)

    def columns(self) -> "Pairs":
        """The first column of a text and its others, of those that have both; each is a pair of its own."""
        place_P = np.flatnonzero([bool(a and b) for a, b in zip(self.first_N, self.rest_N, strict=True)])
        pair_P2 = np.stack([place_P, place_P], axis=1)
        return replace(self._divided(pair_P2, self.first_N, self.rest_N), every=True)

    def neighbours(self, log: Timelines, ids: pl.Series, near: int) -> "Pairs":
        """Texts whose items came at most so many events after each other in a timeline, as often as they did.

        Args:
            log: The timelines.
            ids: Of the items, by their numbers from 1.
            near: How many events later the second comes, at most.
        """
        known = {name: place for place, name in enumerate(ids.cast(pl.String).to_list(), 1)}
        text_I = np.full(len(ids) + 1, -1, np.int64)
        for name, place in self.number.items():
            if name in known:
                text_I[known[name]] = place
        kept_N = follows_from(log) & (text_I[log.item_N] >= 0)
        user_N, text_N = log.user_N[kept_N], text_I[log.item_N[kept_N]]
        found = [np.zeros((0, 2), np.int64)]
        for step in range(1, near + 1):
            pair_P2 = np.stack([text_N[:-step], text_N[step:]], axis=1)
            found.append(pair_P2[(user_N[:-step] == user_N[step:]) & (pair_P2[:, 0] != pair_P2[:, 1])])
        return self._divided(np.concatenate(found), self.text_N, self.text_N)

    def _divided(self, pair_P2: np.ndarray, left: Sequence[str], right: Sequence[str]) -> "Pairs":
        """Pairs with a held-out text measure, the others train; equal texts get one number."""
        train_P = ~self.held_N[pair_P2].any(1)
        own_P2 = np.stack([_first_of(left)[pair_P2[:, 0]], _first_of(right)[pair_P2[:, 1]]], axis=1)
        return Pairs(left, right, own_P2[train_P], own_P2[~train_P])


@dataclass(frozen=True)
class Pairs:
    """Pairs of texts.

    Args:
        left: Texts that have a partner.
        right: Texts that are one.
        train_P2: Their places, int64; of pairs that train.
        held_P2: Of pairs that measure.
        every: Whether an epoch has all pairs; else one of each text on the left.
    """

    left: Sequence[str]
    right: Sequence[str]
    train_P2: np.ndarray
    held_P2: np.ndarray
    every: bool = False

    def different(self) -> tuple[int, int]:
        """Of the side that has fewer, how many different texts train, and how many measure."""
        train, held = (
            min(len(np.unique(each[:, side])) for side in (0, 1)) for each in (self.train_P2, self.held_P2)
        )
        return train, held


def _first_of(texts: Sequence[str]) -> np.ndarray:
    """Of each text the first place where the same one stands."""
    first: dict[str, int] = {}
    return np.array([first.setdefault(text, place) for place, text in enumerate(texts)], np.int64)


def read_corpus(config: Config, folder: Path, taken: Taken | None = None) -> Corpus:
    """Read, compare and divide.

    Args:
        config: With `pretraining`.
        folder: Where paths begin.
        taken: What users took in training, for tasks that look for items: it decides what measures them.

    Raises:
        DataError: A column is missing, or there are too few texts.
    """
    assert config.pretraining is not None
    rows = [read_rows(task, config.data, folder, config.data_seed, taken=taken) for task in config.text_tasks]
    sources = [
        *_of_items(config, folder),
        *_of_files(config, folder),
        *(
            _of_task(each)
            for task, each in zip(config.text_tasks, rows, strict=True)
            if not (isinstance(task, Tagging) and task.texts == "items")  # sentences that are made
        ),
    ]
    table = pl.concat(sources, how="diagonal_relaxed").filter(pl.col(TEXT).str.len_chars() > 0)
    table = table.with_columns(key_of(table[TEXT]).alias(KEY))
    counts = {"read": table.height}
    table = without_measured(table, held_texts(rows))
    counts["validate or test a task"] = counts["read"] - table.height
    read_K = numbers_of(table[PARTS].explode().drop_nulls())
    once = table.unique(KEY, keep="first", maintain_order=True)
    counts["repeated"] = table.height - once.height
    if once.height < LEAST:
        raise DataError(
            f"pretraining: {counts['read']:,} texts were read and {once.height} are left that neither repeat "
            f"another nor validate or test a task; it needs {LEAST} at least. Name more under  "
            "pretraining.files ."
        )
    held_N = _held_out(once[TEXT], config.pretraining.held_out, config.training.seed)
    counts |= {f"of {name}": count for name, count in sorted(once[SOURCE].value_counts().iter_rows())}
    counts["held out"] = int(held_N.sum())
    place = {key: number for number, key in enumerate(once[KEY].to_list())}
    items = table.filter(pl.col(ID).is_not_null()).unique(ID, keep="first", maintain_order=True)
    number = {name: place[key] for name, key in items.select(ID, KEY).iter_rows()}
    text_N, first_N, rest_N = (once[name].to_list() for name in (TEXT, FIRST, REST))
    return Corpus(text_N, first_N, rest_N, held_N, number, counts, read_K)


def held_texts(rows: Sequence[TextRows]) -> pl.Series:
    """What texts of tasks have in common that validate or test one, see `key_of`."""
    found = [
        text
        for each in rows
        for text, part in zip(each.text_N, each.part_N.tolist(), strict=True)
        if part in (VALID, TEST)
    ]
    return key_of(pl.Series(TEXT, found, pl.String)).unique()


def without_measured(table: pl.DataFrame, held: pl.Series) -> pl.DataFrame:
    """The rows of which neither the whole nor a part is among the texts that validate or test a task.

    What a row as a whole says that is left out is left out wherever else it stands.

    Args:
        table: Columns ``@key`` (of the whole) and ``@parts``.
        held: Those texts, see `key_of`.
    """
    table = table.with_row_index(ROW)
    part = table.select(ROW, PARTS).explode(PARTS)
    part = part.with_columns(key_of(part[PARTS]).alias(PARTS))
    while True:
        rows = part.filter(pl.col(PARTS).is_in(held.implode()))[ROW].unique()
        gone = pl.col(ROW).is_in(rows.implode())
        more = table.filter(gone, ~pl.col(KEY).is_in(held.implode()))[KEY].unique()
        if more.is_empty():
            return table.filter(~gone).drop(ROW)
        held = pl.concat([held, more.rename(held.name)])


def _held_out(text: pl.Series, share: float, seed: int) -> np.ndarray:
    """The texts with the smallest fingerprints: the same ones wherever they stand."""
    count = min(max(1, round(share * len(text))), MOST_HELD)
    rank_N = np.argsort(fingerprint(key_of(text), derived_seed(seed, "held-out texts")), kind="stable")
    held_N = np.zeros(len(text), bool)
    held_N[rank_N[:count]] = True
    return held_N


def _of_items(config: Config, folder: Path) -> Iterator[pl.DataFrame]:
    for source in (each for each in config.data.items if each.text):
        raw = open_source(source, folder, "data.items")
        yield _shaped(raw, source.text, "items", as_text(raw, raw.need(source.id, "id")))


def _of_files(config: Config, folder: Path) -> Iterator[pl.DataFrame]:
    assert config.pretraining is not None
    for source in config.pretraining.files:
        yield _shaped(open_source(source, folder, "pretraining.files"), source.text, "files")


def _of_task(rows: TextRows) -> pl.DataFrame:
    """Texts that train a task, with a label or without, and the answers to them."""
    found = [
        text for text, part in zip(rows.text_N, rows.part_N.tolist(), strict=True) if part in (TRAIN, UNUSED)
    ]
    if isinstance(rows, PairRows):
        train_R = rows.rows(TRAIN)
        if rows.set_N is not None:  # of each set once
            train_R = train_R[np.sort(np.unique(rows.set_N[train_R], return_index=True)[1])]
        for row in train_R.tolist():
            found += [rows.answers[at] for at in rows.right(row)]
    text = pl.Series(TEXT, found, pl.String)
    return pl.DataFrame([text, text.alias(FIRST)]).with_columns(
        pl.lit("").alias(REST),
        pl.concat_list(TEXT).alias(PARTS),
        pl.lit(None, pl.String).alias(ID),
        pl.lit("tasks").alias(SOURCE),
    )


def _shaped(raw: Raw, text: Sequence[Column], source: str, identity: pl.Expr | None = None) -> pl.DataFrame:
    """Rows as a whole text, its first column and the others; and all by which they may be known elsewhere.

    Those are the bare cells, before words are put around them and before they are cut, and the same as they
    are read; each of them, all, and all but the first.
    """
    bare = [as_text(raw, raw.need(each.column, "text")).fill_null("") for each in text]
    cells = [in_words(each, cell).fill_null("") for each, cell in zip(text, bare, strict=True)]
    ways = [bare, cells] if any(each.worded for each in text) else [cells]
    parts = [part for way in ways for part in ([joined(way), joined(way[1:]), *way] if way[1:] else way)]
    own = pl.lit(None, pl.String) if identity is None else identity.cast(pl.String)
    found = [
        joined(cells).alias(TEXT),
        joined(cells[:1]).alias(FIRST),
        joined(cells[1:]).alias(REST),
        pl.concat_list(parts).list.unique().alias(PARTS),
        own.alias(ID),
        pl.lit(source).alias(SOURCE),
    ]
    return raw.frame.select(found).collect(engine="streaming")
