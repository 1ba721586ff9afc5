"""The one place where the settings of a text task become its rows."""

from collections.abc import Sequence
from pathlib import Path

from motet.config.data import DataConfig
from motet.config.tasks import Tagging, TextTask
from motet.data.tagged import read_tagged
from motet.data.texts import TextRows, read_texts


def read_rows(
    task: TextTask, data: DataConfig, folder: Path, seed: int, classes: Sequence[str] | None = None
) -> TextRows:
    """The rows of a text task; see `read_texts` and `read_tagged`."""
    if isinstance(task, Tagging):
        return read_tagged(task, data, folder, seed, classes)
    return read_texts(task, data, folder, seed, classes)
