"""Settings of `benchmarks.mtl`: joint model and twins have the same trials, and each chooses its own.

    python -m benchmarks.mtl_search DATA_FOLDER [--sets taobao,ml100k,kuairand] [--jobs 2] [--work FOLDER]

Trials stand in `configs/mtl_search.json`, laid over `configs/mtl_SET.yaml`. Each trains joint model and twins
of one seed that is not measured, without the guard, judged on validation rows alone: the joint model by
the mean over the tasks that count of the relative gain over the first trial, a twin by its main metric.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.mtl_worlds import WORLDS, settled
from benchmarks.record import claim, record
from motet.metrics.names import higher_is_better, main_metric

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "mtl_search.json"
TRIALS = ROOT / "benchmarks" / "configs" / "mtl_search.json"
SEED = 100
UNCOUNTED = ("kuairand.comment",)
OPTIONS = ("training.threads=1",)
Values = dict[str, float]  # task -> main metric


@dataclass(frozen=True)
class Chosen:
    """What the search of a set found.

    Args:
        joint: Overrides of the joint model.
        twins: Task -> overrides of its twin.
        tried: Each trial: its overrides, the joint model's values and the twins', CPU seconds of both.
    """

    joint: list[str]
    twins: dict[str, list[str]]
    tried: list[dict[str, Any]] = field(default_factory=list)

    def told(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


def gain_of(mine: Values, plain: Values, kinds: Mapping[str, str], name: str) -> float:
    """Mean over the tasks that count of the relative gain over the plain method."""
    gains = []
    for task, value in mine.items():
        if f"{name}.{task}" not in UNCOUNTED:
            sign = 1.0 if higher_is_better(main_metric(kinds[task])) else -1.0
            gains.append(sign * (value - plain[task]) / abs(plain[task]))
    return sum(gains) / len(gains)


def trials_of(name: str) -> list[list[str]]:
    """Overrides of each trial of a set."""
    found: list[list[str]] = json.loads(TRIALS.read_text("utf8"))[name]
    return found


def outputs_of(name: str, work: Path) -> list[Path]:
    """Where the trials of a set lie."""
    return [work / f"{name}-trial-{number}" for number in range(len(trials_of(name)))]


def run_trial(config: Path, output: Path, overrides: Sequence[str]) -> None:
    """One trial in a process of its own; a finished one is not repeated."""
    run_once(config, output, [*overrides, f"training.seed={SEED}", *OPTIONS, "--valid"])


def run_once(config: Path, output: Path, options: Sequence[str]) -> None:
    """`benchmarks.guarded` in a process of its own; what is finished is not repeated.

    Raises:
        SystemExit: Other options or settings lie there.
    """
    told = {"options": list(options), "settings": config.read_text("utf8")}
    note = output / "asked.json"
    if note.exists() and json.loads(note.read_text("utf8")) != told:
        sys.exit(f"{output} was trained with other settings. Give another folder with  --work, or remove it.")
    if (output / "report.json").exists():
        return
    output.mkdir(parents=True, exist_ok=True)
    note.write_text(json.dumps(told), "utf8")
    command = [sys.executable, "-m", "benchmarks.guarded", str(config), str(output), *options]
    with (output / "log.txt").open("a") as log:
        subprocess.run(command, cwd=ROOT, stdout=log, stderr=log, check=True)
    print("trained", output, flush=True)


def choose(name: str, work: Path) -> Chosen:
    """The best trial of the joint model and of each twin, on validation rows."""
    reports = [json.loads((each / "report.json").read_text("utf8")) for each in outputs_of(name, work)]
    return chosen_of(name, trials_of(name), reports)


def chosen_of(name: str, trials: Sequence[list[str]], reports: Sequence[Mapping[str, Any]]) -> Chosen:
    """The best trial of the joint model and of each twin, from their reports; of equal ones the first."""
    kinds = {task["name"]: task["kind"] for task in reports[0]["settings"]["tasks"]}
    joint = [{task: _value(each, "joint", task, kinds) for task in kinds} for each in reports]
    twins = [{task: _value(each, f"twin of {task}", task, kinds) for task in kinds} for each in reports]
    gains = [gain_of(mine, joint[0], kinds, name) for mine in joint]
    signs = {task: 1.0 if higher_is_better(main_metric(kind)) else -1.0 for task, kind in kinds.items()}
    best = {task: max(range(len(trials)), key=lambda at: signs[task] * twins[at][task]) for task in kinds}
    tried = [
        {
            "overrides": trial, "joint": joint[at], "gain": gains[at], "twins": twins[at],
            "cpu_seconds": _seconds(reports[at], "joint"),
            "twins_cpu_seconds": _seconds(reports[at], "twin of "),
        }
        for at, trial in enumerate(trials)
    ]  # fmt: skip
    found = {task: trials[at] for task, at in best.items()}
    return Chosen(trials[gains.index(max(gains))], found, tried)


def _value(report: Mapping[str, Any], model: str, task: str, kinds: Mapping[str, str]) -> float:
    return float(report["valid"][model][task][main_metric(kinds[task])])


def _seconds(report: Mapping[str, Any], models: str) -> float:
    return sum(cost["cpu_seconds"] for name, cost in report["costs"].items() if name.startswith(models))


def chosen_for(name: str) -> Chosen:
    """What the recorded search found for a set.

    Raises:
        SystemExit: Other trials than those of today were recorded, or none.
    """
    held = recorded().get(name)
    if held is None or [each["overrides"] for each in held.tried] != trials_of(name):
        sys.exit(f"the trials of {name} were not run:  python -m benchmarks.mtl_search DATA_FOLDER")
    return held


def recorded() -> dict[str, Chosen]:
    """What was recorded, by set."""
    if not RESULT.exists():
        return {}
    return {name: Chosen(**held) for name, held in json.loads(RESULT.read_text("utf8"))["details"].items()}


def write(found: Mapping[str, Chosen]) -> None:
    """What the joint model gained by choosing, and everything that was tried; other sets stay as recorded."""
    claims, whole = [], {**recorded(), **found}
    for name, chosen in whole.items():
        gains = [each["gain"] for each in chosen.tried]
        claims.append(claim(f"mtl_search.{name}.trials", len(gains), seeds=[SEED]))
        claims.append(claim(f"mtl_search.{name}.joint.gain", max(gains), seeds=[SEED], peer=("first", 0.0)))
        for key in ("cpu_seconds", "twins_cpu_seconds"):
            spent = sum(each[key] for each in chosen.tried)
            claims.append(claim(f"mtl_search.{name}.{key}", spent, "s", seeds=[SEED]))
    details = {name: chosen.told() for name, chosen in whole.items()}
    command = f"python -m benchmarks.mtl_search DATA_FOLDER --sets {','.join(whole)}"
    record("mtl_search", command, claims, details)


def main() -> None:
    """Run the trials that are not run yet, and write what each side chose."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--sets", default=",".join(WORLDS))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--work", type=Path, default=Path("benchmarks/scratch/mtl"))
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    configs = {name: settled(name, given.data, given.work) for name in given.sets.split(",")}
    trials = [
        (config, output, overrides)
        for name, config in configs.items()
        for output, overrides in zip(outputs_of(name, given.work), trials_of(name), strict=True)
    ]
    with ThreadPoolExecutor(given.jobs) as pool:
        list(pool.map(lambda one: run_trial(*one), trials))
    write({name: choose(name, given.work) for name in configs})


if __name__ == "__main__":
    main()
