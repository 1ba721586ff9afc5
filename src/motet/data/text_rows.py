"""The one place where the settings of a text task become its rows."""

from collections.abc import Sequence
from pathlib import Path

from motet.config.data import DataConfig
from motet.config.tasks import Retrieval, Tagging, TextTask
from motet.data.pairs import read_pairs
from motet.data.tagged import read_tagged
from motet.data.texts import TextRows, read_texts


def read_rows(
    task: TextTask, data: DataConfig, folder: Path, seed: int, classes: Sequence[str] | None = None
) -> TextRows:
    """The rows of a text task; see `read_texts`, `read_tagged` and `read_pairs`."""
    if isinstance(task, Tagging):
        return read_tagged(task, data, folder, seed, classes)
    if isinstance(task, Retrieval):
        return read_pairs(task, data, folder, seed)
    return read_texts(task, data, folder, seed, classes)
