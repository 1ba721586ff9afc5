"""Origins: what members were trained on, held against what an ensemble of them is fitted and measured on.

A member that was trained on other data may have learned from rows that are validation or test rows now; then
the weights that are fitted and all figures would be too good.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from motet.config.read import read_config
from motet.data.provenance import Read, changes, files_read, refuse_gone, tables_read, were_tables
from motet.errors import DataError
from motet.system.files import read_json
from motet.use import TrainedModel

UNTOLD = (
    "The members were trained on files, and tables were given instead of them: it cannot be told whether they"
    " hold the same. If not, members may have learned from these rows, and the figures may be too good."
)


def origin(folder: Path) -> Read:
    """What a run was trained on, by the hashes of its manifest."""
    found: Read = read_json(folder / "manifest.json").get("data", {})
    return found


def read_today(first: TrainedModel, *, given: bool) -> Read:
    """What is read now: the files of the first member, or the tables that stand for them.

    Args:
        first: The first member.
        given: Whether tables were given.

    Raises:
        DataError: A file is gone, or the run was trained on tables and none were given.
    """
    config, folder = first.bundle.config, first.bundle.folder
    if given or were_tables(origin(folder)):
        return tables_read(first.read())
    refuse_gone(config, folder)
    return files_read(config, folder)


def refuse_other_data(folders: Sequence[Path], now: Read) -> list[str]:
    """Refuse runs that were trained on other data than are read now, and thereby on different ones.

    Args:
        folders: The runs.
        now: What is read now.

    Returns:
        What is to be told: a line where it cannot be told whether the data are the same.

    Raises:
        DataError: It names the run and what differs.
    """
    reads = [origin(folder) for folder in folders]
    for folder, read in zip(folders, reads, strict=True):
        if were_tables(read) != were_tables(reads[0]):
            raise DataError(
                f"{folders[0]} and {folder} were trained on files and on tables in Python, one each, so that "
                "it cannot be told whether these hold the same. Train both on the one or on the other."
            )
    if were_tables(reads[0]) != were_tables(now):
        _refuse_each_other(folders, reads)
        return [UNTOLD]
    said = [changes(_named(now, read), now) for read in reads]
    alike = next((folder for folder, lines in zip(folders, said, strict=True) if not lines), None)
    for folder, lines in zip(folders, said, strict=True):
        if lines:
            company = "" if alike is None else f", on which {alike} was trained"
            raise DataError(
                f"{folder} was trained on other data than are read now{company}: {'; '.join(lines)}. It may "
                "have learned from rows that test the ensemble. Train it again on these data, or restore "
                "those that it was trained on."
            )
    return []


def names_in(one: Read, other: Read) -> dict[str, str]:
    """How one calls what the other read: a file of the same content may lie elsewhere.

    >>> names_in({"old/a": {"sha256": "1"}}, {"new/a": {"sha256": "1"}, "b": {"sha256": "2"}})
    {'new/a': 'old/a', 'b': 'b'}
    """
    held = {entry["sha256"]: name for name, entry in one.items()}
    return {name: name if name in one else held.get(entry["sha256"], name) for name, entry in other.items()}


def changed_since(folder: Path) -> list[str]:
    """In what the files that a run reads differ from what it was trained on, a line each.

    Raises:
        DataError: A file is gone.
    """
    before, config = origin(folder), read_config(folder / "motet.yaml")
    if were_tables(before):
        return ["it was made of tables in Python, and it cannot be told whether the files hold the same"]
    refuse_gone(config, folder)
    return [f"since the training {line}" for line in changes(before, files_read(config, folder))]


def _refuse_each_other(folders: Sequence[Path], reads: Sequence[Read]) -> None:
    for folder, read in zip(folders, reads, strict=True):
        named = _named(reads[0], read)
        names = [name for name in {**reads[0], **named} if _hash(reads[0], name) != _hash(named, name)]
        if names:
            raise DataError(
                f"{folders[0]} and {folder} were trained on different data: {', '.join(names)} differ. One "
                "may have learned from rows that test the other. Train both on the same."
            )


def _named(one: Read, other: Read) -> Read:
    names = names_in(one, other)
    return {names[name]: entry for name, entry in other.items()}


def _hash(read: Read, name: str) -> str:
    entry: Mapping[str, str] = read.get(name, {})
    return entry.get("sha256", "")
