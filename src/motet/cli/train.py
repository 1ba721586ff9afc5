"""`motet train`: one model for every task, and a run folder."""

from pathlib import Path
from typing import Annotated

import typer


def train(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="A configuration, such as motet.yaml.")],
    run: Annotated[Path | None, typer.Option(help="The run folder; without it runs/NAME.")] = None,
    guard: Annotated[
        bool, typer.Option("--guard", help="Set tasks apart that sharing hurts, judged on validation rows.")
    ] = False,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="a.b=c", help="Change a setting; may be given several times."),
    ] = None,
) -> None:
    """Train one model for every task, beside its twins and baselines; goes on where it was stopped.

    Ctrl-C ends training early: the best so far of the joint model is measured and written as a run, without
    the twins that are not trained yet, and the report says so. A second Ctrl-C stops at once.
    """
    from motet.cli.show import verdicts
    from motet.config.read import located
    from motet.run import resolve
    from motet.run import train as train_run
    from motet.system.log import say
    from motet.training.unfinished import told_how_to_go_on

    found, folder = resolve(config, set_ or ())
    target = run or Path("runs") / found.name
    try:
        with located(config, set_ or ()):
            done = train_run(found, folder, target, guarded=guard)
    except KeyboardInterrupt:
        say(told_how_to_go_on(target))
        raise
    print(verdicts(done.metrics))
    say(f"The run is in {done.folder}; open {done.folder / 'report.html'} in a browser.")
