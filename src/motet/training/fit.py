"""Fit one model: the joint one, a twin, an ablation. They differ only in their configuration."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from motet.assemble import build_model, build_texts
from motet.config import Config
from motet.config.tasks import Multiclass, Retrieval, is_row_task, is_text_task
from motet.data.answers import shown_items
from motet.data.counters import CounterScaler
from motet.data.counting import CountedRows
from motet.data.dataset import Dataset
from motet.data.item_pairs import ItemPairs
from motet.data.loader import Feed
from motet.data.mixed import AnyFeed, MixedFeed
from motet.data.pairs import PairRows
from motet.data.tagged import TaggedRows
from motet.data.text_feed import TextFeed, TextSet
from motet.data.texts import TextRows
from motet.data.timelines import TRAIN, Timelines
from motet.features.items import ItemContent
from motet.language.backbone import load_language
from motet.language.cache import TextVectors
from motet.language.tuned import TunedLanguage
from motet.metrics.names import Metrics, main_metric
from motet.model import BACKBONE, Motet
from motet.system.machine import cpu_seconds
from motet.system.randomness import derived_seed
from motet.tasks.answer_table import AnswerTable
from motet.tasks.build import TaskFacts, task_facts
from motet.tasks.texts import TextClassHead, TextTasks
from motet.training.descent import build_descent
from motet.training.held_out import LeaderBatches, asked_rows, held_out_rows
from motet.training.loop import Callbacks, Keep, Look, Loop
from motet.training.monitor import Monitor
from motet.training.stackelberg import Leadership, StackelbergBalance


@dataclass(frozen=True)
class Prepared:
    """All that a training reads."""

    dataset: Dataset
    content: ItemContent
    counter_NC: CountedRows | None  # standardised, right for training rows
    scaler: CounterScaler | None
    counter_names: list[str]
    texts: Mapping[str, TextSet] = field(default_factory=dict)  # text task -> its rows


@dataclass(frozen=True)
class Trained:
    """A fitted model and what it took."""

    model: Motet
    facts: dict[str, TaskFacts]
    history: list[dict[str, Any]]
    cost: dict[str, float] = field(default_factory=dict)
    stopped: bool = False  # by hand, before its patience ended
    fitted: list[str] = field(default_factory=list)  # on validation rows afterwards, in words


FITTED_LATER = ("newcomers.fitted_3", "fitted_2")  # on validation rows, when a training is over


@dataclass(frozen=True)
class Start:
    """Weights to start from, of a model that has all tasks of the new one, and perhaps more.

    Args:
        state: Names and values.
        frozen: The backbone stays as it is, and only what lies behind it is trained: anew for tasks that
            score rows, as it overfits sooner than the backbone (LOG.md); rankings keep their few weights.
    """

    state: Mapping[str, Tensor]
    frozen: bool = False

    def put_into(self, model: Motet) -> None:
        """Set those of a model's weights that bear the same name and shape."""
        for part in model.parts:
            self._put_into_part(part)
        for p in model.backbone_parameters() if self.frozen else []:
            p.requires_grad_(False)

    def _put_into_part(self, part: Motet) -> None:
        own = part.state_dict()
        taken = tuple(f"{name}." for name in (*BACKBONE, *(f"heads.of_{task}" for task in part.next_heads)))
        fitting = {
            name: value
            for name, value in self.state.items()
            if name in own and own[name].shape == value.shape and not name.endswith(FITTED_LATER)
            if name.startswith(taken) or not self.frozen
        }
        part.load_state_dict(fitting, strict=False)


@dataclass(frozen=True)
class Hooks:
    """What a training asks and takes from outside.

    Args:
        stop: Whether somebody asked to stop; what is best so far is given back then.
        look: Called before every step; it must leave the weights as they are.
        start: Weights to start from instead of new ones.
        keeps: Where weights of some epochs are kept.
        hopeless: Whether to end after a validation, by its record in the log.
    """

    stop: Callable[[], bool] = lambda: False
    look: Look | None = None
    start: Start | None = None
    keeps: Sequence[Keep] = ()
    hopeless: Callable[[Mapping[str, Any]], bool] = lambda record: False


