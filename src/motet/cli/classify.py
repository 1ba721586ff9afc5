"""`motet classify`: the class of a text, or of every row of a file."""

from pathlib import Path
from typing import Annotated

import typer


def classify(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    text: Annotated[list[str] | None, typer.Option(help="A text; may be given several times.")] = None,
    rows: Annotated[Path | None, typer.Option(help="A file of rows: .csv, .jsonl or .parquet.")] = None,
    column: Annotated[str, typer.Option(help="The column of the file that holds the text.")] = "text",
    task: Annotated[str | None, typer.Option(help="A task that reads texts; not needed if one does.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write to this file: .csv, .jsonl or .parquet.")] = None,
) -> None:
    """Classify texts: the most probable class of each, and how probable it is."""
    import motet
    from motet.cli.output import asked_texts, refuse_ending, write_table

    refuse_ending(out)
    texts, table = asked_texts(text, rows, column, "classify")
    found = motet.open(run).classify(texts, task)
    write_table(
        found if table is None else table.with_columns(found["prediction"], found["probability"]), out
    )
