"""Motet, the model: encode -> timeline -> experts -> heads. START HERE to see what is computed.

Shapes: the legend of `motet.batch`.
"""

from dataclasses import dataclass
from typing import assert_never

import torch
from torch import Tensor, nn

from motet.batch import Batch, Rows
from motet.config import Config
from motet.config.model import Sharing, Timeline
from motet.config.tasks import Binary, Task, is_row_task
from motet.data.catalogue import Catalogue
from motet.data.clock import CLOCK_NAMES
from motet.data.dataset import Dataset, known_at_once
from motet.errors import ConfigError
from motet.features.columns import ColumnEncoder
from motet.features.events import EventEncoder, UserEncoder
from motet.features.items import ItemContent, ItemEncoder
from motet.nn.experts import CrossStitch, Experts, MixtureOfExperts, ProgressiveExtraction, SharedBottom
from motet.nn.fold_in import FoldIn
from motet.nn.hstu import HSTUBlock
from motet.nn.pieces import Pieces
from motet.nn.relative import RelativeBias
from motet.nn.target import TargetAttention
from motet.nn.timeline import TimelineEncoder
from motet.nn.transformer import TransformerBlock
from motet.tasks.build import AnyRowHead, TaskFacts, build_head
from motet.tasks.chain import Chains
from motet.tasks.next_item import NextItemHead


@dataclass(frozen=True)
class Encoded:
    """A batch after the backbone."""

    item_ID: Tensor  # the whole catalogue
    event_BLD: Tensor
    user_BD: Tensor
    state_BSD: Tensor

    def tensors(self) -> list[Tensor]:
        """All of them, in one order."""
        return [self.item_ID, self.event_BLD, self.user_BD, self.state_BSD]

    def cut(self) -> "Encoded":
        """The same values, from which gradients go no further back."""
        return Encoded(*(each.detach().requires_grad_(each.requires_grad) for each in self.tensors()))


