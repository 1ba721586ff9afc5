"""Baselines for tasks that score rows: offsets of users and items, and the frequency of classes.

User and item numbers are dense, 0 is unknown. Shapes: N rows, V visible rows, C classes, K user or item
numbers.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from motet.metrics.arrays import Array, Floats, Ints


@dataclass(frozen=True, eq=False)
class Visible:
    """Labelled rows after the training cut that a prediction may see if they lie before its own moment.

    `user_V`, `item_V`, `label_V`: the rows; `moment_V`: their moments, any numbers that grow with time. A row
    sees only rows of strictly earlier moments, so a row may be among its own visible rows without seeing
    itself.
    """

    user_V: Array
    item_V: Array
    label_V: Array
    moment_V: Array


class DampedMeans:
    """The mean, plus the item's offset from it, plus the user's from both, each pulled towards 0.

    The user and item biases of rating prediction (Koren et al., IEEE Computer 2009; damping as in LensKit's
    bias model, Ekstrand, CIKM 2020). It is the popularity of row tasks: no taste, only how much is liked. For
    binary tasks it is kept inside the probabilities 0.001..0.999. An unknown user or item has no offset.
    """

    def __init__(self, *, damping: float = 5.0, probability: bool = False) -> None:
        """Settings.

        Args:
            damping: Strength, in rows, of the pull towards 0.
            probability: Predictions are probabilities of a binary label.
        """
        self.damping, self.probability = damping, probability

    def fit(self, user_N: Array, item_N: Array, label_N: Array) -> None:
        """Sum the training rows of each item and, with the items' offsets taken away, of each user."""
        label_N = np.asarray(label_N, np.float64)
        self.mean = float(label_N.mean()) if len(label_N) else 0.0
        self.unit = float(np.abs(label_N - self.mean).max(initial=0.0) or 1.0) / 2**30
        self.item = _Offsets.of(item_N, label_N - self.mean)
        rest_N = label_N - self.mean - self.item.at(item_N, self.damping)
        self.user = _Offsets.of(user_N, rest_N)

    def predict(
        self, user_N: Array, item_N: Array, moment_N: Array | None = None, visible: Visible | None = None
    ) -> Floats:
        """Predictions ``(N,)``.

        Args:
            user_N: User numbers.
            item_N: Item numbers.
            moment_N: Moments of the rows; needed with `visible`.
            visible: Rows after the cut that may be seen (rolling history); None sees training alone (frozen).
                They move the offsets of users and items, not the mean, and a user's offset is taken beside
                the items' offsets from training.
        """
        item_seen = user_seen = None
        if visible is not None:
            assert moment_N is not None, "a rolling prediction needs the moments of its rows"
            rest_V = np.asarray(visible.label_V, np.float64) - self.mean
            own_V = rest_V - self.item.at(visible.item_V, self.damping)
            item_seen = self._seen_before(visible.item_V, rest_V, visible.moment_V, item_N, moment_N)
            user_seen = self._seen_before(visible.user_V, own_V, visible.moment_V, user_N, moment_N)
        offset_N = self.item.at(item_N, self.damping, item_seen) + self.user.at(
            user_N, self.damping, user_seen
        )
        prediction_N = self.mean + offset_N
        return np.clip(prediction_N, 0.001, 0.999) if self.probability else prediction_N

    def _seen_before(
        self, key_V: Array, value_V: Floats, moment_V: Array, key_N: Array, moment_N: Array
    ) -> tuple[Floats, Floats]:
        """Sum and number of the visible values with the row's key and an earlier moment, ``(N,)`` each.

        Running sums are of whole numbers, in `unit`: with floats the values of other keys, also later ones,
        would move a sum by rounding.
        """
        moments = np.unique(moment_V)
        span = len(moments) + 1
        place_V = np.asarray(key_V, np.int64) * span + np.searchsorted(moments, moment_V)
        order_V = np.argsort(place_V, kind="stable")
        running_V1 = np.zeros(len(order_V) + 1, np.int64)
        np.cumsum(np.rint(value_V / self.unit).astype(np.int64)[order_V], out=running_V1[1:])
        start_N = np.asarray(key_N, np.int64) * span
        now_N = start_N + np.searchsorted(moments, moment_N)
        first_N, end_N = (np.searchsorted(place_V[order_V], point_N) for point_N in (start_N, now_N))
        total_N = (running_V1[end_N] - running_V1[first_N]).astype(np.float64) * self.unit
        return total_N, (end_N - first_N).astype(np.float64)


@dataclass(frozen=True, eq=False)
class _Offsets:
    """Sum and number of what was left over for each user or item number; 0 and unseen numbers have none."""

    total_K: Floats
    rows_K: Ints

    @classmethod
    def of(cls, number_N: Array, rest_N: Floats) -> Self:
        total_K, rows_K = (
            np.bincount(number_N, rest_N, 1),
            np.bincount(number_N, minlength=1).astype(np.int64),
        )
        total_K[0], rows_K[0] = 0.0, 0
        return cls(total_K.astype(np.float64), rows_K.astype(np.int64))

    def at(self, number_N: Array, damping: float, seen: tuple[Floats, Floats] | None = None) -> Floats:
        inside_N = np.where(np.asarray(number_N) < len(self.rows_K), number_N, 0)
        total_N, rows_N = self.total_K[inside_N], self.rows_K[inside_N].astype(np.float64)
        if seen is not None:
            known_N = np.asarray(number_N) > 0
            total_N, rows_N = total_N + known_N * seen[0], rows_N + known_N * seen[1]
        return total_N / np.maximum(rows_N + damping, 1e-12)


class ClassFrequencies:
    """The share of each class in training, the same for every row."""

    def fit(self, label_N: Array, num_classes: int) -> None:
        """Count classes; one row of each is added, so that no class has probability 0."""
        count_C = np.bincount(label_N, minlength=num_classes) + 1.0
        self.share_C = count_C / count_C.sum()

    def predict(self, rows: int) -> Floats:
        """Probabilities ``(N, C)`` for that many rows."""
        return np.tile(self.share_C, (rows, 1))
