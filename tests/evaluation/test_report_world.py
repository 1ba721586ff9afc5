"""A made-up run for the tests of the report: one task better, one as good, one worse than its twin."""

import json
from pathlib import Path
from typing import Any

from motet.evaluation.report import render

EVIL = "<script>alert('title')</script>"

CONFIG = """\
name: film-club
data:
  items: [{path: [items.parquet], id: item_id, kind: film, text: [{column: title}, {column: plot}]}]
  events: [{path: [events.parquet], user: user_id, item: item_id, time: timestamp, value: rating}]
  split: {kind: leave_one_out, cold_items: 0.05}
tasks:
  - {name: next, kind: next_item, items: film}
  - {name: like, kind: binary, label: "rating >= 4"}
  - {name: rating, kind: regression, label: rating}
model:
  language: {name: all-MiniLM-L6-v2, tuning: frozen}
training: {balance: uncertainty, seed: 7}
evaluation: {history: rolling, confidence: 0.95}
"""


def score(value: float, half: float, n: int = 943) -> dict[str, float]:
    return {"value": value, "low": value - half, "high": value + half, "n": n}


def ranking(ndcg: float) -> dict[str, Any]:
    scores = {
        f"hr@{k}": score(ndcg * share, 0.02 * share)
        for k, share in ((1, 0.4), (5, 1.3), (10, 1.94), (20, 2.8))
    }
    scores |= {
        f"ndcg@{k}": score(ndcg * share, 0.012) for k, share in ((1, 0.4), (5, 0.8), (10, 1.0), (20, 1.22))
    }
    scores |= {
        "mrr": score(ndcg * 0.9, 0.011),
        "coverage@10": score(0.41, 0.01),
        "novelty@10": score(6.31, 0.05),
    }
    return scores | {"diversity@10": score(0.62, 0.01), "popularity_bias@10": score(0.04, 0.006)}


def clicks(auc: float) -> dict[str, Any]:
    return {
        "auc": score(auc, 0.008, 9430),
        "gauc": score(auc - 0.03, 0.009, 912),
        "log_loss": score(1.26 - auc, 0.01, 9430),
        "ece": score(0.021, 0.004, 9430),
    }


def errors(rmse: float) -> dict[str, Any]:
    return {"rmse": score(rmse, 0.012, 9430), "mae": score(rmse * 0.79, 0.01, 9430)}


def three(ndcg: float, auc: float, rmse: float) -> dict[str, Any]:
    test = {"next": ranking(ndcg), "like": clicks(auc), "rating": errors(rmse)}
    valid = {"next": ranking(ndcg + 0.004), "like": clicks(auc + 0.003), "rating": errors(rmse - 0.005)}
    return {task: {"valid": valid[task], "test": test[task]} for task in test}


def transfer(
    metric: str, joint: float, twin: float, difference: float, half: float, verdict: str
) -> dict[str, Any]:
    return {
        "metric": metric,
        "joint": joint,
        "twin": twin,
        "difference": difference,
        "low": difference - half,
        "high": difference + half,
        "verdict": verdict,
    }


def curves() -> list[dict[str, Any]]:
    ends = {"next": ("ndcg@10", 4.2, 0.104), "like": ("auc", 0.52, 0.785), "rating": ("rmse", 0.89, 0.951)}
    points = []
    for model, slow in (("joint", 4.0), ("twin", 5.0)):
        for task, (metric, loss, end) in ends.items():
            for epoch in range(1, 21):
                left = 2.718 ** (-epoch / slow)
                step = {"epoch": epoch, "task": task, "model": model}
                points.append({**step, "name": "loss", "value": loss * (1 + 0.7 * left)})
                points.append(
                    {**step, "name": metric, "value": end * (1 + left * (0.2 if metric == "rmse" else -0.5))}
                )
    return points


