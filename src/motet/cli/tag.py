"""`motet tag`: what a text names, or every row of a file."""

from pathlib import Path
from typing import Annotated

import typer


def tag(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    text: Annotated[list[str] | None, typer.Option(help="A text; may be given several times.")] = None,
    rows: Annotated[Path | None, typer.Option(help="A file of rows: .csv, .jsonl or .parquet.")] = None,
    column: Annotated[str, typer.Option(help="The column of the file that holds the text.")] = "text",
    task: Annotated[str | None, typer.Option(help="A task that tags; not needed if one does.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write to this file: .csv, .jsonl or .parquet.")] = None,
) -> None:
    """Tag texts: a line for each span found, with its type, its place, and how sure the model is."""
    import motet
    from motet.cli.output import asked_texts, refuse_ending, write_table

    refuse_ending(out)
    texts, _ = asked_texts(text, rows, column, "tag")
    write_table(motet.open(run).tag(texts, task), out)
