"""Gather: from files to everything that the models of a run share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from motet.config import Config
from motet.config.tasks import Binary, Retrieval, Texts, is_row_task, is_text_task
from motet.data.counters import CounterScaler
from motet.data.counting import (
    CountedRows,
    CounterInput,
    count_rows,
    count_steps,
    counter_input,
    known_after,
)
from motet.data.dataset import Dataset, prepare
from motet.data.division import clean_divided
from motet.data.nothing import nothing
from motet.data.readers import read_tables
from motet.data.suspects import SUSPICIOUS
from motet.data.table import Tables
from motet.data.taken import Taken
from motet.data.text_feed import TextSet
from motet.data.timelines import TRAIN, UNUSED, Timelines
from motet.data.tokens import Tokens
from motet.errors import ConfigError, DataError
from motet.evaluation.protocol import View, views
from motet.features.content import Encode, build_content, items_beside
from motet.features.images import picture_vectors
from motet.features.items import PICTURE
from motet.features.texts import gather_texts
from motet.features.texts_read import told_read
from motet.language.backbone import load_language
from motet.language.cache import TextVectors
from motet.language.find import placed
from motet.language.tuned import TunedLanguage
from motet.system.log import Bar, progress, say, stage, warn
from motet.training.fit import Prepared
from motet.training.held_out import told


@dataclass(frozen=True)
class Material:
    """Everything that the models of a run share, and what is to be told of it."""

    config: Config
    prepared: Prepared
    views: list[View]
    account: dict[str, Any]
    behaviour: dict[str, Any]
    statements: list[str]
    guard: dict[str, Any] = field(default_factory=dict)  # tasks that sharing hurt, see `motet.guard`
    seen: Mapping[str, Any] = field(default_factory=dict)  # what the guard saw of all tasks, likewise
    search: dict[str, Any] = field(default_factory=dict)  # weights that were found, see `motet.search`


def gather(config: Config, folder: Path, tables: Tables | None = None) -> Material:
    """Read, clean, order, label, split, count and encode.

    Args:
        config: The configuration.
        folder: Where relative paths begin.
        tables: Ready tables instead of the files.
    """
    if not config.of_events.tasks:
        return _of_texts(config, gather_texts(config, folder), folder)
    whole, config = config, config.of_events
    if tables is None:
        with stage("reading"):
            tables = read_tables(config.data, folder, extra=split_columns(config))
    tables, account = clean_divided(tables, config)
    dataset = prepare(tables, config)
    say(describe(dataset))
    texts = gather_texts(whole, folder, taken=Taken.of(dataset))
    read = _read_before(whole, folder, texts)
    for doubt in dataset.statements:
        if doubt.startswith(SUSPICIOUS):
            warn(doubt)
    settled = [
        *_labels_that_never_vary(config, dataset),
        *_chains_that_break(config, dataset),
        *_told_idle(whole),
    ]
    for doubt in settled:
        warn(doubt)
    counter_NC, scaler, names, asked = count(config, tables, dataset)
    seen = _pictures(config, dataset)
    beside = items_beside(dataset.log, len(dataset.catalogue) - 1, config.model.item.neighbours)
    content = build_content(dataset.catalogue, _encoder(config), beside, _words(config, dataset))
    statements = [*dataset.statements, *settled, _text_statement(config, content.text_IT is not None)]
    statements += [*seen, *told(config, dataset.log)]
    statements += [*read, *(said for each in texts.values() for said in each.rows.statements)]
    prepared = Prepared(dataset, content, counter_NC, scaler, names, texts)
    return Material(whole, prepared, asked, account.to_json(), dataset.behaviour, statements)


def _of_texts(config: Config, texts: dict[str, TextSet], folder: Path) -> Material:
    """What runs share whose tasks all read texts."""
    dataset = nothing()
    prepared = Prepared(dataset, build_content(dataset.catalogue, None), None, None, [], texts)
    statements = [said for each in texts.values() for said in each.rows.statements]
    unread = _told_unread(config)
    for doubt in unread:
        warn(doubt)
    told_first = [*_read_before(config, folder, texts), *_told_idle(config), *unread]
    return Material(config, prepared, [], {}, {}, [*told_first, *statements])


def _told_unread(config: Config) -> list[str]:
    """A sentence on each search that a log could teach, were it read."""
    return [
        f"{task.name}: data.events is not read, as no task is about events: no query is made of what users "
        "took, and items that the log would hold out train."
        for task in config.tasks
        if config.data.events and isinstance(task, Retrieval) and task.texts == "items"
    ]


def _read_before(config: Config, folder: Path, texts: Mapping[str, TextSet]) -> list[str]:
    """Warn of validation texts that the language model has read; refuse where it has read test texts."""
    found = told_read(config, folder, {name: each.rows for name, each in texts.items()})
    for doubt in found:
        warn(doubt)
    return found


def _told_idle(config: Config) -> list[str]:
    """A sentence on each task that takes no part in the training."""
    idle = [task.name for task in config.tasks if task.weight == 0]
    return [f"{name} has weight 0: nothing is learned for it." for name in idle]


def _labels_that_never_vary(config: Config, dataset: Dataset) -> list[str]:
    """Row tasks of whose training rows all have one label: a sentence each."""
    said = []
    for name in (task.name for task in config.tasks if is_row_task(task)):
        label_N = dataset.log.label[name][dataset.log.train_N]
        known = label_N[~np.isnan(label_N)]
        if len(known) and (known == known[0]).all():
            said.append(
                f"Every training row of {name} has the label {known[0]:g}: there is nothing to learn. "
                "Look at its label and its types."
            )
    return said


def _chains_that_break(config: Config, dataset: Dataset) -> list[str]:
    """Tasks that are said to follow others, where training rows say otherwise: a sentence each.

    Raises:
        ConfigError: One has labels only where the other happened: what that selects cannot be unlearned.
    """
    said = []
    after = [(task.name, task.after) for task in config.tasks if isinstance(task, Binary) and task.after]
    for later, earlier in after:
        later_N, earlier_N = (dataset.log.label[name][dataset.log.train_N] for name in (later, earlier))
        both_N = ~np.isnan(later_N) & ~np.isnan(earlier_N)
        if both_N.any() and not (earlier_N[both_N] == 0).any():
            raise ConfigError(
                f"tasks.{later}.after: all {both_N.sum():,} training rows that have a label of {later} have "
                f"{earlier} = 1, so what {later} is over all rows of {earlier} cannot be learned. Give those "
                f"without {earlier} a label of {later} too, which is 0 (its types and its label), or take "
                "after:  out."
            )
        alone = int(((later_N == 1) & (earlier_N == 0)).sum())
        if alone:
            said.append(
                f"{later} is declared to come after {earlier}, but {alone:,} training rows have it without "
                f"{earlier}: the chain cannot learn those. Look at both labels."
            )
    return said


def _pictures(config: Config, dataset: Dataset) -> list[str]:
    """Let the vision model read the pictures of the items; a sentence on each column of them."""
    if config.model.vision is None:
        return []
    name = config.model.vision.name
    found = picture_vectors(dataset.catalogue.pictures, name)
    dataset.catalogue.vectors.update(found)
    return [
        f"Pictures of items ({column.removeprefix(PICTURE)}) are read by {name}: "
        f"{int((~np.isnan(vector_ID[:, 0])).sum()):,} of {len(vector_ID) - 1:,} items have one."
        for column, vector_ID in found.items()
    ]


def _encoder(config: Config) -> Encode | None:
    """Texts to vectors through the cache; None without a language model."""
    if config.model.language is None:
        return None
    language = config.model.language
    return lambda texts: TextVectors().lookup_or_encode(texts, load_language(language))


def with_language_settled(material: Material) -> Material:
    """The same with the precision of the vectors of its texts, and the fingerprint of what made them.

    So whoever opens the run, on whatever machine, reads texts as it did. Where no frozen language model read
    any, nothing is settled.
    """
    language = material.config.model.language
    read = material.prepared.content.text_IT is not None or material.prepared.texts
    if language is None or language.tuned or not read:
        return material
    encoder = load_language(language)
    update = {"precision": TextVectors().precision(encoder), "fingerprint": encoder.fingerprint}
    model = material.config.model.model_copy(update={"language": language.model_copy(update=update)})
    return replace(material, config=material.config.model_copy(update={"model": model}))


def _words(config: Config, dataset: Dataset) -> Tokens | None:
    """Tokens of the items' texts, for a language model that is tuned; none of an item without a text."""
    language, text_I = config.model.language, dataset.catalogue.text_I
    if language is None or not language.tuned or not any(text_I):
        return None
    has = [place for place, text in enumerate(text_I) if text]
    id_F, offset_N = TunedLanguage(language.settled()).tokens([text_I[place] for place in has])
    length_I = np.zeros(len(text_I), np.int64)
    length_I[has] = np.diff(offset_N)
    return Tokens(id_F, np.concatenate([[0], np.cumsum(length_I)]))


