"""Which texts of a pool a trained model wants labelled, from Python and the command line."""

import polars as pl
import pytest

import motet
from motet.cli.app import main
from motet.errors import ConfigError
from tests.run.test_texts import run_of

POOL = ["red shoe runs rain", "small dog long ears", "", "Small  DOG long ears", "red dog", None, "shoe ears"]


@pytest.mark.parametrize("tuning", ["full", "frozen"])
def test_it_asks_for_what_it_cannot_tell_and_for_no_text_twice(tuning):
    model = motet.open(run_of("side", tuning=tuning, epochs=40 if tuning == "frozen" else 12))
    found = model.label_next(POOL, k=10, by="uncertainty")
    assert found.columns == ["row", "text", "prediction", "probability"]
    assert sorted(found["row"]) == [1, 2, 5, 7]  # neither an empty text nor one again
    assert found["probability"].is_sorted()  # of two classes the margin is the probability
    asked = model.classify(found["text"].to_list())
    assert found.drop("row").equals(asked, null_equal=True)
    for by in ("both", "diversity", "random"):
        assert model.label_next(POOL, k=2, by=by).height == 2
    assert model.label_next([], k=2).is_empty()


def test_a_way_that_is_not_known_is_refused():
    with pytest.raises(ConfigError, match="by 'luck' is not known; there are both, uncertainty, diversity"):
        motet.open(run_of("side", epochs=12)).label_next(POOL, by="luck")


def test_the_command_line_keeps_the_columns_of_the_file(tmp_path, capsys):
    pool = pl.DataFrame({"id": range(7), "words": POOL, "probability": [0.0] * 7})
    pool.write_csv(tmp_path / "pool.csv")
    asked = ["label-next", str(run_of("side", epochs=12)), "--rows", str(tmp_path / "pool.csv")]
    assert main([*asked, "--column", "words", "--k", "3", "--out", str(tmp_path / "next.csv")]) == 0
    found = pl.read_csv(tmp_path / "next.csv")
    assert found.columns == ["id", "words", "prediction", "probability"]
    assert found.height == 3
    assert found["probability"].min() > 0
    for number, words in found.select("id", "words").iter_rows():
        assert POOL[number] == words
    capsys.readouterr()
    assert main([*asked, "--column", "words", "--by", "luck"]) == 2
    assert "'luck' is not known" in capsys.readouterr().err