def plots() -> dict[str, Any]:
    taken = [0.002, 0.006, 0.011, 0.02, 0.034, 0.055, 0.085, 0.131, 0.206, 0.45]
    shown = [0.004, 0.008, 0.015, 0.024, 0.036, 0.052, 0.08, 0.14, 0.22, 0.421]
    bins = [
        (0.08, 0.1),
        (0.21, 0.2),
        (0.33, 0.35),
        (0.45, 0.42),
        (0.55, 0.58),
        (0.66, 0.65),
        (0.77, 0.75),
        (0.9, 0.93),
    ]
    return {
        "curves": curves(),
        "calibration": {"like": [{"predicted": p, "observed": o, "n": 1180} for p, o in bins]},
        "popularity": {
            "next": [
                {"decile": place, "catalogue_share": 0.1, "consumed_share": t, "recommended_share": s}
                for place, (t, s) in enumerate(zip(taken, shown, strict=True), 1)
            ]
        },
    }


def behaviour() -> dict[str, Any]:
    spread = {"mean": 106.0, "least": 20.0, "p10": 24.0, "p50": 65.0, "p90": 244.0, "greatest": 737.0}
    hours = [300 + 40 * abs(12 - hour) for hour in range(24)]
    steps = [(16, 31, 210), (32, 63, 255), (64, 127, 206), (128, 255, 182), (256, 511, 82), (512, 1023, 8)]
    lorenz = [{"items": x / 20, "events": 1 - (1 - x / 20) ** 3} for x in range(21)]
    days = [f"1998-0{month}-{day:02}" for month in (1, 2, 3, 4) for day in range(1, 28, 3)]
    points = [
        {
            "day": day,
            "events": 900 + 7 * at % 311,
            "users": 60 + at % 17,
            "new_items": 0.9 / (1 + at),
            "labels": {"like": 0.5},
        }
        for at, day in enumerate(days)
    ]
    value = {"mean": 3.5, "least": 1.0, "p10": 2.0, "p50": 4.0, "p90": 5.0, "greatest": 5.0}
    return {
        "activity": {
            "users": 943,
            "items": 1682,
            "items_without_events": 12,
            "events": 100_000,
            "events_per_user": spread,
            "users_by_events": [{"from": low, "to": high, "users": users} for low, high, users in steps],
            "gini": 0.628,
            "lorenz": lorenz,
        },
        "types": [
            {"type": "rating", "events": 100_000, "users": 943, "share": 1.0, "valued": 1.0, "values": value},
            {"type": EVIL, "events": 3, "users": 2, "share": 0.00003, "valued": 0.0, "values": None},
        ],
        "repeats": {"share": 0.0, "come_again_from": 0.01},
        "sessions": {
            "gap_minutes": 30,
            "sessions": 2600,
            "per_user": 2.76,
            "events": spread,
            "minutes": {"p50": 1.5},
        },
        "clock": {"hours": hours, "weekdays": [14, 15, 16, 15, 14, 12, 14]},
        "drift": {
            "days_a_point": 3,
            "points": points,
            "popularity": {"top": 100, "share": 0.71, "new_item_events": 0.013},
        },
        "cold": {"valid": {"rows": 943, "cold_items": 0.002, "cold_users": 0.0}},
    }


def cost() -> dict[str, Any]:
    seconds = {"joint": (96.0, 181.0), "twin of next": (71.0, 132.0), "twin of like": (58.0, 105.0)}
    seconds |= {"twin of rating": (49.0, 80.0), "without text": (95.0, 177.0)}
    models = {
        name: {"seconds": wall, "cpu_seconds": cpu, "examples": 794_000}
        for name, (wall, cpu) in seconds.items()
    }
    whole = {
        "wall_seconds": 401.0,
        "cpu_seconds_all": 731.0,
        "peak_rss_mb": 1843.0,
        "twins_cpu_seconds": 317.0,
    }
    return {**models["joint"], **whole, "models": models}