class Motet(nn.Module):
    """One backbone, one head a task.

    Args:
        items: Items to vectors.
        events: Events to tokens.
        users: Users to the first token of their timeline.
        requests: What is known when the question is asked.
        timeline: Tokens to states.
        experts: What row tasks share between states and heads.
        heads: Task name -> head.
        target: Attention from a candidate over its timeline, or None.
    """

    def __init__(
        self,
        items: ItemEncoder,
        events: EventEncoder,
        users: UserEncoder,
        requests: ColumnEncoder,
        timeline: TimelineEncoder,
        experts: Experts | None,
        heads: dict[str, nn.Module],
        target: TargetAttention | None,
    ) -> None:
        super().__init__()
        self.items, self.events, self.users, self.requests = items, events, users, requests
        self.timeline, self.experts, self.target = timeline, experts, target
        self.counters = Pieces(0, 0)  # put in where the model is built
        self.chains = Chains({}, [], 0)  # likewise
        self.heads = nn.ModuleDict({f"of_{name}": head for name, head in heads.items()})  # "type" is taken
        self.folds = nn.ModuleDict()  # row task -> FoldIn; filled where the model is built
        self.leave_seen_out = False

    @property
    def next_heads(self) -> dict[str, NextItemHead]:
        """Heads that rank a catalogue."""
        return {name: head for name, head in self._named_heads() if isinstance(head, NextItemHead)}

    @property
    def row_heads(self) -> dict[str, AnyRowHead]:
        """Heads that score rows."""
        return {name: head for name, head in self._named_heads() if not isinstance(head, NextItemHead)}

    def _named_heads(self) -> list[tuple[str, AnyRowHead | NextItemHead]]:
        return [(key.removeprefix("of_"), head) for key, head in self.heads.items()]  # type: ignore[misc]

    def backbone_parameters(self) -> list[nn.Parameter]:
        """What stands before the representation that all tasks share."""
        return [p for part in (self.items, self.events, self.users, self.timeline) for p in part.parameters()]

    def encode(self, batch: Batch, item_ID: Tensor | None = None) -> Encoded:
        """The backbone: items, events and users to states; state 0 has seen the user alone."""
        item_ID = self.items() if item_ID is None else item_ID
        event_BLD = self.events(batch, item_ID[batch.item_BL])
        user_BD = self.users(batch)
        token_BSD = torch.cat([user_BD[:, None], event_BLD], 1)
        time_BS = torch.cat([batch.time_BL[:, :1], batch.time_BL], 1)
        return Encoded(item_ID, event_BLD, user_BD, self.timeline(token_BSD, time_BS))

    def rows(self, batch: Batch, encoded: Encoded, keep_BP: Tensor) -> Rows:
        """What row tasks read about some of the rows."""
        timeline_R, place_R = torch.nonzero(keep_BP, as_tuple=True)
        candidate_BPD = encoded.item_ID[batch.row_item_BP]
        request_BPD = self.requests(batch.row_code_BPJ, batch.row_number_BPV)
        if self.target is not None:
            request_BPD = request_BPD + self.target(candidate_BPD, encoded.event_BLD, batch.state_BP)
        return Rows(
            timeline_R=timeline_R,
            state_RD=encoded.state_BSD[timeline_R, batch.state_BP[timeline_R, place_R]],
            user_RD=encoded.user_BD[timeline_R],
            candidate_RD=candidate_BPD[timeline_R, place_R],
            request_RD=request_BPD[timeline_R, place_R],
            counter_RC=self.counters(batch.counter_BPC[timeline_R, place_R]),
            fold=self._folded(batch, encoded, timeline_R, place_R),
        )

    def _folded(
        self, batch: Batch, encoded: Encoded, timeline_R: Tensor, place_R: Tensor
    ) -> dict[str, Tensor]:
        item_BLD = encoded.item_ID[batch.item_BL]
        candidate_RD = encoded.item_ID[batch.row_item_BP[timeline_R, place_R]]
        seen_2R = torch.stack([timeline_R, batch.state_BP[timeline_R, place_R]])
        found = {}
        for key, fold in self.folds.items():
            name = key.removeprefix("of_")
            found[name] = fold(candidate_RD, item_BLD, batch.told[name], encoded.user_BD, seen_2R)
        return found

    def shared(self, rows: Rows) -> dict[str, Tensor]:
        """Task name -> what its head reads, ``(R, D)``."""
        assert self.experts is not None
        return self.chains.states(self.experts(self._gathered(rows)))

    def gates(self, batch: Batch, item_ID: Tensor) -> dict[str, Tensor]:
        """Task name -> shares of the experts in its state, ``(R, X)``, for all real rows; or nothing."""
        if self.experts is None:
            return {}
        return self.experts.gates(
            self._gathered(self.rows(batch, self.encode(batch, item_ID), batch.row_BP >= 0))
        )

    def _gathered(self, rows: Rows) -> Tensor:
        """All that row tasks read, side by side."""
        parts = [
            rows.state_RD,
            rows.candidate_RD,
            rows.state_RD * rows.candidate_RD,
            rows.user_RD,
            rows.request_RD,
            rows.counter_RC,
            *(fold_R[:, None] for fold_R in rows.fold.values()),
        ]
        return torch.cat(parts, -1)

    def raw(self, rows: Rows) -> dict[str, Tensor]:
        """Task name -> raw scores over all rows, ``(R,)`` or ``(R, K)``."""
        return self.chains.raw(self.given(rows))

    def given(self, rows: Rows) -> dict[str, Tensor]:
        """Task name -> raw scores of its head, given that what it follows has happened."""
        shared = self.shared(rows)
        return {name: head(shared[name]) + rows.fold.get(name, 0.0) for name, head in self.row_heads.items()}

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """The loss of every task that has a row in the batch, each about 1 for a constant guess."""
        return self.losses(batch, self.encode(batch))

    def losses(self, batch: Batch, encoded: Encoded) -> dict[str, Tensor]:
        """The same after the backbone."""
        losses: dict[str, Tensor] = {}
        for name, head in self.next_heads.items():
            loss = self._next_loss(name, head, batch, encoded)
            losses |= {} if loss is None else {name: loss}
        return losses | self._row_losses(batch, encoded)

    def _row_losses(self, batch: Batch, encoded: Encoded) -> dict[str, Tensor]:
        labelled = {name: ~batch.label[name].isnan() for name in self.row_heads}
        labelled = {name: has_BP for name, has_BP in labelled.items() if has_BP.any()}
        if not labelled:
            return {}
        keep_BP = torch.stack(list(labelled.values())).any(0)
        raw = self.raw(self.rows(batch, encoded, keep_BP))
        losses = {}
        for name, has_BP in labelled.items():
            has_R = has_BP[keep_BP]
            losses[name] = self.row_heads[name].loss(raw[name][has_R], batch.label[name][has_BP])
        return losses

    def _next_loss(self, name: str, head: NextItemHead, batch: Batch, encoded: Encoded) -> Tensor | None:
        """Of the rows that are asked for; None where no target of them stands in the softmax."""
        timeline_R, place_R = torch.nonzero(batch.positive[name] & (batch.ask_BP >= 0), as_tuple=True)
        ask_R = batch.ask_BP[timeline_R, place_R]
        target_R = batch.row_item_BP[timeline_R, place_R]
        targets = head.ahead.targets(target_R, timeline_R)
        if not head.learns_from(targets):
            return None
        seen_2N = None
        if self.leave_seen_out:
            before_RL = torch.arange(batch.item_BL.shape[1], device=ask_R.device) < ask_R[:, None]
            row_N, place_N = torch.nonzero(before_RL & batch.taken[name][timeline_R], as_tuple=True)
            seen_2N = torch.stack([row_N, batch.item_BL[timeline_R[row_N], place_N]])
        return head.loss(encoded.state_BSD[timeline_R, ask_R], encoded.item_ID, targets, seen_2N)

    @torch.no_grad()
    def predict(self, batch: Batch, item_ID: Tensor) -> dict[str, Tensor]:
        """Predictions of all row tasks for all real rows, flat, in the order of ``row_BP[row_BP >= 0]``.

        A task that follows another has a second one under ``NAME given OTHER``: where that has happened.
        """
        encoded = self.encode(batch, item_ID)
        given = self.given(self.rows(batch, encoded, batch.row_BP >= 0))
        raw = self.chains.raw(given)
        conditional = self.chains.conditional(given)
        said = {name: head.prediction(raw[name]) for name, head in self.row_heads.items()}
        return said | {f"{later} given {earlier}": p for (later, earlier), p in conditional.items()}

    @torch.no_grad()
    def ask(self, batch: Batch, item_ID: Tensor) -> Tensor:
        """States from which `next_item` is asked, flat ``(R, D)``, for rows with one in their window."""
        encoded = self.encode(batch, item_ID)
        timeline_R, place_R = torch.nonzero(batch.ask_BP >= 0, as_tuple=True)
        return encoded.state_BSD[timeline_R, batch.ask_BP[timeline_R, place_R]]


