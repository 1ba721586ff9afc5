"""Assemble: the one place where settings become a model."""

from collections.abc import Mapping, Sequence
from typing import assert_never

import torch
from torch import Tensor

from motet.config import Config
from motet.config.model import Group, ModelConfig, Sharing, TextHeads, Timeline
from motet.config.tasks import Binary, NextItem, Retrieval, Tagging, Task, TextTask, is_row_task
from motet.data.catalogue import Catalogue
from motet.data.clock import CLOCK_NAMES
from motet.data.dataset import Dataset, known_at_once
from motet.data.nothing import nothing
from motet.errors import ConfigError
from motet.features.columns import ColumnEncoder
from motet.features.content import build_content
from motet.features.events import EventEncoder, UserEncoder
from motet.features.items import ItemContent, ItemEncoder
from motet.features.views import Contrast
from motet.language.tuned import TunedLanguage
from motet.model import Motet
from motet.nn.branches import Branch, Branches
from motet.nn.experts import CrossStitch, Experts, MixtureOfExperts, ProgressiveExtraction, SharedBottom
from motet.nn.fold_in import FoldIn, FoldIns
from motet.nn.fusion import Fusion
from motet.nn.hstu import HSTUBlock
from motet.nn.pieces import Pieces
from motet.nn.relative import RelativeBias
from motet.nn.target import CrossAttention, TargetAttention
from motet.nn.timeline import TimelineEncoder
from motet.nn.transformer import TransformerBlock
from motet.tasks.build import TaskFacts, build_head
from motet.tasks.chain import Chains
from motet.tasks.retrieval import RetrievalHead
from motet.tasks.tagging import TagHead
from motet.tasks.texts import TextClassHead, TextHead, TextTasks, Ways


def build_model(
    config: Config, dataset: Dataset, facts: dict[str, TaskFacts], content: ItemContent, counters: int
) -> Motet:
    """The one place where settings become a model.

    Args:
        config: The configuration.
        dataset: Encodings and catalogue.
        facts: Task name -> what training rows say about it.
        content: What is known of the items.
        counters: How many point-in-time counters a row has.
    """
    config = config.of_events
    if not config.tasks:
        return _build_part(_least(config), nothing(), {}, build_content(nothing().catalogue, None), 0)
    model = _build_part(config, dataset, facts, content, counters)
    for group in config.model.groups:
        settings = settings_of(config, group)
        if not settings.tasks:  # of texts, see `build_texts`
            continue
        part = _build_part(settings, dataset, facts, content, counters)
        if group.backbone == "shared":
            part.lean_on(model)
        part.own = set(group.tasks)
        model.apart.append(part)
        model.own -= set(group.tasks)
    return model


def build_texts(
    config: Config,
    facts: Mapping[str, TaskFacts],
    language: TunedLanguage | int,
    apart: Sequence[TunedLanguage] = (),
) -> TextTasks | None:
    """What reads texts by themselves, or is tuned on those of items; None where nothing does.

    Args:
        config: The configuration.
        facts: Task name -> what training rows say about it.
        language: The tuned language model, or the width of the frozen one's vectors.
        apart: A tuned language model for each group of text tasks.
    """
    if not config.text_tasks and not isinstance(language, TunedLanguage):
        return None
    groups = [group.tasks for group in config.text_groups]
    own = [task.name for task in config.text_tasks if not any(task.name in group for group in groups)]
    found = _part_of_texts(config, facts, language, own)
    for group, each in zip(groups, apart, strict=True):
        found.apart.append(_part_of_texts(config, facts, each, group))
    return found


