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
    from motet.cli.output import read_table, refuse_ending, write_table
    from motet.errors import ConfigError

    refuse_ending(out)
    if (rows is None) == (not text):
        raise ConfigError("say what to classify: either  --text 'SENTENCE'  or  --rows FILE .")
    if rows is None:
        write_table(motet.open(run).classify(text or [], task), out)
        return
    table = read_table(rows)
    if column not in table.columns:
        raise ConfigError(
            f"{rows} has no column {column!r}; name one with  --column: {', '.join(table.columns)}."
        )
    found = motet.open(run).classify(table[column].cast(str).fill_null("").to_list(), task)
    write_table(table.with_columns(found["prediction"], found["probability"]), out)
