"""`motet affinity`: which tasks help each other."""

from pathlib import Path
from typing import Annotated

import typer


def affinity(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="A configuration, such as motet.yaml.")],
    out: Annotated[
        Path | None, typer.Option(help="The folder to write to; without it affinity/NAME.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="a.b=c", help="Change a setting; may be given several times."),
    ] = None,
) -> None:
    """Train all tasks together once, and measure how much a step for each of them helps the others.

    Writes affinity.json and the drawing affinity.svg; no run is made.
    """
    from motet.affinity import affinity as measure
    from motet.cli.show import matrix
    from motet.config.read import located
    from motet.run import resolve
    from motet.system.log import say

    found, folder = resolve(config, set_ or ())
    target = out or Path("affinity") / found.name
    with located(config, set_ or ()):
        measured = measure(found, folder, target)
    print(matrix(measured["matrix"]))
    say(f"Means of {measured['looks']} looks at most; few looks say little: raise  training.epochs.")
    if measured["groups"] is not None:
        groups = " and ".join("(" + ", ".join(group) + ")" for group in measured["groups"])
        say(f"Help each other most: {groups}.")
    say(f"The figures are in {target / 'affinity.json'}, the drawing in {target / 'affinity.svg'}.")
