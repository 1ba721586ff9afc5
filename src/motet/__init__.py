"""Motet: one model with a language model at its heart for every recommendation task.

>>> import motet
>>> run = motet.train("motet.yaml")  # doctest: +SKIP
>>> model = motet.open(run.folder)  # doctest: +SKIP
>>> model.recommend(users=[42], k=10)  # doctest: +SKIP
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from motet.config import Config
    from motet.derive.fitting import Kind
    from motet.present import InUse
    from motet.run import Run

__all__ = ["ensemble", "open", "pretrain", "train"]


def train(
    config: "Config | Mapping[str, Any] | str | Path",
    run: str | Path | None = None,
    overrides: Sequence[str] = (),
    *,
    events: Any = None,
    items: Any = None,
    users: Any = None,
    guard: bool = False,
) -> "Run":
    """Train one model for every task, and write a run folder.

    Args:
        config: A configuration file, the same as plain values, or a Config.
        run: The run folder; None means ``runs/NAME``.
        overrides: Options such as ``training.epochs=3``.
        events: A polars, pandas or pyarrow table instead of the files of ``data.events`` (or a list, one a
            source).
        items: Likewise for ``data.items``.
        users: Likewise for ``data.users``.
        guard: Set tasks apart that sharing hurts, judged on validation rows.

    Raises:
        motet.errors.MotetError: Something that a person can mend.
    """
    from motet.data.readers import tables_from_frames
    from motet.run import resolve, train

    found, folder = resolve(config, overrides)
    tables = (
        None if events is None else tables_from_frames(found.data, items=items, users=users, events=events)
    )
    return train(found, folder, Path(run or Path("runs") / found.name), tables, guarded=guard)


def pretrain(
    config: "Config | Mapping[str, Any] | str | Path",
    out: str | Path | None = None,
    overrides: Sequence[str] = (),
) -> dict[str, Any]:
    """Train the language model on the texts of a configuration, and write its folder.

    Args:
        config: As for `train`, with `pretraining`.
        out: The folder; None means ``models/NAME``. ``model.language.name`` may name it afterwards.
        overrides: Options such as ``pretraining.epochs=1``.

    Returns:
        What ``pretraining.json`` there holds, such as ``before`` and ``after``.

    Raises:
        motet.errors.MotetError: Something that a person can mend.
    """
    from motet.pretraining.train import pretrain
    from motet.run import resolve

    found, folder = resolve(config, overrides)
    return pretrain(found, folder, Path(out or Path("models") / found.name))


def ensemble(
    runs: "Sequence[str | Path]",
    out: str | Path,
    kind: "Kind | Literal['soup']" = "average",
    *,
    events: Any = None,
    items: Any = None,
    users: Any = None,
) -> "Run":
    """Put runs together, and write the folder of a run whose answers are those of all of them.

    Args:
        runs: Run folders, of the same data, split and tasks.
        out: The run folder to write.
        kind: How the members are put together, see docs/ensembles.md.
        events: Ready tables instead of the files of the runs' configuration, as for `open`.
        items: Likewise.
        users: Likewise.

    Raises:
        motet.errors.MotetError: Something that a person can mend.
    """
    from motet.derive.make import make_ensemble

    folders = [Path(each) for each in runs]
    return make_ensemble(folders, Path(out), kind, events=events, items=items, users=users)


def open(folder: str | Path, *, events: Any = None, items: Any = None, users: Any = None) -> "InUse":
    """Open a run folder, to recommend and to predict; tables may stand for the files of its configuration.

    It may hold one model or an ensemble, which are used alike.

    Raises:
        motet.errors.ArtifactError: The folder is not a whole run.
    """
    from motet.derive.folder import open_any

    return open_any(Path(folder), events=events, items=items, users=users)
