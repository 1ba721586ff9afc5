"""How a figure is printed: decimals, intervals, shares, counts, durations; a dash for what is not known."""

import math
from typing import Any

ABSENT = "–"


def real(value: Any) -> float | None:
    """The value as a finite number, or None (absent, NaN, infinite, not a number)."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def number(value: float | None) -> str:
    """A figure with as many decimals as help: four below 1, three below 10, none from 1,000.

    >>> number(0.19514), number(1234.5), number(None)
    ('0.1951', '1,234', '–')
    """
    if value is None or not math.isfinite(value):
        return ABSENT
    size = abs(value)
    decimals = 4 if size < 1 else 3 if size < 10 else 2 if size < 100 else 1 if size < 1000 else 0
    return f"{value:,.{decimals}f}".replace("-", "−")


def brief(value: float | None, like: float | None = None) -> str:
    """A figure with three digits that count, four decimals at most, for sentences.

    Args:
        value: The figure.
        like: Another figure that sets the number of decimals, so that the ends of an interval agree with it.

    >>> brief(0.1007), brief(12345.6), brief(0.0887, like=0.1007)
    ('0.101', '12,346', '0.089')
    """
    if value is None or not math.isfinite(value):
        return ABSENT
    size = abs(value if like is None else like)
    decimals = 0 if size >= 100 else 2 - math.floor(math.log10(size)) if size else 4
    return f"{value:,.{min(decimals, 4)}f}".replace("-", "−")


def short(value: float | None) -> str:
    """A figure of the data: three digits that count, no zeros behind them, whole from 100.

    >>> short(4.0), short(2.758), short(1234.5)
    ('4', '2.76', '1,234')
    """
    if value is None or not math.isfinite(value) or abs(value) >= 100:
        return count(value)
    return f"{value:.3g}".replace("-", "−")


def signed(value: float | None) -> str:
    """A difference with its sign.

    >>> signed(0.0123), signed(-2.0)
    ('+0.0123', '−2.000')
    """
    text = number(value)
    return f"+{text}" if value is not None and value > 0 and text != ABSENT else text


def between(low: float | None, high: float | None, *, sign: bool = False) -> str:
    """An interval, or an empty string where one end is unknown.

    >>> between(0.1, 0.2)
    '0.1000 to 0.2000'
    """
    if low is None or high is None:
        return ""
    return f"{(signed if sign else number)(low)} to {(signed if sign else number)(high)}"


def percent(value: float | None) -> str:
    """A share in per cent, three digits at most.

    >>> percent(0.1951), percent(0.0042)
    ('19.5%', '0.42%')
    """
    if value is None or not math.isfinite(value):
        return ABSENT
    size = abs(value) * 100
    if 0 < size < 0.005:
        return "<0.01%"
    return f"{value * 100:.{2 if 0 < size < 1 else 1}f}%".replace("-", "−")


def count(value: float | None) -> str:
    """A whole number with thousands separated.

    >>> count(80234)
    '80,234'
    """
    return ABSENT if value is None or not math.isfinite(value) else f"{value:,.0f}".replace("-", "−")


def duration(seconds: float | None) -> str:
    """A time in the unit that suits it.

    >>> duration(42), duration(372), duration(7440)
    ('42 s', '6 min 12 s', '2 h 4 min')
    """
    if seconds is None or not math.isfinite(seconds):
        return ABSENT
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600:,} h {whole % 3600 // 60} min"
