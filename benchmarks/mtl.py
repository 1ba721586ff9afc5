"""Does sharing help every task? Joint model with the guard against single-task twins, on three data sets.

    python -m benchmarks.mtl DATA_FOLDER [--sets taobao,ml100k,kuairand] [--seeds 5] [--jobs 2]
        [--work FOLDER]

DATA_FOLDER holds `taobao-cart-buy`, `ml-100k` and `kuairand-pure-2w`. Sharing and balance are the defaults;
the other settings stand in `configs/mtl_*.yaml`. On top of them the joint model and every twin choose for
themselves, on validation rows and of as many trials (results/mtl_search.json). Every child trains joint
model, twins and guard of one seed (`benchmarks.guarded`); a finished one is not repeated. All tasks of all
sets are one family of comparisons (Holm), over users and seeds; `comment` of KuaiRand is reported beside them
and not counted, for its test rows have 142 positives.

Costs are those of the joint model and the guard in the sum of the twins: CPU seconds of training, parameters,
CPU time of a request that is answered as a server would. What it takes to score all test rows stands beside
them: two tasks that rank a large catalogue for all users spend that time on their own products of states and
items, which nobody can share.
"""

import argparse
import hashlib
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.mtl_search import OPTIONS, UNCOUNTED, Chosen, chosen_for, run_once
from benchmarks.mtl_worlds import WORLDS, settings_file, settled
from benchmarks.record import claim, record
from motet.evaluation.compare import Gain, gain_family
from motet.evaluation.measures import measure
from motet.evaluation.records import Predictions, RankingPredictions, RowPredictions
from motet.metrics.names import main_metric

ROOT = Path(__file__).parents[1]
RARE = ("like", "profile_enter", "comment")
COSTS = ("cpu_seconds", "parameters", "request_cpu_ms")
KEPT = ("valid", "costs", "guard", "story", "settings", "twins")  # of each run, in the results file
Records = dict[str, list[Predictions]]  # task -> one record a seed


def train(config: Path, output: Path, seed: int, chosen: Chosen) -> None:
    """One guarded training in a process of its own; a finished one is not repeated."""
    options = [f"training.seed={seed}", *OPTIONS]
    twins = output.parent / f"{output.name}.twins.json"
    twins.write_text(json.dumps({task: [*own, *options] for task, own in chosen.twins.items()}), "utf8")
    run_once(config, output, [*chosen.joint, *options, "--twins", str(twins)])


def records_of(output: Path, whose: str) -> dict[str, Predictions]:
    """What one model of a finished training said of the test rows, by task, in an order that all seeds share.

    Events of one moment lie in an order of each seed's own, so rows are sorted by user, time and item.
    """
    kinds = {task["name"]: task["kind"] for task in report_of(output)["settings"]["tasks"]}
    found: dict[str, Predictions] = {}
    for task, kind in kinds.items():
        path = output / f"{whose}.{task}.parquet"
        path = path if path.exists() else output / f"joint.{task}.parquet"  # nothing was set apart
        asked = pl.read_parquet(output / f"asked.{task}.parquet").rename({"user": "id"})
        said = pl.read_parquet(path)
        if len(said) != len(asked):
            raise ValueError(f"{path}: {len(said)} rows, but {len(asked)} are asked about. Train anew.")
        table = pl.concat([asked, said], how="horizontal")
        if kind == "next_item":
            table = table.sort("id", "time", "item", "query")
            _, first_Q, place_T = np.unique(table["query"].to_numpy(), return_index=True, return_inverse=True)
            new_Q = np.argsort(np.argsort(first_Q))  # queries in the order in which they come now
            users = table["user"].to_numpy()[np.sort(first_Q)]
            found[task] = RankingPredictions(users, table["rank"].to_numpy(), new_Q[place_T.reshape(-1)])
        else:
            table = table.sort("id", "time", "item", "label")
            columns = (table[name].to_numpy() for name in ("user", "label", "prediction"))
            found[task] = RowPredictions(kind, *columns)
    return found


