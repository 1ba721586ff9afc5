"""`motet predict`: predict a task for the rows of a file."""

from pathlib import Path
from typing import Annotated

import typer


def predict(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    task: Annotated[str, typer.Option(help="A task that scores rows.")],
    rows: Annotated[Path, typer.Option(help="A file of rows: user, item, and if known time and context.")],
    out: Annotated[Path | None, typer.Option(help="Write to this file: .csv, .jsonl or .parquet.")] = None,
) -> None:
    """Predict a task for the rows of a file; adds a column `prediction`."""
    import motet
    from motet.cli.output import read_table, refuse_ending, write_table

    refuse_ending(out)
    asked = read_table(rows)
    write_table(motet.open(run).predict(asked, task), out)
