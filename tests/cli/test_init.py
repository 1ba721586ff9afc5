"""`motet init` as a command."""

import pytest
from typer.testing import CliRunner

from motet.cli.app import app
from motet.config.read import read_config
from motet.errors import ConfigError, DataError
from tests.data.infer_worlds import catalogue, log, stars


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    events = log()
    events.with_columns(stars(events)).write_csv("data/ratings.csv")
    catalogue().write_csv("data/films.csv")
    return ["data/ratings.csv", "data/films.csv"]


def run(*arguments: str):
    return CliRunner().invoke(app, ["init", *arguments])


def test_init_writes_a_configuration_that_reads(files):
    result = run(*files, "--name", "films")
    assert result.exit_code == 0
    assert "ratings.csv: a log of" in result.output
    assert "wrote motet.yaml" in result.output
    config = read_config("motet.yaml")
    assert config.name == "films"
    assert config.data.events[0].path == ["data/ratings.csv"]


def test_init_takes_a_folder_for_its_files(files, tmp_path):
    assert run("data", "--out", "data/here.yaml").exit_code == 0
    assert read_config("data/here.yaml").data.items[0].path == ["films.csv"]


def test_init_never_writes_over_a_configuration_unless_forced(files, tmp_path):
    (tmp_path / "motet.yaml").write_text("mine")
    result = run(*files)
    assert isinstance(result.exception, ConfigError)
    assert "motet.yaml exists already" in str(result.exception)
    assert (tmp_path / "motet.yaml").read_text() == "mine"
    assert run(*files, "--force").exit_code == 0
    assert read_config("motet.yaml").tasks[0].name == "next"


def test_init_writes_nothing_when_there_is_no_log(files, tmp_path):
    result = run("data/films.csv")
    assert isinstance(result.exception, DataError)
    assert not (tmp_path / "motet.yaml").exists()
