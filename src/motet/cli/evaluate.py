"""`motet evaluate`: measure every task of a run again, from its model and its log; or put runs together."""

from pathlib import Path
from typing import Annotated

import typer


def evaluate(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN...", help="A run folder; of several, folds or seeds, the mean and spread."
        ),
    ],
    split: Annotated[str, typer.Option(help="train, valid or test.")] = "test",
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure every task of a run, or put the figures of several runs of one configuration together."""
    from json import dumps

    if len(runs) > 1:
        from motet.cli.show import spread
        from motet.evaluation.repeats import of_runs

        together = of_runs(runs, split)
        print(dumps(together, indent=2) if json else spread(together))
        return

    import motet
    from motet.cli.show import table
    from motet.derive.origins import changed_since
    from motet.system.log import warn

    found = motet.open(runs[0]).evaluate(split)
    for line in changed_since(runs[0]):
        warn(f"{runs[0]}: {line}. Where it learned from rows of now, the figures are too good.")
    print(dumps(found, indent=2) if json else table(found))
