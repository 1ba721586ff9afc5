"""The peers' environment: made once, made again when pins change; a failure shows the end of the log."""

import json
import subprocess
from pathlib import Path

import pytest

from benchmarks import environment


@pytest.fixture
def installs(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    done: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        done.append(command)
        return subprocess.CompletedProcess(command, 0)

    def create(folder: Path, with_pip: bool) -> None:
        (folder / "bin").mkdir(parents=True)
        (folder / "bin" / "python").touch()

    monkeypatch.setattr(environment.subprocess, "run", run)
    monkeypatch.setattr(environment.venv, "create", create)
    return done


def test_the_environment_is_made_once_and_again_when_a_pin_changes(tmp_path: Path, installs: list[list[str]]):
    pins = tmp_path / "requirements.txt"
    pins.write_text("numpy==1.26.4\n")
    for _ in range(2):
        assert environment.peers_python(tmp_path / "made", pins) == tmp_path / "made" / "bin" / "python"
    assert len(installs) == 1
    pins.write_text("numpy==1.26.5\n")
    environment.peers_python(tmp_path / "made", pins)
    assert len(installs) == 2


def test_every_pin_names_one_version():
    lines = environment.REQUIREMENTS.read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert pins
    assert all(line.count("==") == 1 for line in pins)


def test_a_peer_that_fails_shows_the_end_of_its_log(tmp_path: Path):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho no such table\nexit 3\n")
    python.chmod(0o755)
    with pytest.raises(RuntimeError, match=r"(?s)the peer linear failed with status 3.*no such table"):
        environment.run_peer("linear", tmp_path, {"model": "ease", "grid": []}, tmp_path / "out", python)


def test_the_settings_of_every_data_set_name_a_peer_and_a_grid():
    settings = json.loads((environment.REQUIREMENTS.parent / "settings.json").read_text())
    for name, programs in settings.items():
        for program, told in programs.items():
            assert told["peer"] in environment.PEERS, (name, program)
            assert told["peer"] == "features" or told["settings"]["grid"], (name, program)
