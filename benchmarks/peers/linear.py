"""Linear peers: popularity, item-kNN, EASE (Steck, WWW 2019) and implicit ALS (Hu et al., ICDM 2008).

``{"model": "popularity" | "item_knn" | "ease" | "als", "grid": [...], "k": 10, "seed": 0, "refit": false}``:
every entry of the grid is one trial, judged by NDCG@10 on the validation items; the best writes the lists.
It reads the longer histories (training and validation items); with ``refit`` it is also fitted again on
them.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from benchmarks.peers.exchange import (
    Interactions,
    RankingWorld,
    Report,
    Settings,
    Stopwatch,
    read_ranking_world,
    run_main,
    write_lists,
)
from benchmarks.peers.ranking import Score, Validation, popularity, top_lists, user_item_matrix

Fitted = Callable[[sparse.csr_matrix], Score]  # histories of all users -> scores of some users


def fit_popularity(matrix: sparse.csr_matrix, setting: Settings, seed: int) -> Fitted:
    """The same order for everyone."""
    users, items = matrix.nonzero()
    count_N = popularity(Interactions(users, items), matrix.shape[1], seed)
    return lambda _: lambda user_B: np.tile(count_N, (len(user_B), 1))


def fit_item_knn(matrix: sparse.csr_matrix, setting: Settings, seed: int) -> Fitted:
    """Cosine of items over users, shrunk, the ``neighbours`` nearest of each item kept."""
    together_NN = (matrix.T @ matrix).toarray().astype(np.float32)
    count_N = together_NN.diagonal().copy()
    norm_N = np.sqrt(count_N)
    together_NN /= np.outer(norm_N, norm_N) + float(setting.get("shrink", 0.0)) + 1e-8
    np.fill_diagonal(together_NN, 0.0)
    kept = min(int(setting["neighbours"]), len(count_N) - 1)
    edge_N = -np.partition(-together_NN, kept, axis=0)[kept]
    together_NN[together_NN <= edge_N[None, :]] = 0.0
    similar = sparse.csr_matrix(together_NN)
    return lambda history: lambda user_B: (history[user_B] @ similar).toarray()


def fit_ease(matrix: sparse.csr_matrix, setting: Settings, seed: int) -> Fitted:
    """Ridge regression of each item on all others in closed form."""
    gram_NN = (matrix.T @ matrix).toarray().astype(np.dtype(setting.get("precision", "float64")))
    gram_NN[np.diag_indices_from(gram_NN)] += float(setting["regularization"])
    inverse_NN = np.linalg.inv(gram_NN)
    weight_NN = (inverse_NN / -inverse_NN.diagonal()[None, :]).astype(np.float32)
    np.fill_diagonal(weight_NN, 0.0)
    return lambda history: lambda user_B: np.asarray(history[user_B] @ weight_NN)


def fit_als(matrix: sparse.csr_matrix, setting: Settings, seed: int) -> Fitted:
    """Weighted matrix factorisation of the library implicit; users are folded in from their histories."""
    from implicit.als import AlternatingLeastSquares

    model = AlternatingLeastSquares(random_state=seed, num_threads=1, use_gpu=False, **setting)
    model.fit(matrix, show_progress=False)

    def bind(history: sparse.csr_matrix) -> Score:
        def score(user_B: np.ndarray) -> np.ndarray:
            state_BF = model.recalculate_user(user_B, history[user_B])
            return np.asarray(state_BF @ model.item_factors.T)

        return score

    return bind


FITS: dict[str, Callable[[sparse.csr_matrix, Settings, int], Fitted]] = {
    "popularity": fit_popularity,
    "item_knn": fit_item_knn,
    "ease": fit_ease,
    "als": fit_als,
}


def choose(world: RankingWorld, settings: Settings, report: Report) -> Any:
    """Fit every entry of the grid on the training items; return the fitted model that validates best."""
    fit, seed = FITS[settings["model"]], int(settings.get("seed", 0))
    train = user_item_matrix(world.train, world.num_users, world.num_items)
    validation, best, kept = Validation(world.valid, train), -1.0, None
    for setting in settings["grid"]:
        clock = Stopwatch()
        with clock.running():
            fitted = fit(train, setting, seed)
        ndcg = validation.ndcg(fitted(train))
        report.trials.append({"setting": setting, "ndcg@10": ndcg, "cpu_seconds": clock.cpu})
        print(f"{settings['model']} {setting}: NDCG@10 {ndcg:.4f}, {clock.cpu:.1f} CPU s", flush=True)
        if ndcg > best:
            best, kept, report.chosen = ndcg, fitted, setting
    return kept


def work(folder: Path, settings: Settings, output: Path) -> None:
    """Choose on validation, then write the lists of the queried users."""
    report = Report("linear." + settings["model"], settings)
    world = read_ranking_world(folder)
    fitted = choose(world, settings, report)
    history = user_item_matrix(world.train + world.valid, world.num_users, world.num_items)
    if settings.get("refit", False):
        fitted = FITS[settings["model"]](history, report.chosen, int(settings.get("seed", 0)))
    item_QK, score_QK = top_lists(fitted(history), history, world.query_Q, int(settings.get("k", 10)))
    write_lists(output, world.query_Q, item_QK, score_QK)
    report.write(output)


if __name__ == "__main__":
    run_main(work)
