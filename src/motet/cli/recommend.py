"""`motet recommend`: the best items for users, items like an item, or items for a sentence."""

from pathlib import Path
from typing import Annotated

import typer


def recommend(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    task: Annotated[
        str | None,
        typer.Option(help="A next_item task, or one that finds items for a sentence; without it the first."),
    ] = None,
    users: Annotated[
        str | None, typer.Option(metavar="all|FILE|ID,...", help="Whom to recommend to.")
    ] = None,
    item: Annotated[str | None, typer.Option(help="Instead of users: an item to find the like of.")] = None,
    text: Annotated[
        str | None, typer.Option(help="A sentence to find items for; with users, for each of them.")
    ] = None,
    k: Annotated[int, typer.Option(min=1, help="How many items.")] = 10,
    out: Annotated[Path | None, typer.Option(help="Write to this file: .csv, .jsonl or .parquet.")] = None,
    keep_seen: Annotated[
        bool | None, typer.Option("--keep-seen/--drop-seen", help="Whether items that the user has may come.")
    ] = None,
) -> None:
    """Recommend items for users, or items like an item or for a sentence: columns (user,) rank, item, score.

    Users come in the order of their ids, whatever the order of the log; the items of each, best first.
    A sentence and users together: what its words say and what each user takes next, the latter with the
    weight that was fitted when the run was trained.
    """
    import motet
    from motet.cli.output import refuse_ending, write_table
    from motet.cli.people import wanted_users
    from motet.errors import ConfigError

    if (users is None and text is None) == (item is None):
        raise ConfigError(
            "Say for whom: one of  --users all|FILE|ID,...,  --item ID,  --text SENTENCE , or users and a "
            "sentence together."
        )
    refuse_ending(out)
    model = motet.open(run)
    if item is not None:
        found = model.similar(item, task, k)
    elif text is not None:
        wanted = None if users is None else wanted_users(users)
        asked = "all" if wanted is None and users is not None else wanted
        found = model.find(text, task, k, asked, keep_seen)
    else:
        assert users is not None
        found = model.recommend(wanted_users(users), task, k, keep_seen)
    write_table(found, out)
