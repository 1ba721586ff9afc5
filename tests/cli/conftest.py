"""Commands as a person types them, on a run that is trained once."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from motet.cli.app import main
from tests.trained import trained_run, world_folder


@dataclass(frozen=True)
class Answer:
    """What a command said, and its exit status."""

    status: int
    out: str
    err: str


@pytest.fixture
def run() -> Path:
    """A finished run."""
    return trained_run()


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """Runs one command."""

    def command(*words: object) -> Answer:
        capsys.readouterr()
        status = main([str(word) for word in words])
        return Answer(status, *capsys.readouterr())

    return command


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """A folder with the data files and a configuration, and no run."""
    for name in ("items.csv", "users.csv", "events.csv", "small.yaml"):
        shutil.copy(world_folder() / name, tmp_path / name)
    return tmp_path
