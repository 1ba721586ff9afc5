"""A world with known truth, as tables: three kinds of items, shared or private interests, tasks in conflict.

    make(Knobs(shared=0.5, conflict=0.25))              # tables in memory, and the truth
    write(Path("world"), Knobs(), seed=3)               # files, with a configuration to train on

How it is made, in formulae: `motet.data.synthetic_truth`. Shapes as there.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from motet.config.read import config_from_dict, write_config
from motet.data.synthetic_truth import (
    KINDS,
    MOST,
    TASKS,
    Bools,
    Floats,
    Ints,
    Knobs,
    interests,
    kinds,
    part_of_view,
    probability,
    scores,
    views,
)
from motet.system.files import atomic_folder
from motet.system.randomness import generator

TOPICS = (
    "garden flower seed spade lawn hedge pond rose",
    "kitchen pan oven bread spice knife soup plate",
    "football goal match league coach stadium cup team",
    "guitar song piano concert melody drum choir violin",
    "travel hotel beach island flight luggage map tour",
    "bank loan stock interest market tax budget coin",
    "doctor health sleep vitamin pulse clinic diet rest",
    "computer screen keyboard cable printer laptop server code",
    "novel poem chapter author library letter page story",
    "dress shoe jacket silk button scarf wool fashion",
    "engine wheel brake road garage fuel truck tyre",
    "dog cat horse bird fish rabbit zoo paw",
    "paint canvas museum brush sculpture gallery frame sketch",
    "star planet rocket moon orbit comet telescope galaxy",
)
WORDS = 8  # of an item's text, half of them about what clicks follow
PARTS = ("train", "valid", "test")
START, STEP = 1_704_067_200, 3600  # unix seconds of 2024-01-01; mean seconds between two events
USUAL = Knobs()


@dataclass(frozen=True)
class World:
    """Tables as a reader would find them, and the truth behind them.

    Args:
        items: `item_id`, `kind`, `title`.
        users: `user_id`, `favourite` (the topic that interests them most, in products).
        events: `user_id`, `item_id`, `time` (unix seconds), `did` (``view_KIND``), `clicked`, `liked` (null
            where nobody knows) and `part`.
        item_TIK: Vectors of the items, those behind ``x`` and those behind ``x'``.
        interest_TUCK: Interests of users in each kind, likewise.
        score_TUI: Scores of every user and item in each task, of variance 1.
        probability_TN: Of a click and of a like, for every event.
        newcomer_U: Users who saw articles alone before their test rows.
    """

    items: pl.DataFrame
    users: pl.DataFrame
    events: pl.DataFrame
    item_TIK: Floats
    interest_TUCK: Floats
    score_TUI: Floats
    probability_TN: Floats
    newcomer_U: Bools


def make(knobs: Knobs = USUAL, seed: int = 0) -> World:
    """Make a world; the same knobs and seed make the same one."""
    size = (len(TASKS), len(KINDS) * knobs.items, knobs.dimension)
    item_TIK = generator(seed, "world items").normal(size=size)
    interest_TUCK = interests(knobs, seed)
    score_TUI = scores(knobs, seed, item_TIK, interest_TUCK)
    newcomer_U = generator(seed, "world newcomers").random(knobs.users) < knobs.newcomers
    kind_N = kinds(knobs, seed, newcomer_U)
    user_N = np.repeat(np.arange(knobs.users), knobs.events)
    item_N = kind_N * knobs.items + views(knobs, seed, kind_N, score_TUI[0])
    probability_TN = probability(score_TUI[:, user_N, item_N], knobs)
    events = _events(knobs, seed, (user_N, item_N, kind_N), probability_TN)
    favourite = interest_TUCK[0, :, 0].argmax(1)
    topics = [TOPICS[topic].split()[0] for topic in favourite]
    users = pl.DataFrame({"user_id": np.arange(knobs.users), "favourite": topics})
    return World(
        _items(knobs, seed, item_TIK),
        users,
        events,
        item_TIK,
        interest_TUCK,
        score_TUI,
        probability_TN,
        newcomer_U,
    )


def settings(**parts: Any) -> dict[str, Any]:
    """A small configuration for the tables of a world, as plain values, with these parts in place of its own.

    Words count as categories, so that items of all kinds are known by them without a language model.

    >>> [task["name"] for task in settings()["tasks"]]
    ['click', 'like', 'next_product']
    """
    seen = {"path": "events.parquet", "user": "user_id", "item": "item_id", "time": "time", "type": "did",
             "outcomes": ["clicked", "liked"]}  # fmt: skip
    whole: dict[str, Any] = {
        "name": "world",
        "data": {
            "items": {"path": "items.parquet", "id": "item_id", "kind": "kind", "text": ["title"],
 "categorical": [{"column": "title", "separator": " "}]},
            "users": {"path": "users.parquet", "id": "user_id", "categorical": ["favourite"]},
            "events": seen,
            "split": {"kind": "column", "column": "part"},
        },
        "tasks": [
            {"name": "click", "kind": "binary", "label": "clicked == 1"},
            {"name": "like", "kind": "binary", "label": "liked == 1"},
            {"name": "next_product", "kind": "next_item", "items": "product", "positive": "clicked == 1"},
        ],
        "model": {
            "language": "none", "timeline": {"width": 32, "layers": 1}, "sharing": {"layers": [32]},
            "fold_in": 8,
        },
        "training": {"epochs": 20, "batch_size": 32, "learning_rate": 0.01},
    }  # fmt: skip
    return whole | parts


def write(folder: Path, knobs: Knobs = USUAL, seed: int = 0) -> World:
    """Write a world as Parquet files with a configuration, `motet.yaml`; the truth goes into `truth.parquet`.

    Args:
        folder: Where to; it must not exist yet.
        knobs: How the world is made.
        seed: Of everything that is drawn.

    Raises:
        ArtifactError: The folder exists.
    """
    world = make(knobs, seed)
    with atomic_folder(folder) as place:
        for name in ("items", "users", "events"):
            getattr(world, name).write_parquet(place / f"{name}.parquet")
        keys = world.events.select("user_id", "item_id", "time")
        truth = {task: world.probability_TN[number] for number, task in enumerate(TASKS)}
        keys.with_columns(**truth).write_parquet(place / "truth.parquet")
        write_config(config_from_dict(settings()), place / "motet.yaml")
    return world


def _events(knobs: Knobs, seed: int, seen: tuple[Ints, Ints, Ints], probability_TN: Floats) -> pl.DataFrame:
    user_N, item_N, kind_N = seen
    random = generator(seed, "world outcomes")
    done_TN = (random.random(probability_TN.shape) < probability_TN).astype(np.int64)
    known_N = random.random(len(user_N)) < knobs.rated
    step_UE = random.integers(1, 2 * STEP, (knobs.users, knobs.events))
    return pl.DataFrame(
        {
            "user_id": user_N,
            "item_id": item_N,
            "time": START + np.cumsum(step_UE, 1).ravel(),
            "did": np.array([f"view_{kind}" for kind in KINDS])[kind_N],
            "clicked": done_TN[0],
            "liked": pl.select(pl.when(pl.Series(known_N)).then(pl.Series(done_TN[1]))).to_series(),
            "part": np.tile(np.array(PARTS)[part_of_view(knobs.events)], knobs.users),
        }
    )


def _items(knobs: Knobs, seed: int, item_TIK: Floats) -> pl.DataFrame:
    """Items with a text, half of whose words are of topics of ``v``, the others of those of ``v'``."""
    random = generator(seed, "world words")
    words = np.array([topic.split() for topic in TOPICS])
    halves = []
    for task, item_IK in enumerate(item_TIK):
        share_IK = np.exp(2 * item_IK)
        share_IK /= share_IK.sum(1, keepdims=True)
        draw_IW = random.random((len(item_IK), WORDS // len(TASKS)))
        topic_IW = (draw_IW[..., None] > np.cumsum(share_IK, 1)[:, None, :-1]).sum(-1) + task * MOST
        halves.append(words[topic_IW, random.integers(words.shape[1], size=topic_IW.shape)])
    return pl.DataFrame(
        {
            "item_id": np.arange(item_TIK.shape[1]),
            "kind": np.repeat(KINDS, knobs.items),
            "title": [" ".join(row) for row in np.concatenate(halves, 1)],
        }
    )
