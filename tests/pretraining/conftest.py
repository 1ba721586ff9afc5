"""Texts to pretrain on, a tiny model to begin with, and settings that are quick."""

import hashlib
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from motet.config import Config
from motet.config.read import config_from_dict
from motet.training.loop import Loop
from tests.language.conftest import save_tiny_bert, write_modules

GOES_WITH = {"red": "shoe", "blue": "shampoo", "small": "dog", "long": "ears"}


def write_texts(folder: Path, texts: int = 240) -> None:
    """Items whose second word follows from the first, and a log in which such items follow each other."""
    random = np.random.default_rng(0)
    first = random.choice(list(GOES_WITH), texts)
    number = [f"{'very ' * (n % 3)}{word} {GOES_WITH[word]} in the rain" for n, word in enumerate(first)]
    title = [f"{text} {' '.join(random.choice(['and', 'a', 'with', 'who'], 4))}" for text in number]
    plot = [f"a {GOES_WITH[word]} for {word}" for word in first]
    table = pl.DataFrame({"id": [f"i{n}" for n in range(texts)], "title": title, "plot": plot, "word": first})
    table.write_csv(folder / "items.csv")
    rows = [(f"u{n // 8}", f"i{item}", n) for n, item in enumerate(np.argsort(first, kind="stable"))]
    pl.DataFrame(rows, schema=["user", "item", "at"], orient="row").write_csv(folder / "events.csv")


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    folder: Path = tmp_path_factory.mktemp("pretraining")
    save_tiny_bert(folder / "tiny")
    write_modules(folder / "tiny", "Transformer", "Pooling", "Normalize", pooling_mode_cls_token=True)
    write_texts(folder)
    return folder


def settings(place: Path, **pretraining: Any) -> Config:
    items = {"path": "items.csv", "id": "id", "text": ["title", "plot"]}
    events = {"path": "events.csv", "user": "user", "item": "item", "time": "at"}
    pretraining = {"epochs": 2, "learning_rate": 0.01, "held_out": 0.1} | pretraining
    return config_from_dict(
        {
            "data": {"items": items, "events": events},
            "model": {"language": {"name": str(place / "tiny"), "max_tokens": 24}},
            "pretraining": pretraining,
            "training": {"threads": 1, "precision": "fp32", "checkpoint_minutes": 0.0},
        }
    )


def weights(folder: Path) -> dict[str, str]:
    """Hash of every file of weights."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.safetensors")}


def stopping_after(steps: int) -> Callable[..., Any]:
    """Somebody who asks to stop after so many steps."""
    whole, done = Loop._one_step, iter(range(steps - 1))

    def step(loop: Loop, *arguments: Any) -> Any:
        found = whole(loop, *arguments)
        if next(done, None) is None:
            os.kill(os.getpid(), signal.SIGINT)
        return found

    return step
