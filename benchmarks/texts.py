"""Text tasks on a tuned language model: intents of a bank's customers, sentiment and topics of finance.

    python -m benchmarks.texts DATA_FOLDER [--sets banking77,banking77_10shot,finance] [--seeds 3]
        [--work FOLDER]

DATA_FOLDER holds `banking77`, `financial-phrasebank` and `twitter-financial-news-topic`. Settings stand in
`configs/texts_*.yaml`; they were chosen on validation rows. Test rows are those of the files of that name; of
financial-phrasebank, which has none, a fifth of the sentences that at least half of the annotators agree on,
of every label its share, drawn anew for each seed; sentences that occur twice count once. The two sets of
financial news are one joint model, beside a twin each. Of `10shot`, ten texts a class train, drawn anew for
each seed, and the last epoch is kept: no validation row has a say.

Every training is a process of its own (`motet train`); a finished one is read again. Minutes are those of the
training on the machine that the results file names.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.record import claim, record
from benchmarks.texts_data import tables_of
from motet.metrics.names import main_metric

CONFIGS = Path(__file__).parent / "configs"
Run = Mapping[str, Any]  # metrics.json


def run_of(name: str, data: Path, work: Path, seed: int, overrides: Sequence[str] = ()) -> Run:
    """Train one seed of a set, unless that is done, and read its figures."""
    output, tables = work / f"{name}-{seed}", work / "tables" / f"{name}-{seed}"
    if not (output / "metrics.json").exists():
        tables_of(name, data, tables, seed)
        text = (CONFIGS / f"texts_{name}.yaml").read_text("utf8")
        text = text.replace("DATA", str(data.resolve())).replace("TABLES", str(tables.resolve()))
        config = work / f"{name}-{seed}.yaml"
        config.write_text(text, "utf8")
        command = [sys.executable, "-m", "motet", "train", str(config), "--run", str(output)]
        for setting in (f"training.seed={seed}", *overrides):
            command += ["--set", setting]
        with (work / f"{name}-{seed}.log").open("w") as log:
            subprocess.run(command, stdout=log, stderr=log, check=True)
        print("trained", output, flush=True)
    found: Run = json.loads((output / "metrics.json").read_text("utf8"))
    return found


def value(run: Run, task: str, metric: str, whose: str = "tasks") -> float:
    """A figure of the test rows."""
    return float(run[whose][task]["test"][metric]["value"])


def banking(runs: Sequence[Run], prefix: str) -> list[dict[str, Any]]:
    """Accuracy and macro F1, and how long the training took."""
    seeds = range(len(runs))
    return [
        claim(f"{prefix}.accuracy", [value(run, "intent", "accuracy") for run in runs], seeds=seeds),
        claim(f"{prefix}.macro_f1", [value(run, "intent", "macro_f1") for run in runs], seeds=seeds),
        claim(f"{prefix}.minutes", [run["cost"]["seconds"] / 60 for run in runs], "min", seeds=seeds),
    ]


def finance(runs: Sequence[Run], prefix: str) -> list[dict[str, Any]]:
    """Every task of the joint model beside its twin."""
    del prefix
    metric, seeds, claims = main_metric("multiclass"), range(len(runs)), []
    for task in ("phrasebank", "finance_topic"):
        twin = [value(run, task, metric, "twins") for run in runs]
        ours = [value(run, task, metric) for run in runs]
        peer = ("twin", sum(twin) / len(twin))
        claims.append(claim(f"{task}.{metric}", ours, seeds=seeds, peer=peer))
        claims.append(claim(f"{task}.{metric}.twin", twin, seeds=seeds))
        claims.append(claim(f"{task}.accuracy", [value(run, task, "accuracy") for run in runs], seeds=seeds))
    claims.append(claim("finance.minutes", [run["cost"]["seconds"] / 60 for run in runs], "min", seeds=seeds))
    return claims


SETS: dict[str, Callable[[Sequence[Run], str], list[dict[str, Any]]]] = {
    "banking77": banking,
    "banking77_10shot": lambda runs, prefix: banking(runs, "banking77.10shot"),
    "finance": finance,
}


def main() -> None:
    """Train what is not trained yet, and write the results."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--work", type=Path, default=Path("benchmarks/scratch/texts"))
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    claims: list[dict[str, Any]] = []
    names = given.sets.split(",")
    for name in names:
        runs = [run_of(name, given.data, given.work, seed) for seed in range(given.seeds)]
        claims += SETS[name](runs, name)
    for each in claims:
        print(each["name"], f"{each['value']:.4f}")
    command = f"python -m benchmarks.texts DATA_FOLDER --sets {','.join(names)} --seeds {given.seeds}"
    settings = {name: (CONFIGS / f"texts_{name}.yaml").read_text("utf8") for name in names}
    record("texts", command, claims, {"settings": settings})


if __name__ == "__main__":
    main()
