"""The one small seam to experiment trackers: TensorBoard, Weights & Biases, MLflow; each is an extra."""

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, assert_never

from motet.errors import ConfigError

Name = Literal["tensorboard", "wandb", "mlflow"]
Sink = Callable[[str, int, dict[str, float]], None]  # model, epoch, figures by name


def flat(record: dict[str, Any]) -> dict[str, float]:
    """The figures of a record by a path of names.

    >>> flat({"epoch": 1, "metrics": {"like": {"auc": 0.7}}, "loss": {"like": 0.6}})
    {'metrics/like/auc': 0.7, 'loss/like': 0.6}
    """
    found: dict[str, float] = {}
    for group in ("metrics", "loss", "weights"):
        for name, value in record.get(group, {}).items():
            if isinstance(value, dict):
                found |= {f"{group}/{name}/{each}": float(number) for each, number in value.items()}
            else:
                found[f"{group}/{name}"] = float(value)
    return found


def open_loggers(names: Sequence[Name], run: str, folder: Path) -> Callable[[dict[str, Any]], None]:
    """A function that hands training records to every tracker.

    Args:
        names: Trackers from the configuration.
        run: Name of the run.
        folder: Where those that write files write.

    Raises:
        ConfigError: A tracker is not installed; the message names the extra.
    """
    sinks = [_open(name, run, folder) for name in names]

    def log(record: dict[str, Any]) -> None:
        figures = flat(record)
        for sink in sinks:
            sink(str(record.get("model", run)), int(record.get("epoch", 0)), figures)

    return log


def _open(name: Name, run: str, folder: Path) -> Sink:
    match name:
        case "tensorboard":
            return _tensorboard(folder / "tensorboard")
        case "wandb":
            return _wandb(run, folder)
        case "mlflow":
            return _mlflow(run)
        case _:
            assert_never(name)


def _tensorboard(folder: Path) -> Sink:
    writers = _need("torch.utils.tensorboard", "tensorboard")
    by_model: dict[str, Any] = {}

    def sink(model: str, epoch: int, figures: dict[str, float]) -> None:
        if model not in by_model:
            by_model[model] = writers.SummaryWriter(folder / model.replace(" ", "_"))
        for name, value in figures.items():
            by_model[model].add_scalar(name, value, epoch)
        by_model[model].flush()

    return sink


def _wandb(run: str, folder: Path) -> Sink:
    wandb = _need("wandb", "wandb")
    opened = wandb.init(project="motet", name=run, dir=str(folder), resume="allow")

    def sink(model: str, epoch: int, figures: dict[str, float]) -> None:
        opened.log({f"{model}/{name}": value for name, value in figures.items()} | {"epoch": epoch})

    return sink


def _mlflow(run: str) -> Sink:
    mlflow = _need("mlflow", "mlflow")
    mlflow.start_run(run_name=run)

    def sink(model: str, epoch: int, figures: dict[str, float]) -> None:
        allowed = {f"{model}/{name}".replace("@", "_at_"): value for name, value in figures.items()}
        mlflow.log_metrics(allowed, step=epoch)

    return sink


def _need(module: str, extra: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError:
        raise ConfigError(
            f"training.loggers names {extra}, which is not installed. "
            f"Install it with  pip install 'motet[{extra}]'  or take it out."
        ) from None
