"""The `tasks:` part of a configuration: one record a task kind, told apart by `kind`."""

from typing import Annotated, Any, Literal, TypeGuard

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field

from motet.config.data import Paths, Source, Split
from motet.config.expression import checked
from motet.config.record import AtLeastOne, Duration, Record, Words, as_list

Names = Annotated[list[str], BeforeValidator(as_list), Field(min_length=1)]
_EXPRESSION = Words('an expression over event columns such as "rating >= 4"')
TaskName = Annotated[
    str,
    Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$"),
    Words("a word of letters, digits and _ that begins with a letter"),
]
Label = Annotated[str, AfterValidator(checked), _EXPRESSION]
Number = Annotated[str, AfterValidator(lambda text: checked(text, "number")), _EXPRESSION]
Condition = Annotated[str, AfterValidator(lambda text: checked(text, "condition")), _EXPRESSION]


class Window(Record):
    """A label read from later events: did `event` follow the row (of type `of`) on the same item in time?"""

    of: str = Field(description="The event type whose rows have the label.")
    event: str = Field(description="The event type that makes the label 1 when it follows.")
    within: Duration = Field(description="How long it may take; rows whose time is not over yet are masked.")


class _Task(Record):
    in_words = "a task with name and kind"
    name: TaskName = Field(description="What reports and commands call it.")
    weight: float = Field(1.0, ge=0, description="Factor of the task's loss.")
    split: Split | None = Field(None, description="A split of its own for this task's evaluation.")
    history: Literal["frozen", "rolling"] | None = Field(None, description="Overrides evaluation.history.")
    depth: AtLeastOne | None = Field(
        None, description="After how many layers of the timeline this task leaves it; null: after all."
    )


class NextItem(_Task):
    """Which items next, out of a whole catalogue."""

    kind: Literal["next_item"] = Field(description="The kind of task.")
    positive: Condition | list[str] | None = Field(
        None, description="An expression over event columns, or a list of event types; null: every event."
    )
    items: str | None = Field(None, description="The kind of item to rank; null: all kinds.")
    sampled: AtLeastOne | Literal["auto"] | None = Field(
        "auto", description="Negatives of the sampled softmax; null: full."
    )
    horizon: AtLeastOne = Field(1, description="How many coming items count as right in training.")
    discount: float = Field(
        0.5, gt=0, le=1, description="Weight of each coming item, in that of the one before it."
    )


class Texts(Source):
    """Rows of a text task, in files of their own."""

    in_words = "a mapping"
    layout: Literal["rows", "conll"] = Field(
        "rows",
        description="One text a line; or, for tagging, one unit and its tag a line and a blank line between "
        "texts (CoNLL).",
    )
    text: Names = Field(["text"], description="Columns that make up the text, joined in this order.")
    valid: Paths | None = Field(
        None, description="Files of the validation rows; null: some of those that train."
    )
    test: Paths | None = Field(None, description="Files of the test rows; null: some of those under path.")
    unlabelled: Paths | None = Field(
        None,
        description="Classification: files of more texts, without labels or with some that are not read; the "
        "model learns from what it is sure of (model.texts.confidence).",
    )


class _RowTask(_Task):
    types: Names | None = Field(None, description="Event types whose rows this task learns from; null: all.")


class Binary(_RowTask):
    """Will they click, buy, like, follow, return: a probability."""

    kind: Literal["binary"] = Field(description="The kind of task.")
    label: Label | Window = Field(
        description="What is true or false (or 1 or 0), or a window of later events."
    )
    loss: Literal["cross_entropy", "focal"] = Field("cross_entropy", description="focal: for rare labels.")
    after: TaskName | None = Field(
        None, description="The binary task that comes first: this is never more probable than that."
    )
    transfer: bool = Field(
        False, description="Pass on what the network found for the task that comes first (AITM)."
    )


