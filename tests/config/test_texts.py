"""Settings of text tasks that are right alone and wrong together."""

from typing import Any

import pytest

from motet.config.read import config_from_dict
from motet.errors import ConfigError

TEXTS = {"path": "texts.csv"}
TASK = {"name": "topic", "kind": "multiclass", "label": "topic", "texts": TEXTS}
NEXT = {"name": "next", "kind": "next_item"}
EVENTS = {"path": "events.csv", "user": "who", "item": "what"}
ITEMS = {"path": "items.csv", "id": "what"}


def settings(*tasks: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"tasks": list(tasks) or [TASK], **changes}


def test_texts_need_no_data():
    config = config_from_dict(settings())
    assert [task.name for task in config.text_tasks] == ["topic"]
    assert config.of_events.tasks == []
    assert config.data.events == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (settings(NEXT), "data.events: next reads events; declare the log there"),
        (settings(TASK, NEXT), "data.events: next reads events"),
        (settings(model={"language": "none"}), "model.language: text tasks need a language model"),
        (
            settings(TASK | {"types": ["click"]}),
            "tasks.topic.types: a task whose rows are texts does not read it",
        ),
        (settings(TASK | {"history": "frozen"}), "tasks.topic.history: a task whose rows are texts"),
        (settings(TASK | {"depth": 1}), "tasks.topic.depth: a task whose rows are texts"),
        (settings(TASK | {"label": "stars >= 4"}), "name the column that holds the label"),
        (settings(TASK | {"texts": "items"}), "tasks.topic.texts: there are no items"),
        (settings(TASK | {"texts": "items"}, data={"items": ITEMS}), "the items have no text"),
        (settings(TASK | {"texts": "words.csv"}), "tasks.topic.texts: found 'words.csv'"),
        (
            settings(TASK | {"split": {"kind": "time"}}),
            "texts have no order; write one of random, column, kfold",
        ),
        (settings(TASK | {"split": {"kind": "column"}}), "a split of kind 'column' needs  column: NAME"),
        (
            settings(TASK | {"split": {"kind": "random"}, "texts": TEXTS | {"test": "later.csv"}}),
            "the test rows lie in files of their own",
        ),
        (
            settings(TASK, NEXT, data={"events": EVENTS}, training={"balance": "stackelberg"}),
            "stackelberg is for tasks that read events, and topic reads texts",
        ),
        (
            settings(
                NEXT, data={"events": EVENTS}, model={"language": {"tuning": "full"}, "groups": [["next"]]}
            ),
            "'next' would need a language model of its own to tune, to read items; write  tuning: frozen",
        ),
        (
            settings(TASK, model={"groups": [["topic"]]}),
            "model.groups: 'topic' reads texts and shares no timeline; leave it out",
        ),
        (
            settings(TASK, model={"language": {"tuning": "full"}, "groups": [["topic"]]}),
            "every task has a language model of its own, and nobody uses the first; leave one group out",
        ),
        (
            settings(
                TASK,
                NEXT,
                data={"events": EVENTS},
                model={"language": {"tuning": "full"}, "groups": [["topic", "next"]]},
            ),
            "'topic' reads texts, so its group has a language model of its own and text tasks alone",
        ),
        (
            settings(
                TASK,
                NEXT,
                data={"events": EVENTS},
                model={
                    "language": {"tuning": "full"},
                    "groups": [{"tasks": ["topic"], "backbone": "shared"}],
                },
            ),
            "write  backbone: own  and leave others out",
        ),
        (settings(model={"language": {"learning_rate": 0.1}}), "tuning frozen does not read 'learning_rate'"),
        (settings(model={"language": {"tuning": "full", "rank": 4}}), "tuning full does not read 'rank'"),
        (settings(model={"language": {"tuning": "lora", "layer_decay": 0.5}}), "does not read 'layer_decay'"),
    ],
)
def test_what_does_not_fit_is_said(given, said):
    with pytest.raises(ConfigError) as found:
        config_from_dict(given)
    assert said in str(found.value)
    assert "mistakes" not in str(found.value)


TAGS = {"name": "mentions", "kind": "tagging", "texts": {"path": "tagged.jsonl"}}
TUNED = {"language": {"tuning": "full"}}


def tagging(model: Any = TUNED, **changes: Any) -> dict[str, Any]:
    return settings(TAGS | changes, model=model)


