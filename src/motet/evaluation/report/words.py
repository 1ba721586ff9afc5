"""Words: what a metric means and which way is better, names and lists as a sentence has them."""

from dataclasses import dataclass
from typing import Any, Literal

from motet.metrics.names import higher_is_better


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
    "entity_f1": Meaning(
        "Span F1",
        "Precision and recall of spans in one; a span is right if its type and both edges are. 1 is perfect.",
    ),
    "entity_precision": Meaning("Span precision", "Share of the spans that were found which are right."),
    "entity_recall": Meaning("Span recall", "Share of the spans that are there which were found."),
}


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


def family(metric: str) -> tuple[int, str, int]:
    """A key that sorts metrics: those of one name together, by their cut-off.

    >>> sorted(["auc", "hr@10", "ndcg@5", "hr@5"], key=family)
    ['hr@5', 'hr@10', 'ndcg@5', 'auc']
    """
    name, cut = split_metric(metric)
    known = list(MEANINGS)
    return known.index(name) if name in known else len(known), name, int(cut) if cut.isdigit() else 0


def label(metric: str) -> str:
    """A metric as it is printed.

    >>> label("ndcg@10")
    'NDCG@10'
    """
    cut = split_metric(metric)[1]
    return meaning(metric).name + (f"@{cut}" if cut else "")


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
