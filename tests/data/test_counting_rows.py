"""Which counters a log gets, and what each row may count."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from motet.config.data import Column
from motet.config.data import Counters as Settings
from motet.data.catalogue import Catalogue
from motet.data.counters import Counters
from motet.data.counting import (
    CountedRows,
    CounterInput,
    count_asked,
    count_rows,
    count_steps,
    counter_input,
)
from motet.data.table import Feature
from motet.data.timelines import TEST, TRAIN, UNUSED, VALID, Timelines
from motet.data.vocabulary import Encoding, fit_encoding
from motet.errors import ConfigError
from tests.data.hand_log import HOUR, hand_log

MAKERS = fit_encoding(
    pl.DataFrame({"maker": ["ann", "ann", "bob"]}), (Feature("maker", "categorical", Column(column="maker")),)
)
SURFACES = fit_encoding(
    pl.DataFrame({"surface": ["feed", "search"]}),
    (Feature("surface", "categorical", Column(column="surface")),),
)
SETTINGS = Settings(half_lives=[], smoothing=1.0)


def catalogue() -> Catalogue:
    """Items 1 and 2 are by ann, 3 by bob, 4 by nobody."""
    code, _ = MAKERS.encode(pl.DataFrame({"maker": ["ann", "ann", "bob", None]}))
    code = np.concatenate([np.zeros((1, 1), np.int32), code])
    return Catalogue(
        pl.Series(range(1, 5)), ["item"], np.array([-1, 0, 0, 0, 0], np.int16), MAKERS, code,
        np.zeros((5, 0), np.float32), [""] * 5, {}, np.full(5, -1), np.array([False] + [True] * 4),
    )  # fmt: skip


def log() -> Timelines:
    """Two users: one clicks 1, sees 2 and 3 at once, meets 1 again; the other meets 1 and 4."""
    surface, _ = SURFACES.encode(pl.DataFrame({"surface": ["feed"] * 4 + ["search"] * 2}))
    return hand_log(
        [[0, 2, 2, 4], [1, 3]],
        items=[1, 2, 3, 1, 1, 4],
        label={"like": np.array([1, 0, 1, 0, 1, 1], np.float32)},
        request_code_NJ=surface,
    )


def source(of: Timelines, counted=(), settings: Settings = SETTINGS) -> CounterInput:
    return counter_input(of, catalogue(), SURFACES, settings, set(counted), {"like": 0})


def counts(of: Timelines, part, *, frozen=False, counted=()) -> dict[str, list[int]]:
    """How many events each row counts, by kind of key."""
    made = source(of, counted)
    found = count_rows(made, of, np.array(part, np.int8), frozen=frozen)
    names = Counters(made.plan).names()
    return {
        name.removesuffix(".count"): np.expm1(found[:, place]).round().astype(int).tolist()
        for place, name in enumerate(names)
        if name.endswith(".count")
    }


def test_a_row_counts_what_happened_before_its_moment():
    found = counts(log(), [TRAIN] * 6)
    assert found["user"] == [0, 1, 1, 3, 0, 1]
    assert found["item"] == [0, 0, 0, 2, 1, 0]


def test_declared_columns_are_counted_and_crossed_with_the_user():
    found = counts(log(), [TRAIN] * 6, counted=["maker", "surface"])
    assert list(found) == ["user", "item", "maker", "surface", "user*maker", "user*surface", "item*surface"]
    assert found["maker"] == [0, 2, 0, 3, 1, 0]
    assert found["user*maker"] == [0, 1, 0, 2, 0, 0]
    assert found["item*surface"] == [0, 0, 0, 1, 0, 0]


def test_crosses_can_be_left_out():
    plain = source(log(), ["maker"], Settings(half_lives=[], crosses=False))
    assert plain.plan.keys == ("user", "item", "maker")


def test_rows_that_are_not_used_count_nothing_and_are_not_counted():
    part = [UNUSED, TRAIN, TRAIN, TRAIN, TRAIN, TRAIN]
    found = counts(log(), part)
    assert found["user"] == [0, 0, 0, 2, 0, 1]
    assert found["item"] == [0, 0, 0, 1, 0, 0]


def test_training_rows_never_count_what_does_not_train():
    part = [TRAIN, VALID, VALID, TRAIN, TEST, TEST]
    found = counts(log(), part)
    assert found["user"][3] == 1
    assert found["item"][3] == 1


def test_a_rolling_row_counts_all_of_its_own_part_that_came_before():
    part = [TRAIN, VALID, VALID, TEST, TEST, TEST]
    found = counts(log(), part)
    assert found["user"] == [0, 1, 1, 3, 0, 1]
    assert found["item"] == [0, 0, 0, 2, 1, 0]


def test_a_frozen_row_counts_what_came_before_its_part_alone():
    part = [TRAIN, VALID, VALID, TEST, TEST, TEST]
    found = counts(log(), part, frozen=True)
    assert found["user"] == [0, 1, 1, 3, 0, 0]
    assert found["item"] == [0, 0, 0, 1, 1, 0]


@pytest.mark.parametrize("row", range(6))
def test_no_row_counts_its_own_label_nor_a_later_one(row):
    of = log()
    made = source(of)
    before = count_rows(made, of, np.zeros(6, np.int8), frozen=False)
    changed = replace(made, target_MN=made.target_MN.copy())
    now = of.time_N[of.moment_N[row]]
    changed.target_MN[:, of.time_N >= now] = 1 - changed.target_MN[:, of.time_N >= now]
    after = count_rows(changed, of, np.zeros(6, np.int8), frozen=False)
    np.testing.assert_array_equal(before[row], after[row])


@pytest.mark.parametrize("row", range(6))
def test_a_question_counts_as_a_row_of_the_log_does(row):
    of = log()
    made = source(of, ["maker", "surface"])
    whole = count_rows(made, of, np.zeros(6, np.int8), frozen=False)
    asked = count_asked(made, of, np.arange(6) != row, np.array([row]))
    np.testing.assert_array_equal(asked[0], whole[row])


def test_a_label_that_becomes_known_later_counts_from_then_on():
    of = replace(log(), label={"like": np.array([1, np.nan, np.nan, np.nan, 1, np.nan], np.float32)})

    def rates(delay: int) -> list[float]:
        made = counter_input(of, catalogue(), SURFACES, SETTINGS, set(), {"like": delay})
        found = count_rows(made, of, np.zeros(6, np.int8), frozen=False)
        return found[:, Counters(made.plan).names().index("user.like")].tolist()

    assert rates(0) == pytest.approx(
        [0, 1, 1, 1, 1, 1]
    )  # one label of 1 so far, and one overall mean beside it
    assert rates(3 * HOUR) == pytest.approx([0, 0, 0, 1, 0, 0])


def test_an_unknown_item_and_a_missing_value_have_no_counters():
    of = replace(log(), item_N=np.array([0, 0, 4, 4, 0, 4], np.int32))
    found = counts(of, [TRAIN] * 6, counted=["maker"])
    assert found["item"] == [0, 0, 0, 2, 0, 1]
    assert found["maker"] == [0] * 6


def test_several_values_of_a_cell_are_one_key_together():
    tags = Feature("tags", "categorical", Column(column="tags"), many=True)
    frame = pl.DataFrame({"tags": [["a", "b"], ["a"], ["a", "b"], None]})
    encoding = fit_encoding(frame, (tags,))
    code = np.concatenate([np.zeros((1, 2), np.int32), encoding.encode(frame)[0]])
    many = replace(catalogue(), encoding=encoding, code_IJ=code)
    made = counter_input(log(), many, Encoding([], []), SETTINGS, {"tags"}, {"like": 0})
    key = made.key_KN[made.plan.keys.index("tags")]
    assert key[0] == key[2] == key[3] == key[4]  # items 1, 3, 1, 1
    assert key[1] not in (key[0], -1)
    assert key[5] == -1


def test_keys_are_crossed_as_the_configuration_says():
    wanted = Settings(half_lives=[], crosses=[["maker", "surface"], ["user", "item"]])
    made = source(log(), ["maker", "surface"], wanted)
    assert made.plan.keys == ("user", "item", "maker", "surface", "maker*surface", "user*item")
    key = made.key_KN[made.plan.keys.index("maker*surface")]
    assert key[0] == key[1] == key[3] != key[4]  # ann in the feed, and in the search
    assert key[5] == -1  # nobody's


def test_a_cross_of_what_is_not_counted_is_refused():
    wanted = Settings(half_lives=[], crosses=[["user", "maker"]])
    with pytest.raises(
        ConfigError, match=r"nothing is counted by 'maker'; there are user, item\..*count: true"
    ):
        source(log(), [], wanted)


def test_a_signal_has_a_past_mean_and_says_how_often_it_was_known():
    seconds = np.array([4, np.nan, np.nan, 0, 2, 0], np.float32)
    of = replace(log(), signal={"seconds": seconds})
    made = source(of)
    found = count_rows(made, of, np.zeros(6, np.int8), frozen=False)
    names = made.plan.names()
    known = np.expm1(found[:, names.index("user.seconds.known")]).round().tolist()
    assert known == [0, 1, 1, 1, 0, 1]
    mean = found[:, names.index("user.seconds")]
    # hour 4 of the first user: their 4, and as one event more the mean over all users so far, of 4, 2 and 0
    assert mean[3] == pytest.approx((4 + 2) / 2)
    assert "user.like.known" not in names


def test_only_wanted_rows_are_answered_for_and_all_are_counted():
    of = log()
    made = source(of, ["maker"])
    part = np.array([TRAIN, TRAIN, VALID, VALID, TRAIN, TEST], np.int8)
    wanted = np.array([False, True, False, True, False, True])
    for frozen in (False, True):
        whole = count_rows(made, of, part, frozen=frozen)
        some = count_rows(made, of, part, frozen=frozen, wanted_N=wanted)
        np.testing.assert_array_equal(some, whole[wanted])


def test_every_kind_of_key_is_told_of_once_for_each_part():
    class Told:
        steps = 0

        def advance(self, steps=1, values=None):
            self.steps += steps

    of = log()
    made = source(of, ["maker"])  # four kinds of key: user, item, maker, user*maker
    part = np.array([TRAIN, TRAIN, VALID, VALID, UNUSED, TEST], np.int8)
    wanted = np.array([False, True, False, True, True, False])
    for frozen in (False, True):
        bar = Told()
        count_rows(made, of, part, frozen=frozen, wanted_N=wanted, bar=bar)
        assert bar.steps == count_steps(made, part, wanted) == 8


def test_counted_rows_are_found_by_their_places_and_others_read_zeros():
    counted = CountedRows.of(np.array([False, True, False, True]), np.array([[1.0], [2.0]], np.float32))
    assert counted[np.array([[3, 0], [1, 1]])].tolist() == [[[2], [0]], [[1], [1]]]
    assert counted[3].tolist() == [2]
    both = counted.before(
        CountedRows.of(np.array([True, False, False, False]), np.array([[3.0]], np.float32))
    )
    assert both[np.arange(4)].tolist() == [[3], [1], [0], [2]]
    nothing = CountedRows.of(np.zeros(2, bool), np.zeros((0, 5), np.float32))
    assert nothing[np.array([0, 1])].tolist() == [[0.0] * 5] * 2