def _part_of_texts(
    config: Config, facts: Mapping[str, TaskFacts], language: TunedLanguage | int, names: Sequence[str]
) -> TextTasks:
    """Heads of some text tasks, on one language model."""
    tuned = language if isinstance(language, TunedLanguage) else None
    width = language.width if isinstance(language, TunedLanguage) else language
    settings = config.model.texts
    size = config.training.text_batch_size
    rankings = sum(isinstance(task, NextItem) for task in config.tasks)
    heads = {
        task.name: _sought_head(facts[task.name], width, rankings, tuned=tuned is not None)
        if isinstance(task, Retrieval) and task.seeks_items
        else _text_head(task, facts[task.name], width, settings, size)
        for task in config.text_tasks
        if task.name in names
    }
    ways = Ways(settings.consistency, settings.adversarial, settings.hidden_words, settings.confidence)
    return TextTasks(tuned, heads, ways)


def _sought_head(facts: TaskFacts, width: int, rankings: int, *, tuned: bool) -> RetrievalHead:
    """The head of a task that looks for items: a tuned language model needs no map behind it."""
    return RetrievalHead(width, facts.answers, mapped=not tuned, rankings=rankings)


def _text_head(
    task: TextTask, facts: TaskFacts, width: int, settings: TextHeads, batch_size: int
) -> TextHead:
    share_K = torch.tensor(facts.shares)
    if isinstance(task, Tagging):
        characters = task.units == "characters"
        return TagHead(width, facts.classes, share_K, settings.dropout, characters=characters)
    if isinstance(task, Retrieval):
        return RetrievalHead(width, min(facts.answers, batch_size * (1 + task.negatives)))
    return TextClassHead(width, share_K, settings.dropout, settings.label_smoothing)


def _least(config: Config) -> Config:
    """The same with a timeline that nobody reads, as small as can be."""
    timeline = Timeline(layers=1, width=8, heads=1, length=1)
    model = config.model.model_copy(update={"timeline": timeline, "groups": []})
    return config.model_copy(update={"model": model})


def settings_of(config: Config, group: Group) -> Config:
    """The configuration of the part of a model that a group has to itself."""
    sharing = config.model.sharing
    if group.adapter:
        sharing = sharing.model_copy(update={"adapter": group.adapter})
    model = config.model.model_copy(update={"groups": [], "sharing": sharing})
    tasks = [task for task in config.tasks if task.name in (*group.tasks, *group.beside)]
    if group.depth:
        depth = {task.name: min(task.depth or group.depth, group.depth) for task in tasks}
        tasks = [task.model_copy(update={"depth": depth[task.name]}) for task in tasks]
    return config.model_copy(update={"tasks": tasks, "model": model})


def _build_part(
    config: Config, dataset: Dataset, facts: dict[str, TaskFacts], content: ItemContent, counters: int
) -> Motet:
    """The tasks of one group, with a backbone of their own."""
    settings, encodings = config.model, dataset.encodings
    sharing = settings.sharing
    width = settings.timeline.width
    ids = int(content.id_row_I.max()) + 1 if settings.item.id else 0
    row_tasks = [task.name for task in config.tasks if is_row_task(task)]
    folded = [task.name for task in config.tasks if settings.fold_in and known_at_once(task)]
    coded = Pieces(counters, settings.counter_pieces)
    widths = [5 * width + coded.width + len(folded), *sharing.layers]
    shared = [*widths, *sharing.towers][-1]
    allowed = {task.name: _allowed(task, dataset.catalogue) for task in config.tasks}
    trained_I = torch.from_numpy(dataset.catalogue.trained_I)
    after = {task.name: task.after for task in config.tasks if isinstance(task, Binary) and task.after}
    passing = [task.name for task in config.tasks if isinstance(task, Binary) and task.transfer]
    model = Motet(
        items=ItemEncoder(
            content,
            dataset.catalogue.encoding.codes,
            width,
            ids,
            settings.item.id_dropout,
            settings.item.dropout,
            whiten=settings.item.whiten,
            live=settings.language.items if settings.language and settings.language.tuned else 0,
        ),
        events=EventEncoder(
            encodings.event.codes, len(encodings.event.numbers), width, timed=dataset.log.timed
        ),
        users=UserEncoder(encodings.user.codes, len(encodings.user.numbers), width),
        requests=ColumnEncoder(
            encodings.request.codes, len(encodings.request.numbers) + len(CLOCK_NAMES), width
        ),
        timeline=_build_timeline(settings.timeline, timed=dataset.log.timed),
        experts=_build_experts(sharing, row_tasks, widths) if row_tasks else None,
        heads={
            task.name: build_head(
                task,
                facts[task.name],
                settings.scoring,
                width,
                shared,
                (allowed[task.name], trained_I),
                facts[after[task.name]].mean if task.name in after else 1.0,
            )
            for task in config.tasks
        },
        target=_build_target(settings),
    )
    model.items.modality_dropout = settings.item.modality_dropout
    modalities = len(content.vectors) + (content.text_IT is not None)
    if settings.item.fusion != "sum" and modalities:
        model.items.fusion = Fusion(settings.item.fusion, modalities, width)
    model.counters = coded
    model.chains = Chains(after, passing, shared)
    model.branches = Branches(
        {task.name: Branch(task.depth, sharing.adapter) for task in config.tasks},
        settings.timeline.layers,
        width,
        ids if sharing.own_ids else 0,
        row_tasks,
    )
    model.folds = FoldIns(
        {name: FoldIn(width, settings.fold_in, facts[name].mean, facts[name].deviation) for name in folded}
    )
    model.hidden, model.contrast = settings.timeline.hidden, _contrast(settings.timeline)
    model.leave_seen_out = encodings.seen_once and settings.scoring.mask_seen
    return model