def test_a_tagging_task_is_a_text_task():
    config = config_from_dict(tagging())
    assert [task.name for task in config.text_tasks] == ["mentions"]
    assert config.of_events.tasks == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (tagging({}), "tagging reads every word with a language model that is tuned; write  tuning: full"),
        (settings(TAGS, model={"language": "none"}), "model.language: text tasks need a language model"),
        (
            {"tasks": [{k: TAGS[k] for k in ("name", "kind")}]},
            "tasks.mentions lacks 'texts'. Files of tagged texts",
        ),
        (tagging(texts={"path": "a.txt", "layout": "conll"}, label="ner"), "the last column is read"),
        (tagging(texts={"path": "a.csv", "text": ["one", "two"]}), "tags are those of one column; name one"),
        (
            settings(TASK | {"texts": TEXTS | {"layout": "conll"}}),
            "conll has a tag for each unit, which  kind: tagging  reads; write rows",
        ),
        (tagging(templates=["{item}"]), "they are filled in with items; write  texts: items"),
        (tagging(texts="items"), "tasks.mentions.texts: there are no items"),
        (
            tagging(texts="items", templates=["nothing"]),
            "none has a place for {item} or {user}, so nothing would be tagged",
        ),
        (tagging(texts="items", label="tags_of"), "sentences made of the catalogue have tags of their own"),
        (
            tagging(texts={"path": "a.txt", "layout": "conll"}, split={"kind": "column", "column": "part"}),
            "files of CoNLL have no such column",
        ),
        (tagging(TUNED | {"texts": {"hidden_words": 0.1}}), "tasks of kind multiclass or retrieval read it"),
        (tagging(TUNED | {"texts": {"label_smoothing": 0.1}}), "tasks of kind multiclass read it"),
        (tagging(depth=1), "tasks.mentions.depth: a task whose rows are texts does not read it"),
    ],
)
def test_what_tagging_does_not_read(given, said):
    with pytest.raises(ConfigError) as caught:
        config_from_dict(given)
    assert said in str(caught.value)


FINDS = {"name": "search", "kind": "retrieval"}
SHOP = {"items": ITEMS | {"text": ["title"]}}
GIVEN = {"texts": {"path": "queries.csv"}, "documents": "items", "label": "what"}


def finds(data: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    return settings(FINDS | changes, data=SHOP if data is None else data)


def test_items_are_looked_for_with_queries_of_a_file_or_with_their_own():
    for given in (finds(**GIVEN, items="book"), finds(texts="items", queries=3, templates=["find {words}"])):
        (task,) = config_from_dict(given).text_tasks
        assert task.seeks_items
    (plain,) = config_from_dict(settings(FINDS | {"texts": TEXTS})).text_tasks
    assert not plain.seeks_items


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (finds({}, texts="items"), "tasks.search.texts: there are no items; declare them under data.items"),
        (finds({"items": ITEMS}, texts="items"), "tasks.search.texts: the items have no text"),
        (finds({}, **GIVEN), "tasks.search.documents: there are no items"),
        (finds({"items": ITEMS}, **GIVEN), "tasks.search.documents: the items have no text"),
        (
            finds(texts=TEXTS, items="book"),
            "what is looked for are no items; write  documents: items , or leave it out",
        ),
        (finds(**GIVEN, queries=3), "tasks.search.queries: queries stand in the files; write  texts: items"),
        (finds(**GIVEN, templates=["a {words}"]), "tasks.search.templates: queries stand in the files"),
        (finds(texts="items", negatives=2), "items are compared with all others anyway; leave it out"),
        (finds(texts="items", label="title"), "queries made of the catalogue have answers of their own"),
        (finds(texts="items", templates=["{words} {items}"]), "has not one place for words"),
        (finds(texts="items", templates=["{item}"]), "'{item}' has not one place for words"),
        (
            finds(SHOP | {"events": EVENTS}, texts="items", templates=["after {items}"]),
            "none has a place for {words}, so no query would validate or test; add one",
        ),
        (
            finds(texts="items", templates=["{words}", "after {items}"]),
            "{items} stands for what users took; declare the log under data.events",
        ),
        (
            finds(SHOP | {"events": EVENTS}, texts="items", templates=["{words}", "after {items}"]),
            "tasks.search.templates: {items} stands for what users took, but no task reads the log; add one",
        ),
        (finds(texts="items", documents="texts"), "tasks.search.documents: found 'texts'"),
    ],
)
def test_what_a_search_for_items_does_not_read(given, said):
    with pytest.raises(ConfigError) as caught:
        config_from_dict(given)
    assert said in str(caught.value)
