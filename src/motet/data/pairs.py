"""Questions and their answers: the rows of retrieval tasks.

Shapes: N questions, S sets of right answers, M answers, F right answers of all sets one after the other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from motet.config.data import DataConfig
from motet.config.tasks import Retrieval
from motet.data.letters import same_text
from motet.data.text_parts import PART, TEXT, again, parts
from motet.data.texts import LABEL, TextRows, labelled
from motet.errors import DataError


@dataclass(frozen=True, kw_only=True)
class PairRows(TextRows):
    """All questions of one retrieval task; `label_N` says nothing.

    Args:
        answers: Texts of all answers, each once.
        right_F: Numbers of the right answers, int64; those of set s are from ``offset_S[s]`` to
            ``offset_S[s + 1]``.
        offset_S: int64 ``(S + 1,)``.
        set_N: Which set is that of each question, int64; None: each has one of its own, in their order.
    """

    answers: Sequence[str]
    right_F: np.ndarray
    offset_S: np.ndarray
    set_N: np.ndarray | None = None

    def right(self, row: int) -> np.ndarray:
        """Numbers of the answers that are right for a question."""
        at = row if self.set_N is None else int(self.set_N[row])
        found: np.ndarray = self.right_F[self.offset_S[at] : self.offset_S[at + 1]]
        return found

    @property
    def count_N(self) -> np.ndarray:
        """How many answers are right for each question, int64 ``(N,)``."""
        count_S: np.ndarray = np.diff(self.offset_S)
        return count_S if self.set_N is None else count_S[self.set_N]

    def one_right(self, random: np.random.Generator) -> np.ndarray:
        """Numbers of one right answer of each question, drawn, int64 ``(N,)``."""
        count_N = self.count_N
        begin_N = self.offset_S[:-1] if self.set_N is None else self.offset_S[self.set_N]
        found: np.ndarray = self.right_F[begin_N + (random.random(len(count_N)) * count_N).astype(np.int64)]
        return found


def read_pairs(task: Retrieval, data: DataConfig, folder: Path, seed: int) -> PairRows:
    """The rows of a retrieval task: a question stands once, with all answers that its rows give it.

    Args:
        task: Its settings.
        data: Not read: questions lie in files of their own.
        folder: Where paths begin.
        seed: Of the training: where no split says another, it draws validation and test rows.

    Raises:
        DataError: A column is missing, a part has no row, or there is one answer alone.
    """
    table, said = labelled(task, data, folder)
    keys = [TEXT, *(name for name in table.columns if name not in (TEXT, LABEL, PART))]
    table = table.with_columns(pl.col(LABEL).str.strip_chars(), same_text(pl.col(TEXT)).alias("@key")).filter(
        pl.col(LABEL).str.len_chars() > 0
    )
    answers = table[LABEL].unique(maintain_order=True).to_list()
    if len(answers) < 2:
        raise DataError(
            f"tasks.{task.name}.label: {task.label!r} holds {len(answers)} different answers; to find the "
            "right one there must be several. Name the column with the texts that answer."
        )
    number = {answer: place for place, answer in enumerate(answers)}
    table = table.with_columns(pl.col(LABEL).replace_strict(number, return_dtype=pl.Int64).alias("@number"))
    refuse_torn(table, task)
    firsts = [pl.col(name).first() for name in keys]
    once = table.group_by("@key", PART, maintain_order=True).agg(*firsts, pl.col("@number").unique().sort())
    part_N = parts(once, task, seed)
    count_N = once["@number"].list.len().to_numpy().astype(np.int64)
    several = int((count_N > 1).sum())
    said = [
        f"{task.name}: {len(once):,} questions and {len(answers):,} answers; "
        f"{several:,} questions have several.",
        *said,
        *again(once, part_N, task),
    ]
    return PairRows(
        text_N=once[TEXT].to_list(),
        label_N=np.zeros(len(once), np.int64),
        part_N=part_N,
        classes=(),
        statements=said,
        answers=answers,
        right_F=once["@number"].explode().to_numpy().astype(np.int64),
        offset_S=np.concatenate([[0], np.cumsum(count_N)]),
    )


def refuse_torn(table: pl.DataFrame, task: Retrieval) -> None:
    """A question whose rows a split column puts into several parts would train what tests it."""
    column = task.split.column if task.split and task.split.kind == "column" else None
    if column is None:
        return
    sides = table.group_by("@key", maintain_order=True).agg(pl.col(column).n_unique(), pl.col(TEXT).first())
    torn = sides.filter(pl.col(column) > 1)
    if torn.height:
        raise DataError(
            f"tasks.{task.name}.split: {torn.height:,} questions have rows of several parts in {column!r}, "
            f"the first is {torn[TEXT][0][:80]!r}. Give all rows of a question the same."
        )
