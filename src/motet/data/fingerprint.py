"""Fingerprints: a seeded 64-bit number for every value of a column, the same on every machine.

Numbers go through splitmix64 (Steele, Lea, Flood, OOPSLA 2014, doi.org/10.1145/2714064.2660195), texts
through a multilinear hash of their UTF-8 bytes (Carter, Wegman, 1979). All is vectorised. Shapes: N rows.
"""

from collections.abc import Iterable

import numpy as np
import polars as pl

_ROWS_AT_ONCE = 500_000
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_NULL = np.uint64(0xA0761D6478BD642F)


def scatter(number_N: np.ndarray, seed: int) -> np.ndarray:
    """Scatter uint64 numbers over all 64 bits, one to one, ``(N,)``.

    >>> [hex(n) for n in scatter(np.array([0, 1], np.uint64), 0)]
    ['0xe220a8397b1dcdaf', '0x910a2dec89025cc1']
    """
    with np.errstate(over="ignore"):
        mixed_N = number_N + _GOLDEN * np.uint64((2 * seed + 1) % 2**64)
        mixed_N = (mixed_N ^ (mixed_N >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed_N = (mixed_N ^ (mixed_N >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed_N ^ (mixed_N >> np.uint64(31))


def fingerprint(column: pl.Series, seed: int) -> np.ndarray:
    """Fingerprints of a column's values, ``(N,)`` uint64: equal for equal values of one type.

    Null has its own. Lists and structs count by their JSON text.
    """
    number_N = np.empty(len(column), np.uint64)
    for start in range(0, len(column), _ROWS_AT_ONCE):
        number_N[start : start + _ROWS_AT_ONCE] = _as_numbers(column.slice(start, _ROWS_AT_ONCE))
    return scatter(number_N, seed)


def fingerprint_rows(columns: Iterable[pl.Series], seed: int) -> np.ndarray:
    """One fingerprint a row over several columns of equal length, ``(N,)`` uint64; their order matters."""
    mixed_N: np.ndarray | None = None
    for column in columns:
        number_N = fingerprint(column, seed)
        mixed_N = number_N if mixed_N is None else scatter(mixed_N ^ number_N, seed)
    if mixed_N is None:
        raise ValueError("fingerprint_rows needs at least one column")
    return mixed_N


def _as_numbers(column: pl.Series) -> np.ndarray:
    dtype = column.dtype
    if dtype.is_float():
        number_N = (column.cast(pl.Float64).fill_null(0.0).to_numpy() + 0.0).view(np.uint64)
    elif dtype.is_integer() or dtype.is_temporal() or dtype == pl.Boolean:
        whole = column.cast(pl.Int8) if dtype == pl.Boolean else column.to_physical()
        number_N = whole.fill_null(0).cast(pl.Int64, wrap_numerical=True).to_numpy().view(np.uint64)
    elif dtype.is_nested():
        return _as_numbers(column.to_frame("").select(pl.struct("").struct.json_encode()).to_series())
    else:
        number_N = _text_numbers(column.cast(pl.String).fill_null(""))
    return np.where(column.is_null().to_numpy(), _NULL, number_N)


def _text_numbers(text: pl.Series) -> np.ndarray:
    """Sum of (byte + 1) times a random odd factor of its place in the text, modulo 2**64."""
    length_N = text.str.len_bytes().to_numpy().astype(np.int64)
    end_N = np.cumsum(length_N)
    joined = text.str.join("").item().encode()
    place = np.arange(len(joined)) - np.repeat(end_N - length_N, length_N)
    factor = scatter(np.arange(length_N.max(initial=0), dtype=np.uint64), 1) | np.uint64(1)
    term = (np.frombuffer(joined, np.uint8).astype(np.uint64) + np.uint64(1)) * factor[place]
    total = np.concatenate([np.zeros(1, np.uint64), np.cumsum(term, dtype=np.uint64)])
    hash_N: np.ndarray = total[end_N] - total[end_N - length_N]
    return hash_N