def report_of(output: Path) -> dict[str, Any]:
    """The report of a finished training."""
    found: dict[str, Any] = json.loads((output / "report.json").read_text("utf8"))
    return found


def over_seeds(outputs: Sequence[Path], whose: str) -> Records:
    """Records of one model, one a seed."""
    found = [records_of(output, whose) for output in outputs]
    return {task: [each[task] for each in found] for task in found[0]}


def family(pairs: Mapping[str, tuple[list[Predictions], list[Predictions]]]) -> dict[str, Gain]:
    """Paired comparisons that are corrected together."""
    random = np.random.default_rng(0)
    return gain_family(pairs, bootstrap=2000, confidence=0.95, generator=random)


def costs(reports: Sequence[Mapping[str, Any]]) -> dict[str, list[float]]:
    """Of each seed: what the joint model and the guard cost, in the sum of the twins."""
    found: dict[str, list[float]] = {}
    for key in (*COSTS, "scoring_cpu_seconds"):
        found[key] = []
        for report in reports:
            twins = [cost[key] for name, cost in report["costs"].items() if name.startswith("twin of ")]
            found[key].append(report["costs"]["joint"][key] / sum(twins))
    return found


def claims_of_set(
    name: str, outputs: Sequence[Path], gains: Mapping[str, Gain], unguarded: Mapping[str, Gain]
) -> list[dict[str, Any]]:
    """What is said of one set: each task, and what it cost."""
    seeds = range(len(outputs))
    joint, twins = over_seeds(outputs, "joint"), over_seeds(outputs, "twin")
    claims: list[dict[str, Any]] = []
    for task, records in joint.items():
        gain, metric = gains[f"{name}.{task}"], main_metric(records[0].kind)
        prefix = f"{name}.{task}.{metric}"
        spans = [_interval(each, metric) for each in (records, twins[task])]
        rival = ("twin", gain["other"])
        claims.append(claim(f"{prefix}.joint", gain["ours"], seeds=seeds, interval=spans[0], peer=rival))
        claims.append(claim(f"{prefix}.twin", gain["other"], seeds=seeds, interval=spans[1]))
        span = (gain["low"], gain["high"])
        claims.append(
            claim(f"{prefix}.over_twin", gain["difference"], seeds=seeds, interval=span, peer=("twin", 0.0))
        )
        plain = unguarded[f"{name}.{task}"]
        claims.append(claim(f"{prefix}.unguarded", plain["ours"], seeds=seeds, peer=rival))
    for key, ratios in costs([report_of(each) for each in outputs]).items():
        claims.append(claim(f"{name}.cost.{key}", ratios, seeds=seeds, peer=("sum of the twins", 1.0)))
    return claims


def rare_claims(outputs: Sequence[Path], gains: Mapping[str, Gain]) -> list[dict[str, Any]]:
    """Tasks of KuaiRand with few positives, and how well click is calibrated."""
    seeds = range(len(outputs))
    claims = []
    for task in RARE:
        gain = gains[f"kuairand.{task}"]
        span = (gain["low"], gain["high"])
        claims.append(
            claim(f"kuairand.{task}.gain", gain["difference"], seeds=seeds, interval=span, peer=("twin", 0.0))
        )
    click = over_seeds(outputs, "joint")["click"]
    error = measure(click, [], 1000, 0.95, np.random.default_rng(0))["ece"]
    span = (error["low"], error["high"])
    return [*claims, claim("kuairand.click.ece", error["value"], seeds=seeds, interval=span)]


def _interval(records: list[Predictions], metric: str) -> tuple[float, float]:
    k_list = [int(metric.partition("@")[2])] if "@" in metric else []
    found = measure(records, k_list, 1000, 0.95, np.random.default_rng(0))[metric]
    return found["low"], found["high"]


