"""What the other columns of a log are: type, outcomes, context, split, or left out; each with its reason."""

from dataclasses import dataclass, field
from typing import Literal

import polars as pl

from motet.data.infer import words
from motet.data.infer.dependence import agreement, settles
from motet.data.infer.families import Log
from motet.data.infer.figures import mean, number
from motet.data.infer.profile import Profile
from motet.data.infer.ratings import Stars, is_time_spent, stars
from motet.data.readers_times import time_in_ms

Part = Literal[
    "user",
    "item",
    "time",
    "order",
    "type",
    "request",
    "split",
    "context",
    "outcome",
    "of_item",
    "of_user",
    "ignore",
]
Shape = Literal["flag", "stars", "spent", "number", "category", ""]

SPLIT_WORDS = {
    "train": {"train", "training", "tr", "训练"},
    "valid": {"valid", "validation", "val", "dev", "eval", "vali", "验证"},
    "test": {"test", "testing", "te", "测试"},
}
_SITTING_MS = 600_000
_HOUR = 3_600_000


@dataclass
class Column:
    """The part that one column plays."""

    name: str
    part: Part
    reason: str
    shape: Shape = ""
    scale: Stars | None = None
    positives: int = 0
    """Flags: how many rows are 1, estimated for the whole file."""
    share: float = 0.0
    """Flags: the share of ones."""


@dataclass
class LogRoles:
    """A log whose columns are settled."""

    log: Log
    user: str
    item: str
    reason: str
    """Why this one is the user."""
    columns: dict[str, Column] = field(default_factory=dict)
    time_unit: str = ""
    split_values: dict[str, str] = field(default_factory=dict)
    """train, valid, test -> what the file calls it."""

    def of(self, part: Part) -> list[Column]:
        """Columns that play a part."""
        return [column for column in self.columns.values() if column.part == part]

    def one(self, part: Part) -> Column | None:
        """The only column of a part, or None."""
        return next(iter(self.of(part)), None)


