"""The order in which windows are visited."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from motet.data.loader import Epoch, Feed, shuffled_windows, sorted_windows
from motet.data.timelines import TEST, TRAIN, UNUSED, VALID
from tests.data.hand_log import hand_log


class World:
    """What a feed reads of a dataset."""

    def __init__(self, lengths=(9, 3, 14, 1, 6, 8, 5), part=None):
        self.log = hand_log([range(count) for count in lengths])
        if part is not None:
            self.log.part["next"][:] = self.log.part["like"][:] = part
        self.catalogue = self
        self.time_I = np.full(len(self.log) + 1, -1)


def feed(world: World | None = None, seed: int = 0) -> Feed:
    return Feed(world or World(), length=4, batch_size=3, seed=seed, counter_NC=None)


def visited(epoch: Epoch) -> list[int]:
    """Rows in the order of their visits."""
    return [int(row) for batch in epoch.since(0) for row in batch.row_BP.flatten() if row >= 0]


def windows(epoch: Epoch) -> list[list[int]]:
    return [batch.tolist() for batch in epoch.batches]


def test_an_epoch_visits_every_window_and_every_training_row_once():
    epoch = feed().epoch(0)
    assert sorted(np.concatenate(epoch.batches)) == list(range(len(epoch.collate.plan)))
    assert sorted(visited(epoch)) == list(range(46))


def test_the_same_seed_and_number_give_the_same_epoch():
    assert windows(feed().epoch(3)) == windows(feed().epoch(3))
    assert visited(feed().epoch(3)) == visited(feed().epoch(3))


def test_epochs_and_seeds_differ_in_order_and_in_where_windows_are_cut():
    first = feed().epoch(0)
    assert visited(feed().epoch(1)) != visited(first) != visited(feed(seed=1).epoch(0))
    starts = {tuple(feed().epoch(number).collate.plan.start_W) for number in range(8)}
    assert len(starts) == 2  # the stride is two, so a window can be shifted by 0 or by 1


def test_an_epoch_goes_on_in_its_middle_as_if_it_had_never_stopped():
    epoch = feed().epoch(0)
    whole = [batch.row_BP.tolist() for batch in epoch.since(0)]
    rest = [batch.row_BP.tolist() for batch in epoch.since(2)]
    assert rest == whole[2:]
    assert len(whole) == len(epoch)


def test_rows_that_do_not_train_are_neither_visited_nor_seen():
    part = np.tile([TRAIN, TRAIN, VALID, TEST, UNUSED], 10)[:46]
    epoch = feed(World(part=part)).epoch(0)
    assert set(visited(epoch)) == set(np.flatnonzero(part == TRAIN))
    seen = {int(item) for batch in epoch.since(0) for item in batch.item_BL.flatten()} - {0}
    assert seen <= set((np.flatnonzero(part == TRAIN) + 1).tolist())


def test_a_row_trains_only_where_it_trains_for_every_task():
    world = World()
    world.log.part["like"][5:10] = VALID
    assert set(visited(feed(world).epoch(0))) == set(range(46)) - set(range(5, 10))


def test_batches_hold_windows_of_about_equal_length():
    length_W = np.random.default_rng(0).integers(1, 100, 400)
    batches = shuffled_windows(length_W, 10, np.random.default_rng(1))
    assert max(len(batch) for batch in batches) == 10
    spread = np.mean([np.ptp(length_W[batch]) for batch in batches])
    assert spread < 10 < np.ptp(length_W)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 50)), max_size=60), st.integers(60, 400))
def test_batches_by_length_keep_within_their_budget_and_visit_each_window_once(sizes, budget):
    length_W = np.array([length for length, _ in sizes], np.int64)
    rows_W = np.array([rows for _, rows in sizes], np.int64)
    batches = sorted_windows(length_W, rows_W, budget)
    assert sorted(np.concatenate([*batches, []]).tolist()) == list(range(len(sizes)))
    for batch in batches:
        assert max(length_W[batch].max() + 1, rows_W[batch].max()) * len(batch) <= budget


def test_a_window_above_the_budget_is_a_batch_of_its_own():
    batches = sorted_windows(np.array([3, 500, 3]), np.array([1, 1, 1]), budget=100)
    assert [batch.tolist() for batch in batches] == [[0, 2], [1]]
