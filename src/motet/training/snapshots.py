"""Snapshots: the weights of some epochs of one training, kept for ensembles; safetensors, nothing pickled.

Kept are the epochs before the best one, for those after it are not better and may be spoilt by then.
"""

from collections.abc import Callable
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor, nn

FOLDER = "snapshots"


class Snapshots:
    """Keeps the weights of the epochs that were validated last before the best one.

    Args:
        folder: Where they lie, one file an epoch; a training that goes on finds them there.
        count: How many.
    """

    def __init__(self, folder: Path, count: int) -> None:
        self.folder, self.count = folder, count

    def __call__(self, model: nn.Module, epoch: int, *, best: bool) -> None:
        """Keep a validated epoch, counted from 0; with a new best one those too far before it go."""
        self.folder.mkdir(parents=True, exist_ok=True)
        tensors = {name: p.detach().contiguous() for name, p in model.named_parameters() if p.requires_grad}
        beside = self.folder / "writing"
        save_file(tensors, beside)
        beside.replace(self.folder / f"epoch-{epoch + 1:04d}.safetensors")
        if best:
            self._drop(lambda number: number < epoch + 1 - self.count)

    def finish(self, best: int) -> None:
        """The training is over and its best epoch, counted from 1, is the model itself: keep those before."""
        self._drop(lambda number: number >= best)

    def _drop(self, goes: Callable[[int], bool]) -> None:
        for number, path in snapshots_in(self.folder).items():
            if goes(number):
                path.unlink()


def snapshots_in(folder: Path) -> dict[int, Path]:
    """Epoch, counted from 1 -> file, in their order."""
    files = sorted(folder.glob("epoch-*.safetensors")) if folder.is_dir() else []
    return {int(path.stem.removeprefix("epoch-")): path for path in files}


def load_snapshot(path: Path) -> dict[str, Tensor]:
    """The weights of a snapshot; those that never learn are not among them."""
    return load_file(path)
