"""Results files have the form that DESIGN promises, and hold no figure that is none."""

import json

import pytest

from benchmarks.record import claim, record


def test_several_values_become_their_mean_and_their_range():
    found = claim("x.ndcg", [0.1, 0.2, 0.3], seeds=range(3), peer=("EASE", 0.15))
    assert found["value"] == pytest.approx(0.2)
    assert (found["low"], found["high"], found["seeds"]) == (0.1, 0.3, [0, 1, 2])
    assert found["peer"] == {"name": "EASE", "value": 0.15}


def test_one_value_has_no_range_unless_it_is_given():
    assert claim("x", 1.0)["low"] is None
    assert claim("x", 1.0, interval=(0.9, 1.1))["high"] == 1.1


def test_a_figure_that_is_none_is_refused():
    with pytest.raises(ValueError, match="a benchmark that failed records nothing"):
        claim("x", float("nan"))
    with pytest.raises(ValueError, match="are not figures"):
        claim("x", [])


def test_a_results_file_says_where_it_comes_from(tmp_path):
    path = record("small", "python -m benchmarks.small", [claim("x", 1.0, "s")], {"rows": 5}, tmp_path)
    found = json.loads(path.read_text())
    assert path.name == "small.json"
    assert set(found) == {"benchmark", "command", "date", "machine", "versions", "claims", "details"}
    assert set(found["claims"][0]) == {"name", "value", "low", "high", "seeds", "unit", "peer"}
    assert found["versions"]["python"]


def test_two_claims_of_one_name_are_refused(tmp_path):
    with pytest.raises(ValueError, match="two claims bear one name"):
        record("small", "x", [claim("x", 1.0), claim("x", 2.0)], folder=tmp_path)
