"""Cells of the files become categories, numbers, texts, vectors and ids: one expression for each column."""

import polars as pl

from motet.config.data import Column
from motet.data.readers_numbers import number, other_decimal, plain
from motet.data.readers_raw import Raw
from motet.errors import DataError

_BRACKETS = "[](){} \t"
_QUOTES = "\"' \t"


def is_list(dtype: pl.DataType) -> bool:
    """Whether cells hold several values."""
    return isinstance(dtype, pl.List | pl.Array)


def parts(text: pl.Expr, separator: str) -> pl.Expr:
    """Text split into its parts, `pl.List(pl.String)`: brackets, quotes, blanks and empty parts fall away.

    >>> pl.select(parts(pl.lit("['a', 'b c']"), ",")).item().to_list()
    ['a', 'b c']
    """
    bare = text.cast(pl.String).str.strip_chars(_BRACKETS)
    each = pl.element().str.strip_chars(_QUOTES)
    return bare.str.split(separator).list.eval(each.filter(each != ""))


def as_categories(raw: Raw, column: Column) -> tuple[pl.Expr, bool]:
    """Categories of a column: strings, or lists of strings (the second value says which)."""
    name, dtype = column.column, raw.schema[column.column]
    separator = column.separator or raw.lists.get(name)
    if is_list(dtype):
        return flat_strings(pl.col(name), dtype), True
    if separator and dtype == pl.String:
        return parts(pl.col(name), separator).alias(name), True
    if dtype.is_float():
        return _written(name), False
    if dtype == pl.Boolean:
        return pl.col(name).cast(pl.Int64).cast(pl.String), False
    return pl.col(name).cast(pl.String).str.strip_chars(), False


def _written(name: str) -> pl.Expr:
    """A column of numbers as text: whole ones without decimals, none where it is no number."""
    whole = pl.col(name).cast(pl.Int64, strict=False)
    text = pl.when(whole.cast(pl.Float64) == pl.col(name)).then(whole.cast(pl.String))
    return text.otherwise(pl.col(name).fill_nan(None).cast(pl.String)).alias(name)


