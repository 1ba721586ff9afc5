"""The tables and the figures of the benchmarks of sharing and of balance, on worlds known by hand."""

import gzip
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from benchmarks import balancing, balancing_page, mtl, mtl_search
from benchmarks.balancing import fewer_users, options_of, says
from benchmarks.guarded import table_of, with_own_settings
from benchmarks.mtl_search import Chosen, chosen_of, gain_of, run_once, trials_of
from benchmarks.mtl_worlds import WATCHING, WORLDS, settings_file, taobao
from motet.config.read import read_config
from motet.config.write import write_config
from motet.evaluation.records import RankingPredictions, RowPredictions
from motet.system.files import write_json
from tests.model.world import changed, material


def written(folder: Path, name: str, rows: list[tuple[int, int]], more: str = "") -> None:
    lines = ["uid\tsid" + ("\t3" if more else "")]
    lines += [f"{user}\t{item}" + (f"\t{more}" if more else "") for user, item in rows]
    with gzip.open(folder / name, "wt") as stream:
        stream.write("\n".join(lines) + "\n")


@pytest.fixture
def shop(tmp_path) -> pl.DataFrame:
    folder = tmp_path / "taobao-cart-buy"
    folder.mkdir()
    watched = WATCHING
    written(folder, "buy.train.txt.gz", [(user, item) for user in (watched, 1, 2) for item in range(4)])
    written(folder, "buy.test.txt.gz", [(watched, 9), (1, 8), (2, 9)])
    carts = {1: (8, 20, 21, 22), 2: (0, 1, 2, 20, 21, 22), watched: (9, 30)}
    rows = [(user, item) for user, items in carts.items() for item in items]
    written(folder, "cart.csv.gz", rows, "cart")
    taobao(tmp_path, tmp_path)
    return pl.read_parquet(tmp_path / "events.parquet")


def test_cart_pairs_that_equal_the_test_purchase_are_left_out(shop):
    carts = shop.filter(type="cart").select("user", "item").rows()
    assert [pair for pair in sorted(carts) if pair[0] != 2] == [(1, 20), (1, 21), (1, 22), (WATCHING, 30)]


def test_no_cart_is_asked_for_whose_purchase_is_known(shop):
    mine = shop.filter(type="cart", user=2)
    assert sorted(mine.filter(part="train")["item"].to_list())[:3] == [0, 1, 2]
    (asked,) = mine.filter(part="test")["item"].to_list()
    assert asked in (20, 21, 22)
    assert mine.height == 6


def test_what_is_held_out_comes_last_and_validation_asks_few_users(shop):
    parts = shop.filter(user=1)["part"].to_list()
    assert parts == ["train"] * 6 + ["test"] * 2  # a purchase as published, and a cart of three
    watched = shop.filter(user=WATCHING)
    assert watched["part"].to_list()[-2:] == ["valid", "test"]
    assert watched.filter(part="test").select("item", "type").rows() == [(9, "buy")]
    assert shop["order"].is_sorted()


def test_the_order_of_taobao_is_the_same_every_time(shop, tmp_path):
    taobao(tmp_path, tmp_path)
    assert pl.read_parquet(tmp_path / "events.parquet").equals(shop)


def test_costs_are_shares_of_the_sum_of_the_twins():
    one = {"cpu_seconds": 6.0, "parameters": 5, "request_cpu_ms": 2.0, "scoring_cpu_seconds": 1.0}
    report = {"costs": {"joint": one, "twin of a": one, "twin of b": {**one, "cpu_seconds": 2.0}}}
    assert mtl.costs([report])["cpu_seconds"] == [0.75]
    assert mtl.costs([report])["parameters"] == [0.5]


