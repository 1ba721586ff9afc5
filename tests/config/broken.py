"""Broken configurations: YAML text -> what the one error must say, line and advice included."""

GOOD = """\
data:
  items: {path: items.csv, id: item, kind: movie, text: [title]}
  events: {path: events.csv, user: user, item: item, time: at, type: action, value: stars}
tasks:
  - {name: next, kind: next_item}
  - {name: like, kind: binary, label: "stars >= 4"}
  - {name: stars, kind: regression, label: stars}
"""


def after(text: str) -> str:
    """The good configuration with more lines; the first of them is line 8."""
    return GOOD + text


def instead(old: str, new: str) -> str:
    """The good configuration with a piece replaced."""
    assert GOOD.count(old) == 1, old
    return GOOD.replace(old, new)


BROKEN: dict[str, tuple[str, list[str]]] = {
    # Keys
    "a signal with the name of a task": (
        instead("tasks:", "  counters: {signals: [{name: like, value: stars}]}\ntasks:"),
        [":4: data.counters.signals: 'like' is the name of a task", "give it a name of its own"],
    ),
    "a cross of one": (
        instead("tasks:", "  counters: {crosses: [[user]]}\ntasks:"),
        [":4: data.counters.crosses"],
    ),
    "a misspelt part": (
        after("trainning: {epochs: 3}\n"),
        [":8: the configuration has no setting 'trainning'; did you mean 'training'?"],
    ),
    "a misspelt setting": (
        after("training:\n  seed: 1\n  epoch: 3\n"),
        [":10: training has no setting 'epoch'; did you mean 'epochs'?"],
    ),
    "a name from elsewhere": (
        after("training: {lr: 0.1}\n"),
        [":8: training has no", "did you mean 'learning_rate'?"],
    ),
    "a setting in the wrong part": (
        after("training:\n  heads: 4\n"),
        [":9: training has no setting 'heads'; 'heads' belongs under model.timeline"],
    ),
    "a part in the wrong place": (after("split: {kind: time}\n"), [":8:", "'split' belongs under data"]),
    "a key of nothing": (
        after("evaluation:\n  zzz: 1\n"),
        [":9: evaluation has no setting 'zzz'; it has history, k"],
    ),
    "a key in a task": (
        instead(
            "- {name: stars, kind: regression, label: stars}",
            "- name: stars\n    kind: regression\n    lable: stars",
        ),
        [":9: tasks.stars has no setting 'lable'; did you mean 'label'?"],
    ),
    "a key of another kind of task": (
        instead("label: stars}", "label: stars, max_classes: 3}"),
        [":7: tasks.stars has no setting 'max_classes'; 'max_classes' belongs under tasks"],
    ),
    "a key in a column": (
        instead("[title]", "[{colum: title}]"),
        [":2: data.items.text.0 has no setting 'colum'; did you mean 'column'?"],
    ),
    "a key in a window": (
        instead('"stars >= 4"', "{of: view, evnt: buy, within: 7d}"),
        [":6: tasks.like.label has no setting 'evnt'; did you mean 'event'?"],
    ),
    "a missing key": (
        instead("user: user, ", ""),
        [":3: data.events lacks 'user'. The column that says who. Write  user: ..."],
    ),
    "a missing label": (
        instead(', label: "stars >= 4"', ""),
        [":6: tasks.like lacks 'label'", "rating >= 4"],
    ),
    "a missing part": (
        "tasks:\n  - {name: next, kind: next_item}\n",
        [":1: data.events: next reads events; declare the log there"],
    ),
    "a key twice": (
        after("training: {seed: 1}\nmodel: {}\ntraining: {seed: 2}\n"),
        [":10: 'training' is written twice, first in line 8"],
    ),
    "a key that is a number": (after("1: x\n"), [":8: a key must be text, found 1"]),
    # Values
    "text for a number": (
        after("training: {patience: many}\n"),
        [":8: training.patience: found 'many'; write a whole number of at least 1"],
    ),
    "a number out of bounds": (
        after("training: {epochs: 0}\n"),
        [":8: training.epochs: found 0; write a whole number of at least 1"],
    ),
    "a share of one": (
        after("model: {timeline: {dropout: 1}}\n"),
        [":8: model.timeline.dropout: found 1; write a number of at least 0 and below 1"],
    ),
    "no number at all": (
        after("training: {learning_rate: .nan}\n"),
        [":8: training.learning_rate: found nan"],
    ),
    "half an item": (
        after("evaluation: {k: [10, 2.5]}\n"),
        [":8: evaluation.k.1: found 2.5; write a whole number"],
    ),
    "a misspelt choice": (
        after("data2: 1\nmodel: {scoring: {similarity: cosin}}\n"),
        [":9: model.scoring.similarity: found 'cosin'; did you mean 'cosine'? write cosine or dot"],
    ),
    "a misspelt choice in a list": (
        after("report:\n  baselines:\n    - popularity\n    - popular\n"),
        [":11: report.baselines.1: found 'popular'; did you mean 'popularity'?"],
    ),
    "neither true nor auto": (
        after("training: {threads: some}\n"),
        [":8: training.threads: found 'some'; write a whole number of at least 1 or auto"],
    ),
    "a number for a name": (
        instead("id: item", "id: 7"),
        [':2: data.items.id: found 7; write text, in quotes: "7"'],
    ),
    "a number for a column": (
        instead("[title]", "[3]"),
        [':2: data.items.text.0: found 3; write a column, in quotes: "3"'],
    ),
    "one column for a list": (
        instead("[title]", "title"),
        [":2: data.items.text: found 'title'; write a list of columns, for example  [title]"],
    ),
    "text for a part": (
        after("model: big\n"),
        [":8: model: found 'big'; write a mapping such as {target_attention: false}"],
    ),
    "a kind for a part": (
        instead("data:\n", "data:\n  split: time\n"),
        [":2: data.split: found 'time'; write  {kind: time}"],
    ),
    "an empty part": (
        after("training:\nmodel: {}\n"),
        [":8: training is empty; write its settings below it, or leave it out"],
    ),
    "a list for a file": (
        "- a\n- b\n",
        [":1: the configuration: found a list; write a mapping with tasks"],
    ),
    "no tasks": (
        instead(GOOD[GOOD.index("tasks:") :], "tasks: []\n"),
        [":4: tasks: found an empty list; write a list of tasks"],
    ),
    "tasks without dashes": (
        instead(GOOD[GOOD.index("tasks:") :], "tasks:\n  like: {kind: binary}\n"),
        [":4: tasks: found a mapping; write a list of tasks with name and kind"],
    ),
    "no events": (
        instead("events: {", "events: []\n  zvents: {"),
        [":1: data.events: next reads events; declare the log there", ":4: data has no setting"],
    ),
    "a duration without unit": (
        after("training: {seed: 0}\n").replace("data:\n", "data:\n  counters: {half_lives: [1d, 7]}\n"),
        [":2: data.counters.half_lives.1: found 7; write a duration such as 30m, 12h or 7d"],
    ),
    "a window of no length": (
        instead('"stars >= 4"', "{of: view, event: buy, within: 7 weeks}"),
        [":6: tasks.like.label.within: '7 weeks' is not a duration", "for example 7d"],
    ),
    "a list for a label": (
        instead("label: stars}", "label: [stars]}"),
        [":7: tasks.stars.label: found a list; write an expression"],
    ),
    # Tasks
    "a misspelt kind of task": (
        instead("kind: binary", "kind: bnary"),
        [":6: tasks.like.kind: found 'bnary'; did you mean 'binary'? there are next_item, "],
    ),
    "a task of no kind": (
        instead("kind: binary, ", ""),
        [":6: tasks.like lacks 'kind'; write  kind: ...  with next_item"],
    ),
    "a task with a blank": (
        instead("name: like", "name: I like"),
        [":6: tasks.I like.name: found 'I like'; write a word of letters"],
    ),
    "two tasks of one name": (instead("name: like", "name: next"), [":6: two tasks bear the name 'next'"]),
    "a label that cannot be read": (
        instead('"stars >= 4"', '"stars => 4"'),
        [":6: tasks.like.label: 'stars => 4', character 7: ", "found '='; write =="],
    ),
    "a number that is a condition": (
        instead("label: stars}", "label: stars > 3}"),
        [":7: tasks.stars.label: 'stars > 3' is true or false; a regression needs a number"],
    ),
    "a label without columns": (
        instead('"stars >= 4"', '"1"'),
        [":6: tasks.like.label: '1' reads no column"],
    ),
    "positives that are a number": (
        instead("kind: next_item", "kind: next_item, positive: stars + 1"),
        [":5: tasks.next.positive: 'stars + 1' is a number; write a condition such as"],
    ),
    "positives of another type": (
        instead("kind: next_item", "kind: next_item, positive: 3"),
        [":5: tasks.next.positive: found 3; write an expression over event columns"],
    ),
    "a label known beforehand": (
        instead("value: stars}", "value: stars, context: [stars]}"),
        [
            ":6: tasks.like.label: 'stars' is declared as known beforehand; take it out of",
            ":7: tasks.stars",
        ],
    ),
    "a label known beforehand under another name": (
        instead("value: stars}", "value: stars, context: [stars]}").replace('"stars >= 4"', '"value >= 4"'),
        [":6: tasks.like.label: 'stars' is declared as known beforehand"],
    ),
    "a label that is not read": (
        instead("value: stars}", "ignore: [stars]}"),
        [":6: tasks.like.label: 'stars' is not read"],
    ),
    "a window without times": (
        instead('"stars >= 4"', "{of: view, event: buy, within: 7d}").replace("time: at, ", ""),
        [":6: tasks.like.label: a window needs times; write  time: COLUMN  under data.events"],
    ),
    "a window of rows that are not learned": (
        instead('"stars >= 4"', "{of: view, event: buy, within: 7d}, types: click"),
        [":6: tasks.like.label.of: 'view' is not among the task's types click"],
    ),
    "tasks without weight": (
        GOOD.replace("kind: ", "weight: 0, kind: ").replace(
            "item, weight: 0, kind: movie", "item, kind: movie"
        ),
        [":5: every task has weight 0"],
    ),
    "folds for one task": (
        instead("kind: next_item", "kind: next_item, split: {kind: kfold}"),
        [":5: tasks.next.split: folds are made for all tasks at once"],
    ),
    "an impossible split of one task": (
        instead("kind: next_item", "kind: next_item, split: {kind: random, valid: 0.5, test: 0.5}"),
        [":5: tasks.next.split: 0.5 and 0.5 leave no rows to train on"],
    ),
    # What does not fit together
    "a monitor of no task": (
        after("training: {monitor: lik.auc}\n"),
        [":8: training.monitor: found 'lik.auc'; there is no task 'lik'; did you mean 'like'?"],
    ),
    "a monitor of another kind": (
        after("training: {monitor: next.auc}\n"),
        [":8: training.monitor: found 'next.auc'; a next_item task has hr@k, ndcg@k, recall@k, mrr"],
    ),
    "a monitor without metric": (
        after("training: {monitor: like}\n"),
        [":8:", "a binary task has auc, gauc", "like.auc"],
    ),
    "a monitor at another length": (
        after("training: {monitor: next.ndcg@7}\n"),
        [":8:", "evaluation.k, which are 1, 5, 10, 20"],
    ),
    "heads that do not divide": (
        after("model:\n  timeline:\n    width: 100\n    heads: 3\n"),
        [":11: width 100 cannot be shared by 3 heads"],
    ),
    "a split by no column": (
        instead("tasks:\n", "  split: {kind: column}\ntasks:\n"),
        [":4: a split of kind 'column' needs  column: NAME"],
    ),
    "a column for another split": (
        instead("tasks:\n", "  split:\n    kind: random\n    column: part\ntasks:\n"),
        [":6: data.split.column: a split of kind random does not read it; write  kind: column"],
    ),
    "words of a column for another split": (
        instead("tasks:\n", "  split: {kind: time, values: {train: a}}\ntasks:\n"),
        [":4: data.split.values: a split of kind time does not read it; write  kind: column, or leave"],
    ),
    "folds for a split by time": (
        instead("tasks:\n", "  split: {kind: time, folds: 3}\ntasks:\n"),
        [":4: data.split.folds: a split of kind time does not read it; write  kind: kfold, or leave it out"],
    ),
    "a fold of no folds": (
        instead("tasks:\n", "  split: {fold: 1}\ntasks:\n"),
        [":4: data.split.fold: a split of kind leave_one_out does not read it; write  kind: kfold"],
    ),
    "a share for the last events": (
        instead("tasks:\n", "  split:\n    valid: 0.2\ntasks:\n"),
        [
            ":5: data.split.valid: a split of kind leave_one_out does not read it",
            "write  kind: time  or  kind: random, or leave it out",
        ],
    ),
    "a day for a column": (
        instead("tasks:\n", "  split: {kind: column, column: part, test: 2024-12-01}\ntasks:\n"),
        [":4: data.split.test: a split of kind column does not read it; write  kind: time  or  kind: random"],
    ),
    "a share for a column of one task": (
        instead("kind: next_item", "kind: next_item, split: {kind: column, column: part, test: 0.3}"),
        [":5: tasks.next.split.test: a split of kind column does not read it"],
    ),
    "a seed for a split without chance": (
        instead("tasks:\n", "  split: {kind: time, seed: 3}\ntasks:\n"),
        [":4: data.split.seed: a split of kind time does not read it; write  kind: random  or  kind: kfold"],
    ),
    "a fold too many": (
        instead("tasks:\n", "  split: {kind: kfold, fold: 5}\ntasks:\n"),
        [":4: fold 5 does not exist among 5 folds"],
    ),
    "two folds": (
        instead("tasks:\n", "  split: {kind: kfold, folds: 2}\ntasks:\n"),
        [":4: data.split.folds:", "at least 3"],
    ),
    "a part of a split": (
        instead("tasks:\n", "  split: {kind: column, column: part, values: {trian: a}}\ntasks:\n"),
        [":4: data.split.values has no part 'trian'; did you mean 'train'?"],
    ),
    "a split by time without times": (
        instead("tasks:\n", "  split: {kind: time}\ntasks:\n").replace("time: at, ", ""),
        [":4: data.split.kind: time needs times; write  time: COLUMN  under data.events"],
    ),
    "a day that is none": (
        instead("tasks:\n", "  split: {kind: time, valid: 2024-13-01, test: 2024-12-01}\ntasks:\n"),
        [":4: data.split.valid: '2024-13-01' is not a moment"],
    ),
    "days in the wrong order": (
        instead("tasks:\n", "  split: {kind: time, valid: 2024-12-01, test: 2024-11-01}\ntasks:\n"),
        [":4: data.split.test: 2024-11-01 does not lie after 2024-12-01"],
    ),
    "a day for a random split": (
        instead("tasks:\n", "  split: {kind: random, test: 2024-12-01}\ntasks:\n"),
        [":4: data.split.test: found '2024-12-01'; a split of kind random takes a share"],
    ),
    "a share above one": (
        instead("tasks:\n", "  split: {kind: random, test: 2}\ntasks:\n"),
        [":4: data.split.test: found 2; write a share"],
    ),
    "an earliest day that is none": (
        instead("tasks:\n", "  cleaning: {earliest: yesterday}\ntasks:\n"),
        [":4: data.cleaning.earliest: 'yesterday' is not a day"],
    ),
    "counters without times": (
        instead("tasks:\n", "  counters: {enabled: true}\ntasks:\n").replace("time: at, ", ""),
        [":4: data.counters: they need times"],
    ),
    "two logs, one without times": (
        instead("  events: {", "  events:\n    - {path: b.csv, user: user, item: item}\n    - {"),
        [":4: data.events.0 has no time, another source has"],
    ),
    "one file twice": (
        instead("path: events.csv", "path: [events.csv, events.csv]"),
        [":3: data.events: the file 'events.csv' is named twice"],
    ),
    "a column twice": (
        instead("[title]", "[title, title]"),
        [":2: data.items.text: the column 'title' is named twice"],
    ),
    "a column before and after": (
        instead("value: stars}", "context: [page], outcomes: [page]}"),
        [":3: data.events.outcomes: 'page' is in context too"],
    ),
    "a feature that is not read": (
        instead("value: stars}", "context: [page], ignore: [page]}"),
        [":3: data.events.ignore: 'page' is declared as a feature too"],
    ),
    "a constant that is not said": (
        instead("[title]", "[{column: title, missing: constant}]"),
        [":2: data.items.text: 'title' is filled with a constant; write  constant: VALUE"],
    ),
    # The text itself
    "a tab": ("data:\n\titems: x\n", [":2: this is not YAML", "indent with spaces"]),
    "a bracket left open": (
        "data: [1, 2\ntasks: x\n",
        [":2: this is not YAML", "began in line 1", "bracket"],
    ),
    "a quote left open": ('data: "x\ntasks: x\n', ["this is not YAML", "began in line 1", "quote"]),
    "a colon in a value": ("data: a: b\n", [":1: this is not YAML", "in quotes"]),
    "a backtick": (
        instead('"stars >= 4"', "`stars` >= 4"),
        [":6: this is not YAML", "put the value in quotes"],
    ),
    "an indentation": (
        "data:\n    items: x\n  events: y\n",
        [":3: this is not YAML", "check the indentation"],
    ),
    "two documents": ("data: 1\n---\ntasks: 2\n", [":2: this is not YAML", "leave out the second ---"]),
    "an unknown alias": ("data: *x\n", [":1: this is not YAML", "begins with *"]),
    "an alias of itself": ("data: &a [*a]\n", [":1: the alias holds itself"]),
    "a tag": ("data: !!python/object:os.system {}\n", [":1:"]),
    "a control character": ("data: 1\ntasks: \x07\n", [":2: YAML does not allow the character #x0007"]),
    "nothing": ("# only a comment\n", [":1: the file is empty; write data and tasks"]),
    "too deep": ("[" * 600, ["nested too deeply"]),
}
