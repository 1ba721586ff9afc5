"""`motet answer`: the answer to a question, or to every row of a file."""

from pathlib import Path
from typing import Annotated

import typer


def answer(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    text: Annotated[list[str] | None, typer.Option(help="A question; may be given several times.")] = None,
    rows: Annotated[Path | None, typer.Option(help="A file of rows: .csv, .jsonl or .parquet.")] = None,
    column: Annotated[str, typer.Option(help="The column of the file that holds the question.")] = "text",
    task: Annotated[str | None, typer.Option(help="A retrieval task; not needed if there is one.")] = None,
    k: Annotated[int, typer.Option(min=1, help="Answers to each.")] = 1,
    out: Annotated[Path | None, typer.Option(help="Write to this file: .csv, .jsonl or .parquet.")] = None,
) -> None:
    """Answer questions: the most probable answers of each; where it is not sure, a person is to answer."""
    import motet
    from motet.cli.output import asked_texts, refuse_ending, write_table

    refuse_ending(out)
    texts, _ = asked_texts(text, rows, column, "answer")
    write_table(motet.open(run).answer(texts, task, k), out)
