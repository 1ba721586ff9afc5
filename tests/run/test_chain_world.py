"""A made shop whose true rates are known: what a chain believes of all impressions."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import motet

USERS, SHOWN, ITEMS = 300, 40, 40


def shop(seed: int) -> pl.DataFrame:
    """Impressions in order; items that are clicked more are bought more, and so are their clicks."""
    random = np.random.default_rng(seed)
    appeal_I = random.normal(0, 1.5, ITEMS)
    worth_I = 0.7 * appeal_I - 1 + random.normal(0, 0.5, ITEMS)
    item_N = random.integers(ITEMS, size=USERS * SHOWN)
    click_N, buy_N = (1 / (1 + np.exp(-logit_I[item_N])) for logit_I in (appeal_I - 1.5, worth_I))
    clicked_N = random.random(len(item_N)) < click_N
    place_N = np.tile(np.arange(SHOWN), USERS)
    return pl.DataFrame(
        {
            "user": np.repeat(np.arange(USERS), SHOWN), "item": item_N, "order": place_N,
            "part": np.select([place_N < 28, place_N < 34], ["train", "valid"], "test"),
            "clicked": clicked_N.astype(int),
            "bought": (clicked_N & (random.random(len(item_N)) < buy_N)).astype(int),
            "click_rate": click_N, "buy_rate": buy_N,
        }
    )  # fmt: skip


def predicted(
    seen: pl.DataFrame, tasks: list[dict[str, Any]], run: Path, calibrate: str = "none"
) -> pl.DataFrame:
    """What a trained model says of `buy` on all test impressions, in their order."""
    told = seen.drop("click_rate", "buy_rate")
    config = {
        "name": "shop",
        "data": {
            "items": {"path": "items", "id": "item"},
            "events": {"path": "events", "user": "user", "item": "item", "order": "order"},
            "split": {"kind": "column", "column": "part",
                      "values": {"train": "train", "valid": "valid", "test": "test"}},
            "counters": {"enabled": False},
        },
        "tasks": tasks,
        "model": {"language": "none", "item": {"id_dropout": 0.0}, "calibrate": calibrate,
                  "timeline": {"width": 16, "layers": 1}, "sharing": {"layers": [16]}},
        "training": {"epochs": 8, "patience": 8, "learning_rate": 0.01, "batch_size": 32, "warmup": 10,
                     "threads": 1, "precision": "fp32"},
        "report": {"twins": "none", "baselines": [], "ablations": []},
    }  # fmt: skip
    items = pl.DataFrame({"item": np.arange(ITEMS)})
    done = motet.train(config, run, items=items, events=told)
    asked = told.filter(part="test")
    return motet.open(done.folder, items=items, events=told).predict(asked, "buy")


@pytest.mark.slow
def test_what_clicked_rows_alone_believe_of_all_impressions_a_chain_does_not(tmp_path):
    """The mean probability of a purchase over all test impressions, beside the true one."""
    seen = shop(0)
    test = seen.filter(part="test")
    true = (test["click_rate"] * test["buy_rate"]).mean()
    click = {"name": "click", "kind": "binary", "label": "clicked == 1"}
    buy = {"name": "buy", "kind": "binary", "label": "bought == 1"}
    chain = predicted(seen, [click, buy | {"after": "click"}], tmp_path / "chain")
    known = seen.with_columns(bought=pl.when(pl.col("clicked") == 1).then("bought"))
    plain = predicted(known, [click, buy], tmp_path / "plain")
    assert plain["prediction"].mean() > 2 * true
    assert chain["prediction"].mean() == pytest.approx(true, rel=0.1)


@pytest.mark.slow
def test_impressions_that_were_not_clicked_are_right_too_with_calibration(tmp_path):
    """What a purchase would be worth where nobody clicked: rows whose labels never say it."""
    seen = shop(0)
    test = seen.filter(part="test")
    unclicked_N = test["clicked"].to_numpy() == 0
    click = {"name": "click", "kind": "binary", "label": "clicked == 1"}
    buy = {"name": "buy", "kind": "binary", "label": "bought == 1"}
    found = predicted(seen, [click, buy | {"after": "click"}], tmp_path / "chain", "once")
    known = seen.with_columns(bought=pl.when(pl.col("clicked") == 1).then("bought"))
    plain = predicted(known, [click, buy], tmp_path / "plain", "once")
    both = test["click_rate"] * test["buy_rate"]
    for said, true, far in (
        ("prediction", both, 0.15),
        ("given_click", test["buy_rate"], 0.15),
    ):
        wanted = true.to_numpy()[unclicked_N].mean()
        assert found[said].to_numpy()[unclicked_N].mean() == pytest.approx(wanted, rel=far)
    assert plain["prediction"].to_numpy()[unclicked_N].mean() > 2 * both.to_numpy()[unclicked_N].mean()
    assert (found["prediction"] <= found["given_click"]).all()
