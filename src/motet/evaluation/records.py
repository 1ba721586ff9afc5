"""Records of predictions: what one model said about the rows of one task, and the metrics of it.

Whoever predicts (the joint model, a twin, a baseline, a peer) fills one of the three records; everything that
is measured or compared is computed from them. Users are numbers of any kind, equal for equal users; intervals
come from drawing users. Shapes: N rows, Q queries, T targets, K places of a list, I item columns (0 =
unknown), H items of histories.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Self

import numpy as np

from motet.errors import DataError
from motet.evaluation.lists import Lists
from motet.evaluation.measures import Counted, Record, dense
from motet.metrics.arrays import Array, Bools, Floats
from motet.metrics.classes import auc_of_users, log_losses
from motet.metrics.names import TaskKind
from motet.metrics.ranking import NOT_RANKED, hit_rate, ndcg, recall, reciprocal_rank
from motet.metrics.weighted import auc_of, ece_of, gauc_of, macro_f1_of, mean_of, rmse_of, share_of


@dataclass(frozen=True, eq=False)
class RankingPredictions(Record):
    """Where the right items, or answers, stood in the full ranking of each query.

    `user_Q`: user of each query; `rank_T`: rank from 1 of each target
    (:func:`~motet.metrics.ranking.rank_of_targets`); `query_T`: place of its query in `user_Q`; `slices`:
    name -> which queries belong to it, ``(Q,)``.
    """

    user_Q: Array
    rank_T: Array
    query_T: Array
    lists: Lists | None = None
    slices: Mapping[str, Bools] = field(default_factory=dict)

    kind: TaskKind = field(default="next_item", kw_only=True)

    def __post_init__(self) -> None:
        assert len(self.rank_T) == len(self.query_T), "each target has one rank and one query"
        assert np.all(self.rank_T >= 1), "ranks count from 1"
        ranked_T = self.rank_T != NOT_RANKED
        pair_T2 = np.stack([self.query_T[ranked_T], self.rank_T[ranked_T]], axis=1)
        assert len(np.unique(pair_T2, axis=0)) == len(pair_T2), (
            "two targets of a query share a rank: a target is there twice"
        )
        assert all(len(mask_Q) == len(self.user_Q) for mask_Q in self.slices.values())

    @property
    def users(self) -> Array:
        """User of each query, ``(Q,)``."""
        return self.user_Q

    def same_questions(self, other: object) -> bool:
        """True if both records answer the same queries in the same order."""
        return (
            isinstance(other, RankingPredictions)
            and self.kind == other.kind
            and np.array_equal(self.user_Q, other.user_Q)
            and np.array_equal(self.query_T, other.query_T)
        )

    def take(self, mask_Q: Bools) -> Self:
        """The record of some queries, without slices."""
        kept_T = mask_Q[self.query_T]
        number_Q = np.cumsum(mask_Q) - 1
        lists = None if self.lists is None else self.lists.take(np.flatnonzero(mask_Q))
        query_T = number_Q[self.query_T[kept_T]]
        return type(self)(self.user_Q[mask_Q], self.rank_T[kept_T], query_T, lists, kind=self.kind)

    def statistics(self, k_list: Sequence[int]) -> dict[str, Counted]:
        """Metrics that are means over queries, by name; those of lists for each k that the lists reach.

        Of questions that are answered the first answer is measured whatever `k_list` says.
        """
        k_list = sorted({1, *k_list}) if self.kind == "retrieval" else k_list
        found = (self.rank_T, self.query_T, len(self.user_Q))
        values: dict[str, Floats] = {}
        for k in k_list:
            values |= {
                f"hr@{k}": hit_rate(*found, k),
                f"ndcg@{k}": ndcg(*found, k),
                f"recall@{k}": recall(*found, k),
            }
        values["mrr"] = reciprocal_rank(*found)
        for k in self._reached(k_list):
            values |= self.lists.values(k) if self.lists else {}
        user_Q, num_users = dense(self.user_Q)
        return {
            name: Counted(mean_of(value_Q, user_Q, num_users), int(np.count_nonzero(~np.isnan(value_Q))))
            for name, value_Q in values.items()
        }

    def whole(self, k_list: Sequence[int]) -> dict[str, float]:
        """Coverage, which belongs to all lists together: it has no interval, for fewer users cover less."""
        return {f"coverage@{k}": self.lists.coverage(k) for k in self._reached(k_list) if self.lists}

    def _reached(self, k_list: Sequence[int]) -> list[int]:
        return [] if self.lists is None else [k for k in k_list if k <= self.lists.shown_QK.shape[1]]


@dataclass(frozen=True, eq=False)
class RowPredictions(Record):
    """What was predicted for each labelled row.

    `label_N` and `prediction_N`: 0 or 1 and its probability (binary), a number and a number (regression), a
    class number and a class number (multiclass); `user_N`: user of each row; `slices`: name -> which rows
    belong to it, ``(N,)``.

    Raises:
        DataError: A prediction is NaN or infinite, or a probability lies outside of 0..1.
    """

    kind: Literal["binary", "regression", "multiclass"]
    user_N: Array
    label_N: Array
    prediction_N: Array
    slices: Mapping[str, Bools] = field(default_factory=dict)

    def __post_init__(self) -> None:
        assert len(self.user_N) == len(self.label_N) == len(self.prediction_N)
        assert not np.isnan(self.label_N).any(), "rows without a label are left out before"
        assert all(len(mask_N) == len(self.user_N) for mask_N in self.slices.values())
        wrong_N = ~np.isfinite(self.prediction_N)
        if self.kind == "binary":
            wrong_N |= (self.prediction_N < 0) | (self.prediction_N > 1)
        if wrong_N.any():
            first = int(np.flatnonzero(wrong_N)[0])
            wanted = "a probability between 0 and 1" if self.kind == "binary" else "a finite number"
            raise DataError(
                f"Predictions ({self.kind}): {int(wrong_N.sum())} of {len(wrong_N)} are not {wanted}; "
                f"the first is {self.prediction_N[first]} in row {first}. If a model made them it has "
                "diverged: lower training.learning_rate. If they were read from a file, mend that column."
            )

    @property
    def users(self) -> Array:
        """User of each row, ``(N,)``."""
        return self.user_N

    def same_questions(self, other: object) -> bool:
        """True if both records answer the same rows in the same order."""
        return (
            isinstance(other, RowPredictions)
            and self.kind == other.kind
            and np.array_equal(self.user_N, other.user_N)
            and np.array_equal(self.label_N, other.label_N)
        )

    def take(self, mask_N: Bools) -> Self:
        """The record of some rows, without slices."""
        return type(self)(self.kind, self.user_N[mask_N], self.label_N[mask_N], self.prediction_N[mask_N])

    def statistics(self, k_list: Sequence[int]) -> dict[str, Counted]:
        """The metrics of the task kind, by name; `k_list` has no say."""
        del k_list
        user_N, num_users = dense(self.user_N)
        rows = (self.label_N, self.prediction_N, user_N, num_users)
        n = len(user_N)
        match self.kind:
            case "binary":
                loss = mean_of(log_losses(self.label_N, self.prediction_N), user_N, num_users)
                auc_U, rows_U = auc_of_users(*rows)
                return {
                    "auc": Counted(auc_of(*rows), n),
                    "gauc": Counted(gauc_of(*rows), int(rows_U[~np.isnan(auc_U)].sum())),
                    "log_loss": Counted(loss, n),
                    "ece": Counted(ece_of(*rows), n),
                }
            case "regression":
                error_N = np.abs(self.prediction_N.astype(np.float64) - self.label_N)
                return {
                    "rmse": Counted(rmse_of(*rows), n),
                    "mae": Counted(mean_of(error_N, user_N, num_users), n),
                }
            case "multiclass":
                label_N, class_N = self.label_N.astype(np.int64), self.prediction_N.astype(np.int64)
                share = mean_of(np.equal(label_N, class_N).astype(np.float64), user_N, num_users)
                macro = macro_f1_of(label_N, class_N, user_N, num_users)
                return {"accuracy": Counted(share, n), "macro_f1": Counted(macro, n)}

    def whole(self, k_list: Sequence[int]) -> dict[str, float]:
        """Metrics without an interval: none."""
        del k_list
        return {}


@dataclass(frozen=True, eq=False)
class SpanPredictions(Record):
    """Spans of each text: how many of those found are right, how many were found, how many there are.

    `user_N`: number of each text; `right_N`, `found_N`, `wanted_N`: spans; `slices`: name -> which texts
    belong to it, ``(N,)``.
    """

    user_N: Array
    right_N: Array
    found_N: Array
    wanted_N: Array
    slices: Mapping[str, Bools] = field(default_factory=dict)

    kind: TaskKind = field(default="tagging", init=False)

    def __post_init__(self) -> None:
        assert len(self.user_N) == len(self.right_N) == len(self.found_N) == len(self.wanted_N)
        assert np.all(self.right_N <= np.minimum(self.found_N, self.wanted_N)), "a span is right once"
        assert all(len(mask_N) == len(self.user_N) for mask_N in self.slices.values())

    @property
    def users(self) -> Array:
        """Number of each text, ``(N,)``."""
        return self.user_N

    def same_questions(self, other: object) -> bool:
        """True if both records are of the same texts in the same order."""
        return (
            isinstance(other, SpanPredictions)
            and np.array_equal(self.user_N, other.user_N)
            and np.array_equal(self.wanted_N, other.wanted_N)
        )

    def take(self, mask_N: Bools) -> Self:
        """The record of some texts, without slices."""
        right_N, found_N, wanted_N = (each[mask_N] for each in (self.right_N, self.found_N, self.wanted_N))
        return type(self)(self.user_N[mask_N], right_N, found_N, wanted_N)

    def statistics(self, k_list: Sequence[int]) -> dict[str, Counted]:
        """Precision and recall of spans and their harmonic mean, over all types, as seqeval has them."""
        del k_list
        user_N, num_users = dense(self.user_N)
        right, found, wanted = (
            np.bincount(user_N, each, num_users) for each in (self.right_N, self.found_N, self.wanted_N)
        )
        n = int(self.wanted_N.sum())
        return {
            "entity_f1": Counted(share_of(2 * right, found + wanted), n),
            "entity_precision": Counted(share_of(right, found), int(self.found_N.sum())),
            "entity_recall": Counted(share_of(right, wanted), n),
        }

    def whole(self, k_list: Sequence[int]) -> dict[str, float]:
        """Metrics without an interval: none."""
        del k_list
        return {}


Predictions = RankingPredictions | RowPredictions | SpanPredictions
