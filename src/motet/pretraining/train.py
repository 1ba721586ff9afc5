"""Texts -> course -> training -> a plain folder that the next configuration may name. START HERE.

A pretraining that was killed goes on from its working folder when the same command is given again.
"""

import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from motet.config import Config
from motet.config.pretraining import Pretraining
from motet.config.training import TrainingConfig
from motet.data.already_read import write_read
from motet.data.mixed import MixedFeed
from motet.data.provenance import Read, files_read
from motet.errors import ConfigError, DataError
from motet.evaluation.curve import drawing, points
from motet.language.find import find_model, hidden_size, placed, refuse_decoder
from motet.metrics.names import Metrics
from motet.pretraining.course import Course, lay_out
from motet.run import begin_or_go_on, refuse_taken
from motet.system.files import atomic_folder, read_json, write_json, write_text
from motet.system.interrupt import first_asks
from motet.system.log import JsonLines, figures, say
from motet.system.machine import machine, peak_rss_mb, versions
from motet.training.balance import FixedBalance
from motet.training.descent import SumDescent
from motet.training.loop import Callbacks, Loop
from motet.training.monitor import Monitor
from motet.training.pretraining import ALL, HEAD_RATE, measure
from motet.training.unfinished import CHECKPOINTS, working_folder

ACCOUNT, CURVE, LOG = "pretraining.json", "pretraining.svg", "log.jsonl"
BEFORE = "before.json"  # in the working folder: what was measured before the first step
NAME = "pretraining"
MOST_WARMUP = 10  # the share of the steps that the warm-up may take: one in so many

ASKED = "Stopping soon: the best so far is kept and written. Ctrl-C again stops at once."


def pretrain(config: Config, folder: Path, target: Path) -> dict[str, Any]:
    """Train a language model on the texts of a configuration, and write its folder.

    Args:
        config: With `pretraining`.
        folder: Where relative paths begin.
        target: The folder to write; it must not exist yet.

    Returns:
        What ``pretraining.json`` there holds: ``before`` and ``after`` (name -> metric -> value on held-out
        texts), ``curve``, ``corpus``, ``settings``, ``cost`` and where all that came from.

    The first Ctrl-C ends it early with the best so far; the second stops at once.

    Raises:
        MotetError: Data, configuration or the folder are not right; or an unfinished pretraining in its place
            was begun with others; or another process is writing it.
    """
    if config.pretraining is None or config.model.language is None:
        raise ConfigError(
            "the configuration says nothing of pretraining. Write it, for example  pretraining: {epochs: 3} ."
        )
    refuse_taken(target, "--out")
    with working_folder(target, "model", "--out") as work:
        refuse_taken(target, "--out")  # another process may have finished it before this one had the folder
        began = time.monotonic()
        read = files_read(config, folder)
        width = _width(config.pretraining, placed(config.model.language.name, folder))
        config = begin_or_go_on(config, work, folder, read, width=width)
        course = lay_out(config, folder, work)
        with JsonLines(work / LOG) as log, first_asks(ASKED) as stop:
            before = _before(config, course, work)
            loop = _train(config, course, work, log.write, stop)
        if not loop.history:
            raise KeyboardInterrupt  # before the first measurement: there is no best so far
        account = _account(config, course, before, loop, read)
        account["cost"]["wall_seconds"] = time.monotonic() - began
        with atomic_folder(target) as place:
            _save(place, course, account, work)
        shutil.rmtree(work)
    return account


def _width(settings: Pretraining, name: str) -> int:
    """Of the layers of the model of that name, or of the one that begins from nothing."""
    if settings.scratch is not None:
        return settings.scratch.width
    folder = find_model(name)
    refuse_decoder(folder, name)
    return hidden_size(folder)


def _measured(config: Config, course: Course) -> Metrics:
    bf16 = config.training.precision == "bf16"
    return measure(course.model, course.held, course.weights, config.training.seed, autocast=bf16)


def _before(config: Config, course: Course, work: Path) -> Metrics:
    """What held-out texts said before the first step; kept for a training that goes on.

    Raises:
        DataError: They say nothing of what is learned.
    """
    if not (work / BEFORE).exists():
        found: Metrics = _measured(config, course)
        if silent := [name for name in course.held if name not in found]:
            raise DataError(
                f"pretraining: {silent[0]}: nothing is asked of the {course.facts['held out']:,} texts that "
                "are held out, so no epoch could be told from another. Raise  held_out , give more texts, or "
                "(of hidden words) raise  mask_share ."
            )
        write_json(work / BEFORE, found)
    found = read_json(work / BEFORE)
    for name, values in found.items():
        say(f"before, {name}: {figures(values)}")
    return found


def _train(
    config: Config,
    course: Course,
    work: Path,
    log: Callable[[dict[str, Any]], None],
    stop: Callable[[], bool],
) -> Loop:
    """Train to the last epoch, or until somebody asks to stop; the model is then the best epoch."""
    settings, feeds = config.pretraining, list(course.feeds.values())
    assert settings is not None
    steps = settings.epochs * sum(len(feed.epoch(0)) for feed in feeds)
    training = TrainingConfig(
        epochs=settings.epochs,
        patience=settings.epochs,
        batch_size=settings.batch_size,
        learning_rate=max(HEAD_RATE, settings.rate),
        warmup=min(settings.warmup, steps // MOST_WARMUP),
        decay="linear",
        precision=config.training.precision,
        threads=config.training.threads,
        checkpoint_minutes=config.training.checkpoint_minutes,
        seed=config.training.seed,
    )
    rate = f"pretraining.learning_rate  (now {settings.rate:g})"
    loop = Loop(
        course.model,
        feeds[0] if len(feeds) == 1 else MixedFeed(feeds, training.seed),
        training,
        SumDescent(course.model, FixedBalance(course.weights)),
        Monitor([(ALL, "loss")]),
        Callbacks(lambda: _measured(config, course), log, NAME, stop, rate=rate),
        work / CHECKPOINTS / f"{NAME}.safetensors",
    )
    loop.run()
    course.model.eval()
    return loop


def _account(config: Config, course: Course, before: Metrics, loop: Loop, read: Read) -> dict[str, Any]:
    """Everything that there is to tell."""
    assert config.pretraining is not None
    assert config.model.language is not None
    history = [{"epoch": 0, "metrics": before}, *loop.history]
    best = loop.monitor.best_epoch + 1
    return {
        "model": config.model.language.name if config.pretraining.scratch is None else None,
        "max_tokens": course.model.language.max_tokens,
        "settings": config.pretraining.model_dump(mode="json"),
        "seed": config.training.seed,
        "precision": config.training.precision,
        "corpus": course.facts,
        "before": before,
        "after": next(each["metrics"] for each in history if each["epoch"] == best),
        "best_epoch": best,
        "stopped": loop.stopped,
        "curve": points(history),
        "cost": {
            "seconds": loop.seconds,
            "cpu_seconds": loop.cpu_seconds,
            "examples": loop.examples,
            "peak_rss_mb": peak_rss_mb(),
        },
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": versions(),
        "machine": machine(),
        "data": read,
    }


def _save(place: Path, course: Course, account: dict[str, Any], work: Path) -> None:
    """A plain folder of transformers, the head beside it, and what there is to tell."""
    course.model.language.save(place)
    if course.model.masked is not None:
        course.model.masked.save(place)
    write_read(place, course.read_K)
    write_json(place / ACCOUNT, account)
    write_text(place / CURVE, drawing(account["curve"]))
    shutil.copy(work / LOG, place / LOG)
