"""Inference: from files to a configuration that a person can read and edit, with a reason for each choice.

Values decide, names are weak evidence: files and columns may bear any name. Reads samples (about 100,000
rows of a file) and a few exact counts that stream.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from motet.config import Config
from motet.config.read import config_from_dict
from motet.data.infer.document import write_document
from motet.data.infer.gather import Findings, gather, history_lengths
from motet.data.infer.plan import Plan, make_plan
from motet.errors import DataError

TABLES = {".csv", ".tsv", ".jsonl", ".ndjson", ".parquet"}


@dataclass(frozen=True)
class Inference:
    """What was inferred."""

    text: str
    """The configuration as commented YAML."""
    config: Config
    """The same, checked."""
    statements: tuple[str, ...]
    """What was found, in sentences, for the person who waits."""


def infer(files: Sequence[Path], folder: Path | None = None, name: str | None = None) -> Inference:
    """Look at data files and write a configuration for them.

    Args:
        files: CSV, JSON Lines, Parquet, atomic files; folders stand for the files in them.
        folder: Where the configuration will lie, so that its paths are relative to it; None: the present one.
        name: Of the configuration; None: the name of the folder of the first file.

    Raises:
        DataError: A file is missing or damaged, or no file is a log of events.
    """
    paths = _files(files)
    found = gather(paths)
    _refuse_damaged([path for path in files if path.is_file()], found)
    plan = make_plan(found.logs, history_lengths(found.logs))
    text = write_document(found, plan, name or paths[0].resolve().parent.name or "motet", folder or Path())
    config = config_from_dict(yaml.safe_load(text), "the inferred configuration")
    return Inference(text, config, tuple(_statements(found, plan)))


def _files(files: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for path in files:
        if not path.exists():
            raise DataError(f"{path}: there is no such file. Name the files of your data, or their folder.")
        inside = sorted(each for each in path.iterdir() if each.is_file()) if path.is_dir() else [path]
        found += [each for each in inside if not each.name.startswith(".") and each not in found]
    if not found:
        raise DataError("no file was named. Write  motet init FILES")
    return found


def _refuse_damaged(named: Sequence[Path], found: Findings) -> None:
    """A table that somebody named by itself and that cannot be read is a mistake, not a file to pass over."""
    for path in named:
        if path in found.unread and TABLES.intersection(path.suffixes):
            raise DataError(f"{path}: {found.unread[path]}. Mend the file, or leave it out.")


def _statements(found: Findings, plan: Plan) -> list[str]:
    said = []
    for roles in found.logs:
        said.append(
            f"{roles.log.table.name}: a log of {roles.log.events:,} events; {roles.user} is the user"
            f" ({roles.reason})"
        )
        look = roles.log.table.look
        if look.parts_of_split and not roles.of("split"):
            files = ", ".join(path.name for path in look.paths)
            said.append(
                f"{files}: laid end to end; a split that their names speak of is lost: to keep it, give the"
                " rows a column that says so"
            )
    said += [f"{each.table.name}: items, by {each.key}" for each in found.items]
    said += [f"{each.table.name}: users, by {each.key}" for each in found.users]
    said += [f"{name}: not used ({reason})" for name, reason in found.unused.items()]
    for part, words in (("context", "known beforehand"), ("outcome", "known only afterwards")):
        names = [column.name for roles in found.logs for column in roles.of(part)]  # type: ignore[arg-type]
        if names:
            said.append(f"{words}: {', '.join(names)}")
    tasks = ", ".join(task.settings["name"] for task in plan.tasks if not task.off)
    said.append(f"tasks: {tasks}; split: {plan.split.settings['kind']} ({plan.split.reason})")
    return said
