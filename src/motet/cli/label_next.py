"""`motet label-next`: which texts of a file are worth a label most."""

from pathlib import Path
from typing import Annotated

import typer


def label_next(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    rows: Annotated[Path, typer.Option(help="A file of texts without a label: .csv, .jsonl or .parquet.")],
    column: Annotated[str, typer.Option(help="The column of the file that holds the text.")] = "text",
    k: Annotated[int, typer.Option(min=1, help="How many will be labelled.")] = 50,
    by: Annotated[str, typer.Option(help="both, uncertainty, diversity or random.")] = "both",
    task: Annotated[
        str | None, typer.Option(help="A task that classifies texts; not needed if one does.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write to this file: .csv, .jsonl or .parquet.")] = None,
) -> None:
    """Say which texts to label next: rows of the file, the most wanted first.

    With each row comes what the model takes it for now. `uncertainty` takes the texts on which the model
    decides least, `diversity` those that lie far from one another, `both` what would change the model most,
    each in another way.
    """
    import motet
    from motet.cli.output import asked_texts, refuse_ending, write_table

    refuse_ending(out)
    texts, table = asked_texts(None, rows, column, "label")
    assert table is not None
    found = motet.open(run).label_next(texts, k, by, task)
    added = found.select("prediction", "probability")
    write_table(table.drop(added.columns, strict=False)[found["row"] - 1].hstack(added), out)
