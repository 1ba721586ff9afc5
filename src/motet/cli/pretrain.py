"""`motet pretrain`: the language model learns from the product's own texts, before any task."""

from pathlib import Path
from typing import Annotated

import typer


def pretrain(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="A configuration, such as motet.yaml.")],
    out: Annotated[Path | None, typer.Option(help="The folder to write; without it models/NAME.")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="a.b=c", help="Change a setting; may be given several times."),
    ] = None,
) -> None:
    """Train the language model on the texts of items, tasks and files; goes on where it was stopped.

    Writes a folder that model.language.name may name in the next training. Ctrl-C ends it early with the best
    so far; a second Ctrl-C stops at once.
    """
    from motet.cli.show import before_and_after
    from motet.config.read import located
    from motet.pretraining.train import pretrain as train_language
    from motet.run import resolve
    from motet.system.log import say
    from motet.training.unfinished import told_how_to_go_on

    found, folder = resolve(config, set_ or ())
    target = out or Path("models") / found.name
    try:
        with located(config, set_ or ()):
            account = train_language(found, folder, target)
    except KeyboardInterrupt:
        say(told_how_to_go_on(target))
        raise
    print(before_and_after(account["before"], account["after"]))
    say(f"The model is in {target}; write  model: {{language: {{name: {target}}}}}  to use it.")
