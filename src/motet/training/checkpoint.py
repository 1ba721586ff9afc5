"""Checkpoints: all that training needs to go on exactly where it was killed, in one safetensors file.

Nothing is pickled. Random numbers need no place here: every step derives its generator from the seed and
its own number.
"""

import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from motet.errors import ArtifactError
from motet.training.optimizer import WeightAverage


def save_checkpoint(
    path: Path,
    modules: dict[str, nn.Module],
    optimizer: torch.optim.Optimizer,
    average: WeightAverage,
    best: dict[str, Tensor],
    state: dict[str, Any],
) -> None:
    """Write a checkpoint; an older one stays whole until the new one is complete.

    Args:
        path: The file.
        modules: Name -> module whose weights belong to it.
        optimizer: Its moments are saved by parameter place.
        average: The moving average of the weights.
        best: Weights of the best epoch so far.
        state: Plain values: epoch, step, history, monitor.
    """
    tensors: dict[str, Tensor] = {}
    for name, module in modules.items():
        tensors |= {f"weights/{name}/{key}": value for key, value in module.state_dict().items()}
    for place, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{place}/{key}": torch.as_tensor(value) for key, value in moments.items()}
    tensors |= {f"average/{key}": value for key, value in average.shadow.items()}
    tensors |= {f"best/{key}": value for key, value in best.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".writing")
    save_file(
        {key: value.contiguous() for key, value in tensors.items()}, beside, {"state": json.dumps(state)}
    )
    os.replace(beside, path)


def load_checkpoint(
    path: Path, modules: dict[str, nn.Module], optimizer: torch.optim.Optimizer, average: WeightAverage
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a checkpoint into the modules and the optimiser; returns the best weights and the plain values.

    Raises:
        ArtifactError: The file does not fit the model.
    """
    with safe_open(path, framework="pt") as file:
        state = json.loads((file.metadata() or {})["state"])
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    try:
        for name, module in modules.items():
            module.load_state_dict(_under(tensors, f"weights/{name}/"))
    except RuntimeError as error:
        raise ArtifactError(
            f"{path}: the checkpoint belongs to another model ({str(error).splitlines()[0]}). "
            "Remove the folder to start anew, or restore the configuration it was made with."
        ) from None
    moments: dict[int, dict[str, Tensor]] = {}
    for key, value in _under(tensors, "optimizer/").items():
        place, name = key.split("/")
        moments.setdefault(int(place), {})[name] = value
    optimizer.load_state_dict({"state": moments, "param_groups": optimizer.state_dict()["param_groups"]})
    average.shadow = _under(tensors, "average/")
    return _under(tensors, "best/"), state


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
