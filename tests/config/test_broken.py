"""Every mistake in a configuration is named with its line and what to write instead."""

from pathlib import Path

import pytest

from motet.config.read import config_from_dict, read_config
from motet.errors import ConfigError
from tests.config import broken
from tests.config.broken import GOOD, instead
from tests.config.broken_training import BROKEN_TRAINING

BROKEN = broken.BROKEN | BROKEN_TRAINING


def error_of(text: str | bytes, folder: Path, *options: str) -> str:
    """What reading a file of this text complains about."""
    path = folder / "motet.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as caught:
        read_config(path, options)
    return str(caught.value)


def test_the_good_configuration_is_good(tmp_path):
    (tmp_path / "motet.yaml").write_text(GOOD)
    assert [task.name for task in read_config(tmp_path / "motet.yaml").tasks] == ["next", "like", "stars"]


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_configuration_says_where_and_what_to_write(name, tmp_path):
    text, expected = BROKEN[name]
    said = error_of(text, tmp_path)
    assert said.startswith(str(tmp_path / "motet.yaml"))
    for piece in expected:
        assert piece in said


@pytest.mark.parametrize("name", BROKEN)
def test_one_mistake_is_one_line(name, tmp_path):
    several = {
        "a tag",
        "a label known beforehand",
        "a label known beforehand under another name",
        "no events",
    }
    several |= {
        "a label that is not read",
        "a misspelt choice",
        "a key in a window",
        "a missing part",
        "no tasks",
    }
    if name not in several:
        assert "\n" not in error_of(BROKEN[name][0], tmp_path)


def test_all_mistakes_come_at_once_in_the_order_of_the_file(tmp_path):
    text = instead("user: user", "usr: user").replace('"stars >= 4"', '"stars >="')
    said = error_of(text + "training:\n  epoch: 3\n  patience: 0\n  monitor: next.auc\nname: [x]\n", tmp_path)
    first, *lines = said.split("\n")
    assert first == f"{tmp_path / 'motet.yaml'}: 6 mistakes"
    assert [line.strip().split(": ")[0].rsplit(":", 1)[1] for line in lines] == [
        "3",
        "6",
        "9",
        "10",
        "11",
        "12",
    ]


def test_a_misspelt_key_is_not_said_to_be_missing_too(tmp_path):
    said = error_of(instead("user: user", "usr: user"), tmp_path)
    assert "did you mean 'user'?" in said
    assert "lacks" not in said


def test_a_monitor_is_not_blamed_for_a_task_that_is_wrong_in_itself(tmp_path):
    said = error_of(instead("kind: binary", "kind: bnary") + "training: {monitor: like.auc}\n", tmp_path)
    assert ":8:" not in said


def test_the_file_may_begin_with_a_byte_order_mark(tmp_path):
    (tmp_path / "motet.yaml").write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert read_config(tmp_path / "motet.yaml").tasks


def test_a_file_that_is_not_utf8_is_refused_with_the_line(tmp_path):
    assert ":8: the text is not UTF-8" in error_of(GOOD.encode() + b"name: caf\xe9\n", tmp_path)


def test_a_missing_file_names_those_that_are_there(tmp_path):
    (tmp_path / "motet.yaml").write_text(GOOD)
    with pytest.raises(ConfigError, match=r"motte.yaml: there is no such file. Did you mean .*motet.yaml\?"):
        read_config(tmp_path / "motte.yaml")
    with pytest.raises(ConfigError, match="Make one with  motet init FILES"):
        read_config(tmp_path / "nowhere" / "motet.yaml")
    with pytest.raises(ConfigError, match="this is a folder"):
        read_config(tmp_path)


def test_a_mistake_in_an_option_names_the_option(tmp_path):
    def said(*options):
        return error_of(GOOD, tmp_path, *options)

    assert (
        said("training.epoch=3")
        == "--set training.epoch=3: training has no setting 'epoch'; did you mean 'epochs'?"
    )
    assert said("trainning.epochs=3").startswith(
        "--set trainning.epochs=3: the configuration has no setting 'trainning'"
    )
    assert "--set tasks.like.weight=-1: tasks.like.weight: found -1; write" in said("tasks.like.weight=-1")
    assert (
        said("tasks.lke.weight=1")
        == "--set tasks.lke.weight=1: tasks has no entry 'lke'; did you mean 'like'?"
    )
    assert "tasks has no entry '7'; it has 0 (next), 1 (like), 2 (stars)" in said("tasks.7.weight=1")
    assert "training.epochs is 3 and has no settings below it" in said(
        "training.epochs=3", "training.epochs.x=1"
    )
    assert (
        said("training.epochs") == "--set training.epochs: write  PATH=VALUE, for example  training.epochs=3"
    )
    assert "the value is not YAML" in said("evaluation.k=[1, 2")
    assert said("tasks.like.label=stars >").startswith(
        "--set tasks.like.label=stars >: tasks.like.label: 'stars >', "
    )


def test_the_last_of_two_options_is_blamed(tmp_path):
    said = error_of(GOOD, tmp_path, "training.epochs=0", "training.epochs=x")
    assert said.startswith("--set training.epochs=x: ")


def test_plain_values_are_checked_without_lines():
    with pytest.raises(
        ConfigError,
        match=r"^my settings: 2 mistakes\n  my settings: tasks: found an empty list.*\n.*epochs: found 'x'",
    ):
        config_from_dict({"tasks": [], "training": {"epochs": "x"}}, "my settings")
    with pytest.raises(ConfigError, match=r"^configuration: the configuration: found an empty list"):
        config_from_dict([])  # type: ignore[arg-type]
