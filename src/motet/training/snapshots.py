"""Snapshots: the weights of some epochs of one training; safetensors, nothing pickled.

For ensembles the epochs before the best one are kept, for those after it are not better and may be spoilt by
then; for the guard those in which some task was best.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from motet.metrics.names import higher_is_better
from motet.system.files import flush, read_json, write_json

FOLDER = "snapshots"


class Snapshots:
    """Keeps the weights of the epochs that were validated last before the best one.

    Args:
        folder: Where they lie, one file an epoch; a training that goes on finds them there.
        count: How many.
    """

    def __init__(self, folder: Path, count: int) -> None:
        self.folder, self.count = folder, count

    def __call__(self, model: nn.Module, record: Mapping[str, Any]) -> None:
        """Keep a validated epoch; with a new best one those too far before it go."""
        epoch = int(record["epoch"])
        save_snapshot(self.folder, model, epoch)
        if record["best"]:
            drop_snapshots(self.folder, lambda number: number < epoch - self.count)

    def finish(self, best: int) -> None:
        """The training is over and its best epoch, counted from 1, is the model itself: keep those before."""
        drop_snapshots(self.folder, lambda number: number >= best)


class BestEpochs:
    """Keeps the weights of the epochs in which some task was best.

    Args:
        folder: Where they lie, one file an epoch, and which task was best in which; a training that goes on
            finds them there.
        metrics: Task -> the metric by which its epochs are compared.
    """

    def __init__(self, folder: Path, metrics: Mapping[str, str]) -> None:
        self.folder, self.metrics = folder, metrics
        self.account = folder / "best.json"  # task -> epoch, counted from 1, and value
        self.best: dict[str, tuple[int, float]] = (
            {name: (int(epoch), float(value)) for name, (epoch, value) in read_json(self.account).items()}
            if self.account.exists()
            else {}
        )

    def __call__(self, model: nn.Module, record: Mapping[str, Any]) -> None:
        """Keep a validated epoch if it is the best of some task; those that are nobody's best any more go."""
        epoch = int(record["epoch"])
        for task, metric in self.metrics.items():
            value = float(record["metrics"].get(task, {}).get(metric, float("nan")))
            held = self.best.get(task)
            sign = 1 if higher_is_better(metric) else -1
            if value == value and (held is None or sign * (value - held[1]) > 0):
                self.best[task] = (epoch, value)
        wanted = {number for number, _ in self.best.values()}
        if epoch in wanted:
            save_snapshot(self.folder, model, epoch)
            write_json(self.account, self.best)
        drop_snapshots(self.folder, lambda number: number not in wanted)

    def finish(self, best: int) -> None:
        """Nothing more is to be done: `best` may be some task's best epoch too."""

    def epochs(self, tasks: Iterable[str]) -> list[int]:
        """The epochs, counted from 1, that are some of the tasks' best and whose weights are there."""
        held = snapshots_in(self.folder)
        return sorted({self.best[task][0] for task in tasks if task in self.best} & held.keys())

    def weights(self, epoch: int) -> dict[str, Tensor]:
        """Those of an epoch."""
        return load_snapshot(snapshots_in(self.folder)[epoch])


def save_snapshot(folder: Path, model: nn.Module, epoch: int) -> None:
    """Write the weights that learn, of an epoch counted from 1."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: p.detach().contiguous() for name, p in model.named_parameters() if p.requires_grad}
    beside = folder / "writing"
    save_file(tensors, beside)
    flush(beside)
    beside.replace(folder / f"epoch-{epoch:04d}.safetensors")


def drop_snapshots(folder: Path, goes: Callable[[int], bool]) -> None:
    """Remove the epochs of which that is true."""
    for number, path in snapshots_in(folder).items():
        if goes(number):
            path.unlink()


def snapshots_in(folder: Path) -> dict[int, Path]:
    """Epoch, counted from 1 -> file, in their order."""
    files = sorted(folder.glob("epoch-*.safetensors")) if folder.is_dir() else []
    return {int(path.stem.removeprefix("epoch-")): path for path in files}


def load_snapshot(path: Path) -> dict[str, Tensor]:
    """The weights of a snapshot; those that never learn are not among them."""
    return load_file(path)
