"""A run: read -> split -> fit -> twins -> evaluate -> save. START HERE.

Everything is written to a working folder beside the run; when all is done the run appears whole. A training
that was killed goes on from the working folder when the same command is given again.
"""

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from motet import search
from motet.bundle import Kept, save_bundle
from motet.config import Config
from motet.config.pretraining_conflicts import refuse_without_tasks
from motet.config.read import config_folder, config_from_dict, read_config
from motet.config.tasks import Retrieval
from motet.data.provenance import Read, files_read, model_read, tables_read, texts_read
from motet.data.table import Tables
from motet.errors import ConfigError
from motet.evaluation.report import write_report
from motet.gather import Material, gather, with_absolute_paths, with_language_settled
from motet.guard import Hopeless, guard, hopes, refuse_without_twins
from motet.judge import UNGUARDED, examiner_of, judge, variants
from motet.language.find import find_model, hidden_size
from motet.metrics.names import main_metric
from motet.system.devices import measure_precision, measure_threads, tune_memory
from motet.system.files import atomic_folder, read_json, write_json
from motet.system.home import kept
from motet.system.interrupt import first_asks
from motet.system.log import JsonLines, say
from motet.system.machine import cpu_seconds, machine, peak_rss_mb, versions
from motet.system.manifest import write_manifest
from motet.training.fit import Hooks, Prepared, Start, Trained, fit, learn_facts
from motet.training.loggers import refuse_missing, trackers
from motet.training.loop import Keep, Look
from motet.training.snapshots import FOLDER, BestEpochs, Snapshots
from motet.training.unfinished import begin, begun, go_on, settle_more, working_folder

BEST_EPOCHS = "best epochs"  # for the guard, beside the checkpoints

ASKED = (
    "Stopping soon: the best so far of the joint model is kept, and the run is measured and written without "
    "what is not trained yet (during a search of weights the trials that ended are kept, and the same "
    "command goes on). Ctrl-C again stops at once."
)


AFTERWARDS = (
    "Models that lack a part (text, ids, counters) were trained before the guard set tasks apart: for those "
    "tasks they differ from the joint model in this too."
)


@dataclass(frozen=True)
class Run:
    """A finished run."""

    folder: Path

    @property
    def metrics(self) -> dict[str, Any]:
        """What metrics.json holds."""
        found: dict[str, Any] = read_json(self.folder / "metrics.json")
        return found


def train(
    config: Config, folder: Path, target: Path, tables: Tables | None = None, *, guarded: bool = False
) -> Run:
    """Train the joint model, its twins and its ablations, measure them all, and write a run folder.

    Args:
        config: The configuration.
        folder: Where relative paths of the configuration begin.
        target: The run folder; it must not exist yet.
        tables: Ready tables instead of the files that the configuration names.
        guarded: Set tasks apart that sharing hurts, see `motet.guard`.

    The first Ctrl-C while models are trained ends training early, see `fit_all`; the second stops at once.

    Raises:
        MotetError: Data, configuration or the run folder are not right; or an unfinished training in the
            folder's place was begun with others; or another process is writing this run.
    """
    refuse_taken(target)
    config = _without_pretraining(config)
    _refuse_items_as_texts(config, tables)
    refuse_missing(config.training.loggers)
    search.refuse_missing(config)
    if guarded:
        refuse_without_twins(config)
    with working_folder(target) as work:
        refuse_taken(target)  # another process may have finished it before this one had the folder
        began = time.monotonic()
        read = _read(config, folder, tables)
        config = begin_or_go_on(config, work, folder, read, guarded=guarded)
        with JsonLines(work / "log.jsonl") as log:
            material = with_language_settled(gather(config, folder, tables))
            settle_more(work, material.config)
            material, models = fit_all(material, work, log, guarded=guarded)
            metrics = judge(material, models)
        metrics["cost"] |= {
            "wall_seconds": time.monotonic() - began,
            "peak_rss_mb": peak_rss_mb(),
            "cpu_seconds_all": cpu_seconds(),
        }
        with atomic_folder(target) as place:
            _save(place, work, material, models["joint"], metrics, read)
        shutil.rmtree(work)
    return Run(target)


def resolve(
    config: Config | Mapping[str, Any] | str | Path, overrides: Sequence[str] = ()
) -> tuple[Config, Path]:
    """A configuration in any form, and the folder that its paths are relative to."""
    if isinstance(config, Config):
        return config, Path.cwd()
    if isinstance(config, Mapping):
        return config_from_dict(config), Path.cwd()
    return read_config(config, overrides), config_folder(config)


