"""The folder of an ensemble: its members' bundles, how they are put together, and nothing pickled.

`ensemble.json` says the kind, the members and each task's combiner; what a stack learned lies in
`combiners.safetensors`, trees in `trees/TASK.txt` as LightGBM writes them. No user id is kept.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor

from motet.bundle import save_again
from motet.config.read import read_config
from motet.derive.boosted import Trees
from motet.derive.combine import Combiner, Fusion, Vote, Weights
from motet.derive.ensemble import Ensemble
from motet.derive.fitting import as_json
from motet.derive.members import MARKER, is_ensemble, open_members
from motet.derive.stack import Stack
from motet.errors import ArtifactError
from motet.present import InUse
from motet.system.files import read_json, write_json
from motet.system.manifest import verify_manifest, write_manifest
from motet.use import TrainedModel, open_run

FORMAT = 1


def open_any(folder: Path, *, events: Any = None, items: Any = None, users: Any = None) -> InUse:
    """Open a run folder, of a single model or of an ensemble; tables as for `motet.open`.

    Raises:
        ArtifactError: The folder is not a whole run.
    """
    opened = open_ensemble if is_ensemble(folder) else open_run
    return opened(folder, events=events, items=items, users=users)


def open_ensemble(folder: Path, *, events: Any = None, items: Any = None, users: Any = None) -> Ensemble:
    """Open the folder of an ensemble after checking the hash of every file.

    Raises:
        ArtifactError: A file is missing, was changed, or is of another format.
    """
    verify_manifest(folder)
    raw = read_json(folder / MARKER)
    if raw.get("format") != FORMAT:
        raise ArtifactError(
            f"{folder}: the ensemble is of format {raw.get('format')}, this version reads {FORMAT}. "
            "Make it again."
        )
    places = [folder / each["folder"] for each in raw["members"]]
    members = open_members(places, events=events, items=items, users=users).models
    return Ensemble(
        folder, raw["kind"], read_config(folder / "motet.yaml"), members, _combiners(folder, raw["tasks"])
    )


def save_combiners(
    folder: Path, kind: str, members: Sequence[Mapping[str, Any]], combiners: Mapping[str, Combiner]
) -> None:
    """Write ensemble.json and what combiners learned.

    Args:
        folder: Of the ensemble.
        kind: How the members are put together.
        members: What is told of each member; ``folder`` says where it lies.
        combiners: Of each task.
    """
    tasks = {task: as_json(each) for task, each in combiners.items()}
    write_json(folder / MARKER, {"format": FORMAT, "kind": kind, "members": members, "tasks": tasks})
    tensors: dict[str, Tensor] = {}
    for task, each in combiners.items():
        if isinstance(each, Stack):
            tensors |= {f"{task}/{name}": value.contiguous() for name, value in each.state_dict().items()}
        if isinstance(each, Trees):
            (folder / "trees").mkdir(exist_ok=True)
            (folder / "trees" / f"{task}.txt").write_text(each.text, encoding="utf-8")
    if tensors:
        save_file(tensors, folder / "combiners.safetensors")


def save_member(model: TrainedModel, place: Path) -> None:
    """Write a member's bundle, without its metrics and its report, under a manifest of its own."""
    save_again(model.bundle, place)
    told = read_json(model.bundle.folder / "manifest.json")
    write_manifest(place, {name: value for name, value in told.items() if name not in ("format", "files")})


def _combiners(folder: Path, tasks: Mapping[str, Mapping[str, Any]]) -> dict[str, Combiner]:
    path = folder / "combiners.safetensors"
    tensors = load_file(path) if path.is_file() else {}
    return {task: _combiner(folder, task, raw, tensors) for task, raw in tasks.items()}


def _combiner(folder: Path, task: str, raw: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Combiner:
    match raw["combiner"]:
        case "weights":
            return Weights(tuple(raw["weights"]))
        case "vote":
            return Vote()
        case "rank_fusion":
            return Fusion(raw["constant"])
        case "trees":
            return Trees((folder / "trees" / f"{task}.txt").read_text(encoding="utf-8"), raw["members"])
        case "stack":
            stack = Stack(raw["features"], raw["members"], raw["hidden"])
            own = {
                name.removeprefix(f"{task}/"): tensors[name]
                for name in tensors
                if name.startswith(f"{task}/")
            }
            stack.load_state_dict(own)
            return stack.requires_grad_(False)
        case other:
            raise ArtifactError(
                f"{folder}: this version knows no combiner {other!r}. Use the version that made it."
            )
