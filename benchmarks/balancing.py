"""Which balance and which way of sharing helps where? Every method on the data sets of `benchmarks.mtl`.

    python -m benchmarks.balancing DATA_FOLDER [--sets taobao,ml100k,kuairand] [--seeds 2] [--jobs 2]
        [--methods likelihood,pcgrad,sharing:ple,...] [--work FOLDER]

Each child trains the joint model of one method and seed (`benchmarks.ours`) with the settings of
`configs/mtl_*.yaml`, on one user in four and with a third of the epochs: it compares methods with each other,
and its figures are not those of the sets. What counts is the mean over the tasks of the relative gain of the
main metric over `likelihood` with a shared bottom, on the validation rows. The gain of a set is the mean over
seeds, its bounds are the least and the greatest seed's. Tasks that rank a catalogue do not read
`model.sharing.kind`: a set without others is left out of what `sharing:...` methods gain over all sets.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.mtl_search import gain_of
from benchmarks.mtl_worlds import WORLDS, settled
from benchmarks.ours import train_in_child
from benchmarks.record import claim, record
from motet.config.read import read_config
from motet.metrics.names import main_metric

PLAIN = "likelihood"
METHODS = (
    "likelihood", "fixed", "uncertainty", "dwa", "random", "geometric", "stackelberg", "gradnorm",
    "pcgrad", "cagrad",
    "mgda",
    "imtl_g", "aligned_mtl", "nash_mtl", "upgrad", "graddrop", "sharing:mmoe", "sharing:cgc", "sharing:ple",
    "sharing:cross_stitch",
)  # fmt: skip
EPOCHS = {"taobao": 5, "ml100k": 8, "kuairand": 3}
USERS = 4  # one of so many takes part
Values = dict[str, float]  # task -> main metric


def fewer_users(tables: Path, out: Path) -> Path:
    """The tables with the events of some users alone."""
    if not out.exists():
        out.mkdir(parents=True)
        for path in tables.glob("*.parquet"):
            table = pl.read_parquet(path)
            kept = table.filter(pl.col("user") % USERS == 0) if "user" in table.columns else table
            kept.write_parquet(out / path.name)
    return out


def prepared(name: str, data: Path, work: Path) -> Path:
    """The configuration of a set, on fewer users."""
    config = settled(name, data, work)
    few = fewer_users(work / "tables" / name, work / "tables" / f"{name}-few")
    text = config.read_text("utf8").replace(str((work / "tables" / name).resolve()), str(few.resolve()))
    config = work / f"{name}-few.yaml"
    config.write_text(text, "utf8")
    return config


def says(method: str, kinds: Mapping[str, str]) -> bool:
    """Whether a method changes anything with such tasks: those that rank read no way of sharing."""
    return not method.startswith("sharing:") or set(kinds.values()) != {"next_item"}


def options_of(method: str, name: str, seed: int) -> list[str]:
    """What a method sets."""
    kind, _, sharing = method.partition(":")
    chosen = [f"model.sharing.kind={sharing}"] if sharing else [f"training.balance={kind}"]
    return [*chosen, f"training.seed={seed}", f"training.epochs={EPOCHS[name]}"]


def values_of(output: Path, part: str) -> Values:
    """The main metric of each task on the validation rows of the kept weights, or on the test rows."""
    report = json.loads((output / "report.json").read_text("utf8"))
    kinds = {task["name"]: task["kind"] for task in report["settings"]["tasks"]}
    (found,) = report[part].values()
    return {task: found[task][main_metric(kind)] for task, kind in kinds.items()}


def kinds_of(output: Path) -> dict[str, str]:
    """Task -> kind."""
    report = json.loads((output / "report.json").read_text("utf8"))
    return {task["name"]: task["kind"] for task in report["settings"]["tasks"]}


def write(work: Path, sets: Sequence[str], methods: Sequence[str], seeds: int) -> None:
    """Claims and details into benchmarks/results/balancing.json."""
    claims: list[dict[str, Any]] = []
    details: dict[str, Any] = {}
    for name in sets:
        plain = [values_of(place(work, name, PLAIN, seed), "valid") for seed in range(seeds)]
        kinds = kinds_of(place(work, name, PLAIN, 0))
        for method in (each for each in methods if says(each, kinds)):
            mine = [values_of(place(work, name, method, seed), "valid") for seed in range(seeds)]
            pairs = zip(mine, plain, strict=True)
            gains = [gain_of(one, other, kinds, name) for one, other in pairs]
            key = f"balancing.{name}.{method.replace(':', '_')}.gain"
            claims.append(claim(key, gains, seeds=range(seeds), peer=(PLAIN, 0.0)))
            costs = [_seconds(place(work, name, method, seed)) for seed in range(seeds)]
            details[key] = {"valid": mine, "train_cpu_seconds": costs}
    for method in methods:
        key = method.replace(":", "_")
        means = [each["value"] for each in claims if each["name"].endswith(f".{key}.gain")]
        if means:
            claims.append(claim(f"balancing.all.{key}.gain", means, seeds=range(seeds), peer=(PLAIN, 0.0)))
    for each in claims:
        print(each["name"], f"{each['value']:+.4f}")
    command = f"python -m benchmarks.balancing DATA_FOLDER --sets {','.join(sets)} --seeds {seeds}"
    record("balancing", command, claims, details)


def place(work: Path, name: str, method: str, seed: int) -> Path:
    """Where one training lies."""
    return work / f"{name}-{method.replace(':', '_')}-{seed}"


def _seconds(output: Path) -> float:
    return float(json.loads((output / "report.json").read_text("utf8"))["train_cpu_seconds"])


def main() -> None:
    """Train what is not trained yet, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--sets", default=",".join(WORLDS))
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--work", type=Path, default=Path("benchmarks/scratch/balancing"))
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    sets, methods = given.sets.split(","), given.methods.split(",")
    configs = {name: prepared(name, given.data, given.work) for name in sets}

    def train(name: str, method: str, seed: int) -> None:
        output = place(given.work, name, method, seed)
        train_in_child(configs[name], output, options_of(method, name, seed))
        print("trained", output.name, flush=True)

    kinds = {name: {task.name: task.kind for task in read_config(configs[name]).tasks} for name in sets}
    tasks = [
        (name, method, seed)
        for seed in range(given.seeds)
        for method in methods
        for name in sets
        if says(method, kinds[name])
    ]
    with ThreadPoolExecutor(given.jobs) as pool:
        list(pool.map(lambda one: train(*one), tasks))
    write(given.work, sets, methods, given.seeds)


if __name__ == "__main__":
    main()
