"""Home: where Motet keeps what it need not make twice, and what was measured on this machine."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from motet.errors import ArtifactError
from motet.system.files import read_json, write_json
from motet.system.machine import machine, versions

Choice = TypeVar("Choice", int, str)


def home() -> Path:
    """``$MOTET_HOME``, or ``motet`` in the user's cache."""
    if set_by_user := os.environ.get("MOTET_HOME"):
        return Path(set_by_user).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "motet"


def kept(name: str, choose: Callable[[], Choice]) -> Choice:
    """A choice as it was first made on this machine, so that the same training is the same tomorrow.

    Where nothing can be kept it is made anew.

    Args:
        name: What is chosen; with another processor, count of cores or version of torch it is chosen again.
        choose: Makes the choice by a measurement.
    """
    here = machine()
    key = f"{name} on {here['processor']}, {here['cores']} cores, torch {versions().get('torch')}"
    path = home() / "choices.json"
    known: dict[str, Choice] = {}
    with suppress(OSError, ArtifactError):
        read = read_json(path) if path.exists() else {}
        known = read if isinstance(read, dict) else {}
    if key in known:
        return known[key]
    found = choose()
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, known | {key: found})
    return found
