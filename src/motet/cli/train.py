"""`motet train`: one model for every task, and a run folder."""

from pathlib import Path
from typing import Annotated

import typer


def train(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="A configuration, such as motet.yaml.")],
    run: Annotated[Path | None, typer.Option(help="The run folder; without it runs/NAME.")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="a.b=c", help="Change a setting; may be given several times."),
    ] = None,
) -> None:
    """Train one model for every task, beside its twins and baselines; goes on where it was stopped."""
    from motet.cli.show import verdicts
    from motet.run import resolve
    from motet.run import train as train_run
    from motet.system.log import say

    found, folder = resolve(config, set_ or ())
    done = train_run(found, folder, run or Path("runs") / found.name)
    print(verdicts(done.metrics))
    say(f"The run is in {done.folder}; open {done.folder / 'report.html'} in a browser.")
