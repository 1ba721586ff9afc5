"""Labels of rows from columns and expressions: exact values, what is masked, what is refused."""

import polars as pl
import pytest

from motet.config.data import Signal
from motet.config.tasks import Binary, Multiclass, NextItem, Regression
from motet.data.labels import label_columns, signal_values, to_polars
from motet.errors import ConfigError, DataError

LOG = pl.DataFrame(
    {
        "@user": [1, 1, 1, 2, 2, 2],
        "@item": [10, 11, 10, 10, 12, 12],
        "@type": ["click", "click", "buy", "click", "rate", None],
        "@time": [100, 200, 300, 100, 150, 160],
        "@value": [None, None, 9.5, None, 4.0, 2.0],
        "rating": [5, 3, None, 4, 1, 2],
        "like": [True, False, None, False, True, False],
        "played": [1000.0, 0.0, 500.0, float("nan"), -2.0, 250.0],
        "length": [2000, 0, 500, 100, 0, 250],
        "topic": ["a", "b", None, "a", "c", "a"],
        "small": pl.Series([250, 251, 252, 253, 254, 255], dtype=pl.UInt8),
        "odd name": [0, 1, 0, 1, 0, 1],
        "tags": [["x"], [], ["y"], None, [], []],
    }
)


def value(expression: str) -> list:
    """What an expression is in every row of the log."""
    return LOG.select(made=to_polars(expression, LOG.schema))["made"].to_list()


def binary(label, **settings) -> list:
    task = Binary(name="task", kind="binary", label=label, **settings)
    return label_columns(LOG, [task])["label:task"].to_list()


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("rating >= 4", [True, False, None, True, False, False]),
        ("rating != 4", [True, True, None, False, True, True]),
        ("2 <= rating <= 4", [False, True, None, True, False, True]),
        ("like", [True, False, None, False, True, False]),
        ("like == true", [True, False, None, False, True, False]),
        ("like == 1", [True, False, None, False, True, False]),
        ("not like", [False, True, None, True, False, True]),
        ("`odd name` and rating > 3", [False, False, False, True, False, False]),
        ("rating in [1, 5]", [True, False, None, False, True, False]),
        ("topic in ['a', 'c']", [True, False, None, True, True, True]),
        ("topic not in ['a']", [False, True, None, False, True, False]),
        ("topic == 'a' or rating == 3", [True, True, None, True, False, True]),
        ("is_null(rating)", [False, False, True, False, False, False]),
        ("is_null(played)", [False, False, False, True, False, False]),
        ("played / length", [0.5, None, 1.0, None, None, 1.0]),
        ("played > 900", [True, False, False, None, False, False]),
        ("played / length >= 0.5", [True, None, True, None, None, True]),
        ("small + small", [500.0, 502.0, 504.0, 506.0, 508.0, 510.0]),
        ("-small", [-250.0, -251.0, -252.0, -253.0, -254.0, -255.0]),
        ("min(rating, 3)", [3.0, 3.0, None, 3.0, 1.0, 2.0]),
        ("max(rating, 3, small - 250)", [5.0, 3.0, None, 4.0, 4.0, 5.0]),
        ("log(played) * 0", [0.0, None, 0.0, None, None, 0.0]),
        ("round(length / 300)", [7.0, 0.0, 2.0, 0.0, 0.0, 1.0]),
        ("type == 'click'", [True, True, False, True, False, None]),
        ("value > 5", [None, None, True, None, False, False]),
        ("time - 100", [0.0, 100.0, 200.0, 0.0, 50.0, 60.0]),
        ("`@time` > 150", [False, True, True, False, False, True]),
    ],
)
def test_an_expression_means_what_it_says(expression, expected):
    assert value(expression) == expected


def test_log1p_is_the_logarithm_of_one_more():
    assert value("log1p(length / 250)")[5] == pytest.approx(0.6931471805599453)


def test_a_column_called_type_goes_before_the_canonical_one():
    log = LOG.with_columns(type=pl.lit("own"))
    assert log.select(made=to_polars("type == 'own'", log.columns))["made"].all()
    assert not log.select(made=to_polars("`@type` == 'own'", log.columns))["made"].any()


def test_a_column_that_the_log_lacks_is_refused_with_the_nearest():
    with pytest.raises(DataError, match=r"no column 'ratng'; did you mean 'rating'\?"):
        to_polars("ratng >= 4", LOG.columns)
    with pytest.raises(DataError, match="no column 'zzzz'; it has rating, like, played"):
        to_polars("zzzz >= 4", LOG.columns)


def test_an_expression_that_cannot_be_read_is_refused():
    with pytest.raises(ConfigError, match="character 8"):
        to_polars("rating = 4", LOG.columns)


def test_a_binary_label_is_null_where_a_column_that_it_needs_is_null():
    assert binary("rating >= 4") == [1, 0, None, 1, 0, 0]
    assert binary("rating >= 4 or length >= 0") == [1, 1, None, 1, 1, 1]


def test_a_label_that_asks_for_null_handles_it_itself():
    assert binary("is_null(rating)") == [0, 0, 1, 0, 0, 0]
    assert binary("is_null(rating) or rating >= 4") == [1, 0, 1, 1, 0, 0]


def test_a_label_that_is_no_finite_number_is_null():
    assert binary("played / length > 0.7") == [0, None, 1, None, None, 1]


def test_a_binary_label_may_be_a_column_of_zeros_and_ones_or_of_truth():
    assert binary("`odd name`") == [0, 1, 0, 1, 0, 1]
    assert binary("like") == [1, 0, None, 0, 1, 0]


