"""What a model says of questions: where the right answers stand among all.

Shapes: R rows of a part, B of them at once, M answers, T width of the language model.
"""

from collections.abc import Iterable, Iterator
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
from motet.system.randomness import generator
from motet.tasks.retrieval import RetrievalHead

SHOWN = 20  # errors that a report shows
LONGEST = 200  # letters of a text that a report shows
STEPS = 10  # points of the curve of confidence
AT_ONCE = 20_000_000  # questions times answers
FEWEST = 100  # validation rows to fit on, however many answers there are


def rows_at_once(columns: int, most: int = AT_ONCE) -> int:
    """Rows of so many columns that are scored at once: what fits into memory, and one at least.

    >>> rows_at_once(1_000_000), rows_at_once(100, 1024)
    (20, 1024)
    """
    return max(1, min(most, AT_ONCE // max(columns, 1)))


@dataclass(frozen=True)
class Compared:
    """Some questions beside all answers.

    Args:
        row_B: Places of the questions.
        cosine_BM: Likeness of vectors.
        word_BM: Likeness of words.
        score_BM: What the model makes of both.
    """

    row_B: np.ndarray
    cosine_BM: Tensor
    word_BM: Tensor
    score_BM: Tensor


def compared(
    model: Motet, texts: TextSet, row_R: np.ndarray, answer_MT: Tensor | None = None, *, fitted: bool = True
) -> Iterator[Compared]:
    """Questions beside all answers, by a model, so many at once as fit into memory, in the order of `row_R`.

    Args:
        model: The model.
        texts: Of the task.
        row_R: Places of the questions.
        answer_MT: What `answer_directions` says; None works it out.
        fitted: Whether words count; before they are fitted nobody asks for them.
    """
    answers, rows, head = _answers(texts), _pairs(texts), retrieval_head(model, texts.task)
    assert model.texts is not None
    model.eval()
    answer_MT = answer_directions(model, texts.task, answers) if answer_MT is None else answer_MT
    step = rows_at_once(len(answer_MT))
    for begin in range(0, len(row_R), step):
        row_B = row_R[begin : begin + step]
        cosine_BM = _asked(model, texts, row_B, answer_MT) @ answer_MT.T
        word_BM = torch.zeros(1, 1)
        if fitted:
            word_BM = torch.from_numpy(answers.lexical.scores([rows.text_N[row] for row in row_B.tolist()]))
        yield Compared(row_B, cosine_BM, word_BM, head.scores(cosine_BM, word_BM))


@torch.no_grad()
def _asked(model: Motet, texts: TextSet, row_B: np.ndarray, answer_MT: Tensor) -> Tensor:
    """Vectors of questions as they are compared, ``(B, T)``."""
    assert model.texts is not None
    head, found_BT = retrieval_head(model, texts.task), answer_MT.new_zeros(len(row_B), answer_MT.shape[1])
    place = {row: at for at, row in enumerate(row_B.tolist())}
    for batch in texts.in_order(row_B):
        at_C = torch.tensor([place[row] for row in batch.row_B.tolist()])
        found_BT[at_C] = head.directions(model.texts.vectors(batch)).float()
    return found_BT


@torch.no_grad()
def answer_directions(model: Motet, task: str, answers: Answers) -> Tensor:
    """Vectors of all answers as they are compared, ``(M, T)``."""
    assert model.texts is not None
    head, count, table = retrieval_head(model, task), len(answers.rows.answers), model.texts.table(task)
    if table is not None:
        return head.directions(table.get_buffer("vector_MT")).float()
    length_M = np.ones(count, np.int64) if answers.tokens is None else answers.tokens.length_N
    found: dict[int, Tensor] = {}
    for number_C in sorted_windows(length_M, np.ones_like(length_M), PLACES):
        batch = answers.batch(number_C, np.zeros(0, np.int64), np.zeros((0, len(number_C)), bool))
        vector_CT = head.directions(model.texts.answer_vectors(batch, task)).float()
        found |= dict(zip(number_C.tolist(), vector_CT, strict=True))
    return torch.stack([found[number] for number in range(count)])


def retrieval_record(model: Motet, texts: TextSet, part: int) -> RankingPredictions:
    """A record of ranks; every question is a user of its own when intervals are drawn."""
    row_R, fitted = texts.rows.rows(part), retrieval_head(model, texts.task).fitted
    parts = ((each.row_B, each.score_BM.numpy()) for each in compared(model, texts, row_R, fitted=fitted))
    return ranks_of(_pairs(texts), row_R, parts)


def ranks_of(
    rows: PairRows, row_R: np.ndarray, parts: Iterable[tuple[np.ndarray, np.ndarray]]
) -> RankingPredictions:
    """The record of scores, which come for some questions after the other."""
    ranks = []
    for row_B, score_BM in parts:
        right = [rows.right(row) for row in row_B.tolist()]
        query_T = np.repeat(np.arange(len(row_B)), [len(each) for each in right])
        ranks.append(rank_of_targets(score_BM, np.concatenate(right), query_T))
    count_R = [len(rows.right(row)) for row in row_R.tolist()]
    rank_T = np.concatenate(ranks) if ranks else np.zeros(0, np.int64)
    return RankingPredictions(row_R, rank_T, np.repeat(np.arange(len(row_R)), count_R), kind="retrieval")


def by_words(texts: TextSet, part: int) -> RankingPredictions:
    """The record of BM25."""
    rows, row_R, answers = _pairs(texts), texts.rows.rows(part), _answers(texts)
    step = rows_at_once(answers.lexical.size)
    blocks = (row_R[begin : begin + step] for begin in range(0, len(row_R), step))
    parts = (
        (row_B, answers.lexical.scores([rows.text_N[row] for row in row_B.tolist()])) for row_B in blocks
    )
    return ranks_of(rows, row_R, parts)


def fit_retrieval(model: Motet, texts: TextSet, hand_over: float | None, seed: int) -> str:
    """Fit on validation rows what scores and confidences are; what came of it.

    So many rows as fit into memory with all answers, and `FEWEST` at least, drawn by the seed where there are
    more.
    """
    row_R = texts.rows.rows(VALID)
    most, whole = max(FEWEST, rows_at_once(len(_pairs(texts).answers))), len(row_R)
    if whole > most:
        row_R = np.sort(generator(seed, f"questions of {texts.task}").choice(row_R, most, replace=False))
    found = list(compared(model, texts, row_R))
    cosine_BM, word_BM = (
        torch.cat(each) for each in zip(*((a.cosine_BM, a.word_BM) for a in found), strict=True)
    )
    right_BM = _right(_pairs(texts), row_R)
    said = retrieval_head(model, texts.task).fit(cosine_BM, word_BM, right_BM, hand_over)
    return said if whole == len(row_R) else f"{said}; {len(row_R):,} of {whole:,} validation rows were drawn"


def mistaken_answers(model: Motet, texts: TextSet, part: int) -> dict[str, Any]:
    """How many are right of those that the model is surest of, and the surest errors: for the report.

    Returns:
        ``least``: confidence below which it leaves a question to a person; ``curve``: of the surest tenth,
        two tenths and so on of the questions, the share ``answered``, the share of them that is ``right``
        and the least ``confidence``; ``missed``: text, what the model answers, what is right, and how sure.
    """
    rows, row_R = _pairs(texts), texts.rows.rows(part)
    said = []
    for each in compared(model, texts, row_R):
        sure_B, best_B = torch.softmax(each.score_BM, 1).max(1)
        hit_B = _right(rows, each.row_B).gather(1, best_B[:, None])[:, 0]
        said.append((sure_B.numpy(), best_B.numpy(), hit_B.numpy()))
    sure_R, best_R, hit_R = (np.concatenate(each) for each in zip(*said, strict=True))
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
                "text": rows.text_N[row_R[at]][:LONGEST],
                "prediction": rows.answers[best_R[at]][:LONGEST],
                "label": rows.answers[rows.right(int(row_R[at]))[0]][:LONGEST],
                "probability": float(sure_R[at]),
            }
            for at in wrong
        ],
    }


def least_sure(model: Motet, task: str) -> float:
    """Confidence below which a task leaves a question to a person."""
    return float(retrieval_head(model, task).get_buffer("least"))


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


def retrieval_head(model: Motet, task: str) -> RetrievalHead:
    """The head of a retrieval task."""
    assert model.texts is not None
    head = model.texts.head(task)
    assert isinstance(head, RetrievalHead)
    return head
