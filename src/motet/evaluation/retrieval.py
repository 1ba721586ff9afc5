"""What a model says of questions: where the right answers stand among all.

Shapes: R rows of a part, M answers, T width of the language model, B rows at once.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from motet.data.answers import Answers
from motet.data.loader import sorted_windows
from motet.data.pairs import PairRows
from motet.data.text_feed import PLACES, TextSet
from motet.data.timelines import VALID
from motet.evaluation.measures import known
from motet.evaluation.records import RankingPredictions
from motet.metrics.ranking import rank_of_targets
from motet.model import Motet
from motet.tasks.retrieval import RetrievalHead

SHOWN = 20  # errors that a report shows
LONGEST = 200  # letters of a text that a report shows
STEPS = 10  # points of the curve of confidence


@dataclass(frozen=True)
class Compared:
    """Questions beside all answers.

    Args:
        row_R: Places of the questions.
        cosine_RM: Likeness of vectors.
        word_RM: Likeness of words.
        score_RM: What the model makes of both.
    """

    row_R: np.ndarray
    cosine_RM: Tensor
    word_RM: Tensor
    score_RM: Tensor


def compared(model: Motet, texts: TextSet, row_R: np.ndarray, answer_MT: Tensor | None = None) -> Compared:
    """Some questions beside all answers, by a model.

    Args:
        model: The model.
        texts: Of the task.
        row_R: Places of the questions.
        answer_MT: What `answer_directions` says; None works it out.
    """
    answers, rows = _answers(texts), _pairs(texts)
    head = _head(model, texts.task)
    assert model.texts is not None
    model.eval()
    answer_MT = answer_directions(model, texts.task, answers) if answer_MT is None else answer_MT
    asked_RT = torch.zeros(len(row_R), answer_MT.shape[1])
    with torch.no_grad():
        for batch in texts.in_order(row_R):
            place_B = np.searchsorted(row_R, batch.row_B.numpy())
            asked_RT[torch.from_numpy(place_B)] = head.directions(model.texts.vectors(batch)).float()
    cosine_RM = asked_RT @ answer_MT.T
    word_RM = torch.from_numpy(answers.lexical.scores([rows.text_N[row] for row in row_R.tolist()]))
    return Compared(row_R, cosine_RM, word_RM, head.scores(cosine_RM, word_RM))


@torch.no_grad()
def answer_directions(model: Motet, task: str, answers: Answers) -> Tensor:
    """Vectors of all answers as they are compared, ``(M, T)``."""
    assert model.texts is not None
    head, count = _head(model, task), len(answers.rows.answers)
    length_M = np.ones(count, np.int64) if answers.tokens is None else answers.tokens.length_N
    found: dict[int, Tensor] = {}
    for number_C in sorted_windows(length_M, np.ones_like(length_M), PLACES):
        batch = answers.batch(number_C, np.zeros(0, np.int64), np.zeros((0, len(number_C)), bool))
        vector_CT = head.directions(model.texts.answer_vectors(batch)).float()
        found |= dict(zip(number_C.tolist(), vector_CT, strict=True))
    return torch.stack([found[number] for number in range(count)])


def retrieval_record(model: Motet, texts: TextSet, part: int) -> RankingPredictions:
    """A record of ranks; every question is a user of its own when intervals are drawn."""
    row_R = texts.rows.rows(part)
    return ranks_of(_pairs(texts), row_R, compared(model, texts, row_R).score_RM.numpy())


def ranks_of(rows: PairRows, row_R: np.ndarray, score_RM: np.ndarray) -> RankingPredictions:
    """The record of scores."""
    right = [rows.right(row) for row in row_R.tolist()]
    query_T = np.repeat(np.arange(len(row_R)), [len(each) for each in right])
    target_T = np.concatenate(right) if right else np.zeros(0, np.int64)
    rank_T = rank_of_targets(score_RM, target_T, query_T)
    return RankingPredictions(row_R, rank_T, query_T, kind="retrieval")


def by_words(texts: TextSet, part: int) -> RankingPredictions:
    """The record of BM25."""
    rows, row_R = _pairs(texts), texts.rows.rows(part)
    scores = _answers(texts).lexical.scores([rows.text_N[row] for row in row_R.tolist()])
    return ranks_of(rows, row_R, scores)


def fit_retrieval(model: Motet, texts: TextSet, hand_over: float | None) -> str:
    """Fit on validation rows what scores and confidences are; what came of it."""
    found = compared(model, texts, texts.rows.rows(VALID))
    right_RM = _right(_pairs(texts), found.row_R)
    return _head(model, texts.task).fit(found.cosine_RM, found.word_RM, right_RM, hand_over)


def mistaken_answers(model: Motet, texts: TextSet, part: int) -> dict[str, Any]:
    """How many are right of those that the model is surest of, and the surest errors: for the report.

    Returns:
        ``least``: confidence below which it leaves a question to a person; ``curve``: of the surest tenth,
        two tenths and so on of the questions, the share ``answered``, the share of them that is ``right``
        and the least ``confidence``; ``missed``: text, what the model answers, what is right, and how sure.
    """
    rows = _pairs(texts)
    found = compared(model, texts, rows.rows(part))
    share_RM = torch.softmax(found.score_RM, 1).numpy()
    best_R = share_RM.argmax(1)
    sure_R = share_RM[np.arange(len(best_R)), best_R]
    hit_R = _right(rows, found.row_R).numpy()[np.arange(len(best_R)), best_R]
    order_R = np.argsort(-sure_R, kind="stable")
    curve = []
    for step in range(1, STEPS + 1):
        count = round(len(order_R) * step / STEPS)
        if count:
            chosen = order_R[:count]
            curve.append(
                {
                    "answered": count / len(order_R),
                    "right": known(float(hit_R[chosen].mean())),
                    "confidence": float(sure_R[chosen[-1]]),
                }
            )
    wrong = [at for at in order_R.tolist() if not hit_R[at]][:SHOWN]
    return {
        "least": least_sure(model, texts.task),
        "curve": curve,
        "missed": [
            {
                "text": rows.text_N[found.row_R[at]][:LONGEST],
                "prediction": rows.answers[best_R[at]][:LONGEST],
                "label": rows.answers[rows.right(int(found.row_R[at]))[0]][:LONGEST],
                "probability": float(sure_R[at]),
            }
            for at in wrong
        ],
    }


def least_sure(model: Motet, task: str) -> float:
    """Confidence below which a task leaves a question to a person."""
    return float(_head(model, task).get_buffer("least"))


def _right(rows: PairRows, row_R: np.ndarray) -> Tensor:
    right_RM = torch.zeros(len(row_R), len(rows.answers), dtype=torch.bool)
    for at, row in enumerate(row_R.tolist()):
        right_RM[at, torch.from_numpy(rows.right(row))] = True
    return right_RM


def _pairs(texts: TextSet) -> PairRows:
    assert isinstance(texts.rows, PairRows)
    return texts.rows


def _answers(texts: TextSet) -> Answers:
    assert texts.answers is not None
    return texts.answers


def _head(model: Motet, task: str) -> RetrievalHead:
    assert model.texts is not None
    head = model.texts.head(task)
    assert isinstance(head, RetrievalHead)
    return head
