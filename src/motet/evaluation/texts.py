"""What a model says of texts, as records that are measured like all others.

Shapes: R rows, K classes.
"""

from typing import Any

import numpy as np
import torch

from motet.data.text_feed import TextSet
from motet.data.timelines import TRAIN
from motet.evaluation.records import RowPredictions
from motet.model import Motet
from motet.tasks.texts import TextClassHead

SHOWN = 20  # pairs of classes and errors that a report shows
FIELDS = 10  # classes whose confusions are drawn
LONGEST = 200  # letters of a text that a report shows


def probabilities(model: Motet, texts: TextSet, part: int) -> tuple[np.ndarray, np.ndarray]:
    """Places of a part's rows ``(R,)``, and what the model says of them ``(R, K)``."""
    row_R = texts.rows.rows(part)
    said_RK = np.zeros((len(row_R), len(texts.rows.classes)), np.float32)
    assert model.texts is not None
    model.eval()
    for batch in texts.in_order(row_R):
        place_B = np.searchsorted(row_R, batch.row_B.numpy())
        said_RK[place_B] = model.texts.probabilities(batch).numpy()
    return row_R, said_RK


def readings(model: Motet, texts: TextSet, part: int) -> np.ndarray:
    """What the head of a task reads of a part's texts, ``(R, T)``."""
    row_R = texts.rows.rows(part)
    assert model.texts is not None
    head = model.texts.head(texts.task)
    assert isinstance(head, TextClassHead)
    found: list[np.ndarray] = []
    place: list[np.ndarray] = []
    model.eval()
    for batch in texts.in_order(row_R):
        with torch.no_grad():
            found.append(head.normal(model.texts.vectors(batch)).numpy())
        place.append(np.searchsorted(row_R, batch.row_B.numpy()))
    if not found:
        return np.zeros((0, head.linear.in_features), np.float32)
    read_RT = np.empty((len(row_R), head.linear.in_features), np.float32)
    read_RT[np.concatenate(place)] = np.concatenate(found)
    return read_RT


def text_record(model: Motet, texts: TextSet, part: int) -> RowPredictions:
    """A record of the most probable classes; every text is a user of its own when intervals are drawn."""
    row_R, said_RK = probabilities(model, texts, part)
    return record_of(texts, row_R, said_RK)


def record_of(texts: TextSet, row_R: np.ndarray, said_RK: np.ndarray) -> RowPredictions:
    """The same of what is said already."""
    label_R = texts.rows.label_N[row_R].astype(np.float64)
    return RowPredictions("multiclass", row_R, label_R, said_RK.argmax(1).astype(np.float64))


def mistaken(model: Motet, texts: TextSet, part: int) -> dict[str, Any]:
    """Which classes are taken for which, and the surest of the errors: for the report.

    Returns:
        ``confused``: the pairs of classes of which most texts are taken for the other, each with their count
        ``n``; ``among``: of the classes in those pairs, the share of the texts of one that are taken for each
        (label -> class -> share); ``errors``: text, label, prediction and its probability.
    """
    row_R, said_RK = probabilities(model, texts, part)
    names = [*texts.rows.classes, "(a class that training has not)"]
    label_R, best_R = texts.rows.label_N[row_R], said_RK.argmax(1)
    wrong_R = np.flatnonzero(label_R != best_R)
    pair, count = np.unique(np.stack([label_R[wrong_R], best_R[wrong_R]]), axis=1, return_counts=True)
    order = np.argsort(-count, kind="stable")[:SHOWN]
    confused = [
        {"label": names[pair[0, at]], "prediction": names[pair[1, at]], "n": int(count[at])} for at in order
    ]
    chosen = list(dict.fromkeys(int(each) for at in order for each in pair[:, at]))[:FIELDS]
    among = {
        names[one]: {names[other]: float((best_R[label_R == one] == other).mean()) for other in chosen}
        for one in chosen
        if (label_R == one).any()
    }
    surest = wrong_R[np.argsort(-said_RK[wrong_R, best_R[wrong_R]], kind="stable")[:SHOWN]]
    errors = [
        {
            "text": texts.rows.text_N[row_R[at]][:LONGEST],
            "label": names[label_R[at]],
            "prediction": names[best_R[at]],
            "probability": float(said_RK[at, best_R[at]]),
        }
        for at in surest
    ]
    return {"confused": confused, "among": among, "errors": errors}


def most_frequent(texts: TextSet, part: int) -> RowPredictions:
    """The record of a guess: always the class that most training texts have."""
    rows = texts.rows
    counts = np.bincount(rows.label_N[rows.rows(TRAIN)], minlength=len(rows.classes))
    row_R = rows.rows(part)
    said_R = np.full(len(row_R), float(counts.argmax()))
    return RowPredictions("multiclass", row_R, rows.label_N[row_R].astype(np.float64), said_R)