def _contrast(settings: Timeline) -> Contrast | None:
    found = settings.contrast
    if found is None:
        return None
    shares = {"crop": found.crop, "mask": found.mask, "reorder": found.reorder, "insert": found.insert}
    return Contrast(found.weight, found.views, shares, found.temperature)


def _build_timeline(settings: Timeline, *, timed: bool) -> TimelineEncoder:
    s = settings
    blocks = [
        TransformerBlock(s.width, s.heads, s.dropout, s.activation, s.expansion)
        if s.kind == "transformer"
        else HSTUBlock(s.width, s.heads, s.dropout)
        for _ in range(s.layers)
    ]
    bias = RelativeBias(
        s.heads, s.length, position=s.bias in ("position", "both"), time=timed and s.bias in ("time", "both")
    )
    return TimelineEncoder(blocks, bias, s.width, s.dropout)


def _build_target(settings: ModelConfig) -> TargetAttention | CrossAttention | None:
    s = settings.timeline
    if settings.target_attention == "cross":
        return CrossAttention(s.width, s.heads, s.dropout)
    return TargetAttention(s.width) if settings.target_attention else None


def _build_experts(settings: Sharing, tasks: list[str], widths: list[int]) -> Experts:
    s = settings
    match s.kind:
        case "shared_bottom":
            return SharedBottom(tasks, widths, s.dropout, s.towers)
        case "mmoe":
            return MixtureOfExperts(tasks, widths, s.dropout, s.towers, s.experts)
        case "cgc":
            return ProgressiveExtraction(tasks, widths, s.dropout, s.towers, s.experts, 1)
        case "ple":
            return ProgressiveExtraction(tasks, widths, s.dropout, s.towers, s.experts, s.levels)
        case "cross_stitch":
            return CrossStitch(tasks, widths, s.dropout, s.towers)
        case _:
            assert_never(s.kind)


def _allowed(task: Task, catalogue: Catalogue) -> Tensor:
    """Items that a task ranks: all, or those of its kind; number 0 never."""
    wanted = getattr(task, "items", None)
    if wanted is not None and wanted not in catalogue.kinds:
        kinds = ", ".join(catalogue.kinds)
        raise ConfigError(f"tasks: {task.name}: no item is of kind {wanted!r}. The catalogue has {kinds}.")
    allowed_I = catalogue.kind_I >= 0 if wanted is None else catalogue.kind_I == catalogue.kinds.index(wanted)
    return torch.from_numpy(allowed_I)
