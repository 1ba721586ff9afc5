"""Which rows train is settled before anything is learned for cleaning; held-out rows teach it nothing."""

import numpy as np
import polars as pl
import pytest

from motet.data.dataset import prepare
from motet.data.division import clean_again, clean_divided, divide, needed_columns, part_columns
from motet.data.order import materialise_order
from motet.data.splits import split_rows
from motet.data.table import Tables
from motet.data.timelines import TEST, TRAIN, VALID
from motet.errors import DataError
from tests.worlds import BEGIN, DAY, World, iso_day, tiny_config, tiny_tables, tiny_world

SPLITS = {
    "time": {"kind": "time", "valid": iso_day(4), "test": iso_day(6)},
    "leave_one_out": {"kind": "leave_one_out"},
    "random": {"kind": "random", "valid": 0.2, "test": 0.2},
    "kfold": {"kind": "kfold", "folds": 4},
    "column": {"kind": "column", "column": "part"},
    "cold": {"kind": "leave_one_out", "cold_items": 0.2, "cold_users": 0.2},
}


def config(split: str, **changes):
    """A log with a context column that has gaps, filled with a mean, and narrow bounds for outliers."""
    outcomes = ["clicked", {"column": "dwell", "missing": "median"}]
    settings = {"data__events__outcomes": outcomes, "data__split": SPLITS[split]}
    settings |= {"data__cleaning": {"outlier_iqr": 3.0}}
    context = [{"column": "surface", "missing": "mode"}, {"column": "depth", "missing": "mean"}]
    return tiny_config(**settings | {"data__events__context": context} | changes)


def world(depth: pl.Series | None = None) -> World:
    found = tiny_world()
    number = pl.int_range(pl.len())
    events = found.events.with_columns(depth=pl.when(number % 4 > 0).then(pl.col("dwell") * 2))
    return World(found.items, found.users, events.with_columns(depth=depth) if depth is not None else events)


def cleaned(split: str, depth: pl.Series | None = None, **changes) -> pl.DataFrame:
    settings = config(split, **changes)
    return clean_divided(tiny_tables(world(depth), settings), settings)[0].events.collect().sort("@row")


@pytest.mark.parametrize("split", SPLITS)
def test_held_out_numbers_move_neither_what_fills_a_gap_nor_where_outliers_begin(split):
    events = cleaned(split)
    train_N = (events["@part:0"] == TRAIN).to_numpy()
    assert 0 < train_N.sum() < len(train_N)
    raw = world().events["depth"].to_numpy()
    spoilt = pl.Series(np.where(train_N, raw, raw * 1000), nan_to_null=True)
    other = cleaned(split, spoilt)
    assert other["@part:0"].equals(events["@part:0"])
    assert other["depth"].filter(train_N).to_list() == events["depth"].filter(train_N).to_list()
    assert other["depth"].null_count() == 0
    assert other["depth"].max() < 1000 * events["depth"].max() / 2  # clipped where training rows say


@pytest.mark.parametrize("split", SPLITS)
def test_the_parts_are_those_of_the_split_of_the_log(split):
    tasks = [{"name": name, "kind": "next_item", "positive": ["click", "rate"]} for name in ("next", "again")]
    settings = config(split, tasks=tasks)
    tables = tiny_tables(world(), settings)
    made = prepare(clean_divided(tables, settings)[0], settings).log.part
    plain = prepare(tables, settings).log.part  # nothing cleaned, split there
    assert all((made[task] == plain[task]).all() for task in made)
    assert made["next"] is made["again"]


def test_each_split_has_its_column_and_a_row_trains_that_trains_every_task():
    tasks = [dict(task.model_dump()) for task in config("time").tasks]
    tasks[1]["split"] = SPLITS["random"]
    settings = config("time", tasks=tasks)
    columns = {task: column for task, (column, _) in part_columns(settings).items()}
    assert columns == {"next": "@part:0", "click": "@part:1", "stars": "@part:0"}
    events, train = divide(tiny_tables(world(), settings).events, settings)
    rows = events.with_columns(train.alias("trains")).collect()
    assert rows["trains"].equals((rows["@part:0"] == 0) & (rows["@part:1"] == 0), check_names=False)


def with_own_leave_one_out(split: str, *names: str, **changes):
    tasks = [dict(task.model_dump()) for task in config(split).tasks]
    for task in tasks:
        task["split"] = SPLITS["leave_one_out"] if task["name"] in names else None
    return config(split, tasks=tasks, **changes)


