"""`motet ensemble`: several runs as one."""

from pathlib import Path
from typing import Annotated, Literal

import typer


def ensemble(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN...",
            help="Run folders, of the same data and split; of snapshot and soup one will do.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="The run folder to write.")],
    kind: Annotated[
        Literal[
            "average",
            "vote",
            "logistic",
            "boosted",
            "rank_fusion",
            "stackelberg",
            "network",
            "snapshot",
            "soup",
        ],
        typer.Option(help="How the members are put together."),
    ] = "average",
) -> None:
    """Put runs together: a run folder whose answers are those of all of them.

    What is fitted is fitted on validation rows; the members may differ in all but data, split and tasks.
    """
    import motet
    from motet.cli.show import beside_best
    from motet.system.log import say

    done = motet.ensemble(runs, out, kind)
    print(beside_best(done.metrics))
    say(f"The ensemble is in {done.folder}; open {done.folder / 'report.html'} in a browser.")
