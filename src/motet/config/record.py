"""What every record of the configuration shares: unknown keys are refused, values do not change afterwards."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict

_UNITS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}


class Record(BaseModel):
    """A frozen record with typed fields that refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=(), validate_default=True)


def as_list(raw: Any) -> Any:
    """A single value stands for a list of one."""
    return raw if isinstance(raw, list) or raw is None else [raw]


def milliseconds(duration: str) -> int:
    """Length of a duration such as ``30m``, ``12h``, ``7d`` in milliseconds.

    >>> milliseconds("7d")
    604800000
    """
    found = re.fullmatch(r"(\d+)\s*([smhdw])", duration.strip())
    if not found:
        raise ValueError(f"{duration!r} is not a duration; write a number and one of s, m, h, d, w, for example 7d")
    return int(found[1]) * _UNITS[found[2]]


def _checked(duration: str) -> str:
    milliseconds(duration)
    return duration


Duration = Annotated[str, AfterValidator(_checked)]
