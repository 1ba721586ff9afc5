"""The peer that knows nothing but frozen vectors: which items count, what is near, what it is chosen by."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from benchmarks.peers import text_neighbours
from benchmarks.peers.exchange import Interactions, read_ranking_world
from benchmarks.peers.ranking import Validation, user_item_matrix


def write_world(folder: Path, train: list[tuple[int, int]], valid: list[tuple[int, int]]) -> None:
    for name, rows in (("train", train), ("valid", valid)):
        table = pl.DataFrame(rows, schema=["user", "item"], orient="row").with_row_index("order")
        table.write_parquet(folder / f"{name}.parquet")
    pl.DataFrame({"user": [0, 1]}).write_parquet(folder / "queries.parquet")
    angle_N = np.radians([0.0, 10.0, 90.0, 100.0, 20.0, 110.0])
    np.save(folder / "vectors.npy", np.stack([np.cos(angle_N), np.sin(angle_N)], 1).astype(np.float32))


def test_the_newest_item_counts_one_and_each_one_before_it_less():
    history = Interactions(np.array([0, 0, 0, 2]), np.array([4, 1, 3, 0]))
    weight_UN = text_neighbours.faded(history, 3, 5, last=2, fading=0.5).toarray()
    assert weight_UN.tolist() == [[0, 0.5, 0, 1, 0], [0] * 5, [1, 0, 0, 0, 0]]


def test_items_that_nobody_has_are_found_by_their_vectors(tmp_path: Path):
    write_world(tmp_path, [(0, 0), (1, 2)], [(0, 1), (1, 3)])
    settings = {"grid": [{"last": 1, "fading": 1.0}], "k": 1}
    text_neighbours.work(tmp_path, settings, tmp_path)
    lists = pl.read_parquet(tmp_path / "lists.parquet").sort("user")
    assert lists["item"].to_list() == [4, 5]
    assert lists["score"].to_list() == pytest.approx([np.cos(np.radians(10.0))] * 2, abs=1e-6)


def test_users_without_history_are_near_nothing(tmp_path: Path):
    write_world(tmp_path, [(0, 0)], [(0, 1)])
    world = read_ranking_world(tmp_path)
    score = text_neighbours.neighbours(world, world.train, {"last": 3, "fading": 0.5, "centre": True})
    assert score(np.array([1])).tolist() == [[0.0] * 6]


def test_the_setting_is_chosen_on_the_targets_that_shall_count(tmp_path: Path):
    write_world(tmp_path, [(0, 15), (0, 0), (1, 7)], [(0, 14)])
    angle_N = np.radians(12.0 * np.arange(30))
    np.save(tmp_path / "vectors.npy", np.stack([np.cos(angle_N), np.sin(angle_N)], 1).astype(np.float32))
    grid = [{"last": 1, "fading": 1.0}, {"last": 2, "fading": 8.0}]
    assert chosen(tmp_path, grid) == grid[1]
    pl.DataFrame({"user": [0], "item": [2]}).write_parquet(tmp_path / "choose.parquet")
    assert chosen(tmp_path, grid) == grid[0]


def chosen(folder: Path, grid: list[dict[str, float]]) -> dict[str, float]:
    text_neighbours.work(folder, {"grid": grid, "k": 2}, folder)
    found: dict[str, float] = json.loads((folder / "report.json").read_text())["chosen"]
    return found


def test_recall_is_the_share_of_targets_among_the_first():
    seen = user_item_matrix(Interactions(np.array([0]), np.array([0])), 2, 4)
    validation = Validation(Interactions(np.array([0, 1]), np.array([2, 3])), seen)
    falling = np.array([9.0, 8.0, 7.0, 6.0])
    assert validation.recall(lambda user_B: np.tile(falling, (len(user_B), 1)), k=2) == 0.5