def test_answers_come_back_from_files_in_an_order_that_all_seeds_share(tmp_path):
    tasks = [{"name": "next", "kind": "next_item"}, {"name": "like", "kind": "binary"}]
    user = {"next": [7, 8, 8], "like": [7, 8, 8]}
    asked = {"next": ([0, 0, 0], ["a", "b", "c"]), "like": ([5, 6, 6], ["a", "b", "c"])}
    ranks = RankingPredictions(np.array([7, 8]), np.array([3, 1, 2]), np.array([0, 1, 1]))
    rows = RowPredictions("binary", np.array([7, 8, 8]), np.array([0.0, 1.0, 0.0]), np.array([0.2, 0.7, 0.4]))
    for place, order in (("one", [0, 1, 2]), ("other", [2, 1, 0])):
        folder = tmp_path / place
        folder.mkdir()
        write_json(folder / "report.json", {"settings": {"tasks": tasks}})
        for task, record in (("next", ranks), ("like", rows)):
            time, item = asked[task]
            told = pl.DataFrame({"user": user[task], "time": time, "item": item})
            told[order].write_parquet(folder / f"asked.{task}.parquet")
            table = table_of(record)[order]
            if task == "next" and place == "other":
                table = table.with_columns(query=1 - pl.col("query"))  # numbered as they come
            table.write_parquet(folder / f"joint.{task}.parquet")
        found = mtl.records_of(folder, "unguarded")  # nothing was set apart
        np.testing.assert_array_equal(found["next"].rank_T, [3, 1, 2])
        np.testing.assert_array_equal(found["next"].query_T, [0, 1, 1])
        np.testing.assert_array_equal(found["next"].users, [7, 8])
        np.testing.assert_array_equal(found["like"].prediction_N, [0.2, 0.7, 0.4])


def test_a_gain_is_the_mean_over_tasks_whichever_way_is_better():
    kinds = {"like": "binary", "rating": "regression", "comment": "binary"}
    mine, plain = ({"like": a, "rating": r, "comment": c} for a, r, c in ((0.66, 0.9, 0.1), (0.6, 1.0, 0.9)))
    assert gain_of(mine, plain, kinds, "kuairand") == pytest.approx(0.1)  # comment is not counted there


def test_a_way_of_sharing_keeps_the_plain_balance():
    assert options_of("sharing:ple", "ml100k", 3)[0] == "model.sharing.kind=ple"
    assert options_of("mgda", "ml100k", 3)[:2] == ["training.balance=mgda", "training.seed=3"]


def test_a_way_of_sharing_says_nothing_where_tasks_rank_alone():
    ranking, both = {"buy": "next_item", "cart": "next_item"}, {"next": "next_item", "like": "binary"}
    assert [says("sharing:ple", kinds) for kinds in (ranking, both)] == [False, True]
    assert says("pcgrad", ranking)


def test_a_set_without_a_method_is_left_out_of_that_methods_mean(tmp_path, monkeypatch):
    values = {
        "shop": {"likelihood": 0.1, "fixed": 0.11},
        "films": {"likelihood": 0.5, "fixed": 0.4, "sharing:ple": 0.6},
    }
    kinds = {"shop": "next_item", "films": "binary"}
    for name, methods in values.items():
        tasks = [{"name": "one", "kind": kinds[name]}]
        metric = {"next_item": "ndcg@10", "binary": "auc"}[kinds[name]]
        for method, value in methods.items():
            report = {"settings": {"tasks": tasks}, "valid": {"frozen": {"one": {metric: value}}},
                      "train_cpu_seconds": 1.0}  # fmt: skip
            folder = balancing.place(tmp_path, name, method, 0)
            folder.mkdir()
            write_json(folder / "report.json", report)
    kept = {}
    monkeypatch.setattr(
        balancing, "record", lambda name, command, claims, details: kept.update(claims=claims)
    )
    balancing.write(tmp_path, ["shop", "films"], ["likelihood", "fixed", "sharing:ple"], 1)
    found = {each["name"].removeprefix("balancing."): each["value"] for each in kept["claims"]}
    assert "shop.sharing_ple.gain" not in found
    assert found["all.sharing_ple.gain"] == pytest.approx(0.2)
    assert found["all.fixed.gain"] == pytest.approx((0.1 - 0.2) / 2)
    assert "| `sharing ple` | - | +20.0% | +20.0% |" in balancing_page.methods(kept)