def build_model(
    config: Config, dataset: Dataset, facts: dict[str, TaskFacts], content: ItemContent, counters: int
) -> Motet:
    """The one place where settings become a model.

    Args:
        config: The configuration.
        dataset: Encodings and catalogue.
        facts: Task name -> what training rows say about it.
        content: What is known of the items.
        counters: How many point-in-time counters a row has.
    """
    settings, encodings = config.model, dataset.encodings
    sharing = settings.sharing
    width = settings.timeline.width
    ids = int(content.id_row_I.max()) + 1 if settings.item.id else 0
    row_tasks = [task.name for task in config.tasks if is_row_task(task)]
    folded = [task.name for task in config.tasks if settings.fold_in and known_at_once(task)]
    coded = Pieces(counters, settings.counter_pieces)
    widths = [5 * width + coded.width + len(folded), *sharing.layers]
    shared = [*widths, *sharing.towers][-1]
    allowed = {task.name: _allowed(task, dataset.catalogue) for task in config.tasks}
    trained_I = torch.from_numpy(dataset.catalogue.trained_I)
    after = {task.name: task.after for task in config.tasks if isinstance(task, Binary) and task.after}
    passing = [task.name for task in config.tasks if isinstance(task, Binary) and task.transfer]
    model = Motet(
        items=ItemEncoder(
            content,
            dataset.catalogue.encoding.codes,
            width,
            ids,
            settings.item.id_dropout,
            settings.item.dropout,
            whiten=settings.item.whiten,
        ),
        events=EventEncoder(
            encodings.event.codes, len(encodings.event.numbers), width, timed=dataset.log.timed
        ),
        users=UserEncoder(encodings.user.codes, len(encodings.user.numbers), width),
        requests=ColumnEncoder(
            encodings.request.codes, len(encodings.request.numbers) + len(CLOCK_NAMES), width
        ),
        timeline=_build_timeline(settings.timeline, timed=dataset.log.timed),
        experts=_build_experts(sharing, row_tasks, widths) if row_tasks else None,
        heads={
            task.name: build_head(
                task,
                facts[task.name],
                settings.scoring,
                width,
                shared,
                (allowed[task.name], trained_I),
                facts[after[task.name]].mean if task.name in after else 1.0,
            )
            for task in config.tasks
        },
        target=TargetAttention(width) if settings.target_attention else None,
    )
    model.counters = coded
    model.chains = Chains(after, passing, shared)
    for name in folded:
        fact = facts[name]
        model.folds[f"of_{name}"] = FoldIn(width, settings.fold_in, fact.mean, fact.deviation)
    model.leave_seen_out = encodings.seen_once and settings.scoring.mask_seen
    return model