def flat_strings(value: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Lists of any depth as `pl.List(pl.String)`; what lists of lists hold twice is kept once."""
    nested = False
    while is_list(inner := getattr(dtype, "inner", pl.String())):
        value = value.arr.to_list() if isinstance(dtype, pl.Array) else value
        value, dtype, nested = value.list.eval(_opened(inner)), inner, True
    listed = value.arr.to_list() if isinstance(dtype, pl.Array) and not nested else value
    strings = listed.cast(pl.List(pl.String)).list.drop_nulls()
    return strings.list.unique(maintain_order=True) if nested else strings


def _opened(dtype: pl.DataType) -> pl.Expr:
    return pl.element().arr.explode() if isinstance(dtype, pl.Array) else pl.element().explode()


def as_number(raw: Raw, name: str) -> pl.Expr:
    """A column as Float64; what is no number becomes null.

    Raises:
        DataError: The column holds lists.
    """
    dtype = raw.schema[name]
    if is_list(dtype):
        raise DataError(
            f"{raw.where}: column {name!r} holds lists, which are no single number. Write it under  vectors: "
            f" (a ready-made vector) or  categorical:  in {raw.part}."
        )
    return number(pl.col(name), dtype, raw.decimal)


def refuse_other_decimal(raw: Raw, sample: pl.DataFrame) -> None:
    """Refuse columns of numbers whose decimals begin with another sign than the source says.

    Args:
        raw: The source.
        sample: Some rows of columns that are declared as numbers.

    Raises:
        DataError: Many cells of a column are numbers with the other sign alone.
    """
    for cells in sample:
        found = other_decimal(cells) if cells.dtype == pl.String else None
        if found is not None and found[0] != raw.decimal:
            raise DataError(
                f"{raw.where}: column {cells.name!r} holds {found[1]!r}, which is no number with  decimal: "
                f'"{raw.decimal}" . Write  decimal: "{found[0]}"  under {raw.part}.'
            )


def unread(raw: Raw, name: str, read: pl.Expr) -> list[pl.Expr]:
    """Marks of a text column that is read as numbers: what stands in cells that could not be read, else null.

    Cleaning writes them down; without them such a cell would pass for an empty one.

    Args:
        raw: The source.
        name: Its column.
        read: The column as it was read.

    Returns:
        One expression without a name of its own, or none for a column of another type than text.
    """
    if raw.schema[name] != pl.String:
        return []
    text = pl.col(name).str.strip_chars()
    strange = read.is_null() & (text != "") & (text.str.to_lowercase() != "nan")
    return [pl.when(strange).then(text)]


def as_text(raw: Raw, name: str) -> pl.Expr:
    """A column as one string a row; lists are joined by commas, blanks at the ends fall away."""
    dtype = raw.schema[name]
    if is_list(dtype):
        return flat_strings(pl.col(name), dtype).list.join(", ")
    return _written(name) if dtype.is_float() else pl.col(name).cast(pl.String).str.strip_chars()


def in_words(column: Column, value: pl.Expr) -> pl.Expr:
    """A text as it is read: cut at the end of a word, and with the words around it; null where empty."""
    if column.longest is not None:
        cut = value.str.slice(0, column.longest)
        ends = value.str.slice(column.longest, 1).str.contains(r"^\s?$")  # behind a whole word
        whole = pl.when(ends).then(cut).otherwise(cut.str.replace(r"\s+\S*$", ""))
        value = whole.str.strip_chars()
    if column.template is not None:
        before, _, after = column.template.partition("{}")
        value = pl.when(value.str.len_chars() > 0).then(pl.lit(before) + value + pl.lit(after))
    return value


def as_vector(raw: Raw, column: Column) -> pl.Expr:
    """A column of ready-made vectors as `pl.List(pl.Float32)`: native lists, or text such as `[0.1, 0.2]`.

    Raises:
        DataError: The cells cannot be read as lists of numbers.
    """
    name, dtype = column.column, raw.schema[column.column]
    if is_list(dtype):
        listed = pl.col(name).arr.to_list() if isinstance(dtype, pl.Array) else pl.col(name)
        return listed.cast(pl.List(pl.Float32))
    first = raw.frame.select(name).drop_nulls().head(1).collect(engine="streaming")
    cell = str(first.item()) if first.height else ""
    signs = (",", ";", "|") if raw.decimal == "." else (";", "|")
    separator = column.separator or next((sign for sign in signs if sign in cell), " ")
    each = plain(pl.element(), raw.decimal).cast(pl.Float32, strict=False)
    values = parts(pl.col(name), separator).list.eval(each)
    if first.height and first.select(values.list.eval(pl.element().is_null()).list.any()).item():
        raise DataError(
            f"{raw.where}: column {name!r} is declared under  vectors:  but holds {cell[:60]!r}. A vector is"
            " a list of numbers; write its  separator:  or move the column to  text: , categorical:  or "
            " numeric:"
        )
    return values.alias(name)


def as_id(raw: Raw, name: str) -> pl.Expr:
    """An id column as it lies: integers, floats (what pandas makes of gaps) or stripped strings."""
    dtype = raw.schema[name]
    if dtype.is_integer():
        return pl.col(name).cast(pl.Int64)
    if dtype.is_float():
        return pl.col(name).fill_nan(None)
    return pl.col(name).cast(pl.String).str.strip_chars()


def unify_ids(frames: list[pl.LazyFrame], column: str) -> list[pl.LazyFrame]:
    """Give an id column one type in all frames: Int64 when every file has integers there, else String.

    Strings count as integers when they are written as such: `007` is not, for it would come back as `7`.
    """
    whole = all(_has_integers(frame, column) for frame in frames)
    return [frame.with_columns(_as_whole(frame, column, whole)) for frame in frames]


def _has_integers(frame: pl.LazyFrame, column: str) -> bool:
    dtype, value = frame.collect_schema()[column], pl.col(column)
    if dtype == pl.Int64:
        return True
    whole = value.cast(pl.Int64, strict=False)
    same = whole.cast(pl.Float64) == value if dtype.is_float() else whole.cast(pl.String) == value
    strange = value.is_not_null() & ~same.fill_null(False)
    return not frame.select(strange.any()).collect(engine="streaming").item()


def _as_whole(frame: pl.LazyFrame, column: str, whole: bool) -> pl.Expr:
    dtype, value = frame.collect_schema()[column], pl.col(column)
    if whole:
        return value.cast(pl.Int64)
    if dtype.is_float():
        integer = value.cast(pl.Int64, strict=False)
        return (
            pl.when(integer.cast(pl.Float64) == value)
            .then(integer.cast(pl.String))
            .otherwise(value.cast(pl.String))
        )
    return value.cast(pl.String)
