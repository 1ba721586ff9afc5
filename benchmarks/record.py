"""Writes a results file, benchmarks/results/NAME.json: every figure in the documentation comes from one."""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from motet.system.files import write_json
from motet.system.machine import machine, versions

RESULTS = Path(__file__).parent / "results"


def claim(
    name: str,
    values: float | Sequence[float],
    unit: str = "",
    *,
    seeds: Sequence[int] = (),
    interval: tuple[float, float] | None = None,
    peer: tuple[str, float] | None = None,
) -> dict[str, Any]:
    """One figure.

    Args:
        name: Such as ``beauty.ndcg@10``.
        values: The figure, or one for each seed: then their mean counts.
        unit: Such as ``s`` or ``MB``; empty for pure numbers.
        seeds: Of the runs behind it.
        interval: Its bounds; without them the least and the greatest of several values.
        peer: Name and value of what it is compared with, measured in the same run.
    """
    several = list(values) if isinstance(values, Sequence) else [values]
    if not several or not all(math.isfinite(value) for value in several):
        raise ValueError(f"{name}: {several} are not figures; a benchmark that failed records nothing")
    low, high = interval or ((min(several), max(several)) if len(several) > 1 else (None, None))
    return {
        "name": name,
        "value": sum(several) / len(several),
        "low": low,
        "high": high,
        "seeds": list(seeds),
        "unit": unit,
        "peer": None if peer is None else {"name": peer[0], "value": peer[1]},
    }


def without_places(value: Any) -> Any:
    """The same without folders of the machine: of an absolute path its last two parts.

    >>> without_places({"path": ["/data/tables/items.parquet", "a/b"]})
    {'path': ['tables/items.parquet', 'a/b']}
    """
    if isinstance(value, Mapping):
        return {key: without_places(held) for key, held in value.items()}
    if isinstance(value, list | tuple):
        return [without_places(held) for held in value]
    if isinstance(value, str) and value.startswith("/"):
        return "/".join(Path(value).parts[-2:])
    return value


def record(
    name: str,
    command: str,
    claims: Sequence[Mapping[str, Any]],
    details: Mapping[str, Any] | None = None,
    folder: Path = RESULTS,
) -> Path:
    """Write the results of one benchmark.

    Args:
        name: Of the benchmark, and of the file.
        command: That makes these figures again.
        claims: From `claim`.
        details: What else a reader may ask for: every trial, hashes of settings, the size of the data.
        folder: Where the file goes.

    Returns:
        The file.
    """
    names = [each["name"] for each in claims]
    if len(set(names)) < len(names):
        raise ValueError(f"{name}: two claims bear one name among {names}")
    result = {
        "benchmark": name,
        "command": command,
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "versions": versions(),
        "claims": [dict(each) for each in claims],
        "details": without_places(dict(details or {})),
    }
    write_json(folder / f"{name}.json", result)
    return folder / f"{name}.json"
