"""The working folder of a run that is not finished: who writes it, and what it was begun with.

A training goes on from it only with the configuration and the data that it was begun with; nothing is mixed.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from motet.config import Config
from motet.config.differing import differing
from motet.config.read import read_config, write_config
from motet.data.provenance import Read, changes
from motet.errors import ConfigError, DataError
from motet.system.files import read_json, write_json
from motet.system.lock import only_one

LOCK, ASKED, SETTLED, DATA, CHECKPOINTS = "lock", "asked.yaml", "motet.yaml", "data.json", "checkpoints"
GUARD = "guard"  # a file that is there when the training was begun with it


@contextmanager
def working_folder(target: Path, what: str = "run", option: str = "--run") -> Iterator[Path]:
    """The folder beside a run-to-be, for this process alone; what fails before a checkpoint leaves none.

    Args:
        target: The run-to-be.
        what: It is, in a word.
        option: Of the command line, names another one.

    Raises:
        ArtifactError: Another process is writing the run.
        ConfigError: There can be no folder.
    """
    work = working_folder_of(target)
    try:
        work.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, FileNotFoundError, NotADirectoryError) as error:
        reason = f"{error.strerror}: {error.filename}"
        raise ConfigError(
            f"{target}: no {what} can be written there ({reason}). Give another  {option}."
        ) from None

    def busy(who: str) -> str:
        return (
            f"{work}: {who} is training this {what} now. Wait for it, or give another folder with  {option}."
        )

    with only_one(work / LOCK, busy):
        try:
            yield work
        except BaseException:
            if not begun(work):
                shutil.rmtree(work)
            raise


def working_folder_of(target: Path) -> Path:
    """Where the working folder of a run-to-be lies: beside it."""
    return target.with_name(target.name + ".partial")


def begun(work: Path) -> bool:
    """Whether there is something to go on from: a checkpoint."""
    return (work / ASKED).exists() and any((work / CHECKPOINTS).glob("*.safetensors"))


def told_how_to_go_on(target: Path) -> str:
    """What to tell the person who stopped a training at once."""
    work = working_folder_of(target)
    if not begun(work):
        return "Nothing was trained yet that is worth keeping."
    return f"What is trained so far is kept in {work}: the same command goes on from there."


def begin(work: Path, asked: Config, settled: Config, data: Read, *, guarded: bool = False) -> None:
    """Empty the folder and write down what a training begins with."""
    for path in work.iterdir():
        if path.name != LOCK:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    if guarded:
        (work / GUARD).touch()
    write_config(settled, work / SETTLED)
    write_json(work / DATA, data)
    write_config(asked, work / ASKED)


def settle_more(work: Path, settled: Config) -> None:
    """Write down what was chosen since the training began."""
    write_config(settled, work / SETTLED)


def go_on(work: Path, asked: Config, data: Read, *, guarded: bool = False) -> Config:
    """The settled configuration of a training that was begun with this configuration and these data.

    Args:
        work: The working folder.
        asked: The configuration as it was given now.
        data: What is read now, from `motet.data.provenance`.
        guarded: Whether the guard is asked for now.

    Raises:
        ConfigError: The training was begun with another configuration, or the guard with or without.
        DataError: It was begun with other data.
    """
    settings = _changed_settings(work / ASKED, asked)
    if settings:
        raise ConfigError(
            f"{work} holds an unfinished training with another configuration: {_listed(settings)}. "
            "Restore that one to go on, or remove the folder to begin anew."
        )
    if (work / GUARD).exists() != guarded:
        was = "without --guard" if guarded else "with --guard"
        raise ConfigError(
            f"{work} holds an unfinished training that was begun {was}. Give the same command to go on, or "
            "remove the folder to begin anew."
        )
    files = changes(read_json(work / DATA), data)
    if files:
        raise DataError(
            f"{work} holds an unfinished training on other data: {_listed(files)}. "
            "Restore the data to go on, or remove the folder to begin anew."
        )
    return read_config(work / SETTLED)


def _changed_settings(path: Path, now: Config) -> list[str]:
    try:
        before = read_config(path)
    except ConfigError:
        return [f"{path.name} was written by another version"]
    return list(differing(before.model_dump(mode="json"), now.model_dump(mode="json")))


def _listed(said: list[str], most: int = 5) -> str:
    return "; ".join(said[:most]) + (f"; and {len(said) - most} more" if len(said) > most else "")
