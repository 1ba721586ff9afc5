"""Classify, and tag: what a trained model says of texts that it is given.

Shapes: N texts, K classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import polars as pl

from motet.bundle import Bundle
from motet.config import Config
from motet.config.tasks import Multiclass, Tagging
from motet.data.tagged import Tagged, rows_of
from motet.data.tags import OUTSIDE, as_read, units_of
from motet.data.text_feed import TextSet, Tokens, Units
from motet.data.texts import TextRows
from motet.data.timelines import TEST
from motet.errors import ConfigError
from motet.evaluation.tagging import found_spans
from motet.evaluation.texts import probabilities
from motet.language.backbone import load_language

AnyTask = TypeVar("AnyTask", Multiclass, Tagging)


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
    texts = [texts] if isinstance(texts, str) else list(texts)  # a sequence too, of letters
    said_NK = class_probabilities(bundle, texts, task.name)
    best_N = said_NK.argmax(1) if len(texts) else np.zeros(0, np.int64)
    classes = bundle.facts[task.name].classes
    return pl.DataFrame(
        {
            "text": pl.Series(list(texts), dtype=pl.String),
            "prediction": pl.Series([classes[place] for place in best_N], dtype=pl.String),
            "probability": said_NK[np.arange(len(best_N)), best_N].astype(np.float64),
        }
    )


def class_probabilities(bundle: Bundle, texts: Sequence[str], task: str) -> np.ndarray:
    """Probabilities of the classes of a task ``(N, K)``."""
    assert bundle.model.texts is not None
    assert bundle.language is not None
    classes = bundle.facts[task].classes
    rows = TextRows(texts, np.zeros(len(texts), np.int64), np.full(len(texts), TEST, np.int8), classes)
    tuned = bundle.model.texts.language
    if tuned is not None:
        asked = TextSet(task, rows, Tokens(*tuned.tokens(texts)))
    else:
        asked = TextSet(task, rows, vector_NT=load_language(bundle.language).encode(texts))
    return probabilities(bundle.model, asked, TEST)[1]


def span_table(bundle: Bundle, texts: Sequence[str], task: Tagging) -> pl.DataFrame:
    """A line for each span of the texts.

    Returns:
        Columns ``row`` (which text, counted from 1), ``span`` (its letters), ``type``, ``start`` and ``end``
        (letters of the text counted from 0, the end after the last), ``probability`` (of the least sure of
        its words or characters).
    """
    assert bundle.model.texts is not None
    texts = [texts] if isinstance(texts, str) else list(texts)
    characters = task.units == "characters"
    letters_N = [units_of(text, characters) for text in texts]
    read = [
        Tagged(*as_read(text, letters, characters=characters), [OUTSIDE] * len(letters))
        for text, letters in zip(texts, letters_N, strict=True)
    ]
    rows = rows_of(read, bundle.facts[task.name].classes, np.full(len(read), TEST, np.int8))
    tuned = bundle.model.texts.language
    assert tuned is not None, "what tags was tuned"
    tokens = Tokens(*tuned.tokens(rows.text_N))
    asked = TextSet(task.name, rows, tokens, units=Units.of(rows, tokens, tuned.letters(rows.text_N)))
    found = []
    for row, several in enumerate(found_spans(bundle.model, asked, np.arange(len(read)))):
        for each in several:
            kind, first, after = each.span
            start, end = letters_N[row][first][0], letters_N[row][after - 1][1]
            found.append((row + 1, texts[row][start:end], kind, start, end, each.probability))
    schema = {"row": pl.Int64, "span": pl.String, "type": pl.String, "start": pl.Int64, "end": pl.Int64,
              "probability": pl.Float64}  # fmt: skip
    return pl.DataFrame(found, schema=schema, orient="row")
