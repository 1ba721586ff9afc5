"""Which columns of a catalogue or a list of users are text, categories, numbers, times, or left out."""

from dataclasses import dataclass, field
from typing import Literal

import polars as pl

from motet.data.infer import words
from motet.data.infer.figures import mean, number
from motet.data.infer.ids import Table, is_id_like
from motet.data.infer.profile import Profile

FeatureRole = Literal["text", "categorical", "numeric", "vectors"]

_COMMAS, _MOSTLY = r"^[1-9]\d{0,2}(,\d{3})+$|^\d{1,3}$", 0.9
_MANY_CODES = 20
_FEW_NUMBERS = 50
_FOLLOWS_EVENTS = 0.4
_MOST_SPOKEN, _MOST_IN_TEXT, _MOST_COUNTED = 2_000, 3, 2


@dataclass
class Choice:
    """One column in one role."""

    role: FeatureRole
    column: str
    reason: str
    separator: str | None = None
    count: bool = False
    """Worth point-in-time counters."""


@dataclass
class Described:
    """A file that describes items or users."""

    table: Table
    key: str
    choices: list[Choice] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    time: str | None = None
    only: list[str] | None = None
    """When the file is the log itself: the columns that describe the item or the user."""

    def of(self, role: FeatureRole) -> list[Choice]:
        """Choices of one role."""
        return [choice for choice in self.choices if choice.role == role]


def describe_items(
    table: Table, key: str, events: pl.DataFrame | None, only: list[str] | None = None
) -> Described:
    """Choose the roles of a catalogue's columns.

    Args:
        table: The file.
        key: Its column of ids.
        events: `id` (String) and `n`, how often each item occurs in the log; numbers that follow it leak.
        only: Look at these columns alone; None: all.
    """
    found = Described(table, key, only=only)
    has_text = any(
        each.kind == "text" for name, each in table.profiles.items() if only is None or name in only
    )
    for name, profile in table.profiles.items():
        if name == key or (only is not None and name not in only):
            continue
        _choose(found, name, profile, has_text)
        _drop_followers(found, name, events)
    _drop_repeated_text(found)
    _limit_text(found)
    _limit_counted(found)
    return found


def describe_users(table: Table, key: str, only: list[str] | None = None) -> Described:
    """Choose the roles of the columns of users; what could name a person is left out."""
    found = Described(table, key, only=only)
    for name, profile in table.profiles.items():
        if name == key or (only is not None and name not in only):
            continue
        if profile.kind in ("text", "code", "address"):
            found.left_out[name] = (
                "it hardly repeats: it may name a person, and there is nothing to learn from it"
            )
        elif profile.kind == "time":
            found.left_out[name] = "times of users are not used yet"
        else:
            _choose(found, name, profile, False)
    found.choices = [choice for choice in found.choices if choice.role in ("categorical", "numeric")]
    for choice in found.choices:
        choice.count = False
    return found


def _choose(found: Described, name: str, profile: Profile, has_text: bool) -> None:
    match profile.kind:
        case "text":
            found.choices.append(Choice("text", name, f"{profile.words:.0f} words in a cell on average"))
        case "list":
            _choose_list(found, name, profile, has_text)
        case "word":
            _choose_word(found, name, profile, has_text)
        case "flag":
            found.choices.append(Choice("categorical", name, "0/1"))
        case "integer":
            _choose_integer(found, name, profile)
        case "number":
            _add_number(found, name, profile)
        case "vector":
            found.choices.append(Choice("vectors", name, "as many numbers in every row", profile.separator))
        case "time":
            _choose_time(found, name, profile)
        case _:
            found.left_out[name] = _why_not(profile, found.table)


def _why_not(profile: Profile, table: Table) -> str:
    if profile.kind == "code" and mean(table.values(profile.name).str.contains(_COMMAS)) > _MOSTLY:
        return "numbers with commas between their thousands are not read as numbers: write 1234, not 1,234"
    return {
        "empty": "it is the same everywhere",
        "code": "codes that hardly repeat: another numbering",
        "address": "addresses (images, pages) are not used yet",
        "other": "records inside a cell are not used yet",
    }.get(profile.kind, "nothing to learn from it")


def _choose_list(found: Described, name: str, profile: Profile, has_text: bool) -> None:
    divided = f", divided by {profile.separator!r}" if profile.separator else ""
    reason = f"{profile.distinct} values, several in a cell{divided}"
    own, inside = found.table.values(found.key), found.table.values(name)
    if len(inside) > 0.3 * len(own) and mean(inside.is_in(own.implode())) > 0.8:
        found.left_out[name] = f"lists of other {found.key}: not used yet"
        return
    nearly_single = profile.tokens <= 1.5 * profile.count and profile.distinct >= 5
    found.choices.append(Choice("categorical", name, reason, profile.separator, nearly_single))
    letters = mean(found.table.values(name).head(200).str.contains(r"^\P{N}{3,}$"))
    if has_text and letters > 0.8 and profile.distinct <= _MOST_SPOKEN:
        found.choices.append(Choice("text", name, "its words say something too"))


