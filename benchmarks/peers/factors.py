"""Biased matrix factorisation (Koren et al., 2009) by alternating least squares, with users folded in later.

prediction = mean + item bias + user bias + user factors . item factors; all but the mean pulled to zero
(ridge). A user is the solution of a small ridge regression on the rows visible before the row that is asked:
closed form, so that a new rating counts at once. Item biases may learn from new rows too (``roll_items``).
Shapes: E rows to learn from, T rows to predict, A one bias and the factors, M moments of a user.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Rows:
    """Rows of a log; ``label_E`` is not read where rows are only asked."""

    user_E: np.ndarray
    item_E: np.ndarray
    time_E: np.ndarray
    label_E: np.ndarray

    def take(self, place_T: np.ndarray) -> "Rows":
        """Some of the rows."""
        return Rows(*(part[place_T] for part in (self.user_E, self.item_E, self.time_E, self.label_E)))


def sums_before(
    key_E: np.ndarray, time_E: np.ndarray, value_E: np.ndarray, key_T: np.ndarray, time_T: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """How many rows with the same key lie strictly before each asked time, and the sum of their values."""
    moments = np.unique(np.concatenate([time_E, time_T]))
    code_E = key_E * (len(moments) + 1) + np.searchsorted(moments, time_E)
    code_T = key_T * (len(moments) + 1) + np.searchsorted(moments, time_T)
    order_E = np.argsort(code_E, kind="stable")
    total_E = np.r_[0.0, np.cumsum(value_E[order_E])]
    high_T = np.searchsorted(code_E[order_E], code_T)
    low_T = np.searchsorted(code_E[order_E], key_T * (len(moments) + 1))
    return high_T - low_T, total_E[high_T] - total_E[low_T]


class BiasedFactors:
    """The model.

    Args:
        num_users: How many users there are.
        num_items: How many items there are.
        factors: Length of a factor vector; 0 leaves biases only.
        bias_ridge: Strength that pulls biases to zero, in rows.
        ridge: Strength that pulls factors to zero, in rows.
        iterations: Rounds of alternating least squares.
        roll_items: Item biases also learn from visible rows that were not fitted on.
        seed: Of the first item factors.
    """

    def __init__(
        self,
        num_users: int,
        num_items: int,
        factors: int = 8,
        bias_ridge: float = 5.0,
        ridge: float = 20.0,
        iterations: int = 15,
        roll_items: bool = False,
        seed: int = 0,
    ) -> None:
        self.num_users, self.num_items, self.iterations = num_users, num_items, iterations
        self.roll_items = roll_items
        self.ridge_A = np.r_[bias_ridge, np.full(factors, ridge)]
        self.mean = 0.0
        self.user_UA = np.zeros((num_users, factors + 1))  # bias first
        start = 0.1 * np.random.default_rng(seed).standard_normal((num_items, factors))
        self.item_IA = np.c_[np.zeros(num_items), start]
        self.count_I, self.sum_I = np.zeros(num_items), np.zeros(num_items)

    def fit(self, rows: Rows) -> None:
        """Alternate between the exact solutions for users and for items."""
        self.mean = float(rows.label_E.mean())
        target_E = rows.label_E - self.mean
        for _ in range(self.iterations):
            self.user_UA = self._solve(rows.user_E, self.num_users, self.item_IA[rows.item_E], target_E)
            self.item_IA = self._solve(rows.item_E, self.num_items, self.user_UA[rows.user_E], target_E)
        self.count_I = np.bincount(rows.item_E, minlength=self.num_items).astype(float)
        self.sum_I = np.bincount(rows.item_E, self._without_item(rows), self.num_items)

    def _solve(self, key_E: np.ndarray, keys: int, other_EA: np.ndarray, target_E: np.ndarray) -> np.ndarray:
        """Bias and factors of every key, given those of the other side; keys without rows stay zero."""
        design_EA, target_E = np.c_[np.ones(len(key_E)), other_EA[:, 1:]], target_E - other_EA[:, 0]
        order_E = np.argsort(key_E, kind="stable")
        bound_K = np.searchsorted(key_E[order_E], np.arange(keys + 1))
        solved_KA = np.zeros((keys, design_EA.shape[1]))
        for key in np.flatnonzero(np.diff(bound_K)):
            row_E = order_E[bound_K[key] : bound_K[key + 1]]
            part_EA = design_EA[row_E]
            gram_AA = part_EA.T @ part_EA + np.diag(self.ridge_A)
            solved_KA[key] = np.linalg.solve(gram_AA, part_EA.T @ target_E[row_E])
        return solved_KA

    def _without_item(self, rows: Rows) -> np.ndarray:
        """What mean, user bias and factors leave of the labels: the part of the item's bias, ``(E,)``."""
        user_EA, item_EA = self.user_UA[rows.user_E], self.item_IA[rows.item_E]
        return rows.label_E - self.mean - user_EA[:, 0] - (user_EA[:, 1:] * item_EA[:, 1:]).sum(axis=1)

    def predict(self, seen: Rows, fitted_E: np.ndarray, asked: Rows) -> np.ndarray:
        """Predict each asked row from what was seen strictly before its time, ``(T,)``.

        Args:
            seen: Visible rows with their labels.
            fitted_E: Which of them the model was fitted on.
            asked: Rows to predict.
        """
        fresh = seen.take(np.flatnonzero(~fitted_E))
        target_E = seen.label_E - self.mean - self._item_biases(fresh, seen)
        order_E, order_T = np.lexsort((seen.time_E, seen.user_E)), np.argsort(asked.user_E, kind="stable")
        seen, target_E, user_T = seen.take(order_E), target_E[order_E], asked.user_E[order_T]
        state_TA = np.zeros((len(user_T), len(self.ridge_A)))
        users, first_U = np.unique(user_T, return_index=True)
        for user, low, high in zip(users, first_U, np.r_[first_U[1:], len(user_T)], strict=True):
            own = slice(*np.searchsorted(seen.user_E, [user, user + 1]))
            time_T = asked.time_E[order_T[low:high]]
            moment_M, place_T = np.unique(np.searchsorted(seen.time_E[own], time_T), return_inverse=True)
            state_TA[order_T[low:high]] = self._states(seen.item_E[own], target_E[own], moment_M)[place_T]
        design_TA = np.c_[np.ones(len(user_T)), self.item_IA[asked.item_E, 1:]]
        return self.mean + self._item_biases(fresh, asked) + (design_TA * state_TA).sum(axis=1)

    def _item_biases(self, fresh: Rows, asked: Rows) -> np.ndarray:
        """The bias of each asked row's item as it stands just before that row, ``(T,)``."""
        if not self.roll_items:
            return self.item_IA[asked.item_E, 0]
        rest_E = self._without_item(fresh)
        count_T, sum_T = sums_before(fresh.item_E, fresh.time_E, rest_E, asked.item_E, asked.time_E)
        return (self.sum_I[asked.item_E] + sum_T) / (self.count_I[asked.item_E] + count_T + self.ridge_A[0])

    def _states(self, item_E: np.ndarray, target_E: np.ndarray, moment_M: np.ndarray) -> np.ndarray:
        """Ridge solutions of one user from the first m of the user's rows, for each m asked, ``(M, A)``."""
        design_EA = np.c_[np.ones(len(item_E)), self.item_IA[item_E, 1:]]
        width = design_EA.shape[1]
        gram_EAA = np.cumsum(design_EA[:, :, None] * design_EA[:, None, :], axis=0)
        right_EA = np.cumsum(design_EA * target_E[:, None], axis=0)
        gram_MAA = np.concatenate([np.zeros((1, width, width)), gram_EAA])[moment_M] + np.diag(self.ridge_A)
        right_MA = np.concatenate([np.zeros((1, width)), right_EA])[moment_M]
        return np.linalg.solve(gram_MAA, right_MA[:, :, None])[:, :, 0]
