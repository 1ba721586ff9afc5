"""Settings of text tasks that are right alone and wrong together."""

import re
from typing import Any

from motet.config.data import DataConfig, Split
from motet.config.data_conflicts import Found, of_split
from motet.config.model import ModelConfig, TextHeads
from motet.config.tasks import Multiclass, Retrieval, Tagging, Texts, is_text_task
from motet.config.training import TrainingConfig

_UNREAD = ("types", "depth", "history")  # settings of tasks that read events
_READERS = {
    "dropout": {"multiclass", "tagging"},
    "label_smoothing": {"multiclass"},
    "hidden_words": {"multiclass", "retrieval"},
}  # settings of model.texts -> kinds of tasks that read them; the others are read by all
_SPLITS = ("random", "column", "kfold")


def of_texts(
    tasks: list[Any], data: DataConfig | None, model: ModelConfig | None, training: TrainingConfig | None
) -> Found:
    """What is wrong with text tasks, and with what they and the others read.

    Args:
        tasks: All tasks; None for one that is wrong in itself.
        data: The data part, if it is right.
        model: The model part, if it is right.
        training: The training part, if it is right.
    """
    yield from _each(tasks, data)
    if data and not data.events and any(task and not is_text_task(task) for task in tasks):
        name = next(task.name for task in tasks if task and not is_text_task(task))
        said = f"data.events: {name} reads events; declare the log there"
        yield ("data",), f"{said}, or give the task  texts:  if its rows are texts"
    if model and model.language is None and any(task and is_text_task(task) for task in tasks):
        said = "model.language: text tasks need a language model; name one, for example all-MiniLM-L6-v2"
        yield ("model", "language"), said
    if training and training.balance.kind == "stackelberg":
        for task in (each for each in tasks if each and is_text_task(each)):
            said = f"training.balance: stackelberg is for tasks that read events, and {task.name} reads texts"
            yield ("training", "balance"), f"{said}; write  balance: likelihood"
            break
    yield from _frozen(tasks, model)
    yield from _unread(tasks, model, training)
    if model and model.groups and None not in tasks:
        yield from _groups(tasks, model)


def _each(tasks: list[Any], data: DataConfig | None) -> Found:
    for number, task in enumerate(tasks):
        if task and is_text_task(task):
            for path, text in _task(task, data):
                yield ("tasks", number, *path), f"tasks.{task.name}{text}"
            if data and data.events and all(tasks) and all(is_text_task(each) for each in tasks):
                yield from _log_unread(task, number)


def _log_unread(task: Any, number: int) -> Found:
    """Sentences of what users took, where the log is read for no task."""
    if isinstance(task, Retrieval) and any("{items}" in each for each in task.templates or ()):
        said = f"tasks.{task.name}.templates: {{items}} stands for what users took, but no task reads the log"
        yield (
            ("tasks", number, "templates"),
            f"{said}; add one, such as  {{name: next, kind: next_item}} , or leave these templates out",
        )


def _frozen(tasks: list[Any], model: ModelConfig | None) -> Found:
    """Tasks that read single words ask for a language model that is tuned."""
    if model is None or model.language is None or model.language.tuned:
        return
    for number, task in enumerate(tasks):
        if isinstance(task, Tagging):
            said = f"tasks.{task.name}: tagging reads every word with a language model that is tuned"
            yield ("tasks", number), f"{said}; write  tuning: full  (or lora) under model.language"


def _unread(tasks: list[Any], model: ModelConfig | None, training: TrainingConfig | None) -> Found:
    """Settings that nothing would read, or that would not do what they promise."""
    if model is None or None in tasks:
        return
    tuned, path = model.language is not None and model.language.tuned, ("model", "texts")
    own = [task.name for task in tasks if is_text_task(task)]
    of = {task.kind for task in tasks if is_text_task(task)}
    more = [task for task in tasks if is_text_task(task) and getattr(task.texts, "unlabelled", None)]
    for name, default in ((each, TextHeads.model_fields[each].default) for each in TextHeads.model_fields):
        if getattr(model.texts, name) != default and not own:
            yield (*path, name), f"model.texts.{name}: no task reads texts; leave it out"
        elif name in ("adversarial", "hidden_words") and getattr(model.texts, name) and not tuned:
            said = f"model.texts.{name}: a frozen language model reads its words once, as they are"
            yield (*path, name), f"{said}; write  tuning: full , or leave it out"
        elif (kinds := _READERS.get(name)) and getattr(model.texts, name) != default and not kinds & of:
            said = (
                f"model.texts.{name}: tasks of kind {' or '.join(sorted(kinds))} read it, and there is none"
            )
            yield (*path, name), f"{said}; leave it out"
        elif name in ("beside", "confidence") and getattr(model.texts, name) != default and not more:
            said = f"model.texts.{name}: no task has texts without labels"
            yield (*path, name), f"{said}; name them under  texts.unlabelled , or leave it out"
    if training and tuned and training.balance.of_gradients and training.balance.place == "parameters":
        said = "training.balance.at: a tuned language model lies before the representation"
        yield (
            ("training", "balance"),
            f"{said}, and its weights would get the plain sum; write  at: representation",
        )


