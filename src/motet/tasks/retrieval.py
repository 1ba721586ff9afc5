"""RetrievalHead: which answer belongs to a question, by the likeness of their vectors and their words.

Shapes: B questions, C answers of a batch, M all answers, T width of the language model.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from motet.batch import AnswerBatch, TextBatch
from motet.tasks.tagging import divergence

TEMPERATURE = 0.05  # of cosines at the start, as contrastive training of sentences has it (SimCSE)
STEPS = 60  # of the fit on validation rows
NEVER = 1.01  # a confidence that no answer has
LOG_WORDS, LOOSE = (
    -2.0,
    1.0,
)  # where the scale of words is expected, in nats, and how far off both may well be


class RetrievalHead(nn.Module):
    """Scores of answers: the cosine of two vectors, and, once fitted, how well the words fit.

    A linear map, at first the identity, is applied to both vectors. Trained with cross-entropy among the
    answers of a batch, those left out that are right too (in-batch negatives: van den Oord et al., 2018,
    arXiv:1807.03748), in units of a guess among as many as a step shows. On validation rows are fitted
    afterwards: the scale of cosines and of BM25's scores among all answers, so that their softmax is a
    probability; and the least of these at which as many answers are right as was asked for.

    Where it looks for items, a ranking of items by a user's timeline may be added: the logarithms of both
    probabilities, the ranking's times a weight that is fitted too. A weight of 1 is right where both are
    calibrated and the words, given the item, say nothing more of the user.

    Args:
        width: Of the language model.
        shown: How many answers a step shows.
        mapped: Whether there is a linear map; without it vectors are compared as they are.
        rankings: Tasks that rank items by timelines.
    """

    def __init__(self, width: int, shown: int, *, mapped: bool = True, rankings: int = 0) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width, bias=False) if mapped else None
        if self.linear is not None:
            nn.init.eye_(self.linear.weight)
        if rankings:
            self.register_buffer("beside_X", torch.ones(rankings))  # weight of each, once fitted
        self.log_scale = nn.Parameter(torch.tensor(-math.log(TEMPERATURE)))
        self.nats = math.log(max(shown, 2))
        self.register_buffer("scale_2", torch.zeros(2))  # of cosines and of words, once fitted
        self.register_buffer("least", torch.zeros(()))  # confidence below which nobody is answered

    def directions(self, vector_BT: Tensor) -> Tensor:
        """Vectors as they are compared, of length 1."""
        return F.normalize(vector_BT if self.linear is None else self.linear(vector_BT), dim=-1)

    def forward(self, vector_BT: Tensor, batch: TextBatch, answer_CT: Tensor) -> Tensor:
        """Scores of the answers of a batch, ``(B, C)``."""
        del batch
        cosine_BC = self.directions(vector_BT) @ self.directions(answer_CT).T
        return self.log_scale.exp() * cosine_BC

    def loss(self, raw_BC: Tensor, batch: TextBatch) -> Tensor:
        """Mean nats of the right answer, in those of a guess among the batch's."""
        answers = _answers(batch)
        raw_BC = self._without_others(raw_BC.float(), answers)
        return F.cross_entropy(raw_BC, answers.own_B) / self.nats

    def asks(self, batch: TextBatch) -> bool:
        """Whether a text can be learned from: there are several answers to choose from."""
        return batch.answers is not None and batch.answers.right_BC.shape[1] > 1

    def apart(self, first_BC: Tensor, second_BC: Tensor, batch: TextBatch) -> Tensor:
        """How far two readings lie apart, in those nats."""
        answers = _answers(batch)
        first_BC, second_BC = (self._without_others(each, answers) for each in (first_BC, second_BC))
        return divergence(first_BC, second_BC) / self.nats

    @staticmethod
    def _without_others(raw_BC: Tensor, answers: AnswerBatch) -> Tensor:
        """Scores without the answers that are right too and not learned now."""
        other_BC = answers.right_BC.clone()
        other_BC.scatter_(1, answers.own_B[:, None], value=False)
        return raw_BC.masked_fill(other_BC, -1e4)

    @property
    def fitted(self) -> bool:
        """Whether words count, and confidences are probabilities."""
        return bool(self.get_buffer("scale_2").any())

    def scores(self, cosine_BM: Tensor, word_BM: Tensor) -> Tensor:
        """Scores of all answers, ``(B, M)``: by the cosine alone until they are fitted."""
        scale_2 = self.get_buffer("scale_2")
        if not self.fitted:
            return self.log_scale.detach().exp() * cosine_BM
        return scale_2[0] * cosine_BM + scale_2[1] * word_BM

    def fit(self, cosine_BM: Tensor, word_BM: Tensor, right_BM: Tensor, hand_over: float | None) -> str:
        """Fit both scales and the least confidence on rows that trained nothing; say what came of it.

        Args:
            cosine_BM: Cosines of questions and all answers.
            word_BM: BM25's scores of the same.
            right_BM: Which are right, bool.
            hand_over: The share of the answers given that shall be right; None: all are given.
        """
        start_2 = torch.stack([self.log_scale.detach(), self.log_scale.new_tensor(LOG_WORDS)])
        log_2 = start_2.clone().requires_grad_()
        optimizer = torch.optim.LBFGS([log_2], max_iter=STEPS, line_search_fn="strong_wolfe")

        def closure() -> float:
            optimizer.zero_grad()
            score_BM = log_2[0].exp() * cosine_BM + log_2[1].exp() * word_BM
            right_B = torch.logsumexp(score_BM.masked_fill(~right_BM, -torch.inf), 1)
            nats = (torch.logsumexp(score_BM, 1) - right_B).sum() + (
                (log_2 - start_2) / LOOSE
            ).square().sum() / 2
            torch.autograd.backward(nats)
            return float(nats.detach())

        minimise: Callable[[Callable[[], float]], Any] = optimizer.step
        with torch.enable_grad():
            minimise(closure)
        self.get_buffer("scale_2").copy_(log_2.detach().exp())
        cosines, words = self.get_buffer("scale_2").tolist()
        said = f"scale of cosines {cosines:.1f}, of words {words:.3f}"
        if hand_over is None:
            return said
        share_BM = torch.softmax(self.scores(cosine_BM, word_BM), 1)
        best_B = share_BM.argmax(1)
        sure_B = share_BM.gather(1, best_B[:, None])[:, 0]
        hit_B = right_BM.gather(1, best_B[:, None])[:, 0]
        least, kept = least_confidence(sure_B.tolist(), hit_B.tolist(), hand_over)
        self.get_buffer("least").fill_(least)
        if not kept:
            return f"{said}; no confidence is high enough for {hand_over:.0%}, so a person answers all"
        whom = f"{1 - kept:.0%} of the validation rows"
        return f"{said}; below a confidence of {least:.3f} a person answers ({whom})"

    def fit_beside(self, ranking: int, word_BM: Tensor, user_BM: Tensor, right_B: Tensor) -> float:
        """Fit the weight of a ranking of items by timelines, on rows that trained nothing.

        It is expected at 1, and may well be off by a factor of e; the few rows that there may be say more the
        more they are.

        Args:
            ranking: Which of them.
            word_BM: Logarithms of the probabilities of all items by the words of a query.
            user_BM: The same by the user; minus infinity for items that take no part.
            right_B: The item that is right for both.
        """
        log_1 = torch.zeros(1, requires_grad=True)
        optimizer = torch.optim.LBFGS([log_1], max_iter=STEPS, line_search_fn="strong_wolfe")

        def closure() -> float:
            optimizer.zero_grad()
            score_BM = word_BM + log_1.exp() * user_BM
            nats = F.cross_entropy(score_BM, right_B, reduction="sum") + (log_1 / LOOSE).square().sum() / 2
            torch.autograd.backward(nats)
            return float(nats.detach())

        minimise: Callable[[Callable[[], float]], Any] = optimizer.step
        with torch.enable_grad():
            minimise(closure)
        weight = float(log_1.detach().exp())
        self.get_buffer("beside_X")[ranking] = weight
        return weight


