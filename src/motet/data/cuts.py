"""Cuts in time: where validation and test begin, from shares of the rows or from moments as text."""

from datetime import UTC, datetime

import numpy as np

from motet.config.data import Split
from motet.errors import ConfigError


def time_cuts(time_T: np.ndarray, split: Split) -> tuple[int, int]:
    """The first moments of validation and test, unix milliseconds.

    Shares are met as nearly as equal times allow: a cut lies between two different times.

    Args:
        time_T: Sorted times of the rows that count, ``(T,)``.
        split: With ``valid`` and ``test`` as shares of the rows or as ISO moments.

    Raises:
        ConfigError: Neither a share nor a moment, or validation would begin after the test.
    """
    test, valid = (moment(value, name) for value, name in ((split.test, "test"), (split.valid, "valid")))
    if test is None:
        test = _border(time_T, len(time_T) - round(share(split.test, "test") * len(time_T)))
    if valid is None:
        before_T = time_T[: np.searchsorted(time_T, test)]
        valid = _border(before_T, len(before_T) - round(share(split.valid, "valid") * len(time_T)))
    if valid > test:
        raise ConfigError(
            f"data.split: validation begins at {iso(valid)}, after the test ({iso(test)}). "
            "Write an earlier moment for  valid  or a later one for  test."
        )
    return valid, test


def shares(split: Split) -> tuple[float, float]:
    """The shares of validation and test, checked to leave something to train on."""
    valid, test = share(split.valid, "valid"), share(split.test, "test")
    if valid + test >= 1:
        raise ConfigError(
            f"data.split: valid {valid} and test {test} leave nothing to train on. "
            "Write smaller shares, such as 0.1 and 0.1."
        )
    return valid, test


def share(value: float | str, name: str) -> float:
    """The value as a share of the rows."""
    if isinstance(value, str) or not 0 < value < 1:
        raise ConfigError(
            f"data.split.{name}: found {value!r}. Write a share of the rows between 0 and 1, such as 0.1"
            + (", or (kind: time) a moment." if isinstance(value, str) else ".")
        )
    return value


def moment(value: float | str, name: str) -> int | None:
    """An ISO moment as unix milliseconds (UTC unless it says otherwise); None when the value is a number.

    >>> moment("1970-01-02", "test"), moment("1970-01-01T02:00:00+02:00", "test"), moment(0.1, "test")
    (86400000, 0, None)
    """
    if not isinstance(value, str):
        return None
    try:
        when = datetime.fromisoformat(value)
    except ValueError:
        raise ConfigError(
            f"{name if '.' in name else f'data.split.{name}'}: {value!r} is no moment. "
            "Write one such as '2024-05-01' or '2024-05-01T12:00:00' (UTC unless it says otherwise)."
        ) from None
    return round((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() * 1000)


def iso(time: int) -> str:
    """Unix milliseconds as text.

    >>> iso(86_400_000)
    '1970-01-02T00:00:00+00:00'
    """
    return datetime.fromtimestamp(time / 1000, UTC).isoformat(timespec="seconds")


def _border(time_T: np.ndarray, index: int) -> int:
    """The time at `index`, or the next different one if its border is nearer or nothing would be left."""
    if not len(time_T):
        return 0
    index = min(max(index, 0), len(time_T) - 1)
    left, right = (int(np.searchsorted(time_T, time_T[index], side)) for side in ("left", "right"))
    take_next = right < len(time_T) and (left == 0 or right - index < index - left)
    return int(time_T[right if take_next else index])