def _groups(tasks: list[Any], model: ModelConfig) -> Found:
    """A group of text tasks has a language model of its own, which is tuned; one of others has none."""
    path, tuned = ("model", "groups"), model.language is not None and model.language.tuned
    own = [task.name for task in tasks if is_text_task(task)]
    known, placed = {task.name for task in tasks}, [name for group in model.groups for name in group.tasks]
    for group in model.groups:
        reads, beside = ([name for name in names if name in own] for names in (group.tasks, group.beside))
        others = [name for name in group.tasks if name in known and name not in own]
        if (reads and not tuned) or beside:
            said = f"model.groups: {(reads or beside)[0]!r} reads texts and shares no timeline"
            yield path, f"{said}; leave it out"
        elif reads and (others or group.backbone == "shared"):
            said = f"model.groups: {reads[0]!r} reads texts, so its group has a language model of its own"
            yield path, f"{said} and text tasks alone; write  backbone: own  and leave others out"
        elif others and tuned:
            said = (
                f"model.groups: {others[0]!r} would need a language model of its own to tune, to read items"
            )
            yield path, f"{said}; write  tuning: frozen, or leave it out"
    if tuned and own and all(name in placed for name in own) and len(own) == len(known):
        said = "model.groups: every task has a language model of its own, and nobody uses the first"
        yield path, f"{said}; leave one group out"


def _task(task: Any, data: DataConfig | None) -> Found:
    for name in _UNREAD:
        if getattr(task, name, None) is not None:
            yield (name,), f".{name}: a task whose rows are texts does not read it; leave it out"
    if isinstance(task, Multiclass) and not re.fullmatch(r"\w+", task.label):
        yield ("label",), f".label: found {task.label!r}; for texts, name the column that holds the label"
    yield from _layout(task)
    if isinstance(task, Retrieval):
        yield from _sought(task, data)
    sought = isinstance(task, Retrieval) and task.documents == "items"
    if data and (task.texts == "items" or sought):
        name = "texts" if task.texts == "items" else "documents"
        if not data.items:
            yield (name,), f".{name}: there are no items; declare them under data.items"
        elif not any(source.text for source in data.items):
            yield (name,), f".{name}: the items have no text; declare it under data.items"
    if task.split:
        yield from _split(task.split, task.texts, tagged=isinstance(task, Tagging))


def _layout(task: Any) -> Found:
    """How files of texts are read."""
    tags, texts = isinstance(task, Tagging), task.texts
    if isinstance(texts, Texts) and texts.layout == "conll":
        if not tags:
            said = ".texts.layout: conll has a tag for each unit, which  kind: tagging  reads; write rows"
            yield ("texts", "layout"), said
        elif task.label != "tags":
            yield (
                ("label",),
                f".label: found {task.label!r}; in files of CoNLL the last column is read; leave it out",
            )
    if isinstance(texts, Texts) and texts.unlabelled and not isinstance(task, Multiclass):
        said = f".texts.unlabelled: a {task.kind} task does not learn from them; leave it out"
        yield ("texts", "unlabelled"), said
    if tags and isinstance(texts, Texts) and len(texts.text) > 1:
        yield ("texts", "text"), ".texts.text: tags are those of one column; name one"
    if tags:
        yield from _made(task)


def _made(task: Tagging) -> Found:
    """What is made of the catalogue."""
    texts = task.texts
    if texts == "items" and task.label != "tags":
        yield ("label",), ".label: sentences made of the catalogue have tags of their own; leave it out"
    if task.templates is None:
        return
    if texts != "items":
        yield (
            ("templates",),
            ".templates: they are filled in with items; write  texts: items , or leave them out",
        )
    elif not any("{item}" in each or "{user}" in each for each in task.templates):
        yield ("templates",), ".templates: none has a place for {item} or {user}, so nothing would be tagged"


def _sought(task: Retrieval, data: DataConfig | None) -> Found:
    """Settings of tasks that look for items, and of queries that are made of the catalogue."""
    default = {name: field.default for name, field in Retrieval.model_fields.items()}
    if task.items is not None and not task.seeks_items:
        yield ("items",), ".items: what is looked for are no items; write  documents: items , or leave it out"
    if task.negatives != default["negatives"] and task.seeks_items:
        yield ("negatives",), ".negatives: items are compared with all others anyway; leave it out"
    for name in ("queries", "templates"):
        if getattr(task, name) != default[name] and task.texts != "items":
            said = f".{name}: queries stand in the files; write  texts: items  to make some of the catalogue"
            yield (name,), f"{said}, or leave it out"
    if task.texts != "items":
        return
    if task.label != default["label"]:
        yield ("label",), ".label: queries made of the catalogue have answers of their own; leave it out"
    if task.templates is not None:
        yield from _templates(task.templates, data)


def _templates(templates: list[str], data: DataConfig | None) -> Found:
    path, places = ("templates",), ("{words}", "{items}")
    for each in templates:
        if sum(place in each for place in places) != 1:
            yield (
                path,
                f".templates: {each!r} has not one place for words; write {{words}} or {{items}} in it",
            )
    if not any(places[0] in each for each in templates):
        yield path, ".templates: none has a place for {words}, so no query would validate or test; add one"
    if data and not data.events and any(places[1] in each for each in templates):
        yield path, ".templates: {items} stands for what users took; declare the log under data.events"


def _split(split: Split, texts: Any, *, tagged: bool) -> Found:
    if isinstance(texts, Texts) and texts.test is not None:
        yield (
            ("split",),
            ".split: the test rows lie in files of their own (texts.test); leave one of them out",
        )
    if split.kind == "column" and tagged and (texts == "items" or texts.layout == "conll"):
        said = (
            ".split.kind: sentences of the catalogue" if texts == "items" else ".split.kind: files of CoNLL"
        )
        yield (
            ("split", "kind"),
            f"{said} have no such column; write  kind: random , or name files of their own",
        )
    if split.kind not in _SPLITS:
        said = f".split.kind: texts have no order; write one of {', '.join(_SPLITS)}"
        yield ("split", "kind"), said
        return
    for name in ("cold_items", "cold_users"):
        if getattr(split, name):
            yield ("split", name), f".split.{name}: texts are no items and no users; leave it out"
    for path, text in of_split(split, []):
        yield ("split", *path), f".split{text}"
