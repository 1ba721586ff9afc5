"""Queries for items, written from a catalogue: which items are held out, and what is asked for them.

Everything follows from a seed. The programs that train read none of it but the column that says which items
are held out.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from motet.data.catalogue import shuffled_ids

SHARE = 0.1  # of the items, held out to test, and as many to validate
CATEGORIES = 0.025  # of the items, held out with their whole category, within that share
SIZES = (5, 100)  # items of a category that may be held out
KINDS = ("category", "words", "paraphrase", "mistyped")
_WORD = re.compile(r"[\w']+")


@dataclass(frozen=True)
class Shop:
    """A catalogue.

    Args:
        ids: Of the items.
        titles: Their titles.
        categories: The narrowest categories of each.
        inner: Names of categories that have others in them.
    """

    ids: Sequence[int]
    titles: Sequence[str]
    categories: Sequence[Sequence[str]]
    inner: frozenset[str]

    def words(self, item: int) -> list[str]:
        """Words of a title, in small letters."""
        return _WORD.findall(self.titles[item].lower())


def held_out(shop: Shop, seed: int) -> tuple[list[str], dict[str, list[str]]]:
    """The part of each item, and the categories that are held out as a whole, by part.

    No item of such a category is in another part, so nobody trains with its name as its narrowest category.
    """
    random = np.random.default_rng([seed, 0])
    having: dict[str, list[int]] = {}
    for item, several in enumerate(shop.categories):
        for name in dict.fromkeys(several):
            having.setdefault(name, []).append(item)
    part = ["train"] * len(shop.ids)
    whole: dict[str, list[str]] = {"test": [], "valid": []}
    count = round(SHARE * len(shop.ids))
    for side, names in whole.items():
        taken = 0
        for name in random.permutation(sorted(having)).tolist():
            items = having[name]
            fits = SIZES[0] <= len(items) <= SIZES[1] and taken + len(items) <= CATEGORIES * len(shop.ids)
            fits = fits and name not in shop.inner
            if fits and all(part[item] == "train" for item in items):
                names.append(name)
                taken += len(items)
                for item in items:
                    part[item] = side
        left = [item for item in random.permutation(len(shop.ids)).tolist() if part[item] == "train"]
        for item in left[: count - taken]:
            part[item] = side
    return part, whole


def queries(shop: Shop, part: Sequence[str], whole: Sequence[str], side: str, seed: int) -> pl.DataFrame:
    """What is asked for the items of a part.

    Args:
        shop: The catalogue.
        part: Of each item.
        whole: Categories that are held out as a whole in this part.
        side: The part.
        seed: Of what is drawn.

    Returns:
        Columns ``kind``, ``query``, ``items`` (all that are right: places in the catalogue).
    """
    random = np.random.default_rng([seed, 1, ("valid", "test").index(side)])
    rows: list[tuple[str, str, list[int]]] = []
    for name in whole:
        right = [item for item, several in enumerate(shop.categories) if name in several]
        rows.append(("category", name.lower(), right))
    for item in (each for each, mine in enumerate(part) if mine == side):
        words = shop.words(item)
        if not words:
            continue
        rows.append(
            ("words", " ".join([shop.categories[item][0].lower(), *_drawn(words, 2, random)]), [item])
        )
        kept = [word for word in words if random.random() < 1 / 3]
        kept = kept if len(kept) > 1 else _drawn(words, 2, random, least=2)
        order = random.permutation(len(kept)).tolist()
        told = [kept[at] for at in order]
        rows.append(("paraphrase", " ".join(told), [item]))
        rows.append(("mistyped", " ".join(mistyped(told, random)), [item]))
    found = pl.DataFrame(
        rows, schema={"kind": pl.String, "query": pl.String, "items": pl.List(pl.Int64)}, orient="row"
    )
    same = found.group_by("kind", "query", maintain_order=True).agg(
        pl.col("items").list.explode(keep_nulls=False, empty_as_null=False).unique().sort()
    )
    return same  # a query that was written for two items asks for both


def _drawn(words: Sequence[str], most: int, random: np.random.Generator, least: int = 1) -> list[str]:
    """Some words in the order of the title."""
    count = min(len(words), int(random.integers(least, most + 1)))
    return [words[at] for at in np.sort(random.choice(len(words), count, replace=False)).tolist()]


def mistyped(words: Sequence[str], random: np.random.Generator) -> list[str]:
    """The same with a slip in a longer word: a letter left out, doubled or changed, or two swapped."""
    long = [at for at, word in enumerate(words) if len(word) > 3]
    if not long:
        return list(words)
    at = long[int(random.integers(len(long)))]
    return [*words[:at], _slip(words[at], random), *words[at + 1 :]]


def _slip(word: str, random: np.random.Generator) -> str:
    at = int(random.integers(1, len(word) - 1))
    other = chr(ord("a") + int(random.integers(26)))
    return [
        word[:at] + word[at + 1 :],
        word[:at] + word[at] + word[at:],
        word[:at] + other + word[at + 1 :],
        word[:at] + word[at + 1] + word[at] + word[at + 2 :],
    ][int(random.integers(4))]


@dataclass(frozen=True)
class Catalogue:
    """A catalogue as a table, what is read of it, and what queries are written from."""

    items: pl.DataFrame
    text: list[str]
    shop: Shop

    def documents(self) -> list[str]:
        """What is read of each item, as ours has it: its columns of text, joined."""
        rows = zip(*(self.items[name].fill_null("").to_list() for name in self.text), strict=True)
        return [". ".join(cell.strip() for cell in row if cell.strip()) for row in rows]


def shuffled(items: pl.DataFrame) -> pl.DataFrame:
    """Items in the order of a seeded hash of their ids, so that no tie goes by the place in a file."""
    return shuffled_ids(items["item_id"], 0).to_frame().join(items, on="item_id", maintain_order="left")


def beauty(data: Path) -> Catalogue:
    """Amazon Beauty: title and categories; the narrowest category of each path."""
    place = data / "amazon-beauty-2014" / "items.tsv.gz"
    items = shuffled(pl.read_csv(place, separator="\t", quote_char=None))
    cells = [each.split(" || ") for each in items["categories"].to_list()]
    paths = [[[level.strip() for level in path.split(" > ")] for path in several] for several in cells]
    inner = frozenset(level for several in paths for path in several for level in path[:-1])
    narrow = [[path[-1] for path in several] for several in paths]
    shop = Shop(items["item_id"].to_list(), items["title"].to_list(), narrow, inner)
    return Catalogue(items, ["title", "categories"], shop)


def movies(data: Path) -> Catalogue:
    """MovieLens-100K: title, genres and plot; words are those of title and plot, no genre is held out."""
    place = data / "ml-100k" / "item_metadata.jsonl.gz"
    lines = shuffled(pl.read_ndjson(place, infer_schema_length=None))
    items = lines.select("item_id", "title", "genre", "plot").with_columns(
        pl.col("title").fill_null(lines["ml_title"])
    )
    genres = [(each or "film").split(", ") for each in items["genre"].to_list()]
    told = (items["title"] + " " + items["plot"].fill_null("")).to_list()
    inner = frozenset(name for several in genres for name in several)
    return Catalogue(items, ["title", "genre", "plot"], Shop(items["item_id"].to_list(), told, genres, inner))


CATALOGUES = {"beauty": beauty, "ml100k": movies}
