"""The `data:` part of a configuration: files, what their columns mean, cleaning, split, counters."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from motet.config.expression import checked
from motet.config.record import AtLeastOne, Duration, Record, Words, as_list, misfits

Paths = Annotated[list[str], BeforeValidator(as_list), Field(min_length=1)]
Missing = Literal["learned", "mean", "median", "mode", "constant", "interpolate", "drop"]


class Column(Record):
    """One feature column. In YAML either its bare name or a mapping with details."""

    in_words = "a column"

    column: str = Field(description="Name of the column in the file.")
    separator: str | None = Field(
        None, description="Splits a text cell into several categories, e.g. '|' or ' '."
    )
    missing: Missing | None = Field(None, description="Overrides data.cleaning.missing for this column.")
    constant: float | str | None = Field(None, description="The value that `missing: constant` fills in.")
    log: bool | None = Field(
        None, description="Numbers only: log1p before standardising; null lets the data say."
    )
    count: bool = Field(False, description="Keep point-in-time counters for each value of this column.")
    template: str | None = Field(
        None,
        description="Text only: words around the value, which stands for {}: 'lasts {} seconds'. So numbers "
        "and categories are read as words; a text has no such part where the value is missing.",
    )
    longest: AtLeastOne | None = Field(
        None,
        description="Text only: letters of it that are read; what is longer ends at the last whole word.",
    )

    @property
    def worded(self) -> bool:
        """Whether the text is not the bare value."""
        return self.template is not None or self.longest is not None

    @model_validator(mode="before")
    @classmethod
    def _bare_name(cls, raw: Any) -> Any:
        return {"column": raw} if isinstance(raw, str) else raw


class Range(Record):
    """Between which numbers the cells of a column can lie; others are impossible and set to missing."""

    column: str = Field(description="Name of the column in the file.")
    minimum: float | None = Field(None, description="The smallest possible number; null: any.")
    maximum: float | None = Field(None, description="The largest possible number; null: any.")

    @model_validator(mode="after")
    def _possible(self) -> "Range":
        if self.minimum is None and self.maximum is None:
            text = f"the range of {self.column!r} has no bound; write  minimum:  or  maximum:"
            raise misfits([(("column",), text)])
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            text = f"the range of {self.column!r} has its minimum above its maximum; swap them"
            raise misfits([(("minimum",), text)])
        return self


class Source(Record):
    """A table that lies in one or more files."""

    path: Paths = Field(description="A file, a glob, or a list of them; relative to the configuration file.")
    format: Literal["auto", "csv", "jsonl", "parquet", "atomic"] = Field(
        "auto", description="Of the files; auto: their endings say."
    )
    separator: str | None = Field(None, description="Column separator of CSV files; null finds it out.")
    decimal: Literal[".", ","] = Field(
        ".", description="Before the decimals of numbers that are text; ',' also reads 1.880,37 and 1 880,37."
    )
    header: bool | list[str] = Field(
        True, description="False: columns are column_1, column_2, ...; a list names them."
    )
    encoding: str = Field("utf8", description="Character encoding of text files.")
    ranges: list[Range] = Field([], description="Between which numbers columns of numbers can lie.")


class ItemsSource(Source):
    """A catalogue file. `kind` names a column, or is the kind of every item in the file."""

    id: str = Field(description="The column that names an item.")
    kind: str = Field("item", description="A column, or the kind of every item in the file.")
    text: list[Column] = Field([], description="Columns that the language model reads, joined in this order.")
    categorical: list[Column] = Field([], description="Columns of categories, one or several in a cell.")
    numeric: list[Column] = Field([], description="Columns of numbers.")
    vectors: list[Column] = Field([], description="Columns that hold a ready-made vector (list of numbers).")
    images: list[Column] = Field(
        [],
        description="Columns with the path of a picture (.jpg, .png, ...), as seen from the file that names "
        "it; model.vision reads them.",
    )
    time: str | None = Field(
        None, description="When the item came to be (upload, release): gives its age at a request."
    )


class UsersSource(Source):
    """A file of users."""

    id: str = Field(description="The column that names a user.")
    categorical: list[Column] = Field([], description="Columns of categories, one or several in a cell.")
    numeric: list[Column] = Field([], description="Columns of numbers.")


class EventsSource(Source):
    """A log. Layout `rows`: one event a line. Layout `sequences`: one user a line with a list of items."""

    layout: Literal["rows", "sequences"] = Field("rows", description="One event a line, or one user a line.")
    user: str = Field(description="The column that says who.")
    item: str = Field(description="The column that says with what (layout sequences: with which list).")
    item_separator: str = Field(" ", description="Layout sequences: what stands between two items.")
    time: str | None = Field(None, description="The column that says when.")
    time_unit: Literal["auto", "s", "ms", "us", "ns", "iso"] = Field(
        "auto", description="Of a time column of numbers; iso: text; auto: the values say."
    )
    order: str | None = Field(
        None, description="A column whose order breaks ties of time, or stands for time."
    )
    type: str = Field("event", description="A column, or the type of every event in the file.")
    value: str | None = Field(None, description="A column with the event's value (stars, seconds, price).")
    request: str | None = Field(None, description="A column that joins the events of one request.")
    context: list[Column] = Field(
        [], description="What is known when the question is asked: surface, device, ..."
    )
    outcomes: list[Column] | None = Field(
        None, description="Columns known only after the event; visible to later states alone. Null: the rest."
    )
    ignore: list[str] = Field([], description="Columns that are not read.")


class Cleaning(Record):
    """What to do with rows that cannot be right. Everything done is written to cleaning.json."""

    strict: bool = Field(False, description="Refuse the data instead of mending it.")
    duplicates: Literal["drop", "keep"] = Field(
        "drop", description="Rows that repeat another in every column."
    )
    earliest: str = Field(
        "auto", description="Times before this day are impossible; auto: a hundred years ago."
    )
    latest: str = Field("auto", description="Times after this are impossible; auto: a day from now.")
    bad_times: Literal["drop", "keep"] = Field(
        "drop", description="Events with a missing or impossible time."
    )
    outliers: Literal["clip", "drop", "keep"] = Field(
        "clip", description="Numbers far out of the usual range."
    )
    outlier_iqr: float = Field(
        20.0, gt=0, description="How many interquartile ranges beyond the quartiles is out."
    )
    outlier_iqr_log: float = Field(
        6.0, gt=0, description="The same for skewed columns, whose ranges are taken on a logarithmic scale."
    )
    unknown_items: Literal["keep", "drop"] = Field(
        "keep", description="Events of items that the catalogue lacks."
    )
    unknown_users: Literal["keep", "drop"] = Field(
        "keep", description="Events of users that the users file lacks."
    )
    missing: Missing = Field(
        "learned", description="What fills an empty feature; learned: a vector of its own."
    )
    bots_per_day: int | None = Field(
        None, gt=0, description="Drop users with more events than this on one day."
    )


class Split(Record):
    """Which rows train, validate and test."""

    kind: Literal["leave_one_out", "time", "random", "column", "kfold"] = Field(
        "leave_one_out", description="A user's last rows, by time, at random, by a column, or in folds."
    )
    valid: float | str = Field(
        0.1, description="Share of the rows, or (kind time) the first moment of validation."
    )
    test: float | str = Field(
        0.1, description="Share of the rows, or (kind time) the first moment of the test."
    )
    column: str | None = Field(
        None, description="Kind column: holds train, valid, test (or what `values` says)."
    )
    values: dict[str, str] = Field({}, description="Kind column: what the file calls train, valid and test.")
    folds: int = Field(5, ge=2, description="Kind kfold: how many parts.")
    fold: int = Field(0, ge=0, description="Kind kfold: the part that tests, from 0; the next one validates.")
    cold_items: float = Field(0.0, ge=0, lt=1, description="Share of items whose events never train.")
    cold_users: float = Field(0.0, ge=0, lt=1, description="Share of users whose events never train.")
    seed: int = Field(0, description="Of every choice that the split makes at random.")

    @model_validator(mode="after")
    def _complete(self) -> "Split":
        if self.kind == "column" and not self.column:
            raise misfits([(("kind",), "a split of kind 'column' needs  column: NAME")])
        if self.kind == "kfold" and self.fold >= self.folds:
            text = f"fold {self.fold} does not exist among {self.folds} folds; count from 0"
            raise misfits([(("fold",), text)])
        return self


class Signal(Record):
    """What counters keep the past mean of, beside the tasks' labels."""

    name: Annotated[
        str,
        Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$"),
        Words("a word of letters, digits and _ that begins with a letter"),
    ] = Field(description="What the counters are called by.")
    value: Annotated[str, AfterValidator(checked), Words("an expression over event columns")] = Field(
        description="A number, or a condition that counts as 0 or 1."
    )
    types: Annotated[list[str], BeforeValidator(as_list), Field(min_length=1)] | None = Field(
        None, description="Event types that have it; null: all."
    )


