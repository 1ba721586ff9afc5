"""Numbers and metric names in words: what a metric means, which way is better, how a figure is printed."""

import math
from dataclasses import dataclass
from typing import Any, Literal

from motet.metrics.names import higher_is_better

ABSENT = "–"


@dataclass(frozen=True)
class Meaning:
    """A metric for people.

    Attributes:
        name: As printed, without its ``@k``.
        words: What it says, for the glossary; ``{k}`` stands for the cut-off.
        describes: True if more of it is neither better nor worse.
    """

    name: str
    words: str
    describes: bool = False


MEANINGS: dict[str, Meaning] = {
    "hr": Meaning("Hit rate", "Share of cases in which the item taken next stands in the first {k}."),
    "ndcg": Meaning(
        "NDCG",
        "As the hit rate, but a hit counts the more the higher it stands: 1 in first place, 0.63 in second, "
        "0.5 in third, and so on down to the first {k}.",
    ),
    "recall": Meaning("Recall", "Share of what should be found that stands in the first {k}."),
    "mrr": Meaning("MRR", "Mean of 1 / place of the right item: 1 if always first, 0.5 if always second."),
    "coverage": Meaning(
        "Coverage", "Share of the catalogue that stands in anybody's first {k}.", describes=True
    ),
    "novelty": Meaning(
        "Novelty", "How little known the items in the first {k} are, in bits.", describes=True
    ),
    "diversity": Meaning(
        "Diversity", "How unlike each other the items in the first {k} are.", describes=True
    ),
    "popularity_bias": Meaning(
        "Popularity bias",
        "How much more popular the items in the first {k} are than what the user took before: "
        "0 is none, 1 the most.",
        describes=True,
    ),
    "auc": Meaning(
        "AUC",
        "Take one row where it happened and one where it did not: how often the first has the higher score. "
        "0.5 is guessing, 1 is perfect.",
    ),
    "gauc": Meaning("GAUC", "AUC inside each user's own rows, averaged over users."),
    "log_loss": Meaning(
        "Log loss", "How surprised the predicted probabilities are by what happened; 0 is perfect."
    ),
    "ece": Meaning(
        "ECE",
        "Calibration error: how far predicted probabilities lie from what happened, on average.",
    ),
    "rmse": Meaning("RMSE", "Typical size of the error; large errors count more than small ones."),
    "mae": Meaning("MAE", "Mean size of the error."),
    "accuracy": Meaning("Accuracy", "Share of rows whose class is predicted right."),
    "macro_f1": Meaning("Macro F1", "Precision and recall in one, every class counted alike; 1 is perfect."),
}


def real(value: Any) -> float | None:
    """The value as a finite number, or None (absent, NaN, infinite, not a number)."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def split_metric(metric: str) -> tuple[str, str]:
    """Name and cut-off of a metric.

    >>> split_metric("ndcg@10")
    ('ndcg', '10')
    """
    name, _, cut = metric.partition("@")
    return name, cut


def meaning(metric: str) -> Meaning:
    """What a metric means; an unknown one bears its own name and only describes."""
    name, _ = split_metric(metric)
    return MEANINGS.get(name) or Meaning(name.replace("_", " "), "", describes=True)


def better(metric: str) -> Literal["higher", "lower", "neither"]:
    """Which way of a metric is better; ``neither`` for figures that only describe.

    >>> better("ndcg@10"), better("rmse"), better("novelty@10")
    ('higher', 'lower', 'neither')
    """
    if meaning(metric).describes:
        return "neither"
    return "higher" if higher_is_better(metric) else "lower"


def label(metric: str) -> str:
    """A metric as it is printed.

    >>> label("ndcg@10")
    'NDCG@10'
    """
    cut = split_metric(metric)[1]
    return meaning(metric).name + (f"@{cut}" if cut else "")


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


def plain(name: str) -> str:
    """A name from a file as words.

    >>> plain("short_histories")
    'short histories'
    """
    return name.replace("_", " ").strip()


def listed(words: list[str]) -> str:
    """Words joined as in a sentence.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    return ", ".join(words[:-1]) + f" and {words[-1]}" if len(words) > 1 else "".join(words)


def amount(number_of: int, noun: str) -> str:
    """A small number with its noun.

    >>> amount(1, "task"), amount(3, "task")
    ('1 task', '3 tasks')
    """
    return f"{number_of:,} {noun}" + ("" if number_of == 1 else "s")


def capital(text: str) -> str:
    """The text with a capital first letter, the rest as it is.

    >>> capital("on NDCG")
    'On NDCG'
    """
    return text[:1].upper() + text[1:]


def said(value: Any) -> str:
    """Any value as text; nothing for None, a list joined by commas.

    >>> said(["a", 1]), said(None)
    ('a, 1', '')
    """
    if value is None:
        return ""
    return ", ".join(said(one) for one in value) if isinstance(value, list | tuple) else str(value)
