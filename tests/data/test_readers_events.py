"""Context, outcomes, types, orders and split columns of a log."""

import polars as pl
import pytest

from motet.config.data import DataConfig
from motet.data.readers import tables_from_frames
from motet.data.table import Tables
from motet.errors import DataError

SOURCE = {"path": "memory", "user": "u", "item": "i"}


def read(frame: pl.DataFrame | list[pl.DataFrame], *sources: dict, **more) -> Tables:
    data = DataConfig.model_validate({"events": [SOURCE | each for each in sources or ({},)], **more})
    return tables_from_frames(data, events=frame)


def log(**columns) -> pl.DataFrame:
    length = len(next(iter(columns.values())))
    return pl.DataFrame({"u": [1] * length, "i": list(range(length)), **columns})


def kinds(features) -> dict[str, str]:
    return {feature.name: feature.kind for feature in features}


def test_columns_without_a_role_are_outcomes():
    frame = log(t=[1, 2], tab=["x", "y"], click=[0, 1], note=["a", "b"])
    roles = read(frame, {"time": "t", "context": ["tab"], "ignore": ["note"]}).roles
    assert kinds(roles.context) == {"tab": "categorical"}
    assert kinds(roles.outcome) == {"click": "categorical"}


def test_declared_outcomes_are_the_only_ones():
    tables = read(log(click=[0, 1], like=[1, 0]), {"outcomes": ["like"]})
    assert kinds(tables.roles.outcome) == {"like": "categorical"}
    assert "click" not in tables.events.collect_schema()


def test_the_value_is_kept_for_labels_but_is_no_outcome_twice():
    tables = read(log(stars=[4, 5]), {"value": "stars"})
    assert tables.roles.outcome == ()
    assert tables.events.collect().select("@value", "stars").rows() == [(4.0, 4), (5.0, 5)]


def test_numbers_with_more_than_twenty_values_are_numeric():
    roles = read(log(many=list(range(21)), few=[0, *range(20)])).roles
    assert kinds(roles.outcome) == {"many": "numeric", "few": "categorical"}


def test_text_that_is_all_numbers_is_numbers_and_codes_with_zeros_are_not():
    tables = read(log(seconds=[f"{n}.5" for n in range(30)], code=[f"0{n}" for n in range(30)]))
    assert kinds(tables.roles.outcome) == {"seconds": "numeric", "code": "categorical"}
    assert tables.events.collect()["seconds"].to_list()[:2] == [0.5, 1.5]


def test_true_and_false_are_one_and_zero():
    events = read(log(a=["true", "False"], b=[True, False])).events.collect()
    assert events.select("a", "b").rows() == [(1, 1), (0, 0)]


def test_lists_in_a_log_are_categories():
    tables = read(
        log(tags=[["x", "y"], None], words=["p|q", "r"]), {"context": [{"column": "words", "separator": "|"}]}
    )
    assert [(f.name, f.many) for f in tables.roles.context] == [("words", True)]
    assert [(f.name, f.many) for f in tables.roles.outcome] == [("tags", True)]
    assert tables.events.collect()["words"].to_list() == [["p", "q"], ["r"]]


def test_type_names_a_column_where_there_is_one():
    assert read(log(act=["buy", "view"]), {"type": "act"}).events.collect()["@type"].to_list() == [
        "buy",
        "view",
    ]
    assert read(log(act=["buy"]), {"type": "click"}).events.collect()["@type"].to_list() == ["click"]


def test_a_type_called_like_the_value_column_is_a_constant():
    assert (
        read(log(rating=[4, 5]), {"type": "rating", "value": "rating"}).events.collect()["@type"].unique()[0]
        == "rating"
    )


def test_a_column_that_one_log_declares_as_context_is_no_outcome_of_the_other():
    roles = read([log(tab=[1, 2]), log(tab=[3, 4])], {"context": ["tab"]}, {}).roles
    assert kinds(roles.context) == {"tab": "categorical"}
    assert roles.outcome == ()


def test_a_column_of_two_types_in_two_logs_is_categorical():
    tables = read([log(x=list(range(30))), log(x=["a", "b"])], {}, {})
    assert kinds(tables.roles.outcome) == {"x": "categorical"}
    assert tables.events.collect()["x"].to_list()[-3:] == ["29", "a", "b"]


def test_the_split_column_is_kept_and_is_no_outcome():
    tables = read(log(part=["train", "test"]), split={"kind": "column", "column": "part"})
    assert tables.roles.outcome == ()
    assert tables.events.collect()["part"].to_list() == ["train", "test"]


def test_a_missing_split_column_is_named():
    with pytest.raises(
        DataError, match=r"data.split: no event file has the column 'part'. Undeclared columns there: x"
    ):
        read(log(x=[1]), split={"kind": "column", "column": "part"})


def test_further_split_columns_may_be_kept():
    data = DataConfig.model_validate({"events": SOURCE})
    tables = tables_from_frames(data, events=log(fold=[1, 2]), extra=["fold"])
    assert tables.roles.outcome == ()
    assert tables.events.collect()["fold"].to_list() == ["1", "2"]


def test_order_must_be_whole_numbers():
    assert read(log(n=[2.0, 1.0]), {"order": "n"}).events.collect()["@order"].to_list() == [2, 1]
    with pytest.raises(DataError, match=r"column 'n' is declared as  order:  but holds 1.5"):
        read(log(n=[1.5]), {"order": "n"})


def test_a_misspelt_ignored_column_is_named():
    with pytest.raises(DataError, match=r"column 'clik' is missing.*ignore: click"):
        read(log(click=[1]), {"ignore": ["clik"]})


def test_events_stay_lazy():
    assert isinstance(read(log(x=[1])).events, pl.LazyFrame)