def test_fewer_users_keep_all_items(tmp_path):
    tables = tmp_path / "all"
    tables.mkdir()
    pl.DataFrame({"user": [0, 1, 4]}).write_parquet(tables / "events.parquet")
    pl.DataFrame({"item": [0, 1, 4]}).write_parquet(tables / "items.parquet")
    few = fewer_users(tables, tmp_path / "few")
    assert pl.read_parquet(few / "events.parquet")["user"].to_list() == [0, 4]
    assert pl.read_parquet(few / "items.parquet").height == 3


def tried(joint: dict[str, float], twins: dict[str, float], seconds: float) -> dict[str, Any]:
    """The report of a trial of two tasks."""
    names = {"like": "auc", "rating": "rmse"}
    valid = {"joint": {task: {names[task]: value} for task, value in joint.items()}}
    valid |= {f"twin of {task}": {task: {names[task]: value}} for task, value in twins.items()}
    kinds = [{"name": "like", "kind": "binary"}, {"name": "rating", "kind": "regression"}]
    costs = {"joint": {"cpu_seconds": seconds}, "twin of like": {"cpu_seconds": 1.0},
             "twin of rating": {"cpu_seconds": 2.0}}  # fmt: skip
    return {"valid": valid, "costs": costs, "settings": {"tasks": kinds}}


def test_joint_model_and_twins_choose_each_their_own_trial():
    reports = [
        tried({"like": 0.70, "rating": 1.00}, {"like": 0.70, "rating": 0.90}, 5.0),
        tried({"like": 0.77, "rating": 1.01}, {"like": 0.71, "rating": 0.95}, 6.0),
        tried({"like": 0.70, "rating": 0.99}, {"like": 0.69, "rating": 0.89}, 7.0),
    ]
    found = chosen_of("shop", [["a=1"], ["a=2"], ["a=3"]], reports)
    assert found.joint == ["a=2"]  # like is a tenth better, rating a hundredth worse
    assert found.twins == {"like": ["a=2"], "rating": ["a=3"]}
    assert [each["gain"] for each in found.tried] == pytest.approx([0, (0.1 - 0.01) / 2, 0.005])
    assert [each["cpu_seconds"] for each in found.tried] == [5, 6, 7]
    assert found.tried[0]["twins_cpu_seconds"] == 3
    assert chosen_of("shop", [["a=1"], ["a=2"]], [reports[0], reports[0]]).joint == ["a=1"]


def test_a_twin_has_its_own_settings_and_the_others_those_of_all(tmp_path):
    path = tmp_path / "motet.yaml"
    write_config(changed(report={"twins": "all"}), path)
    config = read_config(path, ["training.learning_rate=0.01"])
    of = replace(material(), config=config)
    own = ["training.learning_rate=0.5", "training.threads=1"]
    found = with_own_settings(of, path, {"click": own})
    rates = {name: each.training.learning_rate for name, (each, _) in found.items()}
    assert rates == {"joint": 0.01, "twin of next": 0.01, "twin of click": 0.5, "twin of stars": 0.01}
    assert [task.name for task in found["twin of click"][0].tasks] == ["click"]


def test_every_trial_can_be_read():
    for name in WORLDS:
        for trial in trials_of(name):
            read_config(settings_file(name), trial)
        assert trials_of(name)[0] == []  # what the others are compared with


def test_what_was_trained_with_other_settings_is_not_taken(tmp_path):
    config, output = tmp_path / "a.yaml", tmp_path / "out"
    config.write_text("name: a", "utf8")
    output.mkdir()
    write_json(output / "report.json", {})
    write_json(output / "asked.json", {"options": ["x=1"], "settings": "name: a"})
    run_once(config, output, ["x=1"])  # it lies there
    with pytest.raises(SystemExit, match="with other settings"):
        run_once(config, output, ["x=2"])
    config.write_text("name: b", "utf8")
    with pytest.raises(SystemExit, match="with other settings"):
        run_once(config, output, ["x=1"])


