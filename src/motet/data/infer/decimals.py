"""Whether the numbers of a file have a decimal comma; all values of a column tell them from lists (`3,17`).

Programs write decimals with a fixed number of digits, or without zeros at the end; ids in a list do neither.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import polars as pl

from motet.data.readers_numbers import COMMA_NUMBER, share_read

_MOSTLY = 0.95
_STEPS = ["0", "00", "5", "50", "25", "75"]
"""Decimals of halves and quarters."""
_MANY = 40
"""Of so many different ids some end in 0."""
_DIVIDED = (";", "\t", "|")
"""Signs that divide the columns of files where a comma is free for decimals."""

Verdict = Literal["sure", "likely", "unclear", "list", "thousands", "point", "none"]


@dataclass(frozen=True)
class Commas:
    """The columns of a file whose numbers have a decimal comma, or points between their thousands."""

    columns: tuple[str, ...]
    reason: str


def find_commas(sample: pl.DataFrame, separator: str | None) -> Commas | None:
    """The columns with a decimal comma, when the file has them and no column has a decimal point.

    Args:
        sample: Rows as they stand in the file.
        separator: What divides its columns; None: no sign does.
    """
    verdicts = {cells.name: verdict(cells) for cells in sample if cells.dtype == pl.String}
    found = set(verdicts.values())
    if "point" in found or not ("sure" in found or ("likely" in found and separator in _DIVIDED)):
        return None
    shown = next(name for sort in ("sure", "likely") for name, each in verdicts.items() if each == sort)
    numbers = tuple(n for n, each in verdicts.items() if each in ("sure", "likely", "unclear", "thousands"))
    return Commas(numbers, f"its numbers have a decimal comma, such as {_example(sample[shown])} in {shown}")


def _example(cells: pl.Series) -> str:
    """A cell with a comma, with points between its thousands too if there is one."""
    known = cells.str.strip_chars().drop_nulls()
    known = known.filter(known.str.contains(",", literal=True) & known.str.contains(COMMA_NUMBER))
    both = known.filter(known.str.contains(".", literal=True))
    return str((both if len(both) else known)[0])


def verdict(cells: pl.Series) -> Verdict:
    """What a column of strings says.

    Returns:
        Numbers with a decimal comma (`sure`, `likely`), what may be such (`unclear`), a `list` of whole
        numbers, whole numbers that may have points between `thousands`, numbers with a decimal `point`, or
        `none` of these.

    >>> [verdict(pl.Series(cells)) for cells in (["4,5", "3"], ["1.880,37"], ["3,17", "3,17,4"], ["4.5"])]
    ['likely', 'sure', 'list', 'point']
    """
    known = cells.str.strip_chars().drop_nulls()
    known = known.filter(known != "")
    if not known.str.contains("[.,]").any() or known.str.contains(r"^-?0\d").any():
        return "none"
    if share_read(known, ".") >= _MOSTLY:
        return "thousands" if share_read(known, ",") >= _MOSTLY else "point"
    if known.str.contains(r"^\d+(,\d+){2,}$").any():
        return "list"
    if share_read(known, ",") < _MOSTLY:
        return "none"
    return next(_evidence(known))


def _evidence(known: pl.Series) -> Iterator[Verdict]:
    """The verdicts that numbers with at most one comma allow, the first being the best founded."""
    pairs = known.filter(known.str.contains(",", literal=True) & known.str.contains(COMMA_NUMBER))
    if pairs.is_empty():  # points between thousands alone
        yield "unclear"
    split = pairs.str.split_exact(",", 1).struct.unnest()
    left, right = split["field_0"].str.strip_chars("+-"), split["field_1"]
    alone = known.filter(known.str.contains(r"^\d+$"))
    if left.str.contains(r"[.\s]").any():
        yield "sure"
    if pairs.str.contains(r"^[+-]?[1-9]\d{0,2},\d{3}$").all():  # commas may part thousands
        yield "unclear"
    if right.str.contains(r"^0\d").any() or known.str.starts_with("-").any():
        yield "sure"
    if right.is_in(_STEPS).all():
        yield "likely"
    widths = right.str.len_chars().unique().to_list()
    if len(widths) == 1:
        other = (pl.concat([left, alone]).str.len_chars() != widths[0]).any()
        yield "likely" if other or (left == right).any() else "unclear"
    long = right.filter(right.str.len_chars() > 1)
    ends = long.str.ends_with("0").any()
    yield "list" if ends else "likely" if long.n_unique() >= _MANY else "unclear"
