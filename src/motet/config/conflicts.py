"""Settings that are right alone and wrong together. None of it needs the data."""

import re
from dataclasses import dataclass
from typing import Any

from motet.config.data import DataConfig, EventsSource
from motet.config.data_conflicts import Found, below, of_data, of_split
from motet.config.expression import columns
from motet.config.model import ModelConfig
from motet.config.nearest import nearest
from motet.config.pretraining import Pretraining
from motet.config.pretraining_conflicts import of_pretraining
from motet.config.record import Location
from motet.config.tasks import Binary, NextItem, Window, is_row_task, is_text_task
from motet.config.text_conflicts import of_texts
from motet.config.training import EvaluationConfig, TrainingConfig

METRICS = {
    "next_item": ("hr@k", "ndcg@k", "recall@k", "mrr"),
    "binary": ("auc", "gauc", "log_loss", "ece"),
    "regression": ("rmse", "mae"),
    "multiclass": ("accuracy", "macro_f1"),
    "tagging": ("entity_f1", "entity_precision", "entity_recall"),
    "retrieval": ("hr@k", "ndcg@k", "recall@k", "mrr"),
}  # what training can watch, for each kind of task


@dataclass(frozen=True)
class Parts:
    """The parts of a configuration; None where a part is wrong in itself."""

    data: DataConfig | None
    tasks: list[Any]
    training: TrainingConfig | None
    evaluation: EvaluationConfig | None
    model: ModelConfig | None = None
    pretraining: Pretraining | None = None


def conflicts(parts: Parts) -> list[tuple[Location, str]]:
    """What does not fit together: where it was written, and what to write instead."""
    found = [*_names(parts.tasks), *_weights(parts.tasks), *_monitor(parts), *_balance(parts)]
    found += [*_chains(parts.tasks), *_depths(parts), *_groups(parts), *_beside(parts), *_idle(parts)]
    found += _contrast(parts)
    found += of_texts(parts.tasks, parts.data, parts.model, parts.training)
    found += of_pretraining(parts.pretraining, parts.tasks, parts.data, parts.model)
    for number, task in enumerate(parts.tasks):
        reads = task and not is_text_task(task)
        about = _task(task, parts.data.events if parts.data else []) if reads else ()
        found += [(("tasks", number, *path), f"tasks.{task.name}{text}") for path, text in about]
    if parts.data:
        found += _signals(parts.data, parts.tasks)
        found += [(("data", *path), f"data{text}") for path, text in of_data(parts.data)]
    return found


def _names(tasks: list[Any]) -> Found:
    first: dict[str, int] = {}
    for number, task in enumerate(tasks):
        if task and first.setdefault(task.name, number) != number:
            yield ("tasks", number, "name"), f"two tasks bear the name {task.name!r}; give each its own"


def _signals(data: DataConfig, tasks: list[Any]) -> Found:
    """Signals stand beside the labels of row tasks and must not bear their names."""
    taken = {task.name for task in tasks if task and is_row_task(task)}
    for number, signal in enumerate(data.counters.signals):
        path = ("data", "counters", "signals", number)
        if signal.name in taken:
            said = f"data.counters.signals: {signal.name!r} is the name of a task or of another signal"
            yield (*path, "name"), f"{said}; labels of tasks are counted anyway, give it a name of its own"
        taken.add(signal.name)
        for text in _reads(columns(signal.value), data.events, is_label=False):
            yield (*path, "value"), f"data.counters.signals.{signal.name}{text[1]}"


def _weights(tasks: list[Any]) -> Found:
    if tasks and all(task and task.weight == 0 for task in tasks):
        yield ("tasks", 0, "weight"), "every task has weight 0, so nothing would be learned; raise one"


def _monitor(parts: Parts) -> Found:
    if parts.training is None or parts.training.monitor in ("auto", "last"):
        return
    name, _, metric = parts.training.monitor.partition(".")
    tasks = {task.name: task for task in parts.tasks if task}
    if name in tasks:
        wrong = _metric(name, tasks[name].kind, metric, parts.evaluation)
    elif None in parts.tasks:
        return  # the name may be that of a task that is wrong in itself
    else:
        close = nearest(name, tasks)
        hint = f"did you mean {close!r}?" if close else f"there are {', '.join(tasks)}, or write auto or last"
        wrong = f"there is no task {name!r}; {hint}"
    if wrong:
        yield ("training", "monitor"), f"training.monitor: found {parts.training.monitor!r}; {wrong}"


