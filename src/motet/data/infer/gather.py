"""From files to findings: logs with their roles, their catalogues and users, and what is left out."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl

from motet.data.infer import words
from motet.data.infer.events import LogRoles
from motet.data.infer.families import Families, sort_files
from motet.data.infer.features import Described, describe_items, describe_users
from motet.data.infer.figures import mean
from motet.data.infer.ids import Link, Table, is_id_like, link
from motet.data.infer.look import Look, Unread, look_at
from motet.data.infer.profile import profiles
from motet.data.infer.settle import settle
from motet.data.readers_cells import is_list, parts
from motet.data.readers_sequences import USER_IS_LINE
from motet.errors import DataError


@dataclass
class Findings:
    """Everything that was found out about the files."""

    logs: list[LogRoles]
    items: list[Described] = field(default_factory=list)
    users: list[Described] = field(default_factory=list)
    unused: dict[str, str] = field(default_factory=dict)
    """File -> why it is left out."""
    unread: dict[Path, str] = field(default_factory=dict)
    """Those of them that could not be read."""
    separate_kinds: bool = False
    """The catalogues hold different items: each is a kind of its own."""

    @property
    def main(self) -> LogRoles:
        """The log that the tasks learn from."""
        return self.logs[0]


def gather(files: Sequence[Path]) -> Findings:
    """Look at all files and settle what each is.

    Raises:
        DataError: None of them is a log.
    """
    found = _gather(files, {})
    names = _better_names(found)
    if not names:
        return found
    alone = [path for path in files if [each.name for each in files].count(path.name) == 1]
    again = _gather([path for path in files if path not in alone or path.name not in found.unused], names)
    again.unused = found.unused | again.unused
    again.unread = found.unread | again.unread
    return again


def _gather(files: Sequence[Path], names: dict[Path, list[str]]) -> Findings:
    looks = [look_at(path, names.get(path)) for path in files]
    unread = {look.path.name: look.reason for look in looks if isinstance(look, Unread)}
    families = sort_files([look for look in looks if isinstance(look, Look)])
    if not families.logs:
        raise DataError(_no_log(families, unread))
    found = Findings([settle(log) for log in families.logs], unused={**unread, **families.unused})
    found.unread = {look.path: look.reason for look in looks if isinstance(look, Unread)}
    _keep_related_logs(found)
    _describe(found, families.tables)
    _describe_from_log(found)
    return found


def _no_log(families: Families, unread: dict[str, str]) -> str:
    said = [
        f"{table.name}: {', '.join(table.profiles)} (no two columns that name users and items)"
        for table in families.tables
    ]
    said += [f"{name}: {reason}" for name, reason in (unread | families.unused).items()]
    return (
        "no log of events was found among the files. A log has a row for each event with a column that names"
        " the user and one that names the item, or a line for each user with a list of items. Found: "
        + "; ".join(said)
    )


def _better_names(found: Findings) -> dict[Path, list[str]]:
    """Names for the columns of files that do not name them: what they turned out to be."""
    meant: list[tuple[Look, dict[str, str]]] = []
    for roles in found.logs:
        known = {roles.user: "user", roles.item: "item"}
        known |= {column.name: "rating" for column in roles.of("outcome") if column.shape == "stars"}
        known |= {column.name: part for part in ("time", "type", "split") for column in roles.of(part)[:1]}
        meant.append((roles.log.table.look, known))
    meant += [(each.table.look, _names_of_items(each)) for each in found.items if each.only is None]
    meant += [(each.table.look, {each.key: "user"}) for each in found.users if each.only is None]
    return {
        path: [known.get(name, name) for name in look.raw.schema]
        for look, known in meant
        if look.settings.get("header") is False
        for path in look.paths
    }


def _names_of_items(described: Described) -> dict[str, str]:
    known = {described.key: "item"}
    if described.time is not None:
        known[described.time] = "time"
    profiles = described.table.profiles
    texts = [choice.column for choice in described.of("text") if profiles[choice.column].kind == "text"]
    return known | {name: "title" for name in sorted(texts, key=lambda name: profiles[name].words)[:1]}


def _keep_related_logs(found: Findings) -> None:
    """Other logs must speak of the same users and items as the main one, and know times where it does."""
    main, kept = found.main, [found.main]
    for other in found.logs[1:]:
        other = _turned(other, main)
        users = _contained(other.log.table.values(other.user), main.log.table.values(main.user))
        items = _contained(other.log.table.values(other.item), main.log.table.values(main.item))
        timed = (main.one("time") is None) == (other.one("time") is None)
        if USER_IS_LINE in (main.user, other.user):
            found.unused[other.log.table.name] = (
                f"its lines are not known to be those of {main.log.table.name}"
            )
        elif users < 0.05 or items < 0.05:
            found.unused[other.log.table.name] = f"its users or items are not those of {main.log.table.name}"
        elif not timed:
            found.unused[other.log.table.name] = (
                f"of it and {main.log.table.name} only one has times: they have no common order"
            )
        else:
            kept.append(other)
    found.logs = kept


def _turned(other: LogRoles, main: LogRoles) -> LogRoles:
    """A second log with the user where the main one has users, if its own evidence said otherwise."""
    if other.log.list_column is not None:
        return other
    tables, mains = other.log.table, main.log.table
    straight = _contained(tables.values(other.user), mains.values(main.user)) + _contained(
        tables.values(other.item), mains.values(main.item)
    )
    crossed = _contained(tables.values(other.user), mains.values(main.item)) + _contained(
        tables.values(other.item), mains.values(main.user)
    )
    return settle(other.log, other.item) if crossed > 1.2 * straight else other


def _contained(values: pl.Series, others: pl.Series) -> float:
    return mean(values.is_in(others.implode()))


def _describe(found: Findings, tables: list[Table]) -> None:
    """Give each file with a key to the items or to the users of the main log."""
    counts = item_counts(found.main)
    chosen = [(table, *_best_key(found.main, table)) for table in tables]
    whole = any(role == "item" and best.contained > 0.95 for _, role, best in chosen if best is not None)
    for table, role, best in chosen:
        if best is None or (role == "item" and whole and best.contained < 0.8):
            found.unused[table.name] = _why_unused(found.main, table)
        elif role == "item":
            found.items.append(describe_items(table, best.key, counts))
        else:
            found.users.append(describe_users(table, best.key))
    found.items.sort(key=_spoken, reverse=True)
    keys = [each.table.values(each.key) for each in found.items]
    found.separate_kinds = (
        len(keys) > 1 and max(_contained(b, a) for a in keys for b in keys if a is not b) < 0.1
    )
    if not found.separate_kinds:
        _drop_twins(found.items)
    for described in [*found.items, *found.users]:
        if not described.choices and described.time is None:
            reasons = "; ".join(f"{name}: {reason}" for name, reason in described.left_out.items())
            found.unused[described.table.name] = f"no column of it describes anything ({reasons})"
    found.items = [each for each in found.items if each.choices or each.time is not None]
    found.users = [each for each in found.users if each.choices]


def _spoken(described: Described) -> float:
    """Words that a catalogue says of an item."""
    return sum(described.table.profiles[choice.column].words for choice in described.of("text"))


def _why_unused(main: LogRoles, table: Table) -> str:
    if not table.keys:
        return "no column has a different value in every row, and no two name users and items"
    return f"{', '.join(table.keys)} holds neither the users nor the items of {main.log.table.name}"


def _best_key(main: LogRoles, table: Table) -> tuple[str, Link | None]:
    best: tuple[float, str, Link | None] = (0.0, "", None)
    for role, column in (("item", main.item), ("user", main.user)):
        for key in table.keys:
            here = link(main.log.table, column, table, key)
            score = here.overlap + 0.5 * here.contained + 0.2 * (key == column)
            if here.contained >= 0.2 and here.overlap >= 0.02 and score > best[0]:
                best = (score, role, here)
    return best[1], best[2]


def item_counts(roles: LogRoles) -> pl.DataFrame:
    """How often each item occurs: `id` (String) and `n`."""
    frame = roles.log.table.look.raw.frame.select(_ids(roles).alias("id"))
    if is_list(frame.collect_schema()["id"]):
        frame = frame.explode("id")
    return frame.drop_nulls().group_by("id").agg(n=pl.len()).collect(engine="streaming")


def _ids(roles: LogRoles) -> pl.Expr:
    dtype, value = roles.log.table.look.raw.schema[roles.item], pl.col(roles.item)
    if roles.log.list_column is None:
        return value.cast(pl.String)
    if is_list(dtype):
        return value.cast(pl.List(pl.String))
    return parts(value, roles.log.table.profiles[roles.item].separator or " ")


def history_lengths(logs: list[LogRoles]) -> pl.Series:
    """How many events each user has, over all logs."""
    frames = []
    for roles in logs:
        user = pl.col(roles.user).cast(pl.String).alias("user")
        frame = roles.log.table.look.raw.frame.select(user, _ids(roles).alias("id"))
        n = pl.col("id").list.len().sum() if is_list(frame.collect_schema()["id"]) else pl.len()
        frames.append(frame.group_by("user").agg(n.cast(pl.Int64).alias("n")))
    counts = pl.concat(frames).group_by("user").agg(pl.col("n").sum())
    return counts.collect(engine="streaming")["n"]


def _describe_from_log(found: Findings) -> None:
    """Without a catalogue (or users) the columns of the log that describe the item (or user) make one."""
    main = found.main
    for part, described in (("of_item", found.items), ("of_user", found.users)):
        columns = main.of(part)  # type: ignore[arg-type]
        names = [column.name for column in columns]
        if described or not names:
            _as_context(main, names)
        elif part == "of_item":
            described.append(describe_items(_one_row_each(main, main.item), main.item, None, names))
        else:
            described.append(describe_users(_one_row_each(main, main.user), main.user, names))


def _one_row_each(main: LogRoles, key: str) -> Table:
    """The log as a table of what a key names."""
    look = main.log.table.look
    once = look.sample.unique(key, keep="first", maintain_order=True)
    look = replace(look, sample=once, head=once, rows=once.height)
    return Table(look, profiles(look))


def _as_context(main: LogRoles, names: list[str]) -> None:
    for name in names:
        column, profile = main.columns[name], main.log.table.profiles[name]
        names_something = (
            profile.kind == "integer" and profile.distinct > 50 and is_id_like(main.log.table, name)
        )
        usable = profile.kind in ("flag", "integer", "number", "word", "list") and not names_something
        column.part = "context" if usable else "ignore"
        if not usable:
            column.reason += ", and its file describes it"


def _drop_twins(items: list[Described]) -> None:
    """What two catalogues say alike is said once: the same text, the same numbers."""
    for place, first in enumerate(items):
        for second in items[place + 1 :]:
            names = [
                (a, b)
                for a in first.choices
                for b in second.choices
                if a.role == b.role and a.role in ("text", "numeric")
            ]
            for a, b in names:
                if b in second.choices and _same(first, a.column, second, b.column):
                    second.choices.remove(b)
                    second.left_out[b.column] = f"{a.column} of {first.table.name} says the same"


def _same(first: Described, a: str, second: Described, b: str) -> bool:
    left = first.table.look.sample.select(
        pl.col(first.key).cast(pl.String).alias("key"), _lower(first, a).alias("a")
    )
    right = second.table.look.sample.select(
        pl.col(second.key).cast(pl.String).alias("key"), _lower(second, b).alias("b")
    )
    rows = left.join(right, on="key").drop_nulls()
    if rows.height < 20:
        return False
    return mean(rows.select(pl.col("a").str.contains(pl.col("b"), literal=True)).to_series()) > 0.8


def _lower(described: Described, name: str) -> pl.Expr:
    dtype = described.table.look.sample.schema[name]
    if is_list(dtype):
        return pl.col(name).cast(pl.List(pl.String)).list.join(" ").str.to_lowercase()
    return pl.col(name).cast(pl.String).str.to_lowercase()


def kind_of(described: Described, separate: bool) -> str:
    """What to call the items of a catalogue: after its file when there are several kinds, else its ids."""
    others = set(described.table.profiles) - {described.key}
    if separate:
        stem = described.table.look.paths[0].name.split(".")[0]
        return words.unclaimed(stem.removesuffix("s") or "item", others)
    pieces = words.pieces(described.key)
    return words.unclaimed(next((piece for piece in pieces if piece in words.KINDS), "item"), others)
