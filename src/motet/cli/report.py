"""`motet report`: write the HTML page of a run folder."""

from pathlib import Path
from typing import Annotated

import typer


def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, as `motet train` wrote it.")],
    out: Annotated[
        Path | None, typer.Option(help="Write the page to this file instead of RUN/report.html.")
    ] = None,
) -> None:
    """Write the report of a run: one HTML page that loads nothing."""
    from motet.evaluation.report import write_report
    from motet.system.log import say

    say(f"The report is in {write_report(run, out)}")
