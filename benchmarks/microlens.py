"""MicroLens 50K, its given split, full ranking over 19,217 videos, next-item alone: ours and RecTools SASRec.

    python -m benchmarks.microlens DATA_FOLDER [--seeds 3] [--threads 2] [--work FOLDER]

DATA_FOLDER holds `microlens-50k-text`. The split is a cut in time: a user has several test items, which are
ranked from what the user did before the cut (history `frozen`), the own history left out.

Three of four test items (every second validation item) were never met in training: people watch new videos.
RecTools cannot recommend those. Motet can, by their titles, and `model.scoring.unmet`, chosen on validation
rows like everything else, says how much more likely a new video is than its score alone would have it. So
two comparisons are claimed: `microlens.ratio`, over the whole catalogue, and `microlens.trained.ratio`, where
Motet too recommends nothing but what training met. The details part the queries with a new item from the
others.
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
    ranks_of,
    run_all,
    time_ratios,
)
from benchmarks.peers import worlds
from benchmarks.record import claim, record

CONFIG = Path(__file__).parent / "configs" / "microlens.yaml"
PEER = "sasrec"


def main() -> None:
    """Run everything and write benchmarks/results/microlens.json."""
    given = arguments(str(__doc__), "microlens")
    tables = given.work / "tables"
    worlds.microlens(given.data, tables)
    config = put_in(CONFIG, given.work, "DATA", given.data / "microlens-50k-text")
    contest = Contest("microlens", config, tables, {"ours": []}, [PEER])
    runs = run_all(contest, given.work, given.seeds, given.threads)
    runs["trained"] = [
        Finished(ranks_of(given.work / f"ours-{seed}", "rank_trained"), run.report)
        for seed, run in enumerate(runs["ours"])
    ]
    write(runs, tables)


def unmet(tables: Path) -> np.ndarray:
    """Whether a query has a test item that training never met, by user, ``(Q,)``."""
    train, test = (pl.read_parquet(tables / f"{part}.parquet") for part in ("train", "test"))
    new = ~pl.col("item").is_in(train["item"].unique().implode())
    return test.group_by("user").agg(new.any().alias("new")).sort("user")["new"].to_numpy()


def write(runs: dict[str, list[Finished]], tables: Path) -> None:
    """Claims, trials and curves into benchmarks/results/microlens.json."""
    ours, theirs = runs["ours"], runs[PEER]
    claims = [
        compared("microlens.ndcg@10", "ndcg@10", ours, PEER, theirs),
        compared("microlens.recall@10", "recall@10", ours, PEER, theirs),
        *margins("microlens", "ndcg@10", ours, PEER, theirs),
        compared("microlens.trained.ndcg@10", "ndcg@10", runs["trained"], PEER, theirs),
        *margins("microlens.trained", "ndcg@10", runs["trained"], PEER, theirs),
        claim("microlens.minutes", [run.report["fit_seconds"] / 60 for run in ours], "min"),
    ]
    if ratios := time_ratios(ours, theirs):
        claims.append(claim("microlens.time_ratio", ratios, peer=(PEER, 1.0)))
    new_Q = unmet(tables)
    parts = {"all": np.ones(len(new_Q), bool), "new items": new_Q, "known items": ~new_Q}
    details = {
        "figures": {
            name: {part: figures([run.of(mask_Q) for run in several]) for part, mask_Q in parts.items()}
            for name, several in runs.items()
        },
        "reports": {name: [run.report for run in runs[name]] for name in ("ours", PEER)},
    }
    record("microlens", f"python -m benchmarks.microlens DATA_FOLDER --seeds {len(ours)}", claims, details)


if __name__ == "__main__":
    main()
