"""KuaiRand: five tasks on impressions, fitted up to 4 May and asked from 5 to 8 May: joint, twins and peers.

    python -m benchmarks.kuairand DATA_FOLDER [--seeds 3] [--threads 1] [--work FOLDER]

DATA_FOLDER holds `kuairand-pure-2w`. All sides answer the same distinct rows with a `rolling` history: a row
sees all that came strictly before it. All settings, epochs of ours and rounds of the trees included, are
chosen on 3 and 4 May after fitting the days before (ours with `data.split.column=split`); then all sides are
fitted on all days up to the 4th. Ours keeps the last epoch; one user in fifty only watches on that day, for
training wants rows to validate. Ours also reads what users watched before the log begins, as events of a type
of their own: `lightgbm` has hand-made features of the log alone, `lightgbm_history` of those watches too.
"""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.peers import worlds
from benchmarks.record import record
from benchmarks.rows import METRIC, TEST, Answers, Contest, Kind, claims_of, run_ours, run_theirs, run_twins

CONFIG = Path(__file__).parent / "configs" / "kuairand.yaml"
TASKS: dict[str, Kind] = {
    "click": "binary",
    "long_view": "binary",
    "like": "binary",
    "profile_enter": "binary",
    "watch": "regression",
}
LAST_DAY = 1651593600000  # 4 May, 00:00 in Beijing, unix ms
WATCHING = 50  # of so many users one only watches on the last day


def write_tables(data: Path, tables: Path) -> None:
    """The peers' tables, with the parts of ours, and the earlier watches."""
    tables.mkdir(parents=True, exist_ok=True)
    worlds.kuairand(data, tables)
    events = pl.read_parquet(tables / "events.parquet")
    watching = (pl.col("time") >= LAST_DAY) & (pl.col("split") == 1) & (pl.col("user") % WATCHING == 0)
    part = pl.when(pl.col("split") == TEST).then(2).otherwise(watching.cast(pl.Int64))
    events.with_columns(part=part).write_parquet(tables / "events.parquet")
    write_history(data, tables)


def write_history(data: Path, tables: Path) -> None:
    """What users watched before the log begins, as events: what of it they watched long, what they liked."""
    path = data / "kuairand-pure-2w" / "user_history_before_4_25.tsv.gz"
    lists = ["watch_seq", "long_watch_seq", "like_seq"]
    raw = pl.read_csv(path, separator="\t", infer_schema=False)
    items = [pl.col(name).fill_null("").str.extract_all(r"\d+").cast(pl.List(pl.Int64)) for name in lists]
    rows = raw.select(pl.col("user_id", "last_time_ms").cast(pl.Int64), *items)
    rows = rows.with_columns(order=pl.int_ranges(pl.col("watch_seq").list.len()))
    rows.explode("watch_seq", "order").drop_nulls("watch_seq").select(
        user="user_id",
        item="watch_seq",
        time="last_time_ms",
        order="order",
        part=pl.lit(0),
        split=pl.lit(0, pl.Int8),
        long_view=pl.col("watch_seq").is_in(pl.col("long_watch_seq")).cast(pl.Int64),
        like=pl.col("watch_seq").is_in(pl.col("like_seq")).cast(pl.Int64),
    ).write_parquet(tables / "history.parquet")


def with_history(tables: Path, out: Path) -> Path:
    """The peers' tables with the earlier watches below the log: they are counted, never learned or asked."""
    out.mkdir(parents=True, exist_ok=True)
    events = pl.read_parquet(tables / "events.parquet")
    history = pl.read_parquet(tables / "history.parquet").select(
        "user", "item", "time", pl.lit(-1, pl.Int8).alias("split"), past_long="long_view", past_like="like"
    )
    pl.concat([events, history], how="diagonal").write_parquet(out / "events.parquet")
    for name in ("items", "users"):
        pl.read_parquet(tables / f"{name}.parquet").write_parquet(out / f"{name}.parquet")
    return out


def main() -> None:
    """Run everything and write benchmarks/results/kuairand.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--work", type=Path, default=Path("benchmarks/scratch/kuairand"))
    given = parser.parse_args()
    tables = given.work / "tables"
    write_tables(given.data, tables)
    config = given.work / "kuairand.yaml"
    config.write_text(CONFIG.read_text().replace("TABLES", str(tables.resolve())))
    contest = Contest("kuairand", tables, given.work, config, TASKS, seeds=given.seeds, threads=given.threads)
    more = given.work / "with_history"
    knowing = replace(contest, data="kuairand_history", tables=with_history(tables, more), work=more)
    ours, twins = run_ours(contest), run_twins(contest)
    peers = {"lightgbm": run_theirs(contest, "trees"), "lightgbm_history": run_theirs(knowing, "trees")}
    write(contest, ours, twins, peers)


def write(contest: Contest, ours: Answers, twins: Answers, peers: dict[str, Answers]) -> None:
    """Claims, every trial and every curve into benchmarks/results/kuairand.json."""
    claims: list[dict[str, Any]] = []
    for task, kind in contest.tasks.items():
        rivals = {name: answers.records["rolling", task] for name, answers in peers.items()}
        mine, twin = ours.records["rolling", task], twins.records["rolling", task]
        claims += claims_of(f"kuairand.{task}", METRIC[kind], mine, rivals, twin)
    details = {
        "ours": ours.reports,
        "twins": twins.reports,
        "peers": {name: answers.reports for name, answers in peers.items()},
    }
    for each in claims:
        print(f"{each['name']}: {each['value']:.4f} ({each['low']:.4f} to {each['high']:.4f})")
    record("kuairand", f"python -m benchmarks.kuairand DATA_FOLDER --seeds {contest.seeds}", claims, details)


if __name__ == "__main__":
    main()
