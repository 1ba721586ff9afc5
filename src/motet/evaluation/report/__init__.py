"""The report: a run's figures as one self-contained HTML page that loads nothing.

Start at :func:`write_report`. `evidence` reads; `verdicts` and `facts` write the top; `sharing`, `scores`,
`texts`, `parts`, `plots`, `behaviour`, `cost` and `origins` write the sections; `charts` draws; `page` fills
the template.
"""

from pathlib import Path
from typing import Any

from motet.evaluation.report.evidence import gather, read_files
from motet.evaluation.report.page import build_page
from motet.system.files import write_text
from motet.system.manifest import update_manifest

REPORT = "report.html"


def render(
    metrics: dict[str, Any], cleaning: dict[str, Any] | list[Any], config_text: str, manifest: dict[str, Any]
) -> str:
    """The page as HTML. Whatever is missing, NaN or of another shape is left out or printed as a dash.

    Args:
        metrics: As in ``metrics.json``.
        cleaning: The data account: a list of findings, or a mapping that holds it under ``findings``.
        config_text: The run's ``motet.yaml``.
        manifest: As in ``manifest.json``.
    """
    return build_page(gather(metrics, cleaning, config_text, manifest))


def write_report(run: Path, out: Path | None = None) -> Path:
    """Write the page of a run folder, and renew its hash where the manifest names it.

    Args:
        run: The run folder.
        out: Another file or folder to write to; the run folder is then left as it is.

    Returns:
        The file that was written.

    Raises:
        ArtifactError: The folder is not a run, or one of its files is not JSON.
    """
    run = Path(run)
    metrics, cleaning, text, manifest = read_files(run)
    place = run if out is None else Path(out)
    place = place / REPORT if place.is_dir() else place
    write_text(place, render(metrics, cleaning, text, manifest))
    if out is None and REPORT in manifest.get("files", {}):
        update_manifest(run, [REPORT])
    return place


__all__ = ["REPORT", "render", "write_report"]