def least_confidence(sure: Sequence[float], hit: Sequence[bool], share: float) -> tuple[float, float]:
    """The least confidence at and above which as large a share is right, and how many are answered then.

    It is chosen where it suits best, so the share that is seen flatters: it must be as large less a standard
    error (Wilson's bound). Where no share of them is as good, the confidence is above all.

    >>> least_confidence([0.9] * 50 + [0.5] * 50, [True] * 50 + [False] * 50, 0.9)
    (0.9, 0.5)
    """
    order = sorted(range(len(sure)), key=lambda at: -sure[at])
    least, kept, right = NEVER, 0, 0
    for count, at in enumerate(order, 1):
        right += hit[at]
        last_of_its_own = count == len(order) or sure[order[count]] < sure[at]
        if last_of_its_own and _lower(right, count) >= share:
            least, kept = sure[at], count
    return least, kept / max(len(order), 1)


def _lower(right: int, count: int) -> float:
    """A share less a standard error of its own (Wilson, JASA 1927)."""
    share = right / count
    spread = math.sqrt(share * (1 - share) / count + 1 / (4 * count * count))
    return (share + 1 / (2 * count) - spread) / (1 + 1 / count)


def _answers(batch: TextBatch) -> AnswerBatch:
    assert batch.answers is not None, "a batch of a retrieval task that is learned from has answers"
    return batch.answers