def learn_facts(config: Config, prepared: Prepared) -> dict[str, TaskFacts]:
    """What training rows say about each task."""
    facts: dict[str, TaskFacts] = {}
    dataset = prepared.dataset
    for task in config.tasks:
        if is_text_task(task):
            facts[task.name] = text_facts(prepared.texts[task.name].rows)
        elif is_row_task(task):
            classes = dataset.encodings.classes.get(task.name, ())
            facts[task.name] = task_facts(task, training_labels(dataset.log, task.name), classes)
        else:
            facts[task.name] = TaskFacts()
    return facts


def text_facts(rows: TextRows) -> TaskFacts:
    """Classes, or tags, and the share of each among those that training texts have; how many answers."""
    if isinstance(rows, ItemPairs):
        return TaskFacts(answers=shown_items(rows))
    if isinstance(rows, PairRows):
        return TaskFacts(answers=len(rows.answers))
    if isinstance(rows, TaggedRows):
        train_F = np.repeat(rows.part_N == TRAIN, np.diff(rows.offset_N))
        number = rows.number_F()[train_F]
    else:
        number = rows.label_N[rows.rows(TRAIN)]
    counts = np.bincount(number[number >= 0], minlength=len(rows.classes))[: len(rows.classes)]
    return TaskFacts(shares=tuple((counts / max(counts.sum(), 1)).tolist()), classes=rows.classes)


def training_labels(log: Timelines, task: str) -> np.ndarray:
    """A task's labels on the rows that train every task; NaN: none."""
    label_N: np.ndarray = log.label[task][log.train_N]
    return label_N


def new_model(config: Config, prepared: Prepared, facts: dict[str, TaskFacts]) -> Motet:
    """An untrained model; the same weights for the same seed."""
    torch.manual_seed(derived_seed(config.training.seed, "weights"))
    model = build_model(config, prepared.dataset, facts, prepared.content, len(prepared.counter_names))
    if prepared.counter_NC is not None:
        for part in model.parts if config.of_events.tasks else ():
            part.counters.fit(prepared.counter_NC.value_RC)
    apart = [TunedLanguage(config.model.language) for _ in config.text_groups if config.model.language]
    model.texts = build_texts(config, facts, _language(config, prepared), apart)
    if model.texts is not None:
        _put_tables(config, prepared, model.texts)
    return model


def _put_tables(config: Config, prepared: Prepared, texts: TextTasks) -> None:
    """Give tasks that look for items the vectors that these have as the training begins."""
    for task in (each for each in config.text_tasks if isinstance(each, Retrieval) and each.seeks_items):
        answers = prepared.texts[task.name].answers
        assert answers is not None
        assert config.model.language is not None
        vector_MT = answers.vector_MT
        if vector_MT is None:
            vector_MT = TextVectors().lookup_or_encode(
                answers.rows.answers, load_language(config.model.language)
            )
        half = config.training.precision == "bf16"
        table = AnswerTable(torch.from_numpy(np.array(vector_MT)), answers.tokens, half=half)
        texts.part(task.name).tables[f"of_{task.name}"] = table


@torch.no_grad()
def begin_heads(config: Config, prepared: Prepared, model: Motet) -> None:
    """Let heads that classify texts begin where they would end on vectors that stay as they are."""
    texts = model.texts
    asked = [task for task in config.text_tasks if isinstance(task, Multiclass) and task.weight > 0]
    for task in asked if texts is not None else ():
        assert texts is not None
        held, head = prepared.texts[task.name], texts.head(task.name)
        assert isinstance(head, TextClassHead)
        row_R = held.rows.rows(TRAIN)
        found: dict[int, torch.Tensor] = {}
        for batch in held.in_order(row_R):
            found |= dict(zip(batch.row_B.tolist(), texts.eval().vectors(batch).float(), strict=True))
        label_R = torch.from_numpy(held.rows.label_N[row_R])
        seed = derived_seed(config.training.seed, f"head of {task.name}") % 2**31
        head.begin(torch.stack([found[row] for row in row_R.tolist()]), label_R, seed)


def _language(config: Config, prepared: Prepared) -> TunedLanguage | int:
    """The language model that is to be tuned, or the width of the frozen one's vectors."""
    language = config.model.language
    if language is not None and language.tuned and (config.text_tasks or prepared.content.words is not None):
        return TunedLanguage(language)
    vectors = [prepared.texts[task.name].vector_NT for task in config.text_tasks]
    return vectors[0].shape[1] if vectors and vectors[0] is not None else 0