class Counters(Record):
    """Point-in-time counters: what had happened just before the event, per user, item and declared column."""

    enabled: bool | Literal["auto"] = Field(
        "auto", description="auto: on when a task scores rows and times exist."
    )
    half_lives: list[Duration] = Field(["1d", "7d"], description="Decayed counters beside the plain ones.")
    crosses: bool | list[Annotated[list[str], Field(min_length=2)]] = Field(
        True,
        description="Keys counted together: true for the user with each counted column and the item with "
        "each of the context, or lists of user, item and counted columns.",
    )
    signals: list[Signal] = Field(
        [], description="What else has a past mean, and how often it was known, for each key."
    )
    smoothing: float = Field(
        20.0, gt=0, description="Prior strength, in events, that pulls rates to the mean."
    )


class DataConfig(Record):
    """Files, columns, cleaning, split."""

    items: Annotated[list[ItemsSource], BeforeValidator(as_list)] = Field([], description="The catalogue.")
    users: Annotated[list[UsersSource], BeforeValidator(as_list)] = Field(
        [], description="What is known of users."
    )
    events: Annotated[list[EventsSource], BeforeValidator(as_list)] = Field(
        [], description="The log, or several; only runs whose tasks all read texts do without."
    )
    cleaning: Cleaning = Field(Cleaning(), description="What happens to rows that cannot be right.")
    split: Split = Field(Split(), description="Which rows train, validate and test.")
    counters: Counters = Field(Counters(), description="What had happened before each event.")
    repeats: bool | Literal["auto"] = Field(
        "auto", description="Can a user meet an item again? auto: the data say."
    )
    seed: int | None = Field(
        None,
        description="Of the order of events of one moment and of the items' numbers; null: training.seed. "
        "Runs that are to be one ensemble need the same.",
    )