def settle(config: Config, folder: Path, width: int | None = None) -> Config:
    """Fix what is chosen by measurement (threads, precision) and make paths absolute.

    Args:
        config: The configuration.
        folder: Where relative paths begin.
        width: Of the layers that take most of the time; None: of those that a training of tasks has.
    """
    config, settings = with_absolute_paths(config, folder), config.training
    tune_memory()
    threads, width = settings.threads, width or _width(config)
    if threads == "auto":
        threads = kept("threads", lambda: measure_threads())
    torch.set_num_threads(threads)
    chosen: str = settings.precision
    if chosen == "auto":
        name = f"precision at width {width} with {threads} threads"
        chosen = kept(name, lambda: measure_precision(width))
    precision = "bf16" if chosen == "bf16" else "fp32"
    training = settings.model_copy(update={"threads": threads, "precision": precision})
    return config.model_copy(update={"training": training})


def _width(config: Config) -> int:
    """Of the layers that take most of a training's time: a tuned language model's, else the timeline's."""
    language = config.model.language
    if language is None or not language.tuned:
        return config.model.timeline.width
    return hidden_size(find_model(language.name))


def fit_all(
    material: Material,
    work: Path,
    log: JsonLines,
    *,
    guarded: bool = False,
    which: Callable[[Material], dict[str, tuple[Config, Prepared]]] = variants,
) -> tuple[Material, dict[str, Trained]]:
    """The joint model, one twin a task, and the ablations; each goes on from its own checkpoint.

    The guard may give the joint model groups; the material that comes back has the configuration with them.

    Args:
        material: Data, configuration, views.
        work: Folder of checkpoints.
        log: Takes a record of every step and validation.
        guarded: Let the guard look.
        which: Name -> configuration and data of every model, the joint one first.

    Whoever presses Ctrl-C gets what is whole by then: the best so far of the joint model, and no half a twin.
    """
    models: dict[str, Trained] = {}
    settings = material.config.training
    with trackers(settings.loggers, material.config.name, work) as track, first_asks(ASKED) as stop:

        def write(record: dict[str, Any]) -> None:
            log.write(record)
            track(record)

        def fit_one(
            name: str,
            config: Config,
            prepared: Prepared,
            start: Start | None = None,
            look: Look | None = None,
            hopeless: Hopeless = hopes,
        ) -> Trained:
            examiner = examiner_of(material, config, prepared)
            say(f"training {name}: {', '.join(task.name for task in config.tasks)}")
            checkpoint = work / "checkpoints" / f"{name}.safetensors" if look is None else None
            keeps = _keeps(material.config, work, guarded=guarded) if name == "joint" else []
            hooks = Hooks(stop, look, start, keeps, hopeless)
            found = fit(config, prepared, examiner.validate, write, name, checkpoint, hooks)
            lines = examiner.fit_afterwards(found.model) if found.history else []
            for line in lines:
                say(line)
            return replace(found, fitted=lines)

        if material.config.training.balance.kind == "search":
            material = _search(material, work, fit_one)
        for name, (config, prepared) in which(material).items():
            found = fit_one(name, config, prepared)
            if found.stopped and not (name == "joint" and found.history):
                break
            models[name] = found
            if stop():
                break
        if not models:
            raise KeyboardInterrupt  # before the first validation: there is no best so far
        if guarded:
            material = _guard(material, models, fit_one, work, stopped=stop())
    return material, models


def _guard(
    material: Material,
    models: dict[str, Trained],
    fit_one: Callable[..., Trained],
    work: Path,
    *,
    stopped: bool,
) -> Material:
    """Let the guard look, and put what it made in the place of the joint model."""
    if stopped:
        said = ["The guard did not look at the tasks, as training was stopped by hand."]
        return replace(material, statements=[*material.statements, *said])
    prepared = material.prepared
    done = guard(
        material,
        models,
        lambda name, own, start, look=None, hopeless=hopes: fit_one(
            name, own, prepared, start, look, hopeless
        ),
        _best_epochs(material.config, work),
    )
    said = [*done.story]
    for line in said:
        say(line)
    other = done.joint.model is not models["joint"].model
    if other:
        models[UNGUARDED] = models["joint"]
    if done.config.model.groups:
        said += [AFTERWARDS] if any(name.startswith("without ") for name in models) else []
    if other and material.config.training.snapshots:
        shutil.rmtree(work / FOLDER, ignore_errors=True)  # gone already where an earlier try came so far
        said.append("The guard put another model in the place of the joint one, so its snapshots are gone.")
    models["joint"] = done.joint
    statements = [*material.statements, *said]
    return replace(material, config=done.config, statements=statements, guard=done.cases, seen=done.seen)