def write(outputs: Mapping[str, Sequence[Path]], chosen: Mapping[str, Chosen], count: int) -> None:
    """Claims and details into benchmarks/results/mtl.json."""
    pairs: dict[str, Any] = {}
    plain: dict[str, Any] = {}
    for name, places in outputs.items():
        twins = over_seeds(places, "twin")
        for whose, found in (("joint", pairs), ("unguarded", plain)):
            for task, records in over_seeds(places, whose).items():
                found[f"{name}.{task}"] = (records, twins[task])
    counted = {name: pair for name, pair in pairs.items() if name not in UNCOUNTED}
    gains = family(counted) | family({name: pair for name, pair in pairs.items() if name in UNCOUNTED})
    unguarded = family(plain)
    verdicts = [gains[name]["verdict"] for name in counted]
    above = [(gains[name]["difference"] or 0.0) > 0 for name in counted]
    seeds = range(count)
    claims = [
        claim("mtl.tasks_below_twin", verdicts.count("worse"), seeds=seeds),
        claim("mtl.share_above_twin", float(np.mean(above)), seeds=seeds),
        claim("mtl.share_clearly_above_twin", verdicts.count("better") / len(verdicts), seeds=seeds),
    ]
    for name, places in outputs.items():
        claims += claims_of_set(name, places, gains, unguarded)
    claims += _worst_costs(claims, seeds)
    claims += rare_claims(outputs["kuairand"], gains) if "kuairand" in outputs else []
    for each in claims:
        print(
            each["name"], *(f"{each[key]:.4f}" for key in ("value", "low", "high") if each[key] is not None)
        )
    details = {
        "gains": gains,
        "unguarded": unguarded,
        "counted": list(counted),
        "chosen": {name: {"joint": each.joint, "twins": each.twins} for name, each in chosen.items()},
        "runs": {
            f"{name}-{seed}": {key: report_of(place)[key] for key in KEPT}
            for name, places in outputs.items()
            for seed, place in enumerate(places)
        },
        "settings_sha256": {
            name: hashlib.sha256(settings_file(name).read_bytes()).hexdigest() for name in outputs
        },
    }  # fmt: skip
    sets = ",".join(outputs)
    record("mtl", f"python -m benchmarks.mtl DATA_FOLDER --sets {sets} --seeds {count}", claims, details)


def _worst_costs(claims: Sequence[Mapping[str, Any]], seeds: Sequence[int]) -> list[dict[str, Any]]:
    """The dearest share of the twins' sum: over sets of three and more tasks, and over those of two.

    And what it takes to score all test rows, beside it.
    """
    kinds = {f"cost.{key}": "mtl.cost_ratio" for key in COSTS}
    kinds["cost.scoring_cpu_seconds"] = "mtl.all_rows_ratio"
    found: dict[str, list[float]] = {}
    for each in claims:
        name, _, rest = each["name"].partition(".")
        if rest in kinds:
            key = kinds[rest] + ("_two_tasks" if name == "taobao" else "")
            found.setdefault(key, []).append(each["value"])
    return [
        claim(key, max(ratios), seeds=seeds, peer=("sum of the twins", 1.0)) for key, ratios in found.items()
    ]


def main() -> None:
    """Train what is not trained yet, seed by seed through all sets, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--sets", default=",".join(WORLDS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--work", type=Path, default=Path("benchmarks/scratch/mtl"))
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    configs = {name: settled(name, given.data, given.work) for name in given.sets.split(",")}
    outputs = {name: [given.work / f"{name}-{seed}" for seed in range(given.seeds)] for name in configs}
    chosen = {name: chosen_for(name) for name in configs}
    with ThreadPoolExecutor(given.jobs) as pool:
        tasks = [(configs[name], outputs[name][seed], seed, chosen[name])
                 for seed in range(given.seeds) for name in configs]  # fmt: skip
        list(pool.map(lambda one: train(*one), tasks))
    write(outputs, chosen, given.seeds)


if __name__ == "__main__":
    main()
