"""The one place where the settings of a text task become its rows."""

from collections.abc import Sequence
from pathlib import Path

from motet.config.data import DataConfig
from motet.config.tasks import Retrieval, Tagging, TextTask
from motet.data.item_pairs import read_item_pairs
from motet.data.pairs import read_pairs
from motet.data.tagged import read_tagged
from motet.data.taken import Taken
from motet.data.texts import TextRows, read_texts


def read_rows(
    task: TextTask,
    data: DataConfig,
    folder: Path,
    seed: int,
    classes: Sequence[str] | None = None,
    taken: Taken | None = None,
) -> TextRows:
    """The rows of a text task; see `read_texts`, `read_tagged`, `read_pairs` and `read_item_pairs`."""
    if isinstance(task, Tagging):
        return read_tagged(task, data, folder, seed, classes)
    if isinstance(task, Retrieval) and task.seeks_items:
        return read_item_pairs(task, data, folder, seed, taken)
    if isinstance(task, Retrieval):
        return read_pairs(task, data, folder, seed)
    return read_texts(task, data, folder, seed, classes)