@pytest.mark.parametrize("split", ["time", "random", "leave_one_out"])
def test_a_row_task_of_its_own_leave_one_out_holds_out_its_own_last_two_rows_of_each_user(split):
    names = ("click", "stars")
    settings = with_own_leave_one_out(split, *names)
    tables = tiny_tables(world(), settings)
    log = prepare(clean_divided(tables, settings)[0], settings).log
    assert len({column for column, _ in part_columns(settings).values()}) == 3
    held = {name: 0 for name in names}
    for name in names:
        known_N, part_N = ~np.isnan(log.label[name]), log.part[name]
        for first, last in zip(log.offset_U[:-1], log.offset_U[1:], strict=True):
            parts, known = part_N[first:last], known_N[first:last]
            own = parts[known].tolist()
            wanted = [VALID, TEST] if len(own) >= 3 else []
            assert own == [TRAIN] * (len(own) - len(wanted)) + wanted
            if wanted:
                after = np.flatnonzero(parts == VALID)[0]
                assert (parts[after:] != TRAIN).all()  # nothing later trains, whatever it is
                assert not log.train_N[first:last][after:].any()
                held[name] += 1
            else:
                assert (parts == TRAIN).all()
    assert min(held.values()) > 0


def test_the_split_of_the_others_is_what_it_was_without_a_task_of_its_own_leave_one_out():
    own, plain = with_own_leave_one_out("leave_one_out", "click", "stars"), config("leave_one_out")
    logs = []
    for settings in (own, plain):
        events = divide(tiny_tables(world(), settings).events, settings)[0].collect()
        logs.append(events[part_columns(settings)["next"][0]])
    assert logs[0].equals(logs[1])


def test_a_leave_one_out_of_its_own_without_enough_rows_is_named_by_its_task():
    settings = with_own_leave_one_out("time", "stars")
    few = world().events.with_columns(pl.when(pl.col("did") != "rate").then("stars").alias("stars"))
    seen = world().events.filter(did="rate").unique("who", keep="first")
    few = pl.concat([few.filter(did="impression"), few.filter(did="click"), seen])
    with pytest.raises(DataError, match=r"tasks\.stars\.split: of \d rows none is left for valid"):
        clean_divided(tiny_tables(World(world().items, world().users, few), settings), settings)


def test_parts_find_their_rows_in_whatever_order_and_from_two_sources():
    settings = config("random")
    events = tiny_tables(world(), settings).events.collect()
    second = events.with_columns(pl.lit(1, pl.Int32).alias("@source"), pl.col("@time") + 7)
    both = pl.concat([events, second]).sample(fraction=1, shuffle=True, seed=1)
    found = divide(both.lazy(), settings)[0].collect()
    ordered = materialise_order(both, settings.training.seed)
    wanted = ordered.with_columns(split_rows(ordered, settings.data.split))
    joined = wanted.join(found, on=["@source", "@row"])
    assert joined.height == 2 * events.height
    assert (joined["@part"] == joined["@part:0"]).all()


def test_a_row_that_is_dropped_for_its_value_does_not_hand_its_part_to_another():
    """The user's last row is dropped: the one before it, which validates, does not become the test."""
    settings = config("leave_one_out", data__cleaning={"outliers": "drop", "outlier_iqr": 3.0})
    first = cleaned("leave_one_out", data__cleaning={"outliers": "keep"})
    test = first.filter(pl.col("@part:0") == 2)["@row"][0]
    depth = world().events["depth"].fill_null(1.0).set(pl.Series([row == test for row in first["@row"]]), 1e9)
    events = clean_divided(tiny_tables(world(depth), settings), settings)[0].events.collect()
    kept = events.join(first.select("@row", "@part:0"), on="@row", suffix="_before")
    assert test not in events["@row"]
    assert (kept["@part:0"] == kept["@part:0_before"]).all()


def test_where_nothing_is_mended_by_its_value_nothing_is_split_for_it():
    settings = tiny_config(data__cleaning={"outliers": "keep"})
    tables, _ = clean_divided(tiny_tables(tiny_world(), settings), settings)
    assert "@part:0" not in tables.events.collect_schema()


def test_rows_that_say_the_same_are_told_apart_by_their_other_columns():
    """Two rows that differ in an unneeded column alone: their place in the file decides nothing."""
    settings = config("random")
    events = tiny_tables(world(), settings).events.collect()
    twice = pl.concat([events, events.with_columns(pl.col("depth") + 1, pl.col("@row") + events.height)])
    turned = twice.with_columns((twice.height - 1 - pl.col("@row")).alias("@row")).reverse()
    found = [divide(each.lazy(), settings)[0].collect() for each in (twice, turned)]
    keys = ["@user", "@time", "@item", "@type", "depth"]
    parts = [each.drop_nulls("depth").sort(keys)["@part:0"].to_list() for each in found]
    assert parts[0] == parts[1]


def test_a_label_that_reads_what_is_not_there_is_named_by_its_task():
    settings = config("time", tasks=[{"name": "like", "kind": "binary", "label": "stern > 3"}])
    with pytest.raises(DataError, match=r"tasks\.like: the log has no column 'stern'; did you mean 'stars'"):
        needed_columns(tiny_tables(world(), settings).events.collect_schema(), settings)


def test_a_log_that_cannot_be_split_can_still_be_asked_about():
    settings = config("time")
    tables = tiny_tables(world(), settings)
    before = tables.events.filter(pl.col("@time") < BEGIN + 4 * DAY)
    early = Tables(tables.items, tables.users, before, tables.roles)
    with pytest.raises(DataError, match="none is left for"):
        clean_divided(early, settings)
    assert clean_again(early, settings).events.collect().height == before.collect().height
