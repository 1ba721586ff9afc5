"""The worlds of `benchmarks.world`, and what is trained on each: tasks, widths, how they share."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from motet.config.read import config_from_dict
from motet.data.readers import tables_from_frames
from motet.data.synthetic import World, make, settings
from motet.data.synthetic_truth import Knobs
from motet.gather import Material, gather

SHARING: dict[str, dict[str, Any]] = {
    "shared_bottom": {}, "mmoe": {"kind": "mmoe", "experts": 2}, "cgc": {"kind": "cgc", "experts": 2},
    "ple": {"kind": "ple", "experts": 2}, "cross_stitch": {"kind": "cross_stitch"},
    "own_ids": {"own_ids": True}, "adapter": {"adapter": 8},
}  # fmt: skip
CLICK_AND_LIKE = settings()["tasks"][:2]
BUY_AND_READ = [
    {"name": name, "kind": "binary", "label": "clicked == 1", "types": [f"view_{kind}"]}
    for name, kind in (("buy", "product"), ("read", "article"))
]
NEXT = [
    {"name": f"next_{kind}", "kind": "next_item", "items": kind, "positive": "clicked == 1"}
    for kind in ("product", "article")
]


@dataclass(frozen=True)
class Case:
    """One kind of world and what is trained on it; `parts` are laid over the configuration."""

    knobs: Knobs
    tasks: list[dict[str, Any]]
    width: int
    words: bool = True  # whether items are known by their words too, or by their ids alone
    sharing: dict[str, Any] = field(default_factory=dict)
    parts: dict[str, dict[str, Any]] = field(default_factory=dict)

    def configuration(self, seed: int) -> dict[str, Any]:
        """As plain values."""
        data = settings()["data"]
        items = {name: value for name, value in data["items"].items() if name != "text"}
        if not self.words:
            del items["categorical"]
        found: dict[str, Any] = {
            "name": "world",
            "data": {"items": items, "events": data["events"], "split": data["split"],
                     "counters": {"enabled": False}},
            "tasks": self.tasks,
            "model": {
                "language": "none", "item": {"neighbours": 0, "id_dropout": 0.0}, "fold_in": 6,
                "timeline": {"width": self.width, "layers": 1, "dropout": 0.0, "bias": "none"},
                "sharing": {"layers": [self.width], "dropout": 0.0} | self.sharing,
            },
            "training": {"epochs": 12, "patience": 12, "batch_size": 32,
                         "learning_rate": 0.01, "warmup": 20,
                         "precision": "fp32", "threads": 1, "seed": seed},
            "report": {"twins": "all", "baselines": [], "ablations": []},
        }  # fmt: skip
        return found | {name: found.get(name, {}) | part for name, part in self.parts.items()}

    def told(self) -> dict[str, Any]:
        """What a reader may ask for: the knobs of the world and the configuration."""
        return {"knobs": asdict(self.knobs), "configuration": self.configuration(0)}

    def open(self, seed: int) -> tuple[World, Material]:
        """The world of a seed, and everything that its models read."""
        world, config = make(self.knobs, seed), config_from_dict(self.configuration(seed))
        tables = tables_from_frames(config.data, items=world.items, events=world.events)
        return world, gather(config, Path(), tables)


def narrow(kind: str, conflict: float) -> Case:
    """Click and like in a model that is too narrow for two tasks with nothing in common."""
    knobs = Knobs(users=200, items=30, conflict=conflict, rated=0.4)
    return Case(knobs, CLICK_AND_LIKE, 8, words=False, sharing=SHARING[kind])


def two_kinds(shared: float) -> Case:
    """Few clicks on products, many on articles."""
    return Case(Knobs(users=200, items=30, shared=shared, mix=(0.15, 0.85, 0.0)), BUY_AND_READ, 16)


def newcomers(shared: float) -> Case:
    """What comes next; three in ten users are new to products when they are tested."""
    knobs = Knobs(
        users=300, items=60, shared=shared, popularity=0.5, aim=2.0, mix=(0.5, 0.5, 0.0), newcomers=0.3
    )
    parts: dict[str, dict[str, Any]] = {
        "model": {"item": {}, "fold_in": 0, "timeline": {"width": 32, "layers": 1, "bias": "none"}},
        "training": {"epochs": 20},
        "evaluation": {"history": "frozen"},
        "report": {"twins": "none", "baselines": ["popularity"], "ablations": []},
    }  # fmt: skip
    return Case(knobs, NEXT, 32, parts=parts)