def metrics() -> dict[str, Any]:
    return {
        "tasks": three(0.1007, 0.782, 0.947),
        "twins": three(0.0961, 0.781, 0.931),
        "baselines": {
            "popularity": {"next": {"test": ranking(0.031)}},
            "item_to_item": {"next": {"test": ranking(0.062)}},
            "ease": {"next": {"test": ranking(0.0711)}},
        },
        "ablations": {"text": three(0.0972, 0.779, 0.949)},
        "transfer": {
            "next": transfer("ndcg@10", 0.1007, 0.0961, 0.0046, 0.0031, "better"),
            "like": transfer("auc", 0.782, 0.781, 0.001, 0.004, "same"),
            "rating": transfer("rmse", 0.947, 0.931, -0.016, 0.007, "worse"),
        },
        "slices": {
            "next": {
                "short_histories": {"ndcg@10": score(0.094, 0.02, 310), "hr@10": score(0.18, 0.03, 310)},
                "long_histories": {"ndcg@10": score(0.106, 0.015, 633), "hr@10": score(0.21, 0.03, 633)},
                "cold_items": {"ndcg@10": score(0.021, 0.011, 57), "hr@10": score(0.05, 0.02, 57)},
                f"kind {EVIL}": {"ndcg@10": score(0.11, 0.02, 200)},
            },
            "like": {"short_histories": {"auc": score(0.741, 0.02, 2100)}},
        },
        "cost": cost(),
        "plots": plots(),
        "behaviour": behaviour(),
        "statements": [
            "Preset small: 20 epochs at most; twins were given the same.",
            "Items do not come again in a timeline, so what a user has is left out of the ranking.",
        ],
    }


def cleaning() -> dict[str, Any]:
    keys = ("table", "column", "rule", "found", "changed", "dropped", "action", "setting", "examples")
    rows = [
        (
            "events",
            "",
            "exact duplicates",
            12,
            0,
            12,
            "dropped, the first one kept",
            "data.cleaning.duplicates",
            2,
        ),
        ("events", "timestamp", "time in the future", 3, 0, 3, "dropped", "data.cleaning.bad_times", 1),
        (
            "items",
            "length",
            "outliers",
            41,
            41,
            0,
            "clipped to 20 interquartile ranges",
            "data.cleaning.outliers",
            0,
        ),
        ("items", "plot", "missing", 118, 0, 0, "left to the learned vector", "data.cleaning.missing", 0),
    ]
    findings = [dict(zip(keys, row, strict=True)) for row in rows]
    for finding in findings:
        finding["examples"] = [
            {"@source": 0, "@row": 7 + place, "@item": EVIL} for place in range(finding["examples"])
        ]
    counts = {"events": {"in": 100_015, "out": 100_000}, "items": {"in": 1682, "out": 1682}}
    return {"rows": counts, "findings": findings, "notes": ["Outliers are judged by training rows alone."]}


def manifest() -> dict[str, Any]:
    digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    return {
        "format": 1,
        "created": "2026-11-21T18:04:11Z",
        "seed": 7,
        "versions": {"motet": "0.1.0", "python": "3.11.9", "torch": "2.13.0", "polars": "2.1.0"},
        "files": {name: {"sha256": digest, "bytes": 10} for name in ("metrics.json", "model.safetensors")},
    }


def page(**other: Any) -> str:
    """The page of the made-up run, with some of its metrics exchanged."""
    return render({**metrics(), **other}, cleaning(), CONFIG, manifest())


def folder(place: Path) -> Path:
    """The made-up run as a folder."""
    place.mkdir(parents=True, exist_ok=True)
    (place / "motet.yaml").write_text(CONFIG)
    for name, held in (("metrics", metrics()), ("cleaning", cleaning()), ("manifest", manifest())):
        (place / f"{name}.json").write_text(json.dumps(held))
    return place


def test_the_made_up_run_is_json_as_a_run_would_hold_it():
    assert json.loads(json.dumps(metrics(), allow_nan=False)) == metrics()
