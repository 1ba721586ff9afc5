"""`motet init`: look at data files and write a configuration for them."""

from pathlib import Path
from typing import Annotated

import typer

from motet.errors import ConfigError


def init(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILES...", help="Data files, or folders that hold them.")
    ],
    out: Annotated[Path, typer.Option("--out", help="The configuration to write.")] = Path("motet.yaml"),
    name: Annotated[
        str | None, typer.Option("--name", help="Its name; else that of the files' folder.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a configuration that is there.")] = False,
) -> None:
    """Look at data files and write a configuration for them, with a reason beside each choice."""
    from motet.data.infer import infer
    from motet.system.files import write_text

    if out.exists() and not force:
        raise ConfigError(
            f"{out} exists already. Name another file with  --out , or write over it with  --force"
        )
    found = infer(files, out.resolve().parent, name)
    write_text(out, found.text)
    for statement in found.statements:
        print(statement)
    print(f"\nwrote {out}. Read it, change what you know better, then run  motet check {out}")
