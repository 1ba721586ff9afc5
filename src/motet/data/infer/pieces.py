"""Files with the same columns: parts of one table, copies of each other's rows, or tables of their own."""

import polars as pl

from motet.data.infer import words
from motet.data.infer.figures import mean
from motet.data.infer.look import Look, laid_together

_SAME_ROWS = 0.5
_LARGEST_COMPARED = 2_000_000


def lay_parts_together(looks: list[Look]) -> tuple[list[Look], dict[str, str]]:
    """Join the parts of tables and set copies aside.

    Returns:
        The tables, and the names of the files left out with the reason.
    """
    together: list[Look] = []
    unused: dict[str, str] = {}
    for group in _of_one_form(looks):
        tables: list[list[Look]] = []
        for look in sorted(group, key=lambda look: (-look.rows, look.paths)):
            holder = next((each for table in tables for each in table if _holds(each, look)), None)
            if holder is not None:
                unused[look.name] = f"its rows lie in {holder.name} too"
                continue
            table = next((table for table in tables if _are_parts(table[0], look)), None)
            if table is None:
                tables.append([look])
            else:
                table.append(look)
        together += [_joined(table) for table in tables]
    order = {look.paths[0]: place for place, look in enumerate(looks)}
    return sorted(together, key=lambda look: min(order[path] for path in look.paths)), unused


def _joined(parts: list[Look]) -> Look:
    return parts[0] if len(parts) == 1 else laid_together(sorted(parts, key=lambda look: look.paths))


def _of_one_form(looks: list[Look]) -> list[list[Look]]:
    """Groups of files with the same columns of the same types."""
    groups: dict[tuple[object, ...], list[Look]] = {}
    for look in looks:
        types = tuple(str(dtype) for dtype in look.raw.schema.values())
        numbers = tuple(_is_number(look.sample[name]) for name in look.sample.columns)
        settings = str({name: value for name, value in look.settings.items() if name != "decimal"})
        groups.setdefault((tuple(look.raw.schema), types, numbers, settings), []).append(look)
    return list(groups.values())


def _is_number(column: pl.Series) -> bool:
    known = column.drop_nulls().head(100)
    if known.dtype == pl.String:
        return known.cast(pl.Float64, strict=False).null_count() == 0
    return known.dtype.is_numeric()


def _holds(whole: Look, part: Look) -> bool:
    """Whether (some of) the rows of one file lie in another."""
    files = [words.family(look.paths[0].name) for look in (whole, part)]
    acts = files[0] != files[1] and any(words.speaks_of(file, words.ACTS) for file in files)
    if whole.rows > _LARGEST_COMPARED or acts:
        return False
    rows = whole.raw.frame.collect(engine="streaming").hash_rows(seed=0)
    return mean(part.head.head(1_000).hash_rows(seed=0).is_in(rows.implode())) >= _SAME_ROWS


def _are_parts(first: Look, second: Look) -> bool:
    """Parts bear one name but for numbers and words such as `train`; nameless columns share values."""
    if first.ragged or words.family(first.paths[0].name) != words.family(second.paths[0].name):
        return False
    if first.settings.get("header", True) is True:
        return True
    shared = [
        mean(second.sample[name].head(5_000).is_in(first.sample[name].implode()))
        for name in first.sample.columns[:2]
    ]
    return min(shared) >= 0.1
