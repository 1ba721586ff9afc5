"""`motet predict`."""

from pathlib import Path

import polars as pl
import pytest

from tests.trained import world_folder


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """A file of questions."""
    events = pl.read_csv(world_folder() / "events.csv")
    path = tmp_path / "rows.csv"
    shown = events.filter(did="impression", part="test").select("who", "what", "at", "surface")
    shown.head(5).write_csv(path)
    return path


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_predictions_stand_beside_the_rows(run, say, rows, tmp_path, ending):
    out = tmp_path / f"said.{ending}"
    assert say("predict", run, "--task", "click", "--rows", rows, "--out", out).status == 0
    read = {"csv": pl.read_csv, "jsonl": pl.read_ndjson, "parquet": pl.read_parquet}[ending]
    found = read(out)
    assert found.columns == ["who", "what", "at", "surface", "prediction"]
    assert found.drop("prediction").equals(pl.read_csv(rows))
    assert found["prediction"].is_between(0, 1).all()


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_rows_are_read_by_the_ending_of_their_file(run, say, rows, tmp_path, ending):
    frame, other = pl.read_csv(rows), tmp_path / f"rows.{ending}"
    frame.write_ndjson(other) if ending == "jsonl" else frame.write_parquet(other)
    words = ("predict", run, "--task", "stars", "--rows")
    assert say(*words, other).out == say(*words, rows).out != ""


@pytest.mark.parametrize("separator", [";", "\t"])
def test_rows_are_divided_by_whatever_divides_them(run, say, rows, tmp_path, separator):
    other = tmp_path / "other.csv"
    pl.read_csv(rows).write_csv(other, separator=separator)
    words = ("predict", run, "--task", "stars", "--rows")
    assert say(*words, other).out == say(*words, rows).out != ""


def test_a_class_is_predicted_by_its_name(run, say, rows):
    found = pl.read_csv(say("predict", run, "--task", "type", "--rows", rows).out.encode())
    assert set(found["prediction"]) <= {"sad", "calm", "glad"}


@pytest.mark.parametrize(
    ("task", "content", "said"),
    [
        ("next", "who,what\nperson-001,101\n", "'next' is no task that scores rows"),
        ("nope", "who,what\nperson-001,101\n", "Those of this run: click, stars, type"),
        ("click", "what\n101\n", "the rows have no column 'who' (nor 'user')"),
        ("click", "who,what,at\nperson-001,101,soon\n", "column 'at' are not understood"),
        ("click", "who,what\n,101\n", "row 1 has None in column 'who'"),
        ("click", "", "the file cannot be read as csv"),
    ],
)
def test_a_mistake_of_the_user_gives_one_message(run, say, tmp_path, task, content, said):
    path = tmp_path / "rows.csv"
    path.write_text(content)
    answer = say("predict", run, "--task", task, "--rows", path)
    assert answer.status == 2
    assert said in answer.err
    assert "Traceback" not in answer.err


def test_a_missing_file_and_a_strange_ending_are_named_before_anything_is_opened(say, tmp_path):
    rows = tmp_path / "rows.csv"
    answer = say("predict", tmp_path / "no run", "--task", "click", "--rows", rows, "--out", "said.doc")
    assert answer.status == 2
    assert "the ending '.doc' is not known" in answer.err
    assert "rows.csv: there is no such file" in say("predict", ".", "--task", "click", "--rows", rows).err


def test_lists_in_a_cell_cannot_be_written_as_csv(run, say, rows, tmp_path):
    path = tmp_path / "rows.jsonl"
    pl.read_csv(rows).with_columns(tags=pl.concat_list("surface")).write_ndjson(path)
    answer = say("predict", run, "--task", "click", "--rows", path)
    assert answer.status == 2
    assert "column 'tags' holds lists, which CSV cannot" in answer.err
    out = tmp_path / "said.jsonl"
    assert say("predict", run, "--task", "click", "--rows", path, "--out", out).status == 0
