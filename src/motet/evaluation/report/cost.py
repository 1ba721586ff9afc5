"""What the run cost: seconds, memory, rate; the joint model against the sum of its twins."""

from typing import Any

from motet.evaluation.report.blocks import Block, Cell, Row, Section, Table, Tiles
from motet.evaluation.report.evidence import Evidence, mapping
from motet.evaluation.report.numbers import ABSENT, count, duration, percent, real
from motet.evaluation.report.words import amount, capital, plain


def cost(evidence: Evidence) -> Section | None:
    """Seconds, memory and rate; where known, each model apart and the joint one against its twins."""
    raw = mapping(evidence.metrics.get("cost"))
    tiles = _tiles(raw, evidence.metrics.get("search"))
    parts = _parts(raw)
    if not tiles and not parts:
        return None
    blocks: list[Block] = [Tiles(tiles)] if tiles else []
    if parts:
        rows = tuple(
            Row(
                capital(name),
                tuple(
                    Cell(text) for text in (_time(part, "seconds"), _time(part, "cpu_seconds"), _rate(part))
                ),
            )
            for name, part in parts
        )
        blocks.append(Table("Cost of each model", ("Model", "Time", "CPU time", "Examples a second"), rows))
    return Section("cost", "Cost", "Cost", _comparison(parts), tuple(blocks))


def _tiles(raw: dict[str, Any], search: Any) -> tuple[tuple[str, str, str], ...]:
    memory = real(raw.get("peak_rss_mb"))
    size = ABSENT if memory is None else f"{memory / 1024:.1f} GB" if memory >= 1024 else f"{memory:.0f} MB"
    everything = "wall_seconds" in raw
    found = (
        ("Time", _time(raw, "wall_seconds" if everything else "seconds"), "from start to end"),
        ("CPU time", _time(raw, "cpu_seconds_all" if everything else "cpu_seconds"), "over all cores"),
        ("Search", duration(real(mapping(search).get("cpu_seconds"))), "CPU time to find the tasks' weights"),
        ("Memory", size, "at its peak"),
        ("Examples", count(real(raw.get("examples"))), "seen by the joint model"),
        ("Speed", _rate(raw), "examples a second"),
    )
    return tuple(tile for tile in found if tile[1] != ABSENT)


def _time(raw: dict[str, Any], key: str) -> str:
    return duration(real(raw.get(key)))


def _rate(raw: dict[str, Any]) -> str:
    seconds, examples = real(raw.get("seconds")), real(raw.get("examples"))
    return count(examples / seconds) if seconds and examples else ABSENT


def _parts(raw: dict[str, Any], path: str = "") -> list[tuple[str, dict[str, Any]]]:
    """Mappings inside the cost that hold seconds, each named by its path: `joint`, `twin of like`."""
    found = []
    for key, held in raw.items():
        part, name = mapping(held), f"{path} {plain(key)}".strip()
        if "seconds" in part or "cpu_seconds" in part:
            found.append((name, part))
        found += _parts(part, "" if key == "models" else name) if part else []
    return found


def _comparison(parts: list[tuple[str, dict[str, Any]]]) -> str:
    joint = next(
        (real(part.get("cpu_seconds") or part.get("seconds")) for name, part in parts if name == "joint"),
        None,
    )
    twins = [
        seconds
        for name, part in parts
        if name.startswith("twin") and (seconds := real(part.get("cpu_seconds") or part.get("seconds")))
    ]
    if not joint or not twins:
        return ""
    joint_time, twins_time, share = duration(joint), duration(sum(twins)), percent(joint / sum(twins))
    return (
        f"The joint model took {joint_time}, its {amount(len(twins), 'twin')} together {twins_time}: "
        f"one model for all tasks costs {share} of one for each."
    )
