"""`motet recommend`."""

import polars as pl
import pytest

from motet.cli.people import wanted_users
from tests.trained import NAME, USERS, world_folder


def table(text: str) -> pl.DataFrame:
    return pl.read_csv(text.encode())


def owned() -> pl.DataFrame:
    events = pl.read_csv(world_folder() / "events.csv")
    return events.filter(pl.col("did").is_in(["click", "rate"])).select(user="who", item="what").unique()


def test_lists_of_all_users_are_printed_as_csv(run, say):
    answer = say("recommend", run, "--users", "all", "--k", 3)
    found = table(answer.out)
    assert answer.status == 0
    assert found.columns == ["user", "rank", "item", "score"]
    assert found.height == 3 * USERS


def test_users_come_in_the_order_of_their_ids_and_the_help_says_so(run, say):
    users = table(say("recommend", run, "--users", "all", "--k", 2).out)["user"].to_list()
    assert users == sorted(users)
    assert "Users come in the order of their ids" in say("recommend", "--help").out


def test_users_are_named_with_commas(run, say):
    found = table(say("recommend", run, "--users", f"{NAME.format(3)}, {NAME.format(1)}", "--k", 2).out)
    assert sorted(set(found["user"])) == [NAME.format(1), NAME.format(3)]


@pytest.mark.parametrize("name", ["who.csv", "who.jsonl", "who.parquet", "who.txt"])
def test_users_stand_in_a_file(run, say, tmp_path, name):
    path, users = tmp_path / name, pl.DataFrame({"id": [NAME.format(4), NAME.format(5)]})
    match path.suffix:
        case ".csv":
            users.write_csv(path)
        case ".jsonl":
            users.write_ndjson(path)
        case ".parquet":
            users.write_parquet(path)
        case _:
            path.write_text("\n".join(users["id"]) + "\n\n")
    found = table(say("recommend", run, "--users", path, "--k", 1).out)
    assert found["user"].to_list() == users["id"].to_list()


def test_more_users_may_be_named_than_a_file_name_is_long():
    names = [NAME.format(number) for number in range(500)]
    assert wanted_users(",".join(names)) == names


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_the_ending_of_the_file_says_how_lists_are_written(run, say, tmp_path, ending):
    path = tmp_path / "deep" / f"lists.{ending}"
    answer = say("recommend", run, "--users", "all", "--k", 2, "--out", path)
    assert (answer.status, answer.out) == (0, "")
    read = {"csv": pl.read_csv, "jsonl": pl.read_ndjson, "parquet": pl.read_parquet}[ending]
    found = read(path)
    assert found.columns == ["user", "rank", "item", "score"]
    assert found.height == 2 * USERS


def test_what_users_have_stays_or_goes_as_told(run, say):
    kept = table(say("recommend", run, "--users", "all", "--k", 99, "--keep-seen").out)
    dropped = table(say("recommend", run, "--users", "all", "--k", 99, "--drop-seen").out)
    plain = table(say("recommend", run, "--users", "all", "--k", 99).out)
    assert plain.equals(kept)  # items come again in this world
    assert dropped.join(owned(), on=["user", "item"]).is_empty()
    assert kept.height - dropped.height == owned().height


def test_items_like_an_item(run, say):
    found = table(say("recommend", run, "--item", 101, "--k", 4).out)
    assert found.columns == ["rank", "item", "score"]
    assert 101 not in found["item"].to_list()
    assert found.height == 4


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--users", "nobody"], "user 'nobody' has no event in the log of small"),
        (["--users", "nowhere.csv"], "nowhere.csv: there is no such file"),
        (["--item", "7"], "item '7' is not in the catalogue"),
        ([], "Say for whom"),
        (["--users", "all", "--item", "101"], "Say for whom"),
        (["--users", "all", "--task", "click"], "'click' is no task that ranks items"),
        (["--users", "all", "--out", "lists.xlsx"], "the ending '.xlsx' is not known"),
        (["--users", "all", "--k", "0"], "--k"),
    ],
)
def test_a_mistake_of_the_user_gives_one_message(run, say, words, said):
    answer = say("recommend", run, *words)
    assert answer.status == 2
    assert said in answer.err
    assert "Traceback" not in answer.err


def test_a_strange_ending_is_refused_before_the_run_is_opened(say, tmp_path):
    answer = say("recommend", tmp_path / "nowhere", "--users", "all", "--out", "lists.doc")
    assert "the ending '.doc' is not known" in answer.err


def test_a_folder_that_is_no_run_is_named(say, tmp_path):
    answer = say("recommend", tmp_path / "nowhere", "--users", "all")
    assert answer.status == 2
    assert answer.err.startswith(f"Error: {tmp_path / 'nowhere'} is not a folder")
