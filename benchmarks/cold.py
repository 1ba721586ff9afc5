"""Cold items on Amazon Beauty: 5% of the items never train; are they found, and what do the others lose?

    python -m benchmarks.cold DATA_FOLDER [--seeds 3] [--threads 2] [--work FOLDER]

DATA_FOLDER holds `amazon-beauty-2014`. The data and the training are those of the benchmark `beauty`, but all
events of a twentieth of the items (`data.split.cold_items`, the same items for every seed) are left out of
the training; as history they are visible. Everything is ranked among all items, the user's own left out.

- `ready`: Motet with what makes it fit for items that training never met (`READY`).
- `plain`: Motet with the settings of `beauty` as they are, trained on the same rows; it ranks the trained
  items alone, so that no cold item can stand in the way of another: as if there were no cold items.
- `text_neighbours`: cosine of frozen vectors of the same language model with the faded mean of the user's
  last items; how many count, and how much, was chosen on the cold targets of the validation rows.

Claims, on the test rows: `beauty.cold.recall@10`, Recall@10 of `ready` over the targets that are cold;
`beauty.cold.ratio`, that over the neighbours'; `beauty.warm.loss`, the share of Recall@10 over all other
targets that `ready` loses against `plain` (below 0 it gains), and `beauty.warm.ndcg_loss`, the same of
NDCG@10. Settings were chosen on validation rows.
"""

from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.beauty import CONFIG
from benchmarks.next_item import (
    Contest,
    Finished,
    against,
    arguments,
    compared,
    figures,
    margins,
    put_in,
    ranks_of,
    run_all,
)
from benchmarks.record import claim, record
from motet.config.read import config_folder, read_config
from motet.data.timelines import TEST, VALID, Timelines
from motet.gather import gather
from motet.run import settle

PEER = "text_neighbours"
COLD = ["data.split.cold_items=0.05"]
READY = ["model.item.id_dropout=0.3"]


def main() -> None:
    """Run everything and write benchmarks/results/cold.json."""
    given = arguments(str(__doc__), "cold")
    tables = given.work / "tables"
    config = put_in(CONFIG, given.work, "DATA", given.data / "amazon-beauty-2014")
    write_tables(config, tables)
    contest = Contest("cold", config, tables, {"ready": [*COLD, *READY], "plain": COLD}, [PEER])
    runs = run_all(contest, given.work, given.seeds, given.threads)
    for seed, run in enumerate(runs["plain"]):
        among_trained = ranks_of(given.work / f"plain-{seed}", "rank_trained")
        runs["plain"][seed] = Finished(among_trained, run.report)
    write(runs, tables)


def write_tables(config: Path, tables: Path) -> None:
    """The peer's tables from Motet's own split, and which items are cold.

    `choose.parquet` holds the cold targets among the validation rows, `vectors.npy` the vectors that Motet
    reads, `items.parquet` which items are known (met in training).
    """
    settled = settle(read_config(config, COLD), config_folder(config))
    prepared = gather(settled, config_folder(config)).prepared
    log, trained_I = prepared.dataset.log, prepared.dataset.catalogue.trained_I
    (part_N,) = log.part.values()
    rows = _rows(log, part_N)
    known = pl.Series(trained_I[1:])
    rows = rows.with_columns(known=known.gather(rows["item"]))
    rows.filter(pl.col("part") < VALID).write_parquet(tables / "train.parquet")  # what no part uses too
    rows.filter(pl.col("part") == VALID).write_parquet(tables / "valid.parquet")
    rows.filter((pl.col("part") == VALID) & ~pl.col("known")).write_parquet(tables / "choose.parquet")
    test = rows.filter(pl.col("part") == TEST)
    test.write_parquet(tables / "test.parquet")
    test.select("user").write_parquet(tables / "queries.parquet")
    assert prepared.content.text_IT is not None
    np.save(tables / "vectors.npy", prepared.content.text_IT.numpy()[1:])


def _rows(log: Timelines, part_N: np.ndarray) -> pl.DataFrame:
    """The log in its order, items from 0."""
    columns = {"user": log.user_N.astype(np.int64), "item": log.item_N.astype(np.int64) - 1, "part": part_N}
    return pl.DataFrame(columns).with_row_index("order")


def write(runs: dict[str, list[Finished]], tables: Path) -> None:
    """Claims, figures of both parts and reports into benchmarks/results/cold.json."""
    cold_Q = ~pl.read_parquet(tables / "test.parquet").sort("user")["known"].to_numpy()
    cold = {name: [run.of(cold_Q) for run in several] for name, several in runs.items()}
    warm = {name: [run.of(~cold_Q) for run in several] for name, several in runs.items()}
    ready, plain, seeds = figures(warm["ready"]), figures(warm["plain"]), range(len(runs["ready"]))
    loss = {name: 1 - ready[name]["value"] / plain[name]["value"] for name in ("recall@10", "ndcg@10")}
    claims = [
        compared("beauty.cold.recall@10", "recall@10", cold["ready"], PEER, cold[PEER]),
        *margins("beauty.cold", "recall@10", cold["ready"], PEER, cold[PEER]),
        claim("beauty.warm.loss", loss["recall@10"], seeds=seeds, peer=("plain", 0.0)),
        claim("beauty.warm.ndcg_loss", loss["ndcg@10"], seeds=seeds, peer=("plain", 0.0)),
    ]
    details = {
        "targets": {"cold": int(cold_Q.sum()), "warm": int((~cold_Q).sum())},
        "cold": {name: figures(several) for name, several in cold.items()},
        "warm": {name: figures(several) for name, several in warm.items()},
        "paired_warm": against(warm["ready"], warm["plain"], "recall@10"),
        "reports": {name: [run.report for run in several] for name, several in runs.items()},
    }
    record("cold", f"python -m benchmarks.cold DATA_FOLDER --seeds {len(seeds)}", claims, details)


if __name__ == "__main__":
    main()
