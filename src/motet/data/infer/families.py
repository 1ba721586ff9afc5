"""What each file is: a log, sequences, a catalogue, a list of users, or something that is not used yet."""

from dataclasses import dataclass, field

import polars as pl

from motet.data.infer import words
from motet.data.infer.dependence import settles
from motet.data.infer.figures import mean, middle, number
from motet.data.infer.ids import Link, Table, as_table, best_links, id_columns, is_id_like, link, list_columns
from motet.data.infer.look import Look
from motet.data.infer.pieces import lay_parts_together
from motet.data.infer.ratings import stars
from motet.data.readers_sequences import USER_IS_LINE
from motet.data.readers_times import time_in_ms

_SHORT_RELATION = 500


def main_time(table: Table) -> str | None:
    """The finest of the time columns; of two equally fine the earlier."""
    times = [
        profile for profile in table.profiles.values() if profile.kind == "time" and profile.missing < 0.2
    ]
    finest = max((profile.distinct for profile in times), default=0)
    fine = [profile for profile in times if profile.distinct >= 0.9 * finest]
    return min(fine, key=lambda profile: profile.low).name if fine else None


@dataclass
class Log:
    """A file of events, with the two columns that name who and what (their order not yet settled)."""

    table: Table
    first: str
    second: str
    links: dict[str, Link | None]
    """Column -> the key of another file that it points to."""
    list_column: str | None = None
    """Of sequences: the column with the lists; it is also `second`."""
    reasons: list[str] = field(default_factory=list)

    @property
    def events(self) -> int:
        """How many events it has, about."""
        if self.list_column is None:
            return self.table.look.rows
        profile = self.table.profiles[self.list_column]
        return int(profile.tokens * self.table.look.rows / max(self.table.look.sample.height, 1))


@dataclass
class Families:
    """Files by what they are."""

    logs: list[Log] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    """Files with one row for each of something."""
    unused: dict[str, str] = field(default_factory=dict)
    """File name -> why it is left out."""


def sort_files(looks: list[Look]) -> Families:
    """Find out what each file is."""
    found = Families()
    together, found.unused = lay_parts_together(looks)
    tables = [as_table(look) for look in together]
    rest = [table for table in tables if not _set_aside(table, tables, found)]
    for table in list(rest):
        log = _sequences(table, rest)
        if log is not None:
            found.logs.append(log)
            rest.remove(table)
    pointed_at = _pointed_at(rest, found.logs)
    for table in list(rest):
        log = None if id(table) in pointed_at else _rows(table, rest)
        if log is not None:
            found.logs.append(log)
            rest.remove(table)
    found.tables = rest
    found.logs.sort(key=lambda log: (log.list_column is not None, not _speaks_of_users(log), -log.events))
    return found


def _speaks_of_users(log: Log) -> bool:
    """Among files of lines whose users are not named, the one called users is meant."""
    return log.first != USER_IS_LINE or words.speaks_of(log.table.look.paths[0].name, words.USER)


def _set_aside(table: Table, tables: list[Table], found: Families) -> bool:
    """Triples of a knowledge graph, and files that only translate one numbering into another."""
    columns = list(table.profiles)
    if len(tables) > 1 and _are_triples(table, columns):
        found.unused[table.name] = "triples (head, relation, tail) of a knowledge graph: not used yet"
        return True
    if len(tables) > 1 and len(columns) == 2 and _is_map(table, columns):
        found.unused[table.name] = f"it only maps {columns[0]} to {columns[1]}, one to one: not used yet"
        return True
    return False


def _are_triples(table: Table, columns: list[str]) -> bool:
    if len(columns) != 3:
        return False
    kinds = [table.profiles[name] for name in columns]
    if any(each.kind not in ("word", "code", "integer") for each in kinds):
        return False
    if kinds[1].distinct > min(_SHORT_RELATION, kinds[0].distinct, kinds[2].distinct):
        return False
    heads, tails = table.values(columns[0]), table.values(columns[2])
    shared = heads.is_in(tails.implode()).sum() / min(len(heads), len(tails))
    return shared > (0.05 if kinds[0].kind != "integer" else 0.5)


def _is_map(table: Table, columns: list[str]) -> bool:
    if not set(columns) <= set(table.keys):
        return False
    coded = [mean(table.values(name).head(1_000).str.contains(r"\d")) for name in columns]
    return all(table.profiles[name].kind in ("integer", "code") for name in columns) and min(coded) > 0.5


def _sequences(table: Table, others: list[Table]) -> Log | None:
    """A file with a list of ids in each row, when the lists are what somebody did."""
    lists = [name for name in list_columns(table) if _may_be_ids(table, name)]
    linked = {name: best_links(table, name, others)[:1] for name in lists}
    lists = [name for name in lists if linked[name]] or [name for name in lists if _is_long(table, name)]
    users = _users_of_lines(table)
    if not lists or not users:
        return None
    longest = max(lists, key=lambda name: table.profiles[name].tokens)
    target = linked[longest][0] if linked[longest] else None
    if target and any(link(table, name, target.table, target.key).overlap > 0.8 for name in table.keys):
        return None  # lists of items beside an item: alike or bought together
    user = users[0]
    to = [
        found
        for found in best_links(table, user, others)
        if target is None or found.table is not target.table
    ]
    others_too = [name for name in lists if name != longest]
    reasons = [f"{longest} holds lists of ids" + (f" of {target.table.name}" if target else "")]
    if others_too:
        reasons.append(f"it is the longest of the lists ({', '.join([longest, *others_too])})")
    return Log(table, user, longest, {user: to[0] if to else None, longest: target}, longest, reasons)


