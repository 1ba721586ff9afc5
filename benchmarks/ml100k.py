"""MovieLens-100K, leave-one-out, full ranking: ours and every peer on one materialised order.

    python -m benchmarks.ml100k DATA_FOLDER [--seeds 5] [--threads 2] [--work FOLDER]

DATA_FOLDER holds `ml-100k` as RecBole ships it. Settings and grids were chosen on validation rows.
"""

import argparse
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.next_item import Finished, against, figures, run_ours, run_theirs, time_ratios
from benchmarks.peers import worlds
from benchmarks.record import claim, record
from motet.data.order import materialise_order

PEERS = ("ease", "als", "sasrec", "bert4rec", "sasrec_text")
CONFIG = Path(__file__).parent / "configs" / "ml100k.yaml"


def tables_of(data: Path, work: Path) -> Path:
    """Peers' tables, and the same rows as one log for us, in the materialised order of `motet.data.order`."""
    tables = work / "tables"
    tables.mkdir(parents=True, exist_ok=True)
    raw = pl.read_csv(data / "ml-100k" / "ml-100k.inter", separator="\t")
    raw.columns = ["@user", "@item", "@value", "@time"]
    log = materialise_order(raw.with_columns(pl.col("@time").cast(pl.Int64) * 1000), seed=0)
    names = {"@user": "user", "@item": "item", "@value": "rating", "@time": "timestamp"}
    log = log.rename(names).with_columns(pl.col("user") - 1, pl.col("item") - 1).with_row_index("order")
    worlds.leave_one_out(log.select("user", "item"), tables)
    log.drop("@moment").write_parquet(tables / "events.parquet")
    texts = worlds.ml100k_texts(data)
    pl.DataFrame({"item": range(len(texts)), "text": texts}).write_parquet(tables / "items.parquet")
    return tables


def main() -> None:
    """Run everything and write benchmarks/results/ml100k.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--work", type=Path, default=Path("benchmarks/scratch/ml100k"))
    given = parser.parse_args()
    tables = tables_of(given.data, given.work)
    config = given.work / "ml100k.yaml"
    config.write_text(CONFIG.read_text().replace("TABLES", str(tables.resolve())))
    ours, theirs = [], {name: [] for name in PEERS}
    for seed in range(given.seeds):
        ours.append(run_ours(config, given.work / f"ours-{seed}", [f"training.seed={seed}"], given.threads))
        for name in PEERS:
            place = given.work / f"{name}-{seed}"
            theirs[name].append(run_theirs("ml100k", name, tables, place, seed, given.threads))
        print(f"seed {seed}:", figures(ours)["ndcg@10"], flush=True)
    write(ours, theirs, given.seeds)


def write(ours: list[Finished], theirs: dict[str, list[Finished]], count: int) -> None:
    """Claims, every trial and every curve into benchmarks/results/ml100k.json."""
    found = {name: figures(runs) for name, runs in theirs.items()}
    best = max(found, key=lambda name: found[name]["ndcg@10"]["value"])
    mine, paired = figures(ours), against(ours, theirs[best], "ndcg@10")
    seeds = list(range(count))

    def measured(name: str, metric: str, of: dict[str, Any]) -> dict[str, Any]:
        value, other = of[metric], found[best][metric]["value"]
        interval = (value["low"], value["high"])
        return claim(name, value["value"], seeds=seeds, interval=interval, peer=(best, other))

    ratio = mine["ndcg@10"]["value"] / found[best]["ndcg@10"]["value"]
    span = (paired["low"], paired["high"])
    claims = [
        measured("ml100k.ndcg@10", "ndcg@10", mine),
        measured("ml100k.hr@10", "hr@10", mine),
        measured("ml100k.best_peer.ndcg@10", "ndcg@10", found[best]),
        claim("ml100k.ratio", ratio, seeds=seeds, peer=(best, 1.0)),
        claim("ml100k.difference", paired["difference"], seeds=seeds, interval=span, peer=(best, 0.0)),
    ]
    if ratios := time_ratios(ours, theirs["sasrec"]):
        claims.append(claim("ml100k.time_ratio", ratios, seeds=seeds, peer=("sasrec", 1.0)))
    details = {
        "peers": found,
        "ours": [run.report for run in ours],
        "trials": {name: [run.report["trials"] for run in runs] for name, runs in theirs.items()},
    }
    record("ml100k", f"python -m benchmarks.ml100k DATA_FOLDER --seeds {count}", claims, details)


if __name__ == "__main__":
    main()
