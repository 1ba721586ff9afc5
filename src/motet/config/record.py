"""What every record of the configuration shares: unknown keys are refused, values do not change later."""

import re
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

_UNITS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
Location = tuple[str | int, ...]  # of a setting, e.g. ("tasks", 0, "label")


@dataclass(frozen=True)
class Words:
    """Says in a message and in the documentation what a type expects."""

    text: str


class Record(BaseModel):
    """A frozen record with typed fields that refuses unknown keys; `in_words` says how to write one."""

    in_words: ClassVar[str | None] = None

    model_config = ConfigDict(
        extra="forbid", frozen=True, protected_namespaces=(), validate_default=True, allow_inf_nan=False
    )


def misfits(found: list[tuple[Location, str]]) -> PydanticCustomError:
    """The error for settings that are right alone and wrong together; a validator raises it.

    Args:
        found: The path of each wrong setting, from the record that raises, and what is wrong with it.
    """
    text = "; ".join(text for _, text in found)
    return PydanticCustomError("misfits", "{text}", {"text": text, "found": tuple(found)})


def as_list(raw: Any) -> Any:
    """A single value stands for a list of one."""
    return raw if isinstance(raw, list) or raw is None else [raw]


def milliseconds(duration: str) -> int:
    """Length of a duration such as ``30m``, ``12h``, ``7d`` in milliseconds.

    >>> milliseconds("7d")
    604800000
    """
    found = re.fullmatch(r"([0-9]{1,9})\s*([smhdw])", duration.strip())
    if not found:
        raise ValueError(
            f"{duration!r} is not a duration; write a number and one of s, m, h, d, w, for example 7d"
        )
    return int(found[1]) * _UNITS[found[2]]


def _duration(text: str) -> str:
    if milliseconds(text) == 0:
        raise ValueError(f"{text!r} is no time at all; write a number above 0, for example 7d")
    return text


Duration = Annotated[str, AfterValidator(_duration), Words("a duration such as 30m, 12h or 7d")]
AtLeastOne = Annotated[int, Field(ge=1)]
