"""What users took one after the other in training, and the sentences that are made of it.

Shapes: N events that train and that users want (positive ones), in the order of the log; M documents.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import polars as pl

from motet.data.dataset import Dataset
from motet.data.documents import Documents
from motet.data.text_parts import TEXT
from motet.data.timelines import Timelines
from motet.system.randomness import generator

ITEMS = "{items}"
PROMPTS = ("I bought {items}", "I just bought {items}", "what goes with {items}?", "I liked {items}")
BEFORE = 3  # items that a sentence names at most
LONGEST = 60  # letters of a title in a sentence


@dataclass(frozen=True)
class Taken:
    """Events that train, without anything of the users but who they are among each other.

    Args:
        user_N: A number for each user.
        item_N: Ids of the items.
        moment_N: A number for each moment of the log, not falling; those of one moment see nothing of each
            other.
        held: Ids of items that the log has and none of whose events trains.
    """

    user_N: np.ndarray
    item_N: pl.Series
    moment_N: np.ndarray
    held: pl.Series

    @classmethod
    def of(cls, dataset: Dataset) -> "Taken":
        """Those of a log: the positive events of the tasks that rank, of all events where no task does."""
        log, ids = dataset.log, dataset.catalogue.ids
        place_N = np.flatnonzero(follows_from(log))
        seen_I = np.bincount(log.item_N, minlength=len(dataset.catalogue)) > 0
        held_I = seen_I & ~dataset.catalogue.trained_I
        held_I[0] = False
        return cls(
            log.user_N[place_N],
            ids.gather(log.item_N[place_N] - 1),
            log.moment_N[place_N],
            ids.gather(np.flatnonzero(held_I) - 1),
        )

    def without_events(self) -> Self:
        """The same where no sentence is to be made of what users took."""
        return replace(self, user_N=self.user_N[:0], item_N=self.item_N[:0], moment_N=self.moment_N[:0])


def follows_from(log: Timelines) -> np.ndarray:
    """Events of which sentences and pairs are made, boolean ``(N,)``: training rows that somebody wanted.

    What a task that ranks takes for positive; every event where there is no such task.
    """
    wanted_N = np.logical_or.reduce(list(log.positive.values())) if log.positive else np.ones(len(log), bool)
    found: np.ndarray = wanted_N & log.train_N & (log.item_N > 0)
    return found


def prompts(
    documents: Documents, taken: Taken, learns_M: np.ndarray, templates: Sequence[str] | None, seed: int
) -> pl.DataFrame:
    """Sentences that name what a user took, and the item taken next; as many as items train, drawn by chance.

    Args:
        documents: The items.
        taken: What users took.
        learns_M: Items that queries may ask for and name, bool.
        templates: With ``{items}``; None: English ones, with "and" between two titles instead of a comma.
        seed: Of what is drawn.

    Returns:
        Columns ``@text`` and ``@number`` (place of the item).
    """
    number_N = _numbers(documents, taken.item_N)
    kept_N = (number_N >= 0) & learns_M[number_N]
    user_N, moment_N, number_N = taken.user_N[kept_N], taken.moment_N[kept_N], number_N[kept_N]
    first_N = _first_of(user_N)
    end_N = np.searchsorted(moment_N, moment_N)  # what lies before the row's moment
    target = np.flatnonzero(end_N > first_N)
    random = generator(seed, "sentences of what was taken")
    most = int(learns_M.sum())
    if len(target) > most:
        target = np.sort(random.choice(target, most, replace=False))
    titles, between = short_titles(documents), ", " if templates else " and "
    sentences, rows = list(templates or PROMPTS), []
    for row in target.tolist():
        count = int(random.integers(1, BEFORE + 1))
        named = number_N[max(first_N[row], end_N[row] - count) : end_N[row]]
        sentence = sentences[int(random.integers(len(sentences)))]
        filled = sentence.replace(ITEMS, between.join(titles[at] for at in named.tolist()))
        rows.append((filled, int(number_N[row])))
    return pl.DataFrame(rows, schema={TEXT: pl.String, "@number": pl.Int64}, orient="row")


def short_titles(documents: Documents) -> list[str]:
    """What a sentence calls each item: the beginning of its title, up to a whole word."""
    return [shortened(title) for title in documents.titles()[0]]


def shortened(title: str) -> str:
    """A title of at most `LONGEST` letters.

    >>> shortened("a " * 40)
    'a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a'
    """
    title = title.strip()
    if len(title) <= LONGEST:
        return title
    head = title[:LONGEST]
    return head[: head.rfind(" ")].rstrip(" ,;:-") if " " in head else head


def _numbers(documents: Documents, ids: pl.Series) -> np.ndarray:
    """Places of items among the documents, int64; -1 for one that is not there."""
    known = documents.item_M
    table = pl.DataFrame({"id": known.cast(pl.String), "number": np.arange(len(known))})
    wanted = ids.cast(pl.String).to_frame("id")
    return wanted.join(table, on="id", how="left", maintain_order="left")["number"].fill_null(-1).to_numpy()


def _first_of(user_N: np.ndarray) -> np.ndarray:
    """Place of the first event of each row's user, ``(N,)``; the rows of a user lie together."""
    new = np.ones(len(user_N), bool)
    new[1:] = user_N[1:] != user_N[:-1]
    first_N: np.ndarray = np.flatnonzero(new)[np.cumsum(new) - 1]
    return first_N
