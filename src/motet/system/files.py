"""Files that exist whole or not at all: written beside their place, flushed to the disk, then renamed."""

import hashlib
import json
import math
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from motet.errors import ArtifactError

_BLOCK = 1 << 20


@contextmanager
def atomic_folder(target: Path, *, replace: bool = False) -> Iterator[Path]:
    """Give a temporary folder that takes the place of `target` when the block ends well.

    After an exception, Ctrl-C included, the temporary folder is removed and `target` is as it was.

    Args:
        target: The folder to be.
        replace: Put the new folder in the place of an older one.

    Raises:
        ArtifactError: `target` exists already and `replace` is false.
    """
    target = Path(target)
    if os.path.lexists(target) and not replace:
        raise ArtifactError(f"{target} exists already. Name another folder, or remove this one first.")
    target.parent.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".partial", dir=target.parent))
    try:
        yield place
        place.chmod(0o777 & ~_umask())
        _flush_tree(place)
        _move(place, target)
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8 so that a reader sees the old text or the new one, never a part."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    flush(path.parent)


def write_json(path: Path, value: Any) -> None:
    """Write a value as JSON, atomically. What is not a finite number becomes null, as JSON knows no NaN."""
    write_text(path, json.dumps(plain(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        ArtifactError: The file is missing, or is not JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ArtifactError(f"{path} is missing. Is this the right folder?") from error
    except (ValueError, RecursionError) as error:
        raise ArtifactError(f"{path} is not JSON ({error}). The file is damaged; make it anew.") from error


def plain(value: Any) -> Any:
    """The value in JSON's own types: numpy scalars and arrays, paths, tuples and sets included.

    >>> plain({"loss": float("nan"), "k": (1, 5)})
    {'loss': None, 'k': [1, 5]}
    """
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, set | frozenset):
        return sorted((plain(inner) for inner in value), key=str)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if hasattr(value, "tolist"):  # numpy and torch
        return plain(value.tolist())
    return str(value) if isinstance(value, os.PathLike) else value


def sha256_file(path: Path) -> str:
    """The sha256 of a file's bytes, in hexadecimal; reads it in blocks."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _move(place: Path, target: Path) -> None:
    old = place.with_suffix(".old")
    if os.path.lexists(target):
        os.replace(target, old)
    try:
        os.replace(place, target)
    except OSError:
        if os.path.lexists(old):
            os.replace(old, target)
        raise
    flush(target.parent)
    if old.is_symlink() or old.is_file():
        old.unlink()
    elif old.exists():
        shutil.rmtree(old)


def _flush_tree(folder: Path) -> None:
    for root, _, names in os.walk(folder):
        for name in names:
            flush(Path(root, name))
        flush(Path(root))


def flush(path: Path) -> None:
    """Have the disk hold what was written; file systems that cannot flush a folder are let be."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        if not path.is_dir():
            raise
    finally:
        os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
