"""Public data sets as the plain tables that peers read: `python -m benchmarks.peers.worlds NAME DATA OUT`.

Used to try the peers alone. Where Motet is compared with them, both get the same tables from the same split.
"""

import argparse
from pathlib import Path

import numpy as np
import polars as pl


def mixed(values: np.ndarray, seed: int) -> np.ndarray:
    """A seeded hash of whole numbers (splitmix64): ties must follow neither ids nor places in a file."""
    with np.errstate(over="ignore"):
        z = values.astype(np.uint64) + np.uint64(seed + 1) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def leave_one_out(rows: pl.DataFrame, out: Path) -> None:
    """Write train, valid, queries and the held-out test of rows (user, item) that lie in order."""
    place = pl.int_range(pl.len()).over("user")
    left = pl.len().over("user") - place
    rows = rows.with_columns(order=pl.int_range(pl.len(), dtype=pl.Int64), left=left)
    rows.filter(pl.col("left") > 2).drop("left").write_parquet(out / "train.parquet")
    rows.filter(pl.col("left") == 2).drop("left").write_parquet(out / "valid.parquet")
    test = rows.filter(pl.col("left") == 1).drop("left")
    test.write_parquet(out / "test.parquet")
    test.select("user").write_parquet(out / "queries.parquet")


def _movies(data: Path) -> pl.DataFrame:
    rows = pl.read_csv(data / "ml-100k" / "ml-100k.inter", separator="\t")
    return rows.rename({name: name.split(":")[0] for name in rows.columns})


def ml100k(data: Path, out: Path, seed: int = 0) -> None:
    """MovieLens 100K, leave-one-out: by user, time, then a seeded hash."""
    rows = _movies(data)
    tie = pl.Series("tie", mixed(rows["item_id"].to_numpy(), seed))
    rows = rows.with_columns(tie).sort("user_id", "timestamp", "tie")
    leave_one_out(rows.select(user=pl.col("user_id") - 1, item=pl.col("item_id") - 1), out)


def ml100k_texts(data: Path) -> list[str]:
    """Title, year, genres and plot of each film, by item number."""
    items = pl.read_csv(data / "ml-100k" / "ml-100k.item", separator="\t", infer_schema=False)
    items = items.rename({name: name.split(":")[0] for name in items.columns})
    items = items.with_columns(pl.col("item_id").cast(pl.Int64))
    more = pl.read_ndjson(data / "ml-100k" / "item_metadata.jsonl.gz", infer_schema_length=None)
    items = items.join(more.select("item_id", "plot"), on="item_id", how="left").sort("item_id")
    parts = ["movie_title", "release_year", "class", "plot"]
    return items.select(pl.concat_str(parts, separator=". ", ignore_nulls=True)).to_series().to_list()


def beauty(data: Path, out: Path) -> None:
    """Amazon Beauty, leave-one-out in the order of the file."""
    path = data / "amazon-beauty-2014" / "sequences.txt.gz"
    lines = pl.read_csv(path, separator="\n", has_header=False, infer_schema=False).to_series()
    numbers = lines.str.split(" ").cast(pl.List(pl.Int64))
    rows = pl.DataFrame({"user": numbers.list.first() - 1, "item": numbers.list.slice(1)}).explode("item")
    leave_one_out(rows, out)


def microlens(data: Path, out: Path) -> None:
    """MicroLens 50K in its given split: several test items a user, in order."""
    path = data / "microlens-50k-text" / "interactions.tsv.gz"
    rows = pl.read_csv(path, separator="\t").with_columns(
        item=pl.col("item_ids").cast(pl.String).str.split(" ").cast(pl.List(pl.Int64))
    )
    rows = rows.select(pl.col("user_id").alias("user"), "split", "item").explode("item")
    for part in ("train", "valid", "test"):
        chosen = rows.filter(pl.col("split") == part).drop("split")
        chosen = chosen.with_columns(order=pl.int_range(pl.len(), dtype=pl.Int64))
        chosen.write_parquet(out / f"{part}.parquet")
    pl.read_parquet(out / "test.parquet").select("user").unique().write_parquet(out / "queries.parquet")


def ml100k_rows(data: Path, out: Path) -> None:
    """MovieLens 100K as rows, global time split 80/10/10; rows of equal time never straddle a cut."""
    rows = _movies(data)
    time = rows["timestamp"].sort()
    first, second = time[int(0.8 * len(time))], time[int(0.9 * len(time))]
    split = (pl.col("timestamp") >= first).cast(pl.Int8) + (pl.col("timestamp") >= second).cast(pl.Int8)
    events = rows.select(
        user="user_id", item="item_id", time=pl.col("timestamp") * 1000, split=split, rating=pl.col("rating")
    )
    events = events.with_columns(like=(pl.col("rating") >= 4).cast(pl.Int8)).sort("time", "user", "item")
    events.write_parquet(out / "events.parquet")
    items = pl.read_csv(data / "ml-100k" / "ml-100k.item", separator="\t", infer_schema=False)
    items = items.rename({name: name.split(":")[0] for name in items.columns})
    items.select(
        item=pl.col("item_id").cast(pl.Int64),
        year=pl.col("release_year").cast(pl.Float64, strict=False),
        genre=pl.col("class").str.split(" "),
    ).write_parquet(out / "items.parquet")
    users = pl.read_csv(data / "ml-100k" / "ml-100k.user", separator="\t")
    users = users.rename({name: name.split(":")[0] for name in users.columns}).rename({"user_id": "user"})
    users.select("user", "age", "gender", "occupation").write_parquet(out / "users.parquet")


def kuairand(data: Path, out: Path) -> None:
    """KuaiRand: distinct rows, fit to 4 May (3 and 4 May validate), test 5 to 8 May by the log's date."""
    folder = data / "kuairand-pure-2w"
    rows = pl.read_csv(folder / "log_standard_4_25_to_5_08.csv.gz").unique(maintain_order=True)
    split = (pl.col("date") >= 20220503).cast(pl.Int8) + (pl.col("date") >= 20220505).cast(pl.Int8)
    outcomes = ["long_view", "is_follow", "is_comment", "is_forward", "is_hate"]
    watched = pl.col("play_time_ms") / 1000
    length = pl.col("duration_ms") / 1000
    rows.select(
        pl.col("is_click").alias("click"),
        pl.col("is_like").alias("like"),
        pl.col("is_profile_enter").alias("profile_enter"),
        *outcomes,
        user="user_id",
        item="video_id",
        time="time_ms",
        split=split,
        watch=watched.log1p(),
        watch_ratio=pl.when(length > 0).then((watched / length).clip(0, 3)),
        duration=length,
        tab=pl.col("tab"),
    ).sort("time", "user", "item").write_parquet(out / "events.parquet")
    videos = pl.read_csv(folder / "video_features_basic_pure.csv.gz").rename({"video_id": "item"})
    uploaded = pl.col("upload_dt").str.to_datetime("%Y-%m-%d", time_unit="ms").cast(pl.Int64)
    videos.with_columns(tag=pl.col("tag").str.split(","), item_time=uploaded).drop("upload_dt").write_parquet(
        out / "items.parquet"
    )
    users = pl.read_csv(folder / "user_features_pure.csv.gz").rename({"user_id": "user"})
    users.write_parquet(out / "users.parquet")


WORLDS = {
    "ml100k": ml100k,
    "beauty": beauty,
    "microlens": microlens,
    "ml100k_rows": ml100k_rows,
    "kuairand": kuairand,
}


def main() -> None:
    """Write one world."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=sorted(WORLDS))
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    WORLDS[given.name](given.data, given.out)


if __name__ == "__main__":
    main()
