"""Queries made of a catalogue: what somebody might type who looks for an item.

A query is some words of an item's title, in their order or not, a run of them, a category with words of the
title, or a category alone, for which all items that have it are right. Now and then a word is mistyped.
Shapes: M items.
"""

import re
import string
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from motet.data.documents import Documents
from motet.data.fingerprint import fingerprint
from motet.data.text_parts import TEXT
from motet.system.randomness import derived_seed

NUMBER, PIECE, TURN = "@number", "@piece", "@turn"
WORDS = "{words}"
COMMON = (0.1, 20)  # a category that more than this share of the items has, and so many, says too little
LETTERS = 40  # of a category at most
SLIPS = 0.2  # share of queries with a mistyped word
KEPT = (0.3, 0.7)  # share of a title's words that a query keeps, from and to
RUN = 5  # words of a run at most
BESIDE = 3  # words beside a category at most
WORDS_OF_ONE = 6  # words of a category at most, where prose could stand too
TOLD = 0.9  # share of the cells of a text column that are made of short parts, where it is one of categories
_BETWEEN = re.compile(r"\s*[>|;•]+\s*")  # between the categories of one cell
_LISTED = re.compile(r"\s*[/,]+\s*")  # the same where no such sign stands there
_EDGES = "\"'()[]{}<>.,;:!?*|/\\-–—“”„’"
_AROUND = _EDGES + string.whitespace
_NAMING = ("text", "categorical")  # kinds of columns
_ALONE = re.compile("([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff])")  # characters that are words


@dataclass(frozen=True)
class Fields:
    """What queries for the items are made of.

    Args:
        unit_M: Words of each title; of scripts without blanks its characters.
        piece_M: Categories of each item.
    """

    unit_M: Sequence[list[str]]
    piece_M: Sequence[list[str]]


def fields_of(documents: Documents) -> Fields:
    """Titles are an item's first text; categories stand in its others and in columns of categories."""
    title_M, column_M = documents.titles()
    unit_M = [units(title) or units(text) for title, text in zip(title_M, documents.text_M, strict=True)]
    found_M: list[list[str]] = [[] for _ in title_M]
    of_categories = {each.name for each in documents.features if each.kind == "categorical"}
    named = [each.name for kind in _NAMING for each in documents.features if each.kind == kind]
    for name in dict.fromkeys(named):
        cells = documents.table[name].to_list()
        if name in of_categories:
            told = [pieces(cell) for cell in cells]
        else:
            told = pieces_of_texts(
                [None if name == mine else cell for cell, mine in zip(cells, column_M, strict=True)]
            )
        for found, more in zip(found_M, told, strict=True):
            found.extend(more)
    found_M = [list(dict.fromkeys(found)) for found in found_M]
    had = Counter(piece.casefold() for found in found_M for piece in found)
    most = max(COMMON[0] * len(found_M), COMMON[1])
    return Fields(
        unit_M, [[piece for piece in found if 2 <= had[piece.casefold()] <= most] for found in found_M]
    )


def units(text: str) -> list[str]:
    """Words of a title without the signs at their edges; of scripts without blanks the characters.

    >>> units("Nail Polish (6 Pack), neon"), units("防晒霜 50ml")
    (['Nail', 'Polish', '6', 'Pack', 'neon'], ['防', '晒', '霜', '50ml'])
    """
    bare = (word.strip(_EDGES) for word in text.split())
    return [each for word in bare for each in _ALONE.split(word) if each]


def joined(several: Sequence[str]) -> str:
    """Words with blanks between them, but for neighbouring characters of scripts that have none.

    >>> joined(["防", "晒", "50ml"])
    '防晒 50ml'
    """
    said = ""
    for each in several:
        close = said and _ALONE.fullmatch(said[-1]) and _ALONE.fullmatch(each[0])
        said += each if not said or close else f" {each}"
    return said


def pieces(cell: object) -> list[str]:
    """Categories of a cell: parts of a list, or of a text between signs such as > and |; long ones are none.

    Where such a sign stands in it, a comma is part of a name.

    >>> pieces("Beauty > Wigs, Curls > Shampoos"), pieces("Action, Crime")
    (['Beauty', 'Wigs, Curls', 'Shampoos'], ['Action', 'Crime'])
    """
    return [part for part in _parts(cell) if len(part) <= LETTERS]


def pieces_of_texts(cells: Sequence[object]) -> list[list[str]]:
    """The same for the cells of a text column, of which prose has none.

    A column of which nearly all cells are made of short parts is one of categories. Of another column a cell
    counts that is a list or has such a sign, and short parts alone.

    >>> pieces_of_texts(["Rain, however, fell on all the houses of the town", "red; warm", ["wool"], None])
    [[], ['red', 'warm'], ['wool'], []]
    """
    part_M = [_parts(cell) for cell in cells]
    short_M = [bool(parts) and all(_is_short(part) for part in parts) for parts in part_M]
    filled = sum(bool(parts) for parts in part_M)
    whole = sum(short_M) >= TOLD * filled
    return [
        parts if short and (whole or isinstance(cell, list) or _BETWEEN.search(str(cell))) else []
        for cell, parts, short in zip(cells, part_M, short_M, strict=True)
    ]


