"""Settings of pretraining that are right alone and wrong together with the rest."""

from typing import TYPE_CHECKING, Any

from motet.config.data import DataConfig
from motet.config.data_conflicts import Found
from motet.config.model import ModelConfig
from motet.config.pretraining import Pretraining
from motet.config.tasks import is_text_task
from motet.errors import ConfigError

if TYPE_CHECKING:
    from motet.config import Config


def of_pretraining(
    pretraining: Pretraining | None, tasks: list[Any], data: DataConfig | None, model: ModelConfig | None
) -> Found:
    """What is wrong with pretraining.

    Args:
        pretraining: Its part; None where there is none, or where it is wrong in itself.
        tasks: All tasks; None for one that is wrong in itself.
        data: The data part, if it is right.
        model: The model part, if it is right.
    """
    if pretraining is None:
        return
    path = ("pretraining",)
    if model and model.language is None:
        said = "pretraining: there is no language model to train"
        write = "name one under  model.language , or leave pretraining out"
        if pretraining.scratch is not None:
            said = "pretraining.scratch: model.language says how texts are read (max_tokens, pooling, prefix)"
            write = "write  model: {language: {max_tokens: 128}} ; its name is not read"
        yield ("model", "language"), f"{said}; {write}"
    if data is None or None in tasks:
        return
    texts = [source for source in data.items if source.text]
    if not (texts or pretraining.files or any(is_text_task(task) for task in tasks)):
        said = "pretraining: there is no text; declare  text:  under data.items"
        yield path, f"{said}, or name files under  pretraining.files"
    for objective, kinds in pretraining.pairs.items():
        key = "views" if objective == "contrastive" else "follows"
        if "neighbours" in kinds and not (data.events and texts):
            said = f"pretraining.{key}: neighbours are items with texts in a log"
            yield (*path, key), f"{said}; declare data.events and the text of data.items"
        columns = [source.text for source in texts] + [source.text for source in pretraining.files]
        if "columns" in kinds and not any(len(several) > 1 for several in columns):
            said = f"pretraining.{key}: columns are pairs of two columns of a text, and no source has two"
            yield (*path, key), f"{said}; name more under its  text , or write another {key}"


def refuse_without_tasks(config: "Config") -> None:
    """Refuse a configuration of pretraining alone where tasks are asked for.

    Raises:
        ConfigError: It has no tasks.
    """
    if not config.tasks:
        raise ConfigError(
            "the configuration has no tasks: only  motet pretrain  reads it. Write a list of  tasks ."
        )
