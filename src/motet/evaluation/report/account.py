"""The data account: what was found in the data, what was done about it, and the rows that it took."""

from typing import Any

from motet.evaluation.report.blocks import Block, Cell, Fold, Points, Row, Section, Table, Text
from motet.evaluation.report.evidence import Evidence, mapping, records
from motet.evaluation.report.numbers import count, real
from motet.evaluation.report.words import amount, plain, said

INTRO = "What was found in the data and what was done about it. Nothing is dropped without a line here."
COLUMNS = ("Finding", "Where", "Found", "Changed", "Dropped", "What was done", "Setting")


def account(evidence: Evidence) -> Section:
    """Rows read and kept, and every finding: what, where, how many rows, what was done."""
    findings = records(evidence.cleaning.get("findings"))
    blocks: list[Block] = [Text(_total(findings))] if findings else []
    blocks += _tables(evidence.cleaning)
    if findings:
        blocks += [Table("Findings", COLUMNS, tuple(map(_finding, findings))), *_examples(findings)]
    else:
        blocks.append(Text("Nothing was found that had to be mended, or the run holds no account."))
    notes = evidence.cleaning.get("notes")
    if isinstance(notes, list) and notes:
        blocks.append(Points(tuple(map(said, notes))))
    return Section("data", "Data", "Data account", INTRO, tuple(blocks))


def _total(findings: list[dict[str, Any]]) -> str:
    dropped, changed = (sum(real(one.get(key)) or 0 for one in findings) for key in ("dropped", "changed"))
    return (
        f"{amount(len(findings), 'finding')}: {amount(int(dropped), 'row')} dropped, "
        f"{amount(int(changed), 'cell')} changed."
    )


def _tables(raw: dict[str, Any]) -> list[Block]:
    tables = {name: mapping(held) for name, held in mapping(raw.get("rows")).items()}
    rows = tuple(
        Row(plain(name), (Cell(count(real(held.get("in")))), Cell(count(real(held.get("out"))))))
        for name, held in tables.items()
    )
    return [Table("Rows of each table", ("Table", "Read", "Kept"), rows)] if rows else []


def _finding(finding: dict[str, Any]) -> Row:
    numbers = (Cell(count(real(finding.get(key)))) for key in ("found", "changed", "dropped"))
    where, action, setting = (
        Cell(text, number=False)
        for text in (_where(finding), said(finding.get("action")), said(finding.get("setting")))
    )
    return Row(_rule(finding), (where, *numbers, action, setting))


def _rule(finding: dict[str, Any]) -> str:
    return plain(said(finding.get("rule") or finding.get("what")))


def _where(finding: dict[str, Any]) -> str:
    place = [said(finding.get(key)) for key in ("table", "column")]
    return said(finding.get("where")) or ".".join(part for part in place if part)


def _examples(findings: list[dict[str, Any]]) -> list[Block]:
    rows = tuple(
        Row(_rule(finding), (Cell(_where(finding), number=False), Cell(_example(one), number=False)))
        for finding in findings
        if isinstance(finding.get("examples"), list)
        for one in finding["examples"][:5]
    )
    table = Table("Examples", ("Finding", "Where", "Row"), rows)
    return [Fold("Examples of what was found", (table,))] if rows else []


def _example(one: Any) -> str:
    held = mapping(one)
    cells = " · ".join(f"{key.removeprefix('@')}: {said(value)}" for key, value in held.items())
    return cells if held else said(one)
