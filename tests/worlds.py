"""Tiny worlds made of polars frames: a catalogue, users and a log with everything in it, and configurations.

A day of a user goes like this: a request shows three items at one time; one may be clicked (a row of its own,
with the id of the request or without), and later rated. Every row has outcomes and a surface.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from motet.config import Config
from motet.config.read import config_from_dict
from motet.data.readers import tables_from_frames
from motet.data.table import Tables

SECOND, HOUR, DAY = 1_000, 3_600_000, 86_400_000
BEGIN = 1_704_067_200_000  # 2024-01-01, unix ms
DAYS = 8
VALID_DAY, TEST_DAY = 4, 6  # days on which validation and test begin
GENRES, CITIES, SURFACES = ("comedy", "drama", "noir", "war"), ("Basel", "Chur", "Genf"), ("feed", "search")


@dataclass(frozen=True)
class World:
    """The three tables as a reader would find them."""

    items: pl.DataFrame
    users: pl.DataFrame
    events: pl.DataFrame


def iso_day(day: int) -> str:
    """The beginning of a day of the world, as a configuration writes it."""
    return f"2024-01-{1 + day:02d}"


def tiny_world(seed: int = 0, users: int = 8, items: int = 14, *, ties: bool = True) -> World:
    """About a dozen events a user over eight days.

    Args:
        seed: Of everything that is drawn.
        users: How many.
        items: How many; the last two are shown on the last days alone.
        ties: Whether the items of a request have one time; otherwise no two times of the log are equal.
    """
    random = np.random.default_rng(seed)
    rows = [row for user in range(users) for row in _timeline(random, user, items)]
    events = pl.DataFrame(rows, schema=_SCHEMA, orient="row")
    events = events.with_columns(dwell=pl.Series(_distinct(random, events.height)))
    if not ties:
        step = pl.int_range(pl.len()).shuffle(seed) * 2  # ms, far less than what lies between two requests
        events = events.with_columns(at=pl.col("at") + step, ask=pl.lit(None, pl.String))
    return World(
        _items(random, items), _users(random, users), events.sample(fraction=1, shuffle=True, seed=seed)
    )


_SCHEMA = {
    "who": pl.Int64,
    "what": pl.Int64,
    "did": pl.String,
    "at": pl.Int64,
    "ask": pl.String,
    "surface": pl.String,
    "clicked": pl.Int64,
    "stars": pl.Float64,
    "part": pl.String,
}


def _timeline(random: np.random.Generator, user: int, items: int) -> list[tuple[Any, ...]]:
    """Events of a user: who, what, did, at, ask, surface, clicked, stars, part."""
    rows: list[tuple[Any, ...]] = []
    for day in sorted(random.choice(DAYS, 4, replace=False)):
        known = items if day >= TEST_DAY else items - 2
        shown = 100 + random.choice(known, 3, replace=False)
        at = int(BEGIN + day * DAY + random.integers(0, 20) * HOUR)
        ask, surface = f"ask-{user}-{day}", str(random.choice(SURFACES))
        part = "train" if day < VALID_DAY else "valid" if day < TEST_DAY else "test"
        chosen = int(random.integers(0, 4))  # 3: none
        for place, item in enumerate(shown):
            clicked = int(place == chosen)
            rows.append((user, int(item), "impression", at, ask, surface, clicked, None, part))
        if chosen < 3:
            item, same = int(shown[chosen]), ask if random.random() < 0.3 else None
            rows.append((user, item, "click", at + 30 * SECOND, same, surface, None, None, part))
            stars = float(random.integers(1, 6))
            rows.append((user, item, "rate", at + 2 * HOUR, None, surface, None, stars, part))
    return rows


def _distinct(random: np.random.Generator, rows: int) -> np.ndarray:
    """Numbers that no two rows share, so that no row repeats another."""
    return np.round(random.gamma(2.0, 30.0, rows), 3) + np.arange(rows) / 1e6


def _items(random: np.random.Generator, items: int) -> pl.DataFrame:
    genres = ["|".join(random.choice(GENRES, random.integers(1, 3), replace=False)) for _ in range(items)]
    return pl.DataFrame(
        {
            "id": np.arange(100, 100 + items),
            "title": [f"the {genre.split('|')[0]} number {number}" for number, genre in enumerate(genres)],
            "genres": genres,
            "maker": random.choice(["ann", "bob", "cyd"], items),
            "price": np.round(random.gamma(2.0, 5.0, items), 2),
            "released": BEGIN - random.integers(0, 300, items) * DAY,
        }
    )


def _users(random: np.random.Generator, users: int) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "id": np.arange(users),
            "city": random.choice(CITIES, users),
            "age": random.integers(18, 80, users).astype(float),
        }
    )


def with_other_answers(events: pl.DataFrame, part: str, items: int) -> pl.DataFrame:
    """The log of a tiny world with other labels, and other items that are chosen, in the rows of a part."""
    there = pl.col("part") == part
    chosen = there & pl.col("did").is_in(["click", "rate"])
    return events.with_columns(
        what=pl.when(chosen).then(100 + (pl.col("what") - 95) % items).otherwise("what"),
        clicked=pl.when(there).then(1 - pl.col("clicked")).otherwise("clicked"),
        stars=pl.when(there).then(6 - pl.col("stars")).otherwise("stars"),
    )


def tiny_settings(**changes: Any) -> dict[str, Any]:
    """The configuration of a tiny world as plain values; `changes` are paths such as ``data__split``."""
    settings: dict[str, Any] = {
        "name": "tiny",
        "data": {
            "items": {
                "path": "items", "id": "id", "text": ["title"], "numeric": ["price"], "time": "released",
                "categorical": [{"column": "genres", "separator": "|"}, {"column": "maker", "count": True}],
            },
            "users": {"path": "users", "id": "id", "categorical": ["city"], "numeric": ["age"]},
            "events": {
                "path": "events", "user": "who", "item": "what", "type": "did", "time": "at",
                "request": "ask", "value": "stars",
                "context": [{"column": "surface", "count": True}],
                "outcomes": ["clicked", "dwell"],
            },
            "split": {"kind": "time", "valid": iso_day(VALID_DAY), "test": iso_day(TEST_DAY)},
            "counters": {"enabled": True, "half_lives": ["1d"], "smoothing": 2.0},
            "repeats": True,
        },
        "tasks": [
            {"name": "next", "kind": "next_item", "positive": ["click", "rate"]},
            {"name": "click", "kind": "binary", "label": "clicked", "types": ["impression"]},
            {"name": "stars", "kind": "regression", "label": "stars", "types": ["rate"]},
        ],
        "model": {
            "language": "none",
            "timeline": {"kind": "transformer", "layers": 2, "width": 16, "heads": 2, "length": 8},
            "sharing": {"layers": [16]},
            "target_attention": True,
        },
        "training": {"epochs": 1, "batch_size": 4, "threads": 1, "precision": "fp32", "warmup": 2},
        "evaluation": {"bootstrap": 5, "k": [1, 3]},
        "report": {"twins": "none", "baselines": ["popularity"], "ablations": []},
    }  # fmt: skip
    for path, value in changes.items():
        place, names = settings, path.split("__")
        for name in names[:-1]:
            place = place[name]
        place[names[-1]] = value
    return settings


def tiny_config(**changes: Any) -> Config:
    """The configuration of a tiny world, with changes such as ``model__timeline__kind="hstu"``."""
    return config_from_dict(tiny_settings(**changes))


def tiny_tables(world: World, config: Config, extra: Sequence[str] = ()) -> Tables:
    """The tables as a run reads them; `extra` are columns that splits of tasks read."""
    return tables_from_frames(config.data, world.items, world.users, world.events, extra=extra)
