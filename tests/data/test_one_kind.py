"""A task of one kind of item has its positives among them: in labels, in the split and in `motet check`."""

import polars as pl
import pytest

from motet.data.dataset import prepare
from motet.data.division import clean_again, clean_divided
from motet.data.survey import survey
from motet.data.timelines import TEST, TRAIN, VALID
from motet.errors import DataError
from tests.worlds import World, tiny_config, tiny_tables, tiny_world

KINDS = {"data__items__kind": "sort"}
NEXT = {"name": "next", "kind": "next_item", "positive": ["click", "rate"]}


def world() -> World:
    """Every other item is a book, the others are films."""
    found = tiny_world()
    sort = pl.when(pl.col("id") % 2 == 0).then(pl.lit("film")).otherwise(pl.lit("book"))
    return World(found.items.with_columns(sort.alias("sort")), found.users, found.events)


def config(*items: str, **changes):
    tasks = [NEXT | {"name": f"next_{each}", "items": each} for each in items]
    items_source = tiny_config().model_dump()["data"]["items"][0] | {"kind": "sort", "path": "items"}
    return tiny_config(tasks=tasks, data__items=[items_source], **changes)


def test_positives_are_items_of_the_kind():
    settings = config("book", "film")
    tables, _ = clean_divided(tiny_tables(world(), settings), settings)
    data = prepare(tables, settings)
    log, catalogue = data.log, data.catalogue
    for kind in ("book", "film"):
        item_P = log.item_N[log.positive[f"next_{kind}"]]
        assert {catalogue.kinds[place] for place in catalogue.kind_I[item_P]} == {kind}
    both = log.positive["next_book"] | log.positive["next_film"]
    plain = prepare(tiny_tables(tiny_world(), tiny_config()), tiny_config()).log
    assert both.sum() == plain.positive["next"].sum()


def test_leave_one_out_holds_out_items_of_the_kind():
    settings = config("book", data__split={"kind": "leave_one_out"})
    data = prepare(clean_divided(tiny_tables(world(), settings), settings)[0], settings)
    log, part_N = data.log, data.log.part["next_book"]
    books = log.positive["next_book"]
    for first, last in zip(log.offset_U[:-1], log.offset_U[1:], strict=True):
        parts = part_N[first:last][books[first:last]]
        wanted = [VALID, TEST] if len(parts) >= 3 else []
        assert parts.tolist() == [TRAIN] * (len(parts) - len(wanted)) + wanted


def test_check_counts_items_of_the_kind_alone(tmp_path):
    made = world()
    for name in ("items", "users", "events"):
        getattr(made, name).write_parquet(tmp_path / f"{name}.parquet")
    settings = config("book")
    data = settings.data
    for source in (*data.items, *data.users, *data.events):
        source.path[:] = [f"{source.path[0]}.parquet"]
    parts = survey(settings, tmp_path)["tasks"]["next_book"]["parts"]
    positive = made.events.filter(pl.col("did").is_in(["click", "rate"]) & (pl.col("what") % 2 == 1))
    assert sum(rows["asked"] for rows in parts.values()) == positive.height


def test_items_that_the_catalogue_lacks_are_of_the_plain_kind():
    settings = config("item", data__cleaning={"unknown_items": "keep"})
    few = World(world().items.head(4), world().users, world().events)
    tables, _ = clean_divided(tiny_tables(few, settings), settings)
    log = prepare(tables, settings).log
    known = few.items["id"].to_list()
    positive = few.events.filter(pl.col("did").is_in(["click", "rate"]) & ~pl.col("what").is_in(known))
    assert log.positive["next_item"].sum() == positive.height > 0


def test_a_kind_that_no_item_has_is_named_before_anything_is_counted():
    settings = config("bok")
    with pytest.raises(DataError, match=r"next_bok: no item is of kind 'bok'. The items are book, film."):
        clean_divided(tiny_tables(world(), settings), settings)
    assert clean_again(tiny_tables(world(), settings), settings).events.collect().height  # serving goes on
