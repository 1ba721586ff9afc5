"""`--help` answers at once, because it imports nothing heavy."""

import subprocess
import sys
import time

import pytest

from motet.cli.app import COMMANDS

HEAVY = (
    "torch",
    "transformers",
    "tokenizers",
    "polars",
    "pyarrow",
    "pandas",
    "pydantic",
    "numpy",
    "altair",
    "yaml",
)
PROGRAM = f"""
import sys
from motet.cli.app import main
status = main(sys.argv[1:])
print("HEAVY", *(name for name in {HEAVY} if name in sys.modules))
sys.exit(status)
"""


def ask(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *words], capture_output=True, text=True, check=False
    )


def test_help_imports_nothing_heavy():
    answer = ask("--help")
    assert answer.returncode == 0, answer.stderr
    assert "Usage: motet" in answer.stdout
    assert answer.stdout.splitlines()[-1] == "HEAVY"


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_imports_nothing_heavy(command):
    answer = ask(command, "--help")
    assert answer.returncode == 0, answer.stderr
    assert f"Usage: motet {command}" in answer.stdout
    assert answer.stdout.splitlines()[-1] in ("HEAVY", "HEAVY pydantic")  # typer reads options with pydantic


def test_help_answers_at_once():
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "motet", "--help"], capture_output=True, check=True)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 1.0  # 0.2 s on a quiet machine; the bound leaves room for a busy one


def test_every_command_has_its_line_in_the_help():
    page = ask("--help").stdout
    assert all(name in page and line in page for name, line in COMMANDS.items())
