"""The benchmark on made worlds: a small one shows the gain, the truth ranks best, the page is current."""

import dataclasses
import json

import numpy as np
import polars as pl
import pytest

from benchmarks.world import gains, truth_ndcg, with_worst
from benchmarks.world_cases import narrow, newcomers, two_kinds
from benchmarks.world_page import PAGE, PICTURE, RESULTS, drawing, filled, spread
from motet.data.synthetic import make
from motet.data.synthetic_truth import Knobs, best_auc

SMALL = Knobs(users=120, items=20, events=40, conflict=0.0, rated=0.3)


def details() -> dict:
    one = {"joint": 0.7, "twin": 0.6, "gain": 0.1, "best": 0.9}
    both = {"click": one, "like": one | {"gain": -0.2}}
    return {
        "shared": {"1.0": [{"buy": one, "read": one}]},
        "conflict": {"shared_bottom": {"0.0": [both], "0.5": [both]}, "mmoe": {"0.0": [both], "0.5": [both]}},
        "guard": {"0.5": [{"separated": 1.0, "before": -0.1, "after": 0.0}]},
        "transfer": {"1.0": [{name: 0.5 for name in ("ours", "popularity", "truth", "ours, other users",
                                                     "popularity, other users")}]},
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_rare_task_gains_by_a_frequent_one_that_follows_the_same(seed):
    found = gains(dataclasses.replace(narrow("shared_bottom", 0.0), knobs=SMALL), seed)
    assert found["like"]["gain"] > 0.08
    assert found["like"]["joint"] < found["like"]["best"]


def test_the_best_auc_of_a_case_is_of_its_own_rows():
    case = two_kinds(1.0)
    world, material = case.open(0)
    assert [task.name for task in material.config.tasks] == ["buy", "read"]
    rows = world.events.with_row_index().filter(part="test", did="view_product")["index"].to_numpy()
    assert best_auc(world.probability_TN[0, rows]) == pytest.approx(0.9, abs=0.03)
    views = world.events.group_by("did").len().sort("did")["len"].to_numpy()
    assert views[1] / views.sum() == pytest.approx(0.15, abs=0.01)


def test_by_the_truth_a_world_is_ranked_better_than_by_chance_and_by_a_turned_truth():
    world = make(newcomers(1.0).knobs)
    found = truth_ndcg(world)
    turned = truth_ndcg(dataclasses.replace(world, score_TUI=-world.score_TUI))
    assert turned < 0.1 < 0.6 < found <= 1


def test_a_truth_that_holds_for_one_user_by_hand():
    world = make(Knobs(users=1, items=20, events=10, newcomers=1.0))
    events = pl.DataFrame({"user_id": [0, 0], "item_id": [4, 7], "part": ["test"] * 2, "clicked": [1, 1]})
    score_TUI = np.zeros_like(world.score_TUI)
    score_TUI[0, 0, [3, 4, 7]] = [3.0, 2.0, 1.0]  # ranks 1, 2 and 3
    found = truth_ndcg(dataclasses.replace(world, events=events, score_TUI=score_TUI))
    assert found == pytest.approx((1 / np.log2(3) + 1 / 2) / (1 + 1 / np.log2(3)))


def test_the_guard_is_told_of_the_task_that_sharing_hurts_most():
    before = [{"click": {"gain": -0.1}, "like": {"gain": 0.2}}]
    (found,) = with_worst(before, [{"gains": {"click": 0.01, "like": 0.2}}])
    assert (found["worst"], found["before"], found["after"]) == ("click", -0.1, 0.01)


def test_the_page_gets_its_tables_and_keeps_its_words():
    places = "".join(f"<!-- {name} -->\nold\n<!-- end of {name} -->\nwords\n" for name in details())
    page = filled(places, details())
    assert "old" not in page
    assert page.count("words") == 4
    assert "| 0.5 | 1 of 1 | -0.100 (-0.100 to -0.100) | +0.000 (+0.000 to +0.000) |" in page
    assert spread([0.1, 0.3], sign="") == "0.200 (0.100 to 0.300)"
    assert filled(page, details()) == page


def test_the_picture_has_a_line_a_kind_and_a_field_a_task():
    picture = drawing(details())
    assert all(word in picture for word in ("shared_bottom", "mmoe", "click (known", "like (known"))


def test_the_page_of_this_repository_is_up_to_date():
    page = PAGE.read_text(encoding="utf-8")
    assert filled(page, json.loads(RESULTS.read_text(encoding="utf-8"))["details"]) == page
    assert PICTURE.read_text(encoding="utf-8").startswith("<svg")
    assert f"images/{PICTURE.name}" in page
