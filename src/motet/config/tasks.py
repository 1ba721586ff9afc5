"""The `tasks:` part of a configuration: one record a task kind, told apart by `kind`."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field

from motet.config.data import Split
from motet.config.record import Duration, Record, as_list

Names = Annotated[list[str], BeforeValidator(as_list)]


class Window(Record):
    """A label read from later events: did `event` follow the row (of type `of`) on the same item in time?"""

    of: str
    event: str
    within: Duration


class _Task(Record):
    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")
    weight: float = Field(1.0, ge=0)
    priority: int = Field(0, description="Tasks with a higher number matter more when two compete.")
    split: Split | None = Field(None, description="A split of its own for this task's evaluation.")
    history: Literal["frozen", "rolling"] | None = Field(None, description="Overrides evaluation.history.")


class NextItem(_Task):
    """Which items next, out of a whole catalogue."""

    kind: Literal["next_item"]
    positive: str | list[str] | None = Field(
        None, description="An expression over event columns, or a list of event types; null: every event."
    )
    items: str | None = Field(None, description="The kind of item to rank; null: all kinds.")
    sampled: int | Literal["auto"] | None = Field("auto", description="Negatives of the sampled softmax; null: full.")


class _RowTask(_Task):
    types: Names | None = Field(None, description="Event types whose rows this task learns from; null: all.")


class Binary(_RowTask):
    """Will they click, buy, like, follow, return: a probability."""

    kind: Literal["binary"]
    label: str | Window
    loss: Literal["cross_entropy", "focal"] = "cross_entropy"


class Regression(_RowTask):
    """Which rating, how long: a number."""

    kind: Literal["regression"]
    label: str
    loss: Literal["squared", "absolute", "huber"] = "squared"
    transform: Literal["none", "log1p"] = Field("none", description="Train and predict on log1p of the label.")


class Multiclass(_RowTask):
    """Which of several classes."""

    kind: Literal["multiclass"]
    label: str
    max_classes: int = Field(1000, ge=2)


Task = Annotated[NextItem | Binary | Regression | Multiclass, Discriminator("kind")]
RowTask = Binary | Regression | Multiclass


def is_row_task(task: Any) -> bool:
    """True for tasks that score one row (user, item, request), false for those that rank a catalogue."""
    return isinstance(task, _RowTask)
