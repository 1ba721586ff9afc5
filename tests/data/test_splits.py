"""Splits: each kind's exact parts, ties, and the parts that must not be empty."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motet.config.data import Split
from motet.data.order import materialise_order
from motet.data.splits import split_rows
from motet.errors import ConfigError, DataError

TRAIN, VALID, TEST, UNUSED = 0, 1, 2, -1


def timeline(times: dict[int, list[int]], **columns) -> pl.DataFrame:
    rows = [(user, 100 * user + place, time) for user, of in times.items() for place, time in enumerate(of)]
    frame = pl.DataFrame(rows, schema=["@user", "@item", "@time"], orient="row")
    return materialise_order(frame.with_columns(**{k: pl.Series(v) for k, v in columns.items()}), 0)


def parts(frame: pl.DataFrame, split: Split, eligible: list[bool] | None = None) -> list[int]:
    return split_rows(frame, split, None if eligible is None else pl.Series(eligible)).to_list()


def test_the_last_row_of_a_user_is_test_and_the_one_before_it_valid():
    assert parts(timeline({1: [1, 2, 3, 4], 2: [1, 2, 3]}), Split()) == [0, 0, 1, 2, 0, 1, 2]


def test_users_with_fewer_than_three_rows_only_train():
    assert parts(timeline({1: [1, 2], 2: [1, 2, 3], 3: [9]}), Split()) == [0, 0, 0, 1, 2, 0]


def test_only_eligible_rows_are_held_out_and_others_follow_the_next_one():
    frame = timeline({1: [1, 2, 3, 4, 5, 6, 7, 8]})
    eligible = [True, False, True, False, True, False, True, False]
    assert parts(frame, Split(), eligible) == [TRAIN] * 4 + [VALID] + [TEST] * 3


def test_too_few_eligible_rows_leave_a_user_in_training():
    frame = timeline({1: [1, 2, 3], 2: [1, 2, 3]})
    assert parts(frame, Split(), [True, True, False, True, True, True]) == [0, 0, 0, 0, 1, 2]


def test_shares_by_time_cut_the_whole_log_at_two_moments():
    frame = timeline({1: [1, 3, 5, 7, 9], 2: [2, 4, 6, 8, 10]})
    expected = [TRAIN] * 4 + [VALID] + [TRAIN] * 4 + [TEST]
    assert parts(frame, Split(kind="time", valid=0.1, test=0.1)) == expected


def test_rows_of_equal_time_fall_on_one_side_of_the_nearer_border():
    frame = timeline({user: [1, 2, 2, 2, 3, 4] for user in range(5)})
    found = split_rows(frame, Split(kind="time", valid=0.15, test=0.2))
    by_time = frame.select("@time", part=found).group_by("@time").agg(pl.col("part").unique()).sort("@time")
    assert by_time["part"].to_list() == [[TRAIN], [TRAIN], [VALID], [TEST]]


def test_validation_keeps_a_time_of_its_own_when_the_test_begins_right_after():
    frame = timeline({user: [1, 5, 9] for user in range(4)})
    assert parts(frame, Split(kind="time", valid=0.1, test=0.1))[:3] == [TRAIN, VALID, TEST]


def test_moments_may_be_given_as_text():
    day = 86_400_000
    frame = timeline({1: [0, day, 2 * day, 3 * day]})
    split = Split(kind="time", valid="1970-01-02", test="1970-01-03T12:00:00+00:00")
    assert parts(frame, split) == [TRAIN, VALID, VALID, TEST]


def test_a_share_counts_back_from_a_moment():
    frame = timeline({1: list(range(0, 10_000, 1000))})
    split = Split(kind="time", valid=0.2, test="1970-01-01T00:00:08")
    assert parts(frame, split) == [TRAIN] * 6 + [VALID] * 2 + [TEST] * 2


def test_a_moment_goes_with_its_last_row():
    frame = pl.DataFrame(
        {
            "@user": [1, 1, 1, 1, 2],
            "@item": [1, 2, 3, 4, 5],
            "@time": [1, 2, 5, 8, 9],
            "@request": [None, None, "a", "a", None],
        }
    )
    split = Split(kind="time", valid="1970-01-01T00:00:00.002", test="1970-01-01T00:00:00.008")
    assert parts(materialise_order(frame, 0), split) == [TRAIN, VALID, TEST, TEST, TEST]


def test_shares_of_time_count_eligible_rows_alone():
    frame = timeline({1: list(range(100))})
    eligible = [place >= 80 for place in range(100)]
    found = parts(frame, Split(kind="time", valid=0.1, test=0.1), eligible)
    assert found == [TRAIN] * 96 + [VALID] * 2 + [TEST] * 2


def test_rows_of_unknown_time_are_not_used_by_a_split_in_time():
    frame = timeline({1: [1, 2, 3, None]})
    assert parts(frame, Split(kind="time", valid=0.3, test=0.3)) == [TRAIN, VALID, TEST, UNUSED]


def test_random_shares_are_exact_and_seeded():
    frame = timeline({1: list(range(200))})
    found = split_rows(frame, Split(kind="random", valid=0.1, test=0.2))
    assert [(found == part).sum() for part in (TRAIN, VALID, TEST)] == [140, 20, 40]
    assert found.equals(split_rows(frame, Split(kind="random", valid=0.1, test=0.2)))
    assert not found.equals(split_rows(frame, Split(kind="random", valid=0.1, test=0.2, seed=1)))


def test_every_row_is_tested_in_one_fold_and_validates_the_fold_before():
    frame = timeline({1: list(range(23))})
    folds = [split_rows(frame, Split(kind="kfold", folds=5, fold=fold)).to_numpy() for fold in range(5)]
    assert sum((fold == TEST).astype(int) for fold in folds).tolist() == [1] * 23
    for fold in range(5):
        assert ((folds[fold] == VALID) == (folds[(fold + 1) % 5] == TEST)).all()
        assert (folds[fold] == TEST).sum() in (4, 5)


def test_a_column_says_the_parts_in_usual_words_or_in_those_given():
    frame = timeline({1: [1, 2, 3]}, part=["Train", "dev", "test"])
    assert parts(frame, Split(kind="column", column="part")) == [TRAIN, VALID, TEST]
    frame = timeline({1: [1, 2, 3]}, fold=[7, 8, 9])
    split = Split(kind="column", column="fold", values={"train": "7", "valid": "9", "test": "8"})
    assert parts(frame, split) == [TRAIN, TEST, VALID]


def test_cold_items_never_train_and_are_a_share_of_all_items():
    rows = [(user, item, item) for user in range(20) for item in range(40)]
    frame = materialise_order(pl.DataFrame(rows, ["@user", "@item", "@time"], orient="row"), 0)
    found = frame.with_columns(part=split_rows(frame, Split(kind="random", cold_items=0.1)))
    cold = set(found.filter(pl.col("part") == UNUSED)["@item"])
    assert len(cold) == 4
    assert cold.isdisjoint(found.filter(pl.col("part") == TRAIN)["@item"])
    assert cold & set(found.filter(pl.col("part") == TEST)["@item"])


def test_cold_users_never_train():
    frame = timeline({user: [1, 2, 3, 4] for user in range(10)})
    found = frame.with_columns(part=split_rows(frame, Split(cold_users=0.2)))
    cold = found.filter(pl.col("part") == UNUSED).group_by("@user").len()
    assert cold["len"].to_list() == [2, 2]
    assert found.filter(pl.col("@user").is_in(cold["@user"].implode()), pl.col("part") == TEST).height == 2


def test_cold_ids_do_not_follow_their_size():
    frame = timeline({user: [1, 2, 3] for user in range(1000)})
    found = frame.with_columns(part=split_rows(frame, Split(cold_users=0.1)))
    assert 400 < found.filter(pl.col("part") == UNUSED)["@user"].mean() < 600


_logs = st.dictionaries(st.integers(0, 5), st.lists(st.integers(0, 6), min_size=1, max_size=8), min_size=2)


@settings(max_examples=60, deadline=None)
@given(_logs, st.sampled_from([0.1, 0.3]), st.sampled_from([0.1, 0.3]))
def test_a_split_in_time_never_tears_a_moment_nor_trains_on_what_came_after(times, valid, test):
    frame = timeline(times)
    try:
        found = frame.with_columns(part=split_rows(frame, Split(kind="time", valid=valid, test=test)))
    except DataError:
        assert frame["@time"].n_unique() < 3
        return
    ends = found.group_by("part").agg(first=pl.col("@time").min(), last=pl.col("@time").max()).sort("part")
    assert (ends["first"][1:] > ends["last"][:-1]).all()


@pytest.mark.parametrize("kind", ["leave_one_out", "time", "random", "kfold"])
def test_parts_do_not_depend_on_the_place_of_rows_in_the_file(kind):
    rows = pl.DataFrame(
        [(u, 10 * u + n, n // 2) for u in range(20) for n in range(9)],
        ["@user", "@item", "@time"],
        orient="row",
    )
    split = Split(kind=kind, cold_items=0.1, cold_users=0.1)
    one, two = (
        materialise_order(frame, 0) for frame in (rows, rows.sample(fraction=1, shuffle=True, seed=1))
    )
    assert split_rows(one, split).equals(split_rows(two, split))
    assert one.equals(two)


@pytest.mark.parametrize(
    ("times", "split", "message"),
    [
        ({1: [1, 2]}, Split(), r"none is left for valid \(kind leave_one_out\).*at least 3 rows"),
        ({1: [1, 1, 1]}, Split(kind="time"), "none is left for train .*change the shares"),
        ({1: [1, 2, 3]}, Split(kind="kfold", folds=2), "none is left for train .*at least 3, now 2"),
        ({1: [1, 2, 3]}, Split(kind="random"), "none is left for valid .*Give more rows"),
        ({1: [1, 2, 3]}, Split(cold_items=0.99), "none is left for train .*Lower  cold_items"),
        ({1: [None, None]}, Split(kind="time"), "kind time needs times"),
        ({1: [1, 2, 3]}, Split(kind="column", column="prt"), "no column 'prt'.*Write  column: part"),
        (
            {1: [1, 2, 3]},
            Split(kind="column", column="part"),
            r"holds 'x', which is none of .*values: \{train: x",
        ),
    ],
)
def test_a_split_that_cannot_be_made_says_what_to_write(times, split, message):
    frame = timeline(times, part=["x"] * sum(map(len, times.values())))
    with pytest.raises(DataError, match=message):
        split_rows(frame, split)


@pytest.mark.parametrize(
    ("split", "message"),
    [
        (Split(kind="time", test="soon"), "data.split.test: 'soon' is no moment"),
        (Split(kind="time", valid=1.5), "data.split.valid: found 1.5"),
        (Split(kind="random", valid="2024-01-01"), "data.split.valid: found '2024-01-01'"),
        (Split(kind="random", valid=0.5, test=0.5), "leave nothing to train on"),
        (
            Split(kind="time", valid="2024-01-02", test="2024-01-01"),
            "validation begins at 2024-01-02.*after the test",
        ),
        (Split(kind="column", column="part", values={"tran": "x"}), "'tran' is no part"),
    ],
)
def test_a_setting_that_cannot_be_read_says_what_to_write(split, message):
    with pytest.raises(ConfigError, match=message):
        split_rows(timeline({1: [1, 2, 3]}, part=["x"] * 3), split)