def test_a_recorded_search_is_read_again_and_keeps_the_sets_that_were_not_run(monkeypatch, tmp_path):
    monkeypatch.setattr(mtl_search, "RESULT", tmp_path / "mtl_search.json")
    monkeypatch.setattr(mtl_search, "record", lambda name, command, claims, details: write_json(
        tmp_path / f"{name}.json", {"claims": claims, "details": details}))  # fmt: skip
    with pytest.raises(SystemExit, match="the trials of taobao were not run"):
        mtl_search.chosen_for("taobao")
    tried = [{"overrides": each, "gain": 0.1, "cpu_seconds": 1.0, "twins_cpu_seconds": 2.0}
             for each in trials_of("taobao")]  # fmt: skip
    one = Chosen(["a=1"], {"buy": ["a=2"]}, tried)
    mtl_search.write({"taobao": one})
    mtl_search.write({"ml100k": Chosen([], {}, tried[:1])})
    assert mtl_search.chosen_for("taobao") == one
    with pytest.raises(SystemExit, match="the trials of ml100k were not run"):  # fewer than there are
        mtl_search.chosen_for("ml100k")


def finished(output: Path, noises: dict[str, tuple[float, float]], cost: float, seed: int) -> None:
    """A training of two tasks: how much noise joint model and twin have in each, and its cost."""
    random = np.random.default_rng(seed)
    users = np.repeat(np.arange(120), 5)
    truth_N = np.random.default_rng(7).normal(size=len(users))
    label = {"like": (truth_N > 0).astype(float), "rating": truth_N}
    output.mkdir(parents=True)
    for task in label:
        asked = pl.DataFrame({"user": users, "time": np.arange(len(users)), "item": users})
        asked.write_parquet(output / f"asked.{task}.parquet")
        for whose, noise in zip(("joint", "twin"), noises[task], strict=True):
            said_N = truth_N + noise * random.normal(size=len(users))
            said_N = 1 / (1 + np.exp(-said_N)) if task == "like" else said_N
            table = {"user": users, "label": label[task], "prediction": said_N}
            pl.DataFrame(table).write_parquet(output / f"{whose}.{task}.parquet")
    costs = {"cpu_seconds": 10.0, "parameters": 10, "request_cpu_ms": 1.0, "scoring_cpu_seconds": 1.0}
    tasks = [{"name": "like", "kind": "binary"}, {"name": "rating", "kind": "regression"}]
    write_json(output / "report.json", {
        "costs": {"joint": costs | {"cpu_seconds": cost}, "twin of like": costs, "twin of rating": costs},
        "settings": {"tasks": tasks}, "valid": {}, "guard": {}, "story": [], "twins": {},
    })  # fmt: skip


def test_what_lies_below_and_above_its_twin_is_counted(monkeypatch, tmp_path):
    """Like is far better than its twin, rating far worse; the worst cost of a set counts."""
    told: dict[str, Any] = {}
    monkeypatch.setattr(mtl, "record", lambda name, command, claims, details: told.update(
        {each["name"]: each for each in claims}))  # fmt: skip
    places = [tmp_path / f"ml100k-{seed}" for seed in range(2)]
    for seed, place in enumerate(places):
        finished(place, {"like": (0.2, 2.0), "rating": (1.0, 0.2)}, 8.0 + 4 * seed, seed)
    mtl.write({"ml100k": places}, {"ml100k": Chosen([], {}, [])}, 2)
    value = {name: claim["value"] for name, claim in told.items()}
    assert value["mtl.tasks_below_twin"] == 1
    assert value["mtl.share_above_twin"] == value["mtl.share_clearly_above_twin"] == 0.5
    assert value["ml100k.like.auc.over_twin"] > 0.1
    assert value["ml100k.rating.rmse.over_twin"] < -0.5
    assert value["ml100k.cost.cpu_seconds"] == pytest.approx(0.5)
    assert value["ml100k.cost.request_cpu_ms"] == value["mtl.cost_ratio"] == 0.5
    assert "mtl.cost_ratio_two_tasks" not in value
    taobao = [place.rename(tmp_path / place.name.replace("ml100k", "taobao")) for place in places]
    told.clear()
    mtl.write({"taobao": taobao}, {"taobao": Chosen([], {}, [])}, 2)
    assert told["mtl.cost_ratio_two_tasks"]["value"] == pytest.approx(0.5)
