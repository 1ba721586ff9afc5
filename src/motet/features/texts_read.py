"""Texts that validate or test a task and that the language model has read before any task."""

from collections.abc import Mapping
from pathlib import Path

from motet.config import Config
from motet.data.already_read import count_read, read_by
from motet.data.provenance import folder_of_model
from motet.data.texts import TextRows
from motet.data.timelines import TEST, VALID
from motet.errors import ConfigError


def told_read(config: Config, folder: Path, rows: Mapping[str, TextRows]) -> list[str]:
    """A sentence on each task of which the pretrained language model has read validation texts.

    Args:
        config: The configuration; its language model is a folder, or was not pretrained here.
        folder: Where its paths begin.
        rows: Text task -> its rows.

    Raises:
        ConfigError: It has read texts that test one.
    """
    place = folder_of_model(config, folder)
    if place is None:
        return []
    number_K, said = read_by(place), []
    for name, each in rows.items() if len(number_K) else ():
        read, many = count_read(each, TEST, number_K)
        if read:
            raise ConfigError(
                f"model.language: {place} has read {read:,} of the {many:,} test texts of {name} "
                "when it was pretrained, so the test would promise too much. Pretrain it with these tasks "
                f"and the same  training.seed  (now {config.data_seed}), or give  tasks.{name}  a  split  "
                "(which no other seed changes) and pretrain it with that."
            )
        read, many = count_read(each, VALID, number_K)
        if read:
            said.append(
                f"{name}: the language model has read {read:,} of the {many:,} validation texts when it was "
                "pretrained, so they promise too much; pretrain it with these tasks and the same seed."
            )
    return said
