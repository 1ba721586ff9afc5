"""`motet recommend`: the best items for users, or items like an item."""

from pathlib import Path
from typing import Annotated

import typer


def recommend(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    task: Annotated[str | None, typer.Option(help="A next_item task; without it the first.")] = None,
    users: Annotated[
        str | None, typer.Option(metavar="all|FILE|ID,...", help="Whom to recommend to.")
    ] = None,
    item: Annotated[str | None, typer.Option(help="Instead of users: an item to find the like of.")] = None,
    k: Annotated[int, typer.Option(min=1, help="How many items.")] = 10,
    out: Annotated[Path | None, typer.Option(help="Write to this file: .csv, .jsonl or .parquet.")] = None,
    keep_seen: Annotated[
        bool | None, typer.Option("--keep-seen/--drop-seen", help="Whether items that the user has may come.")
    ] = None,
    titles: Annotated[bool, typer.Option(help="Add a column with what the items are called.")] = False,
) -> None:
    """Recommend items for users, or items like an item: columns user, rank, item, score."""
    import polars as pl

    import motet
    from motet.cli.output import write_table
    from motet.cli.people import wanted_users
    from motet.errors import ConfigError

    if (users is None) == (item is None):
        raise ConfigError("Say for whom: either  --users all|FILE|ID,...  or  --item ID.")
    model = motet.open(run)
    if item is not None:
        found = model.similar(item, task, k)
    else:
        assert users is not None
        found = model.recommend(wanted_users(users), task, k, keep_seen)
    if titles:
        names = pl.DataFrame({"item": model.bundle.catalogue.ids, "title": model.bundle.titles()[1:]})
        found = found.join(names, on="item", how="left", maintain_order="left")
    write_table(found, out)
