"""The one small seam to experiment trackers: TensorBoard, Weights & Biases, MLflow; each is an extra."""

import importlib
import math
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Literal, assert_never

from motet.errors import ConfigError

Name = Literal["tensorboard", "wandb", "mlflow"]
Sink = Callable[[str, int, dict[str, float]], None]  # model, epoch, figures by name
Close = Callable[[bool], object]  # told whether all went well
_MODULES: dict[Name, str] = {
    "tensorboard": "torch.utils.tensorboard",
    "wandb": "wandb",
    "mlflow": "mlflow",
}


def flat(record: dict[str, Any]) -> dict[str, float]:
    """The figures of a record by a path of names; one that is not a finite number is left out.

    >>> flat({"epoch": 1, "metrics": {"like": {"auc": 0.7, "gauc": float("nan")}}, "loss": {"like": 0.6}})
    {'metrics/like/auc': 0.7, 'loss/like': 0.6}
    """
    found: dict[str, float] = {}
    for group in ("metrics", "loss", "weights"):
        for name, value in record.get(group, {}).items():
            if isinstance(value, dict):
                found |= {f"{group}/{name}/{each}": float(number) for each, number in value.items()}
            else:
                found[f"{group}/{name}"] = float(value)
    return {path: value for path, value in found.items() if math.isfinite(value)}


def refuse_missing(names: Sequence[Name]) -> None:
    """Raise a ConfigError for the first tracker that is not installed, before any work is done."""
    for name in names:
        _need(_MODULES[name], name)


@contextmanager
def trackers(names: Sequence[Name], run: str, folder: Path) -> Iterator[Callable[[dict[str, Any]], None]]:
    """A function that hands training records to every tracker; they are closed when the block ends.

    Args:
        names: Trackers from the configuration.
        run: Name of the run.
        folder: The working folder: TensorBoard's files go there, and the ids by which a training that is
            resumed goes on in the same run of a tracker.

    Raises:
        ConfigError: A tracker is not installed (the message names the extra) or cannot begin.
    """
    opened: list[tuple[Sink, Close]] = []
    well = False
    try:
        for name in names:
            opened += [_opened(name, run, folder)]  # one by one: those before a missing one are closed

        def log(record: dict[str, Any]) -> None:
            figures = flat(record)
            for sink, _ in opened:
                sink(str(record.get("model", run)), int(record.get("epoch", 0)), figures)

        yield log
        well = True
    finally:
        with ExitStack() as stack:  # every one is closed, even if another cannot be
            for _, close in opened:
                stack.callback(close, well)


def _opened(name: Name, run: str, folder: Path) -> tuple[Sink, Close]:
    """A tracker; what keeps one from beginning is for its owner to mend."""
    try:
        return _open(name, run, folder)
    except ConfigError:
        raise
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ConfigError(
            f"training.loggers: {name} cannot begin ({reason}). Set it up, or take it out."
        ) from error


def _open(name: Name, run: str, folder: Path) -> tuple[Sink, Close]:
    match name:
        case "tensorboard":
            return _tensorboard(folder / "tensorboard")
        case "wandb":
            return _wandb(run, folder / "wandb.id")
        case "mlflow":
            return _mlflow(run, folder / "mlflow.id")
        case _:
            assert_never(name)


def _tensorboard(folder: Path) -> tuple[Sink, Close]:
    writers = _need(_MODULES["tensorboard"], "tensorboard")
    by_model: dict[str, Any] = {}

    def sink(model: str, epoch: int, figures: dict[str, float]) -> None:
        if model not in by_model:
            by_model[model] = writers.SummaryWriter(folder / model.replace(" ", "_"))
        for name, value in figures.items():
            by_model[model].add_scalar(name, value, epoch)
        by_model[model].flush()

    return sink, lambda well: [writer.close() for writer in by_model.values()]


def _wandb(run: str, kept: Path) -> tuple[Sink, Close]:
    wandb = _need(_MODULES["wandb"], "wandb")
    if not kept.exists():
        kept.write_text(uuid.uuid4().hex[:12], encoding="utf-8")
    opened = wandb.init(project="motet", name=run, id=kept.read_text(encoding="utf-8"), resume="allow")

    def sink(model: str, epoch: int, figures: dict[str, float]) -> None:
        opened.log({f"{model}/{name}": value for name, value in figures.items()} | {"epoch": epoch})

    return sink, lambda well: opened.finish(exit_code=0 if well else 1)


def _mlflow(run: str, kept: Path) -> tuple[Sink, Close]:
    mlflow = _need(_MODULES["mlflow"], "mlflow")
    known = kept.read_text(encoding="utf-8") if kept.exists() else None
    opened = mlflow.start_run(run_id=known) if known else mlflow.start_run(run_name=run)
    kept.write_text(opened.info.run_id, encoding="utf-8")

    def sink(model: str, epoch: int, figures: dict[str, float]) -> None:
        allowed = {f"{model}/{name}".replace("@", "_at_"): value for name, value in figures.items()}
        mlflow.log_metrics(allowed, step=epoch)

    return sink, lambda well: mlflow.end_run("FINISHED" if well else "FAILED")


def _need(module: str, extra: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError:
        raise ConfigError(
            f"training.loggers names {extra}, which is not installed. "
            f"Install it with  pip install 'motet[{extra}]'  or take it out."
        ) from None