class Regression(_RowTask):
    """Which rating, how long: a number."""

    kind: Literal["regression"] = Field(description="The kind of task.")
    label: Number = Field(description="The number to predict.")
    loss: Literal["squared", "absolute", "huber"] = Field("squared", description="How an error counts.")
    transform: Literal["none", "log1p"] = Field(
        "none", description="Train and predict on log1p of the label."
    )


class Multiclass(_RowTask):
    """Which of several classes."""

    kind: Literal["multiclass"] = Field(description="The kind of task.")
    label: Label = Field(description="The class, most often just the name of a column.")
    max_classes: int = Field(1000, ge=2, description="More classes than this are taken for a mistake.")
    texts: Literal["items"] | Texts | None = Field(
        None,
        description="Texts to classify instead of events: files of their own, or the texts of the items "
        "(items; the label is then a column of the catalogue).",
    )


class Tagging(_Task):
    """Which words or characters of a text name what: spans with a type."""

    kind: Literal["tagging"] = Field(description="The kind of task.")
    label: str = Field(
        "tags",
        description="The column with a tag for each unit (B-Item, I-Item, O, ...), as a list or between "
        "blanks; or with spans: a list of start, end and label, in letters of the text.",
    )
    units: Literal["words", "characters"] = Field(
        "words", description="What is tagged; characters: for languages that put no blanks between words."
    )
    texts: Texts | Literal["items"] = Field(
        description="Files of tagged texts; or items: sentences made of the titles of the catalogue and the "
        "ids of users, tagged as Item and User."
    )
    templates: list[str] | None = Field(
        None,
        description="Texts of items: sentences with {item}, {user}, both or none, to be filled in; null: "
        "English ones.",
    )


class Retrieval(_Task):
    """Which answer belongs to a question, which document or item to a query."""

    kind: Literal["retrieval"] = Field(description="The kind of task.")
    label: str = Field(
        "answer",
        description="The column with the text that answers, or, where documents are items, with the id of "
        "the item. Rows that repeat a question give it several answers.",
    )
    texts: Texts | Literal["items"] = Field(
        description="Files of questions and their answers; or items: queries made of the catalogue, and of "
        "what users took one after the other in training."
    )
    documents: Literal["items"] | None = Field(
        None,
        description="items: looked for are the items of the catalogue, by their texts; so it is where texts "
        "are items. Null: the texts under label.",
    )
    items: str | None = Field(
        None, description="Where documents are items: the kind of item to look for; null: all kinds."
    )
    queries: AtLeastOne = Field(
        2, description="Texts of items: how many queries are made of each item that trains."
    )
    templates: list[str] | None = Field(
        None,
        description="Texts of items: what queries are put into, with {words} for words of an item, or with "
        "{items} for the titles that a user took before it; null: the words alone, and English sentences.",
    )
    negatives: int = Field(
        1,
        ge=0,
        description="In training, beside the answers to the other questions of a step: so many for each "
        "question that have words of it and do not answer it (BM25). Items are compared with all others.",
    )
    hand_over: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="The share of the answers given that shall be right. Below the confidence at which that "
        "was so on the validation rows, the model leaves the question to a person. Null: it answers all.",
    )

    @property
    def seeks_items(self) -> bool:
        """Whether what it looks for are the items of the catalogue."""
        return self.documents == "items" or self.texts == "items"


Task = Annotated[NextItem | Binary | Regression | Multiclass | Tagging | Retrieval, Discriminator("kind")]
RowTask = Binary | Regression | Multiclass
TextTask = Multiclass | Tagging | Retrieval


def is_row_task(task: Any) -> TypeGuard[RowTask]:
    """True for tasks that score one row (user, item, request), false for those that rank a catalogue."""
    return isinstance(task, _RowTask) and not is_text_task(task)


def is_text_task(task: Any) -> TypeGuard[TextTask]:
    """True for tasks whose rows are texts; they read no timeline."""
    return getattr(task, "texts", None) is not None
