"""Reads a configuration: YAML, options of the command line, or plain Python values become one checked record.

All mistakes come in one ConfigError, each on a line of its own with file and line.
"""

import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from motet.config import Config
from motet.config.conflicts import Parts, conflicts
from motet.config.data import DataConfig
from motet.config.document import Document, Mistake, document_of
from motet.config.locate import place_of
from motet.config.mistakes import refuse, translate
from motet.config.model import ModelConfig
from motet.config.override import apply_override, override
from motet.config.pretraining import Pretraining
from motet.config.tasks import Task
from motet.config.training import EvaluationConfig, TrainingConfig
from motet.config.write import write_config
from motet.config.yaml_text import parse_yaml
from motet.errors import ConfigError, DataError

__all__ = ["apply_override", "config_folder", "config_from_dict", "located", "read_config", "write_config"]


def read_config(path: Path | str, overrides: Sequence[str] = ()) -> Config:
    """Read a configuration file.

    Args:
        path: A YAML file. The paths in it stay as written, relative to :func:`config_folder`.
        overrides: Options such as ``training.epochs=3``, applied in their order.

    Raises:
        ConfigError: Every mistake, each with ``file:line`` (or its option), what was found and what to write.
    """
    document = _document(Path(path), overrides)
    if document.value is None and not overrides:
        raise ConfigError(f"{path}:1: the file is empty; write data and tasks, or run  motet init FILES")
    return _config(document)


@contextmanager
def located(path: Path | str, overrides: Sequence[str] = ()) -> Iterator[None]:
    """Errors that the data bring to light, with the line of the configuration that they are about.

    Args:
        path: The file that was read.
        overrides: The options that were applied.
    """
    document = None
    with suppress(ConfigError):  # whatever is wrong there, reading it says
        document = _document(Path(path), overrides)
    try:
        yield
    except (ConfigError, DataError) as error:
        text = str(error)
        place = place_of(document, text) if document is not None else None
        if place is None or text.startswith((f"{path}:", "--set ")):
            raise
        raise type(error)(f"{place.text}: {text}") from error


def _document(path: Path, overrides: Sequence[str]) -> Document:
    document = parse_yaml(_text(path), str(path))
    for number, option in enumerate(overrides):
        document = override(document, option, number)
    return document


def config_from_dict(raw: Mapping[str, Any], where: str = "configuration") -> Config:
    """Check a configuration that was given as plain values.

    Args:
        raw: Like the YAML file; parts may be records already.
        where: What messages call it.

    Raises:
        ConfigError: Every mistake, each with what was found and what to write.
    """
    return _config(document_of(dict(raw) if isinstance(raw, Mapping) else raw, where))


def config_folder(path: Path | str) -> Path:
    """The folder that the paths of a configuration file are relative to."""
    return Path(path).resolve().parent


def _text(path: Path) -> str:
    if path.is_dir():
        raise ConfigError(
            f"{path}: this is a folder; name the configuration file in it, such as {path / 'motet.yaml'}"
        )
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file. {_near(path)}") from None
    except OSError as error:
        raise ConfigError(
            f"{path}: the file cannot be read ({error.strerror}); check its permissions"
        ) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError(f"{path}:{line}: the text is not UTF-8; save the file as UTF-8") from None


def _near(path: Path) -> str:
    here = sorted(str(found) for ending in ("*.yaml", "*.yml") for found in path.parent.glob(ending))
    close = difflib.get_close_matches(str(path), here, 1) or here[:3]
    return f"Did you mean {' or '.join(close)}?" if close else "Make one with  motet init FILES"


def _config(document: Document) -> Config:
    mistakes = list(document.mistakes)
    try:
        config = Config.model_validate(document.value)
    except ValidationError as error:
        mistakes += translate(error, document, Config) + _conflicts(document)
    else:
        if not mistakes:
            return config
    raise refuse(document, mistakes)


def _conflicts(document: Document) -> list[Mistake]:
    """What does not fit together among those parts that are right in themselves."""
    raw = document.value if isinstance(document.value, dict) else {}
    tasks = raw.get("tasks")
    parts = Parts(
        data=_right(DataConfig, raw.get("data", {}), needed={"events"}),
        tasks=[_right(Task, task, needed={"texts"}) for task in tasks] if isinstance(tasks, list) else [],
        training=_right(TrainingConfig, raw.get("training", {})),
        evaluation=_right(EvaluationConfig, raw.get("evaluation", {}), needed={"k"}),
        model=_right(ModelConfig, raw.get("model", {}), needed={"timeline"}),
        pretraining=_right(Pretraining, raw["pretraining"]) if raw.get("pretraining") else None,
    )
    return [Mistake(document.place(location), text) for location, text in conflicts(parts)]


def _right(kind: Any, raw: Any, needed: Collection[str] = ()) -> Any:
    """A part without those of its settings that are wrong in themselves; None when it cannot do without."""
    check = TypeAdapter(kind).validate_python
    try:
        return check(raw)
    except ValidationError as error:
        wrong = {step for detail in error.errors() for step in detail["loc"][:2]}
    if not isinstance(raw, dict) or wrong & set(needed):
        return None
    try:
        return check({key: value for key, value in raw.items() if key not in wrong})
    except ValidationError:
        return None