def _may_be_ids(table: Table, name: str) -> bool:
    """Whether values are whole numbers, or single words with digits."""
    profile = table.profiles[name]
    values = table.values(name).head(1_000)
    return profile.whole or mean(values.str.contains(r"^[!-~]*\d[!-~]*$")) > 0.8


def _is_long(table: Table, name: str) -> bool:
    profile = table.profiles[name]
    textual = any(each.kind == "text" for each in table.profiles.values())
    return not textual and profile.tokens >= 2 * profile.count and profile.distinct >= 20


def _users_of_lines(table: Table) -> list[str]:
    """Columns that name the user of a line: a key, or ids that come again a few times (once a split)."""
    scalar = [
        name for name, each in table.profiles.items() if each.kind in ("integer", "code", "word", "text")
    ]
    again = [
        n
        for n in scalar
        if n not in table.keys and table.profiles[n].repeats <= 5 and table.profiles[n].distinct > 2
    ]
    return [n for n in table.keys if table.profiles[n].kind != "text"] + again


def _pointed_at(tables: list[Table], logs: list[Log]) -> set[int]:
    """Files whose key is where the ids of another file lie: catalogues and lists of users."""
    found = {id(each.table) for log in logs for each in log.links.values() if each is not None}
    for table in tables:
        for name in id_columns(table):
            links = best_links(table, name, tables)
            found |= {id(each.table) for each in links if each.overlap >= 0.5 * links[0].overlap}
    return found


def _rows(table: Table, others: list[Table]) -> Log | None:
    """A log with one event a row, when two columns name who and what."""
    candidates = [name for name in id_columns(table) if is_id_like(table, name)]
    candidates = _without_functions(table, candidates)
    links = _one_file_each(table, candidates, others)
    ranked = sorted(
        candidates, key=lambda name: (links[name] is not None, *_likeness(table, name)), reverse=True
    )
    pair = ranked[:2]
    if len(pair) < 2:
        return None
    if (
        table.keys
        and not any(links[name] for name in pair)
        and not all(_may_be_ids(table, name) for name in pair)
    ):
        return None  # a catalogue whose columns are names, not ids
    first, second = (name for name in table.profiles if name in pair)
    return Log(
        table,
        first,
        second,
        {name: links[name] for name in pair},
        None,
        [f"{first} and {second} come in pairs"],
    )


def _without_functions(table: Table, candidates: list[str]) -> list[str]:
    """Leave out what another candidate settles (the author of an item, the user of a session)."""
    kept = list(candidates)
    for name in sorted(candidates, key=lambda each: table.profiles[each].distinct):
        finer = [each for each in kept if each != name and _is_finer(table, each, name)]
        by = next((each for each in finer if settles(table.look.head, each, name)), None)
        if len(kept) > 2 and by is not None:
            kept.remove(by if _is_sitting(table, by) else name)
    return kept


def _is_sitting(table: Table, name: str) -> bool:
    """Whether the rows of a value lie close together in time: a session or request, no item or user."""
    time = main_time(table)
    head = table.look.head
    if time is None:
        return words.speaks_of(name, words.SESSION)
    moments = head.select(pl.col(name), time_in_ms(time, head[time], "auto", table.name).alias("@t"))
    spans = moments.group_by(name).agg(n=pl.len(), span=pl.col("@t").max() - pl.col("@t").min())
    several = spans.filter(pl.col("n") > 1)["span"]
    whole = number(moments["@t"].max()) - number(moments["@t"].min())
    return len(several) >= 10 and middle(several) < 0.02 * whole


def _is_finer(table: Table, first: str, second: str) -> bool:
    """More values, or as many and further left."""
    here, there = table.profiles[first].distinct, table.profiles[second].distinct
    columns = list(table.profiles)
    return here > there or (here == there and columns.index(first) < columns.index(second))


def _likeness(table: Table, name: str) -> tuple[bool, bool, float]:
    """How much a column without a file of its own looks like ids: no stars, a telling name, many values.

    A telling name makes up for 5 times, letters (quantities have none) for 3 times as many values; an id is
    hardly ever missing.
    """
    profile = table.profiles[name]
    told = words.speaks_of(name, words.USER) or words.speaks_of(name, words.ITEM)
    named = told or "id" in words.pieces(name)
    rated = stars(table.look.sample[name]) is not None
    weight = (5.0 if named else 1.0) * (3.0 if profile.kind != "integer" else 1.0)
    weight /= 10.0 if profile.missing > 0.01 else 1.0
    return not rated, told and profile.distinct < 30, weight * profile.distinct


def _one_file_each(table: Table, candidates: list[str], others: list[Table]) -> dict[str, Link | None]:
    """Give each file with a key to the column that fits it best; a column whose files are taken has none."""
    offers = [found for name in candidates for found in best_links(table, name, others)]
    links: dict[str, Link | None] = dict.fromkeys(candidates)
    taken: set[int] = set()
    for found in sorted(offers, key=lambda each: (each.overlap, each.column == each.key), reverse=True):
        if links[found.column] is None and id(found.table) not in taken:
            links[found.column] = found
            taken.add(id(found.table))
    return links
