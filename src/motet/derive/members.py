"""Members of an ensemble: opened together, and refused where they do not answer the same questions.

They may differ in all that makes a model (architecture, language model, seed, balance, counters), and in
nothing that makes a question: tables, cleaning, split, tasks and labels, and the order of the log.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from motet.bundle import Bundle, open_bundle
from motet.config import Config
from motet.config.differing import told_apart
from motet.data.dataset import Dataset
from motet.data.provenance import Read, were_tables
from motet.data.readers import tables_from_frames
from motet.data.table import Tables
from motet.derive.origins import names_in, origin
from motet.errors import ConfigError
from motet.training.snapshots import FOLDER as SNAPSHOTS
from motet.training.snapshots import load_snapshot, snapshots_in
from motet.use import TrainedModel

MARKER = "ensemble.json"  # what a folder of an ensemble has and that of a single model has not
OF_THE_MODEL = {"weight", "depth", "loss", "sampled", "horizon", "discount", "transfer", "after"}


def is_ensemble(folder: Path) -> bool:
    """Whether a run folder holds an ensemble."""
    return (folder / MARKER).is_file()


@dataclass(frozen=True)
class Members:
    """Models that answer the same questions.

    Attributes:
        models: The models; tables are read once for all.
        names: What each is called, no two alike.
        folders: The runs that they come from, each once.
    """

    models: list[TrainedModel]
    names: list[str]
    folders: list[Path]


def open_members(
    folders: Sequence[Path], *, events: Any = None, items: Any = None, users: Any = None
) -> Members:
    """Open runs as members.

    Args:
        folders: Run folders.
        events: Ready tables instead of the files, see `motet.open`.
        items: Likewise.
        users: Likewise.

    Raises:
        ConfigError: They are ensembles, one is given twice, or they answer different questions.
    """
    for folder in folders:
        if is_ensemble(folder):
            raise ConfigError(f"{folder} is an ensemble itself. Give the runs that it was made of.")
    places = [folder.resolve() for folder in folders]
    for folder, place in zip(folders, places, strict=True):
        if places.count(place) > 1:
            raise ConfigError(f"{folder} stands there twice. Give each run once.")
    bundles = [open_bundle(folder) for folder in folders]
    refuse_other_questions(folders, [each.config for each in bundles], [origin(each) for each in folders])
    read = _reader(bundles[0], events, items, users)
    return Members([TrainedModel(each, read) for each in bundles], member_names(folders), list(folders))


def open_snapshots(folder: Path, *, events: Any = None, items: Any = None, users: Any = None) -> Members:
    """Open a run as several members: its snapshots in their order, and last its model; tables as above.

    Raises:
        ConfigError: It has no snapshots.
    """
    if is_ensemble(folder):
        raise ConfigError(f"{folder} is an ensemble itself. Give the run that has the snapshots.")
    files = snapshots_in(folder / SNAPSHOTS)
    if not files:
        raise ConfigError(
            f"{folder} has kept no snapshots. Train with  --set training.snapshots=5 , or give several runs."
        )
    last = open_bundle(folder)
    bundles = [open_bundle(folder) for _ in files]
    for bundle, path in zip(bundles, files.values(), strict=True):
        bundle.model.load_state_dict(load_snapshot(path), strict=False)
    read = _reader(last, events, items, users)
    names = [f"epoch {number}" for number in files]
    return Members([TrainedModel(each, read) for each in (*bundles, last)], [*names, "best epoch"], [folder])


def _reader(first: Bundle, events: Any, items: Any, users: Any) -> Callable[[], Tables]:
    """Reads the tables once, when they are first asked for."""
    given: Tables | None = None
    if events is not None:
        given = tables_from_frames(first.config.data, items=items, users=users, events=events)
    return functools.cache(TrainedModel(first, given).read)


def member_names(folders: Sequence[Path]) -> list[str]:
    """Names of the members: those of their folders, with a number where two are called alike."""
    found = [folder.resolve().name for folder in folders]
    return [f"{name} ({place})" if found.count(name) > 1 else name for place, name in enumerate(found, 1)]


def refuse_other_questions(folders: Sequence[Path], configs: Sequence[Config], reads: Sequence[Read]) -> None:
    """Refuse runs whose configurations ask different things.

    Args:
        folders: The runs.
        configs: Their configurations.
        reads: What each was trained on: a file of the same content may lie elsewhere.

    Raises:
        ConfigError: It names the runs and the setting.
    """
    pathless = any(were_tables(read) for read in reads)
    names = [None if pathless else names_in(reads[0], read) for read in reads]
    asked = [_questions(config, each) for config, each in zip(configs, names, strict=True)]
    for folder, other in zip(folders, asked, strict=True):
        for said in told_apart(asked[0], other, (str(folders[0]), str(folder))):
            raise ConfigError(
                f"Members of an ensemble answer the same questions, and these do not: {said}. They may "
                "differ in their models and in  training , not in data, split and tasks."
            )


def refuse_other_rows(models: Sequence[TrainedModel]) -> None:
    """Refuse members that read the same data in another order: a row may train one and test the other.

    Raises:
        ConfigError: It names the runs and the seed.
    """
    first = models[0]
    for model in models[1:]:
        if not same_rows(first.dataset, model.dataset):
            here, there = first.bundle, model.bundle
            raise ConfigError(
                f"{here.folder} and {there.folder} put events of one moment in different orders (seeds "
                f"{here.config.data_seed} and {there.config.data_seed}), so that a row that trains one may "
                f"test the other. Train them with one seed of the data, as with  --set data.seed="
                f"{here.config.data_seed} , and as many values of  training.seed  as you like."
            )


def same_rows(one: Dataset, other: Dataset) -> bool:
    """Whether both logs hold the same rows in the same order, with the same labels and parts."""
    here, there = one.log, other.log
    column_I = columns(one, other)
    if len(one.catalogue) != len(other.catalogue) or not column_I[1:].all():
        return False
    if not here.user_ids.equals(there.user_ids) or not np.array_equal(here.offset_U, there.offset_U):
        return False
    pairs = [(column_I[here.item_N], there.item_N), (here.time_N, there.time_N), (here.ask_N, there.ask_N)]
    for mine, theirs in ((here.label, there.label), (here.positive, there.positive), (here.part, there.part)):
        pairs += [(mine[task], theirs[task]) for task in mine]
    same = all(np.array_equal(mine, theirs, equal_nan=mine.dtype.kind == "f") for mine, theirs in pairs)
    return same and one.encodings.classes == other.encodings.classes and here.seen_once == there.seen_once


def columns(one: Dataset, other: Dataset) -> np.ndarray:
    """The other's number of each of one's items, ``(I,)``; 0 for one that it lacks, and for number 0."""
    return np.append(0, other.catalogue.numbers(one.catalogue.ids))


def _questions(config: Config, names: Mapping[str, str] | None) -> dict[str, Any]:
    """The settings that make questions, as plain values.

    Args:
        config: The configuration.
        names: What the first run calls the files; None where paths mean nothing, as for tables in Python.
    """
    plain = config.model_dump(mode="json")
    data = {name: value for name, value in plain["data"].items() if name not in ("seed", "counters")}
    for source in (*data["items"], *data["users"], *data["events"]):
        source["path"] = [] if names is None else [names.get(path, path) for path in source["path"]]
    tasks = {
        task["name"]: {name: value for name, value in task.items() if name not in OF_THE_MODEL}
        for task in plain["tasks"]
    }
    return {"data": data, "tasks": tasks, "evaluation.history": plain["evaluation"]["history"]}
