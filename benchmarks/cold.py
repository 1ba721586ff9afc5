"""Cold items on Amazon Beauty: 5% of the items never train; are they found, and what do the others lose?

    python -m benchmarks.cold DATA_FOLDER [--seeds 5] [--threads 2] [--work FOLDER]

DATA_FOLDER holds `amazon-beauty-2014`. Everything is ranked among all items, the user's own left out.

- `ready`: all events of a twentieth of the items (`data.split.cold_items`, the same items for every seed) are
  left out of the training; as history they are visible. What items score that training never met is fitted on
  the validation rows (`model.scoring.fit_unmet`), and they get a bonus on top (`model.scoring.unmet`): the
  largest of a grid with which, on the validation rows and over all seeds, the other targets lose at most 2%
  against `whole` in nine of ten resamplings of the users. The test rows are ranked with that one.
- `whole`: the same settings, trained on all rows.
- `text_neighbours`: cosine of frozen vectors of the same language model with the faded mean of the user's
  last items; how many count, and how much, was chosen on the cold targets of the validation rows.

Claims, on the test rows: `beauty.cold.recall@10`, Recall@10 of `ready` over the targets that are cold to it;
`beauty.cold.ratio`, that over the neighbours'; `beauty.warm.loss`, the share of Recall@10 over all other
targets that `ready` loses against `whole`, and `beauty.warm.ndcg_loss` of NDCG@10 (below 0 it gains);
`beauty.warm.crowding`, the share of Recall@10 over these targets that `ready` loses against itself ranking
the trained items alone: what it costs them that cold items are shown at all, as `whole` shows them too.
"""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.next_item import (
    Contest,
    Finished,
    against,
    arguments,
    as_record,
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
from motet.evaluation.records import RankingPredictions
from motet.gather import gather
from motet.run import settle

PEER = "text_neighbours"
CONFIG = Path(__file__).parent / "configs" / "cold.yaml"
COLD = ["data.split.cold_items=0.05"]
BONUSES = [f"{tenth / 10:.1f}" for tenth in range(21)]
MOST_LOST, SURE, RESAMPLINGS = 0.02, 0.9, 1000
OPTIONS = {"ready": ["--bonuses", ",".join(BONUSES)], "whole": ["--bonuses", BONUSES[0]]}


def main() -> None:
    """Run everything and write benchmarks/results/cold.json."""
    given = arguments(str(__doc__), "cold", 5)
    tables = given.work / "tables"
    config = put_in(CONFIG, given.work, "DATA", given.data / "amazon-beauty-2014")
    write_tables(config, tables)
    contest = Contest("cold", config, tables, {"ready": COLD, "whole": []}, [PEER], OPTIONS)
    runs = run_all(contest, given.work, given.seeds, given.threads)
    trials = try_bonuses(given.work, tables, given.seeds)
    chosen = choose(trials)
    for name, column in (("ready", f"rank@{chosen}"), ("ready among trained", None)):
        places = [given.work / f"ready-{seed}" for seed in range(given.seeds)]
        runs[name] = [
            Finished(
                bonus_ranks(place, "test", column) if column else ranks_of(place, "rank_trained"), run.report
            )
            for place, run in zip(places, runs["ready"], strict=True)
        ]
    write(runs, tables, {"chosen": chosen, "on validation": trials})


def bonus_ranks(place: Path, part: str, column: str) -> RankingPredictions:
    """Ranks of a part under one bonus."""
    return as_record(pl.read_parquet(place / "bonuses.parquet").filter(part=part), column)


def try_bonuses(work: Path, tables: Path, seeds: int) -> dict[str, dict[str, float]]:
    """On the validation rows, by bonus: Recall@10 of cold targets and of the others, mean of the seeds.

    `lost` is the share of the others' under `whole` that is lost, `lost at most` what nine of ten resamplings
    of the users stay below.
    """
    cold = pl.read_parquet(tables / "choose.parquet")["user"].to_numpy()
    draws = np.random.default_rng(0)

    def hits(name: str, column: str) -> pl.DataFrame:
        """Users in one order, and how many of the seeds found their target."""
        found = [bonus_ranks(work / f"{name}-{seed}", "valid", column) for seed in range(seeds)]
        tables = [
            pl.DataFrame({"user": each.user_Q[each.query_T], "hit": each.rank_T <= 10}) for each in found
        ]
        return pl.concat(tables).group_by("user").agg(pl.col("hit").mean()).sort("user")

    whole = hits("whole", f"rank@{BONUSES[0]}")
    is_cold = np.isin(whole["user"].to_numpy(), cold)
    whole_U = whole["hit"].to_numpy()[~is_cold]
    weight_SU = draws.multinomial(len(whole_U), np.full(len(whole_U), 1 / len(whole_U)), RESAMPLINGS)
    trials = {}
    for bonus in BONUSES:
        ready = hits("ready", f"rank@{bonus}")
        assert ready["user"].equals(whole["user"])
        ready_U = ready["hit"].to_numpy()
        others_U = ready_U[~is_cold]
        lost_S = 1 - (weight_SU @ others_U) / (weight_SU @ whole_U)
        trials[bonus] = {
            "cold": float(ready_U[is_cold].mean()),
            "others": float(others_U.mean()),
            "others under whole": float(whole_U.mean()),
            "lost": float(1 - others_U.mean() / whole_U.mean()),
            "lost at most": float(np.quantile(lost_S, SURE)),
        }
    return trials


def choose(trials: dict[str, dict[str, float]]) -> str:
    """The largest bonus that surely costs the others no more than it may; the smallest if there is none."""
    fine = [bonus for bonus, found in trials.items() if found["lost at most"] <= MOST_LOST]
    return max(fine, key=float) if fine else min(trials, key=float)


def write_tables(config: Path, tables: Path) -> None:
    """The peer's tables from Motet's own split, and which items are known (met in training).

    `choose.parquet` holds the cold targets among the validation rows, `vectors.npy` the vectors that Motet
    reads.
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


def write(runs: dict[str, list[Finished]], tables: Path, bonus: dict[str, Any]) -> None:
    """Claims, figures of both parts and reports into benchmarks/results/cold.json."""
    cold_Q = ~pl.read_parquet(tables / "test.parquet").sort("user")["known"].to_numpy()
    cold = {name: [run.of(cold_Q) for run in several] for name, several in runs.items()}
    warm = {name: [run.of(~cold_Q) for run in several] for name, several in runs.items()}
    seeds = range(len(runs["ready"]))

    def lost(metric: str, other: str) -> float:
        return 1 - figures(warm["ready"])[metric]["value"] / figures(warm[other])[metric]["value"]

    claims = [
        compared("beauty.cold.recall@10", "recall@10", cold["ready"], PEER, cold[PEER]),
        *margins("beauty.cold", "recall@10", cold["ready"], PEER, cold[PEER]),
        claim("beauty.warm.loss", lost("recall@10", "whole"), seeds=seeds, peer=("whole", 0.0)),
        claim("beauty.warm.ndcg_loss", lost("ndcg@10", "whole"), seeds=seeds, peer=("whole", 0.0)),
        claim("beauty.warm.crowding", lost("recall@10", "ready among trained"), seeds=seeds),
    ]
    details = {
        "bonus": bonus,
        "targets": {"cold": int(cold_Q.sum()), "warm": int((~cold_Q).sum())},
        "cold": {name: figures(cold[name]) for name in ("ready", "whole", PEER)},
        "warm": {name: figures(several) for name, several in warm.items()},
        "paired_warm": against(warm["ready"], warm["whole"], "recall@10"),
        "reports": {name: [run.report for run in runs[name]] for name in ("ready", "whole", PEER)},
    }
    record("cold", f"python -m benchmarks.cold DATA_FOLDER --seeds {len(seeds)}", claims, details)


if __name__ == "__main__":
    main()