def split_columns(config: Config) -> list[str]:
    """Columns that tasks with a split of their own read."""
    return sorted({task.split.column for task in config.tasks if task.split and task.split.column})


def with_absolute_paths(config: Config, folder: Path) -> Config:
    """The same with absolute paths of files and models: a run finds them from anywhere on this machine."""

    def moved(source: Any) -> Any:
        named = {name: getattr(source, name, None) for name in ("path", "valid", "test", "unlabelled")}
        paths = {name: [str(folder / each) for each in several] for name, several in named.items() if several}
        return source.model_copy(update=paths)

    data = config.data
    sources = (("items", data.items), ("users", data.users), ("events", data.events))
    update = {name: [moved(source) for source in several] for name, several in sources}
    tasks = [
        task.model_copy(update={"texts": moved(task.texts)})
        if is_text_task(task) and isinstance(task.texts, Texts)
        else task
        for task in config.tasks
    ]
    pretraining = config.pretraining
    if pretraining is not None:
        pretraining = pretraining.model_copy(update={"files": [moved(each) for each in pretraining.files]})
    models = {
        kind: each.model_copy(update={"name": placed(each.name, folder)})
        for kind, each in (("language", config.model.language), ("vision", config.model.vision))
        if each is not None
    }
    changed = {"data": data.model_copy(update=update), "tasks": tasks, "pretraining": pretraining}
    changed |= {"model": config.model.model_copy(update=models)}
    return config.model_copy(update=changed)