def _parts(cell: object) -> list[str]:
    """Parts of a cell without the signs at their edges."""
    text = "" if cell is None else str(cell)
    signs = _BETWEEN if _BETWEEN.search(text) else _LISTED
    parts = cell if isinstance(cell, list) else signs.split(text)
    bare = (str(part).strip(_AROUND) for part in parts if part is not None)
    return [part for part in bare if part]


def _is_short(part: str) -> bool:
    return len(part) <= LETTERS and len(part.split()) <= WORDS_OF_ONE


def made_of(
    documents: Documents, count: int, templates: Sequence[str], seed: int
) -> tuple[pl.DataFrame, Mapping[str, list[int]]]:
    """Queries of every item.

    Args:
        documents: The items.
        count: Queries of each.
        templates: With ``{words}``.
        seed: What an item is asked by follows from it and the item's id alone.

    Returns:
        Columns ``@text``, ``@number`` (place of the item), ``@turn`` (which of its queries, from 0) and
        ``@piece`` (the category that the query is and nothing else; null where it is more); and the places of
        the items that have each category, by what `piece_key` says of it.
    """
    fields = fields_of(documents)
    draws = fingerprint(documents.item_M.cast(pl.String), derived_seed(seed, "queries of items"))
    rows: list[tuple[str, int, int, str | None]] = []
    for number, own in enumerate(draws.tolist()):
        random = np.random.default_rng(own)
        made = _queries(fields.unit_M[number], fields.piece_M[number], count, random)
        for turn, (words, piece) in enumerate(made):
            template = templates[int(random.integers(len(templates)))]
            rows.append((template.replace(WORDS, words), number, turn, piece))
    having: dict[str, list[int]] = {}
    for number, mine in enumerate(fields.piece_M):
        for piece in {piece_key(each) for each in mine}:
            having.setdefault(piece, []).append(number)
    schema = {TEXT: pl.String, NUMBER: pl.Int64, TURN: pl.Int64, PIECE: pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row"), having


def piece_key(piece: str) -> str:
    """What categories have in common that are the same but for case."""
    return piece.casefold()


def _queries(
    own: list[str], categories: list[str], count: int, random: np.random.Generator
) -> Iterator[tuple[str, str | None]]:
    """Words of some queries for an item, each of another sort where there are so many; and the category."""
    characters = sum(len(each) == 1 and bool(_ALONE.match(each)) for each in own) > len(own) / 2
    sorts = [] if not own else ["run"] if characters else ["run", "some"]
    sorts += ["piece", *(["both"] if own else [])] if categories else []
    order = [sorts[at] for at in random.permutation(len(sorts))]
    for turn in range(count if sorts else 0):
        piece = categories[int(random.integers(len(categories)))] if categories else ""
        match order[turn % len(order)]:
            case "run":
                found = _run(own, 2 * RUN if characters else RUN, random)
            case "some":
                found = _some(own, random)
            case "both":
                found = [*units(piece), *_run_or_some(own, characters=characters, random=random)]
            case _:
                yield _cased(piece, random), piece_key(piece)
                continue
        yield _cased(joined(_mistyped(found, random)), random), None


def _run(own: list[str], most: int, random: np.random.Generator) -> list[str]:
    length = int(random.integers(1, min(len(own), most) + 1))
    begin = int(random.integers(len(own) - length + 1))
    return own[begin : begin + length]


def _some(own: list[str], random: np.random.Generator) -> list[str]:
    """Some words, in any order half of the time; two at least where there are two."""
    share = random.uniform(*KEPT)
    places = np.flatnonzero(random.random(len(own)) < share)
    if len(places) < min(2, len(own)):
        places = np.sort(random.choice(len(own), min(2, len(own)), replace=False))
    if random.random() < 0.5:
        places = random.permutation(places)
    return [own[at] for at in places.tolist()]


def _run_or_some(own: list[str], *, characters: bool, random: np.random.Generator) -> list[str]:
    """What stands beside a category: a run of characters, or a few words."""
    if characters:
        return _run(own, RUN, random)
    count = min(len(own), int(random.integers(1, BESIDE + 1)))
    return [own[at] for at in np.sort(random.choice(len(own), count, replace=False)).tolist()]


def _mistyped(own: list[str], random: np.random.Generator) -> list[str]:
    """The same, now and then with a slip in one of the longer words."""
    long = [at for at, word in enumerate(own) if len(word) > 3 and word.isalpha()]
    if not long or random.random() >= SLIPS:
        return own
    at = long[int(random.integers(len(long)))]
    return [*own[:at], slip(own[at], random), *own[at + 1 :]]


def slip(word: str, random: np.random.Generator) -> str:
    """A longer word with one of its letters left out, doubled, changed, or in its neighbour's place."""
    at = int(random.integers(1, len(word) - 1))
    match int(random.integers(4)):
        case 0:
            return word[:at] + word[at + 1 :]
        case 1:
            return word[: at + 1] + word[at:]
        case 2:
            return word[:at] + word[int(random.integers(len(word)))] + word[at + 1 :]
        case _:
            return word[:at] + word[at + 1] + word[at] + word[at + 2 :]


def _cased(text: str, random: np.random.Generator) -> str:
    return text.lower() if random.random() < 0.5 else text