def _keeps(config: Config, work: Path, *, guarded: bool) -> list[Keep]:
    """What keeps weights of the joint training: for ensembles, and for the guard."""
    found: list[Keep] = []
    if config.training.snapshots > 0:
        found.append(Snapshots(work / FOLDER, config.training.snapshots))
    return [*found, _best_epochs(config, work)] if guarded else found


def _best_epochs(config: Config, work: Path) -> BestEpochs:
    return BestEpochs(
        work / BEST_EPOCHS, {task.name: main_metric(task.kind) for task in config.tasks if task.weight > 0}
    )


def _search(material: Material, work: Path, fit_one: Callable[..., Trained]) -> Material:
    """The material with the weights that a search found."""
    prepared = material.prepared

    def train_one(name: str, config: Config) -> search.Trial:
        found = fit_one(name, config, prepared)
        if found.stopped:
            raise KeyboardInterrupt  # no model is trained yet; the trials that ended are kept
        best = next(record["metrics"] for record in reversed(found.history) if record["best"])
        return search.Trial(best, found.cost["cpu_seconds"])

    facts = learn_facts(material.config, prepared)
    found = search.search(material.config, facts, train_one, work / "search.json")
    statements = [*material.statements, found.said]
    return replace(material, config=found.config, statements=statements, search=found.account)


def refuse_taken(target: Path, option: str = "--run") -> None:
    """Refuse a folder that is there already; the option names another one."""
    if target.exists():
        raise ConfigError(f"{target} exists already. Give another folder with  {option}, or remove it.")


def _without_pretraining(config: Config) -> Config:
    """The tasks alone: their training reads no other texts."""
    if config.pretraining is None:
        return config
    refuse_without_tasks(config)
    say("pretraining is read by  motet pretrain  alone")
    return config.model_copy(update={"pretraining": None})


def _refuse_items_as_texts(config: Config, tables: Tables | None) -> None:
    """Texts of items are read from their files, which tables in Python stand for."""
    for task in config.text_tasks if tables is not None else ():
        if task.texts == "items" or (isinstance(task, Retrieval) and task.seeks_items):
            raise ConfigError(
                f"tasks.{task.name}: the texts of items are read from files, and tables were given. Write "
                "them to a file, and name it under  data.items  (or, as texts alone, under  texts)."
            )


def _read(config: Config, folder: Path, tables: Tables | None) -> Read:
    if tables is not None:
        return tables_read(tables) | texts_read(config, folder)
    return files_read(config, folder)


def begin_or_go_on(
    config: Config, work: Path, folder: Path, read: Read, *, guarded: bool = False, width: int | None = None
) -> Config:
    """Settle the configuration, or find it settled by an earlier try that came as far as a checkpoint."""
    read = read | model_read(config, folder)
    if not begun(work):
        settled = settle(config, folder, width)
        begin(work, config, settled, read, guarded=guarded)
        return settled
    settled = go_on(work, config, read, guarded=guarded)
    say(f"going on with the unfinished training in {work}")
    torch.set_num_threads(int(settled.training.threads))
    tune_memory()
    return settled


def _save(
    place: Path, work: Path, material: Material, joint: Trained, metrics: dict[str, Any], read: Read
) -> None:
    prepared = material.prepared
    tables = (
        {} if joint.model.texts is None else {name: joint.model.texts.table(name) for name in prepared.texts}
    )
    answers = {
        name: Kept.of(each.answers.rows, tables.get(name))
        for name, each in prepared.texts.items()
        if each.answers is not None
    }
    save_bundle(
        place, material.config, joint.model, prepared.dataset, joint.facts, prepared.scaler, answers=answers
    )
    write_json(place / "metrics.json", metrics)
    write_json(place / "cleaning.json", material.account)
    shutil.copy(work / "log.jsonl", place / "log.jsonl")
    for name in ("tensorboard", FOLDER):
        if (work / name).exists():
            shutil.copytree(work / name, place / name)
    facts = {
        "name": material.config.name,
        "seed": material.config.training.seed,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": versions(),
        "machine": machine(),
        "data": read,
    }
    write_manifest(place, facts)
    write_report(place)
    write_manifest(place, facts)  # once more, for the report reads the manifest and belongs to it
