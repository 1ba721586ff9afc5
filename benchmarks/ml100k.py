"""MovieLens-100K, leave-one-out, full ranking: ours and every peer on one materialised order.

    python -m benchmarks.ml100k DATA_FOLDER [--seeds 5] [--threads 2] [--work FOLDER]

DATA_FOLDER holds `ml-100k` as RecBole ships it. Settings and grids were chosen on validation rows.
"""

from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.next_item import (
    Contest,
    Finished,
    arguments,
    compared,
    figures,
    margins,
    put_in,
    run_all,
    time_ratios,
)
from benchmarks.peers import worlds
from benchmarks.record import claim, record
from motet.config.model import Language
from motet.data.order import materialise_order
from motet.language.backbone import load_language
from motet.language.cache import TextVectors

PEERS = ("ease", "als", "sasrec", "bert4rec", "sasrec_text")
CONFIG = Path(__file__).parent / "configs" / "ml100k.yaml"


def tables_of(data: Path, work: Path) -> Path:
    """Peers' tables, and the same rows as one log for us, in the materialised order of `motet.data.order`.

    The peer that reads texts gets the same vectors of the same language model.
    """
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
    vectors = TextVectors().lookup_or_encode(texts, load_language(Language()))
    np.save(tables / "vectors.npy", vectors.astype(np.float32))
    return tables


def main() -> None:
    """Run everything and write benchmarks/results/ml100k.json."""
    given = arguments(str(__doc__), "ml100k", seeds=5)
    tables = tables_of(given.data, given.work)
    config = put_in(CONFIG, given.work, "TABLES", tables)
    contest = Contest("ml100k", config, tables, {"ours": []}, PEERS)
    write(run_all(contest, given.work, given.seeds, given.threads), given.seeds)


def write(runs: dict[str, list[Finished]], count: int) -> None:
    """Claims, every trial and every curve into benchmarks/results/ml100k.json."""
    ours = runs["ours"]
    found = {name: figures(runs[name]) for name in PEERS}
    best = max(found, key=lambda name: found[name]["ndcg@10"]["value"])
    claims = [
        compared("ml100k.ndcg@10", "ndcg@10", ours, best, runs[best]),
        compared("ml100k.hr@10", "hr@10", ours, best, runs[best]),
        compared("ml100k.best_peer.ndcg@10", "ndcg@10", runs[best], best, runs[best]),
        *margins("ml100k", "ndcg@10", ours, best, runs[best]),
    ]
    if ratios := time_ratios(ours, runs["sasrec"]):
        claims.append(claim("ml100k.time_ratio", ratios, seeds=range(count), peer=("sasrec", 1.0)))
    details = {
        "peers": found,
        "ours": [run.report for run in ours],
        "trials": {name: [run.report["trials"] for run in runs[name]] for name in PEERS},
    }
    record("ml100k", f"python -m benchmarks.ml100k DATA_FOLDER --seeds {count}", claims, details)


if __name__ == "__main__":
    main()
