"""Baselines of a run: what each ranks or predicts on the same questions as the model.

Popularity, item to item and EASE for tasks that rank; damped means and class frequencies stand under the name
of popularity for tasks that score rows. Settings are chosen on the validation rows.
"""

from collections.abc import Callable, Sequence

import numpy as np

from motet.config.tasks import Task
from motet.data.text_feed import TextSet
from motet.data.timelines import TRAIN, UNUSED, VALID
from motet.evaluation.baselines import Popularity, RankingBaseline
from motet.evaluation.baselines_ease import fit_best, too_large
from motet.evaluation.baselines_neighbours import best_item_to_item
from motet.evaluation.baselines_rows import ClassFrequencies, DampedMeans, Visible
from motet.evaluation.evaluate import Examiner, main_value
from motet.evaluation.records import Predictions
from motet.evaluation.retrieval import by_words
from motet.evaluation.scoring import Scored
from motet.evaluation.tagging import by_dictionary
from motet.evaluation.texts import most_frequent

Found = dict[str, dict[str, Predictions]]  # baseline -> task -> record


def opponents(
    examiner: Examiner, names: Sequence[str], part: int, say: Callable[[str], None]
) -> tuple[Found, list[str]]:
    """Records of every baseline on every task it can do, and what was left out and why.

    Args:
        examiner: Puts the questions.
        names: Baselines from the configuration.
        part: Part of the rows.
        say: Is told what is being done.
    """
    out: Found = {name: {} for name in names}
    statements: list[str] = []
    for name, texts in examiner.texts.items() if "popularity" in names else ():
        out["popularity"][name] = _guess(texts, part)
    for task in examiner.config.of_events.tasks:
        if task.kind != "next_item":
            if "popularity" in names:
                out["popularity"][task.name] = examine_means(examiner, task, part)
            continue
        for name in names:
            reason = too_large(len(examiner.dataset.catalogue) - 1) if name == "ease" else None
            if reason:
                statements.append(reason)
                continue
            say(f"baseline {name} for {task.name}")
            fitted = fit_baseline(examiner, name, task.name)
            out[name][task.name] = examiner.examine_baseline(fitted, task.name, part)
    return {name: records for name, records in out.items() if records}, sorted(set(statements))


def _guess(texts: TextSet, part: int) -> Predictions:
    """What needs no model: the most frequent class, a dictionary of spans, common words."""
    if texts.answers is not None:
        return by_words(texts, part)
    return most_frequent(texts, part) if texts.units is None else by_dictionary(texts, part)


def fit_baseline(examiner: Examiner, name: str, task: str) -> RankingBaseline:
    """A baseline that ranks, with the settings that are best on the validation rows."""
    user_N, item_N = examiner.interactions(task)
    num_items = len(examiner.dataset.catalogue) - 1

    def validate(baseline: RankingBaseline) -> float:
        return main_value(examiner.examine_baseline(baseline, task, VALID))

    if name == "ease":
        return fit_best(user_N, item_N, num_items, validate)[0]
    if name == "item_to_item":
        return best_item_to_item(user_N, item_N, num_items, validate)[0]
    popularity = Popularity()
    popularity.fit(user_N, item_N, num_items)
    return popularity


def examine_means(examiner: Examiner, task: Task, part: int) -> Predictions:
    """Damped means of user and item, or class frequencies, on the labelled rows of a part."""
    log = examiner.dataset.log
    view, label_N, user_N = examiner.view_of(task.name), log.label[task.name], log.user_N
    known_N = ~np.isnan(label_N)
    train = np.flatnonzero(known_N & log.train_N)
    rows = np.flatnonzero(known_N & (view.part_N == part))
    if task.kind == "multiclass":
        classes = len(examiner.dataset.encodings.classes[task.name])
        frequent = ClassFrequencies()
        frequent.fit(label_N[train].astype(np.int64), classes)
        return examiner.row_record(
            task.name, Scored(rows, user_N[rows], label_N[rows], frequent.predict(len(rows)))
        )
    means, number_N = DampedMeans(probability=task.kind == "binary"), user_N + 1  # 0 is an unknown user
    means.fit(number_N[train], log.item_N[train], label_N[train])
    if view.history == "frozen" or not log.timed:
        said = means.predict(number_N[rows], log.item_N[rows])
    else:
        later = known_N & view.visible(part) & (view.part_N != TRAIN) & (view.part_N != UNUSED)
        time_N = log.time_N[log.moment_N]
        seen = Visible(number_N[later], log.item_N[later], label_N[later], time_N[later])
        said = means.predict(number_N[rows], log.item_N[rows], time_N[rows], seen)
    return examiner.row_record(task.name, Scored(rows, user_N[rows], label_N[rows], said))
