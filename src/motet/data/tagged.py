"""Tagged texts: the rows of tagging tasks, out of files or made of the catalogue.

Shapes: N texts, F units of all texts one after the other.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from motet.config.data import DataConfig
from motet.config.tasks import Tagging, Texts
from motet.data.mentions import sentences
from motet.data.readers_conll import read_conll
from motet.data.readers_raw import Raw, open_source
from motet.data.tags import (
    Letters,
    as_read,
    covered,
    iob2,
    joined,
    kinds_of,
    spans,
    tag_names,
    tagged,
    units_of,
)
from motet.data.text_parts import PART, TEXT, again, parts
from motet.data.texts import TextRows, sources
from motet.data.timelines import TRAIN, VALID
from motet.errors import DataError

UNKNOWN = -1  # the number of a tag that training has not


@dataclass(frozen=True, kw_only=True)
class TaggedRows(TextRows):
    """All rows of one tagging task; `classes` are the tags, `label_N` says nothing.

    Args:
        letters_F: Of each unit its first letter in the text, and the letter after its last, int32 ``(F, 2)``.
        offset_N: Units of text n are those from ``offset_N[n]`` to ``offset_N[n + 1]``, int64 ``(N + 1,)``.
        tags_N: Tags of the units of each text, IOB2.
    """

    letters_F: np.ndarray
    offset_N: np.ndarray
    tags_N: Sequence[Sequence[str]]

    def number_F(self) -> np.ndarray:
        """Numbers of the tags ``(F,)``, int64; -1 of one that training has not."""
        number = {tag: place for place, tag in enumerate(self.classes)}
        return np.array([number.get(tag, UNKNOWN) for tags in self.tags_N for tag in tags], np.int64)

    def letters(self, row: int) -> Letters:
        """Where the units of a text lie in it."""
        found: Letters = [
            (first, after)
            for first, after in self.letters_F[self.offset_N[row] : self.offset_N[row + 1]].tolist()
        ]
        return found


@dataclass(frozen=True)
class Tagged:
    """One text as it was read: where its units lie, and their tags."""

    text: str
    letters: Letters
    tags: list[str]
    lost: int = 0  # spans that no tag could say


def read_tagged(
    task: Tagging, data: DataConfig, folder: Path, seed: int, tags: Sequence[str] | None = None
) -> TaggedRows:
    """The rows of a tagging task.

    Args:
        task: Its settings.
        data: For the catalogue's files, where sentences are made of it.
        folder: Where paths begin.
        seed: Of the training: it draws parts and sentences.
        tags: Of a trained model; None learns them from the training rows.

    Raises:
        DataError: A column is missing, a text has more units than tags or fewer, or a part has no row.
    """
    found, table = _read(task, data, folder, seed)
    has = [bool(each.letters) for each in found]
    said = []
    if not all(has):
        said.append(
            f"{task.name}: {len(has) - sum(has):,} of {len(has):,} rows without text or tags are left out."
        )
    found = [each for each in found if each.letters]
    if lost := sum(each.lost for each in found):
        said.append(
            f"{task.name}: {lost:,} spans overlap another one or hold no unit, and are left out; of two that "
            "overlap the first is kept."
        )
    table = table.filter(pl.Series(has, dtype=pl.Boolean))
    part_N = parts(table, task, seed)
    said += again(table, part_N, task)
    if tags is None:
        tags = tag_names(
            {
                kind
                for each, part in zip(found, part_N, strict=True)
                for kind in kinds_of(each.tags)
                if part == TRAIN
            }
        )
        if len(tags) == 1:
            raise DataError(
                f"tasks.{task.name}.label: no training text has a span: every tag of {task.label!r} is O. "
                "Name the column that holds the tags."
            )
    if tags is not None and not any(
        spans(each.tags) for each, part in zip(found, part_N, strict=True) if part == VALID
    ):
        raise DataError(
            f"tasks.{task.name}: no validation text has a span, so nothing would say which epoch is best. "
            "Give more texts, or change the shares of its  split ."
        )
    rows = rows_of(found, tags, part_N)
    return TaggedRows(**{**vars(rows), "statements": [*_counted(task, rows), *said]})


def rows_of(found: Sequence[Tagged], tags: Sequence[str], part_N: np.ndarray) -> TaggedRows:
    """Texts that were read as rows of a task."""
    return TaggedRows(
        text_N=[each.text for each in found],
        label_N=np.zeros(len(found), np.int64),
        part_N=part_N,
        classes=tuple(tags),
        letters_F=np.array([pair for each in found for pair in each.letters], np.int32).reshape(-1, 2),
        offset_N=np.cumsum([0, *(len(each.letters) for each in found)]),
        tags_N=[each.tags for each in found],
    )


def _counted(task: Tagging, rows: TaggedRows) -> Iterator[str]:
    counts = Counter(kind for tags in rows.tags_N for kind, _, _ in spans(tags))
    shown = ", ".join(f"{kind} {count:,}" for kind, count in counts.most_common())
    yield f"{task.name}: spans of {len(rows):,} texts: {shown}."


def _read(task: Tagging, data: DataConfig, folder: Path, seed: int) -> tuple[list[Tagged], pl.DataFrame]:
    """Texts, and a table of their text, part and split column."""
    if not isinstance(task.texts, Texts):
        made = sentences(task, data, folder, seed)
        found = [_of_spans(text, of, task) for text, of in made]
        return found, pl.DataFrame({TEXT: [each.text for each in found]}).with_columns(
            pl.lit(None, pl.Int8).alias(PART)
        )
    texts, tables = list[Tagged](), []
    for source, part in sources(task.texts):
        where = f"tasks.{task.name}.texts"
        if task.texts.layout == "conll":
            own = [_of_tags(units, tags, task, at) for units, tags, at in read_conll(source, folder)]
            table = pl.DataFrame({TEXT: [each.text for each in own]}, schema={TEXT: pl.String})
        else:
            own, table = _of_rows(open_source(source, folder, where), task)
        texts += own
        tables.append(table.with_columns(pl.lit(part, pl.Int8).alias(PART)))
    return texts, pl.concat(tables, how="diagonal_relaxed")


def _of_rows(raw: Raw, task: Tagging) -> tuple[list[Tagged], pl.DataFrame]:
    assert isinstance(task.texts, Texts)
    name = raw.need(task.texts.text[0], "text")
    label = raw.need(task.label, "label")
    kept = [name, label]
    if task.split and task.split.kind == "column" and task.split.column:
        kept.append(raw.need(task.split.column, "split.column"))
    frame = raw.frame.select(list(dict.fromkeys(kept))).collect(engine="streaming")
    rows = zip(frame[name].to_list(), frame[label].to_list(), strict=True)
    found = [
        _of_row(text, tags, task, f"{raw.where}, row {place}") for place, (text, tags) in enumerate(rows, 1)
    ]
    split = [pl.col(each).cast(pl.String) for each in kept[2:]]
    return found, frame.select(pl.Series(TEXT, [each.text for each in found], pl.String), *split)


def _of_row(text: Any, tags: Any, task: Tagging, where: str) -> Tagged:
    """A cell with a text, or a list of its units; and its tags, or its spans."""
    if text is None or tags is None:
        return Tagged("", [], [])
    if not isinstance(text, str | list):
        text = str(text)
    if (
        isinstance(tags, list)
        and all(isinstance(each, dict) for each in tags)
        and (tags or isinstance(text, str))
    ):
        text = text if isinstance(text, str) else " ".join(map(str, text))
        return _of_spans(text, list(_checked(tags, text, where)), task)
    if isinstance(tags, str) and tags.lstrip().startswith("["):
        raise DataError(
            f"{where}: found {tags[:60]!r}, a list that is written as text. Spans lie in files that have "
            "lists (.jsonl, .parquet); between blanks stand tags such as  O B-Item ."
        )
    tags = tags.split() if isinstance(tags, str) else [str(each) for each in tags]
    if isinstance(text, list):
        return _of_tags([str(each) for each in text], tags, task, where)
    if _characters(task):
        return _with_tags(Tagged(text, units_of(text, characters=True), tags), task, where)
    return _of_tags(text.split(), tags, task, where)


def _of_tags(units: Sequence[str], tags: Sequence[str], task: Tagging, where: str) -> Tagged:
    text, letters = joined(units, "" if _characters(task) else " ")
    return _with_tags(Tagged(text, letters, list(tags)), task, where)


def _with_tags(found: Tagged, task: Tagging, where: str) -> Tagged:
    """The same with its tags as IOB2, if it has one for each unit."""
    units, tags = len(found.letters), found.tags
    if units != len(tags):
        raise DataError(
            f"{where}: {units} {task.units} and {len(tags)} tags. A text needs one tag for each of its "
            f"{task.units}; mend the row, or write another  units  in tasks.{task.name}."
        )
    try:
        named = iob2(tags)
    except ValueError as error:
        raise DataError(
            f"{where}: {str(error)!r} is no tag. Write O, or B- or I- and a type, for example B-Item."
        ) from None
    return Tagged(found.text, found.letters, named)


def _of_spans(text: str, of: Sequence[tuple[str, int, int]], task: Tagging) -> Tagged:
    """Spans in letters as tags of units; of two that overlap the first, and of one start the longer."""
    letters, found, free = units_of(text, _characters(task)), [], 0
    for kind, begin, end in sorted(of, key=lambda each: (each[1], -each[2])):
        place = covered(letters, begin, end)
        if place is not None and place[0] >= free:
            found.append((kind, *place))
            free = place[1]
    tags = tagged(found, len(letters))
    return Tagged(*as_read(text, letters, characters=_characters(task)), tags, len(of) - len(found))


def _checked(raw: Sequence[dict[str, Any]], text: str, where: str) -> Iterator[tuple[str, int, int]]:
    for each in raw:
        kind, begin, end = (each.get(name) for name in ("label", "start", "end"))
        if isinstance(begin, int) and isinstance(end, int) and 0 <= begin < end <= len(text) and kind:
            yield str(kind), begin, end
            continue
        raise DataError(
            f"{where}: the span {each} does not fit its text of {len(text)} letters. Write start and end in "
            "letters counted from 0, the end after the last, and a label."
        )


def _characters(task: Tagging) -> bool:
    return task.units == "characters"
