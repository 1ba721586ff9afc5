"""Small made-up worlds: people act in sittings, few items are popular, titles are words."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl

from motet.config import Config
from motet.config.data import Column
from motet.data.infer import infer
from motet.data.readers import read_tables

START = 1_650_000_000
WORDS = (
    "red",
    "blue",
    "night",
    "river",
    "stone",
    "lost",
    "garden",
    "winter",
    "silent",
    "golden",
    "star",
    "city",
)
GENRES = ["Action", "Comedy", "Drama", "Horror", "Romance", "Sci-Fi", "War", "Western"]


def log(users: int = 120, items: int = 80, each: int = 25, seed: int = 0) -> pl.DataFrame:
    """Columns `u`, `i`, `t` (seconds), in the order of time; no pair comes twice."""
    rng = np.random.default_rng(seed)
    weight = 1 / np.arange(1, items + 1) ** 0.8
    names = rng.permutation(items) + 1
    rows = []
    for user in range(1, users + 1):
        count = int(np.clip(rng.poisson(each), 6, items // 2))
        chosen = rng.choice(items, count, replace=False, p=weight / weight.sum())
        sittings = np.sort(rng.uniform(0, 200 * 86_400, -(-count // 6)))
        times = START + np.repeat(sittings, 6)[:count] + np.tile(np.arange(6), -(-count // 6))[:count] * 40
        rows += [(user, int(names[item]), int(time)) for item, time in zip(chosen, times, strict=True)]
    return pl.DataFrame(rows, schema=["u", "i", "t"], orient="row").sort("t", "u", maintain_order=True)


def stars(events: pl.DataFrame, seed: int = 1) -> pl.Series:
    """A rating of 1 to 5 for each event, mostly high."""
    rng = np.random.default_rng(seed)
    return pl.Series("stars", rng.choice([1, 2, 3, 4, 5], events.height, p=[0.06, 0.11, 0.27, 0.34, 0.22]))


def flags(events: pl.DataFrame, share: float, name: str, seed: int = 2) -> pl.Series:
    """Zeros and ones."""
    return pl.Series(name, (np.random.default_rng(seed).random(events.height) < share).astype(int))


def seconds(events: pl.DataFrame, name: str, seed: int = 3) -> pl.Series:
    """A time spent: many small values, a long tail, some zeros."""
    rng = np.random.default_rng(seed)
    values = np.round(np.exp(rng.normal(8, 1.5, events.height))) * (rng.random(events.height) > 0.1)
    return pl.Series(name, values.astype(int))


def catalogue(items: int = 80, seed: int = 4) -> pl.DataFrame:
    """Columns `item`, `title`, `genres` (divided by |), `year`, `page` (an address)."""
    rng = np.random.default_rng(seed)
    titles = [" ".join(rng.choice(WORDS, 3, replace=False)).title() + f" {place}" for place in range(items)]
    genres = ["|".join(sorted(rng.choice(GENRES, rng.integers(1, 4), replace=False))) for _ in range(items)]
    return pl.DataFrame(
        {
            "item": range(1, items + 1),
            "title": titles,
            "genres": genres,
            "year": rng.integers(1930, 2000, items),
            "page": [f"http://films.example/{place}" for place in range(items)],
        }
    )


def people(users: int = 120, seed: int = 5) -> pl.DataFrame:
    """Columns `user`, `age`, `gender`, `job`, `zip`."""
    rng = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "user": range(1, users + 1),
            "age": rng.integers(15, 75, users),
            "gender": rng.choice(["F", "M"], users),
            "job": rng.choice(["artist", "doctor", "student", "writer", "other"], users),
            "zip": [f"{number:05d}" for number in rng.permutation(90_000)[:users]],
        }
    )


def iso(seconds_since: pl.Series) -> list[str]:
    """Times as ISO text."""
    return [
        datetime.fromtimestamp(each, UTC).strftime("%Y-%m-%d %H:%M:%S") for each in seconds_since.to_list()
    ]


def found(folder: Path) -> Config:
    """The configuration for all files of a folder, read as well."""
    inference = infer([folder], folder)
    read_tables(inference.config.data, folder).events.collect()
    return inference.config


def text(folder: Path) -> str:
    """The text of the configuration for all files of a folder."""
    return infer([folder], folder).text


def names(columns: list[Column] | None) -> list[str]:
    """Names of columns."""
    return [column.column for column in columns or []]


def write_ratings(folder: Path, words: dict[str, str], separator: str = ",", header: bool = True) -> None:
    """A rating log, a catalogue and a list of people, under other names where `words` says so."""

    def put(frame: pl.DataFrame, file: str) -> None:
        frame = frame.rename({name: words.get(name, name) for name in frame.columns})
        frame.write_csv(folder / words.get(file, file), separator=separator, include_header=header)

    events = log()
    put(events.with_columns(stars(events)).select("u", "i", "stars", "t"), "ratings.csv")
    put(catalogue(), "films.csv")
    put(people(), "people.csv")


def write_impressions(folder: Path, rename: bool = False) -> dict[str, str]:
    """A log of impressions with clicks, a time spent, a surface and functions of item, user and time."""
    rng = np.random.default_rng(7)
    events = log(150, 60, 24)
    length = np.round(np.exp(rng.normal(11, 0.7, 61))).astype(int)
    sitting = pl.struct("u", pl.col("t") // 3600).hash(seed=1) % 5
    frame = events.with_columns(
        flags(events, 0.4, "clicked"),
        flags(events, 0.12, "liked", 11),
        flags(events, 0.003, "reported", 12),
        seconds(events, "watched"),
        pl.Series("length", length[events["i"].to_numpy()]),
        (100 * ((pl.col("t") // 3600) % 24)).alias("hour"),
        pl.lit(0).alias("random"),
        sitting.alias("tab"),
        (pl.col("t") // 120 * 120_000 + pl.col("u") % 997).alias("t"),
    )
    twice = frame.filter(pl.int_range(pl.len()) % 4 == 0).with_columns(i=pl.col("i") % 60 + 1)
    twice = twice.with_columns(pl.Series("length", length[twice["i"].to_numpy()]))
    frame = pl.concat([frame, twice]).sort("t", maintain_order=True)
    back = {name: f"v{place}" if rename else name for place, name in enumerate(frame.columns)}
    frame.rename(back).write_csv(folder / "f.csv")
    return back


def shop(rows: int) -> pl.DataFrame:
    """Views, some followed by a cart and a purchase (`what`); `at` is the time as text, `visit` a sitting."""
    views = log(200, 100, 30)[:rows]
    step_N = np.random.default_rng(9).random(views.height)
    parts = [
        views.filter(pl.Series(step_N < share)).with_columns(pl.col("t") + after, pl.lit(act).alias("what"))
        for act, share, after in (("view", 1, 0), ("cart", 0.15, 10), ("purchase", 0.1, 20))
    ]
    events = pl.concat(parts).sort("t", "u", maintain_order=True)
    session = pl.format("s{}x{}", "u", (pl.col("t") - START) // 43_200)
    return events.with_columns(session.alias("visit"), pl.Series("at", iso(events["t"])))