def _balance(parts: Parts) -> Found:
    """Tasks that a balance names exist; a leader learns, and has somebody to lead."""
    names = [task.name for task in parts.tasks if task]
    if parts.training is None or len(names) < len(parts.tasks):
        return  # a name may be that of a task that is wrong in itself
    balance = parts.training.balance
    for key, named in (("order", balance.order), ("leader", balance.leader)):
        for name in named:
            if name not in names:
                close = nearest(name, names)
                hint = f"did you mean {close!r}?" if close else f"there are {', '.join(names)}"
                text = f"training.balance.{key}: there is no task {name!r}; {hint}"
                yield ("training", "balance", key), text
    if balance.kind == "stackelberg":
        learned = [task.name for task in parts.tasks if task.weight > 0]
        yield from _leaders(balance.leader, learned, names)


def _leaders(leader: list[str], learned: list[str], names: list[str]) -> Found:
    path, said = ("training", "balance", "leader"), "training.balance.leader: "
    for name in leader:
        if name in names and name not in learned:
            yield (
                path,
                f"{said}{name!r} has weight 0, so it learns nothing; give it one, or name another task",
            )
    if len(learned) < 2:
        text = "a leader needs others to lead: declare two or more tasks with a weight above 0"
        yield path[:2], f"training.balance: {text}, or write  balance: likelihood"
    elif set(learned) <= set(leader):
        yield path, f"{said}every task leads, so that none follows; name those alone that matter most"


def _chains(tasks: list[Any]) -> Found:
    """A task follows a binary one, and none follows itself."""
    known = {task.name: task for task in tasks if task}
    for number, task in enumerate(tasks):
        if not isinstance(task, Binary):
            continue
        path, found = ("tasks", number, "after"), f"tasks.{task.name}.after: "
        if task.after is None:
            if task.transfer:
                said = f"tasks.{task.name}.transfer: nothing is passed on to a task that follows none"
                yield ("tasks", number, "transfer"), f"{said}; write  after: TASK  too"
        elif task.after not in known:
            if None not in tasks:  # the name may be that of a task that is wrong in itself
                binary = [
                    name for name, each in known.items() if isinstance(each, Binary) and each is not task
                ]
                close = nearest(task.after, binary)
                hint = f"did you mean {close!r}?" if close else f"there are {', '.join(binary) or 'none'}"
                yield path, f"{found}there is no task {task.after!r}; {hint}"
        elif not isinstance(known[task.after], Binary):
            said = f"{task.after!r} is a {known[task.after].kind} task; a chain is of binary tasks"
            yield path, f"{found}{said}, take it out"
        elif _in_circle(task, known):
            yield path, f"{found}{task.name!r} would follow itself; take out one  after:"


def _depths(parts: Parts) -> Found:
    layers = parts.model.timeline.layers if parts.model else None
    for number, task in enumerate(parts.tasks):
        if task and layers is not None and (task.depth or 0) > layers:
            said = f"tasks.{task.name}.depth: found {task.depth}, but model.timeline.layers is {layers}"
            yield ("tasks", number, "depth"), f"{said}; write {layers} or less, or nothing for all"
    for group in parts.model.groups if parts.model else ():
        if layers is not None and (group.depth or 0) > layers:
            said = f"model.groups: found depth {group.depth} of {', '.join(group.tasks)}, but "
            said += f"model.timeline.layers is {layers}"
            yield ("model", "groups"), f"{said}; write {layers} or less, or nothing for all"


def _contrast(parts: Parts) -> Found:
    """What is learned of whole timelines is a part of the loss of a task that ranks items."""
    if parts.model is None or parts.model.timeline.contrast is None or None in parts.tasks:
        return
    path, said = ("model", "timeline", "contrast"), "model.timeline.contrast: "
    if not any(isinstance(task, NextItem) for task in parts.tasks):
        yield path, f"{said}its loss is a part of that of a next_item task, and there is none; leave it out"
    if parts.training and parts.training.balance.of_sharing:
        kind = parts.training.balance.kind
        yield path, f"{said}balance {kind} does not see it; write  training: {{balance: likelihood}}"


def _idle(parts: Parts) -> Found:
    """Settings that nothing would read."""
    if parts.model is None or None in parts.tasks:
        return
    smoothing = parts.model.scoring.label_smoothing
    for number, task in enumerate(parts.tasks):
        if isinstance(task, NextItem) and isinstance(task.sampled, int) and smoothing:
            said = f"tasks.{task.name}.sampled: label_smoothing {smoothing:g} is for the full softmax"
            yield ("tasks", number, "sampled"), f"{said}; write  sampled: null , or leave out the smoothing"
    sharing, path = parts.model.sharing, ("model", "sharing")
    if not any(is_row_task(task) for task in parts.tasks):
        for name in ("kind", "experts", "levels", "towers", "own_ids"):
            if getattr(sharing, name) != type(sharing).model_fields[name].default:
                said = f"model.sharing.{name}: tasks that score rows read it (binary, regression, multiclass)"
                yield (*path, name), f"{said}, and there is none; leave it out"
    if sharing.own_ids and not parts.model.item.id:
        said = "model.sharing.own_ids: items have no ids, for model.item.id is false"
        yield (*path, "own_ids"), f"{said}; write  id: true  there, or leave it out"