def count(
    config: Config, tables: Tables, dataset: Dataset, scaler: CounterScaler | None = None
) -> tuple[CountedRows | None, CounterScaler | None, list[str], list[View]]:
    """Counters of training rows, their scaler (known, or fitted), their names, and the views with theirs."""
    log = dataset.log
    asked = views(config, log)
    if not counts(config, dataset):
        return None, None, [], asked
    source = counter_source(config, tables, dataset)
    train_N = log.train_N
    rows_N = counted_training_rows(log)
    part_N = counted_in_training(train_N)
    steps = sum(count_steps(source, view.part_N, ~train_N) for view in asked)
    with progress(count_steps(source, part_N, rows_N) + steps, "counters") as bar:
        raw = count_rows(source, log, part_N, frozen=False, wanted_N=rows_N, bar=bar)
        scaler = scaler or CounterScaler.fit(raw)
        counted = CountedRows.of(rows_N, scaler.apply(raw, out=raw))
        asked = [
            replace(view, counter_NC=_of_view(source, log, view, counted, scaler, bar)) for view in asked
        ]
    return counted, scaler, source.plan.names(), asked


def counted_in_training(train_N: np.ndarray) -> np.ndarray:
    """Part of each row for the counters of training rows: rows that do not train are not counted."""
    return np.where(train_N, TRAIN, UNUSED).astype(np.int8)


def counted_training_rows(log: Timelines) -> np.ndarray:
    """Rows that have counters in training, boolean ``(N,)``, by which counters are scaled too."""
    rows_N: np.ndarray = log.labelled_N & log.train_N
    return rows_N


def counter_source(config: Config, tables: Tables, dataset: Dataset) -> CounterInput:
    """What the counters of a log read, from the columns that are declared with ``count: true``."""
    declared = [*tables.roles.item, *tables.roles.context]
    return counter_input(
        dataset.log,
        dataset.catalogue,
        dataset.encodings.request,
        config.data.counters,
        {feature.name for feature in declared if feature.column.count},
        known_after(config.tasks),
    )


def counts(config: Config, dataset: Dataset) -> bool:
    """Whether counters are kept: as set, or when a task scores rows and the log has times."""
    wanted = config.data.counters.enabled
    if wanted == "auto":
        return dataset.log.timed and any(is_row_task(task) for task in config.tasks)
    return wanted


def _of_view(
    source: CounterInput, log: Timelines, view: View, train: CountedRows, scaler: CounterScaler, bar: Bar
) -> CountedRows:
    rows_N = ~log.train_N
    frozen = view.history == "frozen"
    raw = count_rows(source, log, view.part_N, frozen=frozen, wanted_N=rows_N, bar=bar)
    return train.before(CountedRows.of(rows_N, scaler.apply(raw, out=raw)))


def describe(dataset: Dataset) -> str:
    """One line on the size of the data."""
    log = dataset.log
    items, train = len(dataset.catalogue) - 1, int(log.train_N.sum())
    return f"{len(log.user_ids):,} users, {items:,} items, {len(log):,} events, {train:,} of them train"


def _text_statement(config: Config, used: bool) -> str:
    if config.model.language is None:
        return "No language model: items are known by their ids and features alone (language: none)."
    if not used:
        return "The items have no text, so the language model had nothing to read."
    return f"Item texts are read by {config.model.language.name} ({config.model.language.tuning})."


def user_numbers(dataset: Dataset, users: Sequence[Any]) -> np.ndarray:
    """Numbers of users by id, int64; -1 for one that the log lacks."""
    ids = dataset.log.user_ids
    table = pl.DataFrame({"id": ids, "number": np.arange(len(ids))})
    wanted = pl.Series("id", users).cast(ids.dtype, strict=False).to_frame()
    return wanted.join(table, on="id", how="left", maintain_order="left")["number"].fill_null(-1).to_numpy()


def known_users(dataset: Dataset, users: Sequence[Any] | None, run: str) -> np.ndarray:
    """Numbers of users by id, ascending, each once; None means all.

    Args:
        dataset: With the log.
        users: Ids.
        run: Its name, for messages.

    Raises:
        DataError: A user has no event in the log.
    """
    if users is None:
        return np.arange(len(dataset.log.user_ids))
    users = [users] if isinstance(users, str) else users  # a sequence too, of letters
    number = user_numbers(dataset, users)
    if (number < 0).any():
        unknown = users[int(np.flatnonzero(number < 0)[0])]
        raise DataError(f"user {unknown!r} has no event in the log of {run}. Ask for one that has.")
    return np.unique(number)
