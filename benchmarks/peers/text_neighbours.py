"""Neighbours of frozen text vectors: the last items of a user, faded, averaged, and by cosine what is near.

``{"grid": [{"last": 3, "fading": 0.7, "centre": true}, ...], "k": 10}``: the last ``last`` items count, the
newest 1, the one before it ``fading``, and so on; with ``centre`` the mean of all vectors is taken away
first. Every entry of the grid is one trial, judged by Recall@10 over all items on the targets of
``choose.parquet`` (``user``, ``item``; all validation items when it is not there). It learns nothing, so an
item that was never bought is as near as any other. Shapes: B users of a block, N items, D width.
"""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from scipy import sparse

from benchmarks.peers.exchange import (
    Interactions,
    RankingWorld,
    Report,
    Settings,
    read_ranking_world,
    run_main,
    write_lists,
)
from benchmarks.peers.ranking import Score, Validation, top_lists, user_item_matrix


def unit(vector_ND: np.ndarray) -> np.ndarray:
    """The vectors at length 1; zeros stay."""
    length_N = np.linalg.norm(vector_ND, axis=1, keepdims=True)
    return vector_ND / np.maximum(length_N, 1e-12)


def faded(history: Interactions, num_users: int, num_items: int, last: int, fading: float) -> Any:
    """Weights of each user's last items, the newest 1, ``(num_users, num_items)``, sparse."""
    count_U = np.bincount(history.user_E, minlength=num_users)
    age_E = np.cumsum(count_U)[history.user_E] - 1 - np.arange(len(history.user_E))
    keep_E = age_E < last
    weight_E = (fading ** age_E[keep_E]).astype(np.float32)
    places = (history.user_E[keep_E], history.item_E[keep_E])
    return sparse.csr_matrix((weight_E, places), shape=(num_users, num_items))


def neighbours(world: RankingWorld, history: Interactions, setting: Settings) -> Score:
    """Scores of all items: the cosine with the faded mean of a user's last items."""
    assert world.vectors_ND is not None, "text neighbours need vectors.npy"
    vector_ND = unit(world.vectors_ND)
    if setting.get("centre", False):
        vector_ND = unit(vector_ND - vector_ND.mean(axis=0))
    weight = faded(history, world.num_users, world.num_items, int(setting["last"]), float(setting["fading"]))
    return lambda user_B: unit(weight[user_B] @ vector_ND) @ vector_ND.T


def chosen_targets(folder: Path, world: RankingWorld) -> Interactions:
    """The validation items that the choice looks at."""
    path = folder / "choose.parquet"
    if not path.exists():
        return world.valid
    table = pl.read_parquet(path).sort("user")
    return Interactions(table["user"].to_numpy().astype(np.int64), table["item"].to_numpy().astype(np.int64))


def work(folder: Path, settings: Settings, output: Path) -> None:
    """Choose on validation, then write the lists of the queried users."""
    report = Report("text_neighbours", settings)
    world = read_ranking_world(folder)
    train = user_item_matrix(world.train, world.num_users, world.num_items)
    validation, best = Validation(chosen_targets(folder, world), train), -1.0
    for setting in settings["grid"]:
        recall = validation.recall(neighbours(world, world.train, setting))
        report.trials.append({"setting": setting, "recall@10": recall})
        print(f"{setting}: Recall@10 {recall:.4f}", flush=True)
        if recall > best:
            best, report.chosen = recall, setting
    history = world.train + world.valid
    seen = user_item_matrix(history, world.num_users, world.num_items)
    score = neighbours(world, history, report.chosen)
    item_QK, score_QK = top_lists(score, seen, world.query_Q, int(settings.get("k", 10)))
    write_lists(output, world.query_Q, item_QK, score_QK)
    report.write(output)


if __name__ == "__main__":
    run_main(work)
