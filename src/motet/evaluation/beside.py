"""Words beside a timeline: how a search for items and the next items of a user become one ranking.

The sum of the logarithms of both probabilities, the user's times a weight that is fitted on validation rows:
queries of items that validate, put beside users whose next item is one that is right.
Shapes: B queries, M items that are looked for, I items of the catalogue, P pairs of a query and a user.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from motet.config.tasks import NextItem, Retrieval
from motet.data.item_pairs import ItemPairs
from motet.data.text_feed import TextSet
from motet.evaluation.protocol import View
from motet.evaluation.retrieval import FEWEST, compared, rows_at_once
from motet.evaluation.scoring import Questions, Score, Scorer, hide_seen
from motet.metrics.ranking import rank_of_targets
from motet.system.randomness import generator
from motet.tasks.retrieval import RetrievalHead

ENOUGH = 20  # pairs to fit a weight on
BLOCK = 256  # pairs at a time, at most
SHOWN = 10  # of a list, for what is told of it
NEVER = -1e4  # logarithm of the probability of what takes no part, where a gradient goes through it


def user_chances(score_BI: Tensor, number_M: np.ndarray) -> Tensor:
    """Logarithms of the probabilities of items by users, ``(B, M)``.

    Args:
        score_BI: Scores of the catalogue; minus infinity for what takes no part.
        number_M: Which items of the catalogue they are; 0 for one that the catalogue lacks, which nothing is
            known of: it has the median of those that take part.
    """
    chance_BI = torch.log_softmax(score_BI, 1)
    chance_BM = chance_BI[:, torch.from_numpy(number_M.astype(np.int64))]
    unknown_M = torch.from_numpy(number_M == 0)
    if unknown_M.any():
        middle_B1 = chance_BI.masked_fill(~chance_BI.isfinite(), torch.nan).nanmedian(1, keepdim=True).values
        chance_BM = torch.where(unknown_M, middle_B1, chance_BM)
    return chance_BM


@dataclass(frozen=True)
class Pairs:
    """Queries and users who look for one item, and what says which it is.

    Args:
        row_P: Places of the queries.
        query_P: Which question of the ranking.
        item_P: The item that is right for both, by its number among the items that are looked for.
        texts: The queries and the items.
        scorer: The model and the log.
        asked: The questions of the ranking.
        score: What scores the catalogue for some of them.
        number_M: Which items of the catalogue those are that are looked for; 0 for one that it lacks.
        ranking: Name of the ranking task.
        whole: How many pairs there are; these may be drawn of them.
    """

    row_P: np.ndarray
    query_P: np.ndarray
    item_P: np.ndarray
    texts: TextSet
    scorer: Scorer
    asked: Questions
    score: Score
    number_M: np.ndarray
    ranking: str
    whole: int

    def __len__(self) -> int:
        return len(self.row_P)

    @classmethod
    def of(cls, scorer: Scorer, view: View, ranking: str, texts: TextSet, part: int, seed: int) -> "Pairs":
        """Each question of a part whose item some query of that part asks for, beside one of these.

        So many as fit into memory, and `FEWEST` at least, drawn by the seed where there are more.
        """
        rows = texts.rows
        assert isinstance(rows, ItemPairs)
        number_M = scorer.dataset.catalogue.numbers(rows.item_M)
        asked, score = scorer.scores(view, ranking, part)
        place_I = np.full(len(scorer.dataset.catalogue), -1)
        place_I[number_M] = np.arange(len(number_M))
        place_I[0] = -1
        random = generator(seed, f"queries beside {ranking}")
        row_of = _one_row_each(rows, part, random)
        item_T = place_I[asked.target_T]
        target = np.flatnonzero((item_T >= 0) & (row_of[item_T] >= 0))
        most, whole = max(FEWEST, rows_at_once(len(number_M))), len(target)
        if whole > most:
            target = np.sort(random.choice(target, most, replace=False))
        item_P = item_T[target]
        return cls(
            row_of[item_P],
            asked.query_T[target],
            item_P,
            texts,
            scorer,
            asked,
            score,
            number_M,
            ranking,
            whole,
        )

    @property
    def counted(self) -> str:
        """How many they are, and of how many where they are drawn."""
        return f"{len(self):,}" if self.whole == len(self) else f"{len(self):,} (of {self.whole:,})"

    def blocks(self) -> Iterator[tuple[np.ndarray, Tensor, Tensor]]:
        """Places of some pairs, and logarithms of the probabilities by words and by users."""
        size = rows_at_once(max(len(self.number_M), len(self.scorer.dataset.catalogue)), BLOCK)
        log = self.scorer.dataset.log
        banned = np.flatnonzero(~self.scorer.allowed(self.ranking))
        for begin in range(0, len(self), size):
            pair_B = np.arange(begin, min(begin + size, len(self)))
            query_B = self.query_P[pair_B]
            score_BI = self.score(query_B)
            score_BI[:, banned] = -np.inf
            hide_seen(score_BI, self.asked, query_B, log, self.ranking)
            user_BM = user_chances(torch.from_numpy(score_BI), self.number_M)
            yield pair_B, self._words(self.row_P[pair_B]), user_BM

    def _words(self, row_B: np.ndarray) -> Tensor:
        once, place_B = np.unique(row_B, return_inverse=True)
        found = [each.score_BM for each in compared(self.scorer.model, self.texts, once)]
        return torch.log_softmax(torch.cat(found), 1)[torch.from_numpy(place_B)]


def _one_row_each(rows: ItemPairs, part: int, random: np.random.Generator) -> np.ndarray:
    """A query of a part for each item, drawn where there are several, ``(M,)``; -1: none."""
    row_R = random.permutation(rows.rows(part))
    found = np.full(len(rows.answers), -1)
    for row in row_R.tolist():
        found[rows.right(row)] = row
    return found


def fit_beside(pairs: Pairs, head: RetrievalHead, ranking: int) -> str:
    """Fit how much a user's next items count beside the words of a query; what came of it."""
    if len(pairs) < ENOUGH:
        head.get_buffer("beside_X")[ranking] = 1.0
        return (
            f"beside {pairs.ranking} a weight of 1 for the user, as {len(pairs)} validation rows have a user "
            "and a query for one item"
        )
    parts = [(words, users) for _, words, users in pairs.blocks()]
    word_PM, user_PM = (torch.cat(each) for each in zip(*parts, strict=True))
    weight = head.fit_beside(ranking, word_PM, user_PM.clamp(min=NEVER), torch.from_numpy(pairs.item_P))
    return f"beside {pairs.ranking} a weight of {weight:.2f} for the user, by {pairs.counted} validation rows"


