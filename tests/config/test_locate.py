"""Errors that the data bring to light name the line of the configuration that they are about."""

import pytest

from motet.config.read import located
from motet.errors import ArtifactError, DataError
from tests.config.broken import GOOD


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "tasks.like: the log has no column 'stars'; did you mean 'stores'?",
            6,
        ),  # and not 7, which has it too
        ("tasks.stars: label 'stars' is text", 7),
        ("tasks.like: there is nothing to learn", 6),
        ("/somewhere/items.csv and 1 more: column 'title' is missing. The file has 'name'.", 2),
        ("/somewhere/events.csv: there is no such file. Write  path: x.csv", 3),
        ("data.items: column 'price' has no number", 2),
        ("data.split: the log has no times", 1),  # it stands nowhere: the nearest thing around it
    ],
)
def test_the_line_is_named(tmp_path, text, line):
    path = tmp_path / "motet.yaml"
    path.write_text(GOOD)
    with pytest.raises(DataError) as info, located(path):
        raise DataError(text)
    assert str(info.value) == f"{path}:{line}: {text}"


@pytest.mark.parametrize(
    "text",
    ["the loss is not a number. Try a lower  training.learning_rate", "user 'nobody' has no event",
     "column 'item' is missing"],  # 'item' stands twice
)  # fmt: skip
def test_no_line_is_better_than_a_wrong_one(tmp_path, text):
    path = tmp_path / "motet.yaml"
    path.write_text(GOOD.replace("user: user, item: item", "user: user, item: item, order: item"))
    with pytest.raises(DataError) as info, located(path):
        raise DataError(text)
    assert str(info.value) == text


def test_an_option_of_the_command_line_is_named(tmp_path):
    path = tmp_path / "motet.yaml"
    path.write_text(GOOD)
    option = "data.events.user=who"
    with (
        pytest.raises(DataError, match=r"^--set data\.events\.user=who: column 'who'"),
        located(path, [option]),
    ):
        raise DataError("column 'who' is missing")


def test_other_errors_and_those_that_have_a_line_pass_through(tmp_path):
    path = tmp_path / "motet.yaml"
    path.write_text(GOOD)
    for error in (DataError(f"{path}:3: tasks.like: wrong"), ArtifactError("tasks.like")):
        with pytest.raises(type(error)) as info, located(path):
            raise error
        assert info.value is error