def _build_timeline(settings: Timeline, *, timed: bool) -> TimelineEncoder:
    s = settings
    blocks = [
        TransformerBlock(s.width, s.heads, s.dropout, s.activation, s.expansion)
        if s.kind == "transformer"
        else HSTUBlock(s.width, s.heads, s.dropout)
        for _ in range(s.layers)
    ]
    bias = RelativeBias(
        s.heads, s.length, position=s.bias in ("position", "both"), time=timed and s.bias in ("time", "both")
    )
    return TimelineEncoder(blocks, bias, s.width, s.dropout)


def _build_experts(settings: Sharing, tasks: list[str], widths: list[int]) -> Experts:
    s = settings
    match s.kind:
        case "shared_bottom":
            return SharedBottom(tasks, widths, s.dropout, s.towers)
        case "mmoe":
            return MixtureOfExperts(tasks, widths, s.dropout, s.towers, s.experts)
        case "cgc":
            return ProgressiveExtraction(tasks, widths, s.dropout, s.towers, s.experts, 1)
        case "ple":
            return ProgressiveExtraction(tasks, widths, s.dropout, s.towers, s.experts, s.levels)
        case "cross_stitch":
            return CrossStitch(tasks, widths, s.dropout, s.towers)
        case _:
            assert_never(s.kind)


def _allowed(task: Task, catalogue: Catalogue) -> Tensor:
    """Items that a task ranks: all, or those of its kind; number 0 never."""
    wanted = getattr(task, "items", None)
    if wanted is not None and wanted not in catalogue.kinds:
        kinds = ", ".join(catalogue.kinds)
        raise ConfigError(f"tasks: {task.name}: no item is of kind {wanted!r}. The catalogue has {kinds}.")
    allowed_I = catalogue.kind_I >= 0 if wanted is None else catalogue.kind_I == catalogue.kinds.index(wanted)
    return torch.from_numpy(allowed_I)
