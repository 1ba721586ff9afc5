"""Vectors of texts, kept on disk: a text is encoded once for each model, whatever catalogue it stands in.

A store is two files that only grow: ``vectors.f32`` and then, once those are on the disk, ``keys.sha256``.
A row counts when both files hold it whole, so what a crash tore off is never read. Writers take turns by a
lock; readers need none.

Shapes: N texts, D width of a vector.
"""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from motet.errors import ConfigError
from motet.language.backbone import Precision
from motet.system.files import read_json, write_json
from motet.system.home import home
from motet.system.log import Bar, progress

_DIGEST = 32
_SLAB = 8192  # texts that are encoded before they are written


class Encoder(Protocol):
    """What :class:`TextVectors` needs of an encoder, such as :class:`motet.language.backbone.TextEncoder`."""

    width: int
    fingerprint: str
    precision: Precision | None

    def choose_precision(self) -> Precision:
        """The precision, measured now if it was not chosen."""
        ...

    def encode(self, texts: Sequence[str], progress: Bar | None = None) -> NDArray[np.float32]:
        """Vectors of texts, ``(N, D)``."""
        ...


def default_folder() -> Path:
    """Where vectors lie: in ``texts`` of `motet.system.home`."""
    return home() / "texts"


class TextVectors:
    """All vectors that were ever computed here, by model and by text."""

    def __init__(self, folder: Path | None = None, what: str = "texts") -> None:
        """Vectors in this folder, or in :func:`default_folder`; `what` they are of, for the progress."""
        self.what = what
        self.folder = Path(folder) if folder is not None else default_folder()
        self._stores: dict[Path, _Store] = {}

    def lookup_or_encode(self, texts: Sequence[str], encoder: Encoder) -> NDArray[np.float32]:
        """Vectors of texts; those not known yet are encoded, with progress, and kept.

        Args:
            texts: The texts; they may repeat.
            encoder: The language model. If its precision is open, the first choice made here is kept.

        Returns:
            ``(N, D)``: a read-only view of the file where the rows lie there in order, else a copy; NaN of
            what could not be encoded, which is not kept, and so tried again the next time.

        Raises:
            ConfigError: The folder cannot be written.
        """
        store = self._store(encoder)
        keys = [_key(text) for text in texts]
        store.refresh()
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in store.rows}
        if missing:
            self._encode(missing, encoder, store)
        return store.read(np.array([store.rows.get(key, -1) for key in keys], np.int64))

    def precision(self, encoder: Encoder) -> Precision:
        """In which its vectors here are computed; chosen and kept now if it is open.

        Raises:
            ConfigError: The folder cannot be written.
        """
        self._store(encoder)
        assert encoder.precision is not None
        return encoder.precision

    def _encode(self, missing: dict[bytes, str], encoder: Encoder, store: "_Store") -> None:
        keys, texts = list(missing), list(missing.values())
        with progress(len(texts), self.what) as bar:
            for start in range(0, len(texts), _SLAB):
                slab = slice(start, start + _SLAB)
                store.append(keys[slab], encoder.encode(texts[slab], bar))

    def _store(self, encoder: Encoder) -> "_Store":
        model = self.folder / encoder.fingerprint[:32]
        try:
            model.mkdir(parents=True, exist_ok=True)
            precision = encoder.precision or _settle_precision(model, encoder)
            folder = model / precision
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"The cache of text vectors cannot be written: {error}. Set MOTET_HOME to a folder of yours."
            ) from error
        return self._stores.setdefault(folder, _Store(folder, encoder.width))


def _settle_precision(model: Path, encoder: Encoder) -> Precision:
    """The precision chosen when this model was first used here: today a measurement might differ."""
    path = model / "precision.json"
    with FileLock(model / "lock"):
        if not path.exists():
            write_json(path, {"precision": encoder.choose_precision()})
    encoder.precision = "bf16" if read_json(path)["precision"] == "bf16" else "fp32"
    return encoder.precision


class _Store:
    """The vectors of one model in one precision; `rows` says where the vector of a text lies."""

    def __init__(self, folder: Path, width: int) -> None:
        self.width, self.rows = width, dict[bytes, int]()
        self._vectors, self._keys = folder / "vectors.f32", folder / "keys.sha256"
        self._lock, self._seen = FileLock(folder / "lock"), 0

    def refresh(self) -> None:
        """Take in whole rows that were written since, by whomever."""
        whole = min(_size(self._keys) // _DIGEST, _size(self._vectors) // (4 * self.width))
        if whole <= self._seen:
            return
        with open(self._keys, "rb") as file:
            file.seek(self._seen * _DIGEST)
            new = file.read((whole - self._seen) * _DIGEST)
        for number in range(whole - self._seen):
            self.rows.setdefault(new[number * _DIGEST : (number + 1) * _DIGEST], self._seen + number)
        self._seen = whole

    def append(self, keys: list[bytes], vectors_ND: NDArray[np.float32]) -> None:
        """Write the vectors that nobody wrote in the meantime, then their keys; none of NaN."""
        lacks_N: NDArray[np.bool_] = np.isnan(vectors_ND).max(axis=1)
        with self._lock:
            self.refresh()
            new = [number for number, key in enumerate(keys) if key not in self.rows and not lacks_N[number]]
            added = np.ascontiguousarray(vectors_ND[new], dtype="<f4")
            _write(self._vectors, self._seen * 4 * self.width, added.tobytes())
            _write(self._keys, self._seen * _DIGEST, b"".join(keys[number] for number in new))
            self.refresh()

    def read(self, row_N: NDArray[np.int64]) -> NDArray[np.float32]:
        """The vectors of these rows, NaN of row -1."""
        has_N = row_N >= 0
        if not has_N.any():
            return np.full((len(row_N), self.width), np.nan, np.float32)
        shape = (self._seen, self.width)
        kept: NDArray[Any] = np.memmap(self._vectors, dtype="<f4", mode="r", shape=shape)
        if has_N.all() and (np.diff(row_N) == 1).all():
            return kept[row_N[0] : row_N[-1] + 1]
        return np.where(has_N[:, None], kept[row_N], np.float32(np.nan))


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _write(path: Path, place: int, content: bytes) -> None:
    """Put content at a place, cut off what lies behind it, and wait for the disk."""
    with open(path, "r+b" if path.exists() else "w+b") as file:
        file.truncate(place)
        file.seek(place)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
