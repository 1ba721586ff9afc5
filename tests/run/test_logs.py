"""Logs of other shapes: from training to predictions, all the way."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import motet
from motet import run as run_module
from motet.use import TrainedModel
from tests.run.test_train import plain_report

NEXT = {"name": "next", "kind": "next_item"}
STARS = {"name": "stars", "kind": "regression", "label": "stars"}
LIKE = {"name": "like", "kind": "binary", "label": "stars >= 4"}
SETTINGS = {
    "model": {
        "language": "none",
        "timeline": {"layers": 1, "width": 16, "heads": 2, "length": 6},
        "sharing": {"layers": [16]},
    },
    "training": {"epochs": 1, "batch_size": 8, "threads": 1, "precision": "fp32", "warmup": 2},
    "evaluation": {"bootstrap": 5, "k": 5},
    "report": {"twins": "none", "ablations": [], "baselines": ["popularity"]},
}


@pytest.fixture(autouse=True)
def _quick_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "write_report", plain_report)


def log() -> pl.DataFrame:
    random = np.random.default_rng(0)
    pairs = pl.DataFrame({"who": random.integers(0, 20, 200), "what": random.integers(0, 12, 200)})
    pairs = pairs.unique(maintain_order=True)
    return pairs.with_columns(
        at=pl.Series(1_700_000_000 + random.integers(0, 10**7, pairs.height)),
        stars=pl.Series(random.integers(1, 6, pairs.height)),
    )


def train(folder: Path, data: dict[str, Any], tasks: list[dict[str, Any]], events: Any) -> TrainedModel:
    """A trained model, which says of its test rows what its metrics say."""
    done = motet.train(SETTINGS | {"data": data, "tasks": tasks}, folder / "run", events=events)
    model = motet.open(done.folder, events=events)
    for task, parts in model.evaluate().items():
        for name, measure in parts["test"].items():
            wanted = done.metrics["tasks"][task]["test"][name]["value"]
            assert measure["value"] == pytest.approx(wanted, abs=1e-6), (task, name)
    return model


def test_a_log_without_times_trains_and_predicts(tmp_path):
    events, source = log().drop("at"), {"path": "log", "user": "who", "item": "what", "value": "stars"}
    model = train(tmp_path, {"events": source}, [NEXT, STARS, LIKE], events)
    assert model.recommend(k=3).height > 0
    assert model.predict(events.head(4), "like")["prediction"].is_between(0, 1).all()


def test_one_user_a_line_trains_and_recommends(tmp_path):
    lines = log().group_by("who", maintain_order=True).agg("what")
    lines = lines.with_columns(pl.col("what").cast(pl.List(pl.String)).list.join(" "))
    source = {"path": "log", "layout": "sequences", "user": "who", "item": "what"}
    found = train(tmp_path, {"events": source}, [NEXT], lines).recommend(k=2)
    assert found["user"].n_unique() == lines.height


def test_two_logs_with_columns_of_their_own_are_one(tmp_path):
    views = log().sample(60, seed=1).select(visitor="who", page="what", when=pl.col("at") + 60)
    sources = [
        {"path": "stars", "user": "who", "item": "what", "time": "at", "value": "stars", "type": "rating"},
        {"path": "views", "user": "visitor", "item": "page", "time": "when", "type": "view"},
    ]
    tasks = [NEXT | {"positive": ["rating"]}, STARS | {"types": ["rating"]}]
    model = train(tmp_path, {"events": sources}, tasks, [log(), views])
    assert model.predict(log().head(3).drop("stars"), "stars")["prediction"].is_finite().all()


def test_a_context_of_several_values_may_be_asked_with_one(tmp_path):
    events = log().with_columns(tags=pl.concat_list(pl.lit("a"), pl.lit("b")))
    source = {
        "path": "log",
        "user": "who",
        "item": "what",
        "time": "at",
        "value": "stars",
        "context": ["tags"],
    }
    model = train(tmp_path, {"events": source}, [LIKE], events)
    rows = log().head(3).select("who", "what", "at")
    one = model.predict(rows.with_columns(tags=pl.lit("a")), "like")["prediction"]
    both = model.predict(rows.with_columns(tags=pl.lit("a")).with_columns(pl.concat_list("tags")), "like")
    assert one.equals(both["prediction"])