def test_a_binary_label_of_other_values_is_refused_with_the_values():
    with pytest.raises(
        DataError, match=r"tasks.task: 'rating' must be true or false.*found 1, 2, 3, 4, 5.*rating >="
    ):
        binary("rating")
    with pytest.raises(DataError, match=r"label 'topic' is text \(a, b, c\); write  topic =="):
        binary("topic")


def test_only_rows_of_the_tasks_types_are_labelled():
    assert binary("length > 0", types=["click", "rate"]) == [1, 0, None, 1, 0, None]
    assert binary("rating >= 4", types="buy") == [None] * 6


def test_values_outside_the_tasks_types_do_not_matter():
    with pytest.raises(DataError, match="found 0, 1, 2"):
        binary("rating - 3", types="click")
    assert binary("value - 3", types="rate") == [None, None, None, None, 1, None]


def test_a_type_that_the_log_lacks_is_refused_with_those_it_has():
    with pytest.raises(
        DataError, match=r"types: the log has no events of type 'clik'. Did you mean 'click'\? It has click, "
    ):
        binary("rating >= 4", types="clik")


def test_columns_of_the_wrong_type_are_refused():
    with pytest.raises(DataError, match=r"`rating >= '4'`, `'4'` is text and `rating` is a number"):
        binary("rating >= '4'")
    with pytest.raises(DataError, match="`topic` is text; write a number there"):
        binary("topic + 1 > 2")
    with pytest.raises(DataError, match=r"'tags' holds List"):
        binary("tags == 'x'")


def test_a_regression_label_is_the_number():
    task = Regression(name="stars", kind="regression", label="rating")
    assert label_columns(LOG, [task])["label:stars"].to_list() == [5, 3, None, 4, 1, 2]
    task = Regression(name="stars", kind="regression", label="value / 2", types="rate")
    assert label_columns(LOG, [task])["label:stars"].to_list() == [None, None, None, None, 2, None]


def test_a_regression_label_of_text_is_refused():
    with pytest.raises(DataError, match=r"is text \(a, b, c\); a regression needs"):
        label_columns(LOG, [Regression(name="topic", kind="regression", label="topic")])


def test_log1p_of_a_label_below_minus_one_is_refused():
    with pytest.raises(DataError, match="goes down to -2"):
        label_columns(LOG, [Regression(name="p", kind="regression", label="played", transform="log1p")])


def test_classes_are_text_however_the_numbers_are_stored():
    def classes(label):
        task = Multiclass(name="c", kind="multiclass", label=label)
        return label_columns(LOG, [task])["label:c"].to_list()

    assert classes("topic") == ["a", "b", None, "a", "c", "a"]
    assert classes("rating") == classes("rating * 1") == ["5", "3", None, "4", "1", "2"]
    assert classes("rating / 2")[:2] == ["2.5", "1.5"]
    assert classes("like") == ["true", "false", None, "false", "true", "false"]


def test_too_many_classes_are_refused():
    with pytest.raises(DataError, match="has 3 classes and max_classes is 2"):
        label_columns(LOG, [Multiclass(name="c", kind="multiclass", label="topic", max_classes=2)])


def test_positives_are_all_events_or_types_or_a_condition():
    def positives(positive):
        return label_columns(LOG, [NextItem(name="n", kind="next_item", positive=positive)])[
            "positive:n"
        ].to_list()

    assert positives(None) == [True] * 6
    assert positives(["buy", "rate"]) == [False, False, True, False, True, False]
    assert positives("rating >= 4") == [True, False, False, True, False, False]
    assert positives("like") == [True, False, False, False, True, False]


def test_a_type_written_as_an_expression_is_understood():
    with pytest.raises(DataError, match=r"'buy' is an event type, not a column; write  positive: \[buy\]"):
        label_columns(LOG, [NextItem(name="n", kind="next_item", positive="buy")])
    with pytest.raises(DataError, match=r"positive: the log has no events of type 'by'. Did you mean 'buy'"):
        label_columns(LOG, [NextItem(name="n", kind="next_item", positive=["by"])])
    with pytest.raises(DataError, match="positive 'topic' is text"):
        label_columns(LOG, [NextItem(name="n", kind="next_item", positive="topic")])


def test_labels_stand_beside_the_log_in_its_order():
    tasks = [NextItem(name="n", kind="next_item"), Binary(name="b", kind="binary", label="rating >= 4")]
    out = label_columns(LOG, tasks)
    assert out.columns == [*LOG.columns, "positive:n", "label:b"]
    assert out.select(LOG.columns).equals(LOG)
    assert label_columns(out, tasks).equals(out)


def test_a_log_without_rows_has_labels_without_rows():
    out = label_columns(LOG.clear(), [Binary(name="b", kind="binary", label="rating >= 4")])
    assert out["label:b"].to_list() == []


def test_a_signal_is_a_number_or_a_condition_of_some_types():
    signals = [
        Signal(name="long", value="played >= 500"),
        Signal(name="stars", value="rating", types="click"),
    ]
    found = signal_values(LOG, signals)
    assert [None if x != x else x for x in found["long"].tolist()] == [1, 0, 1, None, 0, 0]
    assert [None if x != x else x for x in found["stars"].tolist()] == [5, 3, None, 4, None, None]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"value": "topic"}, r"signals\.odd: value 'topic' is text \(a, b, c\)"),
        ({"value": "ratin"}, r"signals\.odd: the log has no column 'ratin'; did you mean 'rating'"),
        ({"value": "rating", "types": ["clik"]}, r"signals\.odd: types: .*Did you mean 'click'"),
    ],
)
def test_a_signal_that_cannot_be_is_refused(settings, said):
    with pytest.raises(DataError, match=said):
        signal_values(LOG, [Signal(name="odd", **settings)])
