"""`motet evaluate`: measure every task of a run again, from its model and its log."""

from pathlib import Path
from typing import Annotated

import typer


def evaluate(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    split: Annotated[str, typer.Option(help="valid or test.")] = "test",
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure every task of a run."""
    from json import dumps

    import motet
    from motet.cli.show import table

    found = motet.open(run).evaluate(split)
    print(dumps(found, indent=2) if json else table(found))
