"""Gradient-boosted trees over what the members say, through LightGBM (an extra: `ensemble`).

They are kept as LightGBM's own text. Shapes: N rows, F features, G queries, K classes.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from motet.errors import ConfigError

ROUNDS, PATIENCE = 200, 20  # trees at most, and rounds without a gain on held-out rows before they end
SETTINGS = {
    "learning_rate": 0.05, "num_leaves": 8, "min_data_in_leaf": 20, "lambda_l2": 1.0, "num_threads": 1,
    "deterministic": True, "force_row_wise": True, "boost_from_average": False, "eval_at": [10],
    "verbose": -1,
}  # fmt: skip
Objective = Literal["binary", "regression", "multiclass", "lambdarank"]


@dataclass(frozen=True)
class Trees:
    """Fitted trees, which add to the mean of the members' scores.

    Attributes:
        text: LightGBM's text, which can be read and is never run as code.
        members: How many of the features are members' scores.
    """

    text: str
    members: int

    @cached_property
    def _booster(self) -> Any:
        return lightgbm().Booster(model_str=self.text)

    def __call__(self, feature: np.ndarray) -> np.ndarray:
        """Log odds, numbers or scores ``(N,)`` of features ``(N, F)``; ``(N, K)`` of those of classes."""
        start = mean_score(feature, self.members)
        added: np.ndarray = self._booster.predict(flat(feature), raw_score=True, num_threads=1)
        found: np.ndarray = start + added.reshape(start.shape)
        return found


@dataclass(frozen=True)
class TreeRows:
    """Rows to learn from.

    Args:
        feature: ``(N, F)``, or ``(N, K, M)`` for classes.
        label_N: 0 or 1, numbers or classes.
        sizes_G: Rows of each query, which stand together, where a ranking is learned.
    """

    feature: np.ndarray
    label_N: np.ndarray
    sizes_G: np.ndarray | None = None


def mean_score(feature: np.ndarray, members: int) -> np.ndarray:
    """The mean of the members' scores, ``(N,)`` or ``(N, K)``."""
    mean: np.ndarray = feature[..., :members].mean(-1)
    return mean


def flat(feature: np.ndarray) -> np.ndarray:
    """Features of each row in one line, ``(N, F)``."""
    return feature.reshape(len(feature), int(np.prod(feature.shape[1:])))


def lightgbm() -> Any:
    """The library.

    Raises:
        ConfigError: It is not installed.
    """
    try:
        import lightgbm as library
    except ImportError:
        raise ConfigError(
            "An ensemble of kind boosted needs LightGBM, which is not installed. "
            "Install it with  pip install 'motet[ensemble]'  or take another  --kind."
        ) from None
    return library


def fit_trees(
    rows: TreeRows, taught: TreeRows, held: TreeRows, objective: Objective, members: int, seed: int
) -> Trees:
    """Boost trees on top of the members' mean, as many as help rows that are held out.

    Args:
        rows: All rows, for the trees that are kept.
        taught: Those of them that find out how many trees there should be.
        held: And the others, which say so.
        objective: What is learned.
        members: How many of the features are members' scores.
        seed: Of LightGBM.
    """
    library = lightgbm()
    settings = SETTINGS | {"objective": objective, "seed": seed % 2**31}
    if objective == "multiclass":
        settings["num_class"] = rows.feature.shape[1]
    rounds = 1
    if len(taught.label_N) and len(held.label_N):
        stop = library.early_stopping(PATIENCE, first_metric_only=True, verbose=False)
        seen = _table(library, taught, members)
        unseen = _table(library, held, members, seen)
        tried = library.train(settings, seen, ROUNDS, valid_sets=[unseen], callbacks=[stop])
        rounds = max(int(tried.best_iteration), 1)
    kept = library.train(settings, _table(library, rows, members), rounds)
    return Trees(kept.model_to_string(), members)


def _table(library: Any, rows: TreeRows, members: int, like: Any = None) -> Any:
    start = mean_score(rows.feature, members)
    return library.Dataset(
        flat(rows.feature), rows.label_N, group=rows.sizes_G, init_score=start, reference=like
    )
