"""Sentences that name items and users, made of the catalogue: what tags them is trained without any file."""

from pathlib import Path

import polars as pl

from motet.config.data import DataConfig, Source
from motet.config.tasks import Tagging
from motet.data.readers_cells import as_text
from motet.data.readers_raw import open_source
from motet.errors import DataError
from motet.system.randomness import generator

ITEM, USER = "Item", "User"
TEMPLATES = (
    "I liked {item}",
    "{item} was not for me.",
    "has anybody seen {item} yet?",
    "what comes near to {item}, but shorter?",
    "show me more like {item}",
    "is {item} still available",
    "{user} told me about {item}.",
    "{user} recommends {item} to everybody",
    "what did {user} think of {item}?",
    "{item} again? asked {user}",
    "I follow {user}",
    "ask {user}, not me",
    "what do you recommend?",
    "something new, please",
)
MOST = 20_000  # sentences
LONGEST = 200  # letters of a title

Made = tuple[str, list[tuple[str, int, int]]]
"""A sentence, and its spans in letters."""


def sentences(task: Tagging, data: DataConfig, folder: Path, seed: int) -> list[Made]:
    """A sentence for every item, with a user where its template names one.

    An item is named in one sentence alone, so that those that test name items that trained none.

    Raises:
        DataError: There is no title, or a template asks for users and the data names none.
    """
    templates = list(task.templates or TEMPLATES)
    random = generator(seed, f"sentences of {task.name}")
    titles = _titles(data, folder)
    users = _users(data, folder) if any("{user}" in each for each in templates) else []
    order = random.permutation(len(titles))[:MOST]
    drawn = random.integers(0, len(templates), len(order))
    told = random.integers(0, max(len(users), 1), len(order))
    return [
        filled(templates[template], {"item": titles[item], "user": users[user] if users else ""})
        for item, template, user in zip(order.tolist(), drawn.tolist(), told.tolist(), strict=True)
    ]


def filled(template: str, names: dict[str, str]) -> Made:
    """A template with its names, and where they stand.

    >>> filled("{user} liked {item}.", {"user": "anna", "item": "Heat"})
    ('anna liked Heat.', [('User', 0, 4), ('Item', 11, 15)])
    """
    text, spans, left = "", list[tuple[str, int, int]](), template
    while left:
        places = {kind: left.find("{" + kind + "}") for kind in ("item", "user")}
        known = {kind: place for kind, place in places.items() if place >= 0}
        if not known:
            return text + left, spans
        kind = min(known, key=lambda each: known[each])
        text += left[: known[kind]]
        spans.append((ITEM if kind == "item" else USER, len(text), len(text) + len(names[kind])))
        text += names[kind]
        left = left[known[kind] + len(kind) + 2 :]
    return text, spans


def _titles(data: DataConfig, folder: Path) -> list[str]:
    """Titles of the items: the first of their text columns, each once."""
    found = []
    for source in (each for each in data.items if each.text):
        raw = open_source(source, folder, "data.items")
        name = raw.need(source.text[0].column, "text")
        column = raw.frame.select(as_text(raw, name)).collect(engine="streaming")
        found.append(column[name].alias("title"))
    titles = (
        pl.concat(found).drop_nulls().unique(maintain_order=True) if found else pl.Series([], dtype=pl.String)
    )
    titles = titles.filter((titles.str.len_chars() > 0) & (titles.str.len_chars() <= LONGEST))
    if not len(titles):
        raise DataError("data.items: no item has a title to make sentences of; name text columns there.")
    return titles.to_list()


def _users(data: DataConfig, folder: Path) -> list[str]:
    """Ids of users, each once: of their own files, else of the log."""
    named: list[tuple[Source, str, str]] = [(each, each.id, "data.users") for each in data.users]
    named = named or [(each, each.user, "data.events") for each in data.events]
    found = []
    for source, column, part in named:
        raw = open_source(source, folder, part)
        raw.need(column, "id" if part == "data.users" else "user")
        ids = raw.frame.select(pl.col(column).cast(pl.String).unique()).collect(engine="streaming")
        found.append(ids[column].alias("user"))
    users = pl.concat(found).drop_nulls().unique().sort() if found else pl.Series([], dtype=pl.String)
    if not len(users):
        raise DataError(
            "tasks: templates name {user}, and the data names none; declare  data.users , or write templates "
            "without it."
        )
    return users.to_list()
