"""The account of cleaning: what was found, what was done about it, and how many rows that took.

Rows in = rows out + what every rule dropped: an account that does not add up is never made.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

EXAMPLES = 3
"""How many example rows a finding shows."""


@dataclass(frozen=True)
class Finding:
    """One thing that was found in one table."""

    table: str
    """`events`, `items` or `users`."""
    rule: str
    """What is wrong, for example `exact duplicates`."""
    found: int
    """Rows (for a rule about one column: rows whose cell is concerned)."""
    action: str
    """What was done about it."""
    setting: str
    """The setting that rules it; empty when there is none."""
    column: str = ""
    dropped: int = 0
    """Rows that are gone."""
    changed: int = 0
    """Rows whose cell is another now."""
    examples: tuple[dict[str, Any], ...] = ()
    """Rows: `@source` (entry of the configuration), `@row` (place in its files, from 0), ids and the cell."""
    defect: bool = True
    """False for what may well be right, such as an empty feature."""

    @property
    def mends(self) -> bool:
        """Whether something wrong was dropped or changed: what `strict: true` refuses."""
        return self.defect and self.dropped + self.changed > 0

    def line(self) -> str:
        """One line for a person."""
        where = f"{self.table}.{self.column}" if self.column else self.table
        text = f"{where}: {self.rule}, {rows(self.found)}: {self.action}"
        return text + (f"  [{self.setting}]" if self.setting else "")

    def to_json(self, *, ids: bool = False) -> dict[str, Any]:
        """As JSON. User ids and cells of user tables are personal: they are left out unless asked for."""
        record = asdict(self)
        record["examples"] = [dict(row) if ids else self._impersonal(row) for row in self.examples]
        return record

    def _impersonal(self, row: Mapping[str, Any]) -> dict[str, Any]:
        kept = {"@source", "@row"} if self.table == "users" else set(row) - {"@user"}
        return {name: cell for name, cell in row.items() if name in kept}


@dataclass(frozen=True)
class Account:
    """All findings, and the rows of each table before and after."""

    rows_in: Mapping[str, int]
    rows_out: Mapping[str, int]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()
    """What a person should know besides: settings that were not used, statistics and where they come from."""

    def __post_init__(self) -> None:
        for table, before in self.rows_in.items():
            gone = sum(finding.dropped for finding in self.findings if finding.table == table)
            after = self.rows_out[table]
            assert before == after + gone, f"{table}: {before} rows in, {after} out, but {gone} accounted for"

    @property
    def mended(self) -> tuple[Finding, ...]:
        """Findings that `strict: true` refuses."""
        return tuple(finding for finding in self.findings if finding.mends)

    def to_json(self, *, ids: bool = False) -> dict[str, Any]:
        """As JSON, for `cleaning.json`; `ids` keeps user ids in the examples."""
        return {
            "rows": {name: {"in": count, "out": self.rows_out[name]} for name, count in self.rows_in.items()},
            "findings": [finding.to_json(ids=ids) for finding in self.findings],
            "notes": list(self.notes),
        }

    def lines(self) -> Iterator[str]:
        """The account as plain lines, each with its example rows below it."""
        for table, before in self.rows_in.items():
            after = self.rows_out[table]
            yield f"{table}: {rows(before)} read, {after:,} kept, {before - after:,} dropped"
        if not self.findings:
            yield "nothing was found that had to be mended"
        for alike in _alike(self.findings):
            yield alike[0].line() if len(alike) == 1 else _line_for_all(alike)
            own = [alike[0].column] if len(alike) > 1 else []  # the empty cell of one of several columns
            yield from (f"    for example {_example(row, own)}" for row in alike[0].examples)
        yield from self.notes


def _alike(findings: tuple[Finding, ...]) -> Iterator[list[Finding]]:
    """Findings that differ in their column alone, together: a log that lacks columns another one has."""
    groups: dict[Any, list[Finding]] = {}
    for place, finding in enumerate(findings):
        same: Any = replace(finding, column="", examples=()), _places(finding)
        groups.setdefault(place if finding.defect or not finding.examples else same, []).append(finding)
    yield from groups.values()


def _places(finding: Finding) -> tuple[tuple[Any, Any], ...]:
    return tuple((row.get("@source"), row.get("@row")) for row in finding.examples)


def _line_for_all(alike: Sequence[Finding]) -> str:
    first, names = alike[0], ", ".join(finding.column for finding in alike)
    where = f"{len(alike)} columns ({names})"
    text = f"{first.table}: {first.rule} in {where}, {rows(first.found)} of each: {first.action}"
    return text + (f"  [{first.setting}]" if first.setting else "")


def rows(count: int) -> str:
    """A number of rows in words.

    >>> rows(1), rows(2000)
    ('1 row', '2,000 rows')
    """
    return f"{count:,} row" + ("" if count == 1 else "s")


def _example(row: Mapping[str, Any], without: Collection[str] = ()) -> str:
    told = {name: cell for name, cell in row.items() if name not in without}
    shown = {name.removeprefix("@"): cell for name, cell in told.items() if name != "@source" or cell}
    return ", ".join(f"{name} {cell!r}" for name, cell in shown.items())


@dataclass
class Ledger:
    """Gathers findings while the tables are cleaned."""

    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        """Add a remark, once."""
        if text not in self.notes:
            self.notes.append(text)

    def add(self, finding: Finding) -> None:
        """Add a finding, if anything was found."""
        if finding.found:
            self.findings.append(finding)
