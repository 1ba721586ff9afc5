"""Models that a package brings in another form become folders as transformers writes them, once, at home."""

import hashlib
import time
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, assert_never

from filelock import FileLock

from motet.errors import ArtifactError, ConfigError
from motet.language.known import Package
from motet.system.files import atomic_folder, read_json, write_json
from motet.system.home import home
from motet.system.log import say

CONVERTERS = {"e5": 1, "gguf": 1}  # raise one when a folder of the same file would come out otherwise
_SOURCE, _WEIGHTS = "source.json", "model.safetensors"
_SLAB = 1 << 20


def folder_of(name: str) -> Path:
    """Where the converted model lies, or will."""
    return home() / "models" / name


def folder_ready(name: str) -> Path | None:
    """The folder of a converted model, of whatever version of its package; None where there is none."""
    return folder_of(name) if _origin(folder_of(name)) else None


def converted(name: str, package: Package) -> Path | None:
    """The folder of a converted model, made now if it is not there, or of another version of the package.

    Args:
        name: Of the model.
        package: That brings its file; it may be gone after a conversion.

    Returns:
        The folder; None where neither folder nor package is there.

    Raises:
        ConfigError: The file is damaged or missing, or the folder cannot be written.
    """
    target, files = folder_of(name), packed_files(package)
    if files is None:
        return folder_ready(name)
    try:
        origin = _origin_of(files, package)
        if _origin(target) == origin:
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.parent / f".{name}.lock"):
            if _origin(target) != origin:  # who comes second finds it done
                _tell_and_convert(name, package, files, target, origin)
    except OSError as error:
        raise ConfigError(
            f"model.language: {name} cannot be unpacked into {target}: {error}. Make room there, or set "
            "MOTET_HOME to a folder of yours."
        ) from error
    return target


def packed_files(package: Package) -> list[Path] | None:
    """The files of installed packages, whether they exist or not; None where a package is not installed."""
    found = []
    for file in package.files:
        module, _, inside = file.partition("/")
        spec = find_spec(module)
        if spec is None or not spec.origin:
            return None
        found.append(Path(spec.origin).parent / inside)
    return found


def _tell_and_convert(
    name: str, package: Package, files: Sequence[Path], target: Path, origin: dict[str, Any]
) -> None:
    start = time.monotonic()
    say(f"{name}: unpacking the weights of {origin['package']} {origin['version']}, once, into {target}")
    with atomic_folder(target, replace=True) as folder:
        _convert(package, files, folder)
        write_json(folder / _SOURCE, origin)
    size = sum(each.stat().st_size for each in target.rglob("*") if each.is_file())
    say(f"{name}: {size / 1e6:.0f} MB in {time.monotonic() - start:.1f} s")


def _convert(package: Package, files: Sequence[Path], folder: Path) -> None:
    match package.form:
        case "e5":
            from motet.language.e5 import convert

            convert.convert(files[0], folder)
        case "gguf":
            from motet.language.gguf_file import convert_gguf

            convert_gguf(files, folder, package)
        case _:
            assert_never(package.form)


def _origin_of(files: Sequence[Path], package: Package) -> dict[str, Any]:
    """What a folder is made of: equal origins give equal folders."""
    try:
        number = version(package.module)
    except PackageNotFoundError:
        number = "(no version is known)"
    return {
        "package": package.module,
        "version": number,
        "file": files[0].name,
        "sha256": _sha256(files) if all(each.exists() for each in files) else None,
        "converter": CONVERTERS[package.form],
    }


def _sha256(files: Sequence[Path]) -> str:
    """Of all bytes, one file after the other."""
    digest = hashlib.sha256()
    for each in files:
        with each.open("rb") as file:
            while block := file.read(_SLAB):
                digest.update(block)
    return digest.hexdigest()


def _origin(target: Path) -> dict[str, Any] | None:
    """What a converted folder says it was made of; None where there is none, or no weights in it."""
    if not (target / _WEIGHTS).exists():
        return None
    try:
        found = read_json(target / _SOURCE)
    except ArtifactError:
        return None
    return found if isinstance(found, dict) else None
