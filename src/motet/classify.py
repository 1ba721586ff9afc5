"""Classify: what a trained model says of texts that it is given.

Shapes: N texts, K classes.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from motet.bundle import Bundle
from motet.config import Config
from motet.config.tasks import Multiclass
from motet.data.text_feed import TextSet, Tokens
from motet.data.texts import TextRows
from motet.data.timelines import TEST
from motet.errors import ConfigError
from motet.evaluation.texts import probabilities
from motet.language.backbone import load_language


def text_task(config: Config, task: str | None) -> Multiclass:
    """The task of that name that classifies texts; of None the only one.

    Raises:
        ConfigError: There is none, or several and none was named.
    """
    found = {each.name: each for each in config.text_tasks}
    names = ", ".join(found) or "none"
    if task is None and len(found) == 1:
        return next(iter(found.values()))
    if task not in found:
        said = "name the task" if task is None else f"{task!r} is no task that classifies texts"
        raise ConfigError(f"{said}. Those of this run: {names}.")
    return found[task]


def classify(bundle: Bundle, texts: Sequence[str], task: Multiclass) -> pl.DataFrame:
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