def _choose_word(found: Described, name: str, profile: Profile, has_text: bool) -> None:
    if profile.repeats < 1.1:
        found.left_out[name] = "nearly every row has a value of its own"
        return
    found.choices.append(
        Choice("categorical", name, f"{profile.distinct} values", count=profile.distinct >= 3)
    )
    letters = mean(found.table.values(name).head(200).str.contains(r"\p{L}{3,}"))
    if has_text and letters > 0.8 and profile.distinct > 10:
        found.choices.append(Choice("text", name, "its words say something too"))


def _choose_integer(found: Described, name: str, profile: Profile) -> None:
    if name in found.table.keys:
        found.left_out[name] = "different in every row: another numbering"
    elif profile.low < 0 and profile.distinct <= _FEW_NUMBERS:
        found.choices.append(
            Choice("categorical", name, f"{profile.distinct} values, among them {profile.low:g}")
        )
    elif profile.distinct <= _FEW_NUMBERS and profile.repeats >= 4:
        found.choices.append(Choice("categorical", name, f"{profile.distinct} whole numbers, each often"))
    elif _are_codes(found.table, name, profile):
        _choose_codes(found, name, profile)
    else:
        _add_number(found, name, profile)


def _are_codes(table: Table, name: str, profile: Profile) -> bool:
    """Numbers 0, 1, 2, ... without a gap, or large numbers spread over their range: names of something."""
    dense = profile.low in (0, 1) and profile.distinct >= 0.99 * (profile.high - profile.low + 1)
    if profile.distinct > _MANY_CODES and dense:
        return True
    return profile.high >= 100_000 and profile.distinct > _FEW_NUMBERS and is_id_like(table, name)


def _choose_codes(found: Described, name: str, profile: Profile) -> None:
    counts = found.table.look.sample[name].drop_nulls().value_counts()["count"]
    shared = number(counts.filter(counts > 1).sum()) / number(counts.sum())
    if shared < 0.1:
        found.left_out[name] = "numbers that name something, nearly every row its own"
    else:
        reason = f"{profile.distinct} numbers that name something ({shared:.0%} of the rows share theirs)"
        found.choices.append(Choice("categorical", name, reason, count=True))


def _add_number(found: Described, name: str, profile: Profile) -> None:
    reason = f"{profile.distinct} numbers from {profile.low:g} to {profile.high:g}"
    found.choices.append(Choice("numeric", name, reason))


def _choose_time(found: Described, name: str, profile: Profile) -> None:
    if found.time is None:
        found.time = name
    else:
        found.left_out[name] = f"a second time beside {found.time}"


def _drop_followers(found: Described, name: str, events: pl.DataFrame | None) -> None:
    """Numbers that follow how often an item occurs in the log were probably counted after it: they leak."""
    last = found.choices[-1] if found.choices else None
    if events is None or last is None or last.column != name or last.role != "numeric":
        return
    values = found.table.look.sample.select(
        pl.col(found.key).cast(pl.String).alias("id"), pl.col(name).cast(pl.Float64, strict=False).alias("x")
    )
    joined = values.join(events, on="id", how="left").with_columns(pl.col("n").fill_null(0)).drop_nulls()
    if joined.height < 50:
        return
    follows = joined.select(pl.corr("x", "n", method="spearman")).item() or 0.0
    limit = 0.2 if words.speaks_of(name, words.AFTERWARDS) else _FOLLOWS_EVENTS
    if follows >= limit:
        found.choices.pop()
        found.left_out[name] = (
            f"it follows how often the item occurs in the log (rank correlation {follows:.2f}), so it may"
            " have been counted afterwards and leak the future; add it under numeric: if it was known before"
        )


def _drop_repeated_text(found: Described) -> None:
    """Of two texts of which one holds the other nearly everywhere, the longer is enough."""
    texts = [
        choice
        for choice in found.choices
        if choice.role == "text" and found.table.profiles[choice.column].kind == "text"
    ]
    sample = found.table.look.sample.head(2_000)
    for first in texts:
        for second in texts:
            if first is second or first not in found.choices or second not in found.choices:
                continue
            rows = sample.select(
                pl.col(first.column).str.to_lowercase().alias("a"),
                pl.col(second.column).str.to_lowercase().alias("b"),
            ).drop_nulls()
            if (
                rows.height > 20
                and (rows.select(pl.col("b").str.contains(pl.col("a"), literal=True).mean()).item() or 0)
                > 0.8
            ):
                found.choices.remove(first)
                found.left_out[first.column] = f"{second.column} says the same and more"


def _limit_text(found: Described) -> None:
    """Categories in the text: the few that say most, lists first; more would crowd out the descriptions."""
    spoken = [choice for choice in found.of("text") if found.table.profiles[choice.column].kind != "text"]

    def weight(choice: Choice) -> tuple[bool, float]:
        profile = found.table.profiles[choice.column]
        return profile.kind == "list", (
            profile.tokens / max(profile.count, 1) if profile.kind == "list" else profile.distinct
        )

    for choice in sorted(spoken, key=weight, reverse=True)[_MOST_IN_TEXT:]:
        found.choices.remove(choice)


def _limit_counted(found: Described) -> None:
    """Counters for the few columns whose values gather the most items without being rare."""
    counted = [choice for choice in found.choices if choice.count]
    for choice in sorted(counted, key=lambda each: -found.table.profiles[each.column].distinct)[
        _MOST_COUNTED:
    ]:
        choice.count = False
