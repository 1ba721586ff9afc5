"""The files of a run, read with patience: what is missing, NaN or of another shape is absent, no error."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from motet.errors import ArtifactError
from motet.evaluation.report.numbers import real
from motet.evaluation.report.words import plain, split_metric
from motet.system.files import read_json
from motet.system.manifest import NAME as MANIFEST

ACCOUNT = "cleaning.json"
DATES = ("date", "created", "created_at", "finished", "time")
SHOWN = {
    "next_item": ("ndcg", "hr", "mrr"),
    "binary": ("auc", "gauc", "log_loss", "ece"),
    "regression": ("rmse", "mae"),
    "multiclass": ("macro_f1", "accuracy"),
    "tagging": ("entity_f1", "entity_precision", "entity_recall"),
    "retrieval": ("mrr", "hr", "recall"),
}
BASELINES = {"popularity": "Popularity", "item_to_item": "Item to item", "ease": "EASE"}
GUESSES = {  # what the baseline popularity is called where no catalogue is ranked
    "binary": "Averages",
    "regression": "Averages",
    "multiclass": "Averages",
    "tagging": "Dictionary",
    "retrieval": "Common words",
}
ABLATIONS = {"text": "Without text", "id": "Without item ids", "counters": "Without counters"}


def mapping(value: Any) -> dict[str, Any]:
    """The value if it is a mapping, else an empty one; keys become text."""
    return {str(key): held for key, held in value.items()} if isinstance(value, dict) else {}


def records(value: Any) -> list[dict[str, Any]]:
    """The mappings in a list; anything else counts as none."""
    return [mapping(one) for one in value if isinstance(one, dict)] if isinstance(value, list) else []


@dataclass(frozen=True)
class Score:
    """One figure with its interval and the number of users or rows behind it; each may be unknown."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: float | None = None

    @classmethod
    def of(cls, raw: Any) -> "Score":
        """From ``{"value", "low", "high", "n"}`` or a bare number."""
        if not isinstance(raw, dict):
            return cls(real(raw))
        return cls(*(real(raw.get(key)) for key in ("value", "low", "high", "n")))

    @property
    def bounded(self) -> bool:
        """True if both ends of the interval are known."""
        return self.low is not None and self.high is not None

    def apart(self, other: "Score") -> bool:
        """True if both intervals are known and do not overlap."""
        if self.low is None or self.high is None or other.low is None or other.high is None:
            return False
        return self.low > other.high or other.low > self.high

    def near(self, other: "Score") -> bool:
        """True if both intervals are known and overlap."""
        return self.value is not None and self.bounded and other.bounded and not self.apart(other)


@dataclass(frozen=True)
class Contender:
    """A model that was measured.

    Attributes:
        name: For people.
        role: ``joint``, ``member`` (of an ensemble), ``twin``, ``ablation`` or ``baseline``.
        tasks: Task -> split -> metric -> figure with its interval.
    """

    name: str
    role: str
    tasks: dict[str, Any]

    def scores(self, task: str, split: str) -> dict[str, Score]:
        """Metric -> score of a task on a split."""
        return {
            metric: Score.of(raw) for metric, raw in mapping(mapping(self.tasks.get(task)).get(split)).items()
        }


def _cut(metric: str) -> int | None:
    cut = split_metric(metric)[1]
    return int(cut) if cut.isdigit() else None