class LogReader:
    """Settles the columns of one log, one question after the other; the first that has an answer wins."""

    def __init__(self, log: Log, user: str, item: str, time: str | None) -> None:
        self.log, self.user, self.item, self.time = log, user, item, time
        head = log.table.look.head.with_columns(_joined(log.table.look.head))
        self.frame = head.unique(maintain_order=True)
        if time is not None:
            moment = time_in_ms(time, self.frame[time], "auto", log.table.name)
            self.frame = self.frame.with_columns(moment.alias("@t"), _lot(self.frame)).sort("@t", "@lot")
            self.strangers = self._strangers()
        self.by_user = self.frame.sort(user, maintain_order=True)
        self.by_item = self.frame.sort(item, maintain_order=True)

    def read(self, name: str, profile: Profile) -> Column:
        """Find the part of one column."""
        questions = (
            self._same_everywhere,
            self._split,
            self._type,
            self._order,
            self._numbering,
            self._function,
            self._time,
            self._unusable,
            self._request,
        )
        for question in questions:
            answer = question(name, profile)
            if answer is not None:
                return answer
        return self._known_before(name, profile) or self._outcome(name, profile)

    def _same_everywhere(self, name: str, profile: Profile) -> Column | None:
        if profile.kind != "empty":
            return None
        if self._is_an_act(name):
            return Column(name, "type", "it says what was done, the same in every row")
        return Column(name, "ignore", "it is the same everywhere")

    def _unusable(self, name: str, profile: Profile) -> Column | None:
        reasons = {
            "text": "free text of an event is not used yet",
            "address": "addresses are not used yet",
            "vector": "vectors of events are not used yet",
            "list": "lists beside an event are not used yet",
            "other": "records inside a cell are not used yet",
        }
        if profile.kind in reasons:
            return Column(name, "ignore", reasons[profile.kind])
        fresh = profile.count > 50 and profile.distinct > 0.95 * profile.count
        if fresh and profile.kind in ("integer", "code", "word"):
            return Column(name, "ignore", "it is different in (nearly) every row: it names the row")
        return None

    def _is_an_act(self, name: str) -> bool:
        values = self.frame[name].drop_nulls().cast(pl.String).head(1).to_list()
        return bool(values) and words.speaks_of(values[0], words.ACTS)

    def _split(self, name: str, profile: Profile) -> Column | None:
        values = (
            split_values(self.log.table.look.sample[name])
            if profile.kind == "word" and profile.distinct <= 4
            else {}
        )
        return Column(name, "split", f"its values are {', '.join(values.values())}") if values else None

    def _time(self, name: str, profile: Profile) -> Column | None:
        if profile.kind != "time":
            return None
        return Column(name, "ignore", f"a second time beside {self.time}; it may lie after the event")

    def _type(self, name: str, profile: Profile) -> Column | None:
        if profile.kind not in ("word", "integer") or not 2 <= profile.distinct <= 30:
            return None
        values = [str(value) for value in self.frame[name].drop_nulls().unique().to_list()]
        acts = sum(words.speaks_of(value, words.ACTS) for value in values)
        if profile.kind == "word" and acts >= 0.5 * len(values):
            return Column(name, "type", f"its values are acts: {', '.join(sorted(values)[:6])}")
        if profile.distinct <= 10 and words.speaks_of(name, words.TYPE) and stars(self.frame[name]) is None:
            return Column(name, "type", f"its name says so, and it has {profile.distinct} values")
        return None

    def _order(self, name: str, profile: Profile) -> Column | None:
        """In a log without times: whole numbers that count the events of each user."""
        if self.time is not None or profile.kind != "integer":
            return None
        value = pl.col(name).cast(pl.Float64, strict=False)
        users = self.frame.group_by(self.user).agg(
            n=pl.len(), different=value.n_unique(), width=value.max() - value.min() + 1
        )
        users = users.filter(pl.col("n") >= 3)
        counts = mean((users["different"] == users["n"]) & (users["width"] == users["n"]))
        if users.height < 10 or counts < 0.95:
            return None
        return Column(name, "order", f"it counts the events of each {self.user}")

    def _numbering(self, name: str, profile: Profile) -> Column | None:
        """A second numbering of the users or the items."""
        quantity = (
            profile.distinct < 0.3 * (profile.high - profile.low + 1) and profile.low < 0.3 * profile.high
        )
        if profile.kind not in ("integer", "code", "word") or not self._is_coded(name) or quantity:
            return None
        for key, rows in ((self.user, self.by_user), (self.item, self.by_item)):
            as_many = 0.98 < profile.distinct / max(self.log.table.profiles[key].distinct, 1) < 1.02
            if profile.distinct > 30 and as_many and agreement(rows, [key], name).kappa > 0.99:
                return Column(name, "ignore", f"a second numbering of {key}")
        return None

    def _is_coded(self, name: str) -> bool:
        return (
            mean(self.frame[name].drop_nulls().head(1_000).cast(pl.String).str.contains(r"^[!-~]*\d[!-~]*$"))
            > 0.8
        )

    def _function(self, name: str, profile: Profile) -> Column | None:
        """What the time, the item or the user settles."""
        if profile.kind in ("vector", "other"):
            return None
        if self.time is not None and self._follows_time(name):
            return Column(name, "ignore", f"a function of {self.time}")
        keys: tuple[tuple[str, pl.DataFrame, Part], ...]
        keys = ((self.item, self.by_item, "of_item"), (self.user, self.by_user, "of_user"))
        for key, rows, part in keys:
            found = agreement(rows, [key], name)
            if found.pairs >= 100 and found.kappa >= 0.97:
                return Column(name, part, f"a function of {key}: known beforehand", _shape(profile))
        return None

    def _follows_time(self, name: str) -> bool:
        """Rows of different users, near in time or at one hour of the week, nearly always agree."""
        for key, rows in self.strangers.items():
            found = agreement(rows, [key], name)
            if found.pairs >= 100 and found.kappa >= 0.85:
                return True
        return False

    def _strangers(self) -> dict[str, pl.DataFrame]:
        """Rows whose neighbours, near in time or at one hour of the week, are of other users.

        Of the rows of a user that follow each other one is drawn by lot: the first ones would all stand at
        the top of a list, and agree on that alone.
        """
        user = pl.col(self.user)
        rows = self.frame.with_columns(pl.lit(0).alias("@all"), (pl.col("@t") // _HOUR % 168).alias("@hour"))
        found = {}
        for key in ("@all", "@hour"):
            ordered = rows.sort(key, "@t", self.user, "@lot")
            ordered = ordered.with_columns((user != user.shift()).fill_null(True).cum_sum().alias("@block"))
            found[key] = ordered.sort("@block", "@lot").unique("@block", keep="first", maintain_order=True)
        return found

    def _request(self, name: str, profile: Profile) -> Column | None:
        """Ids of requests (all rows at one moment) and of sittings (some rows of one user)."""
        if (
            profile.kind not in ("integer", "code", "word")
            or profile.distinct < 0.02 * profile.count
            or profile.distinct < 50
        ):
            return None
        if not settles(self.frame, name, self.user) or settles(self.frame, self.user, name):
            return None
        if self.time is None:
            return Column(name, "ignore", f"it settles {self.user}: it names a sitting")
        spans = self.frame.group_by(name).agg(n=pl.len(), span=pl.col("@t").max() - pl.col("@t").min())
        spans = spans.filter(pl.col("n") > 1)
        if spans.height >= 30 and mean(spans["span"] <= 2_000) > 0.95:
            return Column(name, "request", f"rows that share it are of one {self.user} and one moment")
        return Column(name, "ignore", f"it settles {self.user} and lasts for a while: it names a sitting")

    def _known_before(self, name: str, profile: Profile) -> Column | None:
        """Surface, device and the like: constant in a request, or called so and steady in a sitting."""
        if profile.kind not in ("word", "integer") or not 2 <= profile.distinct <= 200:
            return None
        named = words.speaks_of(name, words.SURFACE)
        if self.time is None:
            reason = "its name speaks of where the question was asked"
            return Column(name, "context", reason, "category") if named and profile.kind == "word" else None
        if profile.kind == "integer" and self._numbers_the_shown(name):
            reason = "it numbers the rows of one user and one moment: the place of each in what was shown"
            return Column(name, "context", reason, "category")
        rows = self.by_user
        moment = agreement(rows, [self.user, "@t"], name)
        if (
            profile.distinct >= 3
            and moment.pairs >= 200
            and moment.kappa >= 0.85
            and _varies(self.frame[name])
        ):
            return Column(
                name,
                "context",
                "rows of one user and one moment share it: known with the request",
                "category",
            )
        if named and stars(self.frame[name]) is None and self._steadiness(rows, name) >= 0.3:
            reason = "its name speaks of where the question was asked, and it is steady in a sitting"
            return Column(name, "context", reason, "category")
        return None

    def _numbers_the_shown(self, name: str) -> bool:
        """Whether the rows of one user and one moment, where they are three or more, are numbered 1, 2, 3."""
        value = pl.col(name).cast(pl.Float64, strict=False)
        moments = self.frame.select(self.user, "@t", value).drop_nulls().group_by(self.user, "@t")
        ends = moments.agg(n=pl.len(), different=pl.col(name).n_unique(), low=value.min(), high=value.max())
        ends = ends.filter(pl.col("n") >= 3)
        gapless = (ends["different"] == ends["n"]) & (ends["high"] - ends["low"] + 1 == ends["n"])
        return ends.height >= 50 and mean(gapless & ends["low"].is_between(0, 1)) >= 0.95

    def _steadiness(self, rows: pl.DataFrame, name: str) -> float:
        rows = rows.sort(self.user, "@t").with_columns(
            ((pl.col("@t") - pl.col("@t").shift()) > _SITTING_MS).fill_null(True).cum_sum().alias("@sitting")
        )
        found = agreement(rows, [self.user, "@sitting"], name)
        return found.kappa if found.pairs >= 30 else 0.0

    def _outcome(self, name: str, profile: Profile) -> Column:
        if profile.kind == "code":
            return Column(name, "ignore", "codes that hardly repeat")
        values = self.log.table.look.sample[name]
        if profile.kind == "flag":
            share = _share_of_ones(values)
            positives = round(share * profile.count * self.log.table.look.rows / max(len(values), 1))
            return Column(name, "outcome", f"0/1, {share:.1%} ones", "flag", None, positives, share)
        scale = stars(values)
        if scale is not None:
            steps = f"{scale.low:g} to {scale.high:g}"
            return Column(name, "outcome", f"a rating scale from {steps}", "stars", scale)
        if profile.kind in ("integer", "number") and is_time_spent(values):
            return Column(
                name, "outcome", "not negative, with a long tail: a time spent or an amount", "spent"
            )
        if profile.kind in ("integer", "number") and profile.distinct > 20:
            return Column(name, "outcome", f"numbers, {profile.distinct} values in the sample", "number")
        return Column(name, "outcome", f"{profile.distinct} values", "category")


def _joined(frame: pl.DataFrame) -> list[pl.Expr]:
    """Native lists as one string each, so that they can be compared."""
    names = [
        name for name, dtype in frame.schema.items() if isinstance(dtype, pl.List) and not _is_nested(dtype)
    ]
    return [pl.col(name).cast(pl.List(pl.String)).list.join("|") for name in names]


def _lot(frame: pl.DataFrame) -> pl.Expr:
    """A number for each row that depends on its cells alone, not on its place in the file."""
    flat = [name for name, dtype in frame.schema.items() if not dtype.is_nested()]
    return pl.struct(flat).hash(seed=0).alias("@lot")


def _is_nested(dtype: pl.List) -> bool:
    return isinstance(dtype.inner, pl.List | pl.Struct | pl.Array)


def _shape(profile: Profile) -> Shape:
    if profile.kind == "flag":
        return "flag"
    return "number" if profile.kind in ("integer", "number") and profile.distinct > 20 else "category"


def _varies(values: pl.Series) -> bool:
    counts = values.drop_nulls().value_counts()["count"]
    return number(counts.max()) <= 0.95 * number(counts.sum())


def _share_of_ones(values: pl.Series) -> float:
    return mean(as_numbers(values.drop_nulls()))


def as_numbers(values: pl.Series) -> pl.Series:
    """Cells as numbers, `true` and `false` as 1 and 0; null where they are none.

    >>> as_numbers(pl.Series(["True", "0", "", None])).to_list()
    [1.0, 0.0, None, None]
    """
    if values.dtype == pl.String:
        values = values.str.strip_chars().str.to_lowercase().replace({"true": "1", "false": "0"})
    return values.cast(pl.Float64, strict=False).fill_nan(None)


def split_values(column: pl.Series) -> dict[str, str]:
    """What a column calls train, valid and test; empty when it is no split.

    >>> split_values(pl.Series(["train", "dev", "test", "train"]))
    {'train': 'train', 'valid': 'dev', 'test': 'test'}
    """
    values = [str(value) for value in column.drop_nulls().unique().to_list()]
    found = {
        part: value
        for part, known in SPLIT_WORDS.items()
        for value in values
        if value.strip().lower() in known
    }
    return found if len(found) == len(values) and {"train", "test"} <= set(found) else {}