def fit(
    config: Config,
    prepared: Prepared,
    validate: Callable[[Motet], Metrics],
    log: Callable[[dict[str, Any]], None],
    name: str = "joint",
    checkpoint: Path | None = None,
    hooks: Hooks = Hooks(),
) -> Trained:
    """Train a model on the tasks of a configuration.

    Args:
        config: Its tasks and settings.
        prepared: Data, content, counters.
        validate: Metrics of the model's current weights on the validation rows.
        log: Takes records for log.jsonl.
        name: What the model is called in the log.
        checkpoint: Where to keep the state, and where to go on from.
        hooks: What else it asks and takes.
    """
    settings = config.training
    facts = learn_facts(config, prepared)
    model = new_model(config, prepared, facts)
    if hooks.start is not None:
        hooks.start.put_into(model)
    begun = time.monotonic(), cpu_seconds()
    if hooks.start is None and (checkpoint is None or not checkpoint.exists()):
        begin_heads(config, prepared, model)
    begun = time.monotonic() - begun[0], cpu_seconds() - begun[1]
    held_N = held_out_rows(config, prepared.dataset.log)
    feed = _feeds(config, prepared, None if held_N is None else ~held_N)
    descent = build_descent(settings.balance, model, {task.name: task.weight for task in config.tasks})
    looks = [] if hooks.look is None else [hooks.look]
    if held_N is not None:
        looks.append(_leadership(config, prepared, descent.method, held_N))

    def validated() -> Metrics:
        model.read_texts()
        return validate(model)

    calls = Callbacks(
        validated, lambda record: log({"model": name, **record}), name, hooks.stop,
        looks, hooks.keeps, hooks.hopeless,
    )  # fmt: skip
    loop = Loop(model, feed, settings, descent, build_monitor(config, facts), calls, checkpoint)
    loop.run()
    model.eval().read_texts()  # a training that was stopped ends in the midst of learning
    for keep in hooks.keeps if loop.monitor.best_epoch >= 0 else ():
        keep.finish(loop.monitor.best_epoch + 1)
    cost = {
        "seconds": loop.seconds + begun[0],
        "cpu_seconds": loop.cpu_seconds + begun[1],
        "examples": float(loop.examples),
    }
    return Trained(model.eval(), facts, loop.history, cost, loop.stopped)


def _feeds(config: Config, prepared: Prepared, only_N: np.ndarray | None) -> AnyFeed:
    """Batches of timelines where a task reads them, and of the texts of each text task."""
    settings = config.training
    feeds: list[AnyFeed] = [_feed(config, prepared, only_N)] if config.of_events.tasks else []
    for task in (each for each in config.text_tasks if each.weight > 0):
        size, beside = settings.text_batch_size, config.model.texts.beside
        feeds.append(TextFeed(prepared.texts[task.name], size, settings.seed, beside))
    return feeds[0] if len(feeds) == 1 else MixedFeed(feeds, settings.seed)


def _feed(config: Config, prepared: Prepared, only_N: np.ndarray | None) -> Feed:
    settings, length = config.training, config.model.timeline.length
    return Feed(
        prepared.dataset, length, settings.batch_size, settings.seed, prepared.counter_NC, only_N
    )  # fmt: skip


def _leadership(config: Config, prepared: Prepared, balance: nn.Module, held_N: np.ndarray) -> Leadership:
    """What moves the weights of tasks, on rows of the leader that are held out."""
    assert isinstance(balance, StackelbergBalance)
    log = prepared.dataset.log
    asked_N = np.logical_or.reduce([asked_rows(log, name) for name in balance.leaders])
    batches = LeaderBatches(_feed(config, prepared, held_N & asked_N), config.training.seed)
    return Leadership(balance, config.training, batches)


def build_monitor(config: Config, facts: dict[str, TaskFacts]) -> Monitor:
    """Watch the metric that the configuration names, or the main metric of every task.

    A twin that lacks the named task watches its own.
    """
    named, _, metric = config.training.monitor.partition(".")
    if named in [task.name for task in config.tasks]:
        return Monitor([(named, metric)])
    constant = {(name, "auc"): 0.5 for name in facts}
    constant |= {(name, "rmse"): fact.deviation for name, fact in facts.items()}
    return Monitor(
        [(task.name, main_metric(task.kind)) for task in config.tasks if task.weight > 0],
        constant,
        last=config.training.monitor == "last",
    )
