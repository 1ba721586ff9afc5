"""Evidence of single columns in a log: places in what was shown, types of event where a label varies."""

import numpy as np
import polars as pl
import pytest

from motet.data.infer import Inference, infer
from tests.data.infer_worlds import START, catalogue, log, names, seconds


def requests(step: int, seed: int = 8) -> pl.DataFrame:
    """Requests of five rows in the order of time; `place` is 1 to 5, `step` the seconds between rows."""
    rng = np.random.default_rng(seed)
    asked = np.sort(rng.choice(500_000, 3989, replace=False)) * 20 + START
    place = np.tile(np.arange(5), 3989)
    return pl.DataFrame(
        {
            "who": np.repeat(np.arange(3989) % 150 + 1, 5),
            "what": np.concatenate([rng.choice(80, 5, replace=False) for _ in range(3989)]) + 1,
            "t": np.repeat(asked, 5) + step * place,
            "place": place + 1,
            "opened": (rng.random(5 * 3989) < 0.3 / (place + 1)).astype(int),
            "day": np.repeat((asked - START) // 86_400 % 7, 5),
        }
    )


def look(frame: pl.DataFrame, folder, shuffled: bool) -> Inference:
    rows = frame.sample(fraction=1, shuffle=True, seed=1) if shuffled else frame
    rows.write_csv(folder / "log.csv")
    catalogue().rename({"item": "what"}).write_csv(folder / "things.csv")
    return infer([folder], folder)


@pytest.mark.parametrize("shuffled", [False, True])
def test_the_place_of_a_row_in_a_request_is_context_in_any_order_of_the_file(tmp_path, shuffled):
    found = look(requests(0), tmp_path, shuffled)
    assert names(found.config.data.events[0].context) == ["place"]
    assert "it numbers the rows of one user and one moment" in found.text
    assert "day  # a function of t" in found.text


@pytest.mark.parametrize("shuffled", [False, True])
def test_a_place_in_a_request_whose_rows_follow_each_other_is_no_function_of_the_time(tmp_path, shuffled):
    found = look(requests(1), tmp_path, shuffled)
    assert names(found.config.data.events[0].outcomes) == ["place", "opened"]
    assert "day  # a function of t" in found.text


def test_numbers_that_leave_some_out_are_no_places(tmp_path):
    frame = requests(0).with_columns(place=pl.col("place") * 2 + pl.col("what") % 2)
    assert names(look(frame, tmp_path, False).config.data.events[0].context) == []


def acts(wrong: int = 0) -> pl.DataFrame:
    """Shown, clicked a second later where `hit` is 1, then perhaps bought, where nothing is known of it."""
    shown = log().with_columns(act=pl.lit("impression"))
    shown = shown.with_columns(hit=pl.Series(np.random.default_rng(7).random(shown.height) < 0.4).cast(int))
    spent = pl.col("hit") * seconds(shown, "spent")
    shown = shown.with_columns(spent=spent)
    click = shown.filter(pl.col("hit") == 1).with_columns(pl.col("t") + 1, act=pl.lit("click"))
    click = click.with_columns(hit=(pl.int_range(pl.len()) >= wrong).cast(int))
    empty = pl.lit(None, pl.Int64)
    buy = click[::2].with_columns(pl.col("t") + 30, act=pl.lit("purchase"), hit=empty, spent=empty)
    return pl.concat([shown, click, buy], how="vertical_relaxed").sort("t", "u")


def tasks(frame: pl.DataFrame, folder) -> tuple[dict, str]:
    frame.write_csv(folder / "log.csv")
    found = infer([folder / "log.csv"], folder)
    return {task.name: task for task in found.config.tasks}, found.text


@pytest.mark.parametrize(("wrong", "said"), [(0, "is always 1"), (4, "is nearly always 1")])
def test_a_flag_is_learned_from_the_types_of_event_where_it_varies(tmp_path, wrong, said):
    frame = acts(wrong)
    found, text = tasks(frame, tmp_path)
    shown = frame.filter(pl.col("act") == "impression")["hit"]
    assert found["hit"].types == ["impression"]
    assert f"about {shown.sum():,} ones ({shown.mean():.2%})" in text
    assert (
        "learns from rows of type impression alone:"
        f" it {said} on those of click and it is missing on those of purchase"
    ) in text


def test_a_time_spent_is_not_learned_from_rows_that_repeat_it(tmp_path):
    found, text = tasks(acts(), tmp_path)
    assert found["spent"].types == ["impression"]
    assert "it repeats an earlier row on those of click and it is missing on those of purchase" in text


def test_a_time_spent_is_learned_from_all_types_that_have_a_time_of_their_own(tmp_path):
    frame = acts()
    own = pl.when(pl.col("act") == "purchase").then(None).otherwise(seconds(frame, "spent"))
    found, _ = tasks(frame.with_columns(spent=own), tmp_path)
    assert found["spent"].types == ["impression", "click"]


def test_a_flag_that_varies_on_every_type_is_learned_from_all(tmp_path):
    frame = acts()
    everywhere = pl.Series(np.random.default_rng(3).random(frame.height) < 0.3).cast(int)
    found, text = tasks(frame.with_columns(hit=everywhere), tmp_path)
    assert found["hit"].types is None
    assert f"about {everywhere.sum():,} ones" in text


def test_the_screen_says_that_the_split_of_the_files_is_lost(tmp_path):
    frame = log().select("u", "i")
    frame[:2000].write_csv(tmp_path / "buys.train.csv")
    frame[2000:].write_csv(tmp_path / "buys.test.csv")
    (said,) = [each for each in infer([tmp_path], tmp_path).statements if "laid end to end" in each]
    assert said.startswith("buys.test.csv, buys.train.csv: ")
    assert "a split that their names speak of is lost" in said


def test_parts_that_are_only_numbered_lose_no_split(tmp_path):
    frame = log().select("u", "i")
    frame[:2000].write_csv(tmp_path / "buys-part-1.csv")
    frame[2000:].write_csv(tmp_path / "buys-part-2.csv")
    assert not any("split that" in each for each in infer([tmp_path], tmp_path).statements)


def test_numbers_with_commas_between_their_thousands_are_not_called_a_numbering(tmp_path):
    log().write_csv(tmp_path / "log.csv")
    votes = [f"{each:,}" for each in np.random.default_rng(2).integers(900, 900_000, 80)]
    films = catalogue().with_columns(votes=pl.Series(votes), code=pl.format("x{}y", "item"))
    films.write_csv(tmp_path / "films.csv")
    text = infer([tmp_path], tmp_path).text
    assert "left out: votes (numbers with commas between their thousands are not read as numbers" in text
    assert "left out: code (different" in text or "left out: code (codes that hardly repeat" in text
