"""Writes constraints.txt from what is installed in the environment that runs this."""

import re
import subprocess
import sys
from pathlib import Path

HEADER = "# The versions that the tests ran with, for pip --constraint. Written by make constraints.\n"


def pins(frozen: str) -> list[str]:
    """Lines of ``pip freeze`` that pin a package from an index, without local parts such as +cpu."""
    found = re.findall(r"^([\w.-]+)==([^+\s]+)", frozen, flags=re.MULTILINE)
    return [f"{name}=={version}" for name, version in sorted(found, key=lambda pin: pin[0].lower())]


def main() -> None:
    """Freeze, filter, write."""
    command = [sys.executable, "-m", "pip", "freeze", "--exclude", "motet", "--disable-pip-version-check"]
    frozen = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    path = Path(__file__).parents[1] / "constraints.txt"
    path.write_text(HEADER + "\n".join(pins(frozen)) + "\n")


if __name__ == "__main__":
    main()