def _groups(parts: Parts) -> Found:
    """Groups hold tasks, each once; a chain lies in one group."""
    if parts.model is None or not parts.model.groups or None in parts.tasks:
        return
    path, said = ("model", "groups"), "model.groups: "
    names, place = [task.name for task in parts.tasks], {}
    for number, group in enumerate(parts.model.groups):
        for name in group.tasks:
            if name not in names:
                close = nearest(name, names)
                hint = f"did you mean {close!r}?" if close else f"there are {', '.join(names)}"
                yield path, f"{said}there is no task {name!r}; {hint}"
            elif name in place:
                yield path, f"{said}{name!r} stands there twice; take it out of one"
            place[name] = number
    for task in parts.tasks:
        earlier = getattr(task, "after", None)
        if earlier is not None and earlier in names and place.get(task.name) != place.get(earlier):
            yield path, f"{said}{task.name!r} follows {earlier!r}; put both into one group"
    if parts.training and parts.training.balance.of_sharing:
        kind = parts.training.balance.kind
        yield path, f"{said}balance {kind} is for tasks that share; write  training: {{balance: likelihood}}"


def _beside(parts: Parts) -> Found:
    """What a group holds beside its tasks are other tasks."""
    if parts.model is None or None in parts.tasks:
        return
    names = [task.name for task in parts.tasks]
    for group in parts.model.groups:
        for name in group.beside:
            if name in group.tasks or name not in names:
                others = ", ".join(each for each in names if each not in group.tasks)
                text = f"model.groups: {name!r} stands beside {', '.join(group.tasks)}; there are {others}"
                yield ("model", "groups"), text


def _in_circle(task: Binary, known: dict[str, Any]) -> bool:
    passed, now = {task.name}, known.get(task.after or "")
    while isinstance(now, Binary):
        if now.name in passed:
            return now.name == task.name
        passed.add(now.name)
        now = known.get(now.after or "")
    return False


def _metric(name: str, kind: str, metric: str, evaluation: EvaluationConfig | None) -> str | None:
    fits = METRICS[kind]
    at = re.fullmatch(r"(\w+)@([0-9]{1,9})", metric)
    if metric not in fits and not (at and f"{at[1]}@k" in fits):
        example = fits[0].replace("@k", "@10")
        return f"a {kind} task has {', '.join(fits)}; write for example {name}.{example}"
    if "@k" in metric or (at and evaluation and int(at[2]) not in evaluation.k):
        has = ", ".join(map(str, evaluation.k)) if evaluation else "10"
        return f"after @ stands one of evaluation.k, which are {has}"
    return None


def _task(task: Any, sources: list[EventsSource]) -> Found:
    """What is wrong with one task: paths and texts below it."""
    if task.split:
        if task.split.kind == "kfold":
            said = ".split: folds are made for all tasks at once; write  kind: kfold  under data.split"
            yield ("split", "kind"), said
        yield from below("split", of_split(task.split, sources))
    text = task.positive if isinstance(task, NextItem) else task.label
    if isinstance(task, Binary) and isinstance(task.label, Window):
        yield from below("label", _window(task.label, task.types, sources))
    elif isinstance(text, str):
        key = "label" if is_row_task(task) else "positive"
        yield from below(key, _reads(columns(text), sources, is_row_task(task)))


def _window(window: Window, types: list[str] | None, sources: list[EventsSource]) -> Found:
    if types is not None and window.of not in types:
        yield ("of",), f".of: {window.of!r} is not among the task's types {', '.join(types)}; add it there"
    if any(source.time is None for source in sources):
        yield (), ": a window needs times; write  time: COLUMN  under data.events"


def _reads(names: list[str], sources: list[EventsSource], is_label: bool) -> Found:
    """A label must not be known beforehand, nor be among the columns that are not read."""
    for source in sources:
        aliases = {"type": source.type, "value": source.value}
        context = [column.column for column in source.context]
        for name in names:
            column = aliases.get(name) or name
            if is_label and column in context:
                yield (), f": {column!r} is declared as known beforehand; take it out of data.events.context"
            if name in source.ignore:
                yield (), f": {name!r} is not read; take it out of data.events.ignore"
