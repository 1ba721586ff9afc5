"""The end of the page: how to do the run again, and what its words mean."""

from pathlib import PurePosixPath
from typing import Any

from motet.evaluation.report.blocks import Block, Cell, Code, Fold, Row, Section, Table, Terms
from motet.evaluation.report.evidence import Evidence, mapping
from motet.evaluation.report.words import capital, label, meaning, plain, said, split_metric

COMMANDS = "motet train motet.yaml{options} --run {run}\nmotet evaluate {run}\nmotet report {run}"
GUARDED = " --guard --set model.groups=[]"  # it finds the groups anew, and is refused beside groups by hand
REPRODUCE = (
    "The configuration below holds every setting, also those that were chosen by measurement. "
    "The same seed on the same machine gives the same figures."
)


def reproduce(evidence: Evidence) -> Section:
    """Commands, seed, versions, hashes of the files, and the whole configuration."""
    guarded = evidence.metrics.get("guard_saw") or evidence.metrics.get("guard")
    commands = evidence.manifest.get("command") or COMMANDS.format(
        run=f"runs/{_slug(evidence.name)}", options=GUARDED if guarded else ""
    )
    blocks: list[Block] = [Code(str(commands), "Commands")]
    known = _known(evidence)
    if known:
        blocks.append(Terms(known))
    hashes = _hashes(evidence.manifest)
    if hashes:
        blocks.append(
            Fold(f"Files and their sha256 ({len(hashes)})", (Table("Files", ("File", "sha256"), hashes),))
        )
    if evidence.config_text:
        blocks.append(Fold("Configuration (motet.yaml)", (Code(evidence.config_text, "motet.yaml"),)))
    return Section("reproduce", "Reproduce", "How to reproduce", REPRODUCE, tuple(blocks))


def _slug(name: str) -> str:
    return (
        "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in name).strip("-") or "run"
    )


def _known(evidence: Evidence) -> tuple[tuple[str, str], ...]:
    """Plain values of the manifest, the versions in one line, and the seed of the configuration."""
    seed = mapping(evidence.config.get("training")).get("seed")
    found = {} if seed is None else {"seed": str(seed)}
    for key, value in evidence.manifest.items():
        if key in ("files", "format", "command"):
            continue
        held = mapping(value)
        text = " · ".join(f"{name} {one}" for name, one in held.items() if not isinstance(one, dict | list))
        found[key] = text if held else said(value)
    return tuple((capital(plain(key)), text) for key, text in found.items() if text)


def _hashes(manifest: dict[str, Any]) -> tuple[Row, ...]:
    files = mapping(manifest.get("files") or manifest.get("sha256"))
    found = {name: mapping(entry).get("sha256", entry) for name, entry in files.items()}
    return tuple(
        Row(str(PurePosixPath(name)), (Cell(said(digest), number=False),))
        for name, digest in found.items()
        if name != "report.html"
    )


def glossary(evidence: Evidence) -> Section:
    """The words of the page and the metrics that appear in it, in plain words."""
    used: dict[str, set[str]] = {}
    for metric in _metrics(evidence):
        name, cut = split_metric(metric)
        used.setdefault(name, set()).add(cut)
    terms = [
        (
            label(name),
            meaning(name).words.format(k=f"{cuts.pop()} places" if len(cuts) == 1 else "k places (@k)"),
        )
        for name, cuts in used.items()
        if meaning(name).words
    ]
    return Section("glossary", "Glossary", "Glossary", "", (Terms((*WORDS, *terms)),))


def _metrics(evidence: Evidence) -> list[str]:
    everywhere = [
        metric
        for task in evidence.tasks
        for one in evidence.contenders()
        for split in evidence.splits(task)
        for metric in one.scores(task, split)
    ]
    return list(dict.fromkeys(everywhere))


WORDS = (
    ("Joint model", "The model that this run trained: all tasks share one backbone."),
    (
        "Twin",
        "The same model with the same inputs, trained on one task alone: it shows what sharing did to it.",
    ),
    ("Without …", "The joint model trained again without one of its inputs, to see what that input adds."),
    ("Popularity", "A baseline: everybody is recommended what most users take."),
    (
        "Averages",
        "A baseline: what this item and this user had on average before; of classes, the most frequent one.",
    ),
    ("Dictionary", "A baseline: what the training texts tag, wherever it stands, the longest first."),
    ("Common words", "A baseline: answers that have words of the question, rare ones counting more (BM25)."),
    ("Item to item", "A baseline: what was taken by the same users as what one has."),
    ("EASE", "A strong baseline: a linear model from the items a user has to all others."),
    ("Interval", "Where the figure would lie if other users of the same sort had been measured."),
    ("Within noise", "Two intervals overlap: the measured difference may be chance."),
)