def ranks_beside(pairs: Pairs, weight: float) -> dict[str, np.ndarray]:
    """Where the right item of each pair stands: by ``words``, by the ``user``, and by ``both``."""
    found: dict[str, list[np.ndarray]] = {"words": [], "user": [], "both": []}
    for pair_B, word_BM, user_BM in pairs.blocks():
        row_B = np.arange(len(pair_B))
        for name, score_BM in (
            ("words", word_BM), ("user", user_BM), ("both", word_BM + weight * user_BM)
        ):  # fmt: skip
            found[name].append(rank_of_targets(score_BM.numpy(), pairs.item_P[pair_B], row_B))
    return {name: np.concatenate(each) if each else np.zeros(0, np.int64) for name, each in found.items()}


def told_beside(task: str, pairs: Pairs, weight: float) -> list[str]:
    """What is found together and by each alone, in words; nothing where there are too few pairs."""
    if len(pairs) < ENOUGH:
        return []
    found = {name: f"{(rank_P <= SHOWN).mean():.1%}" for name, rank_P in ranks_beside(pairs, weight).items()}
    return [
        f"{task} beside {pairs.ranking}: of {pairs.counted} test rows that have a user and a query for one "
        f"item, that is among the first {SHOWN} in {found['words']} by the words, in {found['user']} by the "
        f"user, in {found['both']} by both."
    ]


def sought(tasks: Sequence[object]) -> list[Retrieval]:
    """The tasks that look for items."""
    return [task for task in tasks if isinstance(task, Retrieval) and task.seeks_items]


def meet(search: Retrieval, kind: str | None) -> bool:
    """Whether a search has items in common with a ranking of a kind; None: of all kinds."""
    return kind is None or search.items in (None, kind)


def rankings(tasks: Sequence[object]) -> dict[str, str | None]:
    """The tasks that rank items by timelines, in the order of their weights beside words, and their kinds."""
    return {task.name: task.items for task in tasks if isinstance(task, NextItem)}
