"""Which files a source names, what format each has, and the first lines of a text file."""

import difflib
import glob
import gzip
import io
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any, Literal, cast

from motet.errors import DataError

Format = Literal["csv", "jsonl", "parquet", "atomic"]

ATOMIC_TYPES = ("token", "token_seq", "float", "float_seq")
_PACKED = {b"PK\x03\x04": "zip", b"\xfd7zXZ": "xz", b"BZh": "bzip2", b"\x28\xb5\x2f\xfd": "zstd"}
_HEAD_BYTES = 1 << 20


def closest(name: str, found: Iterable[str]) -> str | None:
    """The name among `found` that is spelled most like `name`, or None.

    >>> closest("user", ["item_id", "user_id", "time"])
    'user_id'
    """
    names = list(found)
    inside = [each for each in names if name.lower() in each.lower() or each.lower() in name.lower()]
    near = difflib.get_close_matches(name.lower(), [each.lower() for each in names], n=1, cutoff=0.5)
    return next((each for each in names if near and each.lower() == near[0]), inside[0] if inside else None)


def find_files(patterns: Iterable[str], folder: Path) -> list[Path]:
    """Files of a source, globs resolved in sorted order.

    Args:
        patterns: Paths or globs, relative to `folder`.
        folder: Where the configuration lies.

    Raises:
        DataError: When a path or a glob names no file.
    """
    files: list[Path] = []
    for pattern in patterns:
        path = folder / Path(pattern).expanduser()
        if path.is_file():
            files.append(path)
            continue
        found = sorted(Path(each) for each in glob.glob(str(path), recursive=True) if Path(each).is_file())
        if not found:
            raise DataError(_no_file(path))
        files.extend(found)
    return files


def _no_file(path: Path) -> str:
    if path.is_dir():
        return f"{path}: this is a folder. Name its files, for example  path: {path.name or '.'}/*.parquet"
    if any(sign in path.name for sign in "*?["):
        return f"{path}: no file fits this pattern. Paths are relative to the configuration file; mend  path:"
    if not path.parent.is_dir():
        return (
            f"{path}: there is no folder {path.parent}. Paths are relative to the configuration file; mend "
            " path:"
        )
    beside = sorted(each.name for each in path.parent.iterdir() if each.is_file())
    near = closest(path.name, beside)
    listed = ", ".join(beside[:12]) + (", ..." if len(beside) > 12 else "")
    advice = f"Write  path: {near}" if near else "Mend  path:"
    return f"{path}: there is no such file. The folder has {listed or 'no file at all'}. {advice}"


def open_bytes(path: Path) -> IO[bytes]:
    """A file as bytes, unzipped when it is gzip; other packings are refused."""
    with path.open("rb") as file:
        magic = file.read(5)
    packing = next((name for mark, name in _PACKED.items() if magic.startswith(mark)), None)
    if packing:
        raise DataError(
            f"{path}: this is a {packing} file, which is not read. Unpack it, or pack it with gzip."
        )
    if magic[:2] == b"\x1f\x8b":
        return cast("IO[bytes]", io.BufferedReader(_Unzipped(path), 1 << 17))
    return path.open("rb")


class _Unzipped(io.RawIOBase):
    """What a gzip file holds; a torn one is a `DataError`, wherever it is read."""

    def __init__(self, path: Path) -> None:
        self._path, self._packed = path, gzip.GzipFile(path)

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        try:
            piece = self._packed.read(len(into))
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            reason = str(error)
        else:
            into[: len(piece)] = piece
            return len(piece)
        raise DataError(
            f"{self._path}: this gzip file is damaged ({reason}). Fetch or write it anew; it may have been "
            "cut off on its way."
        )

    def close(self) -> None:
        self._packed.close()
        super().close()


def head_text(path: Path, encoding: str = "utf8", most_bytes: int = _HEAD_BYTES) -> str:
    """The beginning of a text file, cut after a whole line, without a byte-order mark."""
    with open_bytes(path) as file:
        raw = file.read(most_bytes)
        cut = raw.rfind(b"\n") if len(raw) == most_bytes else -1
    if cut > 0 and not encoding.lower().startswith("utf-16"):
        raw = raw[: cut + 1]
    try:
        text = raw.decode(encoding, errors="strict" if cut > 0 or len(raw) < most_bytes else "replace")
    except UnicodeDecodeError as error:
        raise DataError(wrong_encoding(path, encoding, error)) from None
    except LookupError:
        raise DataError(
            f"{path}: there is no encoding {encoding!r}. Write  encoding: utf8  or  latin-1"
        ) from None
    return text.removeprefix("\ufeff")


def wrong_encoding(path: Path | str, encoding: str, error: Exception) -> str:
    """The message for text that is not in the encoding it was said to have."""
    return (
        f"{path}: the text is not {encoding} ({error}). Name its encoding, for example  encoding: latin-1  "
        "(Western Europe),  encoding: gb18030  (Chinese) or  encoding: utf-16"
    )


def as_utf8(path: Path, encoding: str) -> IO[bytes]:
    """The whole text in memory, as UTF-8: for files in another encoding, which polars does not read."""
    with open_bytes(path) as file:
        raw = file.read()
    try:
        return io.BytesIO(raw.decode(encoding).encode("utf8"))
    except UnicodeDecodeError as error:
        raise DataError(wrong_encoding(path, encoding, error)) from None


def is_utf8(encoding: str) -> bool:
    """Whether polars can read the file as it lies."""
    return encoding.lower().replace("-", "") in ("utf8", "ascii", "usascii")


def find_format(path: Path, encoding: str = "utf8") -> Format:
    """Format of a file, found in its first bytes rather than in its name.

    Raises:
        DataError: The file is empty, packed in an unknown way, a JSON array, or binary.
    """
    with open_bytes(path) as file:
        start = file.read(4096)
    if start.startswith(b"PAR1"):
        return "parquet"
    if not start.strip():
        raise DataError(f"{path}: the file is empty.")
    if b"\x00" in start and not encoding.lower().startswith("utf-16"):
        raise DataError(f"{path}: this is a binary file. Motet reads CSV, JSON Lines and Parquet.")
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"{"):
        return "jsonl"
    if text.startswith((b"[{", b"[\n", b"[ ")):
        raise DataError(f"{path}: this is one JSON array. Write it as JSON Lines: one object a line.")
    first = text.split(b"\n", 1)[0].decode("latin-1").strip("\r")
    return "atomic" if is_atomic_header(first.split("\t")) else "csv"


def is_atomic_header(names: list[str]) -> bool:
    """Whether a first line is that of a RecBole atomic file, `name:type` in every column.

    >>> is_atomic_header(["user_id:token", "rating:float"]), is_atomic_header(["user_id", "rating"])
    (True, False)
    """
    return all(":" in name and name.rsplit(":", 1)[1] in ATOMIC_TYPES for name in names)
