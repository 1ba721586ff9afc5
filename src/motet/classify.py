"""Classify, tag, and answer: what a trained model says of texts that it is given.

Shapes: N texts, K classes, M answers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar, cast

import numpy as np
import polars as pl
import torch

from motet.bundle import Bundle
from motet.config import Config
from motet.config.tasks import Multiclass, Retrieval, Tagging
from motet.data.documents import Documents, read_documents, state_of
from motet.data.letters import same_text
from motet.data.tagged import Tagged, rows_of
from motet.data.tags import OUTSIDE, as_read, units_of
from motet.data.text_feed import TextSet
from motet.data.texts import TextRows
from motet.data.timelines import TEST
from motet.errors import ConfigError
from motet.evaluation.labelling import WAYS, By, choose
from motet.evaluation.retrieval import least_sure, rows_at_once
from motet.evaluation.tagging import found_spans
from motet.evaluation.texts import probabilities, readings
from motet.features.texts import with_units
from motet.seek import Shelf, Shelves, reads

AT_ONCE = 1024  # questions, at most

AnyTask = TypeVar("AnyTask", Multiclass, Tagging, Retrieval)


@dataclass(frozen=True)
class TextReader:
    """A run as far as it reads texts by themselves."""

    bundle: Bundle

    def classify(self, texts: Sequence[str], task: str | None = None) -> pl.DataFrame:
        """Classes of texts: columns ``text, prediction, probability``, in the order of the texts.

        Args:
            texts: The texts.
            task: A `multiclass` task that reads texts; None means the only one.

        Raises:
            ConfigError: There is no such task.
        """
        return class_table(self.bundle, texts, text_task(self.bundle.config, task))

    def tag(self, texts: Sequence[str], task: str | None = None) -> pl.DataFrame:
        """What texts name: columns ``row, span, type, start, end, probability``, a line a span.

        Args:
            texts: The texts.
            task: A `tagging` task; None means the only one.

        Raises:
            ConfigError: There is no such task.
        """
        return span_table(self.bundle, texts, tag_task(self.bundle.config, task))

    def answer(self, texts: Sequence[str], task: str | None = None, k: int = 1) -> pl.DataFrame:
        """Answers to questions: columns ``row, rank, answer, probability, sure``, a line an answer.

        Args:
            texts: The questions.
            task: A `retrieval` task; None means the only one.
            k: Answers to each.

        Raises:
            ConfigError: There is no such task.
        """
        return answer_table(self.bundle, self.shelves.of(retrieval_task(self.bundle.config, task)), texts, k)

    def label_next(
        self, texts: Sequence[str], k: int = 50, by: str = "both", task: str | None = None
    ) -> pl.DataFrame:
        """Which of these texts to label next: ``row, text, prediction, probability``, most wanted first.

        Args:
            texts: Texts without a label; one that is there twice is chosen once.
            k: How many will be labelled.
            by: uncertainty, diversity, both or random; see `motet.evaluation.labelling`.
            task: A `multiclass` task that reads texts; None means the only one.

        Raises:
            ConfigError: There is no such task, or no such way to choose.
        """
        return wanted_table(self.bundle, texts, text_task(self.bundle.config, task), (k, by))

    @cached_property
    def shelves(self) -> Shelves:
        """Answers of the tasks that were asked so far."""
        return Shelves(self.bundle, self.items_now, self.items_state)

    def items_now(self, kind: str | None) -> Documents | None:
        """The items of a kind as they stand in the files now; None where nobody knows.

        Raises:
            DataError: A file is gone, or has no such item.
        """
        return read_documents(self.bundle.config.data, self.bundle.folder, kind)

    def items_state(self) -> object:
        """What changes with those files."""
        return state_of(self.bundle.config.data, self.bundle.folder)


def text_task(config: Config, task: str | None) -> Multiclass:
    """The task of that name that classifies texts; of None the only one.

    Raises:
        ConfigError: There is none, or several and none was named.
    """
    return _task(
        {each.name: each for each in config.text_tasks if isinstance(each, Multiclass)}, task, "classifies"
    )


def tag_task(config: Config, task: str | None) -> Tagging:
    """The same for tasks that tag them."""
    return _task({each.name: each for each in config.text_tasks if isinstance(each, Tagging)}, task, "tags")


def retrieval_task(config: Config, task: str | None) -> Retrieval:
    """The same for tasks that look for answers."""
    found = {each.name: each for each in config.text_tasks if isinstance(each, Retrieval)}
    return _task(found, task, "answers")


def _task(found: dict[str, AnyTask], task: str | None, verb: str) -> AnyTask:
    names = ", ".join(found) or "none"
    if task is None and len(found) == 1:
        return next(iter(found.values()))
    if task is None or task not in found:
        said = "name the task" if task is None else f"{task!r} is no task that {verb} texts"
        raise ConfigError(f"{said}. Those of this run: {names}.")
    return found[task]


def class_table(bundle: Bundle, texts: Sequence[str], task: Multiclass) -> pl.DataFrame:
    """Columns ``text, prediction, probability``: the most probable class of each text, in their order."""
    texts = as_texts(texts)
    return _best(bundle.facts[task.name].classes, texts, class_probabilities(bundle, texts, task.name))


def _best(classes: Sequence[str], texts: Sequence[str], said_NK: np.ndarray) -> pl.DataFrame:
    best_N = said_NK.argmax(1) if len(texts) else np.zeros(0, np.int64)
    return pl.DataFrame(
        {
            "text": pl.Series(list(texts), dtype=pl.String),
            "prediction": pl.Series([classes[place] for place in best_N], dtype=pl.String),
            "probability": said_NK[np.arange(len(best_N)), best_N].astype(np.float64),
        }
    )


def wanted_table(
    bundle: Bundle, texts: Sequence[str], task: Multiclass, wish: tuple[int, str]
) -> pl.DataFrame:
    """Columns ``row`` (which text, counted from 1), ``text, prediction, probability``, most wanted first.

    Args:
        bundle: A trained model.
        texts: Texts without a label.
        task: The task that they will have a label of.
        wish: How many are wanted, and by what.
    """
    count, by = wish
    if by not in WAYS:
        raise ConfigError(f"label-next: by {by!r} is not known; there are {', '.join(WAYS)}.")
    texts = as_texts(texts)
    same = pl.DataFrame({"text": pl.Series(texts, dtype=pl.String)}).select(same_text(pl.col("text")))["text"]
    place_N = np.flatnonzero((same.is_first_distinct() & (same != "")).to_numpy())
    asked = _asked(bundle, [texts[place] for place in place_N], task.name)
    share_NK = probabilities(bundle.model, asked, TEST)[1]
    seed = bundle.config.training.seed
    chosen_C = choose(share_NK, readings(bundle.model, asked, TEST), count, cast("By", by), seed)
    table = _best(bundle.facts[task.name].classes, [texts[place] for place in place_N], share_NK)
    return table[chosen_C].insert_column(0, pl.Series("row", place_N[chosen_C] + 1, dtype=pl.Int64))


def _asked(bundle: Bundle, texts: Sequence[str], task: str) -> TextSet:
    """Texts of which nobody knows the class."""
    classes = bundle.facts[task].classes
    rows = TextRows(texts, np.zeros(len(texts), np.int64), np.full(len(texts), TEST, np.int8), classes)
    return TextSet(task, rows, *reads(bundle).read(texts))


def class_probabilities(bundle: Bundle, texts: Sequence[str], task: str) -> np.ndarray:
    """Probabilities of the classes of a task ``(N, K)``."""
    return probabilities(bundle.model, _asked(bundle, texts, task), TEST)[1]


def span_table(bundle: Bundle, texts: Sequence[str], task: Tagging) -> pl.DataFrame:
    """A line for each span of the texts.

    Returns:
        Columns ``row`` (which text, counted from 1), ``span`` (its letters), ``type``, ``start`` and ``end``
        (letters of the text counted from 0, the end after the last), ``probability`` (of the least sure of
        its words or characters).
    """
    texts = as_texts(texts)
    characters = task.units == "characters"
    letters_N = [units_of(text, characters) for text in texts]
    tagged = [
        Tagged(*as_read(text, letters, characters=characters), [OUTSIDE] * len(letters))
        for text, letters in zip(texts, letters_N, strict=True)
    ]
    rows = rows_of(tagged, bundle.facts[task.name].classes, np.full(len(tagged), TEST, np.int8))
    read_by = reads(bundle)
    asked = with_units(TextSet(task.name, rows, *read_by.read(rows.text_N)), rows, read_by)
    found = []
    for row, several in enumerate(found_spans(bundle.model, asked, np.arange(len(tagged)))):
        for each in several:
            kind, first, after = each.span
            start, end = letters_N[row][first][0], letters_N[row][after - 1][1]
            found.append((row + 1, texts[row][start:end], kind, start, end, each.probability))
    schema = {"row": pl.Int64, "span": pl.String, "type": pl.String, "start": pl.Int64, "end": pl.Int64,
              "probability": pl.Float64}  # fmt: skip
    return pl.DataFrame(found, schema=schema, orient="row")


def answer_table(bundle: Bundle, shelf: Shelf, texts: Sequence[str], k: int) -> pl.DataFrame:
    """The best answers of each text.

    Returns:
        Columns ``row`` (which text, counted from 1), ``rank``, ``answer``, ``probability``, ``sure``
        (whether it is as probable as `hand_over` asks for; where not, a person is to answer; null without).
    """
    texts = as_texts(texts)
    assert shelf.texts.answers is not None
    answers = shelf.texts.answers.rows.answers
    least, lines = least_sure(bundle.model, shelf.texts.task), []
    step = rows_at_once(len(answers), AT_ONCE)
    for begin in range(0, len(texts), step):
        score_BM = shelf.scores(bundle, texts[begin : begin + step])
        share_BK, best_BK = torch.softmax(score_BM, 1).topk(min(k, score_BM.shape[1]), 1)
        for row, (share_K, best_K) in enumerate(
            zip(share_BK.tolist(), best_BK.tolist(), strict=True), begin + 1
        ):
            for rank, (share, number) in enumerate(zip(share_K, best_K, strict=True), 1):
                lines.append((row, rank, answers[number], share, share >= least if least else None))
    schema = {"row": pl.Int64, "rank": pl.Int64, "answer": pl.String, "probability": pl.Float64,
              "sure": pl.Boolean}  # fmt: skip
    return pl.DataFrame(lines, schema=schema, orient="row")


def as_texts(texts: Sequence[str | None]) -> list[str]:
    """Texts as a list: of one, which is a sequence too, of letters; none is empty."""
    return [texts] if isinstance(texts, str) else [text or "" for text in texts]
