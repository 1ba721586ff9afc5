"""Text tasks in the care of the guard: one file of texts that several tasks read, and models of it."""

import functools
import json
from pathlib import Path
from typing import Any

import numpy as np

from motet.config.read import config_from_dict
from motet.data.timelines import VALID
from motet.evaluation.records import Predictions
from motet.gather import Material, gather
from motet.guard import Hopeless, hopes
from motet.judge import examiner_of, variants
from motet.training.fit import Hooks, Start, Trained, fit
from motet.training.loop import Look
from tests.language.conftest import WORDS, save_tiny_bert
from tests.trained import run_settings, world_folder

ASKED = ["red", "dog"]  # words that stand in every text
WITH_EVENTS = ("next", "click", "order", "seen")


@functools.cache
def folder() -> Path:
    """Texts, in which order two words stand, and which of two others is there."""
    place = world_folder() / "guarded-texts"
    save_tiny_bert(place / "bert")
    write_texts(place / "few.jsonl", 80)
    write_texts(place / "many.jsonl", 400)
    return place


def write_texts(path: Path, count: int) -> None:
    random, rows = np.random.default_rng(0), []
    filling = [each for each in WORDS if each not in (*ASKED, "hair", "rain")]
    for _ in range(count):
        seen = str(random.choice(["hair", "rain"]))
        words = [str(each) for each in random.permutation([*ASKED, seen, *random.choice(filling, 3)])]
        first = words.index("red") < words.index("dog")
        rows.append({
            "text": " ".join(words), "order": "red" if first else "dog", "seen": seen,
            "same": "left" if first else "right",
            "answer": f"the {seen}", "tags": " ".join("B-Dog" if word == "dog" else "O" for word in words),
        })  # fmt: skip
    path.write_text("\n".join(map(json.dumps, rows)), "utf8")


def settings(*tasks: str, tuning: str = "full", file: str = "few", **training: Any) -> dict[str, Any]:
    """Of a run of these tasks; those that read a column of the texts are named like it."""
    texts = {"path": str(folder() / f"{file}.jsonl"), "text": "text"}
    known = {
        "next": {"name": "next", "kind": "next_item", "positive": ["click", "rate"]},
        "click": {"name": "click", "kind": "binary", "label": "clicked", "types": ["impression"]},
        "find": {"name": "find", "kind": "retrieval", "label": "answer", "texts": texts, "hand_over": 0.5},
        "dogs": {"name": "dogs", "kind": "tagging", "label": "tags", "texts": texts},
    }
    plain = {"kind": "multiclass", "texts": texts}
    asked = [known.get(name, plain | {"name": name, "label": name}) for name in tasks]
    language: dict[str, Any] = {"name": str(folder() / "bert"), "tuning": tuning}
    language |= {} if tuning == "frozen" else {"learning_rate": 0.003}
    training = {"epochs": 1, "patience": 8, "learning_rate": 0.01, "text_batch_size": 16} | training
    report = {"twins": "all", "ablations": [], "baselines": ["popularity"]}
    if "next" not in tasks:
        return {
            "tasks": asked, "model": {"language": language}, "training": training | {"threads": 1},
            "evaluation": {"bootstrap": 100}, "report": report,
        }  # fmt: skip
    found = run_settings(tasks=asked, model__language=language | ({"items": 4} if tuning != "frozen" else {}))
    found["training"] |= training
    found["report"] = report
    for kind in ("items", "users", "events"):
        found["data"][kind]["path"] = str(world_folder() / f"{kind}.csv")
    return found


@functools.cache
def gathered(tasks: tuple[str, ...], tuning: str) -> Material:
    return gather(config_from_dict(settings(*tasks, tuning=tuning)), Path())


def fitter(of: Material) -> Any:
    """Trains one model of a material."""

    def fit_one(
        name: str, config: Any, start: Start | None, look: Look | None = None, hopeless: Hopeless = hopes
    ) -> Trained:
        examiner = examiner_of(of, config, of.prepared)
        hooks = Hooks(start=start, look=look, hopeless=hopeless)
        found = fit(config, of.prepared, examiner.validate, lambda record: None, name, hooks=hooks)
        examiner.fit_afterwards(found.model)
        return found

    return fit_one


@functools.cache
def models(tasks: tuple[str, ...], tuning: str) -> dict[str, Trained]:
    of = gathered(tasks, tuning)
    return {name: fitter(of)(name, config, None) for name, (config, _) in variants(of).items()}


def said_of(of: Material, trained: Trained, tasks: list[str]) -> dict[str, np.ndarray]:
    """What a model says of the validation texts of some tasks: predictions, ranks or spans."""
    chosen = [task for task in of.config.tasks if task.name in tasks]
    config = of.config.model_copy(update={"tasks": chosen})
    found = examiner_of(of, config, of.prepared).examine(trained.model, VALID, lists=False)
    return {name: _array(record) for name, record in found.items()}


def _array(record: Predictions) -> np.ndarray:
    for name in ("prediction_N", "rank_T"):
        if hasattr(record, name):
            return np.asarray(getattr(record, name))
    return np.array([str(each) for each in vars(record).values()])
