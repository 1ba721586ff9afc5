"""Gradient-boosted trees over what the members say, through LightGBM (an extra: `ensemble`).

They are kept as LightGBM's own text. Shapes: N rows, F features, G queries, K classes.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from motet.errors import ConfigError

ROUNDS = 100  # trees; few, shallow and slow, for what members say is already near to the answer
SETTINGS = {
    "learning_rate": 0.05, "num_leaves": 8, "min_data_in_leaf": 20, "lambda_l2": 1.0, "num_threads": 1,
    "deterministic": True, "force_row_wise": True, "verbose": -1,
}  # fmt: skip
Objective = Literal["binary", "regression", "multiclass", "lambdarank"]


@dataclass(frozen=True)
class Trees:
    """Fitted trees: LightGBM's text, which can be read and is never run as code."""

    text: str

    @cached_property
    def _booster(self) -> Any:
        return lightgbm().Booster(model_str=self.text)

    def __call__(self, feature_NF: np.ndarray) -> np.ndarray:
        """Probabilities, numbers or ranking scores ``(N,)``; class probabilities ``(N, K)``."""
        found: np.ndarray = self._booster.predict(feature_NF, num_threads=1)
        return found


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
    feature_NF: np.ndarray,
    label_N: np.ndarray,
    objective: Objective,
    seed: int,
    *,
    classes: int = 1,
    sizes_G: np.ndarray | None = None,
) -> Trees:
    """Boost trees.

    Args:
        feature_NF: Features.
        label_N: 0 or 1, numbers or classes.
        objective: What is learned.
        seed: Of LightGBM.
        classes: How many, for `multiclass`.
        sizes_G: Rows of each query, which stand together, for `lambdarank`.
    """
    library = lightgbm()
    settings = SETTINGS | {"objective": objective, "seed": seed % 2**31}
    if objective == "multiclass":
        settings["num_class"] = classes
    rows = library.Dataset(feature_NF, label_N, group=sizes_G)
    return Trees(library.train(settings, rows, ROUNDS).model_to_string())
