"""Held out: training users whose rows choose the weights of tasks, and teach the model nothing else.

They are not the validation rows: those say which epoch is kept and whether sharing hurts a task, and what was
chosen on them would look better there than it is. Whoever is held out is a training user like any other to
counters, vocabularies, means of labels and item vectors, and when the model is measured; no step is theirs.
"""

import numpy as np

from motet.batch import Batch
from motet.config import Config
from motet.data.loader import Feed, learned_rows
from motet.data.timelines import Timelines
from motet.errors import DataError
from motet.system.randomness import generator
from motet.training.stackelberg import leaders_of


def held_out_rows(config: Config, log: Timelines) -> np.ndarray | None:
    """Rows of the users who are held out, boolean ``(N,)``; None where no task leads others.

    Users are drawn by the seed of the training among those with a row of the leader. One is passed over
    whose going would leave an item without an event that trains, or a task without a row.

    Raises:
        DataError: Nobody can be spared.
    """
    weights = {task.name: task.weight for task in config.tasks if task.weight > 0}
    settings = config.training.balance
    leaders = [name for name in leaders_of(settings, weights) if name in weights]
    if settings.kind != "stackelberg" or not 0 < len(leaders) < len(weights):
        return None
    rows_N = learned_rows(log)
    asked_UT = np.stack([_per_user(log, asked_rows(log, name) & rows_N) for name in weights], 1)
    lead_U = asked_UT[:, [name in leaders for name in weights]].any(1)
    learning = int((_per_user(log, rows_N) > 0).sum())
    wanted = max(1, round(settings.held_out * learning))
    chosen = _spared(log, np.flatnonzero(lead_U), asked_UT, wanted, config.training.seed)
    if not chosen:
        raise DataError(
            f"training.balance: no training user can be held out to choose weights for {', '.join(leaders)}: "
            "each has the only events of some item or task. Write  balance: likelihood , or take more data."
        )
    return np.isin(log.user_N, chosen)


def _spared(
    log: Timelines, candidates: np.ndarray, asked_UT: np.ndarray, wanted: int, seed: int
) -> list[int]:
    """Users whom items and tasks can spare, as many as are wanted where there are."""
    left_I = np.bincount(log.item_N[log.train_N], minlength=int(log.item_N.max()) + 1)
    left_T, train_N = asked_UT.sum(0), log.train_N
    chosen: list[int] = []
    for user in generator(seed, "held out for the leader").permutation(candidates).tolist():
        if len(chosen) == wanted:
            break
        begin, end = log.offset_U[user], log.offset_U[user + 1]
        item_E, count_E = np.unique(log.item_N[begin:end][train_N[begin:end]], return_counts=True)
        if (left_I[item_E] > count_E).all() and (left_T > asked_UT[user]).all():
            left_I[item_E] -= count_E
            left_T = left_T - asked_UT[user]
            chosen.append(user)
    return chosen


def asked_rows(log: Timelines, name: str) -> np.ndarray:
    """Rows that a task learns from, boolean ``(N,)``."""
    return log.positive[name] if name in log.positive else ~np.isnan(log.label[name])


def _per_user(log: Timelines, rows_N: np.ndarray) -> np.ndarray:
    return np.bincount(log.user_N[rows_N], minlength=len(log.user_ids))


class LeaderBatches:
    """Batches of held-out rows, by number: the same windows in every pass, in an order of its own.

    Args:
        feed: Of those rows.
        seed: Of the orders.
    """

    def __init__(self, feed: Feed, seed: int) -> None:
        self.epoch, self.seed = feed.epoch(0), seed

    def __call__(self, number: int) -> Batch:
        """Batch `number`."""
        turn, place = divmod(number, len(self.epoch))
        order = generator(self.seed, f"leader pass {turn}").permutation(len(self.epoch))
        return next(iter(self.epoch.since(int(order[place]))))


def told(config: Config, log: Timelines) -> list[str]:
    """A sentence on who is held out, for the report."""
    held_N = held_out_rows(config, log)
    if held_N is None:
        return []
    rows_N = learned_rows(log)
    users, held = (len(np.unique(log.user_N[each])) for each in (rows_N, rows_N & held_N))
    leaders = leaders_of(config.training.balance, {task.name: task.weight for task in config.tasks})
    return [
        f"The weights of the tasks are chosen for {', '.join(leaders)} on the training rows of {held:,} of "
        f"{users:,} users ({int((rows_N & held_N).sum()):,} rows), from which the joint model learns "
        "nothing else; twins learn from all."
    ]
