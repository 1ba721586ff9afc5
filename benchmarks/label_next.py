"""Active learning: accuracy by the number of labelled texts, for each way to choose what is labelled next.

    python -m benchmarks.label_next DATA_FOLDER [--seeds 5] [--work FOLDER]

DATA_FOLDER holds `banking77`. The training texts are the pool. A first lot is drawn at random, the same for
all ways; a model is trained on what is labelled so far (`configs/label_next.yaml`), `label_next` says which
texts of the pool are labelled next, and so on. Each model is asked the test texts, by which nothing is
chosen: the curves are what is compared. The random way stands beside, with the same seeds. Nothing was tuned
here: ten lots of 77 texts, one for each class on average.
"""

import argparse
import hashlib
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import motet
from benchmarks.record import claim, record
from motet.config.read import read_config
from motet.evaluation.labelling import WAYS

CONFIG = Path(__file__).parent / "configs" / "label_next.yaml"
LOT, LOTS = 77, 10


def name_of(by: str, seed: int) -> str:
    """Of the files of a curve: other settings and other lots have others."""
    settings = f"{CONFIG.read_text('utf8')} {LOT} {LOTS}"
    return f"{by}-{seed}-{hashlib.sha256(settings.encode()).hexdigest()[:12]}"


def labelled_more(data: Path, work: Path, by: str, seed: int) -> list[float]:
    """Accuracy on the test texts after each lot; what was done already is read again."""
    name = name_of(by, seed)
    done = work / f"{name}.json"
    if done.exists():
        found: list[float] = json.loads(done.read_text("utf8"))
        return found
    pool = pl.read_csv(data / "banking77" / "train.csv.gz")
    test = pl.read_csv(data / "banking77" / "test.csv.gz")
    wanted = np.random.default_rng(seed).permutation(pool.height)[:LOT]
    known, curve = np.zeros(pool.height, bool), []
    for lot in range(LOTS):
        known[wanted] = True
        table = work / f"{name}.parquet"
        pool.filter(known).write_parquet(table)
        text = CONFIG.read_text("utf8").replace("TABLE", str(table.resolve()))
        config = work / f"{name}.yaml"
        config.write_text(text, "utf8")
        settled = read_config(config, [f"training.seed={seed}", "training.threads=1"])
        run = motet.train(settled, work / f"{name}-{lot}").folder
        model = motet.open(run)
        said = model.classify(test["text"].to_list())["prediction"]
        curve.append(float((said == test["category"]).mean() or 0.0))
        print(by, seed, int(known.sum()), f"{curve[-1]:.4f}", flush=True)
        left = np.flatnonzero(~known)
        rows = model.label_next(pool["text"].gather(left).to_list(), LOT, by)["row"].to_numpy()
        wanted = left[rows - 1]
    done.write_text(json.dumps(curve), "utf8")
    return curve


def main() -> None:
    """Run every way with every seed, and write benchmarks/results/label_next.json."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--work", type=Path, default=Path("benchmarks/scratch/label_next"))
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    found: dict[str, list[list[float]]] = {by: [] for by in WAYS}
    for seed, by in itertools.product(range(given.seeds), WAYS):
        found[by].append(labelled_more(given.data, given.work, by, seed))
    claims: list[dict[str, Any]] = []
    for by in WAYS:
        for lot in (1, 4, LOTS - 1):
            peer = None if by == "random" else ("random", float(np.mean([c[lot] for c in found["random"]])))
            name = f"label_next.{by}.accuracy_{(lot + 1) * LOT}"
            claims.append(
                claim(name, [curve[lot] for curve in found[by]], seeds=range(given.seeds), peer=peer)
            )
        mean = [float(np.mean(curve[1:])) for curve in found[by]]
        gain = [a - float(np.mean(b[1:])) for a, b in zip(mean, found["random"], strict=True)]
        claims.append(claim(f"label_next.{by}.mean_gain", gain, seeds=range(given.seeds)))
    for each in claims:
        print(each["name"], f"{each['value']:.4f}")
    command = f"python -m benchmarks.label_next DATA_FOLDER --seeds {given.seeds}"
    record("label_next", command, claims, {"curves": found, "settings": CONFIG.read_text("utf8")})


if __name__ == "__main__":
    main()
