"""Retold labels: rows that say again what an earlier one of the same user and item, of another type, said.

Such a row is no question: its answer stands in the history.
"""

import polars as pl


def retold(rows: pl.DataFrame) -> pl.DataFrame:
    """Each row beside the last value that was known before it.

    Args:
        rows: ``user``, ``item``, ``time``, ``type`` and ``x`` (the value, null where a row has none).

    Returns:
        ``type``, ``x`` and ``before`` of the rows with a value; ``before`` is null where no earlier row of
        another type has one.
    """
    known = rows.drop_nulls().sort("time", maintain_order=True)
    parts = []
    for name in known["type"].unique(maintain_order=True).to_list():
        mine, others = known.filter(pl.col("type") == name), known.filter(pl.col("type") != name)
        told = others.select("user", "item", "time", before="x")
        joined = mine.join_asof(
            told, on="time", by=["user", "item"], allow_exact_matches=False, check_sortedness=False
        )
        parts.append(joined.select("type", "x", "before"))
    return pl.concat(parts) if parts else known.select("type", "x", before="x")
