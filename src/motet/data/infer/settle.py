"""Settles a log: who, what and when, and then the part of every other column."""

import polars as pl

from motet.data.infer.dependence import agreement
from motet.data.infer.events import Column, LogReader, LogRoles, split_values
from motet.data.infer.families import Log
from motet.data.infer.ids import Table
from motet.data.infer.people import is_first_the_user
from motet.data.infer.ratings import stars
from motet.data.readers_cells import is_list, parts
from motet.data.readers_times import time_in_ms


def settle(log: Log) -> LogRoles:
    """Find the part of every column of a log."""
    return _settle_lines(log) if log.list_column is not None else _settle_rows(log)


def _settle_rows(log: Log) -> LogRoles:
    time = _main_time(log.table)
    head = log.table.look.head
    moments = None
    if time is not None:
        moments = head.select(time_in_ms(time, head[time], "auto", log.table.name)).to_series()
    first, reason = is_first_the_user(log.table, log.first, log.second, moments, log.links)
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


def _main_time(table: Table) -> str | None:
    """The finest of the time columns; of two equally fine the earlier."""
    times = [
        profile for profile in table.profiles.values() if profile.kind == "time" and profile.missing < 0.2
    ]
    finest = max((profile.distinct for profile in times), default=0)
    fine = [profile for profile in times if profile.distinct >= 0.9 * finest]
    return min(fine, key=lambda profile: profile.low).name if fine else None


def _finish(roles: LogRoles) -> LogRoles:
    """One type, one split and one request column at most; the others are outcomes or left out."""
    for part in ("type", "split", "request"):
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
    time = _main_time(log.table)
    for name in log.table.profiles:
        if name not in (log.first, log.second):
            roles.columns[name] = _beside_list(log, name, time)
    return _finish(roles)


def _beside_list(log: Log, name: str, time: str | None) -> Column:
    profile, sample = log.table.profiles[name], log.table.look.sample
    if name == time:
        return Column(name, "time", "one moment for all items of the line")
    if profile.kind in ("list", "vector", "time"):
        return _other_list(log, name)
    if profile.kind == "word" and profile.distinct <= 4 and split_values(sample[name]):
        return Column(name, "split", f"its values are {', '.join(split_values(sample[name]).values())}")
    again = agreement(sample.sort(log.first), [log.first], name)
    if profile.distinct == log.table.profiles[log.first].distinct and (
        again.pairs == 0 or again.kappa > 0.99
    ):
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
    if log.table.profiles[name].kind == "time":
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