@dataclass(frozen=True)
class Evidence:
    """All that the page is written from.

    Attributes:
        metrics: As in ``metrics.json``.
        cleaning: The data account, as in ``cleaning.json``.
        config_text: The run's ``motet.yaml``, as it is.
        config: The same, parsed; empty when it cannot be.
        manifest: As in ``manifest.json``.
    """

    metrics: dict[str, Any]
    cleaning: dict[str, Any]
    config_text: str
    config: dict[str, Any]
    manifest: dict[str, Any]

    @property
    def name(self) -> str:
        """The name of the run."""
        return str(self.config.get("name") or self.manifest.get("name") or "run")

    @property
    def tasks(self) -> list[str]:
        """Tasks in the order of the configuration, then what else was measured."""
        declared = [str(task.get("name")) for task in records(self.config.get("tasks"))]
        measured = list(mapping(self.metrics.get("tasks")))
        return list(dict.fromkeys([name for name in declared if name in measured or not measured] + measured))

    def task(self, name: str) -> dict[str, Any]:
        """The configuration of a task; where it is silent, the kind is guessed from the metrics."""
        for task in records(self.config.get("tasks")):
            if str(task.get("name")) == name:
                return task
        return {"name": name, "kind": self._guess(name)}

    def asked(self, name: str) -> dict[str, Any]:
        """A task as it was answered: an ensemble puts each together by itself, none bound by `after`."""
        held = self.task(name)
        return {**held, "after": None} if self.metrics.get("members") else held

    def _guess(self, name: str) -> str:
        measured = {split_metric(metric)[0] for metric in self.joint.scores(name, self.split(name))}
        return next((kind for kind, metrics in SHOWN.items() if measured & set(metrics[:2])), "")

    @property
    def joint(self) -> Contender:
        """The model that this run trained on all tasks, or put together out of others."""
        name = "Ensemble" if mapping(self.metrics.get("members")) else "Joint model"
        return Contender(name, "joint", mapping(self.metrics.get("tasks")))

    def contenders(self) -> list[Contender]:
        """The joint model first, then twins, ablations and baselines, each named for people."""
        others = [
            Contender(f"Member {name}", "member", mapping(tasks))
            for name, tasks in mapping(self.metrics.get("members")).items()
        ]
        others.append(Contender("Twin", "twin", mapping(self.metrics.get("twins"))))
        for group, role, names in (
            ("ablations", "ablation", ABLATIONS),
            ("baselines", "baseline", BASELINES),
        ):
            for name, tasks in mapping(self.metrics.get(group)).items():
                others.append(Contender(names.get(name, plain(name).capitalize()), role, mapping(tasks)))
        return [self.joint, *(one for each in others for one in self._parted(each))]

    def _parted(self, found: Contender) -> list[Contender]:
        """Popularity as several baselines: that of tasks that rank, and what stands for it elsewhere."""
        if (found.role, found.name) != ("baseline", BASELINES["popularity"]):
            return [found]
        parted: dict[str, dict[str, Any]] = {}
        for task, held in found.tasks.items():
            called = GUESSES.get(str(self.task(task).get("kind")), found.name)
            parted.setdefault(called, {})[task] = held
        names = [found.name, *dict.fromkeys(GUESSES.values())]
        return [Contender(name, found.role, parted[name]) for name in names if name in parted]

    def splits(self, task: str) -> list[str]:
        """Splits on which a task was measured, the test first."""
        found = list(mapping(mapping(self.metrics.get("tasks")).get(task)))
        return sorted(found, key=lambda name: (name != "test", found.index(name)))

    def split(self, task: str) -> str:
        """The split that the page speaks of: the test where there is one."""
        return (self.splits(task) or ["test"])[0]

    def usual_metrics(self, task: str, measured: Collection[str]) -> list[str]:
        """The most telling of the metrics that were measured, each at the cut-off that is nearest to 10."""
        found = []
        for name in SHOWN.get(str(self.task(task).get("kind")), ()):
            cuts = [metric for metric in measured if split_metric(metric)[0] == name]
            found += sorted(cuts, key=lambda metric: abs((_cut(metric) or 10) - 10))[:1]
        return found

    def main_metric(self, task: str) -> str:
        """The metric of the verdict, or the first usual one of the task's kind that was measured."""
        chosen = str(mapping(mapping(self.metrics.get("transfer")).get(task)).get("metric") or "")
        measured = self.joint.scores(task, self.split(task))
        if chosen and (chosen in measured or not measured):
            return chosen
        return next(iter([*self.usual_metrics(task, measured), *measured]), "")

    @property
    def confidence(self) -> str:
        """The level of the intervals, as in ``95%``."""
        level = real(mapping(self.config.get("evaluation")).get("confidence"))
        return f"{(level or 0.95) * 100:g}%"


def gather(metrics: Any, cleaning: Any, config_text: str, manifest: Any) -> Evidence:
    """Evidence from the contents of a run's files; a configuration that cannot be parsed counts as empty."""
    try:
        config = mapping(yaml.safe_load(config_text))
    except yaml.YAMLError:
        config = {}
    account = mapping(cleaning) if isinstance(cleaning, dict) else {"findings": cleaning}
    return Evidence(mapping(metrics), account, config_text, config, mapping(manifest))


def read_files(run: Path) -> tuple[dict[str, Any], Any, str, dict[str, Any]]:
    """metrics.json (with those curves that only log.jsonl has), cleaning.json, motet.yaml, manifest.json.

    A run whose manifest tells no date is dated by its metrics.

    Raises:
        ArtifactError: The folder is not a run, or one of its files is not JSON.
    """
    if not (run / "metrics.json").is_file():
        found = (
            "a file"
            if run.is_file()
            else "no such folder"
            if not run.exists()
            else "a folder without metrics.json"
        )
        raise ArtifactError(
            f"{run}: not a run ({found}). Give the folder that  motet train  wrote, "
            "or train first:  motet train motet.yaml"
        )
    metrics = mapping(read_json(run / "metrics.json"))
    plots = mapping(metrics.get("plots"))
    curves = records(plots.get("curves"))
    known = {(point.get("task"), point.get("name")) for point in curves}
    models = {str(point.get("model", "joint")) for point in curves}  # the log has trials and cures too
    logged = [point for point in _log(run / "log.jsonl") if str(point["model"]) in models or not models]
    curves += [point for point in logged if (point["task"], point["name"]) not in known]
    metrics["plots"] = {**plots, "curves": curves}
    config = run / "motet.yaml"
    text = config.read_text(encoding="utf8", errors="replace") if config.is_file() else ""
    cleaning, manifest = (
        read_json(run / name) if (run / name).is_file() else {} for name in (ACCOUNT, MANIFEST)
    )
    written = datetime.fromtimestamp((run / "metrics.json").stat().st_mtime, tz=UTC).isoformat("T", "seconds")
    dated = {} if any(mapping(manifest).get(key) for key in DATES) else {"date": written}
    return metrics, cleaning, text, {**mapping(manifest), **dated}


def _log(path: Path) -> list[dict[str, Any]]:
    """Points of the curves in a training log; a last line cut short by a crash is none."""
    points = []
    for line in path.read_text(encoding="utf8", errors="replace").splitlines() if path.is_file() else []:
        try:
            points += _points(mapping(json.loads(line)))
        except ValueError:
            continue
    return points


def _points(entry: dict[str, Any]) -> list[dict[str, Any]]:
    """One point for each task of a loss (``loss``) and each task and metric of a validation (``metrics``)."""
    at = {"epoch": entry.get("epoch"), "model": entry.get("model", "joint")}
    losses = [(task, "loss", value) for task, value in mapping(entry.get("loss")).items()]
    valid = [
        (task, name, value)
        for task, held in mapping(entry.get("metrics")).items()
        for name, value in mapping(held).items()
    ]
    return [{**at, "task": task, "name": name, "value": value} for task, name, value in (*losses, *valid)]
