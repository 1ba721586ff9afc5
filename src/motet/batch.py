"""The tensor records that travel from the loader through the model; the legend of shapes.

====  =======================================================================================
B     timelines in a batch
L     events read in a timeline (padded on the right; the batch's own longest)
S     states of a timeline, L + 1: state 0 has seen nothing but the user, state i has seen i events
P     rows scored in a timeline (padded on the right)
R     rows scored in the whole batch, flat: the real ones among B x P
J     slots of categorical codes; code 0 is an empty slot
V     numbers (NaN is missing)
C     counters
I     items of the catalogue, number 0 included (0 is "no item or an unknown one")
T     width of the language model (texts: B of them in a batch, of L tokens)
D     width of a vector
====  =======================================================================================
"""

from dataclasses import dataclass, field, fields, replace
from typing import Self

import torch
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """Some users' timelines and the rows to score on them.

    A row sees the first ``state_BP`` events of its timeline and nothing else of it. ``ask_BP`` is the
    state from which `next_item` predicts the row's item; it is -1 where there is none inside the window.
    """

    item_BL: Tensor  # int64, item of each event
    code_BLJ: Tensor  # int64, categorical columns of the event: type, context, outcomes
    number_BLV: Tensor  # float32
    time_BL: Tensor  # float64, seconds; zeros when the log has no time
    length_B: Tensor  # int64, real events
    user_code_BJ: Tensor  # int64
    user_number_BV: Tensor  # float32
    row_BP: Tensor  # int64, place of the row in the log; -1 is padding
    state_BP: Tensor  # int64
    ask_BP: Tensor  # int64
    row_item_BP: Tensor  # int64
    row_code_BPJ: Tensor  # int64, what is known when the question is asked
    row_number_BPV: Tensor  # float32
    row_time_BP: Tensor  # float64, seconds
    counter_BPC: Tensor  # float32, standardised
    label: dict[str, Tensor] = field(default_factory=dict)  # task -> float32 (B, P), NaN is "no label"
    positive: dict[str, Tensor] = field(default_factory=dict)  # next_item task -> bool (B, P)
    taken: dict[str, Tensor] = field(default_factory=dict)  # next_item task -> bool (B, L), its positives
    told: dict[str, Tensor] = field(default_factory=dict)  # task -> float32 (B, L), its labels of the events

    @property
    def examples(self) -> int:
        """How many rows are asked about."""
        return int((self.row_BP >= 0).sum())

    @property
    def said(self) -> str:
        """Where its rows lie, for messages."""
        rows = self.row_BP[self.row_BP >= 0]
        span = f"rows {int(rows.min())} to {int(rows.max())}" if len(rows) else "no row"  # of this process
        return f"{span} of the ordered log"

    def to(self, device: torch.device) -> Self:
        """The same batch on another device."""
        moved: dict[str, object] = {}
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, Tensor):
                moved[each.name] = value.to(device)
            else:
                moved[each.name] = {name: tensor.to(device) for name, tensor in value.items()}
        return replace(self, **moved)  # type: ignore[arg-type]


@dataclass(frozen=True)
class UnitBatch:
    """What is tagged in some texts: U words or characters of each, padded on the right."""

    piece_BU: Tensor  # int64, which token of the text holds its first letter; -1: none
    before_BU: Tensor  # int64, letters of that token before it
    after_BU: Tensor  # int64, and after it; less than 0 where it has more tokens
    tag_BU: Tensor  # int64, number of its tag; -1: padding, or a tag that training has not
    real_BU: Tensor  # bool, which are no padding


@dataclass(frozen=True)
class AnswerBatch:
    """Answers among which the right one of each text of a batch is to be found: C of them, each once."""

    own_B: Tensor  # int64, place of the right answer that is learned now
    right_BC: Tensor  # bool, all that are right
    token_CL: Tensor | None = None  # int64, padded on the right with 0
    real_CL: Tensor | None = None  # bool
    vector_CT: Tensor | None = None  # float32, of a frozen language model
    number_C: Tensor | None = None  # int64, which they are of all, where a table has vectors of those
    live_K: Tensor | None = None  # int64, places of those that have tokens here: `token_CL` is of K


@dataclass(frozen=True)
class TextBatch:
    """Some texts of one task: their tokens, or, where the language model is frozen, its vectors."""

    task: str
    row_B: Tensor  # int64, place of each among the rows of the task
    label_B: Tensor  # int64, class number
    token_BL: Tensor | None = None  # int64, padded on the right with 0
    real_BL: Tensor | None = None  # bool, which are no padding
    vector_BT: Tensor | None = None  # float32
    units: UnitBatch | None = None  # of a task that tags them
    answers: AnswerBatch | None = None  # in training of a task that looks for answers
    more: "TextBatch | None" = None  # in training: texts without a label; in pretraining the other views
    asked_BL: Tensor | None = None  # int64, in pretraining: words that are asked for; -1: not asked
    fits_BB: Tensor | None = (
        None  # bool, in pretraining: which texts of `more` are partners of which of these
    )

    @property
    def examples(self) -> int:
        """How many texts there are."""
        return len(self.row_B)

    @property
    def said(self) -> str:
        """Where its rows lie, for messages."""
        return f"texts {int(self.row_B.min())} to {int(self.row_B.max())} of {self.task}"


AnyBatch = Batch | TextBatch


@dataclass(frozen=True)
class Rows:
    """The real rows of a batch, flat; what experts and heads of row tasks read."""

    timeline_R: Tensor  # int64, which timeline of the batch
    state_RD: Tensor
    user_RD: Tensor
    candidate_RD: Tensor
    request_RD: Tensor
    counter_RC: Tensor
    fold: dict[str, Tensor]  # row task -> (R,), what the user's labels so far say
    own: dict[str, tuple[Tensor, Tensor]]  # row task -> state_RD and candidate_RD that it alone reads


@dataclass(frozen=True)
class Encoded:
    """A batch after the backbone."""

    item_ID: Tensor  # the whole catalogue, or the items that `place_I` finds
    event_BLD: Tensor
    user_BD: Tensor
    state_BSD: Tensor
    layer_KBSD: Tensor | None = None  # what each layer gave, where a task reads more than the last
    place_I: Tensor | None = None  # where the batch's items lie in `item_ID`, when it holds no others
    hidden_N: Tensor | None = None  # rows of the id table that were hidden, when some were

    def items(self, item: Tensor) -> Tensor:
        """Vectors of some items, by their numbers in the catalogue."""
        return self.item_ID[item if self.place_I is None else self.place_I[item]]

    def tensors(self) -> list[Tensor]:
        """All of them, in one order."""
        found = [self.item_ID, self.event_BLD, self.user_BD, self.state_BSD]
        return found if self.layer_KBSD is None else [*found, self.layer_KBSD]

    def whole(self) -> list[Tensor]:
        """The first of them where they do not depend on the batch: vectors of the whole catalogue."""
        return [self.item_ID] if self.place_I is None else []

    def cut(self) -> "Encoded":
        """The same values, from which gradients go no further back."""
        parts = (each.detach().requires_grad_(each.requires_grad) for each in self.tensors())
        return replace(Encoded(*parts), place_I=self.place_I, hidden_N=self.hidden_N)
