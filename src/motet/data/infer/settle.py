"""Settles a log: who, what and when, and then the part of every other column."""

import polars as pl

from motet.data.infer.dependence import agreement
from motet.data.infer.events import Column, LogReader, LogRoles, split_values
from motet.data.infer.families import Log, main_time
from motet.data.infer.ids import Table
from motet.data.infer.people import is_first_the_user
from motet.data.infer.profile import profile as look_closely
from motet.data.infer.ratings import stars
from motet.data.readers_cells import is_list, parts
from motet.data.readers_times import time_in_ms


def settle(log: Log, user: str | None = None) -> LogRoles:
    """Find the part of every column of a log; `user` says which is the user when that is known."""
    return _settle_lines(log) if log.list_column is not None else _settle_rows(log, user)


def _settle_rows(log: Log, known: str | None) -> LogRoles:
    time = main_time(log.table)
    head = log.table.look.head
    moments = None
    if time is not None:
        moments = head.select(time_in_ms(time, head[time], "auto", log.table.name)).to_series()
    first, reason = is_first_the_user(log.table, log.first, log.second, moments, log.links)
    if known is not None:
        first, reason = known == log.first, "its values are those of the other log's users"
    user, item = (log.first, log.second) if first else (log.second, log.first)
    roles = LogRoles(log, user, item, reason)
    reader = LogReader(log, user, item, time)
    for name, profile in log.table.profiles.items():
        if name == time:
            roles.columns[name] = Column(name, "time", "moments, of which it has the most different ones")
            roles.time_unit = profile.unit
        elif name not in (user, item):
            roles.columns[name] = reader.read(name, profile)
    return _finish(roles)


def _finish(roles: LogRoles) -> LogRoles:
    """One type, one split and one request column at most; the others are outcomes or left out."""
    for part in ("type", "split", "request", "order"):
        for extra in roles.of(part)[1:]:
            reason = f"{roles.of(part)[0].name} is taken as the {part}"
            roles.columns[extra.name] = Column(extra.name, "ignore", reason)
    split = roles.one("split")
    if split is not None:
        roles.split_values = split_values(roles.log.table.look.sample[split.name])
    return roles


def _settle_lines(log: Log) -> LogRoles:
    """The columns beside a list of items: one value for the line, or lists as long as that of the items."""
    roles = LogRoles(log, log.first, log.second, f"a line is one {log.first}")
    time = main_time(log.table)
    for name in log.table.profiles:
        if name not in (log.first, log.second):
            roles.columns[name] = _beside_list(log, name, time)
    return _finish(roles)


def _beside_list(log: Log, name: str, time: str | None) -> Column:
    found, sample = log.table.profiles[name], log.table.look.sample
    if name == time:
        return Column(name, "time", "one moment for all items of the line")
    if found.kind in ("list", "vector", "time"):
        return _other_list(log, name)
    if found.kind == "word" and found.distinct <= 4 and split_values(sample[name]):
        return Column(name, "split", f"its values are {', '.join(split_values(sample[name]).values())}")
    again = agreement(sample.sort(log.first), [log.first], name)
    if found.distinct == log.table.profiles[log.first].distinct and (again.pairs == 0 or again.kappa > 0.99):
        kind = (
            f"a second numbering of {log.first}"
            if name in log.table.keys or again.pairs
            else "it names the line"
        )
        return Column(name, "ignore", kind)
    return Column(name, "ignore", "one value for the whole line, not for an event")


def _other_list(log: Log, name: str) -> Column:
    """Another list: it belongs to the items when it is as long as theirs in every line."""
    lengths = [_lists(log.table, each).list.len().fill_null(0) for each in (name, log.second)]
    if not (lengths[0] == lengths[1]).all():
        return Column(name, "ignore", f"lists of another length than {log.second}")
    values = _lists(log.table, name).explode().drop_nulls()
    if look_closely(values).kind == "time":
        return Column(name, "time", f"as long as {log.second}: when each item was met")
    scale = stars(values)
    if scale is not None:
        return Column(name, "outcome", f"as long as {log.second}: a rating of each item", "stars", scale)
    return Column(name, "outcome", f"as long as {log.second}: a value for each item", "category")


def _lists(table: Table, name: str) -> pl.Series:
    column = table.look.sample[name]
    if is_list(column.dtype):
        return column
    sign = table.profiles[name].separator or " "
    return column.to_frame().select(parts(pl.col(name), sign)).to_series()
